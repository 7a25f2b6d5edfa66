/*
 * json: embeds one text and prints the answer's JSON as the server sent it; then sets options by calls and prints the
 * values in force. The key comes from the environment or from .env.
 */
#include <stdio.h>
#include <stdlib.h>

#include "oai.h"

/* Ends the program if a call failed. Setters have no error object: what was wrong stands in the library's log. */
static void check(oai_status status, const oai_error *error)
{
    if (status != OAI_OK) {
        fprintf(stderr, "json: %s\n", error != NULL ? oai_error_message(error) : oai_status_name(status));
        exit(1);
    }
}

int main(void)
{
    oai_client *client;
    oai_error *error;
    char *json;

    oai_status status = oai_client_new(NULL, 0, &client, &error);
    check(status, error);

    status = oai_embed_json(client, "text-embedding-3-small", "Test text", OAI_STRLEN, "float", &json, NULL, &error);
    check(status, error);
    printf("%s\n", json);
    oai_string_free(json);

    /* All of these may change at any time, also while requests wait. */
    check(oai_set_max_concurrent_requests(client, 10), NULL);
    check(oai_set_queue_size(client, 200), NULL);
    check(oai_set_max_retries(client, 8), NULL);
    check(oai_set_initial_retry_delay_ms(client, 2000), NULL);
    check(oai_set_backoff_factor(client, 3.0), NULL);
    check(oai_set_max_retry_delay_ms(client, 120000), NULL);

    /* Each option's value and where it came from; the key is masked. */
    status = oai_client_config_json(client, &json, NULL, &error);
    check(status, error);
    printf("%s\n", json);
    oai_string_free(json);

    oai_client_free(client);
    check(oai_shutdown(1000, NULL), NULL);
}
