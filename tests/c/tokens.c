/*
 * Bearer tokens that rotate: asked for by a callback or in a queue, one question at a time, answered from any thread; and
 * what becomes of providers that are replaced, of freed queues and of freed clients.
 */
#include "events.h"

/* A provider by callback, and how it answers. */
struct provider {
    oai_client *client;
    int asked, destroyed;
    uint64_t wanted;      /* the last number */
    enum { ANSWER, ANSWER_LATE, REFUSE, KEEP, FREE_CLIENT, REMOVE } way;
    uint64_t expires_in_ms;
    pthread_t thread;
};

static pthread_mutex_t provider_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t provider_changed = PTHREAD_COND_INITIALIZER;

static void on_wanted(void *user_data, uint64_t wanted)
{
    struct provider *provider = (struct provider *)user_data;
    char token[32];
    pthread_mutex_lock(&provider_lock);
    CHECK_NUMBER(provider->destroyed, 0);
    provider->wanted = wanted;
    provider->thread = pthread_self();
    snprintf(token, sizeof token, "token-SECRET-%d", ++provider->asked);
    pthread_cond_broadcast(&provider_changed);
    pthread_mutex_unlock(&provider_lock);
    switch (provider->way) {
    case ANSWER:
        CHECK_STATUS(oai_provide_token(provider->client, wanted, token, OAI_STRLEN, provider->expires_in_ms, NULL), OAI_OK);
        break;
    case ANSWER_LATE: {
        /* It may have been replaced meanwhile. */
        oai_status status = oai_provide_token(provider->client, wanted, token, OAI_STRLEN, provider->expires_in_ms, NULL);
        CHECK(status == OAI_OK || status == OAI_ERR_UNKNOWN_ID);
        break;
    }
    case REFUSE:
        CHECK_STATUS(oai_refuse_token(provider->client, wanted, "the vault is sealed", OAI_STRLEN, NULL), OAI_OK);
        break;
    case KEEP:
        break;
    case FREE_CLIENT:
        oai_client_free(provider->client);
        break;
    case REMOVE:
        CHECK_STATUS(oai_set_token_callback(provider->client, NULL, NULL, NULL, NULL), OAI_OK);
        break;
    }
    pthread_mutex_lock(&provider_lock);
    CHECK_NUMBER(provider->destroyed, 0);
    pthread_mutex_unlock(&provider_lock);
}

static void on_provider_end(void *user_data)
{
    struct provider *provider = (struct provider *)user_data;
    pthread_mutex_lock(&provider_lock);
    provider->destroyed++;
    pthread_cond_broadcast(&provider_changed);
    pthread_mutex_unlock(&provider_lock);
}

static void wait_asked(struct provider *provider, int count)
{
    pthread_mutex_lock(&provider_lock);
    while (provider->asked < count)
        pthread_cond_wait(&provider_changed, &provider_lock);
    CHECK_NUMBER(provider->asked, count);
    pthread_mutex_unlock(&provider_lock);
}

static void wait_destroyed(struct provider *provider)
{
    pthread_mutex_lock(&provider_lock);
    while (provider->destroyed == 0)
        pthread_cond_wait(&provider_changed, &provider_lock);
    CHECK_NUMBER(provider->destroyed, 1);
    pthread_mutex_unlock(&provider_lock);
}

/* A client whose tokens come from this provider. */
static oai_client *client_with(struct provider *provider)
{
    provider->client = new_client("");
    CHECK_STATUS(oai_set_token_callback(provider->client, on_wanted, provider, on_provider_end, NULL), OAI_OK);
    return provider->client;
}

/* The nth request that arrived carried this token. */
static void check_token(int n, const char *token)
{
    char *log = server_log(n + 1), *path = text_of("%d.headers.authorization", n), *value = text_of("Bearer %s", token);
    if (!json_is(log, path, value))
        FAIL("request %d did not carry %s: %s", n, value, log);
    free(value);
    free(path);
    free(log);
}

/* ===== by callback ===== */

/* Many wait for one answer, which comes from inside the callback; then it is used again and again. */
static void one_answer_for_all(void)
{
    enum { MANY = 20 };
    struct provider provider = {.way = ANSWER};
    struct seen seen[MANY] = {0};
    server_reset();
    oai_client *client = client_with(&provider);
    CHECK_NUMBER(provider.asked, 0);
    for (int i = 0; i < MANY; i++)
        submit_text(client, "text", &seen[i]);
    for (int i = 0; i < MANY; i++) {
        CHECK_STATUS(wait_end(&seen[i]), OAI_OK);
        forget(&seen[i]);
    }
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    CHECK_NUMBER(provider.asked, 1);
    CHECK(!pthread_equal(provider.thread, pthread_self()));
    check_token(0, "token-SECRET-1");
    check_token(MANY, "token-SECRET-1");
    /* It is answered. */
    CHECK_STATUS(oai_provide_token(client, provider.wanted, "t", 1, 0, NULL), OAI_ERR_UNKNOWN_ID);
    oai_client_free(client);
    CHECK_NUMBER(provider.destroyed, 1);
}

