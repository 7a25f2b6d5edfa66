/*
 * The completion queue: tags and batches, the descriptor and its doorbell, several clients and queues, waiting and waking,
 * freeing it early.
 */
#include "support.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>

static oai_queue *new_queue(void)
{
    oai_queue *queue = NULL;
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    return queue;
}

static uint64_t submit_to(const oai_client *client, oai_queue *queue, uint64_t tag)
{
    uint64_t id = 0;
    oai_request *request = new_embedding("text");
    CHECK_STATUS(oai_submit_to(client, request, queue, tag, &id, NULL), OAI_OK);
    CHECK(id != 0);
    oai_request_free(request);
    return id;
}

/* Makes so many events in the queue: when a client has closed, all of its events were handed over. */
static void fill(oai_queue *queue, int count, uint64_t first_tag)
{
    oai_client *client = new_client("\"max_concurrent_requests\": 1");
    for (int i = 0; i < count; i++)
        submit_to(client, queue, first_tag + (uint64_t)i);
    CHECK_STATUS(oai_client_close(client, 60000, NULL), OAI_OK);
    oai_client_free(client);
}

/* Takes up to `max` events and checks that their tags go on from `tag`; returns how many. */
static int take(oai_queue *queue, size_t max, uint64_t tag)
{
    oai_batch *batch = NULL;
    oai_event_record *records = NULL;
    size_t count = 0;
    CHECK_STATUS(oai_queue_next(queue, max, &batch), OAI_OK);
    if (batch == NULL)
        return 0;
    CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
    CHECK(count >= 1 && count <= max);
    for (size_t i = 0; i < count; i++) {
        CHECK_NUMBER(records[i].tag, tag + i);
        CHECK_NUMBER(records[i].kind, OAI_EVENT_DONE);
        CHECK_STATUS(records[i].status, OAI_OK);
    }
    oai_batch_free(batch);
    return (int)count;
}

static void records(void)
{
    oai_queue *queue = new_queue();
    oai_client *client = new_client("\"max_retries\": 0");
    oai_batch *batch = NULL;
    oai_event_record *record = NULL;
    size_t count = 0;
    server_reset();
    CHECK_NUMBER(take(queue, 1, 0), 0);
    uint64_t id = submit_to(client, queue, UINT64_MAX);
    CHECK_STATUS(oai_queue_wait(queue, 10, UINT64_MAX, &batch), OAI_OK);
    CHECK_STATUS(oai_batch_records(batch, &record, &count), OAI_OK);
    CHECK_NUMBER(count, 1);
    CHECK(record->id == id && record->tag == UINT64_MAX);
    CHECK_NUMBER(record->kind, OAI_EVENT_DONE);
    CHECK_STATUS(record->status, OAI_OK);
    CHECK(record->data == NULL && record->len == 0);
    CHECK(record->reserved[0] == 0 && record->reserved[1] == 0);
    oai_response *response = oai_record_take_response(record);
    CHECK(response != NULL && record->response == NULL);
    CHECK(oai_record_take_response(record) == NULL);
    oai_batch_free(batch);

    /* The request's own tag stands where none is given; what fails has its status in the record. */
    oai_request *request = new_embedding("text");
    CHECK_STATUS(oai_request_set_tag(request, 77), OAI_OK);
    server_script("{\"status\": 400}");
    CHECK_STATUS(oai_submit_to(client, request, queue, 0, NULL, NULL), OAI_OK);
    oai_request_free(request);
    CHECK_STATUS(oai_queue_wait(queue, 10, UINT64_MAX, &batch), OAI_OK);
    CHECK_STATUS(oai_batch_records(batch, &record, &count), OAI_OK);
    CHECK_NUMBER(record->tag, 77);
    CHECK_STATUS(record->status, OAI_ERR_HTTP_BAD_REQUEST);
    CHECK_STATUS(oai_response_status(record->response), OAI_ERR_HTTP_BAD_REQUEST);
    oai_batch_free(batch);
    oai_queue_free(queue);
    oai_client_free(client);
    /* A response that was taken outlives batch, queue and client. */
    const float *vector = NULL;
    size_t rows = 0, dims = 0;
    CHECK_STATUS(oai_response_embeddings(response, &vector, &rows, &dims), OAI_OK);
    CHECK(rows == 1 && dims == 8 && vector[0] == vector[0]);
    oai_response_free(response);
}

static void batches(void)
{
    oai_queue *queue = new_queue();
    server_reset();
    fill(queue, 10, 100);
    CHECK_NUMBER(take(queue, 3, 100), 3);
    CHECK_NUMBER(take(queue, 1, 103), 1);
    CHECK_NUMBER(take(queue, SIZE_MAX, 104), 6);
    CHECK_NUMBER(take(queue, SIZE_MAX, 0), 0);
    oai_queue_free(queue);
}

