/*
 * What the test programs share: checks, the test server's control paths, a look into JSON, clients.
 *
 * Include it first. A failed check says where and ends the process at once, whichever thread it is on.
 */
#ifndef OAI_TESTS_SUPPORT_H
#define OAI_TESTS_SUPPORT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "oai.h"

/* ===== checks ===== */

#define FAIL(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(condition) ((condition) ? (void)0 : FAIL("not true: %s", #condition))
#define CHECK_NUMBER(actual, expected) check_number(__FILE__, __LINE__, #actual, (long long)(actual), (long long)(expected))
#define CHECK_STATUS(actual, expected) check_status(__FILE__, __LINE__, #actual, actual, expected)
/* The text is there and holds the part. */
#define CHECK_HOLDS(text, part) check_holds(__FILE__, __LINE__, #text, text, part)

__attribute__((format(printf, 3, 4), noreturn)) static inline void fail_at(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    fflush(NULL);
    _exit(1);
}

static inline void check_number(const char *file, int line, const char *what, long long actual, long long expected)
{
    if (actual != expected)
        fail_at(file, line, "%s is %lld, not %lld", what, actual, expected);
}

static inline void check_status(const char *file, int line, const char *what, oai_status actual, oai_status expected)
{
    if (actual != expected)
        fail_at(file, line, "%s is %s (%d), not %s", what, oai_status_name(actual), actual, oai_status_name(expected));
}

static inline void check_holds(const char *file, int line, const char *what, const char *text, const char *part)
{
    if (text == NULL || strstr(text, part) == NULL)
        fail_at(file, line, "%s is \"%s\", without \"%s\"", what, text != NULL ? text : "(null)", part);
}

/* Whether valgrind runs this, some thirty times slower: the same test then makes fewer requests. */
static inline int is_slow(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

/* printf into memory that the caller frees. */
__attribute__((format(printf, 1, 2))) static inline char *text_of(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    CHECK(vasprintf(&text, format, arguments) >= 0);
    va_end(arguments);
    return text;
}

/* Shuts the library down, and says the word that run-c.sh waits for. */
static inline int finish(const char *name)
{
    CHECK_STATUS(oai_shutdown(10000, NULL), OAI_OK);
    printf("ok %s\n", name);
    return 0;
}

/* ===== threads ===== */

static inline pthread_t start_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    CHECK_NUMBER(pthread_create(&thread, NULL, run, argument), 0);
    return thread;
}

static inline void join_thread(pthread_t thread)
{
    CHECK_NUMBER(pthread_join(thread, NULL), 0);
}

/* Runs a part of a test in a process of its own: oai_shutdown can be called only once in each. The caller must not
   have used the library yet. */
static inline void in_child(void (*run)(void))
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        run();
        exit(0);
    }
    CHECK_NUMBER(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_NUMBER(WEXITSTATUS(status), 0);
}

/* ===== JSON, as far as the tests read it ===== */

#define JSON_SPACE " \t\r\n"

/* Behind one value. */
static inline const char *json_skip(const char *at)
{
    int depth = 0;
    do {
        at += strspn(at, JSON_SPACE ",:");
        if (*at == '"') {
            for (at++; *at != '"' && *at != '\0'; at++)
                at += *at == '\\';
            at += *at == '"';
        } else if (*at == '{' || *at == '[') {
            depth++, at++;
        } else if (*at == '}' || *at == ']') {
            depth--, at++;
        } else {
            at += strcspn(at, "{}[],:\"" JSON_SPACE);
        }
    } while (depth > 0 && *at != '\0');
    return at;
}

/* The first element of an array, NULL if there is none. */
static inline const char *json_first(const char *array)
{
    array += strspn(array, JSON_SPACE);
    CHECK(*array == '[');
    array += 1 + strspn(array + 1, JSON_SPACE);
    return *array == ']' ? NULL : array;
}

/* The element behind one, NULL if there is none. */
static inline const char *json_next(const char *element)
{
    element = json_skip(element);
    element += strspn(element, JSON_SPACE);
    return *element == ',' ? element + 1 + strspn(element + 1, JSON_SPACE) : NULL;
}

/* The value at a path such as "0.body.input.3" into arrays and objects, NULL if there is none. */
static inline const char *json_at(const char *json, const char *path)
{
    while (json != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        json += strspn(json, JSON_SPACE);
        if (*json == '[') {
            json = json_first(json);
            for (long index = strtol(path, NULL, 10); index > 0 && json != NULL; index--)
                json = json_next(json);
        } else if (*json == '{') {
            for (json++;;) {
                json += strspn(json, JSON_SPACE ",");
                if (*json != '"')
                    return NULL;
                int found = strncmp(json + 1, path, len) == 0 && json[1 + len] == '"';
                json = json_skip(json);
                json += strspn(json, JSON_SPACE ":");
                if (found)
                    break;
                json = json_skip(json);
            }
        } else {
            return NULL;
        }
        path += len + (path[len] == '.');
    }
    return json;
}

static inline double json_number(const char *json, const char *path)
{
    const char *at = json_at(json, path);
    char *end = NULL;
    double number = at != NULL ? strtod(at, &end) : 0;
    if (at == NULL || end == at)
        FAIL("no number at %s of %.2000s", path, json);
    return number;
}

