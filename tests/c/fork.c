/*
 * Fork: before the first use it is legal and both sides work; the child of a process that has used the library is told
 * so by every call that would do work, can still read what is finished, frees without a crash and exits; the parent goes
 * on. Descriptors do not outlive an exec.
 *
 * valgrind: no (in a forked child the library leaks on purpose: the threads that owned things are not there)
 */
#include "events.h"
#include <fcntl.h>

enum { FORKS = 20, THREADS = 2, FDS = 1024 };

static oai_client *client;
static atomic_int stop;
static int inherited[FDS]; /* open before the library was used */

/* Runs a child that must exit by itself, soon, with 0. */
static void in_child_of_used(void (*run)(void))
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(60); /* a hang is a failure, not an endless test */
        run();
        exit(0);
    }
    CHECK_NUMBER(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        FAIL("the child was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    CHECK_NUMBER(WEXITSTATUS(status), 0);
}

/* The child of a process that had only loaded the library and made a client. */
static void use_it(void)
{
    CHECK_STATUS(embed(client, "in the child"), OAI_OK);
    oai_client_free(client);
    CHECK_STATUS(oai_shutdown(10000, NULL), OAI_OK);
}

/* What the parent had when it forked. */
static oai_request *request;
static oai_response *good, *bad;
static oai_queue *queue;
static oai_realtime *realtime;
static oai_batch *batch;
static oai_error *error;
static struct seen flying, waiting;

static void all_calls_say_forked(void)
{
    oai_client *made = NULL;
    oai_response *response = (oai_response *)(uintptr_t)1;
    oai_queue *new_queue = NULL;
    oai_batch *new_batch = NULL;
    oai_realtime *new_realtime = (oai_realtime *)(uintptr_t)1;
    oai_error *why = NULL;
    char *json = NULL;
    uint64_t id = 1;
    const char *text = "text";
    struct seen refused;
    memset(&refused, 0, sizeof refused);

    CHECK_STATUS(oai_client_new(NULL, 0, &made, &why), OAI_ERR_FORKED);
    CHECK(made == NULL);
    CHECK_STATUS(oai_error_status(why), OAI_ERR_FORKED);
    CHECK_HOLDS(oai_error_message(why), "fork");
    oai_error_free(why);
    CHECK_STATUS(oai_client_configure_json(client, "{}", 2, NULL), OAI_ERR_FORKED);
    CHECK_STATUS(oai_client_config_json(client, &json, NULL, NULL), OAI_ERR_FORKED);
    CHECK_STATUS(oai_client_stats_json(client, &json, NULL, NULL), OAI_ERR_FORKED);
    CHECK_STATUS(oai_client_position(client, 1, NULL, NULL, NULL), OAI_ERR_FORKED);
    CHECK_STATUS(oai_client_close(client, 0, NULL), OAI_ERR_FORKED);
    CHECK_STATUS(oai_set_max_retries(client, 1), OAI_ERR_FORKED);
    CHECK_STATUS(oai_set_api_key(client, "sk-x"), OAI_ERR_FORKED);
    CHECK_STATUS(oai_send(client, request, &response), OAI_ERR_FORKED);
    CHECK(response == NULL);
    CHECK_STATUS(oai_embed(client, MODEL, &text, NULL, 1, NULL, &response), OAI_ERR_FORKED);
    CHECK(response == NULL);
    CHECK_STATUS(oai_embed_json(client, MODEL, text, 4, "float", &json, NULL, NULL), OAI_ERR_FORKED);
    CHECK(json == NULL);
    CHECK_STATUS(submit(client, request, &refused), OAI_ERR_FORKED);
    CHECK(refused.destroyed == 1 && refused.ends == 0 && refused.id == 0);
    CHECK_STATUS(oai_submit_to(client, request, queue, 1, &id, NULL), OAI_ERR_FORKED);
    CHECK_NUMBER(id, 0);
    CHECK_STATUS(oai_cancel(client, flying.id, NULL), OAI_ERR_FORKED);
    CHECK_STATUS(oai_realtime_open(client, request, NULL, 0, &new_realtime, NULL), OAI_ERR_FORKED);
    CHECK(new_realtime == NULL);
    memset(&refused, 0, sizeof refused);
    CHECK_STATUS(oai_realtime_open_async(client, request, NULL, 0, &new_realtime, on_event, &refused, on_destroy,
                                         &refused.id, NULL), OAI_ERR_FORKED);
    CHECK(new_realtime == NULL && refused.destroyed == 1 && refused.id == 0);
    CHECK_STATUS(oai_realtime_open_to(client, request, NULL, 0, &new_realtime, queue, 0, &id, NULL), OAI_ERR_FORKED);
    CHECK_STATUS(oai_realtime_send(realtime, "{}", 2, NULL), OAI_ERR_FORKED);
    CHECK_STATUS(oai_realtime_send_binary(realtime, "{}", 2, NULL), OAI_ERR_FORKED);
    CHECK_STATUS(oai_realtime_next(realtime, 1, UINT64_MAX, &new_batch, NULL), OAI_ERR_FORKED);
    CHECK_STATUS(oai_realtime_close(realtime, 0, NULL, NULL), OAI_ERR_FORKED);
    CHECK(oai_realtime_id(realtime) != 0 && oai_realtime_unsent_bytes(realtime) == 0);
    CHECK_STATUS(oai_queue_new(&new_queue, NULL), OAI_ERR_FORKED);
    CHECK_NUMBER(oai_queue_fd(queue), OAI_ERR_FORKED);
    CHECK_NUMBER(oai_queue_dup_fd(queue), OAI_ERR_FORKED);
    CHECK_STATUS(oai_queue_next(queue, 1, &new_batch), OAI_ERR_FORKED);
    CHECK_STATUS(oai_queue_wait(queue, 1, UINT64_MAX, &new_batch), OAI_ERR_FORKED);
    CHECK_STATUS(oai_queue_wake(queue), OAI_ERR_FORKED);
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL), OAI_ERR_FORKED);
    CHECK_STATUS(oai_set_log_to(OAI_LOG_OFF, queue, NULL), OAI_ERR_FORKED);
    CHECK_STATUS(oai_queue_set_max_unread_bytes(queue, 1, NULL), OAI_ERR_FORKED);
    CHECK_STATUS(oai_shutdown(0, NULL), OAI_ERR_FORKED);

    /* What is finished can be read. */
    const float *vector = NULL;
    size_t rows = 0, dims = 0, count = 0;
    const char *body = NULL;
    oai_event_record *records = NULL;
    CHECK_STATUS(oai_response_status(good), OAI_OK);
    CHECK_STATUS(oai_response_embeddings(good, &vector, &rows, &dims), OAI_OK);
    CHECK(rows == 1 && dims == 8 && vector[7] == vector[7]);
    CHECK(oai_response_header(good, "x-request-id") != NULL);
    CHECK_STATUS(oai_response_status(bad), OAI_ERR_HTTP_BAD_REQUEST);
    CHECK_STATUS(oai_response_body(bad, &body, NULL), OAI_OK);
    CHECK_HOLDS(body, "error");
    CHECK_HOLDS(oai_error_message(oai_response_error(bad)), "HTTP 400");
    CHECK_HOLDS(oai_error_message(error), "client");
    CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
    CHECK_NUMBER(count, 1);
    oai_response *taken = oai_record_take_response(records);
    CHECK_STATUS(oai_response_status(taken), OAI_OK);
    CHECK(oai_option_next(NULL) != NULL);

    /* Frees do not crash, and no callback has come here. */
    oai_request_free(request);
    oai_response_free(good);
    oai_response_free(bad);
    oai_response_free(taken);
    oai_batch_free(batch);
    oai_error_free(error);
    oai_queue_free(queue);
    oai_realtime_free(realtime);
    oai_client_free(client);
    CHECK(flying.ends == 0 && flying.destroyed == 0 && waiting.ends == 0);
}

