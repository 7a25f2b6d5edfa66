/*
 * The fourth part of nulls.c: connections, and how they ended.
 */
#include "nulls.h"

static oai_client *client;
static oai_request *request;
static oai_queue *queue;
static int destroyed;

static void on_destroy(void *user_data)
{
    (void)user_data;
    destroyed++;
}

static void never(void *user_data, uint64_t id, int32_t kind, const char *data, size_t len, oai_response *response)
{
    (void)user_data, (void)id, (void)data, (void)len, (void)response;
    FAIL("an event of kind %d for a refused connection", kind);
}

static void opening(void)
{
    oai_realtime *realtime = GARBAGE(oai_realtime);
    oai_error *error = GARBAGE(oai_error);
    uint64_t id = 1;

    cover("oai_realtime_open");
    CHECK_STATUS(oai_realtime_open(NULL, request, NULL, 0, &realtime, &error), INVALID);
    CHECK(realtime == NULL);
    take_error(&error, "client");
    realtime = GARBAGE(oai_realtime);
    CHECK_STATUS(oai_realtime_open(client, NULL, NULL, 0, &realtime, &error), INVALID);
    CHECK(realtime == NULL);
    take_error(&error, "request");
    CHECK_STATUS(oai_realtime_open(client, request, NULL, 0, NULL, &error), INVALID);
    take_error(&error, "realtime");
    CHECK_STATUS(oai_realtime_open(client, request, "[]", 2, &realtime, &error), INVALID);
    take_error(&error, "options");

    cover("oai_realtime_open_async");
    realtime = GARBAGE(oai_realtime);
    CHECK_STATUS(oai_realtime_open_async(NULL, request, NULL, 0, &realtime, never, NULL, on_destroy, &id, &error), INVALID);
    CHECK(realtime == NULL && id == 0 && destroyed == 1);
    take_error(&error, "client");
    CHECK_STATUS(oai_realtime_open_async(client, NULL, NULL, 0, &realtime, never, NULL, on_destroy, &id, &error), INVALID);
    CHECK_NUMBER(destroyed, 2);
    take_error(&error, "request");
    CHECK_STATUS(oai_realtime_open_async(client, request, NULL, 0, NULL, never, NULL, on_destroy, &id, &error), INVALID);
    CHECK_NUMBER(destroyed, 3);
    take_error(&error, "realtime");
    CHECK_STATUS(oai_realtime_open_async(client, request, NULL, 0, &realtime, NULL, NULL, on_destroy, &id, &error), INVALID);
    CHECK_NUMBER(destroyed, 4);
    take_error(&error, "callback");

    cover("oai_realtime_open_to");
    realtime = GARBAGE(oai_realtime);
    id = 1;
    CHECK_STATUS(oai_realtime_open_to(NULL, request, NULL, 0, &realtime, queue, 1, &id, &error), INVALID);
    CHECK(realtime == NULL && id == 0);
    take_error(&error, "client");
    CHECK_STATUS(oai_realtime_open_to(client, NULL, NULL, 0, &realtime, queue, 1, &id, &error), INVALID);
    take_error(&error, "request");
    CHECK_STATUS(oai_realtime_open_to(client, request, NULL, 0, NULL, queue, 1, &id, &error), INVALID);
    take_error(&error, "realtime");
    CHECK_STATUS(oai_realtime_open_to(client, request, NULL, 0, &realtime, NULL, 1, &id, &error), INVALID);
    take_error(&error, "queue");
}

/* Gives a connection's end, which the caller frees. */
static oai_response *end_of(oai_realtime *realtime)
{
    oai_response *response = NULL;
    while (response == NULL) {
        oai_batch *batch = NULL;
        oai_event_record *records = NULL;
        size_t count = 0;
        CHECK_STATUS(oai_realtime_next(realtime, 1, UINT64_MAX, &batch, NULL), OAI_OK);
        CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
        response = oai_record_take_response(records);
        oai_batch_free(batch);
    }
    return response;
}

