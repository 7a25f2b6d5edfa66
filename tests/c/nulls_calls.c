/*
 * The second half of nulls.c: what sends, and what comes of it.
 */
#include "nulls.h"

static oai_client *client;
static oai_queue *queue;
static int destroyed;

static void responses(void)
{
    const char *text = "text", *data = GARBAGE(const char), *name = data, *value = data;
    const float *vector = GARBAGE(const float);
    size_t len = 1, rows = 1, dims = 1;
    uint64_t in = 1, out = 1, total = 1;
    oai_response *response = NULL;
    CHECK_STATUS(oai_embed(client, MODEL, &text, NULL, 1, NULL, &response), OAI_OK);

    cover("oai_response_status");
    CHECK_STATUS(oai_response_status(NULL), INVALID);
    cover("oai_response_http_status");
    CHECK_NUMBER(oai_response_http_status(NULL), 0);
    cover("oai_response_id");
    CHECK_NUMBER(oai_response_id(NULL), 0);
    cover("oai_response_fallback");
    CHECK_NUMBER(oai_response_fallback(NULL), 0);
    cover("oai_response_attempts");
    CHECK_NUMBER(oai_response_attempts(NULL), 0);
    cover("oai_response_body");
    CHECK_STATUS(oai_response_body(NULL, &data, &len), INVALID);
    CHECK(data == NULL && len == 0);
    len = 1;
    CHECK_STATUS(oai_response_body(response, NULL, &len), INVALID);
    CHECK_NUMBER(len, 0);
    CHECK_STATUS(oai_response_body(response, &data, NULL), OAI_OK);
    CHECK(data != NULL && *data == '\0');
    cover("oai_response_header");
    CHECK(oai_response_header(NULL, "date") == NULL);
    CHECK(oai_response_header(response, NULL) == NULL);
    cover("oai_response_header_at");
    CHECK_STATUS(oai_response_header_at(NULL, 0, &name, &value), INVALID);
    CHECK(name == NULL && value == NULL);
    name = value = GARBAGE(const char);
    CHECK_STATUS(oai_response_header_at(response, 0, NULL, &value), INVALID);
    CHECK(value == NULL);
    CHECK_STATUS(oai_response_header_at(response, 0, &name, NULL), INVALID);
    CHECK(name == NULL);
    cover("oai_response_request_id");
    CHECK(oai_response_request_id(NULL) == NULL);
    cover("oai_response_usage");
    CHECK_STATUS(oai_response_usage(NULL, &in, &out, &total), INVALID);
    CHECK(in == 0 && out == 0 && total == 0);
    CHECK_STATUS(oai_response_usage(response, NULL, &out, &total), OAI_OK);
    CHECK(out == 0 && total > 0);
    CHECK_STATUS(oai_response_usage(response, &in, NULL, &total), OAI_OK);
    CHECK(in > 0);
    CHECK_STATUS(oai_response_usage(response, &in, &out, NULL), OAI_OK);
    cover("oai_response_embeddings");
    CHECK_STATUS(oai_response_embeddings(NULL, &vector, &rows, &dims), INVALID);
    CHECK(vector == NULL && rows == 0 && dims == 0);
    rows = dims = 1;
    CHECK_STATUS(oai_response_embeddings(response, NULL, &rows, &dims), INVALID);
    CHECK(rows == 0 && dims == 0);
    vector = GARBAGE(const float);
    CHECK_STATUS(oai_response_embeddings(response, &vector, NULL, &dims), INVALID);
    CHECK(vector == NULL);
    CHECK_STATUS(oai_response_embeddings(response, &vector, &rows, NULL), INVALID);
    CHECK(vector == NULL && rows == 0);
    cover("oai_response_error");
    CHECK(oai_response_error(NULL) == NULL);
    oai_response_view view;
    cover("oai_response_get_view");
    memset(&view, 1, sizeof view);
    CHECK_STATUS(oai_response_get_view(NULL, &view), INVALID);
    CHECK(view.id == 0 && view.body == NULL && view.embeddings == NULL && view.error == NULL && view.reserved[3] == 0);
    CHECK_STATUS(oai_response_get_view(response, NULL), INVALID);
    cover("oai_response_free");
    oai_response_free(response);
    oai_response_free(NULL);
}

static void on_destroy(void *user_data)
{
    (void)user_data;
    destroyed++;
}

static void never(void *user_data, uint64_t id, int32_t kind, const char *data, size_t len, oai_response *response)
{
    (void)user_data, (void)id, (void)data, (void)len, (void)response;
    FAIL("an event of kind %d for a refused request", kind);
}

static void ignore(void *user_data, uint64_t id, int32_t kind, const char *data, size_t len, oai_response *response)
{
    (void)user_data, (void)id, (void)kind, (void)data, (void)len;
    oai_response_free(response);
}

