/*
 * Exactly one terminal event for each accepted request and none for a refused one; its destructor exactly once, whatever
 * ends it; callbacks of one client one at a time and never inside a call; what may be called from inside one.
 */
#include "events.h"
#include <sched.h>

static oai_request *request;

/* An answer, an error of the server, no server. */
static void success_and_failure(void)
{
    struct seen seen = {0};
    oai_client *client = new_client("\"max_retries\": 0");
    server_reset();
    CHECK_STATUS(submit(client, request, &seen), OAI_OK);
    CHECK_STATUS(wait_end(&seen), OAI_OK);
    CHECK_NUMBER(oai_response_http_status(seen.response), 200);
    forget(&seen);
    server_script("{\"status\": 500}");
    CHECK_STATUS(submit(client, request, &seen), OAI_OK);
    CHECK_STATUS(wait_end(&seen), OAI_ERR_HTTP_SERVER);
    forget(&seen);
    oai_client_free(client);

    client = new_client("\"max_retries\": 0, \"connect_timeout_ms\": 1000");
    CHECK_STATUS(oai_set_base_url(client, "http://127.0.0.1:1/v1"), OAI_OK);
    CHECK_STATUS(submit(client, request, &seen), OAI_OK);
    CHECK_STATUS(wait_end(&seen), OAI_ERR_CONNECT);
    forget(&seen);
    oai_client_free(client);
}

/* Refused: the destructor has run when the call returns, and no event comes. */
static void check_refused(oai_status status, oai_status expected, struct seen *seen)
{
    CHECK_STATUS(status, expected);
    CHECK_NUMBER(seen->destroyed, 1);
    CHECK_NUMBER(seen->id, 0);
    CHECK_NUMBER(seen->ends + seen->chunks, 0);
}

static void refused(void)
{
    struct seen held = {0}, seen[8];
    const char *text = "text";
    memset(seen, 0, sizeof seen);
    oai_client *client = new_client("\"max_concurrent_requests\": 1, \"queue_size\": 0");
    server_reset();
    check_refused(oai_submit(client, request, NULL, &seen[0], on_destroy, &seen[0].id, NULL), OAI_ERR_INVALID_ARGUMENT, &seen[0]);
    check_refused(submit(client, NULL, &seen[1]), OAI_ERR_INVALID_ARGUMENT, &seen[1]);
    check_refused(submit(NULL, request, &seen[2]), OAI_ERR_INVALID_ARGUMENT, &seen[2]);
    check_refused(oai_embed_async(client, MODEL, &text, NULL, 0, NULL, on_event, &seen[3], on_destroy, &seen[3].id, NULL),
                  OAI_ERR_INVALID_ARGUMENT, &seen[3]);
    server_script("{\"hold\": \"gate\"}");
    CHECK_STATUS(submit(client, request, &held), OAI_OK);
    check_refused(submit(client, request, &seen[4]), OAI_ERR_QUEUE_FULL, &seen[4]);
    server_release("gate", 0);
    CHECK_STATUS(wait_end(&held), OAI_OK);
    CHECK_STATUS(oai_client_close(client, 10000, NULL), OAI_OK);
    check_refused(submit(client, request, &seen[5]), OAI_ERR_CLOSED, &seen[5]);
    oai_client_free(client);

    client = new_client("");
    CHECK_STATUS(oai_set_base_url(client, NULL), OAI_OK);
    CHECK_STATUS(oai_set_api_key(client, NULL), OAI_OK);
    check_refused(submit(client, request, &seen[6]), OAI_ERR_NO_API_KEY, &seen[6]);
    oai_client_free(client);
    CHECK_NUMBER(server_stat("arrived"), 1);
    /* Nothing came late. */
    for (size_t i = 0; i < 7; i++)
        CHECK(seen[i].ends == 0 && seen[i].chunks == 0 && seen[i].destroyed == 1);
    forget(&held);
}

/* Freed with requests in flight, waiting and in backoff: when the call returns, all have ended. */
static void client_freed(void)
{
    enum { COUNT = 12 };
    struct seen seen[COUNT];
    memset(seen, 0, sizeof seen);
    oai_client *client = new_client("\"max_concurrent_requests\": 2");
    server_reset();
    server_script("[{\"status\": 503, \"headers\": {\"retry-after\": \"100\"}}, {\"hold\": \"gate\", \"times\": null}]");
    for (int i = 0; i < COUNT; i++)
        CHECK_STATUS(submit(client, request, &seen[i]), OAI_OK);
    server_wait("arrived", 3);
    oai_client_free(client);
    for (int i = 0; i < COUNT; i++) {
        CHECK_NUMBER(seen[i].ends, 1);
        CHECK_NUMBER(seen[i].destroyed, 1);
        CHECK_STATUS(seen[i].status, OAI_ERR_CANCELLED);
        forget(&seen[i]);
    }
    server_wait("in_flight", 0);
}

