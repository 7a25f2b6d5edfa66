/*
 * Where a value comes from: every option by its setter, by JSON, by each of its variables; which of two wins; and what a
 * .env file may say. The setters are found by name, so that a new option is asked for here too.
 */
#include "support.h"
#include <dlfcn.h>

/* A value of an option. What is not in the table gets one by its type. */
static const struct value {
    const char *option, *text, *json;
    int32_t number; /* of a choice */
} values[] = {
    {"api_key", "sk-environment-1", NULL, 0},
    {"admin_api_key", "sk-environment-2", NULL, 0},
    {"webhook_secret", "whsec_c2VjcmV0", NULL, 0},
    {"base_url", "http://127.0.0.1:9/v1", NULL, 0},
    {"azure_endpoint", "http://127.0.0.1:9", NULL, 0},
    {"azure_api_version", "2024-10-21", NULL, 0},
    {"azure_api_key", "sk-environment-3", NULL, 0},
    {"azure_ad_token", "sk-environment-4", NULL, 0},
    {"organization", "org-x", NULL, 0},
    {"project", "proj-x", NULL, 0},
    {"custom_headers", "A: b", "{\"A\": \"b\"}", 0},
    {"default_query", "a=b", "{\"a\": \"b\"}", 0},
    {"limits", "{\"m\": {\"burst\": 7}}", "{\"m\": {\"burst\": 7}}", 0},
    {"limit_groups", "{\"m\": \"group\"}", "{\"m\": \"group\"}", 0},
    {"fallbacks", "[{\"model\": \"m\"}]",
     "[{\"base_url\": null, \"api_key\": null, \"organization\": null, \"project\": null, \"model\": \"m\"}]", 0},
    {"proxy", "http://127.0.0.1:9/", NULL, 0},
    {"https_proxy", "http://127.0.0.1:9/", NULL, 0},
    {"http_proxy", "http://127.0.0.1:9/", NULL, 0},
    {"no_proxy", "localhost", NULL, 0},
    {"ca_file", "/ca.pem", NULL, 0},
    {"ca_pem", "-----BEGIN CERTIFICATE-----", NULL, 0},
    {"queue_full", "wait", NULL, OAI_QUEUE_FULL_WAIT},
    {"http_version", "2", NULL, OAI_HTTP_VERSION_2},
    {"callback_thread", "worker", NULL, OAI_CALLBACK_ON_WORKER},
    {"tls_roots", "bundled", NULL, OAI_TLS_ROOTS_BUNDLED},
};

static int is(const oai_option *option, const char *type)
{
    return strcmp(option->type_name, type) == 0;
}

static struct value value_of(const oai_option *option)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strcmp(values[i].option, option->name) == 0)
            return values[i];
    struct value value = {option->name, "7", "7", 7};
    if (is(option, "double")) {
        value.text = value.json = "1";
    } else if (is(option, "flag")) {
        value.number = strcmp(option->default_value, "off") == 0;
        value.text = value.number ? "on" : "off";
        value.json = value.number ? "true" : "false";
    } else if (!is(option, "uint32") && !is(option, "uint64")) {
        FAIL("%s needs a value in this test", option->name);
    }
    return value;
}

static oai_client *new_from(const char *json)
{
    oai_client *client = NULL;
    oai_error *error = NULL;
    if (oai_client_new(json, OAI_STRLEN, &client, &error) != OAI_OK)
        FAIL("%s: %s", json, oai_error_message(error));
    return client;
}

/* The client tells the option's value, and that it comes from there; a secret is not told. */
static void check_told(const oai_client *client, const oai_option *option, const struct value *value, const char *source,
                       const char *variable)
{
    char *json = NULL;
    char *at = text_of("%s.value", option->name);
    char *from = text_of("%s.source", option->name), *by = text_of("%s.variable", option->name);
    CHECK_STATUS(oai_client_config_json(client, &json, NULL, NULL), OAI_OK);
    if (!json_is(json, from, source))
        FAIL("%s does not come from %s: %s", option->name, source, json_at(json, option->name));
    CHECK(variable == NULL ? json_at(json, by) == NULL : json_is(json, by, variable));
    const char *told = json_at(json, at);
    CHECK(told != NULL);
    if (is(option, "uint32") || is(option, "uint64") || is(option, "double"))
        CHECK(json_number(json, at) == (value == NULL ? strtod(option->default_value, NULL) : strtod(value->text, NULL)));
    else if (is(option, "flag"))
        CHECK((strncmp(told, "true", 4) == 0) == (value == NULL ? strcmp(option->default_value, "on") == 0 : value->number));
    else if (value == NULL && *option->default_value == '\0')
        CHECK(strncmp(told, "null", 4) == 0 || strncmp(told, "{}", 2) == 0 || strncmp(told, "[]", 2) == 0);
    else if (is(option, "choice") || value == NULL || (is(option, "string") && value->json == NULL))
        CHECK(json_is(json, at, value == NULL ? option->default_value : value->text));
    else
        CHECK(strncmp(told, "null", 4) != 0);
    if (is(option, "secret") && strstr(option->name, "key") != NULL)
        CHECK(strstr(json, "sk-environment") == NULL);
    free(at);
    free(from);
    free(by);
    oai_string_free(json);
}