static void sending(void)
{
    oai_response *response = GARBAGE(oai_response);
    oai_error *error = GARBAGE(oai_error);
    oai_request *request = new_embedding("text");
    const char *const texts[] = {"a", "b"}, *const hole[] = {"a", NULL};
    const size_t lens[] = {1, 1};
    uint64_t id = 1;
    char *json = GARBAGE(char);
    size_t len = 1;

    cover("oai_send");
    CHECK_STATUS(oai_send(NULL, request, &response), INVALID);
    take_response(&response, INVALID);
    CHECK_STATUS(oai_send(client, NULL, &response), INVALID);
    take_response(&response, INVALID);
    CHECK_STATUS(oai_send(client, request, NULL), INVALID);

    cover("oai_submit");
    CHECK_STATUS(oai_submit(NULL, request, never, NULL, on_destroy, &id, &error), INVALID);
    CHECK(id == 0 && destroyed == 1);
    take_error(&error, "client");
    id = 1;
    CHECK_STATUS(oai_submit(client, NULL, never, NULL, on_destroy, &id, &error), INVALID);
    CHECK(id == 0 && destroyed == 2);
    take_error(&error, "request");
    id = 1;
    CHECK_STATUS(oai_submit(client, request, NULL, NULL, on_destroy, &id, &error), INVALID);
    CHECK(id == 0 && destroyed == 3);
    take_error(&error, "callback");
    CHECK_STATUS(oai_submit(client, request, ignore, NULL, NULL, NULL, NULL), OAI_OK);

    cover("oai_submit_to");
    id = 1;
    CHECK_STATUS(oai_submit_to(NULL, request, queue, 1, &id, &error), INVALID);
    CHECK_NUMBER(id, 0);
    take_error(&error, "client");
    CHECK_STATUS(oai_submit_to(client, NULL, queue, 1, &id, &error), INVALID);
    take_error(&error, "request");
    CHECK_STATUS(oai_submit_to(client, request, NULL, 1, &id, &error), INVALID);
    take_error(&error, "queue");
    CHECK_STATUS(oai_submit_to(client, request, queue, 1, NULL, NULL), OAI_OK);

    cover("oai_cancel");
    CHECK_STATUS(oai_cancel(NULL, 1, &error), INVALID);
    take_error(&error, "client");
    CHECK_STATUS(oai_cancel(client, UINT64_MAX, NULL), OAI_ERR_UNKNOWN_ID);

    cover("oai_embed");
    CHECK_STATUS(oai_embed(NULL, MODEL, texts, lens, 2, NULL, &response), INVALID);
    take_response(&response, INVALID);
    CHECK_STATUS(oai_embed(client, NULL, texts, lens, 2, NULL, &response), INVALID);
    take_response(&response, INVALID);
    CHECK_STATUS(oai_embed(client, MODEL, NULL, lens, 2, NULL, &response), INVALID);
    take_response(&response, INVALID);
    CHECK_STATUS(oai_embed(client, MODEL, hole, lens, 2, NULL, &response), INVALID);
    CHECK_HOLDS(oai_error_message(oai_response_error(response)), "inputs[1]");
    take_response(&response, INVALID);
    CHECK_STATUS(oai_embed(client, MODEL, texts, lens, 2, NULL, NULL), INVALID);
    CHECK_STATUS(oai_embed(client, MODEL, texts, NULL, 2, NULL, &response), OAI_OK);
    take_response(&response, OAI_OK);

    cover("oai_embed_async");
    id = 1;
    CHECK_STATUS(oai_embed_async(NULL, MODEL, texts, lens, 2, NULL, never, NULL, on_destroy, &id, &error), INVALID);
    CHECK(id == 0 && destroyed == 4);
    take_error(&error, "client");
    CHECK_STATUS(oai_embed_async(client, NULL, texts, lens, 2, NULL, never, NULL, on_destroy, &id, &error), INVALID);
    CHECK(id == 0 && destroyed == 5);
    take_error(&error, "model");
    CHECK_STATUS(oai_embed_async(client, MODEL, NULL, lens, 2, NULL, never, NULL, on_destroy, &id, &error), INVALID);
    CHECK(id == 0 && destroyed == 6);
    take_error(&error, "inputs");
    CHECK_STATUS(oai_embed_async(client, MODEL, texts, lens, 2, NULL, NULL, NULL, on_destroy, &id, &error), INVALID);
    CHECK(id == 0 && destroyed == 7);
    take_error(&error, "callback");
    CHECK_STATUS(oai_embed_async(client, MODEL, texts, NULL, 2, NULL, ignore, NULL, NULL, NULL, NULL), OAI_OK);

    cover("oai_embed_to");
    id = 1;
    CHECK_STATUS(oai_embed_to(NULL, MODEL, "ab", lens, 2, NULL, queue, 1, &id, &error), INVALID);
    CHECK(id == 0);
    take_error(&error, "client");
    CHECK_STATUS(oai_embed_to(client, NULL, "ab", lens, 2, NULL, queue, 1, &id, &error), INVALID);
    take_error(&error, "model");
    CHECK_STATUS(oai_embed_to(client, MODEL, NULL, lens, 2, NULL, queue, 1, &id, &error), INVALID);
    take_error(&error, "bytes");
    CHECK_STATUS(oai_embed_to(client, MODEL, "ab", NULL, 2, NULL, queue, 1, &id, &error), INVALID);
    take_error(&error, "lens");
    CHECK_STATUS(oai_embed_to(client, MODEL, "ab", lens, 2, NULL, NULL, 1, &id, &error), INVALID);
    take_error(&error, "queue");
    CHECK(id == 0);

    cover("oai_embed_json");
    CHECK_STATUS(oai_embed_json(NULL, MODEL, "a", 1, "float", &json, &len, &error), INVALID);
    CHECK(json == NULL && len == 0);
    take_error(&error, "client");
    CHECK_STATUS(oai_embed_json(client, NULL, "a", 1, "float", &json, &len, &error), INVALID);
    take_error(&error, "model");
    CHECK_STATUS(oai_embed_json(client, MODEL, NULL, 1, "float", &json, &len, &error), INVALID);
    take_error(&error, "text");
    CHECK_STATUS(oai_embed_json(client, MODEL, "a", 1, "float", NULL, &len, &error), INVALID);
    take_error(&error, "json");
    CHECK_STATUS(oai_embed_json(client, MODEL, "a", 1, NULL, &json, NULL, NULL), OAI_OK);
    oai_string_free(json);
    oai_request_free(request);
}

