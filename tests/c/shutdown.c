/*
 * oai_shutdown: what is accepted may finish within the time, the rest ends with OAI_ERR_SHUTDOWN, everything is
 * delivered, the threads end; it is final, and handles are freed before or after. Each part is a process of its own.
 */
#include "events.h"
#include <dirent.h>
#include <sys/syscall.h>

static oai_client *client;
static oai_request *request;
static oai_queue *queue;

/* Waits until no thread but this one is left. */
static void wait_alone(void)
{
    for (int count = 0; count != 1;) {
        DIR *tasks = opendir("/proc/self/task");
        CHECK(tasks != NULL);
        count = 0;
        for (struct dirent *task; (task = readdir(tasks)) != NULL;)
            count += *task->d_name != '.';
        closedir(tasks);
        sched_yield();
    }
}

/* Every call that would do work says so; what needs no work still goes. */
static void check_final(void)
{
    oai_client *made = NULL;
    oai_queue *new_queue = NULL;
    oai_response *response = NULL;
    oai_error *error = NULL;
    oai_batch *batch = NULL;
    char *json = NULL;
    uint64_t id = 1;
    struct seen refused;
    memset(&refused, 0, sizeof refused);
    CHECK_STATUS(oai_shutdown(1000, &error), OAI_ERR_SHUTDOWN);
    CHECK_STATUS(oai_error_status(error), OAI_ERR_SHUTDOWN);
    CHECK_HOLDS(oai_error_message(error), "oai_shutdown");
    oai_error_free(error);
    CHECK_STATUS(oai_client_new(NULL, 0, &made, NULL), OAI_ERR_SHUTDOWN);
    CHECK_STATUS(oai_queue_new(&new_queue, NULL), OAI_ERR_SHUTDOWN);
    CHECK(made == NULL && new_queue == NULL);
    CHECK_STATUS(oai_send(client, request, &response), OAI_ERR_SHUTDOWN);
    CHECK_STATUS(oai_response_status(response), OAI_ERR_SHUTDOWN);
    oai_response_free(response);
    CHECK_STATUS(submit(client, request, &refused), OAI_ERR_SHUTDOWN);
    CHECK(refused.destroyed == 1 && refused.ends == 0 && refused.id == 0);
    CHECK_STATUS(oai_submit_to(client, request, queue, 0, &id, NULL), OAI_ERR_SHUTDOWN);
    CHECK_NUMBER(id, 0);
    CHECK_STATUS(oai_set_max_retries(client, 1), OAI_ERR_SHUTDOWN);
    CHECK_STATUS(oai_client_configure_json(client, "{}", 2, NULL), OAI_ERR_SHUTDOWN);
    CHECK_STATUS(oai_client_close(client, 0, NULL), OAI_ERR_SHUTDOWN);
    CHECK_STATUS(oai_set_log(OAI_LOG_WARN, NULL, NULL, NULL, NULL), OAI_ERR_SHUTDOWN);
    CHECK_STATUS(oai_embed_json(client, MODEL, "a", 1, NULL, &json, NULL, NULL), OAI_ERR_SHUTDOWN);
    CHECK_NUMBER(oai_queue_fd(queue), OAI_ERR_SHUTDOWN);
    CHECK_STATUS(oai_queue_next(queue, 1, &batch), OAI_OK);
    CHECK(batch == NULL);
    CHECK_STATUS(oai_queue_wait(queue, 1, UINT64_MAX, &batch), OAI_ERR_SHUTDOWN);
    CHECK_STATUS(oai_queue_wake(queue), OAI_OK);
}

static void begin(const char *config)
{
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL), OAI_OK);
    server_reset();
    client = new_client(config);
    request = new_embedding("text");
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
}

static void end(void)
{
    check_final();
    oai_request_free(request);
    oai_queue_free(queue);
    oai_client_free(client);
}

static void never_used(void)
{
    begin("");
    CHECK_STATUS(oai_shutdown(0, NULL), OAI_OK);
    end();
}

