/*
 * The options: every one has its setter, and is told with its source; wrong values are refused by name; scheduling
 * options hold at once, transport options until the first request.
 */
#include "events.h"
#include <dlfcn.h>

/* Walks the table: names are unique, each has texts, and a setter unless it is for the creation. */
static void table(void)
{
    int count = 0;
    for (const oai_option *option = oai_option_next(NULL); option != NULL; option = oai_option_next(option)) {
        count++;
        char *setter = text_of("oai_set_%s", option->name);
        CHECK((dlsym(RTLD_DEFAULT, setter) != NULL) == (option->when != OAI_OPTION_AT_CREATION));
        free(setter);
        CHECK(*option->type_name != '\0' && *option->doc != '\0' && option->default_value != NULL);
        CHECK_HOLDS(option->env, "OAI_");
        for (const oai_option *other = oai_option_next(NULL); other != option; other = oai_option_next(other))
            CHECK(strcmp(other->name, option->name) != 0);
    }
    CHECK(count > 30);
    int unknown;
    CHECK(oai_option_next((const oai_option *)(const void *)&unknown) == NULL);
}

/* Every option of the table is in the configuration, with a source. */
static void told(void)
{
    oai_client *client = new_client("\"max_retries\": 7");
    char *json = NULL;
    CHECK_STATUS(oai_client_config_json(client, &json, NULL, NULL), OAI_OK);
    for (const oai_option *option = oai_option_next(NULL); option != NULL; option = oai_option_next(option)) {
        char *path = text_of("%s.source", option->name);
        CHECK(json_at(json, path) != NULL);
        free(path);
    }
    CHECK_NUMBER(json_number(json, "max_retries.value"), 7);
    CHECK(json_is(json, "queue_size.source", "default"));
    CHECK(strstr(json, "sk-test") == NULL);
    oai_string_free(json);
    oai_client_free(client);
}

/* A wrong value names the option, the value and the range; nothing of a wrong object is taken. */
static void refused(void)
{
    oai_client *client = new_client("");
    oai_error *error = NULL;
    CHECK_STATUS(oai_client_configure_json(client, "{\"max_retries\": 3, \"queue_size\": -1}", OAI_STRLEN, &error), OAI_ERR_CONFIG);
    CHECK_HOLDS(oai_error_message(error), "queue_size");
    CHECK_HOLDS(oai_error_message(error), "-1");
    oai_error_free(error);
    CHECK_STATUS(oai_client_configure_json(client, "{\"max_retrys\": 3}", OAI_STRLEN, &error), OAI_ERR_UNKNOWN_OPTION);
    CHECK_HOLDS(oai_error_message(error), "max_retries");
    oai_error_free(error);
    CHECK_STATUS(oai_client_configure_json(client, "{", OAI_STRLEN, &error), OAI_ERR_CONFIG);
    oai_error_free(error);
    CHECK_STATUS(oai_set_max_concurrent_requests(client, 0), OAI_ERR_CONFIG);
    CHECK_STATUS(oai_set_backoff_factor(client, 0.5), OAI_ERR_CONFIG);
    CHECK_STATUS(oai_set_base_url(client, "api.openai.com"), OAI_ERR_CONFIG);
    CHECK_STATUS(oai_set_api_key(client, "sk-\n"), OAI_ERR_CONFIG);
    CHECK_STATUS(oai_set_retry_unsafe(client, 2), OAI_ERR_CONFIG);
    char *json = NULL;
    CHECK_STATUS(oai_client_config_json(client, &json, NULL, NULL), OAI_OK);
    CHECK_NUMBER(json_number(json, "max_retries.value"), 5);
    oai_string_free(json);
    oai_client_free(client);
}

/* Raising the limit starts those that wait at once; a transport option is fixed by then. */
static void at_run_time(void)
{
    oai_client *client = new_client("\"max_concurrent_requests\": 1");
    struct seen seen[10];
    memset(seen, 0, sizeof seen);
    server_reset();
    server_script("{\"hold\": \"gate\", \"times\": null}");
    for (int i = 0; i < 10; i++)
        submit_text(client, "text", &seen[i]);
    server_wait("in_flight", 1);
    CHECK_NUMBER(server_stat("in_flight"), 1);
    CHECK_STATUS(oai_set_max_concurrent_requests(client, 10), OAI_OK);
    server_wait("in_flight", 10);
    CHECK_STATUS(oai_set_connect_timeout_ms(client, 5), OAI_ERR_STATE);
    CHECK_STATUS(oai_set_max_retries(client, 1), OAI_OK);
    server_release("gate", 0);
    for (int i = 0; i < 10; i++) {
        CHECK_STATUS(wait_end(&seen[i]), OAI_OK);
        forget(&seen[i]);
    }
    oai_client_free(client);
}

/* The statistics count what was, and are JSON from the first moment on. */
static void statistics(void)
{
    oai_client *client = new_client("");
    char *json = NULL, *text = NULL;
    size_t len = 0;
    CHECK_STATUS(oai_client_stats_json(client, &json, &len, NULL), OAI_OK);
    CHECK_NUMBER(json_number(json, "requests.accepted"), 0);
    CHECK(strlen(json) == len);
    oai_string_free(json);
    server_reset();
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    CHECK_STATUS(oai_client_stats_json(client, &json, NULL, NULL), OAI_OK);
    CHECK_NUMBER(json_number(json, "requests.accepted"), 1);
    CHECK_NUMBER(json_number(json, "requests.ended.ok"), 1);
    CHECK_NUMBER(json_number(json, "attempts"), 1);
    CHECK(json_number(json, "tokens.used") > 0);
    oai_string_free(json);
    CHECK_STATUS(oai_client_stats_prometheus(client, &text, NULL, NULL), OAI_OK);
    CHECK_HOLDS(text, "# TYPE oai_");
    oai_string_free(text);
    oai_client_free(client);
}

/* Where a waiting request stands. */
static void position(void)
{
    oai_client *client = new_client("\"max_concurrent_requests\": 1");
    struct seen seen[4];
    memset(seen, 0, sizeof seen);
    server_reset();
    server_script("{\"hold\": \"gate\"}");
    for (int i = 0; i < 4; i++)
        submit_text(client, "text", &seen[i]);
    uint64_t ahead = 9, wait = 9;
    CHECK_STATUS(oai_client_position(client, seen[3].id, &ahead, &wait, NULL), OAI_OK);
    CHECK(ahead == 2 && wait == 0);
    CHECK_STATUS(oai_client_position(client, seen[0].id, &ahead, &wait, NULL), OAI_ERR_UNKNOWN_ID);
    server_wait("in_flight", 1);
    server_release("gate", 0);
    for (int i = 0; i < 4; i++) {
        CHECK_STATUS(wait_end(&seen[i]), OAI_OK);
        forget(&seen[i]);
    }
    oai_client_free(client);
}

int main(void)
{
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL), OAI_OK);
    table();
    told();
    refused();
    at_run_time();
    statistics();
    position();
    return finish("options");
}
