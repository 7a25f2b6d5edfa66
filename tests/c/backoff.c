/*
 * Retries: the waits that a server asks for and the library's own, in real time and in the log; when none is made.
 */
#include "events.h"

static struct lines lines;

/* Embeds one text with a client of its own and gives the response. */
static oai_response *embed_with(const char *json)
{
    oai_client *client = new_client(json);
    oai_response *response = NULL;
    const char *text = "text";
    oai_status status = oai_embed(client, MODEL, &text, NULL, 1, NULL, &response);
    CHECK_STATUS(oai_response_status(response), status);
    oai_client_free(client);
    return response;
}

/* 429 with Retry-After: 2, then 500, then 200: one success after 2 s and 2 s, since the 429 counts as retry 0. */
static void two_and_two(void)
{
    server_reset();
    server_script("[{\"status\": 429, \"headers\": {\"retry-after\": \"2\"}}, {\"status\": 500}]");
    oai_response *response = embed_with("\"retry_jitter\": 0");
    CHECK_STATUS(oai_response_status(response), OAI_OK);
    CHECK_NUMBER(oai_response_attempts(response), 3);
    CHECK_NUMBER(oai_response_http_status(response), 200);

    char *log = server_log(3);
    for (int i = 0; i < 2; i++) {
        char *answered = text_of("%d.answered_ms", i), *arrived = text_of("%d.t_ms", i + 1);
        double wait = json_number(log, arrived) - json_number(log, answered);
        CHECK(wait >= 2000);
        CHECK(wait < 60000);
        free(answered);
        free(arrived);
    }
    CHECK(json_at(log, "3") == NULL);
    CHECK(json_is(log, "0.headers.x-stainless-retry-count", "0"));
    CHECK(json_is(log, "2.headers.x-stainless-retry-count", "2"));
    free(log);

    char *text = wait_lines(&lines, "retry 2 of 5", 1);
    char *first = text_of("request %llu: attempt 1 of", (unsigned long long)oai_response_id(response));
    char *second = text_of("request %llu: attempt 2 of", (unsigned long long)oai_response_id(response));
    CHECK_HOLDS(text, first);
    CHECK_HOLDS(strstr(text, first), "rate limited");
    CHECK_HOLDS(strstr(text, first), "retry 1 of 5 in 2 s");
    CHECK_HOLDS(text, second);
    CHECK_HOLDS(strstr(text, second), "server error");
    CHECK_HOLDS(strstr(text, second), "retry 2 of 5 in 2 s");
    CHECK_NUMBER(count_parts(text, "; retry "), 2);
    free(first);
    free(second);
    free(text);
    oai_response_free(response);
}

/* Without retries the same server yields one clear error. */
static void no_retries(void)
{
    server_reset();
    server_script("[{\"status\": 429, \"headers\": {\"retry-after\": \"2\"}}, {\"status\": 500}]");
    oai_response *response = embed_with("\"max_retries\": 0");
    const oai_error *error = oai_response_error(response);
    CHECK_STATUS(oai_response_status(response), OAI_ERR_RATE_LIMITED);
    CHECK_STATUS(oai_error_status(error), OAI_ERR_RATE_LIMITED);
    CHECK_NUMBER(oai_response_http_status(response), 429);
    CHECK_NUMBER(oai_error_http_status(error), 429);
    CHECK_NUMBER(oai_error_retry_after_ms(error), 2000);
    CHECK_NUMBER(oai_error_may_have_executed(error), 0);
    CHECK_NUMBER(oai_response_attempts(response), 1);
    CHECK_HOLDS(oai_error_message(error), "HTTP 429");
    CHECK_HOLDS(oai_error_message(error), "after 1 attempt");
    CHECK_HOLDS(oai_error_message(error), "max_retries");
    CHECK(oai_error_request_id(error) != NULL);
    CHECK(strcmp(oai_error_request_id(error), oai_response_request_id(response)) == 0);
    CHECK_NUMBER(server_stat("arrived"), 1);
    oai_response_free(response);
}

