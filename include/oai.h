/*
 * oaic: a client for the OpenAI API and every compatible server, with a C ABI.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Made by cbindgen from src/ffi; do not edit. To make it again: OAI_BLESS=1 cargo test --test header
 *
 * What holds for every function:
 *
 * Handles     are opaque. oai_X_new makes one, oai_X_free releases it, and every free takes NULL.
 * Results     A function that can fail returns an oai_status: OAI_OK is 0, errors are negative. Outputs come last, are
 *             set to NULL or 0 first and filled on success. NULL for a pointer that must not be NULL is
 *             OAI_ERR_INVALID_ARGUMENT, never a crash.
 * Responses   A call that yields a response fills it also when it fails or is refused, unless the pointer to it is
 *             NULL, memory ran out or the process was forked: it is an outcome with a status and an error. What
 *             oai_response_error returns is borrowed; an oai_error from an out-parameter is owned.
 * Texts       are UTF-8 and copied before the call returns. Names and URLs are NUL-terminated; texts and bodies are
 *             pointer and length, where OAI_STRLEN means NUL-terminated. Bytes come out as pointer and length, with
 *             one NUL behind the last byte. What the caller owns is freed with oai_string_free.
 * Pointers    not NULL must point to what their type says, live as long as the call, and not be freed by another
 *             thread meanwhile. A handle must not be used after its free.
 * Threads     A const pointer means that any number of threads may use the handle at once. A request belongs to one
 *             thread at a time; submitting only reads it, and it may be reused, changed or freed at once.
 * Ids         of requests are unique in the process, never 0, below 2^53, and written before any event can be seen.
 * user_data   comes with an optional oai_destructor, called exactly once: after the terminal event, or inline when the
 *             call is refused.
 * Callbacks   are never made inside the call that asked for them. An accepted request gets exactly one terminal
 *             event, a refused one gets none. A blocking call made from a callback returns OAI_ERR_STATE.
 * Times       are milliseconds where the name ends in _ms.
 * Signals     No function is async-signal-safe. In a forked child of a process that used the library, functions that
 *             do work return OAI_ERR_FORKED.
 */

#ifndef OAI_H
#define OAI_H

#include <stddef.h>
#include <stdint.h>

/** The major number of the version that this header belongs to; `oai_version_string` tells the library's own. */
#define OAI_VERSION_MAJOR 0
/** The minor number of the version that this header belongs to. */
#define OAI_VERSION_MINOR 1
/** The patch number of the version that this header belongs to. */
#define OAI_VERSION_PATCH 0
/** The version that this header belongs to, as text. */
#define OAI_VERSION_STRING "0.1.0"

/** As the length of a text: it ends at its first NUL byte. */
#define OAI_STRLEN ((size_t)-1)

/** `oai_option.when`: the option may change at any time and holds for everything not yet sent. */
#define OAI_OPTION_ANY_TIME 0

/** `oai_option.when`: the option may change until the client's first request. */
#define OAI_OPTION_UNTIL_FIRST_REQUEST 1

/** `oai_option.when`: the option is given when the client is made. */
#define OAI_OPTION_AT_CREATION 2

/** `oai_set_http_version`: what the server offers. */
#define OAI_HTTP_VERSION_AUTO 0

/** `oai_set_http_version`: HTTP/1.1 (the default). */
#define OAI_HTTP_VERSION_1_1 1

/** `oai_set_http_version`: HTTP/2. */
#define OAI_HTTP_VERSION_2 2

/**
 * `oai_set_tls_roots`: `ca_file` and `ca_pem` alone if given, else the system's, else the bundled ones (the default).
 */
#define OAI_TLS_ROOTS_AUTO 0

/** `oai_set_tls_roots`: those of the operating system. */
#define OAI_TLS_ROOTS_SYSTEM 1

/** `oai_set_tls_roots`: Mozilla's, as they were when the library was built. */
#define OAI_TLS_ROOTS_BUNDLED 2

/** `oai_set_tls_roots`: those of the operating system and the bundled ones. */
#define OAI_TLS_ROOTS_BOTH 3

/** `oai_set_callback_thread`: the library's dispatcher thread (the default). */
#define OAI_CALLBACK_ON_DISPATCHER 0

/** `oai_set_callback_thread`: the worker thread that read the answer. */
#define OAI_CALLBACK_ON_WORKER 1

/** `oai_set_queue_full`: a call that finds the queue full is refused (the default). */
#define OAI_QUEUE_FULL_REJECT 0

/** `oai_set_queue_full`: a blocking call waits for a place; others are refused. */
#define OAI_QUEUE_FULL_WAIT 1

/** `oai_request_set_priority`: before the others. */
#define OAI_PRIORITY_HIGH 0

/** `oai_request_set_priority`: the default. */
#define OAI_PRIORITY_NORMAL 1

/** `oai_request_set_priority`: after the others. */
#define OAI_PRIORITY_LOW 2

/** `kind` of an event: a part of a stream. `data` and `len` are the event's data, borrowed for the callback. */
#define OAI_EVENT_CHUNK 1

/** `kind` of an event: the end. `response` is owned by the callee, who frees it with `oai_response_free`. */
#define OAI_EVENT_DONE 2

/**
 * `kind` of an event, only after `oai_request_set_progress`, or with `progress` of `oai_upload_async`, `oai_batch_run_async`
 * and their `_to`: how far a body has come. `data` and `len` are a JSON text, borrowed for the callback:
 * `{"way":"upload","bytes":1048576,"total":1073741824}`. `way` is `upload` or `download`; `total` is null where it is not
 * known. What a batch run tells beside that, `oai_batch_run_async` says.
 */
#define OAI_EVENT_PROGRESS 4

/**
 * `kind` of an event, only in queues and only after `oai_set_log_to`: a line of the library's log, `data` and `len`. Its
 * `tag` is the level, one of `OAI_LOG_*`; its `id` is 0.
 */
#define OAI_EVENT_LOG 8

/**
 * `kind` of an event of a connection: it was made, or was lost and will be made anew. `data` and `len` are a JSON text,
 * borrowed for the callback: `{"state":"open","connection":1,"attempts":1,"request_id":"req_1"}`, or
 * `{"state":"reconnecting","connection":1,"status":-103,"message":"...","close_code":0,"close_reason":"","delay_ms":812}`.
 * `connection` counts from 1: from 2 on the server knows nothing of what was said before.
 */
#define OAI_EVENT_CONNECTION 32

/**
 * `kind` of an event of a connection: a message of bytes, where `OAI_EVENT_CHUNK` is one of text. OpenAI sends none.
 */
#define OAI_EVENT_BINARY 64

/**
 * `kind` of an event, only in a queue of `oai_set_token_queue`: a bearer token is wanted. `id` is the number to answer
 * under, with `oai_provide_token` or `oai_refuse_token`; it is no request's id.
 */
#define OAI_EVENT_TOKEN_WANTED 16

/** The epoch of the ABI: what was compiled for another epoch does not fit. */
#define OAI_ABI_EPOCH 0

/** Additions to the ABI since the epoch began. */
#define OAI_ABI_ADDITIONS 4

/** A log level: nothing. */
#define OAI_LOG_OFF 0

/** A log level: what failed. */
#define OAI_LOG_ERROR 1

/** A log level: also what went wrong and was mended, such as retries, and settings that were ignored. The default. */
#define OAI_LOG_WARN 2

/** A log level: also where the key came from. */
#define OAI_LOG_INFO 3

/** A log level: also each attempt. */
#define OAI_LOG_DEBUG 4

/** A log level: everything. */
#define OAI_LOG_TRACE 5

/** Events taken from a queue. It belongs to one thread at a time; the caller frees it with `oai_batch_free`. */
typedef struct oai_batch oai_batch;

/**
 * A client: settings, identity and a queue of its own. Any thread may use it at any time, except while it is freed.
 */
typedef struct oai_client oai_client;

/**
 * What went wrong. Owned when it came from an out-parameter (free it with `oai_error_free`), borrowed when it came from
 * `oai_response_error`. It never changes; any thread may read it.
 */
typedef struct oai_error oai_error;

/** A stream being put together. It belongs to one thread at a time. */
typedef struct oai_fold oai_fold;

/** A list being walked. It belongs to one thread at a time. */
typedef struct oai_pages oai_pages;

/**
 * A completion queue: events of any number of requests and clients, taken in batches. Any thread may use it at any
 * time, except while it is freed.
 */
typedef struct oai_queue oai_queue;

/** A WebSocket connection. Any thread may use it at any time, except while it is freed. */
typedef struct oai_realtime oai_realtime;

/**
 * A request being put together. It belongs to one thread at a time; submitting leaves it as it is, so it may be
 * submitted again, changed or freed at once.
 */
typedef struct oai_request oai_request;

/**
 * What became of a request: an outcome with a status, whether it went well or not. The caller owns it and frees it
 * with `oai_response_free`. It never changes; any thread may read it. All that it hands out lives as long as itself.
 */
typedef struct oai_response oai_response;

/** What a call came to: `OAI_OK` is 0, errors are negative. Numbers are never reused. */
typedef int32_t oai_status;

/** One row of the option table. All texts are static and NUL-terminated. */
typedef struct {
    /** The JSON key, and the end of `oai_set_NAME` and, in capitals, of `OAI_NAME`. */
    const char *name;
    /** `uint32`, `uint64`, `double`, `flag`, `choice`, `string` or `secret`. */
    const char *type_name;
    /** The default as text; empty where there is none. */
    const char *default_value;
    /** What it does. */
    const char *doc;
    /** `OAI_OPTION_ANY_TIME`, `OAI_OPTION_UNTIL_FIRST_REQUEST` or `OAI_OPTION_AT_CREATION`. */
    int32_t when;
    /** The environment variables that it is read from, separated by blanks; the first that is set counts. */
    const char *env;
    /** For later versions. */
    const void *reserved[2];
} oai_option;

/**
 * Is told what happens to a request: any number of `OAI_EVENT_CHUNK`, then exactly one `OAI_EVENT_DONE`.
 *
 * It is never called inside the call that asked for it, and for one client never twice at once, unless
 * `callback_thread` is `OAI_CALLBACK_ON_WORKER`. It must not block for long and must not throw; a blocking call of
 * this library made from it returns `OAI_ERR_STATE`.
 */
typedef void (*oai_callback)(void *user_data,
                             uint64_t id,
                             int32_t kind,
                             const char *data,
                             size_t len,
                             oai_response *response);

/**
 * Ends what `user_data` points to. Called exactly once: after the terminal event, or inside the call that refused.
 */
typedef void (*oai_destructor)(void *user_data);

/** One event. It lives as long as its batch. */
typedef struct {
    /** The request's id; 0 of `OAI_EVENT_LOG`; of `OAI_EVENT_TOKEN_WANTED` the number to answer under. */
    uint64_t id;
    /** The tag given when it was submitted, or to `oai_set_token_queue`. Of `OAI_EVENT_LOG`: the line's level. */
    uint64_t tag;
    /**
     * `OAI_EVENT_CHUNK`, `OAI_EVENT_PROGRESS`, `OAI_EVENT_DONE`, `OAI_EVENT_LOG`, `OAI_EVENT_TOKEN_WANTED`,
     * `OAI_EVENT_CONNECTION` or `OAI_EVENT_BINARY`; skip others, which later versions may bring.
     */
    int32_t kind;
    /** Of `OAI_EVENT_DONE`: the response's status. Else `OAI_OK`. */
    oai_status status;
    /** Of all but `OAI_EVENT_DONE`: the event's data, with a NUL behind it. Else NULL. */
    const char *data;
    /** Its bytes. */
    size_t len;
    /** Of `OAI_EVENT_DONE`: the response, freed with the batch unless `oai_record_take_response` moved it out. */
    oai_response *response;
    /** For later versions. */
    uint64_t reserved[2];
} oai_event_record;

/** What a response says. All pointers live as long as the response; what does not apply is NULL or 0. */
typedef struct {
    /** The request's id; 0 when it was refused. */
    uint64_t id;
    /** The outcome: `OAI_OK`, or what went wrong. */
    oai_status status;
    /** The HTTP status of the last answer; 0 when none came. */
    int32_t http_status;
    /** How many attempts were started, the first included. */
    uint32_t attempts;
    /** How many headers the answer has, for `oai_response_header_at`. */
    uint32_t header_count;
    /** The body, as `oai_response_body` gives it; never NULL but in the view of no response. */
    const char *body;
    /** Its bytes, without the NUL behind them. */
    size_t body_len;
    /** The vectors of a typed embed call that went well, as `oai_response_embeddings` gives them. */
    const float *embeddings;
    /** How many rows they have. */
    size_t rows;
    /** How many numbers each row has. */
    size_t dims;
    /** The server's id of the request, NUL-terminated. */
    const char *request_id;
    /** What went wrong, borrowed as from `oai_response_error`; NULL when `status` is `OAI_OK`. */
    const oai_error *error;
    /** For later versions. */
    uint64_t reserved[4];
} oai_response_view;

/**
 * What an error says. All texts are NUL-terminated and live as long as the error; what does not apply is NULL or 0.
 */
typedef struct {
    /** The status that the failed call returned too. */
    oai_status status;
    /** The HTTP status of the answer; 0 when none came. */
    int32_t http_status;
    /** How long the server asked to wait; 0 when it did not say. */
    uint64_t retry_after_ms;
    /** 1 if the request may have been carried out although it failed, else 0. */
    int32_t may_have_executed;
    /** Always 0. */
    int32_t padding;
    /** The sentence for the person who reads it, never NULL. */
    const char *message;
    /** The server's `error.type`. */
    const char *type_name;
    /** The server's `error.code`. */
    const char *code;
    /** The server's `error.param`. */
    const char *param;
    /** The server's id of the request. */
    const char *request_id;
    /** For later versions. */
    uint64_t reserved[4];
} oai_error_view;

/**
 * Is told that a bearer token is wanted, on the library's dispatcher thread and never inside a call. It may answer at
 * once, or let any thread answer later: until then the client asks for no other. It must not throw; it should not block,
 * since other callbacks wait for it.
 */
typedef void (*oai_token_callback)(void *user_data, uint64_t wanted);

/**
 * Is given log lines, on the library's dispatcher thread and never inside a call. `message` is a line of `len` bytes
 * with a NUL behind it, without a newline, borrowed for the callback. No line ever holds an API key.
 */
