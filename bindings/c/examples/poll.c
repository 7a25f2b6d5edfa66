/*
 * poll: an event loop of one thread that serves standard input and the library at once.
 *
 * Each line of standard input is embedded as soon as it is there, and each answer is printed as soon as it is there.
 * The completion queue's descriptor stands in poll(2) beside the other one; a request is known by its tag, here the
 * number of its line. The key and the base URL come from the environment or from .env.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oai.h"

/* While so many requests are outstanding, standard input is not read: a flood waits in the pipe, not in memory. */
enum { MOST = 64 };

struct loop {
    oai_client *client;
    oai_queue *queue;
    oai_request *request;
    char input[8192]; /* read and not yet submitted */
    size_t filled;
    bool ended; /* standard input is */
    uint64_t lines, outstanding, failed;
};

/* Ends the program if a call failed. Setters have no error object: what was wrong stands in the library's log. */
static void check(oai_status status, const oai_error *error)
{
    if (status != OAI_OK) {
        fprintf(stderr, "poll: %s\n", error != NULL ? oai_error_message(error) : oai_status_name(status));
        exit(1);
    }
}

static void read_input(struct loop *loop)
{
    ssize_t n = read(STDIN_FILENO, loop->input + loop->filled, sizeof loop->input - loop->filled);
    if (n > 0)
        loop->filled += (size_t)n;
    else if (n == 0 || errno != EINTR)
        loop->ended = true;
}

/* Submits one line under its number. It is copied, and the request may be filled anew at once. */
static void submit(struct loop *loop, const char *text, size_t len)
{
    oai_error *error = NULL;
    oai_status status = oai_request_set_inputs(loop->request, &text, &len, 1);
    if (status == OAI_OK)
        status = oai_submit_to(loop->client, loop->request, loop->queue, loop->lines, NULL, &error);
    if (status == OAI_OK) {
        loop->outstanding++;
    } else {
        loop->failed++;
        fprintf(stderr, "poll: line %llu: %s\n", (unsigned long long)loop->lines,
                error != NULL ? oai_error_message(error) : oai_status_name(status));
    }
    oai_error_free(error);
}

/* Submits the lines that are complete, as far as there is room. */
static void submit_lines(struct loop *loop)
{
    while (loop->filled > 0 && loop->outstanding < MOST) {
        const char *end = memchr(loop->input, '\n', loop->filled);
        if (end == NULL && loop->filled < sizeof loop->input && !loop->ended)
            return;
        size_t len = end != NULL ? (size_t)(end - loop->input) : loop->filled;
        size_t taken = len + (end != NULL);
        loop->lines++;
        if (len > 0)
            submit(loop, loop->input, len);
        loop->filled -= taken;
        memmove(loop->input, loop->input + taken, loop->filled);
    }
}

/* Takes events until there are none, which is what makes the descriptor quiet again. */
static void take_events(struct loop *loop)
{
    oai_batch *batch;
    oai_event_record *records;
    size_t count, rows, dims;
    const float *vector;
    for (;;) {
        check(oai_queue_next(loop->queue, 16, &batch), NULL);
        if (batch == NULL)
            return;
        check(oai_batch_records(batch, &records, &count), NULL);
        for (size_t i = 0; i < count; i++) {
            unsigned long long line = records[i].tag;
            loop->outstanding--;
            if (oai_response_embeddings(records[i].response, &vector, &rows, &dims) == OAI_OK) {
                printf("line %llu: %zu numbers, the first is %.6f\n", line, dims, vector[0]);
            } else {
                loop->failed++;
                fprintf(stderr, "poll: line %llu: %s\n", line,
                        oai_error_message(oai_response_error(records[i].response)));
            }
        }
        fflush(stdout);
        oai_batch_free(batch); /* and the responses with it */
    }
}

int main(void)
{
    struct loop loop = {0};
    oai_error *error;
    const char *model = getenv("OAI_EXAMPLE_MODEL");
    oai_status status = oai_client_new(NULL, 0, &loop.client, &error);
    check(status, error);
    check(oai_set_queue_size(loop.client, MOST), NULL);
    check(oai_queue_new(&loop.queue, NULL), NULL);
    check(oai_request_new("POST", "/embeddings", &loop.request, NULL), NULL);
    check(oai_request_set_model(loop.request, model != NULL ? model : "text-embedding-3-small"), NULL);
    int64_t fd = oai_queue_fd(loop.queue);
    check(fd < 0 ? (oai_status)fd : OAI_OK, NULL);

    while (!loop.ended || loop.filled > 0 || loop.outstanding > 0) {
        bool reads = !loop.ended && loop.outstanding < MOST;
        struct pollfd fds[] = {{.fd = (int)fd, .events = POLLIN},
                               {.fd = reads ? STDIN_FILENO : -1, .events = POLLIN}}; /* poll skips -1 */
        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            perror("poll");
            return 1;
        }
        if (fds[0].revents != 0)
            take_events(&loop);
        if (fds[1].revents != 0)
            read_input(&loop);
        submit_lines(&loop);
    }

    oai_request_free(loop.request);
    oai_client_free(loop.client);
    oai_queue_free(loop.queue);
    check(oai_shutdown(1000, NULL), NULL);
    return loop.failed > 0;
}
