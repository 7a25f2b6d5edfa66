/*
 * Streams through a completion queue: each event a record, in order, then the end; a reader that is slow holds the
 * stream back instead of filling the memory; and nothing hangs when the reader goes away.
 */
#include "support.h"

enum { EVENTS = 40 };

static oai_queue *queue;

static oai_queue *new_queue(void)
{
    oai_queue *made = NULL;
    CHECK_STATUS(oai_queue_new(&made, NULL), OAI_OK);
    return made;
}

/* Makes the server answer with a stream of so many numbered events, each a chunk of its own. */
static void script_stream(int events)
{
    size_t len = 0;
    char *rule = NULL;
    FILE *out = open_memstream(&rule, &len);
    CHECK(out != NULL);
    fputs("{\"match\": {\"path\": \"/v1/chat/completions\"}, \"chunks\": [", out);
    for (int i = 0; i < events; i++)
        fprintf(out, "\"data: {\\\"n\\\": %d}\\n\\n\", ", i);
    fputs("\"data: [DONE]\\n\\n\"]}", out);
    CHECK_NUMBER(fclose(out), 0);
    server_script(rule);
    free(rule);
}

static uint64_t submit_stream(const oai_client *client, uint64_t tag)
{
    uint64_t id = 0;
    oai_request *request = new_request("POST", "/chat/completions", "{\"model\": \"m\", \"messages\": []}");
    CHECK_STATUS(oai_request_set_stream(request, 1), OAI_OK);
    CHECK_STATUS(oai_submit_to(client, request, queue, tag, &id, NULL), OAI_OK);
    oai_request_free(request);
    return id;
}

/* Reads a stream of numbered events to its end, at most `most` unread chunks at a time; returns how many came. */
static int read_stream(uint64_t id, uint64_t tag, size_t most)
{
    for (int next = 0;;) {
        oai_batch *batch = NULL;
        oai_event_record *records = NULL;
        size_t count = 0, chunks = 0;
        CHECK_STATUS(oai_queue_wait(queue, 1000, UINT64_MAX, &batch), OAI_OK);
        CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
        int done = 0;
        for (size_t i = 0; i < count; i++) {
            CHECK(!done);
            CHECK(records[i].id == id && records[i].tag == tag);
            if (records[i].kind == OAI_EVENT_CHUNK) {
                char *data = text_of("{\"n\": %d}", next++);
                CHECK_NUMBER(records[i].len, strlen(data));
                CHECK(memcmp(records[i].data, data, strlen(data) + 1) == 0);
                CHECK(records[i].response == NULL && oai_record_take_response(&records[i]) == NULL);
                CHECK_STATUS(records[i].status, OAI_OK);
                free(data);
                chunks++;
            } else {
                const char *body = NULL;
                size_t len = 1;
                CHECK_NUMBER(records[i].kind, OAI_EVENT_DONE);
                CHECK_STATUS(records[i].status, OAI_OK);
                CHECK_STATUS(oai_response_body(records[i].response, &body, &len), OAI_OK);
                CHECK(len == 0 && *body == '\0');
                done = 1;
            }
        }
        CHECK(chunks <= most);
        oai_batch_free(batch);
        if (done)
            return next;
    }
}

static void in_order(void)
{
    oai_client *client = new_client("");
    server_reset();
    script_stream(EVENTS);
    uint64_t id = submit_stream(client, 7);
    CHECK_NUMBER(read_stream(id, 7, EVENTS), EVENTS);
    /* The test server's own stream, whose words make up the message. */
    oai_request *request = new_request("POST", "/chat/completions",
                                       "{\"model\": \"m\", \"stream\": true, \"messages\": [{\"role\": \"user\", \"content\": \"one two\"}]}");
    oai_response *response = NULL;
    const char *body = NULL;
    CHECK_STATUS(oai_send(client, request, &response), OAI_OK);
    CHECK_STATUS(oai_response_body(response, &body, NULL), OAI_OK);
    CHECK(json_is(body, "choices.0.message.content", "You said: one two"));
    oai_response_free(response);
    oai_request_free(request);
    oai_client_free(client);
}

