/*
 * Every pointer argument of every exported function is NULL once, with all others valid: no crash, the status that the
 * header names, cleared outputs. At the end the library itself is asked what it exports, and each must have been here,
 * in nulls_calls.c or in nulls_forms.c.
 */
#include "nulls.h"

static oai_client *client;
static int destroyed;

static void errors_and_texts(void)
{
    cover("oai_status_name");
    CHECK(strcmp(oai_status_name(OAI_ERR_QUEUE_FULL), "OAI_ERR_QUEUE_FULL") == 0);
    CHECK(strcmp(oai_status_name(-999999), "OAI_ERR_UNKNOWN") == 0);
    cover("oai_error_status");
    CHECK_STATUS(oai_error_status(NULL), OAI_OK);
    cover("oai_error_http_status");
    CHECK_NUMBER(oai_error_http_status(NULL), 0);
    cover("oai_error_type");
    CHECK(oai_error_type(NULL) == NULL);
    cover("oai_error_code");
    CHECK(oai_error_code(NULL) == NULL);
    cover("oai_error_param");
    CHECK(oai_error_param(NULL) == NULL);
    cover("oai_error_message");
    CHECK(strcmp(oai_error_message(NULL), "") == 0);
    cover("oai_error_request_id");
    CHECK(oai_error_request_id(NULL) == NULL);
    cover("oai_error_retry_after_ms");
    CHECK_NUMBER(oai_error_retry_after_ms(NULL), 0);
    cover("oai_error_may_have_executed");
    CHECK_NUMBER(oai_error_may_have_executed(NULL), 0);
    oai_error_view view;
    cover("oai_error_get_view");
    memset(&view, 1, sizeof view);
    CHECK_STATUS(oai_error_get_view(NULL, &view), INVALID);
    CHECK(view.status == 0 && view.message == NULL && view.code == NULL && view.reserved[3] == 0);
    cover("oai_error_free");
    oai_error_free(NULL);
    cover("oai_string_free");
    oai_string_free(NULL);
    cover("oai_abi_version");
    CHECK_NUMBER(oai_abi_version(), OAI_ABI_EPOCH << 16 | OAI_ABI_ADDITIONS);
    cover("oai_version_string");
    CHECK(strcmp(oai_version_string(), OAI_VERSION_STRING) == 0);
    cover("oai_option_next");
    CHECK(oai_option_next(NULL) != NULL);
}

