/*
 * Azure OpenAI: its two forms of paths, its version, its keys, and tokens that rotate, as they arrive at the server.
 */
#include "support.h"

static int arrived;

/* A client of an Azure endpoint on the test server; `json` are further members, `endpoint` is what stands behind its URL. */
static oai_client *azure_client(const char *endpoint, const char *json)
{
    char *all = text_of("\"azure_endpoint\": \"%s%s\", %s", server_url(), endpoint, json);
    oai_client *client = new_client(all);
    free(all);
    return client;
}

/* The next request that the server sees has this path and query, and this header if one is given. */
static void check_arrived(const char *path, const char *header, const char *value)
{
    char *log = server_log(++arrived), *at = text_of("%d.path", arrived - 1);
    if (!json_is(log, at, path))
        FAIL("not %s: %s", path, json_at(log, at));
    free(at);
    if (header != NULL) {
        at = text_of("%d.headers.%s", arrived - 1, header);
        if (!json_is(log, at, value))
            FAIL("%s: not %s: %s", header, value, log);
        free(at);
    }
    free(log);
}

static void send_json(const oai_client *client, const char *method, const char *path, const char *json)
{
    oai_response *response;
    oai_request *request = new_request(method, path, json);
    oai_send(client, request, &response);
    if (oai_response_status(response) != OAI_OK)
        FAIL("%s: %s", path, oai_error_message(oai_response_error(response)));
    oai_response_free(response);
    oai_request_free(request);
}

#define VERSION "?api-version=2024-10-21"
#define DATED "\"azure_api_version\": \"2024-10-21\", \"azure_api_key\": \"azure-key\""

/* A dated version: the deployment is in the path of the operations that have one, the version in the query of all. */
static void deployments(void)
{
    static const struct {
        const char *path, *expected;
    } operations[] = {
        {"/completions", "/openai/deployments/d-1/completions" VERSION},
        {"/chat/completions", "/openai/deployments/d-1/chat/completions" VERSION},
        {"/embeddings", "/openai/deployments/d-1/embeddings" VERSION},
        {"/audio/speech", "/openai/deployments/d-1/audio/speech" VERSION},
        {"/images/generations", "/openai/deployments/d-1/images/generations" VERSION},
        {"/responses", "/openai/responses" VERSION},
        {"/assistants", "/openai/assistants" VERSION},
        {"/batches", "/openai/batches" VERSION},
    };
    oai_client *client = azure_client("", DATED);
    server_script("{\"times\": null, \"status\": 200, \"body\": {}}");
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        send_json(client, "POST", operations[i].path, "{\"model\": \"d-1\"}");
        check_arrived(operations[i].expected, "api-key", "azure-key");
    }
    send_json(client, "GET", "/files", "");
    check_arrived("/openai/files" VERSION, "api-key", "azure-key");
    /* No other key goes along. */
    char *log = server_log(arrived);
    CHECK(strstr(log, "sk-test") == NULL && strstr(log, "authorization") == NULL);
    free(log);

    /* A form names its deployment in a field. */
    oai_response *response;
    CHECK_STATUS(oai_transcribe(client, "{\"model\": \"whisper\"}", OAI_STRLEN, "a.wav", "RIFF", 4, &response), OAI_OK);
    oai_response_free(response);
    check_arrived("/openai/deployments/whisper/audio/transcriptions" VERSION, NULL, NULL);
    CHECK_STATUS(oai_image_edit(client, "{\"model\": \"image\"}", OAI_STRLEN, "a.png", "PNG", 3, &response), OAI_OK);
    oai_response_free(response);
    check_arrived("/openai/deployments/image/images/edits" VERSION, NULL, NULL);

    /* A request's own version wins; a name is one segment of the path, whatever stands in it. */
    oai_request *request = new_request("POST", "/embeddings", "{\"model\": \"a/../b\"}");
    CHECK_STATUS(oai_request_set_query(request, "api-version", "2025-01-01"), OAI_OK);
    CHECK_STATUS(oai_send(client, request, &response), OAI_OK);
    oai_response_free(response);
    oai_request_free(request);
    check_arrived("/openai/deployments/a%2F..%2Fb/embeddings?api-version=2025-01-01", NULL, NULL);
    oai_client_free(client);
    server_reset();
    arrived = 0;
}

/* The newer form is OpenAI's own API under another path. */
static void v1(void)
{
    static const struct {
        const char *endpoint, *json, *expected;
    } cases[] = {
        {"", "\"azure_api_key\": \"azure-key\"", "/openai/v1/embeddings"},
        {"/", "\"azure_api_key\": \"azure-key\", \"azure_api_version\": \"v1\"", "/openai/v1/embeddings?api-version=v1"},
        {"/openai", "\"azure_api_key\": \"azure-key\", \"azure_api_version\": \"preview\"",
         "/openai/v1/embeddings?api-version=preview"},
        {"/openai/v1/", "\"azure_api_key\": \"azure-key\"", "/openai/v1/embeddings"},
        {"/openai/v1", DATED, "/openai/v1/embeddings"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        oai_client *client = azure_client(cases[i].endpoint, cases[i].json);
        CHECK_STATUS(embed(client, "text"), OAI_OK);
        check_arrived(cases[i].expected, "api-key", "azure-key");
        oai_client_free(client);
    }
}

static void answer(void *user_data, uint64_t wanted)
{
    CHECK_STATUS(oai_provide_token(*(oai_client **)user_data, wanted, "rotating", OAI_STRLEN, 0, NULL), OAI_OK);
}

/* A token goes in place of the key: a fixed one, and one that rotates before both. */
static void tokens(void)
{
    oai_client *client = azure_client("", DATED ", \"azure_ad_token\": \"fixed\"");
    const char *path = "/openai/deployments/" MODEL "/embeddings" VERSION;
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    check_arrived(path, "authorization", "Bearer fixed");
    CHECK_STATUS(oai_set_token_callback(client, answer, &client, NULL, NULL), OAI_OK);
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    check_arrived(path, "authorization", "Bearer rotating");
    CHECK_STATUS(oai_set_token_callback(client, NULL, NULL, NULL, NULL), OAI_OK);
    CHECK_STATUS(oai_set_azure_ad_token(client, NULL), OAI_OK);
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    check_arrived(path, "api-key", "azure-key");
    char *log = server_log(arrived);
    CHECK(strstr(log, "sk-test") == NULL);
    free(log);
    oai_client_free(client);
}

int main(void)
{
    deployments();
    v1();
    tokens();
    return finish("azure");
}
