/*
 * OAI_CALLBACK_ON_WORKER: callbacks on the thread that read the answer, with the same promises: never inside a call, one
 * end each, no blocking calls from within, and clients that are freed inside.
 */
#include "events.h"

static const char *const ON_WORKER = "\"callback_thread\": \"worker\", \"max_concurrent_requests\": 2";
static oai_request *request;

static void on_another_thread(void)
{
    struct seen worker = {0}, dispatcher = {0}, stream = {0};
    oai_client *client = new_client(ON_WORKER), *usual = new_client("");
    oai_request *chat = new_request("POST", "/chat/completions",
                                    "{\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": \"a b\"}], \"stream\": true}");
    server_reset();
    CHECK_STATUS(submit(client, request, &worker), OAI_OK);
    CHECK_STATUS(submit(usual, request, &dispatcher), OAI_OK);
    CHECK_STATUS(submit(client, chat, &stream), OAI_OK);
    CHECK_STATUS(wait_end(&worker), OAI_OK);
    CHECK_STATUS(wait_end(&dispatcher), OAI_OK);
    CHECK_STATUS(wait_end(&stream), OAI_OK);
    CHECK(!pthread_equal(worker.thread, dispatcher.thread));
    CHECK(!pthread_equal(worker.thread, pthread_self()));
    CHECK(pthread_equal(worker.thread, stream.thread));
    CHECK_NUMBER(stream.chunks, 6);
    CHECK(json_is(stream.texts[1], "choices.0.delta.content", "You "));
    forget(&worker);
    forget(&dispatcher);
    forget(&stream);
    oai_request_free(chat);
    oai_client_free(client);
    oai_client_free(usual);
}

/* Nothing that blocks is called on the thread that everything runs on; what does not, is. */
static void call_back(struct seen *seen, int kind)
{
    struct seen *next = (struct seen *)seen->more;
    oai_client *client = (oai_client *)next->more;
    oai_response *response = NULL;
    CHECK_NUMBER(kind, OAI_EVENT_DONE);
    CHECK_STATUS(oai_send(client, request, &response), OAI_ERR_STATE);
    oai_response_free(response);
    CHECK_STATUS(oai_client_close(client, 0, NULL), OAI_ERR_STATE);
    CHECK_STATUS(oai_shutdown(0, NULL), OAI_ERR_STATE);
    CHECK_STATUS(submit(client, request, next), OAI_OK);
}

static void from_inside(void)
{
    struct seen first = {0}, next = {0};
    oai_client *client = new_client(ON_WORKER);
    server_reset();
    first.then = call_back;
    first.more = &next;
    next.more = client;
    CHECK_STATUS(submit(client, request, &first), OAI_OK);
    CHECK_STATUS(wait_end(&first), OAI_OK);
    CHECK_STATUS(wait_end(&next), OAI_OK);
    forget(&first);
    forget(&next);
    oai_client_free(client);
}

/* Cancelled, out of time and refused, by a thread of the host: the callback is still not made inside that call, which
   the recorder checks. */
static void from_outside(void)
{
    enum { COUNT = 4 };
    struct seen seen[COUNT], late = {0};
    memset(seen, 0, sizeof seen);
    oai_client *client = new_client(ON_WORKER);
    oai_request *short_lived = new_embedding("text");
    CHECK_STATUS(oai_request_set_timeout_ms(short_lived, 50), OAI_OK);
    server_reset();
    server_script("{\"hold\": \"gate\", \"times\": null}");
    for (int i = 0; i < COUNT; i++)
        CHECK_STATUS(submit(client, request, &seen[i]), OAI_OK);
    server_wait("in_flight", 2);
    CHECK_STATUS(submit(client, short_lived, &late), OAI_OK);
    CHECK_STATUS(wait_end(&late), OAI_ERR_DEADLINE);
    for (int i = COUNT - 1; i >= 0; i--) {
        seen[i].submitting = 1; /* the call that must not call back is now the cancel */
        CHECK_STATUS(oai_cancel(client, seen[i].id, NULL), OAI_OK);
        seen[i].submitting = 0;
    }
    for (int i = 0; i < COUNT; i++) {
        CHECK_STATUS(wait_end(&seen[i]), OAI_ERR_CANCELLED);
        CHECK(!pthread_equal(seen[i].thread, pthread_self()));
        forget(&seen[i]);
    }
    forget(&late);
    oai_request_free(short_lived);
    oai_client_free(client);
}

static void free_client(struct seen *seen, int kind)
{
    CHECK_NUMBER(kind, OAI_EVENT_DONE);
    oai_client_free((oai_client *)seen->more);
}

/* Freed by itself, by a callback of the dispatcher, and by the host: each time all have ended, once. */
static void freed(void)
{
    enum { COUNT = 6 };
    struct seen seen[COUNT], usual;
    for (int way = 0; way < 3; way++) {
        oai_client *client = new_client(ON_WORKER), *other = new_client("");
        memset(seen, 0, sizeof seen);
        memset(&usual, 0, sizeof usual);
        server_reset();
        server_script("[{\"hold\": \"first\", \"match\": {\"contains\": \"first\"}}, {\"hold\": \"gate\", \"times\": null, "
                      "\"match\": {\"contains\": \"text\\\"\"}}]");
        if (way == 0)
            seen[0].then = free_client;
        seen[0].more = client;
        usual.then = free_client;
        usual.more = client;
        submit_text(client, "first", &seen[0]);
        for (int i = 1; i < COUNT; i++)
            CHECK_STATUS(submit(client, request, &seen[i]), OAI_OK);
        server_wait("in_flight", 2);
        if (way == 0)
            server_release("first", 0);
        else if (way == 1)
            submit_text(other, "another", &usual);
        else
            oai_client_free(client);
        for (int i = 0; i < COUNT; i++) {
            CHECK_STATUS(wait_end(&seen[i]), way == 0 && i == 0 ? OAI_OK : OAI_ERR_CANCELLED);
            forget(&seen[i]);
        }
        if (way == 1)
            CHECK_STATUS(wait_end(&usual), OAI_OK);
        oai_client_free(other);
        forget(&usual);
    }
}

int main(void)
{
    request = new_embedding("text");
    for (int i = 0; i < 5; i++) {
        on_another_thread();
        from_inside();
        from_outside();
        freed();
    }
    oai_request_free(request);
    return finish("worker");
}
