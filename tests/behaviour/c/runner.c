/*
 * The runner of the behaviour suite for C: replays the cases of the files given against the test server.
 *
 *     runner FILE.json...
 *
 * OAI_TEST_SERVER_BIN names the server's program. README.md of the folder above says what a case is and what is done
 * with it.
 */
#include "runner.h"
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const levels[] = {"off", "error", "warn", "info", "debug", "trace"};
static const char *url;
static jmp_buf failed;
static char where[512];
static int cases, passed;

_Noreturn void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%s: ", where);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    longjmp(failed, 1);
}

char *text_of(const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    return text;
}

/* Ends everything: the step may be inside of the library. */
static void take_too_long(int signal)
{
    static const char text[] = ": it takes longer than 20 seconds\n";
    (void)signal;
    if (write(STDOUT_FILENO, where, strlen(where)) < 0 || write(STDOUT_FILENO, text, sizeof text - 1) < 0)
        _exit(2);
    _exit(1);
}

static int level_of(const char *name)
{
    for (int level = OAI_LOG_ERROR; level <= OAI_LOG_TRACE; level++)
        if (name != NULL && strcmp(levels[level], name) == 0)
            return level;
    fail("there is no log level %s", name);
}

/* ===== steps ===== */

static struct call *find(struct state *state, const cJSON *step)
{
    const char *as = text_at(step, "as");
    for (size_t i = 0; as != NULL && i < state->count; i++)
        if (strcmp(state->calls[i].as, as) == 0)
            return &state->calls[i];
    fail("no call was started as %s", as);
}

static void do_call(struct state *state, const cJSON *step)
{
    only_keys(step, "do! call! expect");
    cJSON *outcome = call_make(state, item(step, "call"));
    match_outcome(item(step, "expect"), outcome);
    cJSON_Delete(outcome);
}

static void do_start(struct state *state, const cJSON *step)
{
    only_keys(step, "do! as! call!");
    call_start(state, item(step, "call"), text_at(step, "as"));
}

static void do_finish(struct state *state, const cJSON *step)
{
    only_keys(step, "do! as! expect");
    cJSON *outcome = call_finish(state, find(state, step));
    match_outcome(item(step, "expect"), outcome);
    cJSON_Delete(outcome);
}

static void do_cancel(struct state *state, const cJSON *step)
{
    only_keys(step, "do! as!");
    oai_status status = oai_cancel(state->client, find(state, step)->id, NULL);
    if (status != OAI_OK && status != OAI_ERR_UNKNOWN_ID)
        fail("the cancel was refused with %s", oai_status_name(status));
}

static void do_chunks(struct state *state, const cJSON *step)
{
    only_keys(step, "do! as! count!");
    struct call *call = find(state, step);
    while (call->chunks < item(step, "count")->valueint) {
        if (call->response != NULL || call->refused != NULL)
            fail("the stream ended after %d chunks", call->chunks);
        pump(state);
    }
}

static void do_server(struct state *state, const cJSON *step)
{
    (void)state;
    only_keys(step, "do! path! json expect");
    cJSON *answer = server_ask(text_at(step, "path"), item(step, "json"));
    if (has(step, "expect"))
        match("the answer", item(step, "expect"), answer);
    cJSON_Delete(answer);
}

static void do_gaps(struct state *state, const cJSON *step)
{
    (void)state;
    only_keys(step, "do! at_least_ms!");
    const cJSON *least = item(step, "at_least_ms");
    cJSON *log = server_ask("/_log", NULL);
    int gaps = cJSON_GetArraySize(least);
    if (cJSON_GetArraySize(log) != gaps + 1)
        fail("%d requests arrived and not %d", cJSON_GetArraySize(log), gaps + 1);
    for (int i = 0; i < gaps; i++) {
        double gap = item(cJSON_GetArrayItem(log, i + 1), "t_ms")->valuedouble - item(cJSON_GetArrayItem(log, i), "t_ms")->valuedouble;
        if (gap < cJSON_GetArrayItem(least, i)->valuedouble)
            fail("gap %d is %f ms and should be at least %f", i, gap, cJSON_GetArrayItem(least, i)->valuedouble);
    }
    cJSON_Delete(log);
}