/* Calls the option's setter, whatever it takes. */
static oai_status set(const oai_client *client, const oai_option *option, const struct value *value)
{
    void (*function)(void) = NULL;
    char *name = text_of("oai_set_%s", option->name);
    void *symbol = dlsym(RTLD_DEFAULT, name);
    if (symbol == NULL)
        FAIL("there is no %s", name);
    free(name);
    memcpy(&function, &symbol, sizeof function);
    if (is(option, "uint32"))
        return ((oai_status (*)(const oai_client *, uint32_t))function)(client, (uint32_t)value->number);
    if (is(option, "uint64"))
        return ((oai_status (*)(const oai_client *, uint64_t))function)(client, (uint64_t)value->number);
    if (is(option, "double"))
        return ((oai_status (*)(const oai_client *, double))function)(client, strtod(value->text, NULL));
    if (is(option, "flag") || is(option, "choice"))
        return ((oai_status (*)(const oai_client *, int32_t))function)(client, value->number);
    return ((oai_status (*)(const oai_client *, const char *))function)(client, value->text);
}

/* A value as JSON: as it is, or a string. */
static char *as_json(const struct value *value)
{
    return value->json != NULL ? strdup(value->json) : text_of("\"%s\"", value->text);
}

static void by_setter_and_json(const oai_option *option, const struct value *value)
{
    char *text = as_json(value);
    char *json = text_of("{\"dotenv\": false, \"%s\": %s}", option->name, text), *null = text_of("{\"%s\": null}", option->name);
    oai_client *client = new_from("{\"dotenv\": false}");
    check_told(client, option, NULL, "default", NULL);
    CHECK_STATUS(set(client, option, value), OAI_OK);
    check_told(client, option, value, "explicit", NULL);
    CHECK_STATUS(oai_client_configure_json(client, null, OAI_STRLEN, NULL), OAI_OK);
    check_told(client, option, NULL, "default", NULL);
    free(null);
    null = text_of("{\"%s\": %s}", option->name, text);
    CHECK_STATUS(oai_client_configure_json(client, null, OAI_STRLEN, NULL), OAI_OK);
    check_told(client, option, value, "explicit", NULL);
    oai_client_free(client);
    client = new_from(json);
    check_told(client, option, value, "explicit", NULL);
    oai_client_free(client);
    free(null);
    free(json);
    free(text);
}

