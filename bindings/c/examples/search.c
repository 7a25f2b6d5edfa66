/*
 * search: finds the paragraphs of a text that are nearest in meaning to a query.
 *
 *     search TEXT [QUERY...]        without a QUERY: one from each line of standard input
 *
 * It embeds the paragraphs in batches, which wait in the client's queue and come back through a completion queue, and
 * then each query with one blocking call. The key and the base URL come from the environment or from .env.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oai.h"

enum { BATCH = 8, BEST = 3 };

struct text {
    char *bytes;
    const char **paragraphs; /* into bytes */
    size_t count;
    oai_response **batches; /* batches[i] holds the vectors of BATCH paragraphs from i * BATCH on */
};

static const char *model = "text-embedding-3-small";

/* Reads a file; the paragraphs are what stands between blank lines, each made one line. */
static int read_text(const char *path, struct text *text)
{
    FILE *file = fopen(path, "r");
    size_t size = 0;
    if (file == NULL || getdelim(&text->bytes, &size, '\0', file) < 0) {
        perror(path);
        if (file != NULL)
            fclose(file);
        return 0;
    }
    fclose(file);
    text->paragraphs = calloc(strlen(text->bytes) / 2 + 1, sizeof *text->paragraphs);
    if (text->paragraphs == NULL)
        return 0;
    char *end = NULL; /* of the paragraph being read */
    for (char *line = text->bytes, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        size_t len = next != NULL ? (size_t)(next++ - line) : strlen(line);
        while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL)
            len--;
        if (len == 0) {
            end = NULL;
            continue;
        }
        if (end == NULL)
            text->paragraphs[text->count++] = end = line;
        else
            *end++ = ' ';
        end = (char *)memmove(end, line, len) + len;
        *end = '\0';
    }
    text->batches = calloc(text->count / BATCH + 1, sizeof *text->batches);
    return text->batches != NULL;
}

/* Submits every batch, tagged with its number, and takes the responses as they come. */
static oai_status embed_text(const oai_client *client, oai_queue *queue, oai_request *request, struct text *text)
{
    size_t batches = (text->count + BATCH - 1) / BATCH;
    oai_error *error = NULL;
    oai_status status = oai_set_queue_size(client, (uint32_t)batches);
    for (size_t i = 0; status == OAI_OK && i < batches; i++) {
        size_t n = i + 1 < batches ? BATCH : text->count - i * BATCH;
        status = oai_request_set_inputs(request, text->paragraphs + i * BATCH, NULL, n);
        if (status == OAI_OK)
            status = oai_submit_to(client, request, queue, i, NULL, &error);
    }
    if (error != NULL)
        fprintf(stderr, "search: %s\n", oai_error_message(error));
    oai_error_free(error);
    for (size_t done = 0; status == OAI_OK && done < batches;) {
        oai_batch *batch;
        oai_event_record *records;
        size_t count = 0;
        status = oai_queue_wait(queue, 64, UINT64_MAX, &batch);
        if (status == OAI_OK && batch != NULL)
            status = oai_batch_records(batch, &records, &count);
        for (size_t i = 0; i < count; i++, done++) {
            oai_response *response = text->batches[records[i].tag] = oai_record_take_response(&records[i]);
            if (records[i].status != OAI_OK) {
                fprintf(stderr, "search: %s\n", oai_error_message(oai_response_error(response)));
                status = records[i].status;
            }
        }
        oai_batch_free(batch);
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\rembedded %zu of %zu batches%s", done, batches, done == batches ? "\n" : "");
    }
    return status;
}