/* As many chunks as stream_buffer_events are unread at any time, those of a batch that is not freed included. */
static void slow_reader(void)
{
    oai_client *client = new_client("\"stream_buffer_events\": 1");
    oai_batch *batch = NULL, *none = NULL;
    oai_event_record *records = NULL;
    size_t count = 0;
    server_reset();
    script_stream(EVENTS);
    uint64_t id = submit_stream(client, 1);
    CHECK_NUMBER(read_stream(id, 1, 1), EVENTS);

    script_stream(2);
    submit_stream(client, 1);
    CHECK_STATUS(oai_queue_wait(queue, 10, UINT64_MAX, &batch), OAI_OK);
    CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
    CHECK_NUMBER(count, 1);
    server_wait("in_flight", 0);
    CHECK_STATUS(oai_queue_wait(queue, 10, 20, &none), OAI_OK);
    CHECK(none == NULL);
    CHECK(memcmp(records->data, "{\"n\": 0}", 9) == 0);
    oai_batch_free(batch);
    CHECK_STATUS(oai_queue_wait(queue, 1, UINT64_MAX, &batch), OAI_OK);
    CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
    CHECK(memcmp(records->data, "{\"n\": 1}", 9) == 0);
    oai_batch_free(batch);
    CHECK_STATUS(oai_queue_wait(queue, 1, UINT64_MAX, &batch), OAI_OK);
    CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
    CHECK_NUMBER(records->kind, OAI_EVENT_DONE);
    oai_batch_free(batch);

    CHECK_STATUS(oai_set_stream_buffer_events(client, 3), OAI_OK);
    script_stream(EVENTS);
    id = submit_stream(client, 2);
    CHECK_NUMBER(read_stream(id, 2, 3), EVENTS);
    oai_client_free(client);
}

/* A stream that waits for its reader does not hold up what else the client does, and ends when the queue is freed. */
static void no_reader(void)
{
    oai_client *client = new_client("\"stream_buffer_events\": 1, \"max_concurrent_requests\": 2");
    server_reset();
    script_stream(EVENTS);
    submit_stream(client, 1);
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    oai_queue_free(queue);
    CHECK_STATUS(oai_client_close(client, 60000, NULL), OAI_OK);
    oai_client_free(client);
    queue = new_queue();

    /* Cancelled, or its client freed, while it waits: the end comes all the same, and alone. */
    for (int freed = 0; freed <= 1; freed++) {
        oai_batch *batch = NULL;
        oai_event_record *records = NULL;
        size_t count = 0;
        client = new_client("\"stream_buffer_events\": 1");
        script_stream(EVENTS);
        uint64_t id = submit_stream(client, 1);
        CHECK_STATUS(oai_queue_wait(queue, 1, UINT64_MAX, &batch), OAI_OK);
        if (!freed)
            CHECK_STATUS(oai_cancel(client, id, NULL), OAI_OK);
        oai_client_free(client);
        oai_batch_free(batch);
        CHECK_STATUS(oai_queue_wait(queue, 10, UINT64_MAX, &batch), OAI_OK);
        CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
        CHECK_NUMBER(count, 1);
        CHECK_NUMBER(records->kind, OAI_EVENT_DONE);
        CHECK_STATUS(records->status, OAI_ERR_CANCELLED);
        oai_batch_free(batch);
    }
}

/* Two streams in one queue: each in its own order. */
static void two_at_once(void)
{
    enum { BOTH = 2 };
    int next[BOTH] = {0}, ends = 0;
    oai_client *client = new_client("");
    server_reset();
    for (uint64_t i = 0; i < BOTH; i++) {
        script_stream(EVENTS);
        submit_stream(client, i);
    }
    while (ends < BOTH) {
        oai_batch *batch = NULL;
        oai_event_record *records = NULL;
        size_t count = 0;
        CHECK_STATUS(oai_queue_wait(queue, 5, UINT64_MAX, &batch), OAI_OK);
        CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
        for (size_t i = 0; i < count; i++) {
            if (records[i].kind == OAI_EVENT_CHUNK)
                CHECK_NUMBER(json_number(records[i].data, "n"), next[records[i].tag]++);
            else
                ends++;
        }
        oai_batch_free(batch);
    }
    CHECK(next[0] == EVENTS && next[1] == EVENTS);
    oai_client_free(client);
}

int main(void)
{
    queue = new_queue();
    in_order();
    slow_reader();
    no_reader();
    two_at_once();
    oai_queue_free(queue);
    return finish("queue_streams");
}