/* By each of its variables alone, the first of them winning over the others, and the program over all. */
static void by_environment(const oai_option *option, const struct value *value)
{
    char *names = strdup(option->env), *first = NULL, *rest = NULL;
    for (char *name = strtok_r(names, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
        CHECK_NUMBER(setenv(name, value->text, 1), 0);
        oai_client *client = new_from("{\"dotenv\": false}");
        check_told(client, option, value, "environment", name);
        oai_client_free(client);
        if (first == NULL) {
            char *expected = text_of("OAI_%s", option->name);
            CHECK(strcasecmp(name, expected) == 0);
            free(expected);
            first = name;
        } else {
            CHECK_NUMBER(setenv(first, value->text, 1), 0);
            client = new_from("{\"dotenv\": false}");
            check_told(client, option, value, "environment", first);
            oai_client_free(client);
        }
        CHECK_NUMBER(unsetenv(first), 0);
        CHECK_NUMBER(unsetenv(name), 0);
    }
    /* Empty is unset; what the program says wins. */
    CHECK_NUMBER(setenv(first, "", 1), 0);
    oai_client *client = new_from("{\"dotenv\": false}");
    check_told(client, option, NULL, "default", NULL);
    oai_client_free(client);
    CHECK_NUMBER(setenv(first, value->text, 1), 0);
    char *text = as_json(value);
    char *json = text_of("{\"dotenv\": false, \"%s\": %s}", option->name, text);
    client = new_from(json);
    check_told(client, option, value, "explicit", NULL);
    oai_client_free(client);
    CHECK_NUMBER(unsetenv(first), 0);
    free(text);
    free(json);
    free(names);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK(fputs(text, file) >= 0);
    CHECK_NUMBER(fclose(file), 0);
}

static const oai_option *find(const char *name)
{
    const oai_option *option = NULL;
    while ((option = oai_option_next(option)) != NULL && strcmp(option->name, name) != 0)
        ;
    CHECK(option != NULL);
    return option;
}

/* A file fills what the environment leaves open; it can be named, switched off, and wrong. */
static void by_file(void)
{
    const struct value seven = {"max_retries", "7", "7", 7}, eight = {"max_retries", "8", "8", 8};
    const oai_option *retries = find("max_retries");
    char folder[] = "/tmp/oaic-test-XXXXXX";
    oai_client *client = NULL;
    oai_error *error = NULL;
    CHECK(mkdtemp(folder) != NULL);
    CHECK_NUMBER(chdir(folder), 0);
    write_file(".env", "OAI_MAX_RETRIES=7\nOAI_QUEUE_SIZE=abc\n");
    /* Found: a value that cannot be used is an error that names file and line, and not what stands there. */
    CHECK_STATUS(oai_client_new(NULL, 0, &client, &error), OAI_ERR_CONFIG);
    CHECK_HOLDS(oai_error_message(error), "queue_size");
    CHECK_HOLDS(oai_error_message(error), "line 2 of");
    CHECK_HOLDS(oai_error_message(error), ".env");
    CHECK(strstr(oai_error_message(error), "abc") == NULL);
    oai_error_free(error);
    write_file(".env", "OAI_MAX_RETRIES=7\n");
    client = new_from("{}");
    check_told(client, retries, &seven, "dotenv", "OAI_MAX_RETRIES");
    oai_client_free(client);
    CHECK_NUMBER(setenv("OAI_MAX_RETRIES", "8", 1), 0);
    client = new_from("{}");
    check_told(client, retries, &eight, "environment", "OAI_MAX_RETRIES");
    oai_client_free(client);
    CHECK_NUMBER(unsetenv("OAI_MAX_RETRIES"), 0);
    client = new_from("{\"dotenv\": false}");
    check_told(client, retries, NULL, "default", NULL);
    oai_client_free(client);
    CHECK_NUMBER(setenv("OAI_DOTENV", "false", 1), 0);
    client = new_from("{}");
    check_told(client, retries, NULL, "default", NULL);
    oai_client_free(client);
    /* Named, by the environment and by the program. */
    write_file("other", "OAI_MAX_RETRIES=8\n");
    CHECK_NUMBER(setenv("OAI_DOTENV", "other", 1), 0);
    client = new_from("{}");
    check_told(client, retries, &eight, "dotenv", "OAI_MAX_RETRIES");
    oai_client_free(client);
    client = new_from("{\"dotenv\": \".env\"}");
    check_told(client, retries, &seven, "dotenv", "OAI_MAX_RETRIES");
    CHECK_STATUS(oai_client_configure_json(client, "{\"dotenv\": false}", OAI_STRLEN, NULL), OAI_ERR_STATE);
    oai_client_free(client);
    CHECK_NUMBER(setenv("OAI_DOTENV", "missing", 1), 0);
    CHECK_STATUS(oai_client_new(NULL, 0, &client, &error), OAI_ERR_CONFIG);
    CHECK_HOLDS(oai_error_message(error), "missing");
    oai_error_free(error);
    CHECK_NUMBER(unsetenv("OAI_DOTENV"), 0);
    /* A file that was only found says nothing about who receives a key that is not its own. */
    write_file(".env", "OPENAI_BASE_URL=http://127.0.0.1:9/stranger\n");
    client = new_from("{\"api_key\": \"sk-program\"}");
    check_told(client, find("base_url"), NULL, "default", NULL);
    oai_client_free(client);
    /* The environment of the process is never changed. */
    CHECK(getenv("OPENAI_BASE_URL") == NULL && getenv("OAI_MAX_RETRIES") == NULL);
    CHECK(unlink(".env") == 0 && unlink("other") == 0 && chdir("/") == 0 && rmdir(folder) == 0);
}

/* After the first request, transport options stay as they are, and the others do not. */
static void after_the_first_request(void)
{
    oai_client *client = new_client("");
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    for (const oai_option *option = NULL; (option = oai_option_next(option)) != NULL;) {
        if (option->when == OAI_OPTION_AT_CREATION)
            continue;
        struct value value = value_of(option);
        oai_status status = set(client, option, &value);
        if (status != (option->when == OAI_OPTION_ANY_TIME ? OAI_OK : OAI_ERR_STATE))
            FAIL("%s: %s", option->name, oai_status_name(status));
    }
    oai_client_free(client);
}

int main(void)
{
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL), OAI_OK);
    for (const oai_option *option = NULL; (option = oai_option_next(option)) != NULL;) {
        if (option->when == OAI_OPTION_AT_CREATION)
            continue;
        struct value value = value_of(option);
        by_setter_and_json(option, &value);
        by_environment(option, &value);
    }
    by_file();
    after_the_first_request();
    return finish("environment");
}
