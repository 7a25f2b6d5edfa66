/*
 * Views tell in one call what the accessors tell one by one: of answers, vectors, errors, and of a batch at once.
 */
#include "support.h"

/* The view says what the accessors say. */
static void compare(const oai_response *response, const oai_response_view *view)
{
    const char *body, *name, *value;
    size_t len;
    CHECK(view->id == oai_response_id(response));
    CHECK_STATUS(view->status, oai_response_status(response));
    CHECK_NUMBER(view->http_status, oai_response_http_status(response));
    CHECK_NUMBER(view->attempts, oai_response_attempts(response));
    CHECK_STATUS(oai_response_body(response, &body, &len), OAI_OK);
    CHECK(view->body == body && view->body_len == len);
    CHECK(view->request_id == oai_response_request_id(response));
    CHECK(view->error == oai_response_error(response));
    CHECK_STATUS(oai_response_header_at(response, view->header_count, &name, &value), OAI_OK);
    CHECK(name == NULL);
    if (view->header_count > 0) {
        CHECK_STATUS(oai_response_header_at(response, view->header_count - 1, &name, &value), OAI_OK);
        CHECK(name != NULL);
    }
    for (int i = 0; i < 4; i++)
        CHECK(view->reserved[i] == 0);
}

static void vectors(const oai_client *client)
{
    const char *texts[] = {"one", "two"};
    const float *data;
    size_t rows, dims;
    oai_response *response;
    oai_response_view view;
    CHECK_STATUS(oai_embed(client, MODEL, texts, NULL, 2, NULL, &response), OAI_OK);
    CHECK_STATUS(oai_response_get_view(response, &view), OAI_OK);
    compare(response, &view);
    CHECK_STATUS(oai_response_embeddings(response, &data, &rows, &dims), OAI_OK);
    CHECK(view.embeddings == data && view.rows == rows && view.dims == dims);
    CHECK_NUMBER(view.rows, 2);
    CHECK(view.request_id != NULL && strncmp(view.request_id, "req_", 4) == 0);
    CHECK(view.error == NULL);
    oai_response_free(response);
}

/* The embed call for bindings: one buffer of texts, options with a tag, a matrix in the queue. */
static void vectors_by_queue(const oai_client *client)
{
    static const size_t lens[] = {3, 1, 3};
    oai_queue *queue;
    oai_batch *batch;
    oai_event_record *records;
    const oai_response_view *views;
    size_t count;
    uint64_t id;
    oai_request *options = new_request("POST", "/embeddings", "");
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    CHECK_STATUS(oai_request_set_dimensions(options, 8), OAI_OK);
    CHECK_STATUS(oai_request_set_tag(options, 77), OAI_OK);
    for (uint64_t tag = 0; tag < 2; tag++) {
        server_reset();
        CHECK_STATUS(oai_embed_to(client, MODEL, "onefour", lens, 3, options, queue, tag, &id, NULL), OAI_OK);
        CHECK_STATUS(oai_queue_wait(queue, 9, UINT64_MAX, &batch), OAI_OK);
        CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
        CHECK_STATUS(oai_batch_views(batch, &views, &count), OAI_OK);
        CHECK(count == 1 && records[0].id == id && records[0].tag == (tag == 0 ? 77 : tag));
        CHECK(views[0].status == OAI_OK && views[0].rows == 3 && views[0].dims == 8 && views[0].embeddings != NULL);
        char *log = server_log(1);
        CHECK_HOLDS(log, "\"input\":[\"one\",\"f\",\"our\"]");
        free(log);
        oai_batch_free(batch);
    }
    oai_request_free(options);
    oai_queue_free(queue);
}

