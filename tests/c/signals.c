/*
 * Signals are the host's: a connection that is reset before, in or after a large body raises no SIGPIPE, though it is at
 * its default disposition; no handler of the host runs on a thread of the library; the host's mask stays as it was; and
 * a handler that interrupts a waiting call does not end it.
 */
#include "events.h"
#include "listener.h"
#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>

enum { BODY = 8 << 20, ROUNDS = 5, SIGNALS = 100 };

static oai_client *client;
static volatile sig_atomic_t handled, handled_elsewhere;
static volatile pid_t main_thread;

static void on_signal(int signal)
{
    (void)signal;
    handled++;
    if (syscall(SYS_gettid) != main_thread)
        handled_elsewhere++;
}

static void *call_held(void *argument)
{
    (void)argument;
    CHECK_STATUS(embed(client, "held"), OAI_OK);
    return NULL;
}

/* The masks of the library's threads, which are all threads but this one. */
static void check_masks(void)
{
    int found = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char path[300], line[256];
        unsigned long long blocked = 0;
        if (*task->d_name == '.' || atoi(task->d_name) == main_thread)
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        FILE *status = fopen(path, "r");
        CHECK(status != NULL);
        while (fgets(line, sizeof line, status) != NULL)
            sscanf(line, "SigBlk: %llx", &blocked);
        fclose(status);
        for (int signal = 1; signal <= 64; signal++) {
            /* Faults must reach the host's crash handler; two cannot be blocked, and two belong to the C library. */
            int is_open = signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL || signal == SIGKILL ||
                       signal == SIGSTOP;
            if (signal != 32 && signal != 33 && is_open == (int)(blocked >> (signal - 1) & 1))
                FAIL("signal %d is %s on thread %s", signal, is_open ? "blocked" : "open", task->d_name);
        }
        found++;
    }
    closedir(tasks);
    CHECK(found >= 2);
}

/* Answers before the body has come, and hangs up: the writes that follow meet a connection that is closed on both
   sides, which raises SIGPIPE (seen as pending on the library's thread). */
static void answer_too_early(int connection, const char *head)
{
    (void)head;
    send_text(connection, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    CHECK(shutdown(connection, SHUT_WR) == 0 || errno == ENOTCONN);
}

/* Resets at each point of a request that takes many writes. */
static void resets(void)
{
    static const char *const points[] = {"before_read", "after_headers_read", "after_body_read"};
    struct listener listener;
    char *json = (char *)malloc(BODY + 64);
    CHECK(json != NULL);
    memset(json, 'x', BODY + 64);
    memcpy(json, "{\"text\": \"", 10);
    memcpy(json + BODY, "\"}", 3);
    oai_request *request = new_request("POST", "/uploads", json);
    free(json);
    struct sigaction now;
    CHECK_NUMBER(sigaction(SIGPIPE, NULL, &now), 0);
    CHECK(now.sa_handler == SIG_DFL);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
            oai_response *response = NULL;
            char *rule = text_of("{\"match\": {\"path\": \"/v1/uploads\"}, \"times\": null, \"drop\": \"%s\"}", points[i]);
            server_reset();
            server_script(rule);
            free(rule);
            CHECK_STATUS(oai_send(client, request, &response), OAI_ERR_CONNECTION_LOST);
            CHECK(*oai_error_message(oai_response_error(response)) != '\0');
            oai_response_free(response);
        }
    }
    start_listener(&listener, answer_too_early);
    oai_client *other = new_client("\"max_retries\": 0");
    CHECK_STATUS(oai_set_base_url(other, listener.url), OAI_OK);
    for (int round = 0; round < 4 * ROUNDS; round++) {
        oai_response *response = NULL;
        oai_status status = oai_send(other, request, &response);
        CHECK(status == OAI_OK || status == OAI_ERR_CONNECTION_LOST); /* whichever was seen first */
        oai_response_free(response);
    }
    oai_client_free(other);
    stop_listener(&listener);
    oai_request_free(request);
    server_reset();
    CHECK_STATUS(embed(client, "and on it goes"), OAI_OK);
}

/* With the signal blocked on this thread, only a thread of the library could take it. */
static void handlers(void)
{
    sigset_t usr1;
    struct seen seen[8];
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    CHECK_NUMBER(pthread_sigmask(SIG_BLOCK, &usr1, NULL), 0);
    server_reset();
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < SIGNALS; i++) {
        CHECK_NUMBER(kill(getpid(), SIGUSR1), 0);
        if (i < 8)
            submit_text(client, "text", &seen[i]);
    }
    for (int i = 0; i < 8; i++) {
        CHECK_STATUS(wait_end(&seen[i]), OAI_OK);
        forget(&seen[i]);
    }
    CHECK_NUMBER(handled, 0);
    CHECK_NUMBER(pthread_sigmask(SIG_UNBLOCK, &usr1, NULL), 0);
    CHECK_NUMBER(handled, 1);
    CHECK_NUMBER(handled_elsewhere, 0);
}

/* A waiting call goes on behind a handler. */
static void interrupted(void)
{
    server_reset();
    server_script("{\"hold\": \"gate\"}");
    pthread_t thread = start_thread(call_held, NULL);
    server_wait("in_flight", 1);
    handled = 0;
    for (int i = 0; i < SIGNALS; i++) {
        CHECK_NUMBER(pthread_kill(thread, SIGUSR2), 0);
        sched_yield();
    }
    server_release("gate", 0);
    join_thread(thread);
    CHECK(handled > 0);
}

int main(void)
{
    struct seen first = {0};
    sigset_t before, after;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    main_thread = (pid_t)syscall(SYS_gettid);
    action.sa_handler = on_signal;
    CHECK_NUMBER(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_NUMBER(sigaction(SIGUSR2, &action, NULL), 0);
    action.sa_handler = SIG_DFL;
    CHECK_NUMBER(sigaction(SIGPIPE, &action, NULL), 0);
    sigemptyset(&before);
    sigaddset(&before, SIGHUP);
    CHECK_NUMBER(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);

    client = new_client("\"max_retries\": 0");
    CHECK_STATUS(embed(client, "first use"), OAI_OK);
    submit_text(client, "both threads have begun when this was called back", &first);
    CHECK_STATUS(wait_end(&first), OAI_OK);
    forget(&first);
    CHECK_NUMBER(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    for (int signal = 1; signal <= 64; signal++)
        CHECK_NUMBER(sigismember(&after, signal) == 1, signal == SIGHUP);
    if (!is_slow()) /* valgrind keeps masks of its own */
        check_masks();
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL), OAI_OK);
    resets();
    handlers();
    interrupted();
    oai_client_free(client);
    return finish("signals");
}
