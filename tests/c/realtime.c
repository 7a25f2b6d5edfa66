/*
 * Connections from C, on each of the three faces: events in order, one end, the destructor once, what was not sent given
 * back; what may be called from a callback; a token that is renewed; and how clients and the library end them.
 */
#include "events.h"

static oai_request *request;

/* Opens a connection whose events go to `seen`. */
static oai_realtime *begin(oai_client *client, const char *options, struct seen *seen)
{
    oai_realtime *realtime = NULL;
    seen->submitter = pthread_self();
    seen->submitting = 1;
    CHECK_STATUS(oai_realtime_open_async(client, request, options, OAI_STRLEN, &realtime, on_event, seen, on_destroy,
                                         &seen->id, NULL), OAI_OK);
    seen->submitting = 0;
    CHECK(realtime != NULL && oai_realtime_id(realtime) == seen->id);
    return realtime;
}

static void say(oai_realtime *realtime, const char *message)
{
    CHECK_STATUS(oai_realtime_send(realtime, message, OAI_STRLEN, NULL), OAI_OK);
}

/* The next event, checked and told; the batch is to be freed. */
static oai_event_record *next(oai_realtime *realtime, oai_batch **batch, int32_t kind)
{
    oai_event_record *records = NULL;
    size_t count = 0;
    CHECK_STATUS(oai_realtime_next(realtime, 1, UINT64_MAX, batch, NULL), OAI_OK);
    CHECK_STATUS(oai_batch_records(*batch, &records, &count), OAI_OK);
    CHECK_NUMBER(count, 1);
    CHECK_NUMBER(records->kind, kind);
    CHECK(records->id == oai_realtime_id(realtime));
    CHECK((records->data != NULL) == (kind != OAI_EVENT_DONE));
    return records;
}

/* Expects an event whose JSON has this text at this member. */
static void expect(oai_realtime *realtime, int32_t kind, const char *member, const char *text)
{
    oai_batch *batch = NULL;
    oai_event_record *record = next(realtime, &batch, kind);
    if (!json_is(record->data, member, text))
        FAIL("%s is not %s in %s", member, text, record->data);
    oai_batch_free(batch);
}

static void waited_for(void)
{
    oai_client *client = new_client("");
    oai_realtime *realtime = NULL;
    oai_batch *batch = NULL;
    oai_error *error = NULL;
    server_reset();
    CHECK_STATUS(oai_realtime_open(client, request, NULL, 0, &realtime, NULL), OAI_OK);
    expect(realtime, OAI_EVENT_CONNECTION, "state", "open");
    expect(realtime, OAI_EVENT_CHUNK, "type", "session.created");
    say(realtime, "{\"type\": \"session.update\", \"session\": {}}");
    expect(realtime, OAI_EVENT_CHUNK, "type", "session.updated");
    CHECK_STATUS(oai_realtime_send_binary(realtime, "a\0b", 3, NULL), OAI_OK);
    oai_event_record *record = next(realtime, &batch, OAI_EVENT_BINARY);
    CHECK(record->len == 3 && memcmp(record->data, "a\0b", 4) == 0);
    oai_batch_free(batch);
    /* Nothing is there, and nothing is waited for. */
    CHECK_STATUS(oai_realtime_next(realtime, 1, 0, &batch, NULL), OAI_OK);
    CHECK(batch == NULL);
    CHECK_STATUS(oai_realtime_close(realtime, 3001, "enough", NULL), OAI_OK);
    CHECK_STATUS(oai_realtime_close(realtime, 0, NULL, NULL), OAI_OK);
    CHECK_STATUS(oai_realtime_send(realtime, "{}", 2, &error), OAI_ERR_CLOSED);
    oai_error_free(error);
    record = next(realtime, &batch, OAI_EVENT_DONE);
    CHECK_STATUS(record->status, OAI_OK);
    CHECK_NUMBER(oai_response_close_code(record->response), 3001);
    CHECK_HOLDS(oai_response_close_reason(record->response), "enough");
    CHECK_NUMBER(oai_response_http_status(record->response), 101);
    CHECK(oai_response_request_id(record->response) != NULL);
    oai_batch_free(batch);
    CHECK_STATUS(oai_realtime_next(realtime, 1, UINT64_MAX, &batch, NULL), OAI_ERR_CLOSED);
    CHECK_STATUS(oai_cancel(client, oai_realtime_id(realtime), NULL), OAI_ERR_UNKNOWN_ID);
    oai_realtime_free(realtime);
    oai_client_free(client);
}

