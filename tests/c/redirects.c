/*
 * Redirects: followed at home with all that belongs to the call, elsewhere without what is the server's alone; how the
 * method changes; and where they end.
 */
#include "listener.h"
#include <ctype.h>

#define ANSWER "{\"data\": [{\"index\": 0, \"embedding\": [1, 2]}]}"
#define KEY "sk-only-for-home"

static struct listener elsewhere;
static char head[8192]; /* of the request that came there, in small letters */

static void answer_elsewhere(int connection, const char *arrived)
{
    size_t i = 0;
    do
        head[i] = (char)tolower((unsigned char)arrived[i]);
    while (arrived[i++] != '\0');
    /* The body is read, so that closing the connection is no reset. */
    const char *length = strstr(head, "content-length: ");
    for (long left = length != NULL ? atol(length + 16) : 0; left > 0;) {
        char part[4096];
        ssize_t n = recv(connection, part, sizeof part, 0);
        CHECK(n > 0);
        left -= n;
    }
    char *text = text_of("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n"
                         "connection: close\r\n\r\n%s", strlen(ANSWER), ANSWER);
    send_text(connection, text);
    free(text);
}

static oai_client *new_home(void)
{
    return new_client("\"max_retries\": 0, \"organization\": \"org-home\", \"project\": \"proj-home\", \"api_key\": \"" KEY "\", "
                      "\"custom_headers\": {\"X-Secret\": \"custom-secret\", \"api-key\": \"azure-secret\"}");
}

/* Redirects one embed call there with this status. */
static void go_elsewhere(int status)
{
    oai_client *client = new_home();
    oai_request *options = new_request("POST", "/embeddings", "");
    oai_response *response = NULL;
    const char *text = "text";
    CHECK_STATUS(oai_request_set_header(options, "X-Of-The-Request", "request-secret"), OAI_OK);
    char *rule = text_of("{\"status\": %d, \"headers\": {\"location\": \"%s/there?a=b\"}}", status, elsewhere.url);
    server_reset();
    server_script(rule);
    free(rule);
    head[0] = '\0';
    CHECK_STATUS(oai_embed(client, MODEL, &text, NULL, 1, options, &response), OAI_OK);
    oai_response_free(response);
    CHECK_HOLDS(head, status == 307 || status == 308 ? "post /there?a=b http/1.1\r\n" : "get /there?a=b http/1.1\r\n");
    static const char *const secrets[] = {"sk-only", "authorization", "org-home",       "proj-home",
                                          "secret",  "api-key",       "x-of-the-request"};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (strstr(head, secrets[i]) != NULL)
            FAIL("%d: %s went elsewhere: %s", status, secrets[i], head);
    CHECK((strstr(head, "content-length: ") != NULL) == (status == 307 || status == 308));
    char *log = server_log(1);
    CHECK(json_is(log, "0.headers.authorization", "Bearer " KEY));
    CHECK(json_is(log, "0.headers.x-secret", "custom-secret"));
    CHECK(json_at(log, "1") == NULL);
    free(log);
    oai_request_free(options);
    oai_client_free(client);
}

/* On the same server everything goes along, the body too. */
static void stay_at_home(void)
{
    oai_client *client = new_home();
    server_reset();
    server_script("[{\"status\": 308, \"headers\": {\"location\": \"/v1/embeddings?again=1\"}}, {\"pass\": true}]");
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    char *log = server_log(2);
    CHECK(json_is(log, "1.path", "/v1/embeddings?again=1"));
    CHECK(json_is(log, "1.method", "POST"));
    CHECK(json_is(log, "1.body.input.0", "text"));
    CHECK(json_is(log, "1.headers.authorization", "Bearer " KEY));
    CHECK(json_is(log, "1.headers.openai-organization", "org-home"));
    CHECK(json_is(log, "1.headers.openai-project", "proj-home"));
    CHECK(json_is(log, "1.headers.x-secret", "custom-secret"));
    free(log);
    oai_client_free(client);
}

/* Where they end. */
static void the_end(void)
{
    oai_client *client = new_home();
    server_reset();
    CHECK_STATUS(oai_set_max_redirects(client, 0), OAI_OK);
    server_script("{\"status\": 307, \"headers\": {\"location\": \"/v1/embeddings\"}}");
    CHECK_STATUS(embed(client, "text"), OAI_ERR_REDIRECT);
    CHECK_NUMBER(server_stat("arrived"), 1);
    oai_client_free(client);

    /* 304 and a redirect without a place are answers. */
    client = new_home();
    server_script("[{\"status\": 304}, {\"status\": 302}]");
    CHECK_STATUS(embed(client, "text"), OAI_ERR_HTTP);
    CHECK_STATUS(embed(client, "text"), OAI_ERR_HTTP);
    oai_client_free(client);
}

static char *bounce; /* where the listener sends its clients on to */

static void answer_bounce(int connection, const char *arrived)
{
    (void)arrived;
    send_text(connection, bounce);
}

/* Back from elsewhere nothing is added again. */
static void there_and_back(void)
{
    struct listener mirror;
    oai_client *client = new_home();
    start_listener(&mirror, answer_bounce);
    bounce = text_of("HTTP/1.1 302 Found\r\nlocation: %s/v1/models\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", server_url());
    char *rule = text_of("{\"status\": 302, \"headers\": {\"location\": \"%s/\"}}", mirror.url);
    oai_request *request = new_request("GET", "/models", "");
    oai_response *response = NULL;
    server_reset();
    server_script(rule);
    CHECK_STATUS(oai_send(client, request, &response), OAI_OK);
    oai_response_free(response);
    char *log = server_log(2);
    CHECK(json_is(log, "0.headers.authorization", "Bearer " KEY));
    CHECK(json_is(log, "1.path", "/v1/models"));
    CHECK(json_at(log, "1.headers.authorization") == NULL);
    CHECK(json_at(log, "1.headers.x-secret") == NULL);
    free(log);
    oai_request_free(request);
    stop_listener(&mirror);
    free(rule);
    free(bounce);
    oai_client_free(client);
}

int main(void)
{
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL), OAI_OK);
    start_listener(&elsewhere, answer_elsewhere);
    static const int statuses[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        go_elsewhere(statuses[i]);
    stay_at_home();
    the_end();
    there_and_back();
    stop_listener(&elsewhere);
    return finish("redirects");
}
