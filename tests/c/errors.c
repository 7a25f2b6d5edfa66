/*
 * What can go wrong with an answer: each has its status, and a message that names what was wrong.
 */
#include "support.h"

static oai_client *client;

/* Embeds two texts against a rule of the server and gives the response. */
static oai_response *under(const char *rule)
{
    const char *texts[] = {"one", "two"};
    oai_response *response = NULL;
    server_reset();
    server_script(rule);
    oai_status status = oai_embed(client, MODEL, texts, NULL, 2, NULL, &response);
    CHECK_STATUS(oai_response_status(response), status);
    return response;
}

/* Answers with an error status: its number, its words, its fields. */
static void statuses(void)
{
    static const struct {
        const char *rule;
        oai_status status;
        const char *part;
    } cases[] = {
        {"{\"status\": 400}", OAI_ERR_HTTP_BAD_REQUEST, "HTTP 400"},
        {"{\"status\": 401}", OAI_ERR_HTTP_AUTHENTICATION, "oai_client_config_json"},
        {"{\"status\": 403}", OAI_ERR_HTTP_PERMISSION, "HTTP 403"},
        {"{\"status\": 404}", OAI_ERR_HTTP_NOT_FOUND, "base_url"},
        {"{\"status\": 409}", OAI_ERR_HTTP_CONFLICT, "HTTP 409"},
        {"{\"status\": 413}", OAI_ERR_HTTP_TOO_LARGE, "HTTP 413"},
        {"{\"status\": 418}", OAI_ERR_HTTP, "HTTP 418"},
        {"{\"status\": 422}", OAI_ERR_HTTP_UNPROCESSABLE, "HTTP 422"},
        {"{\"status\": 429}", OAI_ERR_RATE_LIMITED, "HTTP 429"},
        {"{\"status\": 500}", OAI_ERR_HTTP_SERVER, "HTTP 500"},
        {"{\"status\": 400, \"body\": {\"detail\": \"from FastAPI\"}}", OAI_ERR_HTTP_BAD_REQUEST, "from FastAPI"},
        {"{\"status\": 400, \"body\": {\"error\": \"just text\"}}", OAI_ERR_HTTP_BAD_REQUEST, "just text"},
        {"{\"status\": 502, \"body\": \"<html><title>Bad Gateway</title></html>\"}", OAI_ERR_HTTP_SERVER, "Bad Gateway"},
        {"{\"status\": 429, \"body\": {\"error\": {\"code\": \"insufficient_quota\", \"message\": \"m\"}}}", OAI_ERR_QUOTA,
         "billing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        oai_response *response = under(cases[i].rule);
        CHECK_STATUS(oai_response_status(response), cases[i].status);
        CHECK_HOLDS(oai_error_message(oai_response_error(response)), cases[i].part);
        oai_response_free(response);
    }
    oai_response *response = under("{\"status\": 400, \"body\": {\"error\": {\"message\": \"too long\", \"type\": "
                                   "\"invalid_request_error\", \"code\": \"long\", \"param\": \"input\"}}}");
    const oai_error *error = oai_response_error(response);
    CHECK(strcmp(oai_error_type(error), "invalid_request_error") == 0);
    CHECK(strcmp(oai_error_code(error), "long") == 0);
    CHECK(strcmp(oai_error_param(error), "input") == 0);
    CHECK_NUMBER(oai_error_http_status(error), 400);
    const char *body = NULL;
    CHECK_STATUS(oai_response_body(response, &body, NULL), OAI_OK);
    CHECK_HOLDS(body, "too long");
    oai_response_free(response);
}

/* Answers that say yes and are not what was asked for. */
static void nonsense(void)
{
    static const struct {
        const char *rule, *part;
    } cases[] = {
        {"{\"status\": 200, \"body\": \"<html>hello</html>\", \"headers\": {\"content-type\": \"text/html\"}}", "HTML"},
        {"{\"status\": 200, \"body\": \"\"}", "JSON"},
        {"{\"status\": 200, \"body\": {\"data\": []}}", "2"},
        {"{\"status\": 200, \"body\": {\"data\": [{\"index\": 0, \"embedding\": [1, 2]}]}}", "1"},
        {"{\"status\": 200, \"body\": {\"data\": [{\"index\": 0, \"embedding\": [1]}, {\"index\": 0, \"embedding\": [1]}]}}", "index"},
        {"{\"status\": 200, \"body\": {\"data\": [{\"index\": 0, \"embedding\": [1]}, {\"index\": 1, \"embedding\": [1, 2]}]}}", "data[1]"},
        {"{\"status\": 200, \"body\": {\"data\": [{\"index\": 0, \"embedding\": \"!!!\"}, {\"index\": 1, \"embedding\": [1]}]}}", "base64"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        oai_response *response = under(cases[i].rule);
        CHECK_STATUS(oai_response_status(response), OAI_ERR_DECODE);
        CHECK_NUMBER(oai_response_attempts(response), 1);
        CHECK_HOLDS(oai_error_message(oai_response_error(response)), cases[i].part);
        oai_response_free(response);
    }
    /* Numbers instead of base64 are as good. */
    oai_response *response = under("{\"status\": 200, \"body\": {\"data\": [{\"index\": 1, \"embedding\": [3, 4]}, "
                                   "{\"index\": 0, \"embedding\": [1, 2.5]}]}}");
    const float *data = NULL;
    size_t rows = 0, dims = 0;
    CHECK_STATUS(oai_response_embeddings(response, &data, &rows, &dims), OAI_OK);
    CHECK(rows == 2 && dims == 2 && data[0] == 1 && data[1] == 2.5f && data[2] == 3 && data[3] == 4);
    oai_response_free(response);
}

/* Connections that break, and answers that are no HTTP. */
static void connections(void)
{
    static const struct {
        const char *rule;
        oai_status status;
    } cases[] = {
        {"{\"drop\": \"before_read\", \"times\": null}", OAI_ERR_CONNECTION_LOST},
        {"{\"drop\": \"after_headers_read\", \"times\": null}", OAI_ERR_CONNECTION_LOST},
        {"{\"drop\": \"after_body_read\", \"times\": null}", OAI_ERR_CONNECTION_LOST},
        {"{\"drop\": \"mid_headers\", \"times\": null}", OAI_ERR_CONNECTION_LOST},
        {"{\"drop\": \"mid_body\", \"times\": null}", OAI_ERR_CONNECTION_LOST},
        {"{\"raw\": \"HTTP/1.1 200 OK\\r\\ncontent-length: 100\\r\\n\\r\\n{}\", \"times\": null}", OAI_ERR_CONNECTION_LOST},
        {"{\"raw\": \"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\n{}, and more\"}", OAI_ERR_DECODE},
        {"{\"raw\": \"HTTP/1.1 200 OK\\r\\ncontent-length: -2\\r\\n\\r\\n{}\"}", OAI_ERR_PROTOCOL},
        {"{\"raw\": \"HTTP/1.1 200 OK\\r\\ntransfer-encoding: chunked\\r\\n\\r\\nzz\\r\\n{}\"}", OAI_ERR_PROTOCOL},
        {"{\"raw\": \"this is not HTTP\\r\\n\\r\\n\"}", OAI_ERR_PROTOCOL},
        {"{\"status\": 200, \"body\": \"not gzip\", \"headers\": {\"content-encoding\": \"gzip\"}}", OAI_ERR_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        oai_response *response = under(cases[i].rule);
        CHECK_STATUS(oai_response_status(response), cases[i].status);
        oai_response_free(response);
    }
    oai_response *response = under("{\"gzip\": true}");
    CHECK_STATUS(oai_response_status(response), OAI_OK);
    CHECK(oai_response_header(response, "date") != NULL);
    oai_response_free(response);

    oai_client *nowhere = new_client("\"max_retries\": 0");
    CHECK_STATUS(oai_set_base_url(nowhere, "http://127.0.0.1:1/v1"), OAI_OK);
    CHECK_STATUS(embed(nowhere, "text"), OAI_ERR_CONNECT);
    oai_client_free(nowhere);
}

/* An answer larger than allowed is cut off, whether it says so before or not. */
static void large(void)
{
    oai_client *bounded = new_client("\"max_response_bytes\": 100, \"max_retries\": 0");
    CHECK_STATUS(embed(bounded, "text"), OAI_ERR_TOO_LARGE);
    server_reset();
    server_script("{\"chunks\": [\"0123456789012345678901234567890123456789012345678901234567890123456789\", "
                  "\"0123456789012345678901234567890123456789\"]}");
    CHECK_STATUS(embed(bounded, "text"), OAI_ERR_TOO_LARGE);

    /* What counts is what it is after decompression; and a head has a bound of its own. */
    enum { MANY = 2000000 };
    char *zeros = (char *)malloc(MANY + 1);
    CHECK(zeros != NULL);
    memset(zeros, '0', MANY);
    zeros[MANY] = '\0';
    CHECK_STATUS(oai_set_max_response_bytes(bounded, 1000000), OAI_OK);
    char *rule = text_of("[{\"gzip\": true, \"body\": \"%s\"}, {\"raw\": \"HTTP/1.1 200 OK\\r\\nx: %s\\r\\n\\r\\n{}\"}]", zeros, zeros);
    server_reset();
    server_script(rule);
    CHECK_STATUS(embed(bounded, "text"), OAI_ERR_TOO_LARGE);
    CHECK_STATUS(embed(bounded, "text"), OAI_ERR_PROTOCOL);
    free(rule);
    free(zeros);
    oai_client_free(bounded);
}

/* Redirects are followed at home, with the key, so many times; the loop is the server's fault. */
static void redirects(void)
{
    char *rule = text_of("[{\"status\": 307, \"headers\": {\"location\": \"/v1/embeddings\"}}, {\"pass\": true}]");
    oai_response *response = under(rule);
    free(rule);
    CHECK_STATUS(oai_response_status(response), OAI_OK);
    oai_response_free(response);
    char *log = server_log(2);
    CHECK(json_at(log, "1.headers.authorization") != NULL);
    free(log);

    response = under("{\"status\": 307, \"headers\": {\"location\": \"/v1/embeddings\"}, \"times\": null}");
    CHECK_STATUS(oai_response_status(response), OAI_ERR_REDIRECT);
    CHECK_HOLDS(oai_error_message(oai_response_error(response)), "max_redirects");
    oai_response_free(response);
    CHECK_NUMBER(server_stat("arrived"), 6);

    response = under("{\"status\": 307, \"headers\": {\"location\": \"ftp://127.0.0.1/x\"}}");
    CHECK_STATUS(oai_response_status(response), OAI_ERR_REDIRECT);
    oai_response_free(response);
}

int main(void)
{
    /* What is wrong here is shown at the first attempt; the retries have tests of their own. */
    client = new_client("\"max_retries\": 0");
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL), OAI_OK);
    statuses();
    nonsense();
    connections();
    large();
    redirects();
    oai_client_free(client);
    return finish("errors");
}