static void queued(void)
{
    enum { CONNECTIONS = 3 };
    oai_client *client = new_client("");
    oai_queue *queue = NULL;
    oai_realtime *realtimes[CONNECTIONS];
    uint64_t ids[CONNECTIONS];
    int ends = 0, messages = 0;
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    for (int i = 0; i < CONNECTIONS; i++) {
        CHECK_STATUS(oai_realtime_open_to(client, request, "{}", 2, &realtimes[i], queue, 10 + (uint64_t)i, &ids[i], NULL),
                     OAI_OK);
        say(realtimes[i], "{\"type\": \"response.create\"}");
        CHECK_STATUS(oai_realtime_close(realtimes[i], 0, NULL, NULL), OAI_OK);
    }
    oai_batch *batch = NULL;
    CHECK_STATUS(oai_realtime_next(realtimes[0], 1, 0, &batch, NULL), OAI_ERR_STATE);
    while (ends < CONNECTIONS) {
        oai_event_record *records = NULL;
        size_t count = 0;
        CHECK_STATUS(oai_queue_wait(queue, 100, UINT64_MAX, &batch), OAI_OK);
        CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
        for (size_t i = 0; i < count; i++) {
            CHECK(10 <= records[i].tag && records[i].tag < 10 + CONNECTIONS && records[i].id == ids[records[i].tag - 10]);
            CHECK_STATUS(records[i].status, OAI_OK);
            ends += records[i].kind == OAI_EVENT_DONE;
            messages += records[i].kind == OAI_EVENT_CHUNK;
        }
        oai_batch_free(batch);
    }
    CHECK_NUMBER(messages, CONNECTIONS * 7);
    for (int i = 0; i < CONNECTIONS; i++)
        oai_realtime_free(realtimes[i]);
    oai_queue_free(queue);
    oai_client_free(client);
}

/* Everything that a callback may do with its own connection. */
static void from_within(struct seen *seen, int kind)
{
    oai_realtime **realtime = (oai_realtime **)seen->more;
    oai_batch *batch = NULL;
    if (kind == OAI_EVENT_CHUNK && seen->chunks == 1) {
        CHECK_STATUS(oai_realtime_next(*realtime, 1, UINT64_MAX, &batch, NULL), OAI_ERR_STATE);
        say(*realtime, "{\"type\": \"session.update\"}");
        CHECK_STATUS(oai_realtime_close(*realtime, 0, "from within", NULL), OAI_OK);
    } else if (kind == OAI_EVENT_DONE) {
        CHECK_HOLDS(oai_response_close_reason(seen->response), "from within");
        oai_realtime_free(*realtime);
        *realtime = NULL;
    }
}

static void called_back(const char *config)
{
    oai_client *client = new_client(config);
    oai_realtime *realtime = NULL;
    struct seen seen = {0};
    seen.then = from_within;
    seen.more = &realtime;
    server_reset();
    server_script("{\"match\": {\"path\": \"/v1/realtime\"}, \"hold\": \"gate\"}");
    realtime = begin(client, "{}", &seen);
    server_release("gate", 0);
    CHECK_STATUS(wait_end(&seen), OAI_OK);
    CHECK(realtime == NULL);
    CHECK(seen.connections == 1 && seen.chunks == 2);
    CHECK(json_is(seen.texts[0], "type", "session.created") && json_is(seen.texts[1], "type", "session.updated"));
    forget(&seen);
    oai_client_free(client);
}