/* What a blocking call has returned is over: even no time at all is enough. */
static void at_once_after_a_call(void)
{
    begin("");
    oai_client *other = new_client("");
    CHECK_STATUS(embed(other, "text"), OAI_OK);
    CHECK_STATUS(oai_client_close(other, 0, NULL), OAI_OK);
    oai_client_free(other);
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    CHECK_STATUS(oai_shutdown(0, NULL), OAI_OK);
    end();
}

static void nothing_left(void)
{
    begin("");
    oai_client *other = new_client("");
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    CHECK_STATUS(embed(other, "text"), OAI_OK);
    oai_client_free(other);
    CHECK_STATUS(oai_shutdown(UINT64_MAX, NULL), OAI_OK);
    wait_alone();
    end();
}

static void *send_held(void *argument)
{
    CHECK_STATUS(embed(client, "held"), *(oai_status *)argument);
    return NULL;
}

/* No time: whatever state a request is in, and whoever waits for it, it ends now. */
static void at_once(void)
{
    enum { COUNT = 4 };
    struct seen seen[COUNT], stream = {0}, backoff = {0};
    struct lines lines = {0};
    oai_status expected = OAI_ERR_SHUTDOWN;
    oai_batch *batch = NULL;
    oai_event_record *record = NULL;
    size_t count = 0;
    memset(seen, 0, sizeof seen);
    begin("\"max_concurrent_requests\": 3");
    capture_log(OAI_LOG_WARN, &lines);
    oai_client *other = new_client("");
    oai_request *chat = new_request("POST", "/chat/completions", "{\"model\": \"m\", \"messages\": [], \"stream\": true}");
    server_script("[{\"match\": {\"contains\": \"backoff\"}, \"status\": 503, \"headers\": {\"retry-after\": \"100\"}}, "
                  "{\"match\": {\"path\": \"/v1/chat/completions\"}, \"chunk_delay_ms\": 1000000, \"chunks\": "
                  "[\"data: {}\\n\\n\", \"data: [DONE]\\n\\n\"]}, {\"hold\": \"gate\", \"times\": null}]");
    submit_text(client, "backoff", &backoff);
    free(wait_lines(&lines, "retry 1 of 5", 1));
    CHECK_STATUS(submit(other, chat, &stream), OAI_OK);
    wait_chunks(&stream, 1);
    pthread_t sender = start_thread(send_held, &expected);
    server_wait("in_flight", 2);
    CHECK_STATUS(oai_submit_to(client, request, queue, 5, NULL, NULL), OAI_OK);
    for (int i = 0; i < COUNT; i++)
        CHECK_STATUS(submit(client, request, &seen[i]), OAI_OK);
    server_wait("in_flight", 4);

    oai_error *error = NULL;
    CHECK_STATUS(oai_shutdown(0, &error), OAI_ERR_DEADLINE);
    CHECK_STATUS(oai_error_status(error), OAI_ERR_DEADLINE);
    oai_error_free(error);
    join_thread(sender);
    for (int i = 0; i < COUNT; i++) {
        CHECK_STATUS(wait_end(&seen[i]), OAI_ERR_SHUTDOWN);
        forget(&seen[i]);
    }
    CHECK_STATUS(wait_end(&stream), OAI_ERR_SHUTDOWN);
    CHECK_STATUS(wait_end(&backoff), OAI_ERR_SHUTDOWN);
    forget(&stream);
    forget(&backoff);
    /* The log's callback has ended too. */
    CHECK_NUMBER(lines.destroyed, 1);
    free(lines.text);
    /* Events that are in a queue by then can still be taken. */
    CHECK_STATUS(oai_queue_wait(queue, 9, UINT64_MAX, &batch), OAI_OK);
    CHECK_STATUS(oai_batch_records(batch, &record, &count), OAI_OK);
    CHECK(count == 1 && record->tag == 5 && record->kind == OAI_EVENT_DONE);
    CHECK_STATUS(record->status, OAI_ERR_SHUTDOWN);
    oai_batch_free(batch);
    wait_alone();
    oai_request_free(chat);
    oai_client_free(other);
    end();
}