typedef void (*oai_log_callback)(void *user_data, int32_t level, const char *message, size_t len);

/** It worked. */
#define OAI_OK 0

/** An argument is NULL where it must not be, or is not what it should be; the error or the log says which. */
#define OAI_ERR_INVALID_ARGUMENT (-1)

/** The call is not possible now: a blocking call from a callback, or a transport option after the first request. */
#define OAI_ERR_STATE (-2)

/** Memory ran out. */
#define OAI_ERR_NO_MEMORY (-3)

/** An option's value is not usable; the error or the log names the option, the value and the range. */
#define OAI_ERR_CONFIG (-4)

/** The server needs an API key and none is set. */
#define OAI_ERR_NO_API_KEY (-5)

/** No request has this id, or it has already ended. */
#define OAI_ERR_UNKNOWN_ID (-6)

/** There is no option of this name. */
#define OAI_ERR_UNKNOWN_OPTION (-7)

/** The library could not do its own part, such as starting a thread. */
#define OAI_ERR_INTERNAL (-8)

/** A webhook is not signed with the secret, or its time is too far from this machine's: do not believe it. */
#define OAI_ERR_WEBHOOK (-9)

/** A file cannot be read or written, or changed its length while it was sent; the error names it. */
#define OAI_ERR_FILE (-10)

/** No connection: refused, unreachable, name not found, or timed out while connecting. */
#define OAI_ERR_CONNECT (-100)

/** The server's certificate is not trusted. */
#define OAI_ERR_TLS (-101)

/** An attempt took longer than attempt_timeout_ms. */
#define OAI_ERR_TIMEOUT (-102)

/** The connection ended before the answer did. */
#define OAI_ERR_CONNECTION_LOST (-103)

/** Too many redirects, or one to nowhere. */
#define OAI_ERR_REDIRECT (-104)

/** The answer, or a message of a connection, is larger than max_response_bytes. */
#define OAI_ERR_TOO_LARGE (-105)

/** What came back is not HTTP, or not in its announced encoding, or not a WebSocket. */
#define OAI_ERR_PROTOCOL (-106)

/** The answer is not what the call expects, such as fewer vectors than inputs. */
#define OAI_ERR_DECODE (-107)

/** A stream ended early; what was received before is in the response or was delivered. */
#define OAI_ERR_INCOMPLETE (-108)

/** The server reported an error in the middle of a stream. */
#define OAI_ERR_STREAM (-109)

/** A stream or connection was silent for longer than idle_timeout_ms. */
#define OAI_ERR_IDLE_TIMEOUT (-110)

/** The server closed a WebSocket with another code than 1000; see `oai_response_close_code`. */
#define OAI_ERR_CLOSED_BY_SERVER (-111)

/** An HTTP status that has no number of its own here. */
#define OAI_ERR_HTTP (-200)

/** HTTP 400. */
#define OAI_ERR_HTTP_BAD_REQUEST (-201)

/** HTTP 401: the key is wrong. */
#define OAI_ERR_HTTP_AUTHENTICATION (-202)

/** HTTP 403: the key may not do this. */
#define OAI_ERR_HTTP_PERMISSION (-203)

/** HTTP 404: no such path, model or object. */
#define OAI_ERR_HTTP_NOT_FOUND (-204)

/** HTTP 409. */
#define OAI_ERR_HTTP_CONFLICT (-205)

/** HTTP 422. */
#define OAI_ERR_HTTP_UNPROCESSABLE (-206)

/** HTTP 429: too many requests or tokens. */
#define OAI_ERR_RATE_LIMITED (-207)

/** The account's quota or budget is used up; waiting does not help. */
#define OAI_ERR_QUOTA (-208)

/** HTTP 500 and above. */
#define OAI_ERR_HTTP_SERVER (-209)

/** HTTP 408. */
#define OAI_ERR_HTTP_REQUEST_TIMEOUT (-210)

/** HTTP 413: the request is too large. */
#define OAI_ERR_HTTP_TOO_LARGE (-211)

/** queue_size requests are waiting already, or max_unsent_bytes of a connection's messages. */
#define OAI_ERR_QUEUE_FULL (-300)

/** The time given for the request, a drain or a shutdown has passed, or cannot be met. */
#define OAI_ERR_DEADLINE (-301)

/** The request was cancelled, or its client was freed. */
#define OAI_ERR_CANCELLED (-302)

/** The client was closed and takes no more requests, or the connection and it takes no more messages. */
#define OAI_ERR_CLOSED (-303)

/** The request is larger than the whole limit, so no waiting helps. */
#define OAI_ERR_LIMIT_EXCEEDED (-304)

/** This is the child of a process that had used the library. */
#define OAI_ERR_FORKED (-400)

/** oai_shutdown was called. */
#define OAI_ERR_SHUTDOWN (-401)

/** The library failed internally; only this call or request is affected. */
#define OAI_ERR_PANIC (-402)

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Names a status: `"OAI_ERR_QUEUE_FULL"` for `OAI_ERR_QUEUE_FULL`.
 *
 * Returns a static string that is never freed; `"OAI_ERR_UNKNOWN"` for a number that is none of ours. Any thread, any
 * time. Since 0.1.
 */
const char *oai_status_name(oai_status status);

/**
 * The status that the failed call returned too.
 *
 * `error`: may be NULL, which gives `OAI_OK`. Any thread. Since 0.1.
 */
oai_status oai_error_status(const oai_error *error);

/**
 * The HTTP status of the answer; 0 when none came.
 *
 * `error`: may be NULL, which gives 0. Any thread. Since 0.1.
 */
int32_t oai_error_http_status(const oai_error *error);

/**
 * The server's `error.type`, such as `"invalid_request_error"`.
 *
 * `error`: may be NULL. Returns a NUL-terminated text that lives as long as the error, NULL when there is none. Any
 * thread. Since 0.1.
 */
const char *oai_error_type(const oai_error *error);

/**
 * The server's `error.code`, such as `"rate_limit_exceeded"`.
 *
 * `error`: may be NULL. Returns a NUL-terminated text that lives as long as the error, NULL when there is none. Any
 * thread. Since 0.1.
 */
const char *oai_error_code(const oai_error *error);

/**
 * The server's `error.param`: the parameter that it blames.
 *
 * `error`: may be NULL. Returns a NUL-terminated text that lives as long as the error, NULL when there is none. Any
 * thread. Since 0.1.
 */
const char *oai_error_param(const oai_error *error);

/**
 * The sentence for the person who reads it: what failed, after how many attempts, what the server said, what to do.
 *
 * `error`: may be NULL, which gives `""`. Returns a NUL-terminated text that lives as long as the error, never NULL.
 * It never holds an API key. Any thread. Since 0.1.
 */
const char *oai_error_message(const oai_error *error);

/**
 * The server's id of the request, which its support asks for.
 *
 * `error`: may be NULL. Returns a NUL-terminated text that lives as long as the error, NULL when there is none. Any
 * thread. Since 0.1.
 */
const char *oai_error_request_id(const oai_error *error);

/**
 * How long the server asked to wait, in milliseconds; 0 when it did not say.
 *
 * `error`: may be NULL, which gives 0. Any thread. Since 0.1.
 */
uint64_t oai_error_retry_after_ms(const oai_error *error);

/**
 * Whether the request may have been carried out although it failed: 1 if so, else 0. Look before you send it again.
 *
 * `error`: may be NULL, which gives 0. Any thread. Since 0.1.
 */
int32_t oai_error_may_have_executed(const oai_error *error);

/**
 * Frees an error that an out-parameter gave; never one of `oai_response_error`.
 *
 * `error`: may be NULL. Any thread. Since 0.1.
 */
void oai_error_free(oai_error *error);

/**
 * Makes a client. Nothing is started and nothing is sent: threads and sockets come with the first request.
 *
 * `config_json`: nullable, an object with option names as keys, such as `{"max_retries": 8}`; copied. `len`: its bytes,
 * or `OAI_STRLEN`. What it does not say comes from the process environment, then from a `.env` file, then from the
 * defaults, so `NULL, 0` is the usual call. `client`: not NULL, gets the client, which the caller frees with
 * `oai_client_free`. `error`: nullable, gets what went wrong.
 * Returns `OAI_OK`; `OAI_ERR_CONFIG` or `OAI_ERR_UNKNOWN_OPTION` for a value or name that cannot be used, named with
 * its source; `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`; `OAI_ERR_SHUTDOWN`. Any thread. Since 0.1.
 */
oai_status oai_client_new(const char *config_json, size_t len, oai_client **client, oai_error **error);

/**
 * Sets several options at once, or none if one of them is wrong.
 *
 * `client`: not NULL. `json`: not NULL, an object with option names as keys; copied; null puts a default back. `len`:
 * its bytes, or `OAI_STRLEN`. `error`: nullable.
 * Returns `OAI_OK`; `OAI_ERR_CONFIG` or `OAI_ERR_UNKNOWN_OPTION`, naming the option, the value and the range;
 * `OAI_ERR_STATE` for a transport option after the first request; `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`;
 * `OAI_ERR_SHUTDOWN`. Any thread, any time; holds for everything not yet sent. Since 0.1.
 */
oai_status oai_client_configure_json(const oai_client *client, const char *json, size_t len, oai_error **error);

/**
 * Tells the values in force and where each came from, as a JSON object:
 * `{"max_retries": {"value": 5, "source": "default"}, ...}`. Secrets are masked.
 *
 * `client`: not NULL. `json`: not NULL, gets a text that the caller frees with `oai_string_free`. `len`: nullable.
 * `error`: nullable.
 * Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT`, `OAI_ERR_FORKED` or `OAI_ERR_NO_MEMORY`. Any thread. Since 0.1.
 */
oai_status oai_client_config_json(const oai_client *client, char **json, size_t *len, oai_error **error);

/**
 * Takes no more requests and waits until every accepted one has ended and its event was handed over. Calls of
 * several requests (`oai_wait_until`, `oai_batch_run`, `oai_upload`) end with `OAI_ERR_CLOSED`.
 *
 * `client`: not NULL. `timeout_ms`: how long to wait at most; what is left then goes on. `error`: nullable.
 * Returns `OAI_OK`; `OAI_ERR_DEADLINE` when there is something left; `OAI_ERR_STATE` from a callback;
 * `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`; `OAI_ERR_SHUTDOWN`. Any thread. Since 0.1.
 */
oai_status oai_client_close(const oai_client *client, uint64_t timeout_ms, oai_error **error);

/**
 * Frees a client. What is left of its requests ends with `OAI_ERR_CANCELLED`, blocked `oai_send`s of other threads too.
 *
 * Waits for the client's running callback, makes the outstanding ones, and returns when none can follow and the last
 * event of each request is in its queue. The wait for queues takes at most 10 seconds, which only a callback on a worker
 * that blocks can use up; the log then says so. Inside a callback of this very client it returns at once, and what is
 * outstanding follows; inside a callback of another one it does not wait for queues. In the child of a process that had
 * used the library it does nothing.
 * `client`: may be NULL. No other thread may begin a call with it any more. Since 0.1.
 */
void oai_client_free(oai_client *client);

/**
 * Walks the option table.
 *
 * `previous`: NULL for the first row, else a row that this function returned. Returns the next row, a static that is
 * never freed, NULL behind the last. Any thread, any time. Since 0.1.
 */
const oai_option *oai_option_next(const oai_option *previous);

/**
 * Sets the API key, sent as a bearer token. Keys may rotate while requests wait.
 *
 * `key`: ASCII, one line, no white space around it; copied; NULL: no key. A `base_url`, proxy, CA file, header or
 * query from a `.env` file that was only found is dropped then, with a warning, or a stranger's file could receive
 * the key; after the first request the call fails with `OAI_ERR_STATE` instead.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
 * a key that is empty, padded or not one line of ASCII (the log says which). Since 0.1.
 */
oai_status oai_set_api_key(const oai_client *client, const char *key);

/**
 * Sets the key for the organization endpoints.
 *
 * `key`: as for `oai_set_api_key`, with the same care about a found `.env` file; copied; NULL: no key.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
 * a key that is empty, padded or not one line of ASCII (the log says which). Since 0.1.
 */
oai_status oai_set_admin_api_key(const oai_client *client, const char *key);

/**
 * Sets what webhooks are signed with, for `oai_webhook_verify`.
 *
 * `secret`: as it was shown when the webhook was made: base64 behind `whsec_`, or any other text as it is; ASCII, one
 * line; copied; NULL: none.
 * Any thread, any time; holds for every later call.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
 * a secret that is empty, padded, not one line of ASCII or not base64 behind `whsec_` (the log says which). Since 0.1.
 */
oai_status oai_set_webhook_secret(const oai_client *client, const char *secret);

/**
 * Sets where requests go.
 *
 * `url`: http:// or https://, host and path prefix, without user, query and fragment; a slash at the end is
 * dropped; copied; NULL: `https://api.openai.com/v1`.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
 * after the first request; `OAI_ERR_CONFIG` for anything else (the log says which). Since 0.1.
 */
oai_status oai_set_base_url(const oai_client *client, const char *url);

/**
 * Sets the URL of an Azure OpenAI resource, which is then called in place of `base_url`.
 *
 * `url`: as for `oai_set_base_url`, without the path of a deployment: `https://NAME.openai.azure.com`, or with
 * `/openai/v1` behind it; copied; NULL or empty: none. It goes by `azure_api_version` which paths are called, and
 * `azure_api_key`, `azure_ad_token` or a token provider say as whom; `api_key` is never sent there. The deployment is
 * the request's model.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
 * after the first request; `OAI_ERR_CONFIG` for anything else (the log says which). Since 0.1.
 */
oai_status oai_set_azure_endpoint(const oai_client *client, const char *url);

/**
 * Sets the version of Azure's API, sent as `api-version`.
 *
 * `version`: a date such as `2024-10-21` for paths with deployments; `v1`, `preview`, NULL or empty for `/openai/v1`,
 * where a date is not sent; copied. A request's own query parameter of that name wins.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
 * after the first request; `OAI_ERR_CONFIG` unless it is ASCII without white space around it. Since 0.1.
 */
oai_status oai_set_azure_api_version(const oai_client *client, const char *version);

/**
 * Sets the key for Azure, sent as `api-key`.
 *
 * `key`: as for `oai_set_api_key`, with the same care about a found `.env` file; copied; NULL: no key.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
 * a key that is empty, padded or not one line of ASCII (the log says which). Since 0.1.
 */
