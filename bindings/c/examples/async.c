/*
 * async: embeds a thousand texts at once and waits for the callbacks.
 *
 * Every call returns immediately: five requests are in flight, the rest waits in the client's queue. The callbacks come
 * one after the other on a thread of the library. The key and the base URL come from the environment or from .env.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "oai.h"

enum { TEXTS = 1000 };

static const char *model = "text-embedding-3-small";

/* What the callbacks add up, for main to read. */
struct tally {
    pthread_mutex_t mutex;
    pthread_cond_t ended; /* signalled when none is left */
    int left, failed;
    double similarity; /* the sum over all texts */
    uint64_t tokens;
    const float *reference;
    size_t dims;
};

/* Ends the program if a call failed. */
static void check(oai_status status, const oai_error *error)
{
    if (status != OAI_OK) {
        fprintf(stderr, "async: %s\n", error != NULL ? oai_error_message(error) : oai_status_name(status));
        exit(1);
    }
}

static double dot(const float *a, const float *b, size_t dims)
{
    double sum = 0;
    for (size_t i = 0; i < dims; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* Called once for each text, whatever became of it: a failed request has a response too. */
static void on_event(void *user_data, uint64_t id, int32_t kind, const char *data, size_t len, oai_response *response)
{
    struct tally *tally = user_data;
    const float *vector;
    size_t rows, dims;
    uint64_t tokens = 0;
    (void)kind, (void)data, (void)len; /* for streams; an embed call has one event, OAI_EVENT_DONE */

    oai_status status = oai_response_embeddings(response, &vector, &rows, &dims);
    if (status == OAI_OK)
        status = oai_response_usage(response, NULL, NULL, &tokens);
    if (status != OAI_OK)
        fprintf(stderr, "async: request %llu: %s\n", (unsigned long long)id,
                oai_error_message(oai_response_error(response)));

    pthread_mutex_lock(&tally->mutex);
    if (status == OAI_OK) {
        tally->similarity += dot(vector, tally->reference, dims) /
                             sqrt(dot(vector, vector, dims) * dot(tally->reference, tally->reference, dims));
        tally->tokens += tokens;
    } else {
        tally->failed++;
    }
    if (--tally->left == 0)
        pthread_cond_signal(&tally->ended);
    pthread_mutex_unlock(&tally->mutex);
    oai_response_free(response);
}

int main(void)
{
    struct tally tally = {.mutex = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER, .left = TEXTS};
    oai_client *client;
    oai_error *error;
    oai_response *reference;
    size_t rows;
    if (getenv("OAI_EXAMPLE_MODEL") != NULL)
        model = getenv("OAI_EXAMPLE_MODEL");
    oai_status status = oai_client_new(NULL, 0, &client, &error);
    check(status, error);
    check(oai_set_queue_size(client, TEXTS), NULL); /* 100 would be too few to take them all */

    /* What all are compared with: one blocking call. */
    const char *wanted = "The ferry leaves the harbour in the morning.";
    status = oai_embed(client, model, &wanted, NULL, 1, NULL, &reference);
    check(status, oai_response_error(reference));
    check(oai_response_embeddings(reference, &tally.reference, &rows, &tally.dims), NULL);

    for (int i = 0; i < TEXTS; i++) {
        char text[64];
        const char *input = text; /* copied before the call returns */
        snprintf(text, sizeof text, "Ferry %d leaves the harbour at %02d:%02d.", i, i / 60 % 24, i % 60);
        status = oai_embed_async(client, model, &input, NULL, 1, NULL, on_event, &tally, NULL, NULL, &error);
        check(status, error);
    }
    fprintf(stderr, "%d texts submitted\n", TEXTS);

    pthread_mutex_lock(&tally.mutex);
    while (tally.left > 0)
        pthread_cond_wait(&tally.ended, &tally.mutex);
    pthread_mutex_unlock(&tally.mutex);
    int embedded = TEXTS - tally.failed;
    printf("embedded %d of %d texts, %llu tokens, mean similarity %.3f\n", embedded, TEXTS,
           (unsigned long long)tally.tokens, embedded > 0 ? tally.similarity / embedded : 0.0);

    oai_response_free(reference);
    oai_client_free(client);
    check(oai_shutdown(1000, NULL), NULL);
    return tally.failed > 0;
}