static void do_configure(struct state *state, const cJSON *step)
{
    only_keys(step, "do! json! expect");
    oai_error *error = NULL;
    char *json = cJSON_PrintUnformatted(item(step, "json"));
    oai_status status = oai_client_configure_json(state->client, json, OAI_STRLEN, &error);
    cJSON *outcome = plain_outcome(status, error);
    match_outcome(item(step, "expect"), outcome);
    cJSON_Delete(outcome);
    cJSON_free(json);
}

typedef oai_status (*tell)(const oai_client *, char **, size_t *, oai_error **);

/* A text that the client tells of itself, to be freed by oai_string_free. */
static char *told(const struct state *state, tell tell)
{
    char *text;
    if (tell(state->client, &text, NULL, NULL) != OAI_OK)
        fail("the client tells nothing");
    return text;
}

static void match_told(const struct state *state, const cJSON *step, tell tell)
{
    only_keys(step, "do! expect!");
    char *text = told(state, tell);
    cJSON *json = cJSON_Parse(text);
    oai_string_free(text);
    match("the outcome", item(step, "expect"), json);
    cJSON_Delete(json);
}

static void do_config(struct state *state, const cJSON *step)
{
    match_told(state, step, oai_client_config_json);
}

static void do_stats(struct state *state, const cJSON *step)
{
    match_told(state, step, oai_client_stats_json);
}

static void do_prometheus(struct state *state, const cJSON *step)
{
    only_keys(step, "do! contains!");
    char *text = told(state, oai_client_stats_prometheus);
    const cJSON *part;
    cJSON_ArrayForEach(part, item(step, "contains"))
        if (strstr(text, part->valuestring) == NULL)
            fail("%s is not in the text: %s", part->valuestring, text);
    oai_string_free(text);
}

static int was_logged(const struct state *state, const cJSON *line)
{
    only_keys(line, "level! contains!");
    int level = level_of(text_at(line, "level"));
    for (size_t i = 0; i < state->line_count; i++)
        if (state->lines[i].level == level && strstr(state->lines[i].text, text_at(line, "contains")) != NULL)
            return 1;
    return 0;
}

static void do_log(struct state *state, const cJSON *step)
{
    only_keys(step, "do! expect never");
    const cJSON *line, *part;
    cJSON_ArrayForEach(line, item(step, "expect"))
        while (!was_logged(state, line))
            pump(state);
    for (size_t i = 0; i < state->line_count; i++)
        cJSON_ArrayForEach(part, item(step, "never"))
            if (strstr(state->lines[i].text, part->valuestring) != NULL)
                fail("%s was logged: %s", part->valuestring, state->lines[i].text);
}

static void do_webhook(struct state *state, const cJSON *step)
{
    only_keys(step, "do! secret body! id timestamp signature now_ms expect");
    const char *secret = text_at(step, "secret"), *body = text_at(step, "body"), *id = text_at(step, "id");
    const char *timestamp = text_at(step, "timestamp"), *signature = text_at(step, "signature");
    oai_error *error = NULL;
    oai_status status;
    if (secret != NULL) {
        uint64_t now = has(step, "now_ms") ? (uint64_t)item(step, "now_ms")->valuedouble : 0;
        status = oai_webhook_verify_secret(secret, body, OAI_STRLEN, id, timestamp, signature, 0, now, &error);
    } else {
        status = oai_webhook_verify(state->client, body, OAI_STRLEN, id, timestamp, signature, 0, &error);
    }
    cJSON *outcome = plain_outcome(status, error);
    match_outcome(item(step, "expect"), outcome);
    cJSON_Delete(outcome);
}

