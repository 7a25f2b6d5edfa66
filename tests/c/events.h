/*
 * Recorders for what the library calls back: a request's events and log lines.
 *
 * They keep what came in the order in which it came, and let a test wait for it.
 */
#ifndef OAI_TESTS_EVENTS_H
#define OAI_TESTS_EVENTS_H

#include "support.h"

/* ===== the events of requests ===== */

enum { MOST_CHUNKS = 64 };

/* What was seen of one request. */
struct seen {
    uint64_t id;       /* as the submit wrote it */
    int chunks;        /* OAI_EVENT_CHUNK */
    int connections;   /* OAI_EVENT_CONNECTION */
    int ends;          /* OAI_EVENT_DONE */
    int destroyed;     /* calls of the destructor */
    int order;         /* its end was the how manieth of all */
    oai_status status; /* of the response */
    oai_response *response;
    pthread_t thread;  /* of the last event */
    pthread_t submitter;
    int submitting;    /* the submit has not returned yet */
    void (*then)(struct seen *, int kind); /* called inside the callback */
    void *more;        /* for `then` */
    char *texts[MOST_CHUNKS];
};

static pthread_mutex_t seen_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t seen_changed = PTHREAD_COND_INITIALIZER;
static int seen_ends;

static inline void on_event(void *user_data, uint64_t id, int32_t kind, const char *data, size_t len, oai_response *response)
{
    struct seen *seen = (struct seen *)user_data;
    /* Never inside the call that asked for it. */
    CHECK(!seen->submitting || !pthread_equal(pthread_self(), seen->submitter));
    CHECK(seen->id == id);
    pthread_mutex_lock(&seen_lock);
    CHECK_NUMBER(seen->ends, 0);
    CHECK_NUMBER(seen->destroyed, 0);
    seen->thread = pthread_self();
    if (kind == OAI_EVENT_CHUNK) {
        CHECK(data != NULL && response == NULL);
        if (seen->chunks < MOST_CHUNKS)
            seen->texts[seen->chunks] = strndup(data, len);
        seen->chunks++;
    } else if (kind == OAI_EVENT_CONNECTION) {
        CHECK(data != NULL && response == NULL && json_at(data, "state") != NULL);
        seen->connections++;
    } else {
        CHECK_NUMBER(kind, OAI_EVENT_DONE);
        CHECK(data == NULL && len == 0 && response != NULL);
        CHECK(oai_response_id(response) == id);
        seen->response = response;
        seen->status = oai_response_status(response);
        seen->order = seen_ends++;
    }
    pthread_mutex_unlock(&seen_lock);
    if (seen->then != NULL)
        seen->then(seen, kind);
    pthread_mutex_lock(&seen_lock);
    seen->ends += kind == OAI_EVENT_DONE;
    pthread_cond_broadcast(&seen_changed);
    pthread_mutex_unlock(&seen_lock);
}

static inline void on_destroy(void *user_data)
{
    struct seen *seen = (struct seen *)user_data;
    pthread_mutex_lock(&seen_lock);
    seen->destroyed++;
    pthread_cond_broadcast(&seen_changed);
    pthread_mutex_unlock(&seen_lock);
}

/* Submits a request whose events go to `seen`. */
static inline oai_status submit(const oai_client *client, const oai_request *request, struct seen *seen)
{
    seen->submitter = pthread_self();
    seen->submitting = 1;
    oai_status status = oai_submit(client, request, on_event, seen, on_destroy, &seen->id, NULL);
    seen->submitting = 0;
    return status;
}

/* Submits one text to be embedded. */
static inline void submit_text(const oai_client *client, const char *text, struct seen *seen)
{
    oai_request *request = new_embedding(text);
    CHECK_STATUS(submit(client, request, seen), OAI_OK);
    oai_request_free(request);
}

/* Waits for `count` chunks. */
static inline void wait_chunks(struct seen *seen, int count)
{
    pthread_mutex_lock(&seen_lock);
    while (seen->chunks < count)
        pthread_cond_wait(&seen_changed, &seen_lock);
    pthread_mutex_unlock(&seen_lock);
}

/* Waits for the end and the destructor, checks that each came once, and gives the status. */
static inline oai_status wait_end(struct seen *seen)
{
    pthread_mutex_lock(&seen_lock);
    while (seen->ends == 0 || seen->destroyed == 0)
        pthread_cond_wait(&seen_changed, &seen_lock);
    CHECK_NUMBER(seen->ends, 1);
    CHECK_NUMBER(seen->destroyed, 1);
    pthread_mutex_unlock(&seen_lock);
    return seen->status;
}

/* Frees what was kept and makes the recorder new. */
static inline void forget(struct seen *seen)
{
    oai_response_free(seen->response);
    for (int i = 0; i < seen->chunks && i < MOST_CHUNKS; i++)
        free(seen->texts[i]);
    memset(seen, 0, sizeof *seen);
}

/* ===== log lines ===== */

/* Lines of the log, each with its level's number and a space before it. */
struct lines {
    char *text;
    size_t len;
    int destroyed;
    pthread_t thread;
};

static pthread_mutex_t lines_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t lines_changed = PTHREAD_COND_INITIALIZER;

static inline void on_line(void *user_data, int32_t level, const char *message, size_t len)
{
    struct lines *lines = (struct lines *)user_data;
    CHECK_NUMBER(strlen(message), len);
    CHECK(strchr(message, '\n') == NULL);
    pthread_mutex_lock(&lines_lock);
    CHECK_NUMBER(lines->destroyed, 0);
    lines->thread = pthread_self();
    lines->text = (char *)realloc(lines->text, lines->len + len + 16);
    CHECK(lines->text != NULL);
    lines->len += (size_t)sprintf(lines->text + lines->len, "%d %s\n", level, message);
    pthread_cond_broadcast(&lines_changed);
    pthread_mutex_unlock(&lines_lock);
}

static inline void on_lines_end(void *user_data)
{
    struct lines *lines = (struct lines *)user_data;
    pthread_mutex_lock(&lines_lock);
    lines->destroyed++;
    pthread_cond_broadcast(&lines_changed);
    pthread_mutex_unlock(&lines_lock);
}

static inline void capture_log(int32_t level, struct lines *lines)
{
    CHECK_STATUS(oai_set_log(level, on_line, lines, on_lines_end, NULL), OAI_OK);
}

/* Sends lines to stderr again, and waits until no more can come here. */
static inline void end_capture(struct lines *lines)
{
    CHECK_STATUS(oai_set_log(OAI_LOG_WARN, NULL, NULL, NULL, NULL), OAI_OK);
    pthread_mutex_lock(&lines_lock);
    while (lines->destroyed == 0)
        pthread_cond_wait(&lines_changed, &lines_lock);
    pthread_mutex_unlock(&lines_lock);
    free(lines->text);
}

static inline int count_parts(const char *text, const char *part)
{
    int count = 0;
    for (; text != NULL && (text = strstr(text, part)) != NULL; text += strlen(part))
        count++;
    return count;
}

/* Waits until the part has been logged so many times, and gives the text so far, to be freed. */
static inline char *wait_lines(struct lines *lines, const char *part, int count)
{
    pthread_mutex_lock(&lines_lock);
    while (count_parts(lines->text, part) < count)
        pthread_cond_wait(&lines_changed, &lines_lock);
    char *text = strdup(lines->text);
    pthread_mutex_unlock(&lines_lock);
    return text;
}

#endif