static void clients(void)
{
    oai_error *error = GARBAGE(oai_error);
    oai_client *made = GARBAGE(oai_client);
    char *json = GARBAGE(char);
    size_t len = 1;

    cover("oai_client_new");
    CHECK_STATUS(oai_client_new("{}", 2, NULL, &error), INVALID);
    take_error(&error, "client");
    CHECK_STATUS(oai_client_new(NULL, 7, &made, &error), OAI_OK);
    CHECK(error == NULL);
    oai_client_free(made);
    made = GARBAGE(oai_client);
    CHECK_STATUS(oai_client_new("{\"no_option\": 1}", OAI_STRLEN, &made, NULL), OAI_ERR_UNKNOWN_OPTION);
    CHECK(made == NULL);

    cover("oai_client_configure_json");
    CHECK_STATUS(oai_client_configure_json(NULL, "{}", 2, &error), INVALID);
    take_error(&error, "client");
    CHECK_STATUS(oai_client_configure_json(client, NULL, 0, &error), INVALID);
    take_error(&error, "json");
    CHECK_STATUS(oai_client_configure_json(client, "{}", 2, NULL), OAI_OK);

    cover("oai_client_config_json");
    CHECK_STATUS(oai_client_config_json(NULL, &json, &len, &error), INVALID);
    CHECK(json == NULL && len == 0);
    take_error(&error, "client");
    len = 1;
    CHECK_STATUS(oai_client_config_json(client, NULL, &len, &error), INVALID);
    CHECK_NUMBER(len, 0);
    take_error(&error, "json");
    CHECK_STATUS(oai_client_config_json(client, &json, NULL, NULL), OAI_OK);
    oai_string_free(json);

    cover("oai_client_stats_json");
    json = GARBAGE(char), len = 1;
    CHECK_STATUS(oai_client_stats_json(NULL, &json, &len, &error), INVALID);
    CHECK(json == NULL && len == 0);
    take_error(&error, "client");
    len = 1;
    CHECK_STATUS(oai_client_stats_json(client, NULL, &len, &error), INVALID);
    CHECK_NUMBER(len, 0);
    take_error(&error, "json");
    CHECK_STATUS(oai_client_stats_json(client, &json, NULL, NULL), OAI_OK);
    oai_string_free(json);
    cover("oai_client_stats_prometheus");
    json = GARBAGE(char), len = 1;
    CHECK_STATUS(oai_client_stats_prometheus(NULL, &json, &len, &error), INVALID);
    CHECK(json == NULL && len == 0);
    take_error(&error, "client");
    len = 1;
    CHECK_STATUS(oai_client_stats_prometheus(client, NULL, &len, &error), INVALID);
    CHECK_NUMBER(len, 0);
    take_error(&error, "text");
    CHECK_STATUS(oai_client_stats_prometheus(client, &json, NULL, NULL), OAI_OK);
    oai_string_free(json);
    cover("oai_client_position");
    uint64_t ahead = 1, wait = 1;
    CHECK_STATUS(oai_client_position(NULL, 1, &ahead, &wait, &error), INVALID);
    CHECK(ahead == 0 && wait == 0);
    take_error(&error, "client");
    CHECK_STATUS(oai_client_position(client, UINT64_MAX, NULL, NULL, NULL), OAI_ERR_UNKNOWN_ID);

    cover("oai_client_close");
    CHECK_STATUS(oai_client_close(NULL, 0, &error), INVALID);
    take_error(&error, "client");
    made = new_client("");
    CHECK_STATUS(oai_client_close(made, 0, NULL), OAI_OK);
    cover("oai_client_free");
    oai_client_free(made);
    oai_client_free(NULL);
}