static void talking(void)
{
    oai_realtime *realtime = NULL;
    oai_error *error = GARBAGE(oai_error);
    oai_batch *batch = GARBAGE(oai_batch);
    const char *data = GARBAGE(const char);
    size_t len = 1;
    int32_t binary = 1;
    CHECK_STATUS(oai_realtime_open(client, request, NULL, 0, &realtime, NULL), OAI_OK);

    cover("oai_realtime_id");
    CHECK(oai_realtime_id(NULL) == 0 && oai_realtime_id(realtime) != 0);
    cover("oai_realtime_send");
    CHECK_STATUS(oai_realtime_send(NULL, "{}", 2, &error), INVALID);
    take_error(&error, "realtime");
    CHECK_STATUS(oai_realtime_send(realtime, NULL, 2, &error), INVALID);
    take_error(&error, "message");
    CHECK_STATUS(oai_realtime_send(realtime, "\xff", 1, &error), INVALID);
    take_error(&error, "UTF-8");
    cover("oai_realtime_send_binary");
    CHECK_STATUS(oai_realtime_send_binary(NULL, "{}", 2, &error), INVALID);
    take_error(&error, "realtime");
    CHECK_STATUS(oai_realtime_send_binary(realtime, NULL, 2, &error), INVALID);
    take_error(&error, "data");
    cover("oai_realtime_unsent_bytes");
    CHECK(oai_realtime_unsent_bytes(NULL) == 0);
    cover("oai_realtime_next");
    CHECK_STATUS(oai_realtime_next(NULL, 1, 0, &batch, &error), INVALID);
    CHECK(batch == NULL);
    take_error(&error, "realtime");
    CHECK_STATUS(oai_realtime_next(realtime, 1, 0, NULL, &error), INVALID);
    take_error(&error, "batch");
    CHECK_STATUS(oai_realtime_next(realtime, 0, 0, &batch, &error), INVALID);
    take_error(&error, "max");
    cover("oai_realtime_close");
    CHECK_STATUS(oai_realtime_close(NULL, 0, NULL, &error), INVALID);
    take_error(&error, "realtime");
    CHECK_STATUS(oai_realtime_close(realtime, 1005, NULL, &error), INVALID);
    take_error(&error, "code");
    CHECK_STATUS(oai_realtime_close(realtime, 0, "\xff", &error), INVALID);
    take_error(&error, "reason");
    CHECK_STATUS(oai_cancel(client, oai_realtime_id(realtime), NULL), OAI_OK);

    oai_response *response = end_of(realtime);
    cover("oai_response_close_code");
    CHECK(oai_response_close_code(NULL) == 0 && oai_response_close_code(response) == 0);
    cover("oai_response_close_reason");
    CHECK(oai_response_close_reason(NULL) == NULL && *oai_response_close_reason(response) == '\0');
    cover("oai_response_unsent_count");
    CHECK(oai_response_unsent_count(NULL) == 0);
    cover("oai_response_unsent");
    CHECK_STATUS(oai_response_unsent(NULL, 0, &data, &len, &binary), INVALID);
    CHECK(data == NULL && len == 0 && binary == 0);
    CHECK_STATUS(oai_response_unsent(response, 0, NULL, &len, &binary), INVALID);
    data = GARBAGE(const char);
    CHECK_STATUS(oai_response_unsent(response, 0, &data, NULL, NULL), INVALID);
    CHECK(data == NULL);
    oai_response_free(response);
    cover("oai_realtime_free");
    oai_realtime_free(realtime);
    oai_realtime_free(NULL);
}

int main(void)
{
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL), OAI_OK);
    client = new_client("");
    request = new_request("GET", "/realtime", "");
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    opening();
    talking();
    oai_queue_free(queue);
    oai_request_free(request);
    oai_client_free(client);
    check_covered(NULLS_REALTIME);
    return finish("nulls_realtime");
}