static void *shut_down(void *argument)
{
    oai_status *status = (oai_status *)argument;
    *status = oai_shutdown(100000, NULL);
    return NULL;
}

/* Time enough: what was accepted finishes, retries included, while nothing new is taken. */
static void with_time(void)
{
    enum { COUNT = 6 };
    struct seen seen[COUNT];
    oai_status status = OAI_ERR_INTERNAL, expected = OAI_OK;
    memset(seen, 0, sizeof seen);
    begin("\"max_concurrent_requests\": 2, \"initial_retry_delay_ms\": 10");
    server_script("{\"hold\": \"gate\", \"times\": 2}");
    pthread_t sender = start_thread(send_held, &expected);
    server_wait("in_flight", 1);
    for (int i = 0; i < COUNT; i++)
        CHECK_STATUS(submit(client, request, &seen[i]), OAI_OK);
    server_wait("in_flight", 2);
    server_script("{\"status\": 503}");
    pthread_t thread = start_thread(shut_down, &status);
    while (oai_set_max_retries(client, 5) != OAI_ERR_SHUTDOWN)
        sched_yield();
    server_release("gate", 0);
    join_thread(thread);
    join_thread(sender);
    CHECK_STATUS(status, OAI_OK);
    for (int i = 0; i < COUNT; i++) {
        CHECK_STATUS(wait_end(&seen[i]), OAI_OK);
        forget(&seen[i]);
    }
    CHECK_NUMBER(server_stat("served.200"), COUNT + 1);
    CHECK_NUMBER(server_stat("served.503"), 1);
    wait_alone();
    end();
}

static void *wait_in_queue(void *argument)
{
    oai_batch *batch = NULL;
    atomic_store((atomic_int *)argument, (int)syscall(SYS_gettid));
    CHECK_STATUS(oai_queue_wait(queue, 1, UINT64_MAX, &batch), OAI_ERR_SHUTDOWN);
    CHECK(batch == NULL);
    return NULL;
}

/* Waits until a thread has said its number and sleeps. */
static void wait_asleep(atomic_int *thread)
{
    char path[64], text[256], state = 'R';
    while (atomic_load(thread) == 0)
        sched_yield();
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", atomic_load(thread));
    while (state != 'S') {
        FILE *stat = fopen(path, "r");
        CHECK(stat != NULL && fgets(text, sizeof text, stat) != NULL);
        state = strrchr(text, ')')[2];
        fclose(stat);
        sched_yield();
    }
}

/* Who waits for events that cannot come any more is told so. */
static void waiting_threads(void)
{
    pthread_t threads[3];
    atomic_int numbers[3] = {0};
    begin("");
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    for (int i = 0; i < 3; i++) {
        threads[i] = start_thread(wait_in_queue, &numbers[i]);
        wait_asleep(&numbers[i]);
    }
    CHECK_STATUS(oai_shutdown(0, NULL), OAI_OK);
    for (int i = 0; i < 3; i++)
        join_thread(threads[i]);
    end();
}

/* Several at once: one of them does it. */
static void several_at_once(void)
{
    enum { COUNT = 8 };
    pthread_t threads[COUNT];
    oai_status statuses[COUNT];
    int did_it = 0;
    begin("");
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    for (int i = 0; i < COUNT; i++)
        threads[i] = start_thread(shut_down, &statuses[i]);
    for (int i = 0; i < COUNT; i++) {
        join_thread(threads[i]);
        did_it += statuses[i] == OAI_OK;
        CHECK(statuses[i] == OAI_OK || statuses[i] == OAI_ERR_SHUTDOWN);
    }
    CHECK_NUMBER(did_it, 1);
    end();
}

int main(void)
{
    in_child(never_used);
    in_child(nothing_left);
    in_child(at_once);
    in_child(with_time);
    for (int i = 0; i < (is_slow() ? 2 : 20); i++) {
        in_child(at_once_after_a_call);
        in_child(several_at_once);
    }
    in_child(waiting_threads);
    printf("ok shutdown\n");
    return 0;
}