oai_status oai_set_azure_api_key(const oai_client *client, const char *key);

/**
 * Sets a Microsoft Entra token for Azure, sent as a bearer token in place of `azure_api_key`. For tokens that end, see
 * `oai_set_token_callback`.
 *
 * `token`: as for `oai_set_api_key`, with the same care about a found `.env` file; copied; NULL: none.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
 * a token that is empty, padded or not one line of ASCII (the log says which). Since 0.1.
 */
oai_status oai_set_azure_ad_token(const oai_client *client, const char *token);

/**
 * Sets the organization, sent as OpenAI-Organization.
 *
 * `id`: one line of ASCII; copied; NULL: none, as is an empty text.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
 * other characters (the log says which). Since 0.1.
 */
oai_status oai_set_organization(const oai_client *client, const char *id);

/**
 * Sets the project, sent as OpenAI-Project.
 *
 * `id`: one line of ASCII; copied; NULL: none, as is an empty text.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
 * other characters (the log says which). Since 0.1.
 */
oai_status oai_set_project(const oai_client *client, const char *id);

/**
 * Sets headers that go with every request; an Authorization among them replaces the key's.
 *
 * `headers`: lines of `Name: value`, in place of all set before; copied; NULL: none, as is an empty text.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
 * after the first request; `OAI_ERR_CONFIG` for a line of another form, characters that HTTP does not allow, or a
 * header of the connection such as Content-Length (the log says which). Since 0.1.
 */
oai_status oai_set_custom_headers(const oai_client *client, const char *headers);

/**
 * Sets query parameters that go with every request.
 *
 * `query`: `a=b&c=d` with percent-encoding, or a JSON object, in place of all set before; copied; NULL: none, as
 * is an empty text.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
 * after the first request; `OAI_ERR_CONFIG` for a parameter without a name or an object that is not valid (the log
 * says which). Since 0.1.
 */
oai_status oai_set_default_query(const oai_client *client, const char *query);

/**
 * Sets how many requests are in flight at once; a stream counts until its end.
 *
 * `requests`: 1 to 100000, default 5.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_max_concurrent_requests(const oai_client *client, uint32_t requests);

/**
 * Sets how many requests may wait, those in backoff included; one more is refused with `OAI_ERR_QUEUE_FULL`.
 *
 * `requests`: 0 to 10000000, default 100.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_queue_size(const oai_client *client, uint32_t requests);

/**
 * Sets what a blocking call does when `queue_size` requests wait already.
 *
 * `what`: `OAI_QUEUE_FULL_REJECT` (the default), or `OAI_QUEUE_FULL_WAIT`: it waits for a place, within its
 * deadline. Calls that do not block are always refused with `OAI_ERR_QUEUE_FULL`.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for another number (the log
 * says which). Since 0.1.
 */
oai_status oai_set_queue_full(const oai_client *client, int32_t what);

/**
 * Sets the wait that is worth one priority, so that low ones do not wait for ever.
 *
 * `ms`: milliseconds, up to a year, default 30000; 0: priorities do not count.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_ageing_ms(const oai_client *client, uint64_t ms);

/**
 * Sets how many requests may be sent in a minute, for each model that `limits` does not name. Requests above it
 * wait. Where the answers tell a lower limit, that one holds.
 *
 * `requests`: 0 to 1000000000000; 0, the default: what the answers tell.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_requests_per_minute(const oai_client *client, uint64_t requests);

/**
 * Sets how many tokens may be sent and asked for in a minute, for each model that `limits` does not name. Requests
 * above it wait. Where the answers tell a lower limit, that one holds.
 *
 * `tokens`: 0 to 1000000000000; 0, the default: what the answers tell.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_tokens_per_minute(const oai_client *client, uint64_t tokens);

/**
 * Sets how many requests may be sent at once after a time of rest, when `requests_per_minute` is set.
 *
 * `requests`: 0 to 1000000000000; 0, the default: as many as a minute allows.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_burst(const oai_client *client, uint64_t requests);

/**
 * Sets limits by model, in place of `requests_per_minute`, `tokens_per_minute` and `burst`, which do not count for
 * a model that is named here.
 *
 * `json`: an object such as `{"gpt-4o": {"requests_per_minute": 500, "tokens_per_minute": 30000, "burst": 50}}`,
 * each member optional, 0 to 1000000000000, in place of all set before; a name may also be a group of
 * `limit_groups`; copied; NULL: none, as is an empty text.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
 * a text that is not such JSON or a number outside the range (the log says which). Since 0.1.
 */
oai_status oai_set_limits(const oai_client *client, const char *json);

/**
 * Sets which models share their limits.
 *
 * `json`: an object from model or alias to the name of a group, such as `{"gpt-4o": "chat"}`, in place of all set
 * before; copied; NULL: none, as is an empty text.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
 * a text that is not such JSON (the log says which). Since 0.1.
 */
oai_status oai_set_limit_groups(const oai_client *client, const char *json);

/**
 * Sets where else requests may be served: when they would wait longer than `fallback_after_ms`, or longer than their
 * deadline, and when all their attempts have failed at one place for a reason of that place (no answer, 408, 429, 500
 * and above, used-up quota). Each place has limits, pauses and a breaker of its own; several keys are several places.
 *
 * `json`: an array of up to 8 objects such as `[{"api_key": "sk-..."}, {"base_url": "https://...", "api_key": "...",
 * "model": "m"}]` with `base_url`, `api_key`, `organization`, `project` and `model`, each optional, in the order of
 * preference and in place of all set before. What an entry leaves out is the client's own, but nothing of the client's
 * (key, organization, project, headers, query) goes to another origin. Embeddings go only to the same model. Requests
 * that name files, conversations, earlier responses and the like stay, as do those with headers or a query of their own
 * and all but POST requests with a JSON body.
 * A request that went elsewhere does not come back. Copied; NULL: none, as is an empty text.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE` after
 * the first request; `OAI_ERR_CONFIG` for a text that is not such JSON (the log says which entry). Since 0.1.
 */
oai_status oai_set_fallbacks(const oai_client *client, const char *json);

/**
 * Sets the wait that a request is not served elsewhere for.
 *
 * `ms`: milliseconds, up to a year, default 2000.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_fallback_after_ms(const oai_client *client, uint64_t ms);

/**
 * Sets whether the server's answers teach what the limits are. Limits that are set hold either way.
 *
 * `on`: 0 or 1, default 1.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for another number (the log
 * says which). Since 0.1.
 */
oai_status oai_set_learn_limits(const oai_client *client, int32_t on);

/**
 * Sets how many attempts may follow the first.
 *
 * `retries`: 0 (none) to 100, default 5.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_max_retries(const oai_client *client, uint32_t retries);

/**
 * Sets the backoff before the first retry.
 *
 * `ms`: milliseconds, up to a year, default 1000.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_initial_retry_delay_ms(const oai_client *client, uint64_t ms);

/**
 * Sets what each further backoff is multiplied with.
 *
 * `factor`: 1 to 100, default 2.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_backoff_factor(const oai_client *client, double factor);

/**
 * Sets the longest backoff of the library's own; a server may ask for more.
 *
 * `ms`: milliseconds, up to a year, default 16000.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_max_retry_delay_ms(const oai_client *client, uint64_t ms);

/**
 * Sets the share of a backoff that chance may take off, so that clients do not retry in step.
 *
 * `share`: 0 (exact delays) to 1, default 0.25.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_retry_jitter(const oai_client *client, double share);

/**
 * Sets the longest wait a server may ask for; a longer one ends the request with the server's error.
 *
 * `ms`: milliseconds, up to a year, default 120000.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_max_retry_after_ms(const oai_client *client, uint64_t ms);

/**
 * Sets whether requests are sent again that the server may already have carried out, and billed.
 *
 * `on`: 0 or 1, default 0.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for another number (the log
 * says which). Since 0.1.
 */
oai_status oai_set_retry_unsafe(const oai_client *client, int32_t on);

/**
 * Sets how many failures in a row of one server and model open the circuit breaker: requests to them wait then,
 * within their deadlines, instead of failing one by one.
 *
 * `failures`: connections not made, time limits of attempts and answers of 500 and above, 0 to 10000; 0, the
 * default: no breaker.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_circuit_breaker_failures(const oai_client *client, uint32_t failures);

/**
 * Sets how long an open circuit breaker waits before it lets one request probe.
 *
 * `ms`: milliseconds, up to a year, default 30000.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_circuit_breaker_reset_ms(const oai_client *client, uint64_t ms);

/**
 * Sets the limit of one attempt; of a stream: to its first event.
 *
 * `ms`: milliseconds, up to a year; 0: none. Default 600000, for embeddings and moderations 60000; once set it
 * holds for all.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_attempt_timeout_ms(const oai_client *client, uint64_t ms);

/**
 * Sets the limit of a request as a whole, with queue and retries.
 *
 * `ms`: milliseconds, up to a year; 0: none, the default.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_timeout_ms(const oai_client *client, uint64_t ms);

/**
 * Sets the limit of connecting, TLS included.
 *
 * `ms`: milliseconds, up to a year, default 10000; 0: none.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_STATE` after the first request;
 * `OAI_ERR_CONFIG` for a value outside the range (the log says which). Since 0.1.
 */
oai_status oai_set_connect_timeout_ms(const oai_client *client, uint64_t ms);

/**
 * Sets the longest silence of the server inside a stream; a slow reader does not count.
 *
 * `ms`: milliseconds, up to a year, default 300000; 0: no limit.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_idle_timeout_ms(const oai_client *client, uint64_t ms);

/**
 * Sets the longest response body, after decompression; a longer one ends with `OAI_ERR_TOO_LARGE`.
 *
 * `bytes`: 1 to 1099511627776, default 1073741824.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_max_response_bytes(const oai_client *client, uint64_t bytes);

/**
 * Sets how many redirects one attempt follows.
 *
 * `redirects`: 0 (none) to 20, default 5.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_STATE` after the first request;
 * `OAI_ERR_CONFIG` for a value outside the range (the log says which). Since 0.1.
 */
oai_status oai_set_max_redirects(const oai_client *client, uint32_t redirects);

/**
 * Sets how many events of a stream wait for their reader before the socket is no longer read.
 *
 * `events`: 1 to 65536, default 64.
 * Any thread, any time; holds for everything not yet sent.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
 * (the log says which). Since 0.1.
 */
oai_status oai_set_stream_buffer_events(const oai_client *client, uint32_t events);

/**
 * Sets the proxy for all requests, in place of `https_proxy` and `http_proxy`.
 *
 * `url`: http://, https:// or socks5://, with user and password if need be; without a scheme http:// is meant;
 * empty: no proxy; copied; NULL: those two decide.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
 * after the first request; `OAI_ERR_CONFIG` for another scheme or no host (the log says which). Since 0.1.
 */
oai_status oai_set_proxy(const oai_client *client, const char *url);

/**
 * Sets the proxy for https:// base URLs, in place of the variable HTTPS_PROXY.
 *
 * `url`: http://, https:// or socks5://, with user and password if need be; without a scheme http:// is meant;
 * empty: no proxy; copied; NULL: no proxy.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
 * after the first request; `OAI_ERR_CONFIG` for another scheme or no host (the log says which). Since 0.1.
 */
oai_status oai_set_https_proxy(const oai_client *client, const char *url);

/**
 * Sets the proxy for http:// base URLs, in place of the variable HTTP_PROXY.
 *
 * `url`: http://, https:// or socks5://, with user and password if need be; without a scheme http:// is meant;
 * empty: no proxy; copied; NULL: no proxy.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
 * after the first request; `OAI_ERR_CONFIG` for another scheme or no host (the log says which). Since 0.1.
 */
oai_status oai_set_http_proxy(const oai_client *client, const char *url);

/**
 * Sets the hosts that are reached without a proxy, in place of the variable NO_PROXY.
 *
 * `hosts`: names and addresses, separated by commas; copied; NULL: none, as is an empty text.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
 * after the first request; `OAI_ERR_CONFIG` for a control character (the log says which). Since 0.1.
 */
oai_status oai_set_no_proxy(const oai_client *client, const char *hosts);

/**
 * Sets a file with CA certificates (PEM) to trust, in place of the roots unless `oai_set_tls_roots` names some. It is
 * read at the first request, which fails with `OAI_ERR_CONFIG` if it cannot be.
 *
 * `path`: copied; NULL: none, as is an empty text.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
 * after the first request; `OAI_ERR_CONFIG` for a control character (the log says which). Since 0.1.
 */
oai_status oai_set_ca_file(const oai_client *client, const char *path);

/**
 * Sets CA certificates to trust, in place of the roots unless `oai_set_tls_roots` names some. They are read at the
 * first request, which fails with `OAI_ERR_CONFIG` if they cannot be.
 *
 * `pem`: PEM text with one or more certificates, beside those of `oai_set_ca_file`; copied; NULL: none, as is an
 * empty text.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
 * after the first request; `OAI_ERR_CONFIG` for a text that is not PEM (the log says which). Since 0.1.
 */
oai_status oai_set_ca_pem(const oai_client *client, const char *pem);

/**
 * Sets which CA roots are trusted.
 *
 * `roots`: `OAI_TLS_ROOTS_AUTO` (the default): the certificates of `ca_file` and `ca_pem` alone if there are any,
 * else the system's roots, else, on a machine without any, the bundled ones; `OAI_TLS_ROOTS_SYSTEM`,
 * `OAI_TLS_ROOTS_BUNDLED` or `OAI_TLS_ROOTS_BOTH`: these, and `ca_file` and `ca_pem` beside them.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_STATE` after the first request;
 * `OAI_ERR_CONFIG` for another number (the log says which). Since 0.1.
 */
oai_status oai_set_tls_roots(const oai_client *client, int32_t roots);

/**
 * Sets which HTTP version is spoken.
 *
 * `version`: `OAI_HTTP_VERSION_1_1` (the default), `OAI_HTTP_VERSION_2` or `OAI_HTTP_VERSION_AUTO`.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_STATE` after the first request;
 * `OAI_ERR_CONFIG` for another number (the log says which). Since 0.1.
 */
oai_status oai_set_http_version(const oai_client *client, int32_t version);

