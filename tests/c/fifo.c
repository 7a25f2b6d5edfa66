/*
 * Order: first in, first out at the server with one slot, and in the dispatch with five; priorities; and a raised limit.
 */
#include "events.h"

enum { MOST = 200 };

static struct seen all[2 * MOST];

/* Waits for what was submitted and frees the recorders. */
static void collect(int count)
{
    for (int i = 0; i < count; i++)
        CHECK_STATUS(wait_end(&all[i]), OAI_OK);
    for (int i = 0; i < count; i++)
        forget(&all[i]);
    seen_ends = 0;
}

/* Submits the numbers from `first` to before `end` as texts. */
static void submit_numbers(const oai_client *client, int first, int end)
{
    for (int i = first; i < end; i++) {
        char *text = text_of("%d", i);
        submit_text(client, text, &all[i]);
        free(text);
    }
}

static void one_slot(void)
{
    oai_client *client = new_client("\"max_concurrent_requests\": 1, \"queue_size\": 200");
    server_reset();
    server_script("{\"hold\": \"gate\"}");
    submit_numbers(client, 0, MOST);
    server_wait("in_flight", 1);
    server_release("gate", 0);
    for (int i = 0; i < MOST; i++)
        CHECK_STATUS(wait_end(&all[i]), OAI_OK);
    for (int i = 0; i < MOST; i++)
        CHECK_NUMBER(all[i].order, i);
    collect(MOST);

    char *log = server_log(MOST);
    int next = 0;
    for (const char *entry = json_first(log); entry != NULL; entry = json_next(entry), next++) {
        char *text = text_of("%d", next);
        CHECK(json_is(entry, "body.input.0", text));
        free(text);
    }
    CHECK_NUMBER(next, MOST);
    CHECK_NUMBER(server_stat("max_in_flight"), 1);
    free(log);
    oai_client_free(client);
}

/* The order of the attempts as the log tells it. */
static void check_dispatch(const char *text, const uint64_t *ids, int count)
{
    int next = 0;
    for (const char *at = text; (at = strstr(at, ": attempt 1 of ")) != NULL; at++) {
        const char *start = at;
        while (start[-1] >= '0' && start[-1] <= '9')
            start--;
        CHECK(next < count);
        CHECK_NUMBER(strtoull(start, NULL, 10), ids[next]);
        next++;
    }
    CHECK_NUMBER(next, count);
}

static void five_slots(void)
{
    struct lines lines = {0};
    uint64_t ids[2 * MOST];
    oai_client *client = new_client("\"max_concurrent_requests\": 5, \"queue_size\": 400");
    server_reset();
    capture_log(OAI_LOG_DEBUG, &lines);
    server_script("{\"times\": 5, \"hold\": \"gate\"}");
    submit_numbers(client, 0, MOST);
    server_wait("in_flight", 5);
    /* The second half is submitted while the first is under way. */
    server_release("gate", 0);
    submit_numbers(client, MOST, 2 * MOST);
    for (int i = 0; i < 2 * MOST; i++)
        ids[i] = all[i].id;
    char *text = wait_lines(&lines, ": attempt 1 of ", 2 * MOST);
    check_dispatch(text, ids, 2 * MOST);
    collect(2 * MOST);
    CHECK_NUMBER(server_stat("max_in_flight"), 5);
    end_capture(&lines);
    free(text);
    oai_client_free(client);
}

/* The same while slots become free and are taken at any moment. */
static void free_slots(void)
{
    struct lines lines = {0};
    uint64_t ids[2 * MOST];
    oai_client *client = new_client("\"max_concurrent_requests\": 5, \"queue_size\": 400");
    server_reset();
    capture_log(OAI_LOG_DEBUG, &lines);
    submit_numbers(client, 0, 2 * MOST);
    for (int i = 0; i < 2 * MOST; i++)
        ids[i] = all[i].id;
    char *text = wait_lines(&lines, ": attempt 1 of ", 2 * MOST);
    check_dispatch(text, ids, 2 * MOST);
    collect(2 * MOST);
    end_capture(&lines);
    free(text);
    oai_client_free(client);
}

