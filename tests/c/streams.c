/*
 * Streams by callback and folded: what arrives whole, what is cut off, what falls silent, what turns into an error; and
 * the limits of an attempt.
 */
#include "events.h"

#define CHAT "/v1/chat/completions"
#define BODY "{\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": \"a b\"}], \"stream\": true}"
#define DELTA(text) "data: {\\\"choices\\\": [{\\\"index\\\": 0, \\\"delta\\\": {\\\"content\\\": \\\"" text "\\\"}}]}\\n\\n"

static oai_client *client;

/* Streams against a rule, by callback into `seen` and then folded into the returned response. */
static oai_response *both_ways(const char *members, struct seen *seen)
{
    oai_request *request = new_request("POST", "/chat/completions", BODY);
    oai_response *response = NULL;
    char *rule = text_of("{\"match\": {\"path\": \"" CHAT "\"}, \"times\": 2, %s}", members);
    server_reset();
    server_script(rule);
    free(rule);
    CHECK_STATUS(submit(client, request, seen), OAI_OK);
    oai_status called_back = wait_end(seen);
    CHECK_STATUS(oai_send(client, request, &response), called_back);
    oai_request_free(request);
    return response;
}

static const char *body_of(const oai_response *response)
{
    const char *body = NULL;
    CHECK_STATUS(oai_response_body(response, &body, NULL), OAI_OK);
    return body;
}

static void whole(void)
{
    struct seen seen = {0};
    oai_response *response = both_ways("\"pass\": true", &seen);
    CHECK_STATUS(seen.status, OAI_OK);
    CHECK_NUMBER(seen.chunks, 6);
    CHECK(json_is(seen.texts[1], "choices.0.delta.content", "You "));
    CHECK(json_is(seen.texts[4], "choices.0.delta.content", "b"));
    CHECK(*body_of(seen.response) == '\0');
    CHECK(json_is(body_of(response), "choices.0.message.content", "You said: a b"));
    CHECK_NUMBER(oai_response_http_status(response), 200);
    oai_response_free(response);
    forget(&seen);
}

/* Split anywhere, with every kind of line end and comments between: the events are the same. */
static void in_pieces(void)
{
    struct seen seen = {0};
    oai_response *response = both_ways("\"chunks\": [\": hello\\n\\nda\", \"ta: {\\\"a\\\"\", \": \\\"\", \"h\\u00e9\\\"}\\r\", \"\\n\\r\\n\", "
                                       "\"event: x\\rdata: 1\\rdata: 2\\r\\r\", \"data: [DO\", \"NE]\\n\\n\"]", &seen);
    CHECK_STATUS(seen.status, OAI_OK);
    CHECK_NUMBER(seen.chunks, 2);
    CHECK(strcmp(seen.texts[0], "{\"a\": \"h\xc3\xa9\"}") == 0);
    CHECK(strcmp(seen.texts[1], "1\n2") == 0);
    oai_response_free(response);
    forget(&seen);
}

/* Without [DONE], or with the connection gone: what came is there, and the error says that it is not all. */
static void cut_off(void)
{
    static const char *const rules[] = {
        "\"chunks\": [\"" DELTA("one ") "\", \"" DELTA("two") "\"]",
        "\"drop\": \"mid_body\", \"chunks\": [\"" DELTA("one ") "\", \"" DELTA("two") "\"]",
    };
    static const oai_status statuses[] = {OAI_ERR_INCOMPLETE, OAI_ERR_CONNECTION_LOST};
    for (size_t i = 0; i < 2; i++) {
        struct seen seen = {0};
        oai_response *response = both_ways(rules[i], &seen);
        if (seen.status != OAI_ERR_INCOMPLETE && seen.status != statuses[i])
            FAIL("%zu: %s", i, oai_status_name(seen.status));
        CHECK(seen.chunks >= 1);
        CHECK_NUMBER(oai_error_may_have_executed(oai_response_error(response)), 1);
        CHECK_NUMBER(oai_response_attempts(response), 1);
        CHECK_HOLDS(body_of(response), "one ");
        oai_response_free(response);
        forget(&seen);
    }
}