/**
 * Sets how long an unused connection is kept.
 *
 * `ms`: milliseconds, up to a year, default 50000: below the 60 seconds after which many servers close one; 0: not at all.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_STATE` after the first request;
 * `OAI_ERR_CONFIG` for a value outside the range (the log says which). Since 0.1.
 */
oai_status oai_set_pool_idle_ms(const oai_client *client,
                                uint64_t ms);

/**
 * Sets which thread makes the callbacks.
 *
 * `thread`: `OAI_CALLBACK_ON_DISPATCHER` (the default), or `OAI_CALLBACK_ON_WORKER` for callbacks that never
 * block: they run at once, and those of one client may overlap.
 * Any thread, until the client's first request.
 * Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_STATE` after the first request;
 * `OAI_ERR_CONFIG` for another number (the log says which). Since 0.1.
 */
oai_status oai_set_callback_thread(const oai_client *client, int32_t thread);

/**
 * Makes a request for any operation.
 *
 * `method`: not NULL, such as `"POST"`. `path`: not NULL, below `base_url`, such as `"/chat/completions"`; no query,
 * no `..`. Both are copied. `request`: not NULL, gets the request, which the caller frees with `oai_request_free`.
 * `error`: nullable.
 * Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT`, naming what is wrong. Any thread. Since 0.1.
 */
oai_status oai_request_new(const char *method, const char *path, oai_request **request, oai_error **error);

/**
 * Makes a copy of a request, which may be changed without changing the other.
 *
 * `request`: not NULL. `copy`: not NULL, gets the copy, which the caller frees with `oai_request_free`. `error`:
 * nullable.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_clone(const oai_request *request, oai_request **copy, oai_error **error);

/**
 * Frees a request; what was submitted from it goes on.
 *
 * `request`: may be NULL. Since 0.1.
 */
void oai_request_free(oai_request *request);

/**
 * Sets the body: any JSON, sent to the letter unless another setter adds to it.
 *
 * `request`: not NULL. `json`: not NULL, UTF-8, copied. `len`: its bytes, or `OAI_STRLEN`. `"stream": true` in it, or
 * speech's `"stream_format": "sse"`, makes the answer a stream of events.
 * Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` if it is not JSON; the log says where. Since 0.1.
 */
oai_status oai_request_set_json(oai_request *request, const char *json, size_t len);

/**
 * Sets a query parameter, replacing one of that name.
 *
 * `request`, `name`: not NULL. `value`: NULL removes the parameter. Both are copied and encoded as needed.
 * `stream=true` makes the answer of a GET a stream of events.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_set_query(oai_request *request, const char *name, const char *value);

/**
 * Adds a query parameter beside those of that name, for parameters that are lists, such as `include[]`.
 *
 * `request`, `name`, `value`: not NULL; copied and encoded as needed.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_add_query(oai_request *request, const char *name, const char *value);

/**
 * Sets a header, which wins over one that the client would send.
 *
 * `request`, `name`: not NULL. `value`: NULL removes the header. Both are copied.
 * Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for what cannot be a header; the log says why. Since 0.1.
 */
oai_status oai_request_set_header(oai_request *request, const char *name, const char *value);

/**
 * Sets the texts of an embed call (the body's `input`), whose answer is then decoded: see `oai_response_embeddings`.
 *
 * `request`: not NULL, for `POST /embeddings`. `inputs`: `n` texts, none NULL, UTF-8, copied. `lens`: their bytes;
 * NULL: all are NUL-terminated. `n`: at least 1.
 * Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT`; the log names the input. Since 0.1.
 */
oai_status oai_request_set_inputs(oai_request *request, const char *const *inputs, const size_t *lens, size_t n);

/**
 * The same from one buffer, in which the texts stand one behind the other: cheaper to pass for foreign languages.
 *
 * `request`: not NULL, for `POST /embeddings`. `bytes`: the texts, UTF-8, copied; nullable only if all are empty.
 * `lens`: the bytes of each, not NULL. `n`: at least 1.
 * Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT`; the log names the input. Since 0.1.
 */
oai_status oai_request_set_inputs_packed(oai_request *request, const char *bytes, const size_t *lens, size_t n);

/**
 * Sets the body's `model`.
 *
 * `request`: not NULL. `model`: copied; NULL takes back what this function set.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_set_model(oai_request *request, const char *model);

/**
 * Sets the body's `dimensions`: how long the vectors are to be, for models that can shorten them.
 *
 * `request`: not NULL. `dimensions`: 0 for the model's own.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_set_dimensions(oai_request *request, uint32_t dimensions);

/**
 * Sets the body's `user`: an id of your end user, for OpenAI's abuse monitoring.
 *
 * `request`: not NULL. `user`: copied; NULL takes it back.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_set_user(oai_request *request, const char *user);

/**
 * Sets the body's `stream`, of a GET the query's, and so whether the answer is read as a stream of events.
 *
 * `request`: not NULL. `stream`: 0 or not 0.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_set_stream(oai_request *request, int32_t stream);

/**
 * Sets the priority. Within a model, waiting for `ageing_ms` counts as much as one step of it, so nothing waits for
 * ever.
 *
 * `request`: not NULL. `priority`: `OAI_PRIORITY_HIGH`, `OAI_PRIORITY_NORMAL` (the default) or `OAI_PRIORITY_LOW`.
 * Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for another number. Since 0.1.
 */
oai_status oai_request_set_priority(oai_request *request, uint32_t priority);

/**
 * Sets how long the request may take in all, with its time in the queue and its retries.
 *
 * `request`: not NULL. `timeout_ms`: milliseconds from the submit on; 0: the client's `timeout_ms`.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_set_timeout_ms(oai_request *request, uint64_t timeout_ms);

/**
 * Sets the `Idempotency-Key` header, the same in each attempt. None is sent otherwise.
 *
 * `request`: not NULL. `key`: copied; NULL takes it back.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_set_idempotency_key(oai_request *request, const char *key);

/**
 * Sets the tag that `oai_submit_to` puts on the request's events when it is given none (0).
 *
 * `request`: not NULL. `tag`: any number; the library does not look at it.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_set_tag(oai_request *request, uint64_t tag);

/**
 * Adds a field to the body, which thereby becomes a form (`multipart/form-data`). In a form the members of
 * `oai_request_set_json` are fields too: an array's elements as `name[]`, an object's members as `name[member]`.
 *
 * `request`, `name`: not NULL. `value`: any bytes, not NULL. `len`: its bytes, or `OAI_STRLEN`. All is copied. A name
 * may be added more than once. A field `model` says which model's limits the request falls under.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_add_field(oai_request *request, const char *name, const char *value, size_t len);

/**
 * Adds a file from memory; the body is then a form, as with `oai_request_add_field`.
 *
 * `request`: not NULL. `name`: the field's, not NULL. `filename`: not NULL, not empty. `content_type`: NULL takes what
 * the filename's ending says, else `application/octet-stream`. `data`: any bytes; nullable only with `len` 0. `len`:
 * its bytes, or `OAI_STRLEN`. All is copied.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_add_file(oai_request *request,
                                const char *name,
                                const char *filename,
                                const char *content_type,
                                const char *data,
                                size_t len);

/**
 * Adds a file on disk; the body is then a form, as with `oai_request_add_field`. The file is read a little at a time
 * while it is sent, never whole, and opened anew for each attempt.
 *
 * `request`: not NULL. `name`: the field's, not NULL. `path`: not NULL. `filename`: NULL takes the path's last part.
 * `content_type`: as `oai_request_add_file`. All is copied.
 * The file is looked at when the request is submitted: one that is missing, unreadable or no regular file is
 * `OAI_ERR_FILE` then, and so is, during an attempt, one whose length has changed since.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_add_file_path(oai_request *request,
                                     const char *name,
                                     const char *path,
                                     const char *filename,
                                     const char *content_type);

/**
 * Lets the body of a good answer (200 to 299) be written to a file as it comes, and not into memory: the response's
 * body is then empty. It may be of any size: `max_response_bytes` holds for what is kept in memory. An answer that
 * says no leaves the file alone; its body is in the response.
 *
 * `request`: not NULL. `path`: copied; NULL takes the output back, also that of `oai_request_set_output_fd`. The body
 * is written beside it, into a file named `.oai...part`, which takes the place of `path` once it is whole and is
 * removed if that does not come about. The directory must exist at the submit (`OAI_ERR_FILE`).
 * `attempt_timeout_ms` then ends with the answer's headers, and `idle_timeout_ms` limits each wait for more.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_set_output_path(oai_request *request, const char *path);

/**
 * The same to an open descriptor: a file, a pipe, a socket, blocking or not. Bytes that were written are not taken
 * back: once there are any, a failure ends the request, with the error, instead of leading to another attempt.
 *
 * `request`: not NULL. `fd`: open for writing. It is duplicated here and stays the caller's, who may close it at once;
 * the duplicate is closed when the request is freed and what was submitted from it has ended, and not before that does
 * the reader of a pipe find its end. A reader who stops reading stops the request, until its deadline or a cancel.
 * Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for what cannot be written to. Since 0.1.
 */
oai_status oai_request_set_output_fd(oai_request *request, int32_t fd);

/**
 * Asks for `OAI_EVENT_PROGRESS` events: how much of a form was given to the connection, how much of an answer was
 * written to its file or descriptor. At most ten a second, none while one is unread, and one when a body is complete.
 * Each attempt begins anew. They go to callbacks and queues; a blocking call has nobody to tell.
 *
 * `request`: not NULL. `progress`: 0 or not 0.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_request_set_progress(oai_request *request, int32_t progress);

/**
 * The outcome: `OAI_OK`, or what went wrong.
 *
 * `response`: NULL gives `OAI_ERR_INVALID_ARGUMENT`. Any thread. Since 0.1.
 */
oai_status oai_response_status(const oai_response *response);

/**
 * The HTTP status of the last answer; 0 when none came.
 *
 * `response`: may be NULL, which gives 0. Any thread. Since 0.1.
 */
int32_t oai_response_http_status(const oai_response *response);

/**
 * The id of the request; 0 when it was refused.
 *
 * `response`: may be NULL, which gives 0. Any thread. Since 0.1.
 */
uint64_t oai_response_id(const oai_response *response);

/**
 * How many attempts were started, the first included.
 *
 * `response`: may be NULL, which gives 0. Any thread. Since 0.1.
 */
uint32_t oai_response_attempts(const oai_response *response);

/**
 * Where the outcome comes from: 0 for the client's own place, n for the nth of `fallbacks`.
 *
 * `response`: may be NULL, which gives 0. Any thread. Since 0.1.
 */
uint32_t oai_response_fallback(const oai_response *response);

/**
 * The body as it was received, decompressed.
 *
 * `response`: not NULL. `data`: gets a pointer that lives as long as the response, never NULL on success; one NUL
 * stands behind the last byte. `len`: nullable, gets the number of bytes without that NUL. The body is empty after a
 * typed embed call that went well, and after a stream whose chunks were delivered; after `oai_send` of a stream it is
 * the folded message.
 * Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for a NULL. Any thread. Since 0.1.
 */
oai_status oai_response_body(const oai_response *response, const char **data, size_t *len);

/**
 * The first value of a header of the answer.
 *
 * `response`: may be NULL. `name`: in any case, not NULL. Returns a NUL-terminated text that lives as long as the
 * response, NULL when there is no such header. Any thread. Since 0.1.
 */
const char *oai_response_header(const oai_response *response, const char *name);

/**
 * The header at an index, to walk them all from 0 on.
 *
 * `response`: not NULL. `name`, `value`: not NULL; get NUL-terminated texts that live as long as the response, or both
 * NULL behind the last header. Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for a NULL. Any thread. Since 0.1.
 */
oai_status oai_response_header_at(const oai_response *response, size_t index, const char **name, const char **value);

/**
 * The server's id of the request, which its support asks for.
 *
 * `response`: may be NULL. Returns a NUL-terminated text that lives as long as the response, NULL when the server sent
 * none. Any thread. Since 0.1.
 */
const char *oai_response_request_id(const oai_response *response);

/**
 * The tokens that the server counted.
 *
 * `response`: not NULL. `prompt_tokens` (input), `completion_tokens` (output), `total_tokens`: each nullable; 0 where
 * the answer tells nothing. Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for a NULL response. Any thread. Since 0.1.
 */
oai_status oai_response_usage(const oai_response *response,
                              uint64_t *prompt_tokens,
                              uint64_t *completion_tokens,
                              uint64_t *total_tokens);

/**
 * The vectors of a typed embed call: a row-major matrix, one row for each input, in the order of the inputs.
 *
 * `response`: not NULL. `data`: gets the first of `rows * dims` floats, which live as long as the response. `rows`,
 * `dims`: get the shape. All three are not NULL.
 * Returns `OAI_OK`; the response's own status if it is an error; `OAI_ERR_INVALID_ARGUMENT` for a NULL;
 * `OAI_ERR_STATE` if it is the response of another call. Any thread. Since 0.1.
 */
oai_status oai_response_embeddings(const oai_response *response, const float **data, size_t *rows, size_t *dims);

/**
 * What went wrong.
 *
 * `response`: may be NULL. Returns an error that lives as long as the response and must not be freed, NULL when the
 * status is `OAI_OK`. Any thread. Since 0.1.
 */
const oai_error *oai_response_error(const oai_response *response);

/**
 * Frees a response and all that it handed out.
 *
 * `response`: may be NULL. Any thread. Since 0.1.
 */
void oai_response_free(oai_response *response);

/**
 * Frees a text that the library handed over, such as the JSON of `oai_embed_json`.
 *
 * `text`: may be NULL. Any thread. Since 0.1.
 */
void oai_string_free(char *text);

/**
 * Sends a request and waits for what becomes of it. Of a stream it gives the folded result.
 *
 * `client`, `request`: not NULL. `response`: not NULL; always gets a response, also when the request fails or is
 * refused (except in a forked child), which the caller frees with `oai_response_free`.
 * Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
 */
oai_status oai_send(const oai_client *client, const oai_request *request, oai_response **response);

/**
 * Submits a request whose events go to a callback on the library's dispatcher thread.
 *
 * `client`, `request`, `callback`: not NULL. `user_data`: handed to the callback. `destructor`: nullable, ends
 * `user_data`, exactly once, also when the call is refused. `id`: nullable, gets the request's id before any event,
 * 0 when refused. `error`: nullable.
 * Returns `OAI_OK`: one terminal event follows. Otherwise it was refused and none does: `OAI_ERR_QUEUE_FULL`,
 * `OAI_ERR_NO_API_KEY`, `OAI_ERR_CLOSED`, `OAI_ERR_INVALID_ARGUMENT`, `OAI_ERR_FORKED`, `OAI_ERR_SHUTDOWN`. Any
 * thread, callbacks included; never blocks. Since 0.1.
 */