/* The library's own waits: initial, times factor, at most the longest; then the last error. */
static void own_waits(void)
{
    server_reset();
    server_script("{\"status\": 503, \"times\": null}");
    oai_response *response = embed_with("\"retry_jitter\": 0, \"max_retries\": 4, \"initial_retry_delay_ms\": 20, "
                                        "\"backoff_factor\": 3, \"max_retry_delay_ms\": 100");
    CHECK_STATUS(oai_response_status(response), OAI_ERR_HTTP_SERVER);
    CHECK_NUMBER(oai_response_http_status(response), 503);
    CHECK_NUMBER(oai_response_attempts(response), 5);
    CHECK_HOLDS(oai_error_message(oai_response_error(response)), "after 5 attempts");
    char *log = server_log(5);
    const double waits[] = {20, 60, 100, 100};
    for (int i = 0; i < 4; i++) {
        char *answered = text_of("%d.answered_ms", i), *arrived = text_of("%d.t_ms", i + 1);
        CHECK(json_number(log, arrived) - json_number(log, answered) >= waits[i]);
        free(answered);
        free(arrived);
    }
    free(log);
    char *text = wait_lines(&lines, "retry 4 of 4", 1);
    CHECK_HOLDS(text, "retry 1 of 4 in 0.02 s");
    CHECK_HOLDS(text, "retry 2 of 4 in 0.06 s");
    CHECK_HOLDS(text, "retry 3 of 4 in 0.1 s");
    CHECK_HOLDS(text, "retry 4 of 4 in 0.1 s");
    free(text);
    oai_response_free(response);
}

/* What no retry helps, and what the server forbids. */
static void pointless(void)
{
    static const struct {
        const char *rule;
        oai_status status;
        uint64_t retry_after_ms;
    } cases[] = {
        {"{\"status\": 429, \"headers\": {\"retry-after\": \"300\"}}", OAI_ERR_RATE_LIMITED, 300000},
        {"{\"status\": 429, \"headers\": {\"retry-after-ms\": \"120001\", \"retry-after\": \"1\"}}", OAI_ERR_RATE_LIMITED, 120001},
        {"{\"status\": 429, \"body\": {\"error\": {\"code\": \"insufficient_quota\", \"message\": \"m\"}}}", OAI_ERR_QUOTA, 0},
        {"{\"status\": 500, \"headers\": {\"x-should-retry\": \"false\"}}", OAI_ERR_HTTP_SERVER, 0},
        {"{\"status\": 400}", OAI_ERR_HTTP_BAD_REQUEST, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        server_reset();
        server_script(cases[i].rule);
        oai_response *response = embed_with("");
        CHECK_STATUS(oai_response_status(response), cases[i].status);
        CHECK_NUMBER(oai_response_attempts(response), 1);
        CHECK_NUMBER(oai_error_retry_after_ms(oai_response_error(response)), cases[i].retry_after_ms);
        CHECK_NUMBER(server_stat("arrived"), 1);
        oai_response_free(response);
    }
}

/* A request in backoff holds no slot, counts as waiting, and can be cancelled there. */
static void no_slot(void)
{
    struct seen waiting = {0}, running = {0}, refused = {0};
    server_reset();
    server_script("[{\"status\": 503, \"headers\": {\"retry-after\": \"1000\"}}, {\"hold\": \"gate\"}]");
    oai_client *client = new_client("\"max_concurrent_requests\": 1, \"queue_size\": 1, \"retry_jitter\": 0, "
                                    "\"max_retry_after_ms\": 2000000");
    submit_text(client, "text", &waiting);
    free(wait_lines(&lines, "in 1000 s", 1));
    submit_text(client, "another", &running);
    server_wait("in_flight", 1);
    oai_request *request = new_embedding("third");
    CHECK_STATUS(submit(client, request, &refused), OAI_ERR_QUEUE_FULL);
    oai_request_free(request);
    CHECK_NUMBER(refused.destroyed, 1);
    server_release("gate", 0);
    CHECK_STATUS(wait_end(&running), OAI_OK);
    CHECK_STATUS(oai_cancel(client, waiting.id, NULL), OAI_OK);
    CHECK_STATUS(wait_end(&waiting), OAI_ERR_CANCELLED);
    CHECK_NUMBER(oai_response_attempts(waiting.response), 1);
    CHECK_NUMBER(server_stat("arrived"), 2);
    forget(&waiting);
    forget(&running);
    oai_client_free(client);
}

/* A retry that could not end within the deadline is not waited for. */
static void hopeless_deadline(void)
{
    server_reset();
    server_script("{\"status\": 429, \"headers\": {\"retry-after\": \"100\"}}");
    oai_response *response = embed_with("\"timeout_ms\": 60000");
    CHECK_STATUS(oai_response_status(response), OAI_ERR_DEADLINE);
    CHECK_HOLDS(oai_error_message(oai_response_error(response)), "deadline cannot be met");
    CHECK_HOLDS(oai_error_message(oai_response_error(response)), "HTTP 429");
    CHECK_NUMBER(oai_response_attempts(response), 1);
    oai_response_free(response);
}

int main(void)
{
    capture_log(OAI_LOG_WARN, &lines);
    two_and_two();
    no_retries();
    own_waits();
    pointless();
    no_slot();
    hopeless_deadline();
    end_capture(&lines);
    return finish("backoff");
}
