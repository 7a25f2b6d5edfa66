/*
 * Cancelled and out of time in each state: waiting, in backoff, in flight, streaming. The slot is free at once, what was
 * not delivered is dropped, and what has ended has no id any more.
 */
#include "events.h"
#include <poll.h>

/* A stream of three events at once, which then stays silent. */
#define SILENT_STREAM                                                                                         \
    "{\"match\": {\"path\": \"/v1/chat/completions\"}, \"chunk_delay_ms\": 1000000, \"chunks\": ["            \
    "\"data: {\\\"a\\\": 1}\\n\\ndata: {\\\"a\\\": 2}\\n\\ndata: {\\\"a\\\": 3}\\n\\n\", \"data: [DONE]\\n\\n\"]}"

static oai_client *client;

static oai_request *new_stream(void)
{
    return new_request("POST", "/chat/completions", "{\"model\": \"m\", \"messages\": [], \"stream\": true}");
}

/* Submits a text that the server holds at the gate. */
static void submit_held(const char *text, struct seen *seen)
{
    server_script("{\"hold\": \"gate\"}");
    submit_text(client, text, seen);
    server_wait("in_flight", 1);
}

static void check_cancelled(struct seen *seen, uint32_t attempts)
{
    CHECK_STATUS(wait_end(seen), OAI_ERR_CANCELLED);
    CHECK_STATUS(oai_error_status(oai_response_error(seen->response)), OAI_ERR_CANCELLED);
    CHECK_NUMBER(oai_response_attempts(seen->response), attempts);
    CHECK_STATUS(oai_cancel(client, seen->id, NULL), OAI_ERR_UNKNOWN_ID);
    forget(seen);
}

static void waiting(void)
{
    struct seen held = {0}, seen = {0}, behind = {0};
    server_reset();
    submit_held("held", &held);
    submit_text(client, "cancelled", &seen);
    submit_text(client, "behind", &behind);
    CHECK_STATUS(oai_cancel(client, seen.id, NULL), OAI_OK);
    CHECK_STATUS(oai_cancel(client, seen.id, NULL), OAI_ERR_UNKNOWN_ID);
    check_cancelled(&seen, 0);
    server_release("gate", 0);
    CHECK_STATUS(wait_end(&held), OAI_OK);
    CHECK_STATUS(wait_end(&behind), OAI_OK);
    CHECK_NUMBER(server_stat("arrived"), 2);
    forget(&held);
    forget(&behind);
}

static void in_backoff(void)
{
    struct seen seen = {0};
    struct lines lines = {0};
    server_reset();
    capture_log(OAI_LOG_WARN, &lines);
    server_script("{\"status\": 503, \"headers\": {\"retry-after\": \"100\"}}");
    submit_text(client, "text", &seen);
    free(wait_lines(&lines, "retry 1 of 5", 1));
    CHECK_STATUS(oai_cancel(client, seen.id, NULL), OAI_OK);
    check_cancelled(&seen, 1);
    end_capture(&lines);
}

static void in_flight(void)
{
    struct seen seen = {0}, behind = {0};
    server_reset();
    submit_held("held", &seen);
    submit_text(client, "behind", &behind);
    CHECK_STATUS(oai_cancel(client, seen.id, NULL), OAI_OK);
    /* The gate is still shut: only the slot of the cancelled one lets the next through. */
    CHECK_STATUS(wait_end(&behind), OAI_OK);
    CHECK_NUMBER(oai_error_may_have_executed(oai_response_error(seen.response)), 0);
    check_cancelled(&seen, 1);
    server_wait("in_flight", 0);
    CHECK_NUMBER(server_stat("client_gone"), 1);
    forget(&behind);

    /* What may have been carried out, and would harm if done twice, says so. */
    long arrived = server_stat("arrived");
    oai_request *request = new_request("POST", "/batches", "{\"purpose\": \"test\"}");
    server_script("{\"hold\": \"gate\"}");
    CHECK_STATUS(submit(client, request, &seen), OAI_OK);
    /* A head alone cannot be carried out: its body has to be there. */
    for (int there = 0; !there;) {
        char *log = server_log(arrived + 1);
        const char *entry = json_first(log);
        for (long i = 0; i < arrived; i++)
            entry = json_next(entry);
        there = json_is(entry, "body.purpose", "test");
        free(log);
    }
    CHECK_STATUS(oai_cancel(client, seen.id, NULL), OAI_OK);
    CHECK_STATUS(wait_end(&seen), OAI_ERR_CANCELLED);
    CHECK_NUMBER(oai_error_may_have_executed(oai_response_error(seen.response)), 1);
    forget(&seen);
    oai_request_free(request);
}