oai_status oai_submit(const oai_client *client,
                      const oai_request *request,
                      oai_callback callback,
                      void *user_data,
                      oai_destructor destructor,
                      uint64_t *id,
                      oai_error **error);

/**
 * Submits a request whose events go to a completion queue.
 *
 * `client`, `request`, `queue`: not NULL. `tag`: comes back on each event; 0: the request's own. `id`: nullable, gets
 * the request's id before any event, 0 when refused. `error`: nullable.
 * Returns as `oai_submit`. Any thread; never blocks. Since 0.1.
 */
oai_status oai_submit_to(const oai_client *client,
                         const oai_request *request,
                         const oai_queue *queue,
                         uint64_t tag,
                         uint64_t *id,
                         oai_error **error);

/**
 * Cancels a request in whatever state it is: waiting, in backoff, in flight or streaming. Its slot is free at once, its
 * terminal event follows with `OAI_ERR_CANCELLED`, and chunks that were not delivered yet are dropped.
 *
 * `client`: not NULL. `id`: from a submit of this client, or another call of it that gave an id. `error`: nullable.
 * Returns `OAI_OK`; `OAI_ERR_UNKNOWN_ID` if there is no such request (any more); `OAI_ERR_INVALID_ARGUMENT`;
 * `OAI_ERR_FORKED`. Any thread, callbacks included; never blocks. Since 0.1.
 */
oai_status oai_cancel(const oai_client *client, uint64_t id, oai_error **error);

/**
 * Embeds texts and waits for their vectors.
 *
 * `client`, `model`: not NULL. `inputs`: `n` texts, none NULL, UTF-8, copied. `lens`: their bytes; NULL: all are
 * NUL-terminated. `n`: at least 1. `options`: nullable, a request for `POST /embeddings` with dimensions, user,
 * headers, priority, timeout or further JSON fields. `response`: not NULL; always gets a response, also when the call
 * fails (except in a forked child), which the caller frees with `oai_response_free`; `oai_response_embeddings` gives
 * the matrix.
 * Returns the response's status; `OAI_ERR_DECODE` if the answer has not one vector for each input; `OAI_ERR_STATE`
 * from a callback. Any thread; blocks. Since 0.1.
 */
oai_status oai_embed(const oai_client *client,
                     const char *model,
                     const char *const *inputs,
                     const size_t *lens,
                     size_t n,
                     const oai_request *options,
                     oai_response **response);

/**
 * Embeds texts and calls back with the response.
 *
 * Parameters as `oai_embed` up to `options`, and as `oai_submit` from `callback` on.
 * Returns `OAI_OK`: one `OAI_EVENT_DONE` follows. Otherwise it was refused, as by `oai_submit`, and none does. Any
 * thread, callbacks included; never blocks. Since 0.1.
 */
oai_status oai_embed_async(const oai_client *client,
                           const char *model,
                           const char *const *inputs,
                           const size_t *lens,
                           size_t n,
                           const oai_request *options,
                           oai_callback callback,
                           void *user_data,
                           oai_destructor destructor,
                           uint64_t *id,
                           oai_error **error);

/**
 * Embeds texts and lets the response come to a queue: all that a binding has to do in one call.
 *
 * `client`, `model`, `options`: as for `oai_embed`. `bytes`, `lens`, `n`: the texts one behind the other in one buffer,
 * as for `oai_request_set_inputs_packed`. The rest as for `oai_submit_to`; the tag of `options` counts when `tag` is 0.
 * Returns `OAI_OK`: one `OAI_EVENT_DONE` follows. Otherwise it was refused, as by `oai_submit`, and none does. Any
 * thread; never blocks. Since 0.1.
 */
oai_status oai_embed_to(const oai_client *client,
                        const char *model,
                        const char *bytes,
                        const size_t *lens,
                        size_t n,
                        const oai_request *options,
                        const oai_queue *queue,
                        uint64_t tag,
                        uint64_t *id,
                        oai_error **error);

/**
 * Embeds one text and waits for the answer's JSON, as received.
 *
 * `client`, `model`, `text`: not NULL. `len`: the text's bytes, or `OAI_STRLEN`. `encoding_format`: `"float"` or
 * `"base64"`; NULL: float. `json`: not NULL, gets a text that the caller frees with `oai_string_free`. `json_len`:
 * nullable, its bytes. `error`: nullable.
 * Returns `OAI_OK`, or the status of what went wrong; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
 */
oai_status oai_embed_json(const oai_client *client,
                          const char *model,
                          const char *text,
                          size_t len,
                          const char *encoding_format,
                          char **json,
                          size_t *json_len,
                          oai_error **error);

/**
 * Asks for a chat completion (`POST /chat/completions`) and waits for it.
 *
 * `client`, `json`: not NULL; `json` is the operation's body, such as
 * `{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}`, copied. `len`: its bytes, or
 * `OAI_STRLEN`. With `"stream": true` in it the response is the folded message. `response`: not NULL; always gets a
 * response (except in a forked child), which the caller frees with `oai_response_free`.
 * Returns the response's status; `OAI_ERR_INVALID_ARGUMENT` if `json` is not JSON; `OAI_ERR_STATE` from a callback.
 * Any thread; blocks. Since 0.1.
 */
oai_status oai_chat(const oai_client *client, const char *json, size_t len, oai_response **response);

/**
 * Asks for a chat completion and calls back with it.
 *
 * Parameters as `oai_chat` up to `len`, and as `oai_submit` from `callback` on.
 * Returns as `oai_submit`. Any thread, callbacks included; never blocks. Since 0.1.
 */
oai_status oai_chat_async(const oai_client *client,
                          const char *json,
                          size_t len,
                          oai_callback callback,
                          void *user_data,
                          oai_destructor destructor,
                          uint64_t *id,
                          oai_error **error);

/**
 * Asks for a chat completion as a stream: the callback gets each chunk's JSON as it comes, then the end. An `oai_fold`
 * makes the whole message of the chunks.
 *
 * Parameters as `oai_chat` up to `len`, with an object as `json`, whose `stream` is set to true; as `oai_submit` from
 * `callback` on.
 * Returns as `oai_submit`. Any thread, callbacks included; never blocks. Since 0.1.
 */
oai_status oai_chat_stream(const oai_client *client,
                           const char *json,
                           size_t len,
                           oai_callback callback,
                           void *user_data,
                           oai_destructor destructor,
                           uint64_t *id,
                           oai_error **error);

/**
 * Asks for a response of the Responses API (`POST /responses`) and waits for it.
 *
 * Parameters as `oai_chat`, with a body such as `{"model": "gpt-4o-mini", "input": "Hello"}`.
 * Returns the response's status; `OAI_ERR_INVALID_ARGUMENT` if `json` is not JSON; `OAI_ERR_STATE` from a callback.
 * Any thread; blocks. Since 0.1.
 */
oai_status oai_responses(const oai_client *client, const char *json, size_t len, oai_response **response);

/**
 * Asks for a response of the Responses API and calls back with it.
 *
 * Parameters as `oai_responses` up to `len`, and as `oai_submit` from `callback` on.
 * Returns as `oai_submit`. Any thread, callbacks included; never blocks. Since 0.1.
 */
oai_status oai_responses_async(const oai_client *client,
                               const char *json,
                               size_t len,
                               oai_callback callback,
                               void *user_data,
                               oai_destructor destructor,
                               uint64_t *id,
                               oai_error **error);

/**
 * Asks for a response of the Responses API as a stream: the callback gets each event's JSON as it comes, whose `type`
 * says what it is, then the end. The last of them has the whole response.
 *
 * Parameters as `oai_responses` up to `len`, with an object as `json`, whose `stream` is set to true; as `oai_submit`
 * from `callback` on.
 * Returns as `oai_submit`. Any thread, callbacks included; never blocks. Since 0.1.
 */
oai_status oai_responses_stream(const oai_client *client,
                                const char *json,
                                size_t len,
                                oai_callback callback,
                                void *user_data,
                                oai_destructor destructor,
                                uint64_t *id,
                                oai_error **error);

/**
 * Asks for a legacy completion of a prompt (`POST /completions`) and waits for it.
 *
 * Parameters as `oai_chat`, with a body such as `{"model": "gpt-3.5-turbo-instruct", "prompt": "Once"}`.
 * Returns the response's status; `OAI_ERR_INVALID_ARGUMENT` if `json` is not JSON; `OAI_ERR_STATE` from a callback.
 * Any thread; blocks. Since 0.1.
 */
oai_status oai_completions(const oai_client *client, const char *json, size_t len, oai_response **response);

/**
 * Asks for a legacy completion and calls back with it.
 *
 * Parameters as `oai_completions` up to `len`, and as `oai_submit` from `callback` on.
 * Returns as `oai_submit`. Any thread, callbacks included; never blocks. Since 0.1.
 */
oai_status oai_completions_async(const oai_client *client,
                                 const char *json,
                                 size_t len,
                                 oai_callback callback,
                                 void *user_data,
                                 oai_destructor destructor,
                                 uint64_t *id,
                                 oai_error **error);

/**
 * Asks whether a text is harmful (`POST /moderations`) and waits for the answer.
 *
 * `client`, `text`: not NULL; `text` is UTF-8, copied. `len`: its bytes, or `OAI_STRLEN`. `model`: NULL for the server's
 * own choice. `response`: as for `oai_chat`; its body has `results[0].flagged` and the categories.
 * Returns the response's status; `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_STATE` from a callback. Any thread; blocks.
 * Since 0.1.
 */
oai_status oai_moderate(const oai_client *client,
                        const char *text,
                        size_t len,
                        const char *model,
                        oai_response **response);

/**
 * Asks whether a text is harmful and calls back with the answer.
 *
 * Parameters as `oai_moderate` up to `model`, and as `oai_submit` from `callback` on.
 * Returns as `oai_submit`. Any thread, callbacks included; never blocks. Since 0.1.
 */
oai_status oai_moderate_async(const oai_client *client,
                              const char *text,
                              size_t len,
                              const char *model,
                              oai_callback callback,
                              void *user_data,
                              oai_destructor destructor,
                              uint64_t *id,
                              oai_error **error);

/**
 * Lists the models that the server has (`GET /models`) and waits for the list.
 *
 * `client`: not NULL. `response`: as for `oai_chat`; its body has `data[].id`.
 * Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
 */
oai_status oai_models(const oai_client *client, oai_response **response);

/**
 * Lists the models and calls back with the list.
 *
 * `client`: not NULL. The rest as `oai_submit` from `callback` on.
 * Returns as `oai_submit`. Any thread, callbacks included; never blocks. Since 0.1.
 */
oai_status oai_models_async(const oai_client *client,
                            oai_callback callback,
                            void *user_data,
                            oai_destructor destructor,
                            uint64_t *id,
                            oai_error **error);

/**
 * Makes a fold, which makes of a stream's chunks what the call would have given without streaming: the message's text,
 * its tool calls with their arguments, its refusal, and the usage where the server tells it.
 *
 * `fold`: not NULL, gets the fold, which the caller frees with `oai_fold_free`. `error`: nullable.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Any thread. Since 0.1.
 */
oai_status oai_fold_new(oai_fold **fold, oai_error **error);

/**
 * Takes the next chunk of the stream. The first one tells whether it is one of chat, of completions, of the Responses
 * API, or another.
 *
 * `fold`: not NULL. `data`: not NULL, what an `OAI_EVENT_CHUNK` brought, copied. `len`: its bytes, or `OAI_STRLEN`.
 * `error`: nullable.
 * Returns `OAI_OK`; `OAI_ERR_DECODE` for a chunk that is not JSON of the stream's kind, which is then left out;
 * `OAI_ERR_INVALID_ARGUMENT`. Callbacks may call it; never blocks. Since 0.1.
 */
oai_status oai_fold_push(oai_fold *fold, const char *data, size_t len, oai_error **error);

/**
 * Gives the whole and forgets it: the fold is as new, for another stream.
 *
 * `fold`: not NULL. `json`: not NULL, gets a text that the caller frees with `oai_string_free`: a `chat.completion`, a
 * `text_completion`, the last `response` of a stream of the Responses API, or of any other stream a list of its data.
 * A stream that broke off gives as much as came; no chunk at all gives `[]`. `len`: nullable, its bytes. `error`:
 * nullable.
 * Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT` or `OAI_ERR_NO_MEMORY`. Callbacks may call it; never blocks. Since 0.1.
 */
oai_status oai_fold_finish(oai_fold *fold, char **json, size_t *len, oai_error **error);

/**
 * Frees a fold.
 *
 * `fold`: may be NULL. Since 0.1.
 */
void oai_fold_free(oai_fold *fold);

/**
 * Makes an iterator over the pages of a list, such as `GET /files` or `GET /organization/usage/completions`. It follows
 * `last_id`, `next_page` and `next`, as the list has it, while `has_more` says so. Nothing is sent yet.
 *
 * `client`: not NULL; freed before the iterator, it ends it with `OAI_ERR_CLOSED` or `OAI_ERR_CANCELLED`. `request`: not
 * NULL, a GET request; copied, so it may be freed or changed at once. Its query (`limit`, `order`, filters) goes with
 * each page. `pages`: not NULL, gets the iterator, which the caller frees with `oai_pages_free`. `error`: nullable.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Any thread. Since 0.1.
 */
oai_status oai_pages_new(const oai_client *client,
                         const oai_request *request,
                         oai_pages **pages,
                         oai_error **error);

/**
 * Waits for the next page, and asks for the one behind it, so that it comes while the caller works on this one.
 *
 * `pages`: not NULL. `response`: not NULL; gets the page as a response, which the caller frees with
 * `oai_response_free`, and NULL with `OAI_OK` behind the last page.
 * Returns the response's status. After an error the same page is asked for again by the next call; only a list that
 * repeats itself, or that says it goes on but not where, stays `OAI_ERR_DECODE`. `OAI_ERR_STATE` from a callback.
 * Blocks. Since 0.1.
 */
oai_status oai_pages_next(oai_pages *pages, oai_response **response);

