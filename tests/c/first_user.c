/*
 * The first users' own example, line by line: the key from a .env file, one text embedded as floats, then the settings
 * of the queue and the backoff. And the key is nowhere but in the request's header.
 */
#include "events.h"

#define KEY "sk-first-user-0a1b2c3d4e5f"

int main(void)
{
    struct lines lines = {0};
    char folder[] = "/tmp/oaic-test-XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    CHECK_NUMBER(chdir(folder), 0);
    FILE *file = fopen(".env", "w");
    CHECK(file != NULL);
    fprintf(file, "# the first user's\nOPENAI_API_KEY=%s\nOPENAI_BASE_URL=%s/v1\n", KEY, server_url());
    CHECK_NUMBER(fclose(file), 0);
    capture_log(OAI_LOG_TRACE, &lines);

    oai_client *client = NULL;
    oai_error *error = NULL;
    CHECK_STATUS(oai_client_new(NULL, 0, &client, &error), OAI_OK);
    CHECK(error == NULL);

    char *json = NULL;
    size_t len = 0;
    CHECK_STATUS(oai_embed_json(client, MODEL, "Test text", OAI_STRLEN, "float", &json, &len, &error), OAI_OK);
    CHECK(error == NULL);
    CHECK_NUMBER(strlen(json), len);
    CHECK(json_is(json, "model", MODEL));
    int dims = 0;
    for (const char *at = json_first(json_at(json, "data.0.embedding")); at != NULL; at = json_next(at))
        dims++;
    CHECK_NUMBER(dims, 1536);
    CHECK(json_at(json, "data.1") == NULL);
    oai_string_free(json);

    CHECK_STATUS(oai_set_max_concurrent_requests(client, 10), OAI_OK);
    CHECK_STATUS(oai_set_queue_size(client, 200), OAI_OK);
    CHECK_STATUS(oai_set_max_retries(client, 8), OAI_OK);
    CHECK_STATUS(oai_set_initial_retry_delay_ms(client, 2000), OAI_OK);
    CHECK_STATUS(oai_set_backoff_factor(client, 3), OAI_OK);
    CHECK_STATUS(oai_set_max_retry_delay_ms(client, 120000), OAI_OK);

    CHECK_STATUS(oai_client_config_json(client, &json, &len, &error), OAI_OK);
    CHECK_NUMBER(strlen(json), len);
    static const struct {
        const char *name;
        double value;
    } set[] = {
        {"max_concurrent_requests", 10},  {"queue_size", 200},   {"max_retries", 8},
        {"initial_retry_delay_ms", 2000}, {"backoff_factor", 3}, {"max_retry_delay_ms", 120000},
    };
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
        char *value = text_of("%s.value", set[i].name), *source = text_of("%s.source", set[i].name);
        CHECK(json_number(json, value) == set[i].value);
        CHECK(json_is(json, source, "explicit"));
        free(value);
        free(source);
    }
    CHECK(json_is(json, "api_key.source", "dotenv"));
    CHECK(json_is(json, "api_key.variable", "OPENAI_API_KEY"));
    CHECK_NUMBER(json_number(json, "api_key.line"), 2);
    CHECK(json_is(json, "retry_jitter.source", "default"));
    CHECK(strstr(json, KEY) == NULL);
    oai_string_free(json);

    char *log = server_log(1);
    CHECK(json_is(log, "0.headers.authorization", "Bearer " KEY));
    CHECK(json_is(log, "0.method", "POST"));
    CHECK(json_is(log, "0.path", "/v1/embeddings"));
    CHECK(json_is(log, "0.body.model", MODEL));
    CHECK(json_is(log, "0.body.encoding_format", "float"));
    CHECK(json_is(log, "0.body.input.0", "Test text") || json_is(log, "0.body.input", "Test text"));
    CHECK(json_at(log, "1") == NULL);
    free(log);

    /* The key must not come back through an error either, even when a server repeats it. */
    server_script("{\"status\": 401, \"body\": {\"error\": {\"message\": \"Incorrect API key provided: " KEY ".\"}}}");
    CHECK_STATUS(oai_embed_json(client, MODEL, "Test text", OAI_STRLEN, "float", &json, &len, &error),
                 OAI_ERR_HTTP_AUTHENTICATION);
    CHECK(json == NULL && len == 0);
    CHECK_HOLDS(oai_error_message(error), "Incorrect API key provided");
    CHECK(strstr(oai_error_message(error), KEY) == NULL);
    oai_error_free(error);
    /* A key that cannot be used is not repeated, and what was set before stays. */
    CHECK_STATUS(oai_set_api_key(client, " " KEY), OAI_ERR_CONFIG);
    CHECK_STATUS(oai_client_configure_json(client, "{\"api_key\": \"" KEY "\\n\"}", OAI_STRLEN, &error), OAI_ERR_CONFIG);
    CHECK_HOLDS(oai_error_message(error), "api_key");
    CHECK(strstr(oai_error_message(error), KEY) == NULL);
    oai_error_free(error);
    CHECK_STATUS(embed(client, "again"), OAI_OK);

    char *source = text_of("api key from OPENAI_API_KEY in %s/.env", folder);
    char *text = wait_lines(&lines, "attempt 1 of", 3);
    CHECK_HOLDS(text, source);
    CHECK_HOLDS(text, "Incorrect API key provided");
    CHECK_HOLDS(text, "white space");
    CHECK(strstr(text, KEY) == NULL);
    free(text);
    free(source);

    oai_client_free(client);
    end_capture(&lines);
    CHECK_NUMBER(unlink(".env"), 0);
    CHECK_NUMBER(chdir("/"), 0);
    CHECK_NUMBER(rmdir(folder), 0);
    return finish("first_user");
}