/* Submits "first" and then one text of each priority and model in the list, and checks the order at the server. */
static void check_order(const char *json, int count, const uint32_t *priorities, const char *const *models,
                        const int *order)
{
    oai_client *client = new_client(json);
    server_reset();
    server_script("{\"hold\": \"gate\"}");
    submit_text(client, "first", &all[count]);
    server_wait("in_flight", 1);
    for (int i = 0; i < count; i++) {
        char *text = text_of("%d", i);
        oai_request *request = new_embedding(text);
        CHECK_STATUS(oai_request_set_priority(request, priorities[i]), OAI_OK);
        CHECK_STATUS(oai_request_set_model(request, models[i]), OAI_OK);
        CHECK_STATUS(submit(client, request, &all[i]), OAI_OK);
        oai_request_free(request);
        free(text);
    }
    server_release("gate", 0);
    collect(count + 1);
    char *log = server_log(count + 1);
    const char *entry = json_first(log);
    CHECK(json_is(entry, "body.input.0", "first"));
    for (int i = 0; i < count; i++) {
        char *text = text_of("%d", order[i]);
        entry = json_next(entry);
        CHECK(entry != NULL && json_is(entry, "body.input.0", text));
        free(text);
    }
    free(log);
    oai_client_free(client);
}

static void priorities(void)
{
    const uint32_t low = OAI_PRIORITY_LOW, normal = OAI_PRIORITY_NORMAL, high = OAI_PRIORITY_HIGH;
    const uint32_t mixed[] = {low, normal, high, normal, low, high};
    const char *const same[] = {MODEL, MODEL, MODEL, MODEL, MODEL, MODEL};
    check_order("\"max_concurrent_requests\": 1, \"ageing_ms\": 3600000", 6, mixed, same, (const int[]){2, 5, 1, 3, 0, 4});
    /* Without ageing there is nothing that a priority could be worth. */
    check_order("\"max_concurrent_requests\": 1, \"ageing_ms\": 0", 6, mixed, same, (const int[]){0, 1, 2, 3, 4, 5});
    /* Models have lanes of their own, whose oldest head is next: a busy one does not hold up another. */
    const char *const models[] = {"a", "b", "a", "c", "b", "a"};
    const uint32_t equal[] = {normal, normal, normal, normal, normal, normal};
    check_order("\"max_concurrent_requests\": 1", 6, equal, models, (const int[]){0, 1, 2, 3, 4, 5});
}

/* Requests that wait start as soon as the limit is raised, while the first is still held. */
static void raised_limit(void)
{
    oai_client *client = new_client("\"max_concurrent_requests\": 1");
    server_reset();
    server_script("{\"times\": null, \"hold\": \"gate\"}");
    submit_numbers(client, 0, 8);
    server_wait("in_flight", 1);
    CHECK_STATUS(oai_set_max_concurrent_requests(client, 3), OAI_OK);
    server_wait("in_flight", 3);
    CHECK_STATUS(oai_client_configure_json(client, "{\"max_concurrent_requests\": 6}", OAI_STRLEN, NULL), OAI_OK);
    server_wait("in_flight", 6);
    /* Lowered, nothing is taken back, and what is over the limit ends before anything new starts. */
    CHECK_STATUS(oai_set_max_concurrent_requests(client, 1), OAI_OK);
    server_release("gate", 5);
    server_wait("in_flight", 1);
    server_release("gate", 0);
    collect(8);
    CHECK_NUMBER(server_stat("max_in_flight"), 6);
    char *log = server_log(8);
    CHECK_NUMBER(json_number(log, "6.in_flight"), 1);
    CHECK_NUMBER(json_number(log, "7.in_flight"), 1);
    free(log);
    oai_client_free(client);
}

int main(void)
{
    one_slot();
    five_slots();
    for (int i = 0; i < (is_slow() ? 1 : 5); i++)
        free_slots();
    priorities();
    raised_limit();
    return finish("fifo");
}