/**
 * Frees an iterator; a page that was asked for in advance is cancelled.
 *
 * `pages`: may be NULL. Since 0.1.
 */
void oai_pages_free(oai_pages *pages);

/**
 * Leads a request to the next page of a list without sending anything: for hosts with an event loop, which submit it
 * to a queue, and submit it again to have the next page on its way while they work on this one.
 *
 * `request`: not NULL, a GET request that `page` answered. `page`: not NULL, a response that went well. `more`: not
 * NULL, gets 1 if `request` now asks for the page behind `page`, 0 if that was the last page. `error`: nullable.
 * Returns `OAI_OK`; the page's own status if it is an error; `OAI_ERR_DECODE` for a list that repeats itself, or that
 * says it goes on but not where; `OAI_ERR_INVALID_ARGUMENT`. Never blocks. Since 0.1.
 */
oai_status oai_request_next_page(oai_request *request, const oai_response *page, int32_t *more, oai_error **error);

/**
 * Makes speech of a text (`POST /audio/speech`).
 *
 * `client`: not NULL. `json`: not NULL, an object such as `{"model":"gpt-4o-mini-tts","voice":"alloy","input":"Hello"}`.
 * `len`: its bytes, or `OAI_STRLEN`. `path`: nullable, the file that the sound is written to, as with
 * `oai_request_set_output_path`; NULL: it is the response's body.
 * `response`: not NULL; always gets a response, also when the call fails (except
 * in a forked child), which the caller frees with `oai_response_free`.
 * Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
 */
oai_status oai_speech(const oai_client *client,
                      const char *json,
                      size_t len,
                      const char *path,
                      oai_response **response);

/**
 * `oai_speech` with a callback for the response.
 *
 * Parameters as `oai_speech` up to `response`, and as `oai_submit` from `callback` on.
 * Returns as `oai_submit`. Any thread, callbacks included. Since 0.1.
 */
oai_status oai_speech_async(const oai_client *client,
                            const char *json,
                            size_t len,
                            const char *path,
                            oai_callback callback,
                            void *user_data,
                            oai_destructor destructor,
                            uint64_t *id,
                            oai_error **error);

/**
 * Writes down what a recording says (`POST /audio/transcriptions`).
 *
 * `client`: not NULL. `json`: not NULL, an object such as `{"model":"whisper-1"}`. `len`: its bytes, or `OAI_STRLEN`.
 * `file`: not NULL, a path; or, where `data` is not NULL, the name under which these `data_len` bytes are sent (a name
 * with the right ending: servers look at it). `data_len`: or
 * `OAI_STRLEN`. All is copied, but a file on disk is read while it is sent.
 * `response`: not NULL; always gets a response, also when the call fails (except
 * in a forked child), which the caller frees with `oai_response_free`.
 * Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
 */
oai_status oai_transcribe(const oai_client *client,
                          const char *json,
                          size_t len,
                          const char *file,
                          const char *data,
                          size_t data_len,
                          oai_response **response);

/**
 * `oai_transcribe` with a callback for the response.
 *
 * Parameters as `oai_transcribe` up to `response`, and as `oai_submit` from `callback` on.
 * Returns as `oai_submit`. Any thread, callbacks included. Since 0.1.
 */
oai_status oai_transcribe_async(const oai_client *client,
                                const char *json,
                                size_t len,
                                const char *file,
                                const char *data,
                                size_t data_len,
                                oai_callback callback,
                                void *user_data,
                                oai_destructor destructor,
                                uint64_t *id,
                                oai_error **error);

/**
 * Writes down in English what a recording says (`POST /audio/translations`).
 *
 * Parameters as `oai_transcribe`.
 * `response`: not NULL; always gets a response, also when the call fails (except
 * in a forked child), which the caller frees with `oai_response_free`.
 * Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
 */
oai_status oai_translate(const oai_client *client,
                         const char *json,
                         size_t len,
                         const char *file,
                         const char *data,
                         size_t data_len,
                         oai_response **response);

/**
 * `oai_translate` with a callback for the response.
 *
 * Parameters as `oai_translate` up to `response`, and as `oai_submit` from `callback` on.
 * Returns as `oai_submit`. Any thread, callbacks included. Since 0.1.
 */
oai_status oai_translate_async(const oai_client *client,
                               const char *json,
                               size_t len,
                               const char *file,
                               const char *data,
                               size_t data_len,
                               oai_callback callback,
                               void *user_data,
                               oai_destructor destructor,
                               uint64_t *id,
                               oai_error **error);

/**
 * Makes a picture from words (`POST /images/generations`).
 *
 * `client`: not NULL. `json`: not NULL, an object such as `{"model":"gpt-image-1","prompt":"A lighthouse"}`. `len`: its
 * bytes, or `OAI_STRLEN`. The answer is JSON with pictures in base64 or URLs.
 * `response`: not NULL; always gets a response, also when the call fails (except
 * in a forked child), which the caller frees with `oai_response_free`.
 * Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
 */
oai_status oai_image(const oai_client *client, const char *json, size_t len, oai_response **response);

/**
 * `oai_image` with a callback for the response.
 *
 * Parameters as `oai_image` up to `response`, and as `oai_submit` from `callback` on.
 * Returns as `oai_submit`. Any thread, callbacks included. Since 0.1.
 */
oai_status oai_image_async(const oai_client *client,
                           const char *json,
                           size_t len,
                           oai_callback callback,
                           void *user_data,
                           oai_destructor destructor,
                           uint64_t *id,
                           oai_error **error);

/**
 * Changes a picture as the words say (`POST /images/edits`). For several pictures or a mask, make the request with
 * `oai_request_add_file_path`.
 *
 * Parameters as `oai_transcribe`; `json` is an object such as `{"model":"gpt-image-1","prompt":"Add a ship"}`.
 * `response`: not NULL; always gets a response, also when the call fails (except
 * in a forked child), which the caller frees with `oai_response_free`.
 * Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
 */
oai_status oai_image_edit(const oai_client *client,
                          const char *json,
                          size_t len,
                          const char *file,
                          const char *data,
                          size_t data_len,
                          oai_response **response);

/**
 * `oai_image_edit` with a callback for the response.
 *
 * Parameters as `oai_image_edit` up to `response`, and as `oai_submit` from `callback` on.
 * Returns as `oai_submit`. Any thread, callbacks included. Since 0.1.
 */
oai_status oai_image_edit_async(const oai_client *client,
                                const char *json,
                                size_t len,
                                const char *file,
                                const char *data,
                                size_t data_len,
                                oai_callback callback,
                                void *user_data,
                                oai_destructor destructor,
                                uint64_t *id,
                                oai_error **error);

/**
 * Uploads a file (`POST /files`).
 *
 * Parameters as `oai_transcribe`; `json` is an object such as `{"purpose":"batch"}`.
 * `response`: not NULL; always gets a response, also when the call fails (except
 * in a forked child), which the caller frees with `oai_response_free`.
 * Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
 */
oai_status oai_file_upload(const oai_client *client,
                           const char *json,
                           size_t len,
                           const char *file,
                           const char *data,
                           size_t data_len,
                           oai_response **response);

/**
 * `oai_file_upload` with a callback for the response.
 *
 * Parameters as `oai_file_upload` up to `response`, and as `oai_submit` from `callback` on.
 * Returns as `oai_submit`. Any thread, callbacks included. Since 0.1.
 */
oai_status oai_file_upload_async(const oai_client *client,
                                 const char *json,
                                 size_t len,
                                 const char *file,
                                 const char *data,
                                 size_t data_len,
                                 oai_callback callback,
                                 void *user_data,
                                 oai_destructor destructor,
                                 uint64_t *id,
                                 oai_error **error);

/**
 * Downloads the content of a file (`GET /files/{file_id}/content`).
 *
 * `client`, `file_id`: not NULL. `path`: nullable, where it is written to, as with `oai_request_set_output_path`; NULL:
 * it is the response's body.
 * `response`: not NULL; always gets a response, also when the call fails (except
 * in a forked child), which the caller frees with `oai_response_free`.
 * Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
 */
oai_status oai_file_download(const oai_client *client, const char *file_id, const char *path, oai_response **response);

/**
 * `oai_file_download` with a callback for the response.
 *
 * Parameters as `oai_file_download` up to `response`, and as `oai_submit` from `callback` on.
 * Returns as `oai_submit`. Any thread, callbacks included. Since 0.1.
 */
oai_status oai_file_download_async(const oai_client *client,
                                   const char *file_id,
                                   const char *path,
                                   oai_callback callback,
                                   void *user_data,
                                   oai_destructor destructor,
                                   uint64_t *id,
                                   oai_error **error);

/**
 * Waits until an object is done: a run, batch, fine-tuning job, vector-store file, video, background response. It asks
 * for the object until its `status` is one that it stays in, or that waits for the caller (`requires_action`), first
 * each second, then more seldom, or as the server says in `openai-poll-after-ms`.
 *
 * `client`: not NULL. `request`: not NULL, the GET request that gives the object, such as `GET /batches/batch_1`; only
 * read. `options`: nullable, a JSON object of any of these: `field` (`"status"`), `statuses` (those that end the wait:
 * `completed`, `succeeded`, `processed`, `failed`, `error`, `cancelled`, `canceled`, `expired`, `incomplete`, `deleted`,
 * `requires_action`), `interval_ms` (1000, growing by half each time), `max_interval_ms` (10000) and `timeout_ms` (of
 * the whole wait; 0, the default: none). A look that finds the client's queue full is left out, whatever `queue_full`
 * says. `len`: its bytes, or `OAI_STRLEN`. `response`: not NULL; always gets a
 * response (except in a forked child), which the caller frees with `oai_response_free`: the object as it was last seen.
 * Returns the response's status. It is `OAI_OK` also for an object that failed: look at its `status`;
 * `OAI_ERR_DEADLINE` after `timeout_ms`; an error of a single look that retries could not help; `OAI_ERR_DECODE` if the
 * answer has no such field; `OAI_ERR_CLOSED` or `OAI_ERR_CANCELLED` when the client is closed or freed meanwhile;
 * `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
 */
oai_status oai_wait_until(const oai_client *client,
                          const oai_request *request,
                          const char *options,
                          size_t len,
                          oai_response **response);

/**
 * The same, with the response called back. `oai_cancel` with the wait's id ends it.
 *
 * Parameters as `oai_wait_until` up to `len`, and as `oai_submit` from `callback` on.
 * Returns as `oai_submit`: `OAI_OK`, and one `OAI_EVENT_DONE` follows. Any thread, callbacks included; never blocks.
 * Since 0.1.
 */
oai_status oai_wait_until_async(const oai_client *client,
                                const oai_request *request,
                                const char *options,
                                size_t len,
                                oai_callback callback,
                                void *user_data,
                                oai_destructor destructor,
                                uint64_t *id,
                                oai_error **error);

/**
 * The same, with the response in a completion queue. `oai_cancel` with the wait's id ends it.
 *
 * Parameters as `oai_wait_until` up to `len`, and as `oai_submit_to` from `queue` on.
 * Returns as `oai_submit_to`. Any thread; never blocks. Since 0.1.
 */
oai_status oai_wait_until_to(const oai_client *client,
                             const oai_request *request,
                             const char *options,
                             size_t len,
                             const oai_queue *queue,
                             uint64_t tag,
                             uint64_t *id,
                             oai_error **error);

/**
 * Runs a batch: uploads the input file, creates the batch, waits until it has ended and writes its results to files.
 * Files are streamed, never held whole.
 *
 * `client`: not NULL. `json`: not NULL, an object with the members of `POST /batches`: `endpoint`, such as
 * `"/v1/chat/completions"`, and whatever else, such as `metadata`; `completion_window` is `"24h"` unless given. Beside
 * these `interval_ms`, `max_interval_ms` and `timeout_ms` as for `oai_wait_until`; `progress`, true or false, which
 * the other forms look at; and, to go on from an earlier call, `batch_id` (only waits and fetches the results; needs
 * no `endpoint`) or `input_file_id` (does not upload). `len`: its bytes, or `OAI_STRLEN`. `input`: the path of a JSONL
 * file, one request a line; NULL with `batch_id` or `input_file_id`, else not. `output`: nullable, the path that the
 * batch's output file is written to, as with `oai_request_set_output_path`; its error file, with the lines that
 * failed, goes to the same path with `.errors` added. A file that the batch does not have leaves its path alone; with
 * NULL neither is fetched. `response`: not NULL; always gets a response (except in a forked child), which the caller
 * frees with `oai_response_free`: the batch as it ended.
 * Returns the response's status. It is `OAI_OK` also for a batch that failed, expired or was cancelled: look at its
 * `status` and `request_counts`. An error once something is at the server says so, and the response's body is then the
 * JSON member to go on with, such as `{"batch_id":"batch_1"}`: the error of a step that retries could not help;
 * `OAI_ERR_DEADLINE` after `timeout_ms`; `OAI_ERR_CLOSED` or `OAI_ERR_CANCELLED` when the client is closed or freed
 * meanwhile. `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FILE`; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
 */
oai_status oai_batch_run(const oai_client *client,
                         const char *json,
                         size_t len,
                         const char *input,
                         const char *output,
                         oai_response **response);

/**
 * The same, with the response called back. `oai_cancel` with its id ends the call; the batch goes on at the server.
 *
 * With `"progress":true` in the JSON, `OAI_EVENT_PROGRESS` events come before the end, each a JSON text. While the input
 * goes up: `{"way":"upload","bytes":1048576,"total":1073741824}`. Once the batch is created, and after each look that
 * shows something new: `{"way":"batch","batch_id":"batch_1","status":"in_progress","completed":40,"failed":1,
 * "total":100}`, where numbers that the batch does not tell are null. While the results come down: `{"way":"download",
 * "bytes":1048576,"total":2097152,"file":"output"}`, or `"file":"errors"`. At most ten a second, none while one is
 * unread; but those of a body that is complete, and of a new `status`, always.
 *
 * Parameters as `oai_batch_run` up to `output`, and as `oai_submit` from `callback` on.
 * Returns as `oai_submit`: `OAI_OK`, and one `OAI_EVENT_DONE` follows. Any thread, callbacks included; never blocks.
 * Since 0.1.
 */
oai_status oai_batch_run_async(const oai_client *client,
                               const char *json,
                               size_t len,
                               const char *input,
                               const char *output,
                               oai_callback callback,
                               void *user_data,
                               oai_destructor destructor,
                               uint64_t *id,
                               oai_error **error);