static void a_child_of_the_child(void)
{
    CHECK_STATUS(embed(client, "text"), OAI_ERR_FORKED);
    in_child_of_used(all_calls_say_forked);
    all_calls_say_forked();
}

/* Forks while one request is in flight, one waits, and everything else lies about. */
static void child_of_used(void)
{
    oai_client *queued = new_client("");
    client = new_client("\"max_concurrent_requests\": 1, \"max_retries\": 0");
    request = new_embedding("text");
    server_reset();
    CHECK_STATUS(oai_send(client, request, &good), OAI_OK);
    server_script("{\"status\": 400}");
    CHECK_STATUS(oai_send(client, request, &bad), OAI_ERR_HTTP_BAD_REQUEST);
    CHECK_STATUS(oai_cancel(NULL, 1, &error), OAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    CHECK(oai_queue_fd(queue) >= 0);
    CHECK_STATUS(oai_submit_to(queued, request, queue, 1, NULL, NULL), OAI_OK);
    CHECK_STATUS(oai_queue_wait(queue, 1, UINT64_MAX, &batch), OAI_OK);
    oai_request *talk = new_request("GET", "/realtime", "");
    oai_batch *opened = NULL;
    CHECK_STATUS(oai_realtime_open(queued, talk, NULL, 0, &realtime, NULL), OAI_OK);
    CHECK_STATUS(oai_realtime_next(realtime, 1, UINT64_MAX, &opened, NULL), OAI_OK);
    oai_batch_free(opened);
    oai_request_free(talk);
    server_script("{\"hold\": \"gate\"}");
    CHECK_STATUS(submit(client, request, &flying), OAI_OK);
    CHECK_STATUS(submit(client, request, &waiting), OAI_OK);
    server_wait("in_flight", 1);

    in_child_of_used(all_calls_say_forked);
    in_child_of_used(a_child_of_the_child);

    /* The parent goes on. */
    server_release("gate", 0);
    CHECK_STATUS(wait_end(&flying), OAI_OK);
    CHECK_STATUS(wait_end(&waiting), OAI_OK);
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    CHECK_STATUS(oai_queue_wake(queue), OAI_OK);
    CHECK_NUMBER(server_stat("served.200"), 5);
    forget(&flying);
    forget(&waiting);
    oai_request_free(request);
    oai_response_free(good);
    oai_response_free(bad);
    oai_error_free(error);
    oai_batch_free(batch);
    oai_queue_free(queue);
    CHECK_STATUS(oai_realtime_send(realtime, "{}", 2, NULL), OAI_OK);
    oai_realtime_free(realtime);
    oai_client_free(client);
    oai_client_free(queued);
}

static void *embed_all_the_time(void *argument)
{
    long *count = (long *)argument;
    for (; !atomic_load(&stop); ++*count)
        CHECK_STATUS(embed(client, "text"), OAI_OK);
    return NULL;
}

static void look_and_leave(void)
{
    CHECK_STATUS(embed(client, "text"), OAI_ERR_FORKED);
    oai_client_free(client);
}

/* Forks at any moment of other threads' calls: whatever lock they hold is not needed. */
static void while_others_call(void)
{
    pthread_t threads[THREADS];
    long counts[THREADS] = {0}, sum = 0;
    oai_queue *log;
    CHECK_STATUS(oai_queue_new(&log, NULL), OAI_OK);
    CHECK_STATUS(oai_set_log_to(OAI_LOG_TRACE, log, NULL), OAI_OK);
    client = new_client("");
    server_reset();
    for (int i = 0; i < THREADS; i++)
        threads[i] = start_thread(embed_all_the_time, &counts[i]);
    server_wait("arrived", 1);
    for (int i = 0; i < FORKS; i++)
        in_child_of_used(look_and_leave);
    atomic_store(&stop, 1);
    for (int i = 0; i < THREADS; i++) {
        join_thread(threads[i]);
        sum += counts[i];
    }
    CHECK_NUMBER(server_stat("served.200"), sum);
    CHECK_STATUS(oai_set_log(OAI_LOG_WARN, NULL, NULL, NULL, NULL), OAI_OK);
    oai_queue_free(log);
    oai_client_free(client);
}

/* Every descriptor that the library has opened is closed by an exec. */
static void descriptors(void)
{
    int found = 0;
    oai_queue *made = NULL;
    client = new_client("");
    CHECK_STATUS(oai_queue_new(&made, NULL), OAI_OK);
    CHECK(oai_queue_fd(made) >= 0);
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    for (int fd = 0; fd < FDS; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags < 0 || inherited[fd])
            continue;
        CHECK((flags & FD_CLOEXEC) != 0);
        found++;
    }
    CHECK(found >= 4); /* the doorbell, the connection, the runtime */
    oai_queue_free(made);
    oai_client_free(client);
}

int main(void)
{
    for (int fd = 0; fd < FDS; fd++)
        inherited[fd] = fcntl(fd, F_GETFD) >= 0;
    client = new_client("");
    in_child(use_it);
    in_child(use_it);
    CHECK_STATUS(embed(client, "in the parent"), OAI_OK);
    in_child_of_used(look_and_leave);
    oai_client_free(client);
    descriptors();
    child_of_used();
    while_others_call();
    return finish("fork");
}