/* An error as an event: its words, its code, and no second attempt. */
static void error_inside(void)
{
    struct seen seen = {0};
    oai_response *response = both_ways("\"chunks\": [\"" DELTA("one") "\", \"data: {\\\"error\\\": {\\\"message\\\": "
                                       "\\\"overloaded now\\\", \\\"code\\\": \\\"busy\\\"}}\\n\\n\"]", &seen);
    CHECK_STATUS(seen.status, OAI_ERR_STREAM);
    CHECK_NUMBER(seen.chunks, 1);
    CHECK_HOLDS(oai_error_message(oai_response_error(response)), "overloaded now");
    CHECK(strcmp(oai_error_code(oai_response_error(response)), "busy") == 0);
    CHECK_NUMBER(oai_error_may_have_executed(oai_response_error(response)), 1);
    CHECK_NUMBER(server_stat("arrived"), 2);
    oai_response_free(response);
    forget(&seen);
}

/* An answer that is no stream is an answer; one that says no is an error, whose request may be made again. */
static void no_stream(void)
{
    struct seen seen = {0};
    oai_response *response = both_ways("\"body\": {\"object\": \"plain\"}", &seen);
    CHECK_STATUS(seen.status, OAI_OK);
    CHECK_NUMBER(seen.chunks, 0);
    CHECK(json_is(body_of(seen.response), "object", "plain"));
    CHECK(json_is(body_of(response), "object", "plain"));
    oai_response_free(response);
    forget(&seen);
    response = both_ways("\"status\": 400", &seen);
    CHECK_STATUS(seen.status, OAI_ERR_HTTP_BAD_REQUEST);
    oai_response_free(response);
    forget(&seen);
}

static void limits(void)
{
    struct seen seen = {0};
    /* Silence after the first event. */
    CHECK_STATUS(oai_set_idle_timeout_ms(client, 50), OAI_OK);
    oai_response *response = both_ways("\"chunk_delay_ms\": 1000000, \"chunks\": [\"" DELTA("one") "\", \"data: [DONE]\\n\\n\"]", &seen);
    CHECK_STATUS(seen.status, OAI_ERR_IDLE_TIMEOUT);
    CHECK_NUMBER(seen.chunks, 1);
    CHECK_HOLDS(oai_error_message(oai_response_error(response)), "idle_timeout_ms");
    CHECK_HOLDS(body_of(response), "one");
    oai_response_free(response);
    forget(&seen);
    CHECK_STATUS(oai_set_idle_timeout_ms(client, 300000), OAI_OK);

    /* No answer, or a head and nothing behind it. */
    CHECK_STATUS(oai_set_attempt_timeout_ms(client, 100), OAI_OK);
    static const char *const rules[] = {"\"drop\": \"hang\"", "\"body_delay_ms\": 1000000",
                                        "\"body_delay_ms\": 1000000, \"chunks\": [\"data: 1\\n\\n\"]"};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        response = both_ways(rules[i], &seen);
        CHECK_STATUS(seen.status, OAI_ERR_TIMEOUT);
        CHECK_NUMBER(seen.chunks, 0);
        CHECK_HOLDS(oai_error_message(oai_response_error(response)), "attempt_timeout_ms");
        CHECK_HOLDS(oai_error_message(oai_response_error(response)), "0.1 s");
        oai_response_free(response);
        forget(&seen);
    }
    CHECK_STATUS(oai_set_attempt_timeout_ms(client, 600000), OAI_OK);

    /* One event, or all of them, larger than allowed. */
    CHECK_STATUS(oai_set_max_response_bytes(client, 150), OAI_OK);
    response = both_ways("\"chunks\": [\"" DELTA("0123456789012345678901234567890123456789012345678901234567890123456789"
                                                 "0123456789012345678901234567890123456789012345678901234567890123456789")
                         "\", \"data: [DONE]\\n\\n\"]", &seen);
    CHECK_STATUS(seen.status, OAI_ERR_TOO_LARGE);
    oai_response_free(response);
    forget(&seen);
}

int main(void)
{
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL), OAI_OK);
    client = new_client("\"max_retries\": 0");
    whole();
    in_pieces();
    cut_off();
    error_inside();
    no_stream();
    limits();
    oai_client_free(client);
    return finish("streams");
}
