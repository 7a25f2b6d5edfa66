/*
 * search TEXT [QUERY...]: finds the paragraphs of a text that are nearest in meaning to each query; without a query, to
 * each line of standard input. The paragraphs are embedded in batches, which wait in the client's queue and come back
 * through a completion queue; a query is one blocking call. Key and base URL come from the environment or from .env.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "oai.h"

enum { BATCH = 8, BEST = 3 };
static const char *model = "text-embedding-3-small";

struct text {
    char *bytes;
    const char **paragraphs; /* they point into bytes */
    size_t count;
    oai_response **batches; /* batches[i] holds the vectors of the paragraphs from i * BATCH on */
};

/* Ends the program if a call failed. Setters have no error object: what was wrong stands in the library's log. */
static void check(oai_status status, const oai_error *error)
{
    if (status != OAI_OK) {
        fprintf(stderr, "search: %s\n", error != NULL ? oai_error_message(error) : oai_status_name(status));
        exit(1);
    }
}

/* Reads a file and cuts it into paragraphs at its blank lines; a line end inside a paragraph becomes a blank. */
static void read_text(struct text *text, const char *path)
{
    size_t room = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL || getdelim(&text->bytes, &room, '\0', file) < 1 || fclose(file) != 0 ||
        (text->paragraphs = calloc(room, sizeof *text->paragraphs)) == NULL ||
        (text->batches = calloc(room, sizeof *text->batches)) == NULL) {
        fprintf(stderr, "search: %s is empty or cannot be read\n", path);
        exit(1);
    }
    for (char *start = text->bytes, *end; start != NULL; start = end) {
        start += strspn(start, "\n");
        if ((end = strstr(start, "\n\n")) != NULL)
            *end++ = '\0';
        if (*start != '\0')
            text->paragraphs[text->count++] = start;
        while ((start = strchr(start, '\n')) != NULL)
            *start = ' ';
    }
}

/* Submits the paragraphs in batches, each tagged with its number, and keeps the responses as they come. */
static void embed_text(const oai_client *client, struct text *text)
{
    size_t batches = (text->count + BATCH - 1) / BATCH;
    oai_queue *queue;
    oai_request *request;
    oai_error *error;
    check(oai_set_queue_size(client, (uint32_t)batches), NULL);
    check(oai_queue_new(&queue, NULL), NULL);
    check(oai_request_new("POST", "/embeddings", &request, NULL), NULL);
    check(oai_request_set_model(request, model), NULL);
    for (size_t i = 0; i < batches; i++) {
        size_t n = i + 1 < batches ? BATCH : text->count - i * BATCH;
        check(oai_request_set_inputs(request, text->paragraphs + i * BATCH, NULL, n), NULL);
        oai_status status = oai_submit_to(client, request, queue, i, NULL, &error);
        check(status, error);
    }
    for (size_t done = 0; done < batches;) {
        oai_batch *events;
        oai_event_record *records;
        size_t count;
        check(oai_queue_wait(queue, 16, UINT64_MAX, &events), NULL);
        check(oai_batch_records(events, &records, &count), NULL);
        for (size_t i = 0; i < count; i++, done++) {
            check(records[i].status, oai_response_error(records[i].response));
            text->batches[records[i].tag] = oai_record_take_response(&records[i]);
        }
        oai_batch_free(events);
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "embedded %zu of %zu batches%c", done, batches, done < batches ? '\r' : '\n');
    }
    oai_request_free(request);
    oai_queue_free(queue);
}

static double dot(const float *a, const float *b, size_t dims)
{
    double sum = 0;
    for (size_t i = 0; i < dims; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* Embeds a query and prints the best paragraphs with their scores. */
static void answer(const oai_client *client, const struct text *text, const char *query)
{
    struct { double score; const char *paragraph; } best[BEST + 1] = {{0, NULL}}; /* and one to be dropped */
    const float *wanted, *rows;
    size_t n, dims;
    oai_response *response;
    oai_status status = oai_embed(client, model, &query, NULL, 1, NULL, &response);
    check(status, oai_response_error(response));
    check(oai_response_embeddings(response, &wanted, &n, &dims), NULL);
    for (size_t i = 0; i < text->count; i++) {
        check(oai_response_embeddings(text->batches[i / BATCH], &rows, &n, &dims), NULL);
        const float *row = rows + i % BATCH * dims;
        double score = dot(wanted, row, dims) / sqrt(dot(wanted, wanted, dims) * dot(row, row, dims)); /* the cosine */
        size_t rank = BEST;
        for (; rank > 0 && score > best[rank - 1].score; rank--)
            best[rank] = best[rank - 1];
        best[rank].score = score;
        best[rank].paragraph = text->paragraphs[i];
    }
    oai_response_free(response);
    printf("\n%s\n", query);
    for (size_t rank = 0; rank < BEST && best[rank].paragraph != NULL; rank++)
        printf("  %.3f  %s\n", best[rank].score, best[rank].paragraph);
}

int main(int argc, char **argv)
{
    struct text text = {0};
    oai_client *client;
    oai_error *error;
    if (argc < 2)
        return fprintf(stderr, "usage: search TEXT [QUERY...]\n"), 2;
    if (getenv("OAI_EXAMPLE_MODEL") != NULL)
        model = getenv("OAI_EXAMPLE_MODEL");
    read_text(&text, argv[1]);
    oai_status status = oai_client_new(NULL, 0, &client, &error);
    check(status, error);
    embed_text(client, &text);
    for (int i = 2; i < argc; i++)
        answer(client, &text, argv[i]);
    for (char line[8192]; argc == 2 && fgets(line, sizeof line, stdin) != NULL;)
        if (strtok(line, "\r\n") != NULL) /* which cuts off the end of the line */
            answer(client, &text, line);
    for (size_t i = 0; i < text.count; i += BATCH)
        oai_response_free(text.batches[i / BATCH]);
    free(text.batches);
    free(text.paragraphs);
    free(text.bytes);
    oai_client_free(client);
    check(oai_shutdown(1000, NULL), NULL);
}