static void failures(const oai_client *client)
{
    oai_response *response;
    oai_response_view view;
    oai_error_view error;
    server_script("{\"status\": 429, \"times\": 1, \"headers\": {\"retry-after-ms\": \"1500\", \"x-request-id\": \"req_7\"},"
                     " \"body\": {\"error\": {\"message\": \"Slowly.\", \"type\": \"requests\", \"code\": \"rate_limit_exceeded\","
                     " \"param\": \"speed\"}}}");
    oai_request *request = new_request("POST", "/chat/completions", "{\"model\": \"" MODEL "\", \"messages\": []}");
    CHECK_STATUS(oai_send(client, request, &response), OAI_ERR_RATE_LIMITED);
    CHECK_STATUS(oai_response_get_view(response, &view), OAI_OK);
    compare(response, &view);
    CHECK(view.embeddings == NULL && view.rows == 0 && view.dims == 0);
    CHECK_STATUS(oai_error_get_view(view.error, &error), OAI_OK);
    CHECK_STATUS(error.status, OAI_ERR_RATE_LIMITED);
    CHECK_NUMBER(error.http_status, 429);
    CHECK_NUMBER(error.retry_after_ms, 1500);
    CHECK_NUMBER(error.may_have_executed, 0);
    CHECK_HOLDS(error.message, "Slowly.");
    CHECK(strcmp(error.type_name, "requests") == 0);
    CHECK(strcmp(error.code, "rate_limit_exceeded") == 0);
    CHECK(strcmp(error.param, "speed") == 0);
    CHECK(strcmp(error.request_id, "req_7") == 0);
    CHECK(error.message == oai_error_message(view.error) && error.code == oai_error_code(view.error));
    oai_response_free(response);

    /* One that was refused has hardly anything, and the same shape. */
    oai_request_free(request);
    request = new_request("GET", "/models", "");
    CHECK_STATUS(oai_client_close(client, 1000, NULL), OAI_OK);
    CHECK_STATUS(oai_send(client, request, &response), OAI_ERR_CLOSED);
    CHECK_STATUS(oai_response_get_view(response, &view), OAI_OK);
    compare(response, &view);
    CHECK(view.id == 0 && view.http_status == 0 && view.attempts == 0 && view.header_count == 0);
    CHECK(view.body != NULL && view.body_len == 0 && view.request_id == NULL);
    CHECK_STATUS(oai_error_get_view(view.error, &error), OAI_OK);
    CHECK(error.code == NULL && error.type_name == NULL && error.param == NULL && error.request_id == NULL);
    oai_response_free(response);
    oai_request_free(request);
}

static void batches(const oai_client *client)
{
    oai_queue *queue;
    CHECK_STATUS(oai_queue_new(&queue, NULL), OAI_OK);
    oai_request *request =
        new_request("POST", "/chat/completions",
                    "{\"model\": \"" MODEL "\", \"stream\": true, \"messages\": [{\"role\": \"user\", \"content\": \"hello\"}]}");
    CHECK_STATUS(oai_submit_to(client, request, queue, 3, NULL, NULL), OAI_OK);
    int chunks = 0, ends = 0;
    while (ends == 0) {
        oai_batch *batch;
        oai_event_record *records;
        const oai_response_view *views;
        size_t count, viewed;
        CHECK_STATUS(oai_queue_wait(queue, 100, UINT64_MAX, &batch), OAI_OK);
        CHECK_STATUS(oai_batch_records(batch, &records, &count), OAI_OK);
        CHECK_STATUS(oai_batch_views(batch, &views, &viewed), OAI_OK);
        CHECK_NUMBER(viewed, count);
        for (size_t i = 0; i < count; i++) {
            if (records[i].kind == OAI_EVENT_CHUNK) {
                CHECK(views[i].body == NULL && views[i].id == 0 && views[i].error == NULL);
                chunks++;
                continue;
            }
            compare(records[i].response, &views[i]);
            CHECK(views[i].id == records[i].id && views[i].status == OAI_OK);
            oai_response_view kept = views[i];
            oai_response *response = oai_record_take_response(&records[i]);
            CHECK_STATUS(oai_batch_views(batch, &views, &viewed), OAI_OK);
            CHECK(views[i].body == NULL && views[i].id == 0);
            oai_batch_free(batch);
            compare(response, &kept);
            oai_response_free(response);
            batch = NULL;
            ends++;
        }
        oai_batch_free(batch);
    }
    CHECK(chunks > 2);
    oai_request_free(request);
    oai_queue_free(queue);
}

int main(void)
{
    oai_client *client = new_client("\"max_retries\": 0");
    vectors(client);
    vectors_by_queue(client);
    batches(client);
    failures(client);
    oai_client_free(client);
    return finish("views");
}