static void streaming(void)
{
    struct seen seen = {0};
    oai_request *request = new_stream();
    server_reset();
    server_script(SILENT_STREAM);
    CHECK_STATUS(submit(client, request, &seen), OAI_OK);
    wait_chunks(&seen, 3);
    CHECK_STATUS(oai_cancel(client, seen.id, NULL), OAI_OK);
    CHECK_STATUS(wait_end(&seen), OAI_ERR_CANCELLED);
    CHECK_NUMBER(seen.chunks, 3);
    CHECK(strcmp(seen.texts[2], "{\"a\": 3}") == 0);
    forget(&seen);
    server_wait("in_flight", 0);
    CHECK_STATUS(embed(client, "the slot is free"), OAI_OK);
    oai_request_free(request);
}

static void cancel_itself(struct seen *seen, int kind)
{
    if (kind == OAI_EVENT_CHUNK)
        CHECK_STATUS(oai_cancel(client, seen->id, NULL), OAI_OK);
    else
        CHECK_STATUS(oai_cancel(client, seen->id, NULL), OAI_ERR_UNKNOWN_ID);
}

/* Inside the callback for the first chunk: the other two never come. */
static void from_its_callback(void)
{
    struct seen seen = {0};
    oai_request *request = new_stream();
    server_reset();
    server_script(SILENT_STREAM);
    seen.then = cancel_itself;
    CHECK_STATUS(submit(client, request, &seen), OAI_OK);
    CHECK_STATUS(wait_end(&seen), OAI_ERR_CANCELLED);
    CHECK_NUMBER(seen.chunks, 1);
    forget(&seen);
    oai_request_free(request);
}

/* Chunks that lie in a queue when the request is cancelled are dropped. */
static void chunks_in_a_queue(void)
{
    oai_queue *queue = NULL;
    oai_batch *batch = NULL;
    oai_event_record *records = NULL;
    size_t count = 0;
    uint64_t id = 0;
    oai_request *request = new_stream();
    server_reset();
    server_script(SILENT_STREAM);
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    struct pollfd bell = {(int)oai_queue_fd(queue), POLLIN, 0};
    CHECK_STATUS(oai_submit_to(client, request, queue, 0, &id, NULL), OAI_OK);
    CHECK_NUMBER(poll(&bell, 1, -1), 1);
    CHECK_STATUS(oai_cancel(client, id, NULL), OAI_OK);
    CHECK_STATUS(oai_queue_wait(queue, 100, UINT64_MAX, &batch), OAI_OK);
    CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
    CHECK_NUMBER(count, 1);
    CHECK_NUMBER(records->kind, OAI_EVENT_DONE);
    CHECK_STATUS(records->status, OAI_ERR_CANCELLED);
    CHECK(records->id == id);
    oai_batch_free(batch);
    CHECK_STATUS(oai_queue_next(queue, 100, &batch), OAI_OK);
    CHECK(batch == NULL);
    oai_queue_free(queue);
    oai_request_free(request);
}