/* A request that needs a token holds no slot while it waits, and one with a key of its own passes it. */
static void waiting_holds_no_slot(void)
{
    struct provider provider = {.way = KEEP};
    struct seen seen = {0};
    oai_response *response;
    server_reset();
    oai_client *client = client_with(&provider);
    CHECK_STATUS(oai_set_max_concurrent_requests(client, 1), OAI_OK);
    submit_text(client, "text", &seen);
    wait_asked(&provider, 1);
    oai_request *request = new_request("GET", "/models", "");
    CHECK_STATUS(oai_request_set_header(request, "Authorization", "Bearer own"), OAI_OK);
    CHECK_STATUS(oai_send(client, request, &response), OAI_OK);
    oai_response_free(response);
    oai_request_free(request);
    check_token(0, "own");
    /* What cannot be a token is refused, and the question stays open. */
    CHECK_STATUS(oai_provide_token(client, provider.wanted, "two\nlines", OAI_STRLEN, 0, NULL), OAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(oai_provide_token(client, provider.wanted, "", 0, 0, NULL), OAI_ERR_INVALID_ARGUMENT);
    CHECK_STATUS(oai_provide_token(client, provider.wanted, "good", 4, 0, NULL), OAI_OK);
    CHECK_STATUS(wait_end(&seen), OAI_OK);
    check_token(1, "good");
    forget(&seen);
    oai_client_free(client);
}

/* A 401 brings a new token and the request goes out once more; a second 401 is its error. No token shows itself. */
static void after_a_401(void)
{
    struct provider provider = {.way = ANSWER, .expires_in_ms = 3600000};
    struct lines lines = {0};
    const char *text = "text";
    oai_response *response;
    capture_log(OAI_LOG_TRACE, &lines);
    server_reset();
    oai_client *client = client_with(&provider);
    CHECK_STATUS(oai_set_max_retries(client, 0), OAI_OK);
    CHECK_STATUS(embed(client, text), OAI_OK);
    server_script("{\"status\": 401}");
    CHECK_STATUS(oai_embed(client, MODEL, &text, NULL, 1, NULL, &response), OAI_OK);
    CHECK_NUMBER(oai_response_attempts(response), 2);
    oai_response_free(response);
    CHECK_NUMBER(provider.asked, 2);
    check_token(1, "token-SECRET-1");
    check_token(2, "token-SECRET-2");
    server_script("{\"status\": 401, \"times\": 2, "
                  "\"body\": {\"error\": {\"message\": \"bad token-SECRET-2 or token-SECRET-3\"}}}");
    CHECK_STATUS(oai_embed(client, MODEL, &text, NULL, 1, NULL, &response), OAI_ERR_HTTP_AUTHENTICATION);
    const char *message = oai_error_message(oai_response_error(response));
    CHECK_HOLDS(message, "bad *** or ***");
    CHECK_HOLDS(message, "token provider");
    oai_response_free(response);
    CHECK_NUMBER(provider.asked, 3);
    char *json, *logged = wait_lines(&lines, "token provider", 1);
    CHECK(strstr(logged, "SECRET") == NULL);
    free(logged);
    CHECK_STATUS(oai_client_config_json(client, &json, NULL, NULL), OAI_OK);
    CHECK(strstr(json, "SECRET") == NULL);
    oai_string_free(json);
    oai_client_free(client);
    end_capture(&lines);
}

/* A token that ends is replaced; a refusal ends those who wait, and the next asks again. */
static void ends_and_refusals(void)
{
    const unsigned life_ms = is_slow() ? 500 : 20;
    struct provider provider = {.way = ANSWER, .expires_in_ms = life_ms};
    const char *text = "text";
    oai_response *response;
    oai_client *client = client_with(&provider);
    CHECK_STATUS(embed(client, text), OAI_OK);
    /* In the background before its end, or by the next request after it. */
    while (provider.asked < 3)
        CHECK_STATUS(embed(client, text), OAI_OK);
    provider.way = REFUSE;
    usleep(1000 * life_ms);
    oai_status status;
    do {
        status = oai_embed(client, MODEL, &text, NULL, 1, NULL, &response);
        if (status == OAI_OK)
            oai_response_free(response);
    } while (status == OAI_OK);
    CHECK_STATUS(status, OAI_ERR_NO_API_KEY);
    CHECK_HOLDS(oai_error_message(oai_response_error(response)), "the vault is sealed");
    oai_response_free(response);
    provider.way = ANSWER;
    provider.expires_in_ms = 0;
    CHECK_STATUS(embed(client, text), OAI_OK);
    oai_client_free(client);
}

/* ===== lifetimes ===== */

static void lifetimes(void)
{
    struct provider first = {.way = KEEP}, second = {.way = ANSWER};
    struct seen seen = {0};
    server_reset();
    /* Replaced while its question is open: it is asked no more, the new one is, and the destructor has run. */
    oai_client *client = client_with(&first);
    submit_text(client, "text", &seen);
    wait_asked(&first, 1);
    second.client = client;
    CHECK_STATUS(oai_set_token_callback(client, on_wanted, &second, on_provider_end, NULL), OAI_OK);
    wait_destroyed(&first);
    CHECK_STATUS(wait_end(&seen), OAI_OK);
    forget(&seen);
    CHECK_STATUS(oai_provide_token(client, first.wanted, "late", OAI_STRLEN, 0, NULL), OAI_ERR_UNKNOWN_ID);
    CHECK_STATUS(oai_refuse_token(client, first.wanted, NULL, 0, NULL), OAI_ERR_UNKNOWN_ID);
    check_token(0, "token-SECRET-1");
    /* Removed: requests go with the client's key again. */
    CHECK_STATUS(oai_set_token_callback(client, NULL, NULL, NULL, NULL), OAI_OK);
    wait_destroyed(&second);
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    char *log = server_log(2);
    CHECK_HOLDS(json_at(log, "1.headers.authorization"), "Bearer sk-test-");
    free(log);
    oai_client_free(client);

    /* Removed from inside its own callback: the destructor comes after it, and who waits goes with the key. */
    first = (struct provider){.way = REMOVE};
    client = client_with(&first);
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    wait_destroyed(&first);
    oai_client_free(client);

    /* Freed while the question is open, and from inside the callback. */
    for (int inside = 0; inside < 2; inside++) {
        first = (struct provider){.way = inside ? FREE_CLIENT : KEEP};
        client = client_with(&first);
        submit_text(client, "text", &seen);
        if (!inside) {
            wait_asked(&first, 1);
            oai_client_free(client);
            CHECK_NUMBER(first.destroyed, 1);
        }
        CHECK_STATUS(wait_end(&seen), OAI_ERR_CANCELLED);
        wait_destroyed(&first);
        forget(&seen);
    }

    /* Refused: the destructor runs inside the call. */
    first = (struct provider){.way = KEEP};
    CHECK_STATUS(oai_set_token_callback(NULL, on_wanted, &first, on_provider_end, NULL), OAI_ERR_INVALID_ARGUMENT);
    CHECK_NUMBER(first.destroyed, 1);
}

/* Embeds again and again. */
static void *embed_many(void *client)
{
    for (int i = is_slow() ? 10 : 200; i > 0; i--)
        CHECK_STATUS(embed((const oai_client *)client, "text"), OAI_OK);
    return NULL;
}

/* Providers come and go and tokens end while many threads send: nothing is lost, nothing called too late. */
static void many_threads(void)
{
    enum { THREADS = 4, PROVIDERS = 50 };
    static struct provider providers[PROVIDERS];
    pthread_t threads[THREADS];
    server_reset();
    oai_client *client = new_client("");
    for (int i = 0; i < PROVIDERS; i++)
        providers[i] = (struct provider){.client = client, .way = ANSWER_LATE, .expires_in_ms = is_slow() ? 200 : 20};
    CHECK_STATUS(oai_set_token_callback(client, on_wanted, &providers[0], on_provider_end, NULL), OAI_OK);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start_thread(embed_many, client);
    for (int i = 1; i < PROVIDERS; i++) {
        usleep(2000);
        CHECK_STATUS(oai_set_token_callback(client, on_wanted, &providers[i], on_provider_end, NULL), OAI_OK);
        wait_destroyed(&providers[i - 1]);
    }
    for (int i = 0; i < THREADS; i++)
        join_thread(threads[i]);
    oai_client_free(client);
    CHECK_NUMBER(providers[PROVIDERS - 1].destroyed, 1);
}

/* ===== by queue ===== */

/* Waits for one event and gives what it says. */
static oai_event_record wait_record(oai_queue *queue)
{
    oai_batch *batch;
    oai_event_record *records, record;
    size_t count;
    CHECK_STATUS(oai_queue_wait(queue, 1, UINT64_MAX, &batch), OAI_OK);
    CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
    CHECK_NUMBER(count, 1);
    record = records[0];
    if (record.kind == OAI_EVENT_TOKEN_WANTED)
        CHECK(record.status == OAI_OK && record.data == NULL && record.len == 0 && record.response == NULL);
    record.response = NULL;
    oai_batch_free(batch);
    return record;
}

static void by_queue(void)
{
    oai_queue *queue, *other;
    oai_batch *batch;
    server_reset();
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    CHECK_STATUS(oai_queue_new(&other, NULL), OAI_OK);
    oai_client *client = new_client("");
    CHECK_STATUS(oai_set_token_queue(client, queue, 77, NULL), OAI_OK);
    oai_request *request = new_embedding("text");
    uint64_t id;
    /* The question and the request's own events share a queue. */
    CHECK_STATUS(oai_submit_to(client, request, queue, 5, &id, NULL), OAI_OK);
    oai_event_record record = wait_record(queue);
    CHECK_NUMBER(record.kind, OAI_EVENT_TOKEN_WANTED);
    CHECK(record.tag == 77 && record.id != 0 && record.id != id);
    CHECK_STATUS(oai_provide_token(client, record.id, "from-queue", OAI_STRLEN, 0, NULL), OAI_OK);
    record = wait_record(queue);
    CHECK(record.kind == OAI_EVENT_DONE && record.id == id && record.status == OAI_OK);
    check_token(0, "from-queue");

    /* An unread question is dropped when another provider takes its place. */
    CHECK_STATUS(oai_set_token_queue(client, other, 1, NULL), OAI_OK);
    CHECK_STATUS(oai_submit_to(client, request, queue, 5, &id, NULL), OAI_OK);
    CHECK_STATUS(oai_set_token_queue(client, queue, 2, NULL), OAI_OK);
    CHECK_STATUS(oai_queue_next(other, 10, &batch), OAI_OK);
    CHECK(batch == NULL);
    record = wait_record(queue);
    CHECK(record.kind == OAI_EVENT_TOKEN_WANTED && record.tag == 2);
    CHECK_STATUS(oai_refuse_token(client, record.id, NULL, 0, NULL), OAI_OK);
    record = wait_record(queue);
    CHECK(record.kind == OAI_EVENT_DONE && record.status == OAI_ERR_NO_API_KEY);

    /* A queue that is freed refuses what it holds unread, and all that would follow. */
    CHECK_STATUS(oai_set_token_queue(client, other, 1, NULL), OAI_OK);
    CHECK_STATUS(oai_submit_to(client, request, queue, 5, &id, NULL), OAI_OK);
    oai_queue_free(other);
    record = wait_record(queue);
    CHECK(record.kind == OAI_EVENT_DONE && record.status == OAI_ERR_NO_API_KEY);
    CHECK_STATUS(embed(client, "text"), OAI_ERR_NO_API_KEY);
    CHECK_STATUS(oai_set_token_queue(client, NULL, 0, NULL), OAI_OK);
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    oai_request_free(request);
    oai_client_free(client);
    oai_queue_free(queue);
}

/* api.openai.com wants a key; a provider is one, and nothing goes out before it has answered. */
static void counts_as_a_key(void)
{
    struct provider provider = {.way = REFUSE};
    oai_client *client;
    CHECK_STATUS(oai_client_new("{\"dotenv\": false}", OAI_STRLEN, &client, NULL), OAI_OK);
    CHECK_STATUS(embed(client, "text"), OAI_ERR_NO_API_KEY);
    provider.client = client;
    CHECK_STATUS(oai_set_token_callback(client, on_wanted, &provider, on_provider_end, NULL), OAI_OK);
    CHECK_STATUS(embed(client, "text"), OAI_ERR_NO_API_KEY);
    CHECK_NUMBER(provider.asked, 1);
    oai_client_free(client);
}

int main(void)
{
    one_answer_for_all();
    waiting_holds_no_slot();
    after_a_401();
    ends_and_refusals();
    lifetimes();
    many_threads();
    by_queue();
    counts_as_a_key();

    /* The end of the library is the end of a provider too. */
    struct provider last = {.way = ANSWER};
    oai_client *client = client_with(&last);
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    CHECK_NUMBER(last.destroyed, 0);
    int outcome = finish("tokens");
    CHECK_NUMBER(last.destroyed, 1);
    CHECK_STATUS(oai_set_token_callback(client, on_wanted, &last, NULL, NULL), OAI_ERR_SHUTDOWN);
    oai_client_free(client);
    return outcome;
}