static void queues(void)
{
    oai_error *error = GARBAGE(oai_error);
    oai_batch *batch = GARBAGE(oai_batch);
    oai_event_record *records = GARBAGE(oai_event_record);
    size_t count = 1;

    cover("oai_queue_new");
    CHECK_STATUS(oai_queue_new(NULL, &error), INVALID);
    take_error(&error, "queue");
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    cover("oai_queue_fd");
    CHECK_NUMBER(oai_queue_fd(NULL), INVALID);
    cover("oai_queue_dup_fd");
    CHECK_NUMBER(oai_queue_dup_fd(NULL), INVALID);
    cover("oai_queue_set_max_unread_bytes");
    error = GARBAGE(oai_error);
    CHECK_STATUS(oai_queue_set_max_unread_bytes(NULL, 1, &error), INVALID);
    take_error(&error, "queue");
    CHECK_STATUS(oai_queue_set_max_unread_bytes(queue, 0, NULL), OAI_OK);
    cover("oai_queue_unread_bytes");
    CHECK(oai_queue_unread_bytes(NULL) == 0);
    cover("oai_queue_next");
    CHECK_STATUS(oai_queue_next(NULL, 1, &batch), INVALID);
    CHECK(batch == NULL);
    CHECK_STATUS(oai_queue_next(queue, 1, NULL), INVALID);
    cover("oai_queue_wait");
    batch = GARBAGE(oai_batch);
    CHECK_STATUS(oai_queue_wait(NULL, 1, 0, &batch), INVALID);
    CHECK(batch == NULL);
    CHECK_STATUS(oai_queue_wait(queue, 1, 0, NULL), INVALID);
    cover("oai_queue_wake");
    CHECK_STATUS(oai_queue_wake(NULL), INVALID);

    sending();
    CHECK_STATUS(oai_queue_wait(queue, 1, UINT64_MAX, &batch), OAI_OK);
    CHECK(batch != NULL);
    cover("oai_batch_records");
    CHECK_STATUS(oai_batch_records(NULL, &records, &count), INVALID);
    CHECK(records == NULL && count == 0);
    count = 1;
    CHECK_STATUS(oai_batch_records(batch, NULL, &count), INVALID);
    CHECK_NUMBER(count, 0);
    records = GARBAGE(oai_event_record);
    CHECK_STATUS(oai_batch_records(batch, &records, NULL), INVALID);
    CHECK(records == NULL);
    const oai_response_view *views = GARBAGE(const oai_response_view);
    count = 1;
    cover("oai_batch_views");
    CHECK_STATUS(oai_batch_views(NULL, &views, &count), INVALID);
    CHECK(views == NULL && count == 0);
    count = 1;
    CHECK_STATUS(oai_batch_views(batch, NULL, &count), INVALID);
    CHECK_NUMBER(count, 0);
    views = GARBAGE(const oai_response_view);
    CHECK_STATUS(oai_batch_views(batch, &views, NULL), INVALID);
    CHECK(views == NULL);
    cover("oai_record_take_response");
    CHECK(oai_record_take_response(NULL) == NULL);
    cover("oai_batch_free");
    oai_batch_free(batch);
    oai_batch_free(NULL);
    cover("oai_queue_free");
    oai_queue_free(queue);
    oai_queue_free(NULL);
}

int main(void)
{
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL), OAI_OK);
    client = new_client("");
    responses();
    queues();
    oai_client_free(client);
    check_covered(NULLS_CALLS);
    return finish("nulls_calls");
}
