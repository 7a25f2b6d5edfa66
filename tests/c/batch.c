/*
 * A batch from C: from its input file to its results, called back, and in a queue; a cancel, after which it goes on from
 * its id, and the library's shutdown while a batch is waited for.
 */
#include "events.h"

#define BATCH "{\"match\": {\"path\": \"/v1/batches/batch-test\"}, "
#define ONE_LOOK "\"interval_ms\": 3600000, \"max_interval_ms\": 3600000}"

static oai_client *client;

static void check_file(const char *path, const char *expected)
{
    char text[64] = "";
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    CHECK(fgets(text, sizeof text, file) != NULL);
    fclose(file);
    CHECK_HOLDS(text, expected);
}

static void make_input(void)
{
    FILE *file = fopen("input.jsonl", "w");
    CHECK(file != NULL);
    fputs("{\"custom_id\": \"1\", \"method\": \"POST\", \"url\": \"/v1/embeddings\", \"body\": {}}\n", file);
    fclose(file);
}

/* Begins a run whose end goes to `seen`. */
static void begin(const char *json, const char *input, struct seen *seen)
{
    seen->submitter = pthread_self();
    seen->submitting = 1;
    CHECK_STATUS(oai_batch_run_async(client, json, OAI_STRLEN, input, "output", on_event, seen, on_destroy, &seen->id, NULL),
                 OAI_OK);
    seen->submitting = 0;
}

static void run(void)
{
    oai_response *response = NULL;
    const char *body = NULL;
    CHECK_STATUS(oai_batch_run(client, "{\"endpoint\": \"/v1/embeddings\"}", OAI_STRLEN, "input.jsonl", "output", &response),
                 OAI_OK);
    CHECK_STATUS(oai_response_body(response, &body, NULL), OAI_OK);
    CHECK(json_is(body, "status", "completed"));
    check_file("output", "file-output");
    CHECK_NUMBER(server_stat("arrived"), 4);
    oai_response_free(response);
}

static void cancelled_and_resumed(void)
{
    struct seen seen = {0}, again = {0};
    const char *body = NULL;
    server_reset();
    server_script(BATCH "\"body\": {\"status\": \"in_progress\"}}");
    begin("{\"endpoint\": \"/v1/embeddings\", " ONE_LOOK, "input.jsonl", &seen);
    server_wait("arrived", 3);
    server_wait("in_flight", 0);
    CHECK_STATUS(oai_cancel(client, seen.id, NULL), OAI_OK);
    CHECK_STATUS(wait_end(&seen), OAI_ERR_CANCELLED);
    CHECK_HOLDS(oai_error_message(oai_response_error(seen.response)), "the batch batch-test goes on at the server");
    /* Its body is the JSON of the call that goes on from there. */
    CHECK_STATUS(oai_response_body(seen.response, &body, NULL), OAI_OK);
    begin(body, NULL, &again);
    CHECK_STATUS(wait_end(&again), OAI_OK);
    CHECK_NUMBER(server_stat("arrived"), 5);
    forget(&seen);
    forget(&again);
}

static void queued(void)
{
    oai_queue *queue = NULL;
    oai_batch *events = NULL;
    oai_event_record *records = NULL;
    size_t count = 0;
    uint64_t id = 0;
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    CHECK_STATUS(oai_batch_run_to(client, "{\"batch_id\": \"batch-test\"}", OAI_STRLEN, NULL, NULL, queue, 7, &id, NULL), OAI_OK);
    CHECK_STATUS(oai_queue_wait(queue, 8, 60000, &events), OAI_OK);
    CHECK_STATUS(oai_batch_records(events, &records, &count), OAI_OK);
    CHECK_NUMBER(count, 1);
    CHECK(records[0].id == id && records[0].tag == 7);
    CHECK_STATUS(records[0].status, OAI_OK);
    oai_batch_free(events);
    oai_queue_free(queue);
}

static void shut_down(void)
{
    struct seen seen = {0};
    server_reset();
    server_script(BATCH "\"body\": {\"status\": \"in_progress\"}}");
    begin("{\"batch_id\": \"batch-test\", " ONE_LOOK, NULL, &seen);
    server_wait("arrived", 1);
    server_wait("in_flight", 0);
    CHECK_STATUS(oai_shutdown(60000, NULL), OAI_OK);
    CHECK_STATUS(wait_end(&seen), OAI_ERR_SHUTDOWN);
    forget(&seen);
}

int main(void)
{
    client = new_client("\"max_retries\": 0");
    make_input();
    run();
    cancelled_and_resumed();
    queued();
    shut_down();
    oai_client_free(client);
    printf("ok batch\n");
    return 0;
}