/**
 * The same, with the response in a completion queue. `oai_cancel` with its id ends the call; the batch goes on at the
 * server.
 *
 * Parameters as `oai_batch_run` up to `output`, and as `oai_submit_to` from `queue` on.
 * Returns as `oai_submit_to`. Any thread; never blocks. Since 0.1.
 */
oai_status oai_batch_run_to(const oai_client *client,
                            const char *json,
                            size_t len,
                            const char *input,
                            const char *output,
                            const oai_queue *queue,
                            uint64_t tag,
                            uint64_t *id,
                            oai_error **error);

/**
 * Uploads a file that is too large for `oai_file_upload` (`POST /uploads`): in parts of 64 MiB, four at a time,
 * streamed from disk, and completed with the MD5 of the whole.
 *
 * `client`: not NULL. `json`: not NULL, an object with the members of `POST /uploads`: `purpose`, and whatever else;
 * `filename` and `mime_type` are the path's unless given, `bytes` is the file's. Beside these `part_bytes`, for parts
 * smaller than 64 MiB, `progress`, and, to go on with an interrupted upload of the same file, `upload_id` and
 * `part_ids`: the ids of the parts in their order, null where one is missing. `len`: its bytes, or `OAI_STRLEN`.
 * `path`: not NULL, of a file that is not empty. `response`: not NULL; always gets a response (except in a forked
 * child), which the caller frees with `oai_response_free`: the completed upload, with the `file` in it.
 * Returns the response's status. When an upload that was begun ends early, but may still come to a good end (a cancel, a
 * close, the network, an overloaded server), the response's body is the JSON to go on with: `upload_id`, `part_ids` and
 * `part_bytes`. After an error that no repetition helps the upload is cancelled at the server.
 * `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FILE`; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
 */
oai_status oai_upload(const oai_client *client,
                      const char *json,
                      size_t len,
                      const char *path,
                      oai_response **response);

/**
 * The same, with the response called back. `oai_cancel` with its id interrupts the upload, which can go on later. With
 * `"progress": true` in the JSON, `OAI_EVENT_PROGRESS` events tell how many bytes of whole parts have arrived.
 *
 * Parameters as `oai_upload` up to `path`, and as `oai_submit` from `callback` on.
 * Returns as `oai_submit`: `OAI_OK`, and one `OAI_EVENT_DONE` follows. Any thread, callbacks included; never blocks.
 * Since 0.1.
 */
oai_status oai_upload_async(const oai_client *client,
                            const char *json,
                            size_t len,
                            const char *path,
                            oai_callback callback,
                            void *user_data,
                            oai_destructor destructor,
                            uint64_t *id,
                            oai_error **error);

/**
 * The same, with the response in a completion queue. `oai_cancel` with its id interrupts the upload, which can go on
 * later. With `"progress": true` in the JSON, `OAI_EVENT_PROGRESS` events tell how many bytes of whole parts have arrived.
 *
 * Parameters as `oai_upload` up to `path`, and as `oai_submit_to` from `queue` on.
 * Returns as `oai_submit_to`. Any thread; never blocks. Since 0.1.
 */
oai_status oai_upload_to(const oai_client *client,
                         const char *json,
                         size_t len,
                         const char *path,
                         const oai_queue *queue,
                         uint64_t tag,
                         uint64_t *id,
                         oai_error **error);

/**
 * Makes a completion queue.
 *
 * `queue`: not NULL, gets the queue, which the caller frees with `oai_queue_free`. `error`: nullable.
 * Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT`, `OAI_ERR_FORKED` or `OAI_ERR_SHUTDOWN`. Any thread. Since 0.1.
 */
oai_status oai_queue_new(oai_queue **queue, oai_error **error);

/**
 * Frees a queue. Requests that were submitted to it go on; their events are discarded. Its descriptor is closed, the
 * duplicates of it are not.
 *
 * `queue`: may be NULL. No other thread may use it any more. Since 0.1.
 */
void oai_queue_free(oai_queue *queue);

/**
 * A descriptor to `poll` for reading: readable when the queue goes from empty to not empty, until `oai_queue_next` or
 * `oai_queue_wait` finds it empty. So: when it is readable, call `oai_queue_next` until it gives NULL. Its bytes mean
 * nothing; reading them is allowed and not needed.
 *
 * `queue`: not NULL. Returns a descriptor that the queue owns and closes when it is freed, or a negative status:
 * `OAI_ERR_INVALID_ARGUMENT`, `OAI_ERR_INTERNAL` when the process has no descriptors left, `OAI_ERR_FORKED`,
 * `OAI_ERR_SHUTDOWN`. Any thread. Since 0.1.
 */
int64_t oai_queue_fd(const oai_queue *queue);

/**
 * The same as a duplicate that the caller owns and closes: close-on-exec and non-blocking, for runtimes that close what
 * they are given (Node, Go, Ruby).
 *
 * `queue`: not NULL. Returns a descriptor, or a negative status as `oai_queue_fd`. Any thread. Since 0.1.
 */
int64_t oai_queue_dup_fd(const oai_queue *queue);

/**
 * Bounds what the queue holds unread. While its events take up more than so many bytes (chunks, bodies, vectors and the
 * records themselves), requests that were submitted to it are not sent: they keep their place, their deadline and
 * their right to be cancelled, and other requests of the same client go on. Once enough was taken they go at once.
 *
 * What is in flight is not stopped, so the bound may be passed by what `max_concurrent_requests` answers hold.
 * `queue`: not NULL. `bytes`: 0, the default: any number. `error`: nullable.
 * Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT` or `OAI_ERR_FORKED`. Any thread, any time; never blocks. Since 0.1.
 */
oai_status oai_queue_set_max_unread_bytes(const oai_queue *queue, uint64_t bytes, oai_error **error);

/**
 * How many bytes of events the queue holds unread, as `oai_queue_set_max_unread_bytes` counts them. Those of cancelled
 * streams count until they are passed over; log lines do not.
 *
 * `queue`: NULL gives 0. Any thread; never blocks. Since 0.1.
 */
uint64_t oai_queue_unread_bytes(const oai_queue *queue);

/**
 * Takes events without waiting, oldest first.
 *
 * `queue`: not NULL. `max`: how many at most, at least 1. `batch`: not NULL, gets a batch that the caller frees with
 * `oai_batch_free`, or NULL when the queue is empty, which arms the descriptor.
 * Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT` or `OAI_ERR_FORKED`. Any thread; never blocks. Since 0.1.
 */
oai_status oai_queue_next(const oai_queue *queue, size_t max, oai_batch **batch);

/**
 * Takes events, waiting until there is one.
 *
 * `queue`: not NULL. `max`: how many at most, at least 1. `timeout_ms`: how long to wait at most; `UINT64_MAX`: for
 * ever. `batch`: not NULL, gets a batch that the caller frees with `oai_batch_free`, or NULL when the time is over or
 * `oai_queue_wake` ended the wait.
 * Returns `OAI_OK`; `OAI_ERR_STATE` from a callback; `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`;
 * `OAI_ERR_SHUTDOWN` when it would wait after `oai_shutdown`. Any thread; blocks. Since 0.1.
 */
oai_status oai_queue_wait(const oai_queue *queue, size_t max, uint64_t timeout_ms, oai_batch **batch);

/**
 * Ends one `oai_queue_wait`: one that waits now, or else the next. So many calls end so many waits.
 *
 * `queue`: not NULL. Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT` or `OAI_ERR_FORKED`. Any thread; never blocks.
 * Since 0.1.
 */
oai_status oai_queue_wake(const oai_queue *queue);

/**
 * The events of a batch.
 *
 * `batch`: not NULL. `records`: not NULL, gets an array that lives as long as the batch. `count`: not NULL, its length.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_batch_records(oai_batch *batch, oai_event_record **records, size_t *count);

/**
 * Moves the response out of a record: the caller then frees it with `oai_response_free`.
 *
 * `record`: of a live batch; may be NULL. Returns the response, NULL if there is none (any more). Since 0.1.
 */
oai_response *oai_record_take_response(oai_event_record *record);

/**
 * Frees a batch with its events, and the responses that were not taken.
 *
 * `batch`: may be NULL. Since 0.1.
 */
void oai_batch_free(oai_batch *batch);

/**
 * Opens a WebSocket connection, and lets the caller wait for its events with `oai_realtime_next`.
 *
 * Its events are one `OAI_EVENT_CONNECTION` when it is open, an `OAI_EVENT_CHUNK` for each message (of OpenAI: a JSON
 * object with a `type`), and one `OAI_EVENT_DONE` at the end. An `error` message of the server is a message like any
 * other: mostly the connection goes on. Messages may be sent at once; they leave in order when the connection is there.
 *
 * The opening is a request like any other: it waits in the queue, within the limits of its model (the query parameter
 * `model`), holds a slot until the server has answered, and is retried by the same options; `timeout_ms` is its time.
 * The open connection holds no slot, and statistics count it as its opening and the bytes of its messages. It goes to
 * `base_url` with the client's key or token, headers, proxy and CA, by HTTP/1.1; a redirect is an error. On an Azure
 * endpoint with a dated `azure_api_version`, `/realtime` sends `model` as `deployment`. While `stream_buffer_events`
 * messages are unread the socket is not read. A message of more than `max_response_bytes` ends the connection, and so
 * does silence of `idle_timeout_ms`, answers to pings included.
 *
 * `client`: not NULL; `oai_client_close` closes the connection, freeing the client ends it. `request`: not NULL, a GET
 * request without a body, such as `GET /realtime` with the query `model`, or `GET /responses`; only read. `options`:
 * nullable, a JSON object of any of these: `reconnect` (false; true: a connection that was lost, or closed by the server
 * with 1001, 1005, 1011, 1012, 1013 or 1015, or with messages left to send, is made anew after a backoff, at most
 * `max_retries` times in a row when it lasts less than `max_retry_delay_ms`; the server has forgotten the session then),
 * `max_unsent_bytes` (16777216; also a bound of one message for each 64 of them), `ping_interval_ms` (20000; after so
 * much silence, or half of `idle_timeout_ms`, the server is asked whether it is there; 0: never). `len`: its bytes,
 * or `OAI_STRLEN`. `realtime`: not NULL, gets the connection, which the caller frees with `oai_realtime_free`. `error`:
 * nullable.
 * Returns `OAI_OK`: the connection is being made. Otherwise it was refused as `oai_submit` refuses, but never with
 * `OAI_ERR_QUEUE_FULL`: it then waits for a place. Any thread; never blocks. Since 0.1.
 */
oai_status oai_realtime_open(const oai_client *client,
                             const oai_request *request,
                             const char *options,
                             size_t len,
                             oai_realtime **realtime,
                             oai_error **error);

/**
 * The same, with the events called back.
 *
 * Parameters as `oai_realtime_open` up to `realtime`, and as `oai_submit` from `callback` on; `realtime` and `id` are
 * written before any event.
 * Returns as `oai_realtime_open`: `OAI_OK`, and one `OAI_EVENT_DONE` follows. Any thread, callbacks included; never
 * blocks. Since 0.1.
 */
oai_status oai_realtime_open_async(const oai_client *client,
                                   const oai_request *request,
                                   const char *options,
                                   size_t len,
                                   oai_realtime **realtime,
                                   oai_callback callback,
                                   void *user_data,
                                   oai_destructor destructor,
                                   uint64_t *id,
                                   oai_error **error);

/**
 * The same, with the events in a completion queue.
 *
 * Parameters as `oai_realtime_open` up to `realtime`, and as `oai_submit_to` from `queue` on; `realtime` and `id` are
 * written before any event.
 * Returns as `oai_realtime_open`: `OAI_OK`, and one `OAI_EVENT_DONE` follows. Any thread; never blocks. Since 0.1.
 */
oai_status oai_realtime_open_to(const oai_client *client,
                                const oai_request *request,
                                const char *options,
                                size_t len,
                                oai_realtime **realtime,
                                const oai_queue *queue,
                                uint64_t tag,
                                uint64_t *id,
                                oai_error **error);

/**
 * The id of a connection's events, which `oai_cancel` takes too: the connection then ends at once, without a close frame.
 *
 * `realtime`: may be NULL, which gives 0. Any thread. Since 0.1.
 */
uint64_t oai_realtime_id(const oai_realtime *realtime);

/**
 * Sends a message of text behind those that were sent before. What was given to the connection counts as sent; what was
 * not when it ends comes back with its response (`oai_response_unsent`), or goes to the connection that follows it.
 *
 * `realtime`: not NULL. `message`: not NULL, UTF-8, of OpenAI's endpoints a JSON object with a `type`; copied. `len`: its
 * bytes, or `OAI_STRLEN`. `error`: nullable.
 * Returns `OAI_OK`; `OAI_ERR_QUEUE_FULL` if more than `max_unsent_bytes` would wait; `OAI_ERR_CLOSED` if the connection
 * has ended or is being closed; `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`. Any thread, callbacks included; never
 * blocks. Since 0.1.
 */
oai_status oai_realtime_send(const oai_realtime *realtime,
                             const char *message,
                             size_t len,
                             oai_error **error);

/**
 * Sends a message of bytes, for servers that take them; OpenAI's take text alone.
 *
 * `data`: not NULL, copied. `len`: its bytes. Otherwise as `oai_realtime_send`. Since 0.1.
 */
oai_status oai_realtime_send_binary(const oai_realtime *realtime, const char *data, size_t len, oai_error **error);

/**
 * Bytes of messages that wait to be sent: for a caller who makes them faster than the connection takes them.
 *
 * `realtime`: may be NULL, which gives 0. Any thread; never blocks. Since 0.1.
 */
uint64_t oai_realtime_unsent_bytes(const oai_realtime *realtime);

/**
 * Takes a connection's next events, waiting until there is one.
 *
 * `realtime`: not NULL, from `oai_realtime_open`. `max`: how many at most, at least 1. `timeout_ms`: how long to wait at
 * most; `UINT64_MAX`: for ever; 0: not at all. `batch`: not NULL, gets a batch as from a queue, which the caller frees
 * with `oai_batch_free`, or NULL when the time is over. `error`: nullable.
 * Returns `OAI_OK`; `OAI_ERR_CLOSED` once `OAI_EVENT_DONE` was taken; `OAI_ERR_STATE` from a callback, and if the events
 * go elsewhere; `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`. Any thread; blocks. Since 0.1.
 */