static void do_close(struct state *state, const cJSON *step)
{
    only_keys(step, "do! timeout_ms! expect");
    oai_error *error = NULL;
    oai_status status = oai_client_close(state->client, (uint64_t)item(step, "timeout_ms")->valuedouble, &error);
    cJSON *outcome = plain_outcome(status, error);
    match_outcome(item(step, "expect"), outcome);
    cJSON_Delete(outcome);
}

static void do_free(struct state *state, const cJSON *step)
{
    only_keys(step, "do!");
    oai_client_free(state->client);
    state->client = NULL;
}

static const struct {
    const char *name;
    void (*run)(struct state *, const cJSON *);
} steps[] = {
    {"call", do_call},           {"start", do_start},   {"finish", do_finish}, {"cancel", do_cancel}, {"chunks", do_chunks},
    {"server", do_server},       {"gaps", do_gaps},     {"config", do_config}, {"stats", do_stats},   {"configure", do_configure},
    {"prometheus", do_prometheus}, {"log", do_log},     {"webhook", do_webhook}, {"close", do_close}, {"free", do_free},
};

static void run_step(struct state *state, const cJSON *step)
{
    const char *name = text_at(step, "do");
    size_t at = 0;
    while (name != NULL && at < sizeof steps / sizeof *steps && strcmp(steps[at].name, name) != 0)
        at++;
    if (name == NULL || at == sizeof steps / sizeof *steps)
        fail("there is no step %s", name);
    if (state->client == NULL && strcmp(name, "finish") != 0 && strcmp(name, "server") != 0 && strcmp(name, "log") != 0)
        fail("there is no client for %s", name);
    alarm(20);
    steps[at].run(state, step);
    alarm(0);
}

/* ===== cases ===== */

static void write_file(const char *name, const char *content)
{
    FILE *file = fopen(name, "w");
    if (file == NULL || fputs(content, file) == EOF || fclose(file) != 0)
        fail("the file %s cannot be written", name);
}

/* The options of a case as JSON, to be freed by cJSON_free. */
static char *config_of(const cJSON *given, const char *key)
{
    cJSON *config = given != NULL ? cJSON_Duplicate(given, 1) : cJSON_CreateObject();
    char *base_url = text_of("%s/v1", url);
    const struct {
        const char *name;
        cJSON *value;
    } own[] = {{"base_url", cJSON_CreateString(base_url)}, {"api_key", cJSON_CreateString(key)}, {"dotenv", cJSON_CreateFalse()}};
    for (size_t i = 0; i < 3; i++) {
        const cJSON *mine = item(config, own[i].name);
        if (mine != NULL && cJSON_IsNull(mine))
            cJSON_DeleteItemFromObject(config, own[i].name);
        if (mine != NULL)
            cJSON_Delete(own[i].value);
        else
            cJSON_AddItemToObject(config, own[i].name, own[i].value);
    }
    char *json = cJSON_PrintUnformatted(config);
    cJSON_Delete(config);
    free(base_url);
    return json;
}

/* Steps 3 to 6 of a case. */
static void make_client(struct state *state, const cJSON *one, const char *key)
{
    const cJSON *entry;
    oai_error *error = NULL;
    int home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (has(one, "log") && oai_set_log_to(level_of(text_at(one, "log")), state->queue, NULL) != OAI_OK)
        fail("the log cannot be read");
    if (home < 0 || chdir(state->folder) != 0)
        fail("the folder is not there");
    cJSON_ArrayForEach(entry, item(one, "files"))
        write_file(entry->string, entry->valuestring);
    cJSON_ArrayForEach(entry, item(one, "environment"))
        setenv(entry->string, entry->valuestring, 1);
    char *json = config_of(item(one, "client"), key);
    oai_status status = oai_client_new(json, OAI_STRLEN, &state->client, &error);
    cJSON_free(json);
    cJSON_ArrayForEach(entry, item(one, "environment"))
        unsetenv(entry->string);
    if (fchdir(home) != 0)
        fail("there is no way back");
    close(home);
    cJSON *outcome = plain_outcome(status, error);
    match_outcome(item(one, "created"), outcome);
    cJSON_Delete(outcome);
}