#define NUMBER(name, value)                             \
    do {                                                \
        cover("oai_set_" #name);                        \
        CHECK_STATUS(oai_set_##name(NULL, value), INVALID); \
        CHECK_STATUS(oai_set_##name(made, value), OAI_OK);  \
    } while (0)

#define TEXT(name, value)                               \
    do {                                                \
        cover("oai_set_" #name);                        \
        CHECK_STATUS(oai_set_##name(NULL, value), INVALID); \
        CHECK_STATUS(oai_set_##name(NULL, NULL), INVALID);  \
        CHECK_STATUS(oai_set_##name(made, value), OAI_OK);  \
        CHECK_STATUS(oai_set_##name(made, NULL), OAI_OK);   \
    } while (0)

static void setters(void)
{
    oai_client *made = new_client("");
    TEXT(api_key, "sk-x");
    TEXT(admin_api_key, "sk-y");
    TEXT(base_url, "http://127.0.0.1:1/v1");
    TEXT(azure_endpoint, "http://127.0.0.1:1");
    TEXT(azure_api_version, "2024-10-21");
    TEXT(azure_api_key, "key");
    TEXT(azure_ad_token, "token");
    TEXT(organization, "org");
    TEXT(project, "project");
    TEXT(custom_headers, "A: b");
    TEXT(default_query, "a=b");
    TEXT(limits, "{}");
    TEXT(limit_groups, "{}");
    TEXT(fallbacks, "[]");
    TEXT(proxy, "");
    TEXT(https_proxy, "");
    TEXT(http_proxy, "");
    TEXT(webhook_secret, "whsec_c2VjcmV0");
    TEXT(no_proxy, "localhost");
    TEXT(ca_file, "/ca.pem");
    TEXT(ca_pem, "-----BEGIN CERTIFICATE-----");
    NUMBER(max_concurrent_requests, 1);
    NUMBER(queue_size, 1);
    NUMBER(queue_full, OAI_QUEUE_FULL_WAIT);
    NUMBER(ageing_ms, 1);
    NUMBER(fallback_after_ms, 1);
    NUMBER(requests_per_minute, 1);
    NUMBER(tokens_per_minute, 1);
    NUMBER(burst, 1);
    NUMBER(learn_limits, 0);
    NUMBER(circuit_breaker_failures, 1);
    NUMBER(circuit_breaker_reset_ms, 1);
    NUMBER(max_retries, 1);
    NUMBER(initial_retry_delay_ms, 1);
    NUMBER(backoff_factor, 1.5);
    NUMBER(max_retry_delay_ms, 1);
    NUMBER(retry_jitter, 0.5);
    NUMBER(max_retry_after_ms, 1);
    NUMBER(retry_unsafe, 1);
    NUMBER(attempt_timeout_ms, 1);
    NUMBER(timeout_ms, 1);
    NUMBER(connect_timeout_ms, 1);
    NUMBER(idle_timeout_ms, 1);
    NUMBER(max_response_bytes, 1);
    NUMBER(max_redirects, 1);
    NUMBER(stream_buffer_events, 1);
    NUMBER(tls_roots, OAI_TLS_ROOTS_BUNDLED);
    NUMBER(http_version, OAI_HTTP_VERSION_2);
    NUMBER(pool_idle_ms, 1);
    NUMBER(callback_thread, OAI_CALLBACK_ON_WORKER);
    oai_client_free(made);
}

static void never_wanted(void *user_data, uint64_t wanted)
{
    (void)user_data;
    FAIL("a token is wanted under %llu, and there is no request", (unsigned long long)wanted);
}

static void count_end(void *user_data)
{
    ++*(int *)user_data;
}

static void tokens(void)
{
    int ended = 0;
    oai_error *error = GARBAGE(oai_error);
    cover("oai_set_token_callback");
    CHECK_STATUS(oai_set_token_callback(NULL, never_wanted, &ended, count_end, &error), INVALID);
    CHECK_NUMBER(ended, 1);
    take_error(&error, "client");
    CHECK_STATUS(oai_set_token_callback(client, never_wanted, NULL, NULL, NULL), OAI_OK);
    CHECK_STATUS(oai_set_token_callback(client, NULL, &ended, count_end, NULL), OAI_OK);
    CHECK_NUMBER(ended, 2);
    cover("oai_set_token_queue");
    CHECK_STATUS(oai_set_token_queue(NULL, NULL, 1, &error), INVALID);
    take_error(&error, "client");
    CHECK_STATUS(oai_set_token_queue(client, NULL, 1, NULL), OAI_OK);
    cover("oai_provide_token");
    CHECK_STATUS(oai_provide_token(NULL, 1, "t", 1, 0, &error), INVALID);
    take_error(&error, "client");
    CHECK_STATUS(oai_provide_token(client, 1, NULL, 1, 0, &error), INVALID);
    take_error(&error, "token");
    CHECK_STATUS(oai_provide_token(client, 1, "t", 1, 0, NULL), OAI_ERR_UNKNOWN_ID);
    cover("oai_refuse_token");
    CHECK_STATUS(oai_refuse_token(NULL, 1, "m", 1, &error), INVALID);
    take_error(&error, "client");
    CHECK_STATUS(oai_refuse_token(client, 1, NULL, 1, NULL), OAI_ERR_UNKNOWN_ID);
}

static void requests(void)
{
    oai_error *error = GARBAGE(oai_error);
    oai_request *request = GARBAGE(oai_request);
    const char *const texts[] = {"a", "b"}, *const hole[] = {"a", NULL};
    const size_t lens[] = {1, 1}, none[] = {0, 0};

    cover("oai_request_new");
    CHECK_STATUS(oai_request_new(NULL, "/embeddings", &request, &error), INVALID);
    CHECK(request == NULL);
    take_error(&error, "method");
    request = GARBAGE(oai_request);
    CHECK_STATUS(oai_request_new("POST", NULL, &request, &error), INVALID);
    CHECK(request == NULL);
    take_error(&error, "path");
    CHECK_STATUS(oai_request_new("POST", "/embeddings", NULL, &error), INVALID);
    take_error(&error, "request");
    CHECK_STATUS(oai_request_new("POST", "/embeddings", &request, NULL), OAI_OK);

    cover("oai_request_clone");
    oai_request *copy = GARBAGE(oai_request);
    CHECK_STATUS(oai_request_clone(NULL, &copy, &error), INVALID);
    CHECK(copy == NULL);
    take_error(&error, "request");
    CHECK_STATUS(oai_request_clone(request, NULL, &error), INVALID);
    take_error(&error, "copy");
    CHECK_STATUS(oai_request_clone(request, &copy, NULL), OAI_OK);
    oai_request_free(copy);
    cover("oai_request_set_json");
    CHECK_STATUS(oai_request_set_json(NULL, "{}", 2), INVALID);
    CHECK_STATUS(oai_request_set_json(request, NULL, 0), INVALID);
    cover("oai_request_set_query");
    CHECK_STATUS(oai_request_set_query(NULL, "a", "b"), INVALID);
    CHECK_STATUS(oai_request_set_query(request, NULL, "b"), INVALID);
    CHECK_STATUS(oai_request_set_query(request, "a", NULL), OAI_OK);
    cover("oai_request_add_query");
    CHECK_STATUS(oai_request_add_query(NULL, "a", "b"), INVALID);
    CHECK_STATUS(oai_request_add_query(request, NULL, "b"), INVALID);
    CHECK_STATUS(oai_request_add_query(request, "a", NULL), INVALID);
    cover("oai_request_set_header");
    CHECK_STATUS(oai_request_set_header(NULL, "a", "b"), INVALID);
    CHECK_STATUS(oai_request_set_header(request, NULL, "b"), INVALID);
    CHECK_STATUS(oai_request_set_header(request, "a", NULL), OAI_OK);
    cover("oai_request_set_inputs");
    CHECK_STATUS(oai_request_set_inputs(NULL, texts, lens, 2), INVALID);
    CHECK_STATUS(oai_request_set_inputs(request, NULL, lens, 2), INVALID);
    CHECK_STATUS(oai_request_set_inputs(request, hole, lens, 2), INVALID);
    CHECK_STATUS(oai_request_set_inputs(request, texts, NULL, 2), OAI_OK);
    cover("oai_request_set_inputs_packed");
    CHECK_STATUS(oai_request_set_inputs_packed(NULL, "ab", lens, 2), INVALID);
    CHECK_STATUS(oai_request_set_inputs_packed(request, NULL, lens, 2), INVALID);
    CHECK_STATUS(oai_request_set_inputs_packed(request, "ab", NULL, 2), INVALID);
    CHECK_STATUS(oai_request_set_inputs_packed(request, NULL, none, 2), OAI_OK);
    cover("oai_request_set_model");
    CHECK_STATUS(oai_request_set_model(NULL, "m"), INVALID);
    CHECK_STATUS(oai_request_set_model(request, NULL), OAI_OK);
    cover("oai_request_set_dimensions");
    CHECK_STATUS(oai_request_set_dimensions(NULL, 1), INVALID);
    cover("oai_request_set_user");
    CHECK_STATUS(oai_request_set_user(NULL, "u"), INVALID);
    CHECK_STATUS(oai_request_set_user(request, NULL), OAI_OK);
    cover("oai_request_set_stream");
    CHECK_STATUS(oai_request_set_stream(NULL, 1), INVALID);
    cover("oai_request_set_priority");
    CHECK_STATUS(oai_request_set_priority(NULL, OAI_PRIORITY_LOW), INVALID);
    cover("oai_request_set_timeout_ms");
    CHECK_STATUS(oai_request_set_timeout_ms(NULL, 1), INVALID);
    cover("oai_request_set_idempotency_key");
    CHECK_STATUS(oai_request_set_idempotency_key(NULL, "k"), INVALID);
    CHECK_STATUS(oai_request_set_idempotency_key(request, NULL), OAI_OK);
    cover("oai_request_set_tag");
    CHECK_STATUS(oai_request_set_tag(NULL, 1), INVALID);
    cover("oai_request_add_field");
    CHECK_STATUS(oai_request_add_field(NULL, "a", "b", 1), INVALID);
    CHECK_STATUS(oai_request_add_field(request, NULL, "b", 1), INVALID);
    CHECK_STATUS(oai_request_add_field(request, "a", NULL, 0), INVALID);
    cover("oai_request_add_file");
    CHECK_STATUS(oai_request_add_file(NULL, "a", "f.txt", "text/plain", "b", 1), INVALID);
    CHECK_STATUS(oai_request_add_file(request, NULL, "f.txt", "text/plain", "b", 1), INVALID);
    CHECK_STATUS(oai_request_add_file(request, "a", NULL, "text/plain", "b", 1), INVALID);
    CHECK_STATUS(oai_request_add_file(request, "a", "f.txt", "text/plain", NULL, 1), INVALID);
    CHECK_STATUS(oai_request_add_file(request, "a", "f.txt", NULL, NULL, 0), OAI_OK);
    cover("oai_request_add_file_path");
    CHECK_STATUS(oai_request_add_file_path(NULL, "a", "/f.txt", "f.txt", "text/plain"), INVALID);
    CHECK_STATUS(oai_request_add_file_path(request, NULL, "/f.txt", "f.txt", "text/plain"), INVALID);
    CHECK_STATUS(oai_request_add_file_path(request, "a", NULL, "f.txt", "text/plain"), INVALID);
    CHECK_STATUS(oai_request_add_file_path(request, "a", "/f.txt", NULL, NULL), OAI_OK);
    cover("oai_request_set_output_path");
    CHECK_STATUS(oai_request_set_output_path(NULL, "/f.txt"), INVALID);
    CHECK_STATUS(oai_request_set_output_path(request, NULL), OAI_OK);
    cover("oai_request_set_output_fd");
    CHECK_STATUS(oai_request_set_output_fd(NULL, 1), INVALID);
    CHECK_STATUS(oai_request_set_output_fd(request, -1), INVALID);
    cover("oai_request_set_progress");
    CHECK_STATUS(oai_request_set_progress(NULL, 1), INVALID);
    cover("oai_request_free");
    oai_request_free(request);
    oai_request_free(NULL);
}

static void on_destroy(void *user_data)
{
    (void)user_data;
    destroyed++;
}

static void ignore_line(void *user_data, int32_t level, const char *message, size_t len)
{
    (void)user_data, (void)level, (void)message, (void)len;
}

static void process(void)
{
    oai_error *error = GARBAGE(oai_error);
    cover("oai_set_log");
    CHECK_STATUS(oai_set_log(99, ignore_line, NULL, on_destroy, &error), INVALID);
    CHECK_NUMBER(destroyed, 1);
    take_error(&error, "99");
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, ignore_line, NULL, NULL, NULL), OAI_OK);
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL), OAI_OK);
    cover("oai_set_log_to");
    CHECK_STATUS(oai_set_log_to(OAI_LOG_OFF, NULL, &error), INVALID);
    take_error(&error, "queue");
    CHECK_STATUS(oai_set_log_to(OAI_LOG_OFF, NULL, NULL), INVALID);
    cover("oai_shutdown"); /* by finish() */
}

int main(void)
{
    process();
    client = new_client("");
    errors_and_texts();
    tokens();
    clients();
    setters();
    requests();
    oai_client_free(client);
    check_covered(NULLS);
    return finish("nulls");
}
