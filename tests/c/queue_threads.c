/*
 * Fifty threads make two thousand blocking calls through one client: the server never has more than five at once, and
 * everyone gets the vector of the very text they sent.
 */
#include "support.h"

enum { THREADS = 50, MOST = 2000, DIMENSIONS = 16, CONCURRENT = 5 };

static oai_client *client;
static char *texts[MOST];
static float expected[MOST][DIMENSIONS];
static uint64_t ids[MOST];
static int count;

/* What the server makes of the texts, asked for without the library. */
static void ask_server(void)
{
    size_t len = 0;
    char *body = NULL;
    FILE *out = open_memstream(&body, &len);
    CHECK(out != NULL);
    fprintf(out, "{\"model\": \"%s\", \"dimensions\": %d, \"encoding_format\": \"float\", \"input\": [", MODEL, DIMENSIONS);
    for (int i = 0; i < count; i++)
        fprintf(out, "%s\"%s\"", i > 0 ? "," : "", texts[i]);
    fputs("]}", out);
    CHECK_NUMBER(fclose(out), 0);
    char *answer = server_call("POST", "/v1/embeddings", body);
    int row = 0;
    for (const char *entry = json_first(json_at(answer, "data")); entry != NULL; entry = json_next(entry), row++) {
        CHECK_NUMBER(json_number(entry, "index"), row);
        int column = 0;
        for (const char *at = json_first(json_at(entry, "embedding")); at != NULL; at = json_next(at), column++)
            expected[row][column] = strtof(at, NULL);
        CHECK_NUMBER(column, DIMENSIONS);
    }
    CHECK_NUMBER(row, count);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++)
            CHECK(memcmp(expected[i], expected[j], sizeof expected[i]) != 0);
    free(answer);
    free(body);
}

static void *embed_share(void *argument)
{
    int first = *(int *)argument;
    oai_request *options = new_request("POST", "/embeddings", "");
    CHECK_STATUS(oai_request_set_dimensions(options, DIMENSIONS), OAI_OK);
    for (int i = first; i < count; i += THREADS) {
        oai_response *response = NULL;
        const char *text = texts[i];
        CHECK_STATUS(oai_embed(client, MODEL, &text, NULL, 1, options, &response), OAI_OK);
        const float *vector = NULL;
        size_t rows = 0, dims = 0;
        CHECK_STATUS(oai_response_embeddings(response, &vector, &rows, &dims), OAI_OK);
        CHECK_NUMBER(rows, 1);
        CHECK_NUMBER(dims, DIMENSIONS);
        CHECK(memcmp(vector, expected[i], sizeof expected[i]) == 0);
        CHECK_NUMBER(oai_response_attempts(response), 1);
        ids[i] = oai_response_id(response);
        oai_response_free(response);
    }
    oai_request_free(options);
    return NULL;
}

static int by_number(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

int main(void)
{
    pthread_t threads[THREADS];
    int firsts[THREADS];
    count = is_slow() ? 200 : MOST;
    for (int i = 0; i < count; i++)
        texts[i] = text_of("text number %d, of those that thread %d sends", i, i % THREADS);
    ask_server();
    server_reset();

    client = new_client("");
    CHECK_STATUS(oai_set_max_concurrent_requests(client, CONCURRENT), OAI_OK);
    CHECK_STATUS(oai_set_queue_size(client, MOST), OAI_OK);
    /* The gate holds the first of them, so that all five slots are surely taken at once. */
    server_script("{\"match\": {\"path\": \"/v1/embeddings\"}, \"times\": 5, \"hold\": \"gate\"}");
    for (int i = 0; i < THREADS; i++) {
        firsts[i] = i;
        threads[i] = start_thread(embed_share, &firsts[i]);
    }
    server_wait("in_flight", CONCURRENT);
    server_release("gate", 0);
    for (int i = 0; i < THREADS; i++)
        join_thread(threads[i]);

    CHECK_NUMBER(server_stat("max_in_flight"), CONCURRENT);
    CHECK_NUMBER(server_stat("arrived"), count);
    CHECK_NUMBER(server_stat("served.200"), count);
    CHECK(server_stat("connections") > 0);
    qsort(ids, (size_t)count, sizeof ids[0], by_number);
    CHECK(ids[0] > 0 && ids[count - 1] < UINT64_C(1) << 53);
    for (int i = 1; i < count; i++)
        CHECK(ids[i] != ids[i - 1]);

    for (int i = 0; i < count; i++)
        free(texts[i]);
    oai_client_free(client);
    return finish("queue_threads");
}
