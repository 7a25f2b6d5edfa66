/*
 * A refused submit writes nothing into what its destructor has freed, though the id and the error are kept there; and
 * the destructor may free the last client.
 */
#include "support.h"

struct context {
    uint64_t id;
    oai_error *error;
    oai_client *client;
};

static int destroyed;

static void end(void *user_data)
{
    struct context *context = user_data;
    CHECK_NUMBER(context->id, 0);
    CHECK(context->error != NULL);
    oai_error_free(context->error);
    oai_client_free(context->client);
    destroyed++;
    free(context);
}

static void never(void *user_data, uint64_t id, int32_t kind, const char *data, size_t len, oai_response *response)
{
    (void)user_data, (void)id, (void)kind, (void)data, (void)len, (void)response;
    FAIL("a refused request has an event");
}

int main(void)
{
    const char *text = "text";
    for (int closed = 0; closed < 2; closed++) {
        struct context *context = calloc(1, sizeof *context);
        context->client = new_client("");
        oai_client *client = context->client;
        CHECK_STATUS(embed(client, text), OAI_OK);
        if (closed)
            CHECK_STATUS(oai_client_close(client, 5000, NULL), OAI_OK);
        oai_status status = oai_embed_async(client, closed ? MODEL : "", &text, NULL, 1, NULL, never, context, end, &context->id,
                                            &context->error);
        CHECK_STATUS(status, closed ? OAI_ERR_CLOSED : OAI_ERR_INVALID_ARGUMENT);
        CHECK_NUMBER(destroyed, closed + 1);
    }
    return finish("refused");
}