static void unknown(void)
{
    struct seen seen = {0};
    oai_error *error = NULL;
    oai_client *other = new_client("");
    server_reset();
    CHECK_STATUS(oai_cancel(client, 0, NULL), OAI_ERR_UNKNOWN_ID);
    CHECK_STATUS(oai_cancel(client, UINT64_MAX, NULL), OAI_ERR_UNKNOWN_ID);
    submit_held("held", &seen);
    CHECK_STATUS(oai_cancel(other, seen.id, &error), OAI_ERR_UNKNOWN_ID);
    CHECK_STATUS(oai_error_status(error), OAI_ERR_UNKNOWN_ID);
    oai_error_free(error);
    server_release("gate", 0);
    CHECK_STATUS(wait_end(&seen), OAI_OK);
    CHECK_STATUS(oai_cancel(client, seen.id, NULL), OAI_ERR_UNKNOWN_ID);
    forget(&seen);
    oai_client_free(other);
}

/* The time of a request ends it wherever it is, and its slot is free. */
static void deadlines(void)
{
    struct seen held = {0}, late = {0}, stream = {0};
    oai_request *request = new_embedding("late"), *chat = new_stream();
    CHECK_STATUS(oai_request_set_timeout_ms(request, 100), OAI_OK);
    server_reset();
    submit_held("held", &held);
    CHECK_STATUS(submit(client, request, &late), OAI_OK);
    CHECK_STATUS(wait_end(&late), OAI_ERR_DEADLINE);
    CHECK_NUMBER(oai_response_attempts(late.response), 0);
    CHECK_HOLDS(oai_error_message(oai_response_error(late.response)), "0.1 s");
    CHECK_HOLDS(oai_error_message(oai_response_error(late.response)), "queue");
    CHECK_NUMBER(held.ends, 0);
    forget(&late);
    server_release("gate", 0);
    CHECK_STATUS(wait_end(&held), OAI_OK);
    CHECK_NUMBER(server_stat("arrived"), 1);
    forget(&held);

    server_reset();
    server_script("{\"hold\": \"gate\"}");
    CHECK_STATUS(submit(client, request, &late), OAI_OK);
    CHECK_STATUS(wait_end(&late), OAI_ERR_DEADLINE);
    CHECK_NUMBER(oai_response_attempts(late.response), 1);
    CHECK_HOLDS(oai_error_message(oai_response_error(late.response)), "1 attempt");
    forget(&late);

    server_reset();
    server_script("{\"status\": 503, \"headers\": {\"retry-after\": \"100\"}}");
    CHECK_STATUS(oai_request_set_timeout_ms(request, 5000), OAI_OK);
    CHECK_STATUS(submit(client, request, &late), OAI_OK);
    CHECK_STATUS(wait_end(&late), OAI_ERR_DEADLINE);
    forget(&late);

    server_reset();
    server_script(SILENT_STREAM);
    CHECK_STATUS(oai_request_set_timeout_ms(chat, 2000), OAI_OK);
    CHECK_STATUS(submit(client, chat, &stream), OAI_OK);
    CHECK_STATUS(wait_end(&stream), OAI_ERR_DEADLINE);
    CHECK_NUMBER(stream.chunks, 3);
    forget(&stream);

    /* The client's own time holds where the request says nothing. */
    server_reset();
    CHECK_STATUS(oai_set_timeout_ms(client, 100), OAI_OK);
    server_script("{\"hold\": \"gate\"}");
    CHECK_STATUS(embed(client, "text"), OAI_ERR_DEADLINE);
    CHECK_STATUS(oai_set_timeout_ms(client, 0), OAI_OK);
    CHECK_STATUS(embed(client, "the slot is free"), OAI_OK);
    oai_request_free(request);
    oai_request_free(chat);
}

int main(void)
{
    client = new_client("\"max_concurrent_requests\": 1");
    waiting();
    in_backoff();
    in_flight();
    streaming();
    for (int i = 0; i < 20; i++) {
        from_its_callback();
        chunks_in_a_queue();
    }
    unknown();
    deadlines();
    oai_client_free(client);
    return finish("cancel");
}
