/*
 * Makes the calls of a case through the C API, and tells what came of them as JSON.
 */
#include "runner.h"

#define COMMON " priority timeout_ms idempotency_key"

/* ===== outcomes ===== */

static void add_text(cJSON *object, const char *key, const char *text)
{
    cJSON_AddItemToObject(object, key, text != NULL ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static cJSON *error_of(const oai_error *error)
{
    oai_error_view view;
    if (error == NULL || oai_error_get_view(error, &view) != OAI_OK)
        return cJSON_CreateNull();
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "http_status", view.http_status);
    add_text(object, "code", view.code);
    add_text(object, "type", view.type_name);
    add_text(object, "param", view.param);
    add_text(object, "message", view.message);
    add_text(object, "request_id", view.request_id);
    cJSON_AddNumberToObject(object, "retry_after_ms", (double)view.retry_after_ms);
    cJSON_AddBoolToObject(object, "may_have_executed", view.may_have_executed);
    return object;
}

cJSON *plain_outcome(oai_status status, oai_error *error)
{
    cJSON *outcome = cJSON_CreateObject();
    add_text(outcome, "status", oai_status_name(status));
    cJSON_AddItemToObject(outcome, "error", error_of(error));
    oai_error_free(error);
    return outcome;
}

/* The text of a body of chat, of responses or of completions. */
static cJSON *text_in(const cJSON *body)
{
    const cJSON *choice = cJSON_GetArrayItem(item(body, "choices"), 0);
    const cJSON *content = item(item(choice, "message"), "content");
    const cJSON *output = item(body, "output"), *item, *part;
    if (content == NULL)
        content = item(choice, "text");
    if (cJSON_IsString(content))
        return cJSON_CreateString(content->valuestring);
    char *text = NULL;
    cJSON_ArrayForEach(item, output)
        cJSON_ArrayForEach(part, item(item, "content")) {
            const char *type = text_at(part, "type"), *more = text_at(part, "text");
            if (type == NULL || more == NULL || strcmp(type, "output_text") != 0)
                continue;
            char *longer = text_of("%s%s", text != NULL ? text : "", more);
            free(text);
            text = longer;
        }
    cJSON *result = text != NULL ? cJSON_CreateString(text) : cJSON_CreateNull();
    free(text);
    return result;
}

static void add_body(cJSON *outcome, const char *body, size_t len)
{
    cJSON *json = len > 0 ? cJSON_ParseWithLength(body, len) : cJSON_CreateNull();
    if (json == NULL)
        json = cJSON_CreateString(body);
    cJSON_AddItemToObject(outcome, "text", text_in(json));
    cJSON_AddItemToObject(outcome, "body", json);
}

static void add_vectors(cJSON *outcome, const oai_response_view *view)
{
    cJSON_AddNumberToObject(outcome, "rows", (double)view->rows);
    cJSON_AddNumberToObject(outcome, "dims", (double)view->dims);
    if (view->rows * view->dims > 64)
        return;
    cJSON *vectors = cJSON_AddArrayToObject(outcome, "vectors");
    for (size_t i = 0; i < view->rows; i++)
        cJSON_AddItemToArray(vectors, cJSON_CreateFloatArray(view->embeddings + i * view->dims, (int)view->dims));
}

static void add_file(cJSON *outcome, const char *folder, const char *name)
{
    char *path = text_of("%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    char content[4096];
    free(path);
    if (file != NULL) {
        content[fread(content, 1, sizeof content - 1, file)] = '\0';
        fclose(file);
    }
    add_text(outcome, "file", file != NULL ? content : NULL);
}

/* Tells what a response says. */
static cJSON *outcome_of(const oai_response *response, const cJSON *what, const char *folder)
{
    oai_response_view view;
    uint64_t prompt, completion, total;
    if (oai_response_get_view(response, &view) != OAI_OK || oai_response_usage(response, &prompt, &completion, &total) != OAI_OK)
        fail("the response is not there");
    cJSON *outcome = cJSON_CreateObject();
    add_text(outcome, "status", oai_status_name(view.status));
    cJSON_AddNumberToObject(outcome, "http_status", view.http_status);
    cJSON_AddNumberToObject(outcome, "attempts", view.attempts);
    add_text(outcome, "request_id", view.request_id);
    cJSON_AddItemToObject(outcome, "error", error_of(view.error));
    cJSON *headers = cJSON_AddObjectToObject(outcome, "headers");
    for (uint32_t i = 0; i < view.header_count; i++) {
        const char *name, *value;
        if (oai_response_header_at(response, i, &name, &value) == OAI_OK && !has(headers, name))
            cJSON_AddStringToObject(headers, name, value);
    }
    cJSON *usage = cJSON_AddObjectToObject(outcome, "usage");
    cJSON_AddNumberToObject(usage, "prompt_tokens", (double)prompt);
    cJSON_AddNumberToObject(usage, "completion_tokens", (double)completion);
    cJSON_AddNumberToObject(usage, "total_tokens", (double)total);
    if (strcmp(text_at(what, "op"), "embed") == 0)
        add_vectors(outcome, &view);
    add_body(outcome, view.body, view.body_len);
    if (text_at(what, "to") != NULL)
        add_file(outcome, folder, text_at(what, "to"));
    return outcome;
}

/* ===== requests ===== */

static void set(oai_status status)
{
    if (status != OAI_OK)
        fail("the request could not be made: %s", oai_status_name(status));
}

static void set_common(oai_request *request, const cJSON *what)
{
    static const char *const priorities[] = {"high", "normal", "low"};
    const char *priority = text_at(what, "priority"), *key = text_at(what, "idempotency_key");
    const cJSON *timeout = item(what, "timeout_ms");
    uint32_t number = 0;
    if (priority != NULL) {
        while (number < 3 && strcmp(priorities[number], priority) != 0)
            number++;
        set(oai_request_set_priority(request, number));
    }
    if (timeout != NULL)
        set(oai_request_set_timeout_ms(request, (uint64_t)timeout->valuedouble));
    if (key != NULL)
        set(oai_request_set_idempotency_key(request, key));
}

static void set_pairs(oai_request *request, const cJSON *pairs, oai_status (*setter)(oai_request *, const char *, const char *))
{
    const cJSON *pair;
    cJSON_ArrayForEach(pair, pairs)
        set(setter(request, pair->string, cJSON_GetStringValue(pair)));
}

static void set_json(oai_request *request, const cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    set(oai_request_set_json(request, text, OAI_STRLEN));
    cJSON_free(text);
}

static oai_request *new_request(const char *method, const char *path)
{
    oai_request *request;
    if (oai_request_new(method, path, &request, NULL) != OAI_OK)
        fail("no request can be made for %s %s", method, path);
    return request;
}

/* The inputs of an embed call; the array is to be freed, the texts are not. */
static const char **inputs_of(const cJSON *what, size_t *count)
{
    const cJSON *inputs = item(what, "inputs"), *input;
    *count = (size_t)cJSON_GetArraySize(inputs);
    const char **texts = calloc(*count + 1, sizeof *texts);
    size_t at = 0;
    cJSON_ArrayForEach(input, inputs)
        texts[at++] = cJSON_GetStringValue(input);
    return texts;
}

/* What `oai_embed` takes as its options. */
static void set_embed_options(oai_request *request, const cJSON *what)
{
    const cJSON *dimensions = item(what, "dimensions");
    if (dimensions != NULL)
        set(oai_request_set_dimensions(request, (uint32_t)dimensions->valuedouble));
    if (text_at(what, "user") != NULL)
        set(oai_request_set_user(request, text_at(what, "user")));
    set_common(request, what);
}

/* The bodies that are JSON as they stand: op, keys, path, whether it is a stream. */
static const struct {
    const char *op, *path;
    int stream;
    oai_status (*blocking)(const oai_client *, const char *, size_t, oai_response **);
} forms[] = {
    {"chat", "/chat/completions", 0, oai_chat},         {"responses", "/responses", 0, oai_responses},
    {"completions", "/completions", 0, oai_completions}, {"chat_stream", "/chat/completions", 1, NULL},
    {"responses_stream", "/responses", 1, NULL},
};

/* The form of an op, or the number of forms. */
static size_t form_of(const char *op)
{
    size_t form = 0;
    while (form < sizeof forms / sizeof *forms && strcmp(forms[form].op, op) != 0)
        form++;
    return form;
}

/* Makes a request of a call's description; `*stream` tells whether it is one. */
static oai_request *request_of(const struct state *state, const cJSON *what, int *stream)
{
    const char *op = text_at(what, "op");
    size_t form = form_of(op != NULL ? op : "");
    oai_request *request;
    *stream = 0;
    if (op == NULL) {
        fail("the call has no op");
    } else if (form < sizeof forms / sizeof *forms) {
        only_keys(what, forms[form].stream ? "op! json! cancel_after" : "op! json!");
        request = new_request("POST", forms[form].path);
        set_json(request, item(what, "json"));
        *stream = forms[form].stream;
    } else if (strcmp(op, "embed") == 0) {
        only_keys(what, "op! model! inputs! dimensions user" COMMON);
        size_t count;
        const char **texts = inputs_of(what, &count);
        request = new_request("POST", "/embeddings");
        set(oai_request_set_model(request, text_at(what, "model")));
        set(oai_request_set_inputs(request, texts, NULL, count));
        set_embed_options(request, what);
        free(texts);
    } else if (strcmp(op, "moderate") == 0) {
        only_keys(what, "op! input! model");
        cJSON *body = cJSON_CreateObject();
        cJSON_AddStringToObject(body, "input", text_at(what, "input"));
        if (text_at(what, "model") != NULL)
            cJSON_AddStringToObject(body, "model", text_at(what, "model"));
        request = new_request("POST", "/moderations");
        set_json(request, body);
        cJSON_Delete(body);
    } else if (strcmp(op, "models") == 0) {
        only_keys(what, "op!");
        request = new_request("GET", "/models");
    } else if (strcmp(op, "upload") == 0) {
        only_keys(what, "op! filename! content! json!");
        const char *content = text_at(what, "content");
        request = new_request("POST", "/files");
        set_json(request, item(what, "json"));
        set(oai_request_add_file(request, "file", text_at(what, "filename"), NULL, content, strlen(content)));
    } else if (strcmp(op, "download") == 0) {
        only_keys(what, "op! file_id! to");
        char *path = text_of("/files/%s/content", text_at(what, "file_id"));
        request = new_request("GET", path);
        free(path);
        if (text_at(what, "to") != NULL) {
            char *to = text_of("%s/%s", state->folder, text_at(what, "to"));
            set(oai_request_set_output_path(request, to));
            free(to);
        }
    } else if (strcmp(op, "request") == 0) {
        only_keys(what, "op! method! path! query headers json stream cancel_after" COMMON);
        request = new_request(text_at(what, "method"), text_at(what, "path"));
        set_pairs(request, item(what, "query"), oai_request_set_query);
        set_pairs(request, item(what, "headers"), oai_request_set_header);
        if (has(what, "json"))
            set_json(request, item(what, "json"));
        set_common(request, what);
        *stream = cJSON_IsTrue(item(what, "stream"));
    } else {
        fail("there is no op %s that could be started", op);
    }
    if (*stream)
        set(oai_request_set_stream(request, 1));
    return request;
}

/* ===== calls by way of the queue ===== */

struct call *call_start(struct state *state, const cJSON *what, const char *as)
{
    if (state->count == MOST_CALLS)
        fail("too many calls");
    struct call *call = &state->calls[state->count++];
    oai_error *error = NULL;
    int stream;
    memset(call, 0, sizeof *call);
    call->what = what;
    call->as = as;
    oai_request *request = request_of(state, what, &stream);
    if (stream)
        oai_fold_new(&call->fold, NULL);
    if (has(what, "cancel_after"))
        call->cancel_after = item(what, "cancel_after")->valueint;
    oai_status status = oai_submit_to(state->client, request, state->queue, state->count, &call->id, &error);
    if (status != OAI_OK) {
        call->refused = plain_outcome(status, error);
        cJSON_AddNumberToObject(call->refused, "attempts", 0);
        cJSON_AddNumberToObject(call->refused, "http_status", 0);
    }
    oai_request_free(request);
    return call;
}

void pump(struct state *state)
{
    oai_batch *batch;
    oai_event_record *records;
    size_t count;
    if (oai_queue_wait(state->queue, 64, UINT64_MAX, &batch) != OAI_OK ||
        oai_batch_records(batch, &records, &count) != OAI_OK)
        fail("the queue does not work");
    for (size_t i = 0; i < count; i++) {
        if (records[i].kind == OAI_EVENT_LOG) {
            if (state->line_count < MOST_LINES) {
                state->lines[state->line_count].level = (int)records[i].tag;
                state->lines[state->line_count++].text = text_of("%s", records[i].data);
            }
            continue;
        }
        struct call *call = &state->calls[records[i].tag - 1];
        if (records[i].kind == OAI_EVENT_CHUNK) {
            call->chunks++;
            oai_fold_push(call->fold, records[i].data, records[i].len, NULL);
            if (call->chunks == call->cancel_after)
                oai_cancel(state->client, call->id, NULL);
        } else if (records[i].kind == OAI_EVENT_DONE) {
            call->response = oai_record_take_response(&records[i]);
        }
    }
    oai_batch_free(batch);
}

cJSON *call_finish(struct state *state, struct call *call)
{
    while (call->response == NULL && call->refused == NULL)
        pump(state);
    cJSON *outcome = call->refused;
    call->refused = NULL;
    if (outcome == NULL)
        outcome = outcome_of(call->response, call->what, state->folder);
    if (call->fold != NULL) {
        char *json;
        size_t len;
        cJSON_AddNumberToObject(outcome, "chunks", call->chunks);
        if (oai_fold_finish(call->fold, &json, &len, NULL) != OAI_OK)
            fail("the chunks cannot be folded");
        cJSON_DeleteItemFromObject(outcome, "body");
        cJSON_DeleteItemFromObject(outcome, "text");
        add_body(outcome, json, len);
        oai_string_free(json);
    }
    return outcome;
}

/* ===== blocking calls ===== */

static cJSON *pages_of(const struct state *state, const cJSON *what)
{
    only_keys(what, "op! path! query");
    cJSON *outcome = NULL, *ids = cJSON_CreateArray();
    int count = 0;
    oai_pages *pages;
    oai_response *page;
    oai_request *request = new_request("GET", text_at(what, "path"));
    set_pairs(request, item(what, "query"), oai_request_set_query);
    if (oai_pages_new(state->client, request, &pages, NULL) != OAI_OK)
        fail("no pages can be had");
    for (;;) {
        oai_status status = oai_pages_next(pages, &page);
        if (page == NULL)
            break;
        cJSON *one = outcome_of(page, what, state->folder);
        const cJSON *element;
        oai_response_free(page);
        cJSON_Delete(outcome);
        outcome = one;
        if (status != OAI_OK)
            break;
        count++;
        cJSON_ArrayForEach(element, item(item(one, "body"), "data"))
            cJSON_AddItemToArray(ids, cJSON_CreateString(text_at(element, "id")));
    }
    oai_pages_free(pages);
    oai_request_free(request);
    if (outcome == NULL)
        fail("there was no page at all");
    cJSON_AddNumberToObject(outcome, "pages", count);
    cJSON_AddItemToObject(outcome, "ids", ids);
    return outcome;
}

cJSON *call_make(struct state *state, const cJSON *what)
{
    const char *op = text_at(what, "op");
    if (op != NULL && strcmp(op, "pages") == 0)
        return pages_of(state, what);
    int stream;
    /* Also checks the keys. */
    oai_request *request = request_of(state, what, &stream);
    oai_response *response = NULL;
    size_t form = form_of(op);
    char *json = cJSON_PrintUnformatted(item(what, "json"));
    if (stream) {
        oai_request_free(request);
        cJSON_free(json);
        return call_finish(state, call_start(state, what, ""));
    }
    if (strcmp(op, "embed") == 0) {
        size_t count;
        const char **texts = inputs_of(what, &count);
        oai_request *options = new_request("POST", "/embeddings");
        set_embed_options(options, what);
        oai_embed(state->client, text_at(what, "model"), texts, NULL, count, options, &response);
        oai_request_free(options);
        free(texts);
    } else if (form < sizeof forms / sizeof *forms) {
        forms[form].blocking(state->client, json, OAI_STRLEN, &response);
    } else if (strcmp(op, "moderate") == 0) {
        oai_moderate(state->client, text_at(what, "input"), OAI_STRLEN, text_at(what, "model"), &response);
    } else if (strcmp(op, "models") == 0) {
        oai_models(state->client, &response);
    } else if (strcmp(op, "upload") == 0) {
        oai_file_upload(state->client, json, OAI_STRLEN, text_at(what, "filename"), text_at(what, "content"), OAI_STRLEN,
                        &response);
    } else {
        oai_send(state->client, request, &response);
    }
    cJSON_free(json);
    oai_request_free(request);
    cJSON *outcome = outcome_of(response, what, state->folder);
    oai_response_free(response);
    return outcome;
}

void forget(struct state *state)
{
    for (size_t i = 0; i < state->count; i++) {
        oai_response_free(state->calls[i].response);
        cJSON_Delete(state->calls[i].refused);
        oai_fold_free(state->calls[i].fold);
    }
    for (size_t i = 0; i < state->line_count; i++)
        free(state->lines[i].text);
    state->count = state->line_count = 0;
}