static void run_case(struct state *state, const cJSON *one, const char *key)
{
    const cJSON *server = item(one, "server"), *step;
    cJSON *nothing = cJSON_CreateObject();
    only_keys(one, "name! why! server client environment files log created steps!");
    cJSON_Delete(server_ask("/_reset", nothing));
    cJSON_Delete(nothing);
    if (server != NULL) {
        only_keys(server, "script limits");
        if (has(server, "script"))
            cJSON_Delete(server_ask("/_script", item(server, "script")));
        if (has(server, "limits"))
            cJSON_Delete(server_ask("/_limits", item(server, "limits")));
    }
    make_client(state, one, key);
    size_t until = strlen(where);
    int number = 0;
    cJSON_ArrayForEach(step, item(one, "steps")) {
        snprintf(where + until, sizeof where - until, ": step %d (%s)", number++, text_at(step, "do"));
        run_step(state, step);
    }
    where[until] = '\0';
}

/* The text with each `name` replaced; the old text is freed. */
static char *replaced(char *text, const char *name, const char *value)
{
    for (char *at = strstr(text, name); at != NULL;) {
        size_t before = (size_t)(at - text);
        char *longer = text_of("%.*s%s%s", (int)before, text, value, at + strlen(name));
        free(text);
        text = longer;
        at = strstr(text + before + strlen(value), name);
    }
    return text;
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
    (void)stat, (void)kind, (void)walk;
    return remove(path);
}

/* Runs a case and frees all that it needed, whatever happens. */
static void attempt(const char *file, const cJSON *written)
{
    static struct state state;
    static cJSON *one;
    static char folder[64];
    char *key = text_of("sk-test-c-%ld-%ld-%d", (long)time(NULL), (long)getpid(), cases);
    cases++;
    memset(&state, 0, sizeof state);
    strcpy(folder, "/tmp/oai-behaviour-XXXXXX");
    state.folder = mkdtemp(folder);
    char *text = replaced(replaced(replaced(cJSON_PrintUnformatted(written), "${server}", url), "${key}", key), "${dir}", folder);
    one = cJSON_Parse(text);
    free(text);
    snprintf(where, sizeof where, "%s: %s", file, text_at(one, "name"));
    if (oai_queue_new(&state.queue, NULL) != OAI_OK)
        abort();
    if (setjmp(failed) == 0) {
        run_case(&state, one, key);
        passed++;
    }
    alarm(0);
    oai_client_free(state.client);
    oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL);
    oai_queue_free(state.queue);
    forget(&state);
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    cJSON_Delete(one);
    free(key);
}

static cJSON *read_file(const char *name)
{
    FILE *file = fopen(name, "r");
    char *text = NULL;
    size_t room = 0;
    ssize_t len = file != NULL ? getdelim(&text, &room, EOF, file) : -1;
    cJSON *json = len > 0 ? cJSON_Parse(text) : NULL;
    if (file != NULL)
        fclose(file);
    free(text);
    return json;
}

int main(int count, char **names)
{
    const char *program = getenv("OAI_TEST_SERVER_BIN");
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGALRM, take_too_long);
    url = program != NULL ? server_start(program) : NULL;
    if (url == NULL || count < 2) {
        fprintf(stderr, "usage: OAI_TEST_SERVER_BIN=oai-test-server runner FILE.json...\n");
        return 2;
    }
    oai_set_log(OAI_LOG_OFF, NULL, NULL, NULL, NULL);
    for (int i = 1; i < count; i++) {
        cJSON *file = read_file(names[i]);
        const cJSON *one;
        if (!cJSON_IsArray(file)) {
            fprintf(stderr, "%s is no JSON array\n", names[i]);
            return 2;
        }
        const char *base = strrchr(names[i], '/');
        cJSON_ArrayForEach(one, file)
            attempt(base != NULL ? base + 1 : names[i], one);
        cJSON_Delete(file);
    }
    oai_shutdown(10000, NULL);
    printf("behaviour c: %d of %d cases passed\n", passed, cases);
    return passed != cases;
}
