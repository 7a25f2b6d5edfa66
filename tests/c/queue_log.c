/*
 * The log in a queue: each line is an event with its level, lines and events share the descriptor, and a freed queue
 * gives the lines back to stderr. fork.c forks in the middle of it.
 */
#include "events.h"
#include <poll.h>

static oai_queue *queue;

/* Takes events until a log line holds `part`, and gives its level. No line holds a key; other events are counted. */
static uint64_t wait_line(const char *part, int *others)
{
    for (;;) {
        oai_batch *batch;
        oai_event_record *records;
        size_t count;
        uint64_t level = 0;
        CHECK_STATUS(oai_queue_wait(queue, 1, UINT64_MAX, &batch), OAI_OK);
        CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
        CHECK_NUMBER(count, 1);
        if (records[0].kind == OAI_EVENT_LOG) {
            CHECK(records[0].id == 0 && records[0].status == OAI_OK && records[0].response == NULL);
            CHECK(records[0].tag >= OAI_LOG_ERROR && records[0].tag <= OAI_LOG_TRACE);
            CHECK(records[0].data[records[0].len] == '\0' && strlen(records[0].data) == records[0].len);
            CHECK(strchr(records[0].data, '\n') == NULL && strstr(records[0].data, "sk-test") == NULL);
            if (strstr(records[0].data, part) != NULL)
                level = records[0].tag;
        } else if (others != NULL) {
            ++*others;
        }
        oai_batch_free(batch);
        if (level != 0)
            return level;
    }
}

/* Lines come at their level, before any thread of the library runs and beside the events of requests. */
static void lines(void)
{
    oai_error *error = NULL;
    int others = 0;
    CHECK_STATUS(oai_set_log_to(6, queue, &error), OAI_ERR_INVALID_ARGUMENT);
    CHECK_HOLDS(oai_error_message(error), "level 6");
    oai_error_free(error);
    CHECK_STATUS(oai_set_log_to(OAI_LOG_DEBUG, queue, NULL), OAI_OK);
    oai_client *client = new_client("\"initial_retry_delay_ms\": 1");
    CHECK_NUMBER(wait_line("api key from", NULL), OAI_LOG_INFO);
    CHECK_STATUS(oai_set_max_retries(client, 1000000), OAI_ERR_CONFIG);
    CHECK_NUMBER(wait_line("max_retries", NULL), OAI_LOG_ERROR);

    struct pollfd bell = {.fd = (int)oai_queue_fd(queue), .events = POLLIN};
    oai_batch *batch;
    CHECK_STATUS(oai_queue_next(queue, 1, &batch), OAI_OK);
    CHECK(batch == NULL);
    CHECK_NUMBER(poll(&bell, 1, 0), 0);
    CHECK_STATUS(oai_set_max_retries(client, 1000000), OAI_ERR_CONFIG);
    CHECK_NUMBER(poll(&bell, 1, 10000), 1);
    CHECK_NUMBER(wait_line("max_retries", NULL), OAI_LOG_ERROR);

    server_script("{\"status\": 500}");
    oai_request *request = new_embedding("text");
    CHECK_STATUS(oai_submit_to(client, request, queue, 5, NULL, NULL), OAI_OK);
    CHECK_NUMBER(wait_line("attempt 1 of POST /embeddings", &others), OAI_LOG_DEBUG);
    CHECK_NUMBER(wait_line("retry 1 of 5", &others), OAI_LOG_WARN);
    CHECK_NUMBER(wait_line("attempt 2 of POST /embeddings", &others), OAI_LOG_DEBUG);
    CHECK_STATUS(oai_client_close(client, 60000, NULL), OAI_OK);
    CHECK_STATUS(oai_set_max_retries(client, 1000000), OAI_ERR_CONFIG);
    CHECK_NUMBER(wait_line("max_retries", &others), OAI_LOG_ERROR);
    CHECK_NUMBER(others, 1);
    oai_request_free(request);
    oai_client_free(client);
}

