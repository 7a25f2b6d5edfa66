/*
 * What the parts of the C runner of the behaviour suite share. README.md of the folder above says what a runner does.
 *
 * runner.c reads files and does steps, call.c makes calls and tells outcomes, match.c compares, server.c runs and asks
 * the test server. A failure of a case is reported by `fail`, which comes back to the case's start.
 */
#ifndef OAI_BEHAVIOUR_RUNNER_H
#define OAI_BEHAVIOUR_RUNNER_H

#define _GNU_SOURCE
#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oai.h"

/* Ends the case with a message. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A text made as by printf; the caller frees it. */
char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ===== server.c ===== */

/* Starts the program and returns its URL. */
const char *server_start(const char *program);

/* Asks at a control path, with POST if there is a body, and returns the answer, to be freed by cJSON_Delete. */
cJSON *server_ask(const char *path, const cJSON *body);

/* ===== match.c ===== */

/* Fails unless the object has no key beside those listed, which are separated by blanks; a `!` behind one means that it
   must be there. */
void only_keys(const cJSON *object, const char *keys);

/* A member of an object, or NULL. */
#define item(object, key) cJSON_GetObjectItemCaseSensitive(object, key)
#define has(object, key) (item(object, key) != NULL)

/* A text of an object, or NULL. */
const char *text_at(const cJSON *object, const char *key);

/* Fails, naming `where` and the place inside, unless the value (NULL: missing) matches the pattern. */
void match(const char *where, const cJSON *pattern, const cJSON *value);

/* The same for an outcome: where the pattern says nothing of the status, it must be OAI_OK. */
void match_outcome(const cJSON *pattern, const cJSON *outcome);

/* ===== call.c ===== */

enum { MOST_CALLS = 64, MOST_LINES = 1000 };

/* A call under way. */
struct call {
    const char *as;
    const cJSON *what;
    uint64_t id;
    oai_response *response; /* its end */
    cJSON *refused;         /* or the outcome of a submit that was refused */
    oai_fold *fold;
    int chunks, cancel_after;
};

/* One case under way. */
struct state {
    oai_client *client;
    oai_queue *queue;
    const char *folder;
    struct call calls[MOST_CALLS];
    size_t count;
    struct {
        int level;
        char *text;
    } lines[MOST_LINES];
    size_t line_count;
};

/* Submits a call to the case's queue. */
struct call *call_start(struct state *state, const cJSON *what, const char *as);

/* Waits for one event of the case's queue, or more, and notes what they say. */
void pump(struct state *state);

/* Waits for the end and returns the outcome, to be freed by cJSON_Delete. */
cJSON *call_finish(struct state *state, struct call *call);

/* Makes a call, blocking where C has such a form, and returns its outcome. */
cJSON *call_make(struct state *state, const cJSON *what);

/* The outcome of what returns a status and an error; frees the error. */
cJSON *plain_outcome(oai_status status, oai_error *error);

/* Frees what the calls and log lines of a case hold. */
void forget(struct state *state);

#endif