/* Frees the client that is in `more`. */
static void free_client(struct seen *seen, int kind)
{
    CHECK_NUMBER(kind, OAI_EVENT_DONE);
    oai_client_free((oai_client *)seen->more);
}

/* Freed inside its own callback: that returns at once, and the others end afterwards. */
static void freed_by_itself(void)
{
    enum { COUNT = 6 };
    struct seen seen[COUNT];
    memset(seen, 0, sizeof seen);
    oai_client *client = new_client("\"max_concurrent_requests\": 2");
    server_reset();
    server_script("[{\"hold\": \"first\", \"match\": {\"contains\": \"first\"}}, {\"hold\": \"gate\", \"times\": null}]");
    seen[0].then = free_client;
    seen[0].more = client;
    submit_text(client, "first", &seen[0]);
    for (int i = 1; i < COUNT; i++)
        CHECK_STATUS(submit(client, request, &seen[i]), OAI_OK);
    server_release("first", 0);
    CHECK_STATUS(wait_end(&seen[0]), OAI_OK);
    for (int i = 1; i < COUNT; i++)
        CHECK_STATUS(wait_end(&seen[i]), OAI_ERR_CANCELLED);
    for (int i = 0; i < COUNT; i++)
        forget(&seen[i]);
}

/* Frees the client that is in `more`, whose callbacks are then all over. */
static void free_other(struct seen *seen, int kind)
{
    struct seen *other = (struct seen *)seen->more;
    CHECK_NUMBER(kind, OAI_EVENT_DONE);
    oai_client_free((oai_client *)other->more);
    pthread_mutex_lock(&seen_lock);
    CHECK_NUMBER(other[0].ends, 1);
    CHECK_NUMBER(other[0].destroyed, 1);
    CHECK_NUMBER(other[1].ends, 1);
    CHECK_NUMBER(other[1].destroyed, 1);
    pthread_mutex_unlock(&seen_lock);
}

static void freed_by_another(void)
{
    struct seen first = {0}, others[2];
    memset(others, 0, sizeof others);
    oai_client *client = new_client(""), *other = new_client("\"max_concurrent_requests\": 1");
    server_reset();
    server_script("{\"hold\": \"gate\"}");
    others[0].more = other;
    CHECK_STATUS(submit(other, request, &others[0]), OAI_OK);
    CHECK_STATUS(submit(other, request, &others[1]), OAI_OK);
    server_wait("in_flight", 1);
    first.then = free_other;
    first.more = others;
    CHECK_STATUS(submit(client, request, &first), OAI_OK);
    CHECK_STATUS(wait_end(&first), OAI_OK);
    CHECK_STATUS(others[0].status, OAI_ERR_CANCELLED);
    CHECK_STATUS(others[1].status, OAI_ERR_CANCELLED);
    oai_client_free(client);
    forget(&first);
    forget(&others[0]);
    forget(&others[1]);
}

/* Blocking calls are refused in a callback; others are made there. */
static void call_everything(struct seen *seen, int kind)
{
    struct seen *next = (struct seen *)seen->more;
    oai_client *client = (oai_client *)next->more;
    oai_response *response = NULL;
    oai_queue *queue = NULL;
    oai_batch *batch = NULL;
    char *json = NULL;
    const char *text = "text";
    CHECK_NUMBER(kind, OAI_EVENT_DONE);
    CHECK_STATUS(oai_send(client, request, &response), OAI_ERR_STATE);
    CHECK_STATUS(oai_response_status(response), OAI_ERR_STATE);
    CHECK_HOLDS(oai_error_message(oai_response_error(response)), "callback");
    oai_response_free(response);
    CHECK_STATUS(oai_embed(client, MODEL, &text, NULL, 1, NULL, &response), OAI_ERR_STATE);
    oai_response_free(response);
    CHECK_STATUS(oai_embed_json(client, MODEL, "text", 4, "float", &json, NULL, NULL), OAI_ERR_STATE);
    CHECK_STATUS(oai_client_close(client, 0, NULL), OAI_ERR_STATE);
    CHECK_STATUS(oai_shutdown(0, NULL), OAI_ERR_STATE);
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    CHECK_STATUS(oai_queue_wait(queue, 1, 0, &batch), OAI_ERR_STATE);
    CHECK_STATUS(oai_queue_next(queue, 1, &batch), OAI_OK);
    oai_queue_free(queue);
    CHECK_STATUS(oai_set_max_retries(client, 3), OAI_OK);
    CHECK_STATUS(oai_cancel(client, seen->id, NULL), OAI_ERR_UNKNOWN_ID);
    CHECK_STATUS(submit(client, request, next), OAI_OK);
    CHECK_NUMBER(next->ends, 0);
}