/* What nobody reads is bounded, and the next line says how much was lost. */
static void bounded(void)
{
    enum { MOST = 10000, LOST = 17 };
    oai_client *client = new_client("");
    oai_batch *batch;
    oai_event_record *records;
    size_t count;
    /* The first line is that of the client's key. */
    for (int i = 1; i < MOST + LOST; i++)
        CHECK_STATUS(oai_set_max_retries(client, 1000000), OAI_ERR_CONFIG);
    CHECK(oai_queue_unread_bytes(queue) == 0);
    CHECK_STATUS(oai_queue_next(queue, MOST + LOST, &batch), OAI_OK);
    CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
    CHECK_NUMBER(count, MOST);
    oai_batch_free(batch);
    CHECK_STATUS(oai_set_max_retries(client, 1000000), OAI_ERR_CONFIG);
    CHECK_NUMBER(wait_line("17 lines were lost", NULL), OAI_LOG_ERROR);
    oai_client_free(client);
}

/* Logs an error with stderr going into a file, and tells how many bytes came there. */
static long on_stderr(const oai_client *client)
{
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    CHECK(file != NULL && before >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    CHECK_STATUS(oai_set_max_retries(client, 1000000), OAI_ERR_CONFIG);
    CHECK(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    long bytes = lseek(fileno(file), 0, SEEK_END);
    fclose(file);
    return bytes;
}

static void ends(void)
{
    oai_client *client = new_client("");
    CHECK_NUMBER(on_stderr(client), 0);
    CHECK_STATUS(oai_set_log(OAI_LOG_ERROR, NULL, NULL, NULL, NULL), OAI_OK);
    CHECK(on_stderr(client) > 0);
    CHECK_STATUS(oai_set_log_to(OAI_LOG_ERROR, queue, NULL), OAI_OK);
    CHECK_NUMBER(on_stderr(client), 0);

    oai_queue_free(queue);
    CHECK(on_stderr(client) > 0);
    oai_client_free(client);
}

/* Lines from the library's own threads while the queue is read, replaced and freed. */
static void *swap(void *stop)
{
    while (!atomic_load((atomic_int *)stop)) {
        oai_queue *other;
        oai_batch *batch;
        CHECK_STATUS(oai_queue_new(&other, NULL), OAI_OK);
        CHECK_STATUS(oai_set_log_to(OAI_LOG_TRACE, other, NULL), OAI_OK);
        CHECK_STATUS(oai_queue_wait(other, 1, 1, &batch), OAI_OK);
        oai_batch_free(batch);
        CHECK_STATUS(oai_set_log_to(OAI_LOG_TRACE, queue, NULL), OAI_OK);
        oai_queue_free(other);
    }
    return NULL;
}

static void race(void)
{
    atomic_int stop = 0;
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    CHECK_STATUS(oai_set_log_to(OAI_LOG_TRACE, queue, NULL), OAI_OK);
    pthread_t swapper = start_thread(swap, &stop);
    oai_client *client = new_client("\"queue_size\": 1000");
    oai_request *request = new_embedding("text");
    int total = is_slow() ? 40 : 400, done = 0;
    for (int i = 0; i < total; i++)
        CHECK_STATUS(oai_submit_to(client, request, queue, 1, NULL, NULL), OAI_OK);
    while (done < total) {
        oai_batch *batch;
        oai_event_record *records;
        size_t count;
        CHECK_STATUS(oai_queue_wait(queue, 64, UINT64_MAX, &batch), OAI_OK);
        CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
        for (size_t i = 0; i < count; i++)
            done += records[i].kind == OAI_EVENT_DONE;
        oai_batch_free(batch);
    }
    atomic_store(&stop, 1);
    join_thread(swapper);
    CHECK_STATUS(oai_set_log(OAI_LOG_WARN, NULL, NULL, NULL, NULL), OAI_OK);
    oai_request_free(request);
    oai_client_free(client);
    oai_queue_free(queue);
}

int main(void)
{
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    lines();
    bounded();
    ends();
    race();
    return finish("queue_log");
}
