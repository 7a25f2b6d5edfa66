/*
 * Lengths and bytes across the border: 0, OAI_STRLEN, absurd ones, texts without a NUL, texts with one inside, texts that
 * are not UTF-8, numbers outside every range.
 */
#include "support.h"
#include <math.h>
#include <sys/mman.h>

#define INVALID OAI_ERR_INVALID_ARGUMENT

static const size_t absurd[] = {SIZE_MAX - 1, SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 2};
enum { ABSURD = sizeof absurd / sizeof *absurd };

static oai_client *client;

/* The bytes just before memory that cannot be read: whoever looks for a NUL behind them ends the process. */
static const char *at_the_edge(const char *bytes, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    CHECK(len <= page);
    char *pages = (char *)mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    CHECK_NUMBER(mprotect(pages + page, page, PROT_NONE), 0);
    return (const char *)memcpy(pages + page - len, bytes, len);
}

static void config(void)
{
    static const struct {
        const char *json;
        size_t len;
        oai_status status;
    } cases[] = {
        {"", 0, OAI_OK},
        {"{", 0, OAI_OK},
        {"", OAI_STRLEN, OAI_OK},
        {"{}more", 2, OAI_OK},
        {"{\"max_retries\": 3}", OAI_STRLEN, OAI_OK},
        {"{\"max_retries\": 3}", 16, OAI_ERR_CONFIG},
        {"{\"project\": \"a\0b\"}", 18, OAI_ERR_CONFIG},
        {"{\"project\": \"\xff\"}", OAI_STRLEN, OAI_ERR_CONFIG},
        {"[1]", OAI_STRLEN, OAI_ERR_CONFIG},
        {"{\"max_retries\": -1}", OAI_STRLEN, OAI_ERR_CONFIG},
        {"{\"max_retries\": 1.5}", OAI_STRLEN, OAI_ERR_CONFIG},
        {"{\"max_retries\": \"3\"}", OAI_STRLEN, OAI_ERR_CONFIG},
        {"{\"max_retries\": 4294967297}", OAI_STRLEN, OAI_ERR_CONFIG},
        {"{\"max_retries\": 18446744073709551617}", OAI_STRLEN, OAI_ERR_CONFIG},
        {"{\"backoff_factor\": 1e400}", OAI_STRLEN, OAI_ERR_CONFIG},
        {"{\"max_retrys\": 1}", OAI_STRLEN, OAI_ERR_UNKNOWN_OPTION},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        oai_client *made = NULL;
        oai_error *error = NULL;
        oai_status status = oai_client_new(cases[i].json, cases[i].len, &made, &error);
        if (status != cases[i].status)
            FAIL("%s: %s, not %s", cases[i].json, oai_status_name(status), oai_status_name(cases[i].status));
        CHECK((made != NULL) == (status == OAI_OK));
        CHECK((error != NULL) == (status != OAI_OK));
        oai_error_free(error);
        oai_client_free(made);
        if (cases[i].len != 0 && *cases[i].json != '\0')
            CHECK_STATUS(oai_client_configure_json(client, cases[i].json, cases[i].len, NULL), cases[i].status);
    }
    for (int i = 0; i < ABSURD; i++) {
        oai_client *made = NULL;
        CHECK_STATUS(oai_client_new("{}", absurd[i], &made, NULL), INVALID);
        CHECK_STATUS(oai_client_configure_json(client, "{}", absurd[i], NULL), INVALID);
    }
    CHECK_STATUS(oai_client_configure_json(client, at_the_edge("{\"queue_size\": 7}", 17), 17, NULL), OAI_OK);
    CHECK_STATUS(oai_client_configure_json(client, "{}", 0, NULL), OAI_ERR_CONFIG);
}

static void numbers(void)
{
    const double factors[] = {NAN, INFINITY, -INFINITY, -1, 0, 0.999, 100.001}, shares[] = {NAN, INFINITY, -0.001, 1.001};
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
        CHECK_STATUS(oai_set_backoff_factor(client, factors[i]), OAI_ERR_CONFIG);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        CHECK_STATUS(oai_set_retry_jitter(client, shares[i]), OAI_ERR_CONFIG);
    CHECK_STATUS(oai_set_retry_jitter(client, -0.0), OAI_OK);
    CHECK_STATUS(oai_set_timeout_ms(client, UINT64_MAX), OAI_ERR_CONFIG);
    CHECK_STATUS(oai_set_max_response_bytes(client, UINT64_MAX), OAI_ERR_CONFIG);
    CHECK_STATUS(oai_set_queue_size(client, UINT32_MAX), OAI_ERR_CONFIG);
    CHECK_STATUS(oai_set_retry_unsafe(client, -1), OAI_ERR_CONFIG);
    CHECK_STATUS(oai_set_http_version(client, INT32_MIN), OAI_ERR_CONFIG);
    CHECK_STATUS(oai_set_callback_thread(client, INT32_MAX), OAI_ERR_CONFIG);
    CHECK_STATUS(oai_set_project(client, "\xc3"), INVALID);
    CHECK_STATUS(oai_set_log(-1, NULL, NULL, NULL, NULL), INVALID);
    CHECK_STATUS(oai_set_log(6, NULL, NULL, NULL, NULL), INVALID);
}

