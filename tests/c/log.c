/*
 * The log: levels, the host's callback on a thread of the library, the environment's level, and no key in any line.
 */
#include "events.h"

static pthread_t main_thread;
static atomic_int lines_on_main, lines_seen, destroyed;

static void count_line(void *user_data, int32_t level, const char *message, size_t len)
{
    (void)user_data;
    CHECK(strlen(message) == len);
    CHECK(level >= OAI_LOG_ERROR && level <= OAI_LOG_TRACE);
    CHECK(strchr(message, '\n') == NULL);
    atomic_fetch_add(&lines_seen, 1);
    if (pthread_equal(pthread_self(), main_thread))
        atomic_fetch_add(&lines_on_main, 1);
}

static void count_destroyed(void *user_data)
{
    CHECK(user_data == &destroyed);
    atomic_fetch_add(&destroyed, 1);
}

/* Lines of a level and above come, the others do not. */
static void levels(void)
{
    static const struct {
        int32_t level;
        int source, attempt;
    } cases[] = {
        {OAI_LOG_OFF, 0, 0}, {OAI_LOG_ERROR, 0, 0}, {OAI_LOG_WARN, 0, 0}, {OAI_LOG_INFO, 1, 0}, {OAI_LOG_DEBUG, 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lines lines = {0};
        capture_log(cases[i].level, &lines);
        oai_client *client = new_client("");
        CHECK_STATUS(embed(client, "text"), OAI_OK);
        /* A refused setting is an error line, which comes after those before it. */
        CHECK_STATUS(oai_set_max_retries(client, 1000000), OAI_ERR_CONFIG);
        char *text = cases[i].level == OAI_LOG_OFF ? NULL : wait_lines(&lines, "max_retries", 1);
        const char *lines_so_far = text == NULL ? "" : text;
        CHECK_NUMBER(count_parts(lines_so_far, "api key from"), cases[i].source);
        CHECK_NUMBER(count_parts(lines_so_far, "attempt 1 of POST /embeddings"), cases[i].attempt);
        CHECK(strstr(lines_so_far, "sk-test") == NULL);
        free(text);
        oai_client_free(client);
        end_capture(&lines);
    }
}

/* The callback runs on another thread, and its destructor once, when another callback takes its place. */
static void threads(void)
{
    main_thread = pthread_self();
    CHECK_STATUS(oai_set_log(OAI_LOG_DEBUG, count_line, &destroyed, count_destroyed, NULL), OAI_OK);
    oai_client *client = new_client("");
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    CHECK_NUMBER(atomic_load(&destroyed), 0);
    CHECK_STATUS(oai_set_log(OAI_LOG_WARN, NULL, NULL, NULL, NULL), OAI_OK);
    oai_client_free(client);
    CHECK_NUMBER(atomic_load(&lines_on_main), 0);
}

/* The library says nothing to stderr but what the level lets through; this process's stderr is a file meanwhile. */
static void check_stderr(const char *variable, const char *level, int attempt, int retry)
{
    char path[] = "/tmp/oaic-test-XXXXXX", text[8192];
    int file = mkstemp(path), before = dup(2);
    CHECK(file >= 0 && before >= 0 && dup2(file, 2) == 2);
    if (variable != NULL)
        CHECK_NUMBER(setenv(variable, level, 1), 0);
    oai_client *client = new_client("\"initial_retry_delay_ms\": 1");
    server_reset();
    server_script("{\"status\": 503}");
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    oai_client_free(client);
    CHECK_STATUS(oai_shutdown(10000, NULL), OAI_OK);
    CHECK(dup2(before, 2) == 2);
    ssize_t len = pread(file, text, sizeof text - 1, 0);
    CHECK(len >= 0);
    text[len] = '\0';
    CHECK_NUMBER(count_parts(text, "attempt 2 of POST /embeddings"), attempt);
    CHECK_NUMBER(count_parts(text, "; retry 1 of 5"), retry);
    CHECK(strstr(text, "sk-test") == NULL);
    CHECK(unlink(path) == 0 && close(file) == 0 && close(before) == 0);
}

static void by_default(void) { check_stderr(NULL, NULL, 0, 1); }
static void by_oai_log(void) { check_stderr("OAI_LOG", "debug", 1, 1); }
static void by_openai_log(void) { check_stderr("OPENAI_LOG", "error", 0, 0); }

/* The more specific variable wins, and a call over both. */
static void by_both(void)
{
    CHECK_NUMBER(setenv("OPENAI_LOG", "debug", 1), 0);
    check_stderr("OAI_LOG", "off", 0, 0);
}

static void by_call(void)
{
    CHECK_NUMBER(setenv("OAI_LOG", "off", 1), 0);
    CHECK_STATUS(oai_set_log(OAI_LOG_DEBUG, NULL, NULL, NULL, NULL), OAI_OK);
    check_stderr(NULL, NULL, 1, 1);
}

static void log_back(void *user_data, int32_t level, const char *message, size_t len)
{
    oai_response *response = NULL;
    (void)level, (void)len;
    if (strstr(message, "attempt 1 of") == NULL || atomic_fetch_add(&lines_seen, 1) > 0)
        return;
    /* A log callback is a callback: nothing blocks in it. */
    oai_request *request = new_embedding("from the log");
    CHECK_STATUS(oai_send((oai_client *)user_data, request, &response), OAI_ERR_STATE);
    oai_response_free(response);
    oai_request_free(request);
}

static void calls_from_the_callback(void)
{
    oai_client *client = new_client("");
    atomic_store(&lines_seen, 0);
    CHECK_STATUS(oai_set_log(OAI_LOG_DEBUG, log_back, client, NULL, NULL), OAI_OK);
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    while (atomic_load(&lines_seen) == 0)
        sched_yield();
    CHECK_STATUS(oai_set_log(OAI_LOG_WARN, NULL, NULL, NULL, NULL), OAI_OK);
    oai_client_free(client);
}

/* Lines from before the first use are kept until there is a thread to bring them. */
static void kept_lines(void)
{
    struct lines lines = {0};
    capture_log(OAI_LOG_INFO, &lines);
    oai_client *client = new_client("");
    CHECK(lines.len == 0);
    CHECK_STATUS(embed(client, "text"), OAI_OK);
    free(wait_lines(&lines, "api key from", 1));
    oai_client_free(client);
    end_capture(&lines);
    CHECK_STATUS(oai_shutdown(1000, NULL), OAI_OK);
}

/* A refused call runs the destructor too. */
static void refused(void)
{
    oai_error *error = NULL;
    int before = atomic_load(&destroyed);
    CHECK_STATUS(oai_set_log(99, count_line, &destroyed, count_destroyed, &error), OAI_ERR_INVALID_ARGUMENT);
    CHECK_HOLDS(oai_error_message(error), "99");
    CHECK_NUMBER(atomic_load(&destroyed), before + 1);
    oai_error_free(error);
}

int main(void)
{
    in_child(by_default);
    in_child(by_oai_log);
    in_child(by_openai_log);
    in_child(by_both);
    in_child(by_call);
    in_child(kept_lines);
    levels();
    calls_from_the_callback();
    threads();
    refused();
    int end = finish("log");
    /* The shutdown has delivered what was on its way, and so ended the first callback. */
    CHECK_NUMBER(atomic_load(&destroyed), 2);
    CHECK(atomic_load(&lines_seen) > 0);
    return end;
}
