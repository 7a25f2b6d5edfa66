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
    levels();
    threads();
    refused();
    int end = finish("log");
    /* The shutdown has delivered what was on its way, and so ended the first callback. */
    CHECK_NUMBER(atomic_load(&destroyed), 2);
    CHECK(atomic_load(&lines_seen) > 0);
    return end;
}