static void new_requests(void)
{
    static const char *const wrong[][2] = {
        {"", "/models"},           {"get", "/models"},        {"GET IT", "/models"},      {"G\xff", "/models"},
        {"GET", ""},               {"GET", "/"},              {"GET", "/a/../b"},         {"GET", "/%2e%2E/b"},
        {"GET", "/a?b=c"},         {"GET", "/a#b"},           {"GET", "http://evil/v1"},  {"GET", "//evil/v1"},
        {"GET", "/a b"},           {"GET", "/a\r\nb"},        {"GET", "/a\\b"},           {"GET", "/\xc3"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        oai_request *request = NULL;
        oai_error *error = NULL;
        if (oai_request_new(wrong[i][0], wrong[i][1], &request, &error) != INVALID)
            FAIL("%s %s was taken", wrong[i][0], wrong[i][1]);
        CHECK(request == NULL && error != NULL && *oai_error_message(error) != '\0');
        oai_error_free(error);
    }
    oai_request *request = new_request("POST", "/chat/completions", "");
    CHECK_STATUS(oai_request_set_json(request, "{}", 0), INVALID);
    CHECK_STATUS(oai_request_set_json(request, "", OAI_STRLEN), INVALID);
    CHECK_STATUS(oai_request_set_json(request, "{}}", OAI_STRLEN), INVALID);
    CHECK_STATUS(oai_request_set_json(request, "{}}", 2), OAI_OK);
    CHECK_STATUS(oai_request_set_json(request, "{\"a\": \"\0\"}", 10), INVALID);
    CHECK_STATUS(oai_request_set_json(request, "{\"a\": \"\xf0\x9f\"}", OAI_STRLEN), INVALID);
    CHECK_STATUS(oai_request_set_json(request, at_the_edge("[1, 2]", 6), 6), OAI_OK);
    for (int i = 0; i < ABSURD; i++)
        CHECK_STATUS(oai_request_set_json(request, "{}", absurd[i]), INVALID);
    CHECK_STATUS(oai_request_set_header(request, "a b", "c"), INVALID);
    CHECK_STATUS(oai_request_set_header(request, "", "c"), INVALID);
    CHECK_STATUS(oai_request_set_header(request, "a", "b\r\nc: d"), INVALID);
    CHECK_STATUS(oai_request_set_header(request, "content-length", "0"), INVALID);
    CHECK_STATUS(oai_request_set_header(request, "a", "\xff"), INVALID);
    CHECK_STATUS(oai_request_set_query(request, "\xff", "a"), INVALID);
    CHECK_STATUS(oai_request_set_model(request, ""), INVALID);
    CHECK_STATUS(oai_request_set_model(request, "\xff"), INVALID);
    CHECK_STATUS(oai_request_set_user(request, "\xff"), INVALID);
    CHECK_STATUS(oai_request_set_priority(request, 3), INVALID);
    CHECK_STATUS(oai_request_set_idempotency_key(request, "a\nb"), INVALID);
    oai_request_free(request);
}

static void inputs(void)
{
    oai_request *request = new_request("POST", "/embeddings", "");
    const char *const texts[] = {"h\xc3\xa9", "b"}, *const broken[] = {"a", "\xed\xa0\x80"};
    size_t lens[] = {3, OAI_STRLEN};
    CHECK_STATUS(oai_request_set_inputs(request, texts, lens, 0), INVALID);
    CHECK_STATUS(oai_request_set_inputs(request, texts, NULL, SIZE_MAX), INVALID);
    CHECK_STATUS(oai_request_set_inputs(request, texts, NULL, SIZE_MAX / sizeof(char *)), INVALID);
    CHECK_STATUS(oai_request_set_inputs(request, texts, lens, 2), OAI_OK);
    CHECK_STATUS(oai_request_set_inputs(request, broken, NULL, 2), INVALID);
    lens[0] = 2;
    CHECK_STATUS(oai_request_set_inputs(request, texts, lens, 2), INVALID);
    for (int i = 0; i < ABSURD; i++) {
        lens[0] = absurd[i];
        CHECK_STATUS(oai_request_set_inputs(request, texts, lens, 2), INVALID);
        CHECK_STATUS(oai_request_set_inputs_packed(request, "ab", lens, 1), INVALID);
    }

    const size_t whole[] = {3, 1}, split[] = {2, 2}, wraps[] = {SIZE_MAX, 5}, strlens[] = {OAI_STRLEN};
    CHECK_STATUS(oai_request_set_inputs_packed(request, at_the_edge("h\xc3\xa9" "b", 4), whole, 2), OAI_OK);
    CHECK_STATUS(oai_request_set_inputs_packed(request, "h\xc3\xa9" "b", split, 2), INVALID);
    CHECK_STATUS(oai_request_set_inputs_packed(request, "abcd", wraps, 2), INVALID);
    CHECK_STATUS(oai_request_set_inputs_packed(request, "abcd", strlens, 1), INVALID);
    CHECK_STATUS(oai_request_set_inputs_packed(request, "abcd", whole, 0), INVALID);
    CHECK_STATUS(oai_request_set_inputs_packed(request, "abcd", whole, SIZE_MAX), INVALID);
    oai_request_free(request);
}

/* What arrives at the server is what was given, NUL bytes and edges included. */
static void sent(void)
{
    oai_response *response = NULL;
    const char *const texts[] = {at_the_edge("a\0b", 3), at_the_edge("\"\\\n", 3), at_the_edge("h\xc3\xa9", 3), "to the NUL"};
    const size_t lens[] = {3, 3, 3, OAI_STRLEN};
    server_reset();
    CHECK_STATUS(oai_embed(client, MODEL, texts, lens, 4, NULL, &response), OAI_OK);
    oai_response_free(response);
    char *log = server_log(1);
    CHECK(json_is(log, "0.body.input.0", "a\\u0000b"));
    CHECK(json_is(log, "0.body.input.1", "\\\"\\\\\\n"));
    CHECK(json_is(log, "0.body.input.2", "h\xc3\xa9"));
    CHECK(json_is(log, "0.body.input.3", "to the NUL"));
    CHECK(json_at(log, "0.body.input.4") == NULL);
    free(log);

    CHECK_STATUS(oai_embed(client, MODEL, texts, lens, 0, NULL, &response), INVALID);
    oai_response_free(response);
    CHECK_STATUS(oai_embed(client, MODEL, texts, lens, SIZE_MAX, NULL, &response), INVALID);
    oai_response_free(response);
    CHECK_STATUS(oai_embed(client, "", texts, lens, 4, NULL, &response), INVALID);
    oai_response_free(response);

    char *json = NULL;
    size_t len = 0;
    CHECK_STATUS(oai_embed_json(client, MODEL, at_the_edge("a\0b", 3), 3, "base64", &json, &len, NULL), OAI_OK);
    CHECK_NUMBER(json[len], 0);
    oai_string_free(json);
    CHECK_STATUS(oai_embed_json(client, MODEL, "a", 1, "int8", &json, &len, NULL), INVALID);
    CHECK_STATUS(oai_embed_json(client, MODEL, "\xff", 1, "float", &json, &len, NULL), INVALID);
    for (int i = 0; i < ABSURD; i++)
        CHECK_STATUS(oai_embed_json(client, MODEL, "a", absurd[i], "float", &json, &len, NULL), INVALID);
    CHECK(json == NULL && len == 0);
    CHECK_NUMBER(server_stat("arrived"), 2);
}

/* The longest times and the largest batches that can be asked for. */
static void extremes(void)
{
    oai_queue *queue = NULL;
    oai_batch *batch = NULL;
    oai_response *response = NULL;
    oai_request *request = new_embedding("text");
    CHECK_STATUS(oai_request_set_timeout_ms(request, UINT64_MAX), OAI_OK);
    CHECK_STATUS(oai_request_set_dimensions(request, UINT32_MAX), OAI_OK);
    CHECK_STATUS(oai_request_set_dimensions(request, 0), OAI_OK);
    CHECK_STATUS(oai_send(client, request, &response), OAI_OK);
    oai_response_free(response);
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    CHECK_STATUS(oai_queue_next(queue, 0, &batch), INVALID);
    CHECK_STATUS(oai_queue_wait(queue, 0, 0, &batch), INVALID);
    CHECK_STATUS(oai_queue_next(queue, SIZE_MAX, &batch), OAI_OK);
    CHECK(batch == NULL);
    CHECK_STATUS(oai_submit_to(client, request, queue, UINT64_MAX, NULL, NULL), OAI_OK);
    CHECK_STATUS(oai_queue_wait(queue, SIZE_MAX, UINT64_MAX - 1, &batch), OAI_OK);
    CHECK(batch != NULL);
    oai_batch_free(batch);
    oai_queue_free(queue);
    oai_request_free(request);
    CHECK_STATUS(oai_client_close(client, UINT64_MAX, NULL), OAI_OK);
}

int main(void)
{
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL), OAI_OK);
    client = new_client("");
    config();
    numbers();
    new_requests();
    inputs();
    sent();
    extremes();
    oai_client_free(client);
    return finish("lengths");
}