/* The handle goes first: the connection is closed in order, and its events still come. */
static void let_go(void)
{
    oai_client *client = new_client("");
    struct seen seen = {0};
    oai_realtime *realtime = begin(client, "", &seen);
    say(realtime, "{\"type\": \"session.update\"}");
    oai_realtime_free(realtime);
    CHECK_STATUS(wait_end(&seen), OAI_OK);
    CHECK_NUMBER(seen.chunks, 2);
    CHECK_NUMBER(oai_response_close_code(seen.response), 1000);
    forget(&seen);
    oai_client_free(client);
}

static void given_back(void)
{
    oai_client *client = new_client("\"max_retries\": 1, \"initial_retry_delay_ms\": 1");
    struct seen seen = {0};
    const char *data = NULL;
    size_t len = 0;
    int32_t binary = 0;
    server_reset();
    server_script("{\"match\": {\"path\": \"/v1/realtime\"}, \"status\": 503, \"times\": 2, \"hold\": \"gate\"}");
    oai_realtime *realtime = begin(client, "{\"reconnect\": true}", &seen);
    say(realtime, "one");
    CHECK_STATUS(oai_realtime_send_binary(realtime, "t\0o", 3, NULL), OAI_OK);
    CHECK_NUMBER(oai_realtime_unsent_bytes(realtime), 6);
    server_release("gate", 0);
    CHECK_STATUS(wait_end(&seen), OAI_ERR_HTTP_SERVER);
    CHECK_NUMBER(oai_response_attempts(seen.response), 2);
    CHECK_NUMBER(oai_response_unsent_count(seen.response), 2);
    CHECK_STATUS(oai_response_unsent(seen.response, 0, &data, &len, &binary), OAI_OK);
    CHECK(len == 3 && strcmp(data, "one") == 0 && binary == 0);
    CHECK_STATUS(oai_response_unsent(seen.response, 1, &data, &len, &binary), OAI_OK);
    CHECK(len == 3 && memcmp(data, "t\0o", 4) == 0 && binary == 1);
    CHECK_STATUS(oai_response_unsent(seen.response, 2, &data, &len, &binary), OAI_ERR_INVALID_ARGUMENT);
    oai_realtime_free(realtime);
    forget(&seen);
    oai_client_free(client);
}

static void made_anew(void)
{
    oai_client *client = new_client("\"max_retries\": 1, \"initial_retry_delay_ms\": 1");
    struct seen seen = {0};
    server_reset();
    oai_realtime *realtime = begin(client, "{\"reconnect\": true}", &seen);
    wait_chunks(&seen, 1);
    say(realtime, "{\"type\": \"test.drop\"}");
    wait_chunks(&seen, 2);
    CHECK(json_is(seen.texts[1], "type", "session.created"));
    CHECK_STATUS(oai_realtime_close(realtime, 0, NULL, NULL), OAI_OK);
    CHECK_STATUS(wait_end(&seen), OAI_OK);
    CHECK_NUMBER(seen.connections, 3);
    oai_realtime_free(realtime);
    forget(&seen);
    oai_client_free(client);
}

static void cancelled(void)
{
    oai_client *client = new_client("");
    struct seen seen = {0};
    server_reset();
    oai_realtime *realtime = begin(client, "", &seen);
    wait_chunks(&seen, 1);
    CHECK_STATUS(oai_cancel(client, seen.id, NULL), OAI_OK);
    CHECK_STATUS(oai_cancel(client, seen.id, NULL), OAI_ERR_UNKNOWN_ID);
    CHECK_STATUS(wait_end(&seen), OAI_ERR_CANCELLED);
    CHECK_STATUS(oai_realtime_send(realtime, "{}", 2, NULL), OAI_ERR_CLOSED);
    forget(&seen);
    /* A client that is freed. */
    oai_realtime *other = begin(client, "", &seen);
    wait_chunks(&seen, 1);
    oai_client_free(client);
    CHECK(seen.ends == 1 && seen.destroyed == 1);
    CHECK_STATUS(seen.status, OAI_ERR_CANCELLED);
    CHECK_STATUS(oai_realtime_close(other, 0, NULL, NULL), OAI_ERR_CLOSED);
    oai_realtime_free(realtime);
    oai_realtime_free(other);
    forget(&seen);
}