static int unread(int fd)
{
    int bytes = -1;
    CHECK_NUMBER(ioctl(fd, FIONREAD, &bytes), 0);
    struct pollfd bell = {fd, POLLIN, 0};
    CHECK_NUMBER(poll(&bell, 1, 0), bytes > 0);
    return bytes;
}

static void doorbell(void)
{
    char bytes[16];
    oai_queue *queue = new_queue();
    server_reset();
    /* Made when something is there already, it rings. */
    fill(queue, 2, 0);
    int fd = (int)oai_queue_fd(queue);
    CHECK(fd >= 0);
    CHECK_NUMBER(oai_queue_fd(queue), fd);
    CHECK_NUMBER(unread(fd), 1);
    CHECK_NUMBER(take(queue, 2, 0), 2);
    /* Nobody has seen the queue empty yet, so it need not ring again. */
    fill(queue, 1, 2);
    CHECK_NUMBER(unread(fd), 1);
    CHECK_NUMBER(take(queue, 2, 2), 1);
    CHECK_NUMBER(take(queue, 2, 0), 0);
    CHECK_NUMBER(unread(fd), 0);
    /* Five events, one ring. */
    fill(queue, 5, 0);
    CHECK_NUMBER(unread(fd), 1);
    CHECK_NUMBER(take(queue, 9, 0), 5);
    CHECK_NUMBER(take(queue, 9, 0), 0);
    CHECK_NUMBER(unread(fd), 0);
    /* The host may read the byte; what is in the queue stays there, and the next ring comes as ever. */
    fill(queue, 2, 0);
    CHECK_NUMBER(read(fd, bytes, sizeof bytes), 1);
    CHECK_NUMBER(unread(fd), 0);
    fill(queue, 1, 2);
    CHECK_NUMBER(unread(fd), 0);
    CHECK_NUMBER(take(queue, 9, 0), 3);
    CHECK_NUMBER(take(queue, 9, 0), 0);
    fill(queue, 1, 0);
    CHECK_NUMBER(unread(fd), 1);

    int duplicate = (int)oai_queue_dup_fd(queue);
    CHECK(duplicate >= 0 && duplicate != fd);
    CHECK((fcntl(duplicate, F_GETFD) & FD_CLOEXEC) != 0 && (fcntl(duplicate, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK_NUMBER(unread(duplicate), 1);
    CHECK_NUMBER(close(duplicate), 0);
    CHECK_NUMBER(unread(fd), 1);
    duplicate = (int)oai_queue_dup_fd(queue);
    oai_queue_free(queue);
    CHECK_NUMBER(fcntl(fd, F_GETFD), -1);
    CHECK(fcntl(duplicate, F_GETFD) >= 0);
    CHECK_NUMBER(close(duplicate), 0);
}

/* The loop of the header's advice, with a poll between. */
static void poll_loop(void)
{
    enum { COUNT = 50 };
    int seen = 0;
    oai_queue *queue = new_queue();
    oai_client *client = new_client("");
    struct pollfd bell = {(int)oai_queue_fd(queue), POLLIN, 0};
    server_reset();
    for (int i = 0; i < COUNT; i++)
        submit_to(client, queue, 1);
    while (seen < COUNT) {
        oai_batch *batch = NULL;
        CHECK_NUMBER(poll(&bell, 1, -1), 1);
        while (oai_queue_next(queue, 7, &batch) == OAI_OK && batch != NULL) {
            oai_event_record *record = NULL;
            size_t count = 0;
            CHECK_STATUS(oai_batch_records(batch, &record, &count), OAI_OK);
            seen += (int)count;
            oai_batch_free(batch);
        }
    }
    CHECK_NUMBER(seen, COUNT);
    oai_client_free(client);
    oai_queue_free(queue);
}

static void clients_and_queues(void)
{
    oai_queue *queue = new_queue(), *other = new_queue();
    oai_client *first = new_client(""), *second = new_client("");
    server_reset();
    submit_to(first, queue, 1);
    CHECK_STATUS(oai_client_close(first, 60000, NULL), OAI_OK);
    submit_to(second, queue, 2);
    submit_to(second, other, 3);
    CHECK_STATUS(oai_client_close(second, 60000, NULL), OAI_OK);
    oai_client_free(first);
    oai_client_free(second);
    CHECK_NUMBER(take(queue, 9, 1), 2);
    CHECK_NUMBER(take(other, 9, 3), 1);
    oai_queue_free(queue);
    oai_queue_free(other);
}

/* A free client leaves no event behind: what was in flight and what waited has its end in the queue. */
static void freed_client(void)
{
    enum { ROUNDS = 50, COUNT = 8 };
    oai_queue *queue = new_queue();
    server_reset();
    for (int round = 0; round < ROUNDS; round++) {
        oai_batch *batch = NULL;
        size_t count = 0;
        oai_event_record *records = NULL;
        oai_client *client = new_client("\"max_concurrent_requests\": 4");
        for (int i = 0; i < COUNT; i++)
            submit_to(client, queue, 1);
        oai_client_free(client);
        CHECK_STATUS(oai_queue_next(queue, COUNT + 1, &batch), OAI_OK);
        CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
        CHECK_NUMBER(count, COUNT);
        oai_batch_free(batch);
    }
    oai_queue_free(queue);
}

static void *wait_for_ever(void *argument)
{
    oai_batch *batch = NULL;
    CHECK_STATUS(oai_queue_wait((oai_queue *)argument, 1, UINT64_MAX, &batch), OAI_OK);
    CHECK(batch == NULL);
    return NULL;
}

static void waiting(void)
{
    struct timespec before, after;
    oai_batch *batch = NULL;
    oai_queue *queue = new_queue();
    clock_gettime(CLOCK_MONOTONIC, &before);
    CHECK_STATUS(oai_queue_wait(queue, 1, 30, &batch), OAI_OK);
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK(batch == NULL);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 30000000);
    /* A wake that finds nobody waiting ends the next wait. */
    CHECK_STATUS(oai_queue_wake(queue), OAI_OK);
    wait_for_ever(queue);
    /* It ends one: here each of two, whether they wait already or not. */
    pthread_t one = start_thread(wait_for_ever, queue), two = start_thread(wait_for_ever, queue);
    CHECK_STATUS(oai_queue_wake(queue), OAI_OK);
    CHECK_STATUS(oai_queue_wake(queue), OAI_OK);
    join_thread(one);
    join_thread(two);
    /* And it is no event: one that comes now is not lost. */
    CHECK_STATUS(oai_queue_wake(queue), OAI_OK);
    fill(queue, 1, 5);
    CHECK_NUMBER(take(queue, 1, 5), 1);
    oai_queue_free(queue);
}

enum { THREADS = 4, EVENTS = 200 };
static int times[EVENTS + 1];

static void *consume(void *argument)
{
    for (;;) {
        oai_batch *batch = NULL;
        oai_event_record *record = NULL;
        size_t count = 0;
        int last = 0;
        CHECK_STATUS(oai_queue_wait((oai_queue *)argument, 1, UINT64_MAX, &batch), OAI_OK);
        CHECK(batch != NULL);
        CHECK_STATUS(oai_batch_records(batch, &record, &count), OAI_OK);
        for (size_t i = 0; i < count; i++) {
            __atomic_add_fetch(&times[record[i].tag % EVENTS], 1, __ATOMIC_SEQ_CST);
            last |= record[i].tag >= EVENTS;
        }
        oai_batch_free(batch);
        if (last)
            return NULL;
    }
}

/* Several threads take from one queue: each event goes to one of them. */
static void many_readers(void)
{
    pthread_t threads[THREADS];
    oai_queue *queue = new_queue();
    server_reset();
    for (int i = 0; i < THREADS; i++)
        threads[i] = start_thread(consume, queue);
    fill(queue, EVENTS / 2, 0);
    fill(queue, EVENTS / 2, EVENTS / 2);
    /* One that tells its reader to stop, for each of them. */
    for (int i = 0; i < THREADS; i++) {
        fill(queue, 1, EVENTS);
        times[0]--;
    }
    for (int i = 0; i < THREADS; i++)
        join_thread(threads[i]);
    for (int i = 0; i < EVENTS; i++)
        CHECK_NUMBER(times[i], 1);
    oai_queue_free(queue);
}

/* What was submitted goes on without its queue. */
static void freed_early(void)
{
    oai_queue *queue = new_queue();
    oai_client *client = new_client("\"max_concurrent_requests\": 1");
    server_reset();
    fill(queue, 3, 0);
    server_script("{\"hold\": \"gate\"}");
    submit_to(client, queue, 1);
    submit_to(client, queue, 2);
    server_wait("in_flight", 1);
    oai_queue_free(queue);
    server_release("gate", 0);
    CHECK_STATUS(oai_client_close(client, 60000, NULL), OAI_OK);
    CHECK_NUMBER(server_stat("served.200"), 5);
    oai_client_free(client);
}

int main(void)
{
    records();
    batches();
    doorbell();
    poll_loop();
    clients_and_queues();
    freed_client();
    waiting();
    many_readers();
    freed_early();
    return finish("queue");
}