/* Whether the value at the path is this string. */
static inline int json_is(const char *json, const char *path, const char *string)
{
    const char *at = json_at(json, path);
    size_t len = strlen(string);
    return at != NULL && *at == '"' && strncmp(at + 1, string, len) == 0 && at[1 + len] == '"';
}

/* ===== the test server ===== */

static inline const char *server_url(void)
{
    const char *url = getenv("OAI_TEST_SERVER");
    CHECK(url != NULL);
    return url;
}

/* Makes one call of the server and returns the body of its answer, which is to be freed. */
static inline char *server_call(const char *method, const char *path, const char *body)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const char *port = strrchr(server_url(), ':');
    address.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(server >= 0);
    CHECK_NUMBER(connect(server, (struct sockaddr *)&address, sizeof address), 0);
    char *request = text_of("%s %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: %zu\r\n\r\n%s",
                            method, path, strlen(body), body);
    for (size_t sent = 0; sent < strlen(request);) {
        ssize_t n = send(server, request + sent, strlen(request) - sent, MSG_NOSIGNAL);
        CHECK(n > 0);
        sent += (size_t)n;
    }
    free(request);
    size_t len = 0, room = 65536;
    char *answer = (char *)malloc(room);
    CHECK(answer != NULL);
    for (ssize_t n; (n = recv(server, answer + len, room - len - 1, 0)) != 0;) {
        if (n < 0 && errno == EINTR)
            continue;
        CHECK(n > 0);
        len += (size_t)n;
        if (len + 1 == room)
            CHECK((answer = (char *)realloc(answer, room *= 2)) != NULL);
    }
    close(server);
    answer[len] = '\0';
    char *start = strstr(answer, "\r\n\r\n");
    if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0 || start == NULL)
        FAIL("%s %s: %s", method, path, answer);
    memmove(answer, start + 4, strlen(start + 4) + 1);
    return answer;
}

/* Adds rules: an object or an array, see tests/server/README.md. */
static inline void server_script(const char *rules)
{
    free(server_call("POST", "/_script", rules));
}

/* Forgets rules, log and counters, and opens the gates. */
static inline void server_reset(void)
{
    free(server_call("POST", "/_reset", ""));
}

/* Lets `count` requests through a gate; 0: all that ever come. */
static inline void server_release(const char *gate, int count)
{
    char *body = count > 0 ? text_of("{\"hold\": \"%s\", \"count\": %d}", gate, count) : text_of("{\"hold\": \"%s\"}", gate);
    free(server_call("POST", "/_release", body));
    free(body);
}

/* A number of the statistics. */
static inline long server_stat(const char *path)
{
    char *stats = server_call("GET", "/_stats", "");
    double number = json_number(stats, path);
    free(stats);
    return (long)number;
}

/* Waits until a number of the statistics, `arrived` (at least) or `in_flight` (exactly), is there. */
static inline void server_wait(const char *what, long count)
{
    char *path = text_of("/_stats?%s=%ld&timeout_ms=120000", what, count);
    char *stats = server_call("GET", path, "");
    double is = json_number(stats, what);
    if (strcmp(what, "arrived") == 0 ? is < count : is != count)
        FAIL("%s did not become %ld: %s", what, count, stats);
    free(path);
    free(stats);
}

/* The log of what arrived, once at least so many have; to be freed. */
static inline char *server_log(long arrived)
{
    server_wait("arrived", arrived);
    return server_call("GET", "/_log", "");
}

/* ===== clients ===== */

/* A client of the test server; `json` are further members of its configuration, or "". */
static inline oai_client *new_client(const char *json)
{
    oai_client *client = NULL;
    oai_error *error = NULL;
    /* A key of its own, since clients of one key share their limits and pauses; and full speed from the start. */
    static unsigned keys;
    char *config = text_of("{\"base_url\": \"%s/v1\", \"api_key\": \"sk-test-%08u\", \"learn_limits\": false, "
                           "\"dotenv\": false%s%s}",
                           server_url(), __atomic_fetch_add(&keys, 1, __ATOMIC_RELAXED), *json != '\0' ? ", " : "", json);
    if (oai_client_new(config, OAI_STRLEN, &client, &error) != OAI_OK)
        FAIL("%s: %s", config, oai_error_message(error));
    free(config);
    return client;
}

/* A request with a JSON body, or without one for "". */
static inline oai_request *new_request(const char *method, const char *path, const char *json)
{
    oai_request *request = NULL;
    CHECK_STATUS(oai_request_new(method, path, &request, NULL), OAI_OK);
    if (*json != '\0')
        CHECK_STATUS(oai_request_set_json(request, json, OAI_STRLEN), OAI_OK);
    return request;
}

#define MODEL "text-embedding-3-small"

/* A request that embeds one text. */
static inline oai_request *new_embedding(const char *text)
{
    oai_request *request = new_request("POST", "/embeddings", "");
    CHECK_STATUS(oai_request_set_model(request, MODEL), OAI_OK);
    CHECK_STATUS(oai_request_set_inputs(request, &text, NULL, 1), OAI_OK);
    CHECK_STATUS(oai_request_set_dimensions(request, 8), OAI_OK);
    return request;
}

/* Embeds one text and throws the vector away. */
static inline oai_status embed(const oai_client *client, const char *text)
{
    oai_response *response = NULL;
    oai_status status = oai_embed(client, MODEL, &text, NULL, 1, NULL, &response);
    oai_response_free(response);
    return status;
}

#endif
