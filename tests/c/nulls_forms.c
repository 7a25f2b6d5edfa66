/*
 * The third part of nulls.c: the short forms, folds, pages, waits, batches, uploads and webhooks.
 */
#include "nulls.h"

static oai_client *client;
static oai_response *response = GARBAGE(oai_response);
static oai_error *error = GARBAGE(oai_error);
static uint64_t id;
static int destroyed;

static void on_destroy(void *user_data)
{
    (void)user_data;
    destroyed++;
}

static void never(void *user_data, uint64_t event_id, int32_t kind, const char *data, size_t len, oai_response *given)
{
    (void)user_data, (void)event_id, (void)data, (void)len, (void)given;
    FAIL("an event of kind %d for a refused request", kind);
}

static void ignore(void *user_data, uint64_t event_id, int32_t kind, const char *data, size_t len, oai_response *given)
{
    (void)user_data, (void)event_id, (void)kind, (void)data, (void)len;
    oai_response_free(given);
}

/* A blocking call that is refused fills the response, a NULL for which is refused too. */
#define BLOCKS(call, status)              \
    do {                                  \
        CHECK_STATUS(call, status);       \
        take_response(&response, status); \
    } while (0)

/* One that calls back is refused with a cleared id, the destructor run and an error that names what was wrong. */
#define REFUSES(call, part)                     \
    do {                                        \
        int before = destroyed;                 \
        id = 1;                                 \
        CHECK_STATUS(call, INVALID);            \
        CHECK(id == 0 && destroyed == before + 1); \
        take_error(&error, part);               \
    } while (0)

#define CALLBACK never, NULL, on_destroy, &id, &error

