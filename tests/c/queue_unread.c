/*
 * A queue that nobody reads holds its requests back once it is full enough, and nothing else; reading lets them go at
 * once, from whatever thread.
 */
#include "support.h"

static oai_client *client;
static oai_queue *queue;

/* Takes one event and gives its tag; 0 when there is none. */
static uint64_t take(const oai_queue *from)
{
    oai_batch *batch;
    oai_event_record *records;
    size_t count;
    uint64_t tag = 0;
    CHECK_STATUS(oai_queue_wait(from, 1, 60000, &batch), OAI_OK);
    if (batch != NULL) {
        CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
        CHECK_NUMBER(records[0].kind, OAI_EVENT_DONE);
        CHECK_STATUS(records[0].status, OAI_OK);
        tag = records[0].tag;
    }
    oai_batch_free(batch);
    return tag;
}

static void submit(const oai_queue *to, uint64_t tag)
{
    oai_request *request = new_embedding("text");
    CHECK_STATUS(oai_submit_to(client, request, to, tag, NULL, NULL), OAI_OK);
    oai_request_free(request);
}

/* Waits until the queue holds something. */
static void wait_unread(void)
{
    while (oai_queue_unread_bytes(queue) == 0)
        usleep(1000);
}

static void held_and_let_go(void)
{
    enum { TOTAL = 20 };
    client = new_client("\"max_concurrent_requests\": 1, \"queue_size\": 1000");
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    CHECK_STATUS(oai_queue_set_max_unread_bytes(queue, 1, NULL), OAI_OK);
    CHECK(oai_queue_unread_bytes(queue) == 0);
    for (uint64_t tag = 1; tag <= TOTAL; tag++)
        submit(queue, tag);
    wait_unread();
    /* The client is not stalled: calls that wait, and other queues, go on. */
    oai_queue *other;
    CHECK_STATUS(oai_queue_new(&other, NULL), OAI_OK);
    for (uint64_t tag = 1; tag <= 5; tag++)
        submit(other, tag);
    for (uint64_t tag = 1; tag <= 5; tag++)
        CHECK_NUMBER(take(other), tag);
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    oai_queue_free(other);
    CHECK_NUMBER(server_stat("arrived"), 7);
    /* Read, they come in their order, and each only once the one before was taken. */
    for (uint64_t tag = 1; tag <= TOTAL; tag++) {
        wait_unread();
        CHECK(server_stat("arrived") <= (long)(6 + tag));
        CHECK_NUMBER(take(queue), tag);
    }
    CHECK(oai_queue_unread_bytes(queue) == 0);
    oai_client_free(client);
}

/* A waiting reader is served although it finds only what was cancelled. */
static void streams(void)
{
    server_reset();
    client = new_client("\"max_concurrent_requests\": 1, \"stream_buffer_events\": 2");
    uint64_t id;
    server_script("{\"chunks\": [\"data: {\\\"n\\\":1}\\n\\n\", \"data: {\\\"n\\\":2}\\n\\n\"], \"headers\": {\"content-type\":"
                  " \"text/event-stream\"}, \"chunk_delay_ms\": 60000}");
    oai_request *stream = new_request("POST", "/chat/completions", "{\"model\": \"" MODEL "\", \"stream\": true}");
    CHECK_STATUS(oai_submit_to(client, stream, queue, 1, &id, NULL), OAI_OK);
    wait_unread();
    submit(queue, 2);
    CHECK_STATUS(oai_cancel(client, id, NULL), OAI_OK);
    /* The chunk counts until it is passed over; the end of the stream is read, and then the other may go. */
    oai_batch *batch;
    oai_event_record *records;
    size_t count;
    CHECK_STATUS(oai_queue_wait(queue, 9, UINT64_MAX, &batch), OAI_OK);
    CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
    CHECK(count == 1 && records[0].tag == 1);
    CHECK_STATUS(records[0].status, OAI_ERR_CANCELLED);
    oai_batch_free(batch);
    CHECK_NUMBER(take(queue), 2);
    oai_request_free(stream);
}

static void *reader(void *count)
{
    for (int left = *(int *)count; left > 0; left--)
        CHECK(take(queue) != 0);
    return NULL;
}

/* Many requests, two readers, a narrow bound: none is forgotten. */
static void race(void)
{
    server_reset();
    oai_client_free(client);
    client = new_client("\"max_concurrent_requests\": 8, \"queue_size\": 10000");
    CHECK_STATUS(oai_queue_set_max_unread_bytes(queue, 500, NULL), OAI_OK);
    int each = is_slow() ? 50 : 500;
    pthread_t one = start_thread(reader, &each), two = start_thread(reader, &each);
    for (int i = 0; i < 2 * each; i++)
        submit(queue, 1);
    join_thread(one);
    join_thread(two);
    CHECK(oai_queue_unread_bytes(queue) == 0);
}

/* A freed queue holds nothing back. */
static void freed(void)
{
    server_reset();
    CHECK_STATUS(oai_queue_set_max_unread_bytes(queue, 1, NULL), OAI_OK);
    submit(queue, 1);
    wait_unread();
    for (int i = 0; i < 5; i++)
        submit(queue, 2);
    oai_queue_free(queue);
    CHECK_STATUS(oai_client_close(client, 60000, NULL), OAI_OK);
    CHECK_NUMBER(server_stat("arrived"), 6);
    oai_client_free(client);
}

int main(void)
{
    held_and_let_go();
    streams();
    race();
    freed();
    return finish("queue_unread");
}
