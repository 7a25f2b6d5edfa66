/*
 * Waiting for an object from C: the end called back, a second look at the server's pace, and waits that are
 * cancelled, or ended by the library's shutdown, between two looks.
 */
#include "events.h"

#define BATCH "{\"match\": {\"path\": \"/v1/batches/batch_1\"}, "

static oai_client *client;
static oai_request *request;

/* Begins a wait whose end goes to `seen`. */
static void begin(const char *options, struct seen *seen)
{
    seen->submitter = pthread_self();
    seen->submitting = 1;
    CHECK_STATUS(oai_wait_until_async(client, request, options, OAI_STRLEN, on_event, seen, on_destroy, &seen->id, NULL),
                 OAI_OK);
    seen->submitting = 0;
}

static void done(void)
{
    struct seen seen = {0};
    const char *body = NULL;
    server_reset();
    server_script(BATCH "\"headers\": {\"openai-poll-after-ms\": \"1\"}, \"body\": {\"status\": \"in_progress\"}}");
    server_script(BATCH "\"body\": {\"status\": \"failed\"}}");
    /* At a pace of its own it would not end within the time that a test has. */
    begin("{\"interval_ms\": 3600000, \"max_interval_ms\": 3600000}", &seen);
    CHECK_STATUS(wait_end(&seen), OAI_OK);
    CHECK_STATUS(oai_response_body(seen.response, &body, NULL), OAI_OK);
    CHECK(json_is(body, "status", "failed"));
    CHECK_NUMBER(server_stat("arrived"), 2);
    CHECK_NUMBER(seen.chunks, 0);
    forget(&seen);
}

static void cancelled(void)
{
    struct seen seen = {0};
    server_reset();
    server_script(BATCH "\"body\": {\"status\": \"in_progress\"}}");
    begin("{\"interval_ms\": 3600000, \"max_interval_ms\": 3600000}", &seen);
    server_wait("arrived", 1);
    server_wait("in_flight", 0);
    CHECK_STATUS(oai_cancel(client, seen.id, NULL), OAI_OK);
    CHECK_STATUS(oai_cancel(client, seen.id, NULL), OAI_ERR_UNKNOWN_ID);
    CHECK_STATUS(wait_end(&seen), OAI_ERR_CANCELLED);
    CHECK_NUMBER(server_stat("arrived"), 1);
    forget(&seen);
}

static void shut_down(void)
{
    struct seen seen = {0};
    server_reset();
    server_script(BATCH "\"body\": {\"status\": \"in_progress\"}}");
    begin("{\"interval_ms\": 3600000, \"max_interval_ms\": 3600000}", &seen);
    server_wait("arrived", 1);
    server_wait("in_flight", 0);
    CHECK_STATUS(oai_shutdown(60000, NULL), OAI_OK);
    CHECK_STATUS(wait_end(&seen), OAI_ERR_SHUTDOWN);
    forget(&seen);
}

int main(void)
{
    client = new_client("\"max_retries\": 0");
    request = new_request("GET", "/batches/batch_1", "");
    done();
    cancelled();
    shut_down();
    oai_request_free(request);
    oai_client_free(client);
    printf("ok wait\n");
    return 0;
}