/* name(client, json, len, &response) and name_async(client, json, len, callback...) */
#define JSON_FORM(name, json)                                                                          \
    do {                                                                                               \
        cover(#name);                                                                                  \
        BLOCKS(name(NULL, json, OAI_STRLEN, &response), INVALID);                                      \
        BLOCKS(name(client, NULL, 0, &response), INVALID);                                             \
        CHECK_STATUS(name(client, json, OAI_STRLEN, NULL), INVALID);                                   \
        cover(#name "_async");                                                                         \
        CALLING_FORM(name##_async, json);                                                              \
    } while (0)

#define CALLING_FORM(name, json)                                                                       \
    do {                                                                                               \
        REFUSES(name(NULL, json, OAI_STRLEN, CALLBACK), "client");                                     \
        REFUSES(name(client, NULL, 0, CALLBACK), "json");                                              \
        REFUSES(name(client, json, OAI_STRLEN, NULL, NULL, on_destroy, &id, &error), "callback");      \
        CHECK_STATUS(name(client, json, OAI_STRLEN, ignore, NULL, NULL, NULL, NULL), OAI_OK);          \
    } while (0)

/* name(client, json, len, file, data, data_len, &response) and its twin */
#define FILE_FORM(name, json)                                                                              \
    do {                                                                                                   \
        cover(#name);                                                                                      \
        BLOCKS(name(NULL, json, OAI_STRLEN, "f.txt", "a", 1, &response), INVALID);                         \
        BLOCKS(name(client, NULL, 0, "f.txt", "a", 1, &response), INVALID);                                \
        BLOCKS(name(client, json, OAI_STRLEN, NULL, "a", 1, &response), INVALID);                          \
        BLOCKS(name(client, json, OAI_STRLEN, "no such file", NULL, 0, &response), OAI_ERR_FILE);          \
        CHECK_STATUS(name(client, json, OAI_STRLEN, "f.txt", "a", 1, NULL), INVALID);                      \
        cover(#name "_async");                                                                             \
        REFUSES(name##_async(NULL, json, OAI_STRLEN, "f.txt", "a", 1, CALLBACK), "client");                \
        REFUSES(name##_async(client, NULL, 0, "f.txt", "a", 1, CALLBACK), "json");                         \
        REFUSES(name##_async(client, json, OAI_STRLEN, NULL, "a", 1, CALLBACK), "file");                   \
        REFUSES(name##_async(client, json, OAI_STRLEN, "f.txt", "a", 1, NULL, NULL, on_destroy, &id, &error), "callback"); \
        CHECK_STATUS(name##_async(client, json, OAI_STRLEN, "f.txt", "a", 1, ignore, NULL, NULL, NULL, NULL), OAI_OK);     \
    } while (0)

static void with_json(void)
{
    JSON_FORM(oai_chat, "{\"model\": \"m\", \"messages\": []}");
    JSON_FORM(oai_responses, "{\"model\": \"m\", \"input\": \"a\"}");
    JSON_FORM(oai_completions, "{\"model\": \"m\", \"prompt\": \"a\"}");
    JSON_FORM(oai_image, "{\"model\": \"m\", \"prompt\": \"a\"}");
    cover("oai_chat_stream");
    CALLING_FORM(oai_chat_stream, "{\"model\": \"m\", \"messages\": []}");
    cover("oai_responses_stream");
    CALLING_FORM(oai_responses_stream, "{\"model\": \"m\", \"input\": \"a\"}");
}

static void with_files(void)
{
    FILE_FORM(oai_transcribe, "{\"model\": \"m\"}");
    FILE_FORM(oai_translate, "{\"model\": \"m\"}");
    FILE_FORM(oai_image_edit, "{\"model\": \"m\", \"prompt\": \"a\"}");
    FILE_FORM(oai_file_upload, "{\"purpose\": \"batch\"}");

    cover("oai_file_download");
    BLOCKS(oai_file_download(NULL, "file-1", "f.txt", &response), INVALID);
    BLOCKS(oai_file_download(client, NULL, "f.txt", &response), INVALID);
    CHECK_STATUS(oai_file_download(client, "file-1", "f.txt", NULL), INVALID);
    BLOCKS(oai_file_download(client, "file-1", NULL, &response), OAI_OK);
    cover("oai_file_download_async");
    REFUSES(oai_file_download_async(NULL, "file-1", "f.txt", CALLBACK), "client");
    REFUSES(oai_file_download_async(client, NULL, "f.txt", CALLBACK), "file_id");
    REFUSES(oai_file_download_async(client, "file-1", "f.txt", NULL, NULL, on_destroy, &id, &error), "callback");
    CHECK_STATUS(oai_file_download_async(client, "file-1", NULL, ignore, NULL, NULL, NULL, NULL), OAI_OK);

    static const char speech[] = "{\"model\": \"m\", \"input\": \"a\", \"voice\": \"v\"}";
    cover("oai_speech");
    BLOCKS(oai_speech(NULL, speech, OAI_STRLEN, "f.mp3", &response), INVALID);
    BLOCKS(oai_speech(client, NULL, 0, "f.mp3", &response), INVALID);
    CHECK_STATUS(oai_speech(client, speech, OAI_STRLEN, "f.mp3", NULL), INVALID);
    cover("oai_speech_async");
    REFUSES(oai_speech_async(NULL, speech, OAI_STRLEN, "f.mp3", CALLBACK), "client");
    REFUSES(oai_speech_async(client, NULL, 0, "f.mp3", CALLBACK), "json");
    REFUSES(oai_speech_async(client, speech, OAI_STRLEN, "f.mp3", NULL, NULL, on_destroy, &id, &error), "callback");
    CHECK_STATUS(oai_speech_async(client, speech, OAI_STRLEN, NULL, ignore, NULL, NULL, NULL, NULL), OAI_OK);
}

static void moderations_and_models(void)
{
    cover("oai_moderate");
    BLOCKS(oai_moderate(NULL, "a", 1, "m", &response), INVALID);
    BLOCKS(oai_moderate(client, NULL, 0, "m", &response), INVALID);
    CHECK_STATUS(oai_moderate(client, "a", 1, "m", NULL), INVALID);
    BLOCKS(oai_moderate(client, "a", 1, NULL, &response), OAI_OK);
    cover("oai_moderate_async");
    REFUSES(oai_moderate_async(NULL, "a", 1, "m", CALLBACK), "client");
    REFUSES(oai_moderate_async(client, NULL, 0, "m", CALLBACK), "text");
    REFUSES(oai_moderate_async(client, "a", 1, "m", NULL, NULL, on_destroy, &id, &error), "callback");
    CHECK_STATUS(oai_moderate_async(client, "a", 1, NULL, ignore, NULL, NULL, NULL, NULL), OAI_OK);
    cover("oai_models");
    BLOCKS(oai_models(NULL, &response), INVALID);
    CHECK_STATUS(oai_models(client, NULL), INVALID);
    cover("oai_models_async");
    REFUSES(oai_models_async(NULL, CALLBACK), "client");
    REFUSES(oai_models_async(client, NULL, NULL, on_destroy, &id, &error), "callback");
    CHECK_STATUS(oai_models_async(client, ignore, NULL, NULL, NULL, NULL), OAI_OK);
}

static void folds(void)
{
    oai_fold *fold = GARBAGE(oai_fold);
    char *json = GARBAGE(char);
    size_t len = 1;
    cover("oai_fold_new");
    CHECK_STATUS(oai_fold_new(NULL, &error), INVALID);
    take_error(&error, "fold");
    CHECK_STATUS(oai_fold_new(&fold, NULL), OAI_OK);
    cover("oai_fold_push");
    CHECK_STATUS(oai_fold_push(NULL, "{}", 2, &error), INVALID);
    take_error(&error, "fold");
    CHECK_STATUS(oai_fold_push(fold, NULL, 0, &error), INVALID);
    take_error(&error, "data");
    CHECK_STATUS(oai_fold_push(fold, "{\"a\": 1}", 8, NULL), OAI_OK);
    cover("oai_fold_finish");
    CHECK_STATUS(oai_fold_finish(NULL, &json, &len, &error), INVALID);
    CHECK(json == NULL && len == 0);
    take_error(&error, "fold");
    CHECK_STATUS(oai_fold_finish(fold, NULL, &len, &error), INVALID);
    take_error(&error, "json");
    CHECK_STATUS(oai_fold_finish(fold, &json, NULL, NULL), OAI_OK);
    oai_string_free(json);
    cover("oai_fold_free");
    oai_fold_free(fold);
    oai_fold_free(NULL);
}

static void pages_of_a_list(void)
{
    oai_pages *pages = GARBAGE(oai_pages);
    oai_request *request = new_request("GET", "/models", "");
    cover("oai_pages_new");
    CHECK_STATUS(oai_pages_new(NULL, request, &pages, &error), INVALID);
    CHECK(pages == NULL);
    take_error(&error, "client");
    pages = GARBAGE(oai_pages);
    CHECK_STATUS(oai_pages_new(client, NULL, &pages, &error), INVALID);
    CHECK(pages == NULL);
    take_error(&error, "request");
    CHECK_STATUS(oai_pages_new(client, request, NULL, &error), INVALID);
    take_error(&error, "pages");
    CHECK_STATUS(oai_pages_new(client, request, &pages, NULL), OAI_OK);
    cover("oai_pages_next");
    BLOCKS(oai_pages_next(NULL, &response), INVALID);
    CHECK_STATUS(oai_pages_next(pages, NULL), INVALID);
    cover("oai_pages_free");
    oai_pages_free(pages);
    oai_pages_free(NULL);
    cover("oai_request_next_page");
    int32_t more = 7;
    CHECK_STATUS(oai_send(client, request, &response), OAI_OK);
    CHECK_STATUS(oai_request_next_page(NULL, response, &more, &error), INVALID);
    CHECK_NUMBER(more, 0);
    take_error(&error, "request");
    CHECK_STATUS(oai_request_next_page(request, NULL, &more, &error), INVALID);
    take_error(&error, "page");
    CHECK_STATUS(oai_request_next_page(request, response, NULL, &error), INVALID);
    take_error(&error, "more");
    CHECK_STATUS(oai_request_next_page(request, response, &more, NULL), OAI_OK);
    CHECK_NUMBER(more, 0);
    oai_response_free(response);
    response = NULL;
    oai_request_free(request);
}

static void waits(void)
{
    oai_request *request = new_request("GET", "/batches/batch_1", "");
    oai_queue *queue = NULL;
    server_script("{\"match\": {\"path\": \"/v1/batches/batch_1\"}, \"times\": null, \"body\": {\"status\": \"completed\"}}");
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    cover("oai_wait_until");
    BLOCKS(oai_wait_until(NULL, request, "{}", 2, &response), INVALID);
    BLOCKS(oai_wait_until(client, NULL, "{}", 2, &response), INVALID);
    BLOCKS(oai_wait_until(client, request, NULL, 0, &response), OAI_OK);
    CHECK_STATUS(oai_wait_until(client, request, "{}", 2, NULL), INVALID);
    cover("oai_wait_until_async");
    REFUSES(oai_wait_until_async(NULL, request, "{}", 2, CALLBACK), "client");
    REFUSES(oai_wait_until_async(client, NULL, "{}", 2, CALLBACK), "request");
    REFUSES(oai_wait_until_async(client, request, "{}", 2, NULL, NULL, on_destroy, &id, &error), "callback");
    CHECK_STATUS(oai_wait_until_async(client, request, NULL, 0, ignore, NULL, NULL, NULL, NULL), OAI_OK);
    cover("oai_wait_until_to");
    id = 7;
    CHECK_STATUS(oai_wait_until_to(NULL, request, "{}", 2, queue, 0, &id, &error), INVALID);
    CHECK_NUMBER(id, 0);
    take_error(&error, "client");
    CHECK_STATUS(oai_wait_until_to(client, NULL, "{}", 2, queue, 0, &id, &error), INVALID);
    take_error(&error, "request");
    CHECK_STATUS(oai_wait_until_to(client, request, "{}", 2, NULL, 0, &id, &error), INVALID);
    take_error(&error, "queue");
    CHECK_STATUS(oai_wait_until_to(client, request, NULL, 0, queue, 0, NULL, NULL), OAI_OK);
    oai_queue_free(queue);
    oai_request_free(request);
}

static void batches(void)
{
    const char *json = "{\"batch_id\": \"batch_1\"}";
    oai_queue *queue = NULL;
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    cover("oai_batch_run");
    BLOCKS(oai_batch_run(NULL, json, OAI_STRLEN, NULL, NULL, &response), INVALID);
    BLOCKS(oai_batch_run(client, NULL, 0, "a", "b", &response), INVALID);
    BLOCKS(oai_batch_run(client, "{\"endpoint\": \"/v1/embeddings\"}", OAI_STRLEN, NULL, "b", &response), INVALID);
    BLOCKS(oai_batch_run(client, json, OAI_STRLEN, NULL, NULL, &response), OAI_OK);
    CHECK_STATUS(oai_batch_run(client, json, OAI_STRLEN, NULL, NULL, NULL), INVALID);
    cover("oai_batch_run_async");
    REFUSES(oai_batch_run_async(NULL, json, OAI_STRLEN, NULL, NULL, CALLBACK), "client");
    REFUSES(oai_batch_run_async(client, NULL, 0, "a", "b", CALLBACK), "json");
    REFUSES(oai_batch_run_async(client, json, OAI_STRLEN, NULL, NULL, NULL, NULL, on_destroy, &id, &error), "callback");
    CHECK_STATUS(oai_batch_run_async(client, json, OAI_STRLEN, NULL, NULL, ignore, NULL, NULL, NULL, NULL), OAI_OK);
    cover("oai_batch_run_to");
    id = 7;
    CHECK_STATUS(oai_batch_run_to(NULL, json, OAI_STRLEN, NULL, NULL, queue, 0, &id, &error), INVALID);
    CHECK_NUMBER(id, 0);
    take_error(&error, "client");
    CHECK_STATUS(oai_batch_run_to(client, NULL, 0, "a", "b", queue, 0, &id, &error), INVALID);
    take_error(&error, "json");
    CHECK_STATUS(oai_batch_run_to(client, json, OAI_STRLEN, NULL, NULL, NULL, 0, &id, &error), INVALID);
    take_error(&error, "queue");
    CHECK_STATUS(oai_batch_run_to(client, json, OAI_STRLEN, NULL, NULL, queue, 0, NULL, NULL), OAI_OK);
    oai_queue_free(queue);
}

static void uploads(void)
{
    const char *json = "{\"purpose\": \"batch\"}", *path = "upload";
    oai_queue *queue = NULL;
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs("a file", file) >= 0);
    fclose(file);
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    cover("oai_upload");
    BLOCKS(oai_upload(NULL, json, OAI_STRLEN, path, &response), INVALID);
    BLOCKS(oai_upload(client, NULL, 0, path, &response), INVALID);
    BLOCKS(oai_upload(client, json, OAI_STRLEN, NULL, &response), INVALID);
    CHECK_STATUS(oai_upload(client, json, OAI_STRLEN, path, NULL), INVALID);
    cover("oai_upload_async");
    REFUSES(oai_upload_async(NULL, json, OAI_STRLEN, path, CALLBACK), "client");
    REFUSES(oai_upload_async(client, NULL, 0, path, CALLBACK), "json");
    REFUSES(oai_upload_async(client, json, OAI_STRLEN, NULL, CALLBACK), "path");
    REFUSES(oai_upload_async(client, json, OAI_STRLEN, path, NULL, NULL, on_destroy, &id, &error), "callback");
    CHECK_STATUS(oai_upload_async(client, json, OAI_STRLEN, path, ignore, NULL, NULL, NULL, NULL), OAI_OK);
    cover("oai_upload_to");
    id = 7;
    CHECK_STATUS(oai_upload_to(NULL, json, OAI_STRLEN, path, queue, 0, &id, &error), INVALID);
    CHECK_NUMBER(id, 0);
    take_error(&error, "client");
    CHECK_STATUS(oai_upload_to(client, NULL, 0, path, queue, 0, &id, &error), INVALID);
    take_error(&error, "json");
    CHECK_STATUS(oai_upload_to(client, json, OAI_STRLEN, NULL, queue, 0, &id, &error), INVALID);
    take_error(&error, "path");
    CHECK_STATUS(oai_upload_to(client, json, OAI_STRLEN, path, NULL, 0, &id, &error), INVALID);
    take_error(&error, "queue");
    CHECK_STATUS(oai_upload_to(client, json, OAI_STRLEN, path, queue, 0, NULL, NULL), OAI_OK);
    oai_queue_free(queue);
}

static void webhooks(void)
{
    CHECK_STATUS(oai_set_webhook_secret(client, "whsec_c2VjcmV0"), OAI_OK);
    cover("oai_webhook_verify");
    CHECK_STATUS(oai_webhook_verify(NULL, "{}", 2, "id", "1", "v1,a", 0, &error), INVALID);
    take_error(&error, "client");
    CHECK_STATUS(oai_webhook_verify(client, NULL, 0, "id", "1", "v1,a", 0, &error), INVALID);
    take_error(&error, "body");
    CHECK_STATUS(oai_webhook_verify(client, "{}", 2, NULL, "1", "v1,a", 0, NULL), OAI_ERR_WEBHOOK);
    CHECK_STATUS(oai_webhook_verify(client, "{}", 2, "id", NULL, "v1,a", 0, NULL), OAI_ERR_WEBHOOK);
    CHECK_STATUS(oai_webhook_verify(client, "{}", 2, "id", "1", NULL, 0, NULL), OAI_ERR_WEBHOOK);
    cover("oai_webhook_verify_secret");
    CHECK_STATUS(oai_webhook_verify_secret(NULL, "{}", 2, "id", "1", "v1,a", 0, 0, &error), INVALID);
    take_error(&error, "secret");
    CHECK_STATUS(oai_webhook_verify_secret("s", NULL, 0, "id", "1", "v1,a", 0, 0, &error), INVALID);
    take_error(&error, "body");
    CHECK_STATUS(oai_webhook_verify_secret("s", "{}", 2, NULL, "1", "v1,a", 0, 0, NULL), OAI_ERR_WEBHOOK);
    CHECK_STATUS(oai_webhook_verify_secret("s", "{}", 2, "id", NULL, "v1,a", 0, 0, NULL), OAI_ERR_WEBHOOK);
    CHECK_STATUS(oai_webhook_verify_secret("s", "{}", 2, "id", "1", NULL, 0, 0, NULL), OAI_ERR_WEBHOOK);
}

int main(void)
{
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL), OAI_OK);
    client = new_client("\"max_retries\": 0");
    with_json();
    with_files();
    moderations_and_models();
    folds();
    pages_of_a_list();
    waits();
    batches();
    uploads();
    webhooks();
    /* What was accepted on the way may end as it likes. */
    CHECK_STATUS(oai_client_close(client, 60000, NULL), OAI_OK);
    oai_client_free(client);
    check_covered(NULLS_FORMS);
    return finish("nulls_forms");
}
