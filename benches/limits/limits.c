/*
 * limits: submits embeddings requests all at once and tells when the last of each model is back.
 *
 *     limits CONFIG short|mixed MODEL=COUNT...
 *
 * CONFIG is the JSON of oai_client_new. run.py starts it and takes the time: it prints `ready`, waits for a line, then
 * submits and prints `done MODEL COUNT FAILED` for each model and `end`. peers/ does the same with other clients. It
 * never decides what is measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oai.h"

enum { MOST_MODELS = 8, LONGEST = 4 * 4000 };

struct group {
    char model[64];
    unsigned long count, left, failed;
    oai_request *request;
};

/* Ends the program if a call failed. */
static void check(oai_status status, const oai_error *error)
{
    if (status != OAI_OK) {
        fprintf(stderr, "limits: %s\n", error != NULL ? oai_error_message(error) : oai_status_name(status));
        exit(1);
    }
}

/* The tokens of request `i`, which the test server counts as four characters each: from 10 to 4,000. As in run.py. */
static size_t tokens(unsigned long i)
{
    return 10 + i * 7919 % 3991;
}

static void ended(struct group *group, const oai_event_record *record)
{
    if (record->status != OAI_OK) {
        group->failed++;
        fprintf(stderr, "limits: %s\n", oai_error_message(oai_response_error(record->response)));
    }
    if (--group->left == 0) {
        printf("done %s %lu %lu\n", group->model, group->count, group->failed);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    static char text[LONGEST];
    struct group groups[MOST_MODELS];
    char go[8];
    oai_client *client;
    oai_queue *queue;
    oai_error *error = NULL;
    unsigned long left = 0;
    int n = argc - 3;
    if (n < 1 || n > MOST_MODELS) {
        fprintf(stderr, "usage: limits CONFIG short|mixed MODEL=COUNT...\n");
        return 2;
    }
    int mixed = strcmp(argv[2], "mixed") == 0;
    memset(text, 'a', sizeof text);
    check(oai_client_new(argv[1], OAI_STRLEN, &client, &error), error);
    check(oai_queue_new(&queue, &error), error);
    for (int g = 0; g < n; g++) {
        struct group *group = &groups[g];
        if (sscanf(argv[3 + g], "%63[^=]=%lu", group->model, &group->count) != 2 || group->count == 0) {
            fprintf(stderr, "limits: %s is not MODEL=COUNT\n", argv[3 + g]);
            return 2;
        }
        group->left = group->count;
        group->failed = 0;
        left += group->count;
        check(oai_request_new("POST", "/embeddings", &group->request, &error), error);
        check(oai_request_set_model(group->request, group->model), NULL);
        check(oai_request_set_dimensions(group->request, 8), NULL);
    }
    puts("ready");
    fflush(stdout);
    if (fgets(go, sizeof go, stdin) == NULL)
        return 1;

    for (int g = 0; g < n; g++) {
        for (unsigned long i = 0; i < groups[g].count; i++) {
            const char *input = text;
            size_t len = mixed ? 4 * tokens(i) : 16;
            check(oai_request_set_inputs(groups[g].request, &input, &len, 1), NULL);
            check(oai_submit_to(client, groups[g].request, queue, (uint64_t)g, NULL, &error), error);
        }
    }
    while (left > 0) {
        oai_batch *batch;
        oai_event_record *records;
        size_t count;
        check(oai_queue_wait(queue, 1000, UINT64_MAX, &batch), NULL);
        check(oai_batch_records(batch, &records, &count), NULL);
        for (size_t i = 0; i < count; i++)
            ended(&groups[records[i].tag], &records[i]);
        left -= count;
        oai_batch_free(batch);
    }
    puts("end");
    fflush(stdout);

    for (int g = 0; g < n; g++)
        oai_request_free(groups[g].request);
    oai_client_free(client);
    oai_queue_free(queue);
    return 0;
}