static void inside_a_callback(void)
{
    struct seen first = {0}, next = {0};
    oai_client *client = new_client("");
    server_reset();
    first.then = call_everything;
    first.more = &next;
    next.more = client;
    CHECK_STATUS(submit(client, request, &first), OAI_OK);
    CHECK_STATUS(wait_end(&first), OAI_OK);
    CHECK_STATUS(wait_end(&next), OAI_OK);
    /* The client is in use: none of the refused calls has closed it. */
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    forget(&first);
    forget(&next);
    oai_client_free(client);
}

static int inside;

/* Two at once would find each other here. */
static void alone(struct seen *seen, int kind)
{
    (void)seen, (void)kind;
    CHECK_NUMBER(__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST), 1);
    sched_yield();
    CHECK_NUMBER(__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST), 0);
}

/* Many requests of several threads, a third of them cancelled, the client freed in the midst. */
enum { THREADS = 4, EACH = 100 };
static struct seen many[THREADS][EACH];
static oai_client *shared;
static pthread_barrier_t half_way;

static void *submit_many(void *argument)
{
    struct seen *mine = (struct seen *)argument;
    for (int i = 0; i < EACH; i++) {
        mine[i].then = alone;
        CHECK_STATUS(submit(shared, request, &mine[i]), OAI_OK);
        if (i % 3 == 0) {
            oai_status status = oai_cancel(shared, mine[i].id, NULL);
            CHECK(status == OAI_OK || status == OAI_ERR_UNKNOWN_ID);
        }
    }
    pthread_barrier_wait(&half_way);
    return NULL;
}

static void many_at_once(void)
{
    pthread_t threads[THREADS];
    memset(many, 0, sizeof many);
    shared = new_client("\"queue_size\": 1000");
    server_reset();
    CHECK_NUMBER(pthread_barrier_init(&half_way, NULL, THREADS + 1), 0);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start_thread(submit_many, many[i]);
    pthread_barrier_wait(&half_way);
    oai_client_free(shared);
    for (int i = 0; i < THREADS; i++) {
        join_thread(threads[i]);
        for (int j = 0; j < EACH; j++) {
            struct seen *seen = &many[i][j];
            CHECK(seen->id != 0);
            CHECK_NUMBER(seen->ends, 1);
            CHECK_NUMBER(seen->destroyed, 1);
            CHECK(seen->status == OAI_OK || seen->status == OAI_ERR_CANCELLED);
            forget(seen);
        }
    }
    pthread_barrier_destroy(&half_way);
}

/* oai_shutdown ends what is left, and returns when all have ended. */
static void shut_down(void)
{
    struct seen seen[3];
    memset(seen, 0, sizeof seen);
    oai_client *client = new_client("\"max_concurrent_requests\": 1");
    server_reset();
    server_script("{\"hold\": \"gate\"}");
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(submit(client, request, &seen[i]), OAI_OK);
    server_wait("in_flight", 1);
    CHECK_STATUS(oai_shutdown(0, NULL), OAI_ERR_DEADLINE);
    for (int i = 0; i < 3; i++) {
        CHECK_NUMBER(seen[i].ends, 1);
        CHECK_NUMBER(seen[i].destroyed, 1);
        CHECK_STATUS(seen[i].status, OAI_ERR_SHUTDOWN);
        forget(&seen[i]);
    }
    check_refused(submit(client, request, &seen[0]), OAI_ERR_SHUTDOWN, &seen[0]);
    oai_client_free(client);
}

int main(void)
{
    request = new_embedding("text");
    success_and_failure();
    refused();
    client_freed();
    freed_by_itself();
    freed_by_another();
    inside_a_callback();
    many_at_once();
    shut_down();
    oai_request_free(request);
    printf("ok destructors\n");
    return 0;
}