oai_status oai_realtime_next(const oai_realtime *realtime,
                             size_t max,
                             uint64_t timeout_ms,
                             oai_batch **batch,
                             oai_error **error);

/**
 * Closes a connection: what waits to be sent goes first, then a close frame, and once the server has answered (at most
 * five seconds later, or `idle_timeout_ms`; as long after the last byte that it took if it takes no more) the terminal
 * event follows, with `OAI_OK` if everything was sent. Messages may still come until then. Where there is no
 * connection yet, it is still made if there is something to send.
 *
 * `realtime`: not NULL. `code`: 1000, or 3000 to 4999; 0: 1000. `reason`: nullable, at most 123 bytes. `error`:
 * nullable.
 * Returns `OAI_OK`, also when it is being closed already; `OAI_ERR_CLOSED` when it has ended;
 * `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`. Any thread, callbacks included; never blocks. Since 0.1.
 */
oai_status oai_realtime_close(const oai_realtime *realtime, int32_t code, const char *reason, oai_error **error);

/**
 * Frees a connection's handle, at any time, callbacks included. One that has not ended is closed as by
 * `oai_realtime_close`: a callback or queue still gets its events; those of `oai_realtime_next` are discarded.
 *
 * `realtime`: may be NULL. Since 0.1.
 */
void oai_realtime_free(oai_realtime *realtime);

/**
 * The code that a connection was closed with by the server, or that it answered our close with: 1000 is the usual one,
 * 1005 stands for none in the frame; 0 when no close frame came, and of other responses.
 *
 * `response`: may be NULL, which gives 0. Any thread. Since 0.1.
 */
int32_t oai_response_close_code(const oai_response *response);

/**
 * The reason that the server gave with it.
 *
 * `response`: may be NULL. Returns a text that lives as long as the response, empty without a reason; NULL if it is not
 * the end of a connection. Any thread. Since 0.1.
 */
const char *oai_response_close_reason(const oai_response *response);

/**
 * How many messages of a connection were not sent when it ended.
 *
 * `response`: may be NULL, which gives 0. Any thread. Since 0.1.
 */
size_t oai_response_unsent_count(const oai_response *response);

/**
 * A message that was not sent, oldest first: send it over another connection, or let it go.
 *
 * `response`: not NULL. `index`: from 0. `data`: not NULL, gets the message, which lives as long as the response, with a
 * NUL behind it. `len`: nullable, gets its bytes. `binary`: nullable, gets 1 for a message of bytes, else 0.
 * Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` if there is no such message. Any thread. Since 0.1.
 */
oai_status oai_response_unsent(const oai_response *response,
                               size_t index,
                               const char **data,
                               size_t *len,
                               int32_t *binary);

/**
 * Tells what a response says, in one call: what `oai_response_status`, `_http_status`, `_id`, `_attempts`, `_body`,
 * `_embeddings`, `_request_id` and `_error` tell one by one.
 *
 * `response`: not NULL. `view`: not NULL, is filled; it lives as long as the response.
 * Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for a NULL. Any thread. Since 0.1.
 */
oai_status oai_response_get_view(const oai_response *response, oai_response_view *view);

/**
 * Tells what an error says, in one call.
 *
 * `error`: not NULL. `view`: not NULL, is filled; it lives as long as the error.
 * Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for a NULL. Any thread. Since 0.1.
 */
oai_status oai_error_get_view(const oai_error *error, oai_error_view *view);

/**
 * Views of all responses of a batch, in one call.
 *
 * `batch`: not NULL. `views`: not NULL, gets an array as long as that of `oai_batch_records` and in the same order;
 * where a record has no response (any more) all is NULL and 0. The array lives as long as the batch; what its views
 * point to lives as long as the responses, also when they are taken out afterwards. `count`: not NULL, its length.
 * Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
 */
oai_status oai_batch_views(oai_batch *batch, const oai_response_view **views, size_t *count);

/**
 * Lets a client's key be a bearer token that the program brings when it is asked, by a callback, in place of `api_key`.
 *
 * The first request asks, and waits for the answer in the queue, without a slot, as do all others, each within its
 * deadline; but not those that carry an `Authorization` header of their own or the admin key. There is never more than
 * one question open. A token in use is asked for again shortly before its end (a
 * minute, or a fifth of its life if that is less), while the old one still serves; and when the server answers 401:
 * that request is sent once more with the new token, which costs no retry, and a second 401 is its error. A question
 * that is 30 seconds old is a warning in the log.
 *
 * `client`: not NULL. `callback`: NULL for no provider: requests go with `api_key` again. `user_data`: handed to the
 * callback. `destructor`: nullable, ends `user_data`, exactly once: when another provider is set, the client is freed or
 * the library shut down, and the callback is not running any more; inside this call if it fails, or if `callback` is
 * NULL. `error`: nullable.
 * A provider that is replaced is asked no more: its token is dropped, its open question cannot be answered any more,
 * and who waited for it waits for the new one. A token is a key: what a found `.env` file says of the receiver is
 * dropped as in `oai_set_api_key`.
 * Returns `OAI_OK`; `OAI_ERR_STATE` after the first request, if a found file chose the receiver;
 * `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`; `OAI_ERR_SHUTDOWN`. Any thread, any time, callbacks included. Since 0.1.
 */
oai_status oai_set_token_callback(const oai_client *client,
                                  oai_token_callback callback,
                                  void *user_data,
                                  oai_destructor destructor,
                                  oai_error **error);

/**
 * The same by a queue: an event of the kind `OAI_EVENT_TOKEN_WANTED` whose `id` is the number to answer under.
 *
 * `client`: not NULL. `queue`: NULL for no provider. `tag`: comes back on each such event. `error`: nullable.
 * An event that is still unread when its question is over is dropped. If the queue is freed, an unread question and
 * every later one is refused: who waits fails with `OAI_ERR_NO_API_KEY`.
 * Returns as `oai_set_token_callback`. Any thread, any time, callbacks included. Since 0.1.
 */
oai_status oai_set_token_queue(const oai_client *client, const oai_queue *queue, uint64_t tag, oai_error **error);

/**
 * Answers with a token; those who wait for it go on.
 *
 * `client`: not NULL. `wanted`: the number that was given to the callback, or the event's `id`. `token`: not NULL, sent
 * as `Authorization: Bearer TOKEN`: ASCII, one line, no white space around it; copied; never logged. `len`: its bytes,
 * or `OAI_STRLEN`. `expires_in_ms`: its life from now; 0: not known, and then the next is asked for after a 401. `error`:
 * nullable.
 * Returns `OAI_OK`; `OAI_ERR_UNKNOWN_ID` if that question is not open (any more); `OAI_ERR_INVALID_ARGUMENT`, and the
 * question stays open; `OAI_ERR_FORKED`; `OAI_ERR_SHUTDOWN`. Any thread, the callback included; never blocks. Since 0.1.
 */
oai_status oai_provide_token(const oai_client *client,
                             uint64_t wanted,
                             const char *token,
                             size_t len,
                             uint64_t expires_in_ms,
                             oai_error **error);

/**
 * Answers that there is no token. Those who wait for it fail with `OAI_ERR_NO_API_KEY` and the message; the next request
 * asks again. While a token still holds, nobody waits, and it is asked for again later.
 *
 * `client`: not NULL. `wanted`: as in `oai_provide_token`. `message`: nullable, why; copied; it stands in errors and in
 * the log. `len`: its bytes, or `OAI_STRLEN`. `error`: nullable.
 * Returns as `oai_provide_token`. Any thread, the callback included; never blocks. Since 0.1.
 */
oai_status oai_refuse_token(const oai_client *client,
                            uint64_t wanted,
                            const char *message,
                            size_t len,
                            oai_error **error);

/**
 * Tells what became of the client's requests and what the limits are as learned, as JSON. README.md lists the fields.
 *
 * `client`: not NULL. `json`: not NULL, gets a text that the caller frees with `oai_string_free`. `len`: nullable.
 * `error`: nullable.
 * Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT`, `OAI_ERR_NO_MEMORY`, `OAI_ERR_FORKED` or `OAI_ERR_SHUTDOWN`. Any
 * thread, any time. Since 0.1.
 */
oai_status oai_client_stats_json(const oai_client *client, char **json, size_t *len, oai_error **error);

/**
 * The same in the text format of Prometheus (version 0.0.4), with names that begin with `oai_`.
 *
 * Parameters, errors and threads as `oai_client_stats_json`. Since 0.1.
 */
oai_status oai_client_stats_prometheus(const oai_client *client, char **text, size_t *len, oai_error **error);

/**
 * Tells where a waiting request stands: how many are before it in its lane (those of its model or group), and the
 * least time until the limits let it through.
 *
 * `client`: not NULL. `id`: from a submit of this client. `ahead`, `expected_wait_ms`: nullable. `error`: nullable.
 * Returns `OAI_OK`; `OAI_ERR_UNKNOWN_ID` if no request waits under this id: it may be in flight, in backoff, or held
 * back since its queue is not read; `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`; `OAI_ERR_SHUTDOWN`. Any thread. Since
 * 0.1.
 */
oai_status oai_client_position(const oai_client *client,
                               uint64_t id,
                               uint64_t *ahead,
                               uint64_t *expected_wait_ms,
                               oai_error **error);

/**
 * Tells whether a webhook was signed with the client's `webhook_secret`, and not long ago: only then believe its body.
 *
 * `client`: not NULL. `body`: not NULL, byte for byte as it came, before anything has parsed it. `len`: its bytes, or
 * `OAI_STRLEN`. `id`, `timestamp`, `signature`: the values of its headers `webhook-id`, `webhook-timestamp` and
 * `webhook-signature`; NULL for one that did not come. `tolerance_ms`: how far its time may be from this machine's; 0:
 * five minutes. `error`: nullable, says what does not fit.
 * Returns `OAI_OK`; `OAI_ERR_WEBHOOK` if it must not be believed; `OAI_ERR_CONFIG` if no `webhook_secret` is set;
 * `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`; `OAI_ERR_SHUTDOWN`. Any thread, callbacks included; never blocks.
 * Since 0.1.
 */
oai_status oai_webhook_verify(const oai_client *client,
                              const char *body,
                              size_t len,
                              const char *id,
                              const char *timestamp,
                              const char *signature,
                              uint64_t tolerance_ms,
                              oai_error **error);

/**
 * The same with a secret that is given, at a time that is given. It takes no client, and works in a forked child too.
 *
 * `secret`: not NULL, as it was shown when the webhook was made: base64 behind `whsec_`, or any other text as it is.
 * `body` to `tolerance_ms`: as for `oai_webhook_verify`. `now_ms`: milliseconds since 1970 UTC; 0: now. `error`:
 * nullable.
 * Returns `OAI_OK`; `OAI_ERR_WEBHOOK` if it must not be believed; `OAI_ERR_CONFIG` for a text that cannot be a secret;
 * `OAI_ERR_INVALID_ARGUMENT`. Any thread, callbacks included; never blocks. Since 0.1.
 */
oai_status oai_webhook_verify_secret(const char *secret,
                                     const char *body,
                                     size_t len,
                                     const char *id,
                                     const char *timestamp,
                                     const char *signature,
                                     uint64_t tolerance_ms,
                                     uint64_t now_ms,
                                     oai_error **error);

/**
 * The ABI that the loaded library speaks: `epoch << 16 | additions`. A binding needs its own epoch and at least its
 * own additions; compare with `OAI_ABI_EPOCH` and `OAI_ABI_ADDITIONS` of the header.
 *
 * Any thread, any time. Since 0.1.
 */
uint32_t oai_abi_version(void);

/**
 * The version of the loaded library, such as `"0.1.0"`.
 *
 * Returns a static NUL-terminated text. Any thread, any time. Since 0.1.
 */
const char *oai_version_string(void);

/**
 * Ends the library in this process, for good: lets accepted requests finish within the time, cancels the rest with
 * `OAI_ERR_SHUTDOWN`, delivers all events and ends the threads. Nobody has to call it; a leak checker likes it.
 *
 * `timeout_ms`: how long requests may still take; 0 cancels them at once. `error`: nullable.
 * Returns `OAI_OK`; `OAI_ERR_DEADLINE` if requests had to be cancelled; `OAI_ERR_STATE` from a callback;
 * `OAI_ERR_SHUTDOWN` if it was called before; `OAI_ERR_FORKED`. Any thread; blocks. Handles are freed as ever, before
 * or after. Since 0.1.
 */
oai_status oai_shutdown(uint64_t timeout_ms, oai_error **error);

/**
 * Sets the log level of the process and where its lines go. Without this call the level is that of `OAI_LOG` or
 * `OPENAI_LOG` (off, error, warn, info, debug, trace), else warn, and lines go to stderr.
 *
 * `level`: one of `OAI_LOG_*`. `callback`: NULL for stderr; lines from before the library's first request are kept
 * until its threads run. `user_data`, `destructor`: nullable, as in `oai_submit`; the destructor runs once
 * another callback is set and the lines on their way were delivered, at `oai_shutdown`, or here if the call fails;
 * `user_data` must live until then. `error`: nullable.
 * Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT` for another level, `OAI_ERR_FORKED` or `OAI_ERR_SHUTDOWN`. Any thread,
 * any time. Since 0.1.
 */
oai_status oai_set_log(int32_t level,
                       oai_log_callback callback,
                       void *user_data,
                       oai_destructor destructor,
                       oai_error **error);

/**
 * Sets the log level of the process and lets its lines go to a queue, from the next one on, as events of their own:
 * `OAI_EVENT_LOG`, with the line as `data` (without a newline) and its level as `tag`.
 *
 * 10,000 lines wait at most; what comes then is lost, and the next line says how many were. Lines hold back no
 * request (see `oai_queue_set_max_unread_bytes`). Once the queue is freed, and after `oai_shutdown`, lines go to stderr;
 * so they do after `oai_set_log` with a NULL callback.
 * `level`: one of `OAI_LOG_*`. `queue`: not NULL; it stays the caller's. `error`: nullable.
 * Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT` for a NULL or another level, `OAI_ERR_FORKED` or `OAI_ERR_SHUTDOWN`.
 * Any thread, any time. Since 0.1.
 */
oai_status oai_set_log_to(int32_t level,
                          const oai_queue *queue,
                          oai_error **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* OAI_H */
