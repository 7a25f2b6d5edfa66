/*
 * Fallbacks: another key when the first is paused, another server when the first is gone, nothing of the first's there,
 * and where an outcome comes from.
 */
#include "events.h"

static struct lines lines;

/* The value of the Authorization of request i, by the server's log. */
static void check_key(const char *log, int i, const char *key)
{
    char *path = text_of("%d.headers.authorization", i), *value = text_of("Bearer %s", key);
    CHECK(json_is(log, path, value));
    free(path);
    free(value);
}

static oai_response *embed_one(const oai_client *client)
{
    oai_response *response = NULL;
    const char *text = "text";
    oai_embed(client, MODEL, &text, NULL, 1, NULL, &response);
    return response;
}

/* The first key is told to wait for a minute: the second answers at once, and the first is not asked again. */
static void a_second_key(void)
{
    server_reset();
    server_script("{\"status\": 429, \"headers\": {\"retry-after\": \"60\"}}");
    oai_client *client = new_client("\"api_key\": \"sk-fallbacks-1\"");
    CHECK_STATUS(oai_set_fallbacks(client, "[{\"api_key\": \"sk-fallbacks-2\"}]"), OAI_OK);
    for (int i = 0; i < 2; i++) {
        oai_response *response = embed_one(client);
        CHECK_STATUS(oai_response_status(response), OAI_OK);
        CHECK_NUMBER(oai_response_fallback(response), 1);
        CHECK_NUMBER(oai_response_attempts(response), i == 0 ? 2 : 1);
        oai_response_free(response);
    }
    char *log = server_log(3);
    check_key(log, 0, "sk-fallbacks-1");
    check_key(log, 1, "sk-fallbacks-2");
    check_key(log, 2, "sk-fallbacks-2");
    free(log);
    char *json = NULL;
    CHECK_STATUS(oai_client_stats_json(client, &json, NULL, NULL), OAI_OK);
    CHECK_NUMBER((long long)json_number(json, "fallbacks"), 2);
    oai_string_free(json);
    CHECK_STATUS(oai_client_config_json(client, &json, NULL, NULL), OAI_OK);
    CHECK(strstr(json, "sk-fallbacks") == NULL);
    oai_string_free(json);
    oai_client_free(client);
    char *text = wait_lines(&lines, "goes to fallback 1", 2);
    CHECK(strstr(text, "sk-fallbacks") == NULL);
    free(text);
}

/* Nobody listens at the first server: the second answers, without the first's key. */
static void a_second_server(void)
{
    server_reset();
    char *json = text_of("\"base_url\": \"http://127.0.0.1:1/v1\", \"api_key\": \"sk-fallbacks-3\", \"max_retries\": 1, "
                         "\"initial_retry_delay_ms\": 1, \"fallbacks\": [{\"base_url\": \"%s/v1\"}]", server_url());
    oai_client *client = new_client(json);
    oai_response *response = embed_one(client);
    CHECK_STATUS(oai_response_status(response), OAI_OK);
    CHECK_NUMBER(oai_response_fallback(response), 1);
    CHECK_NUMBER(oai_response_attempts(response), 3);
    oai_response_free(response);
    char *log = server_log(1);
    CHECK(json_at(log, "0.headers.authorization") == NULL);
    free(log);
    oai_client_free(client);
    free(json);
}

/* Where all is well, nothing goes elsewhere. */
static void at_home(void)
{
    server_reset();
    oai_client *client = new_client("\"fallbacks\": [{\"api_key\": \"sk-fallbacks-4\"}]");
    oai_response *response = embed_one(client);
    CHECK_STATUS(oai_response_status(response), OAI_OK);
    CHECK_NUMBER(oai_response_fallback(response), 0);
    oai_response_free(response);
    CHECK_STATUS(oai_set_fallbacks(client, NULL), OAI_ERR_STATE);
    CHECK_STATUS(oai_set_fallback_after_ms(client, 0), OAI_OK);
    oai_client_free(client);
    client = new_client("");
    CHECK_STATUS(oai_set_fallbacks(client, "[{\"key\": \"sk-x\"}]"), OAI_ERR_CONFIG);
    CHECK_STATUS(oai_set_fallbacks(client, NULL), OAI_OK);
    oai_client_free(client);
}

int main(void)
{
    CHECK_STATUS(oai_set_log(OAI_LOG_INFO, on_line, &lines, NULL, NULL), OAI_OK);
    a_second_key();
    a_second_server();
    at_home();
    return finish("fallbacks");
}