static void refused(void)
{
    oai_client *client = new_client("");
    struct seen seen = {0};
    oai_realtime *realtime = (oai_realtime *)(uintptr_t)1;
    oai_error *error = NULL;
    oai_request *post = new_request("POST", "/realtime", "{}");
    seen.id = 1;
    CHECK_STATUS(oai_realtime_open_async(client, post, NULL, 0, &realtime, on_event, &seen, on_destroy, &seen.id, &error),
                 OAI_ERR_INVALID_ARGUMENT);
    CHECK(realtime == NULL && seen.id == 0 && seen.ends == 0 && seen.destroyed == 1);
    CHECK_HOLDS(oai_error_message(error), "GET");
    oai_error_free(error);
    CHECK_STATUS(oai_client_close(client, 0, NULL), OAI_OK);
    CHECK_STATUS(oai_realtime_open(client, request, NULL, 0, &realtime, NULL), OAI_ERR_CLOSED);
    CHECK(realtime == NULL);
    oai_request_free(post);
    oai_client_free(client);
}

static void on_wanted(void *user_data, uint64_t wanted)
{
    static int asked;
    char token[32];
    snprintf(token, sizeof token, "token-%d", ++asked);
    CHECK_STATUS(oai_provide_token((oai_client *)user_data, wanted, token, OAI_STRLEN, 0, NULL), OAI_OK);
}

/* A 401 of the handshake costs one new token. */
static void with_a_token(void)
{
    oai_client *client = new_client("");
    struct seen seen = {0};
    CHECK_STATUS(oai_set_token_callback(client, on_wanted, client, NULL, NULL), OAI_OK);
    server_reset();
    server_script("{\"match\": {\"path\": \"/v1/realtime\"}, \"status\": 401}");
    oai_realtime *realtime = begin(client, "", &seen);
    wait_chunks(&seen, 1);
    char *log = server_log(2);
    CHECK(json_is(log, "0.headers.authorization", "Bearer token-1"));
    CHECK(json_is(log, "1.headers.authorization", "Bearer token-2"));
    free(log);
    oai_realtime_free(realtime);
    CHECK_STATUS(wait_end(&seen), OAI_OK);
    forget(&seen);
    oai_client_free(client);
}

static void shut_down(void)
{
    oai_client *client = new_client("");
    struct seen seen = {0};
    oai_realtime *waits = NULL;
    oai_batch *batch = NULL;
    server_reset();
    oai_realtime *realtime = begin(client, "", &seen);
    CHECK_STATUS(oai_realtime_open(client, request, NULL, 0, &waits, NULL), OAI_OK);
    wait_chunks(&seen, 1);
    CHECK_STATUS(oai_shutdown(60000, NULL), OAI_OK);
    CHECK_STATUS(wait_end(&seen), OAI_ERR_SHUTDOWN);
    oai_status status;
    while ((status = oai_realtime_next(waits, 100, UINT64_MAX, &batch, NULL)) == OAI_OK)
        oai_batch_free(batch);
    CHECK_STATUS(status, OAI_ERR_CLOSED);
    CHECK_STATUS(oai_realtime_send(realtime, "{}", 2, NULL), OAI_ERR_CLOSED);
    oai_realtime_free(realtime);
    oai_realtime_free(waits);
    forget(&seen);
    oai_client_free(client);
}

int main(void)
{
    request = new_request("GET", "/realtime", "");
    CHECK_STATUS(oai_request_set_query(request, "model", "gpt-realtime"), OAI_OK);
    waited_for();
    queued();
    called_back("");
    called_back("\"callback_thread\": \"worker\"");
    let_go();
    given_back();
    made_anew();
    cancelled();
    refused();
    with_a_token();
    shut_down();
    oai_request_free(request);
    printf("ok realtime\n");
    return 0;
}
