/* link: static */
/*
 * A host that loads the library at run time and unloads it while it is in use, or exits without a word: the code stays
 * mapped, callbacks still come, and nothing crashes at the end. (Nothing here names a function of the library to the
 * linker, so the static link adds nothing, and the shared library is held by nobody but dlopen.)
 */
#include "support.h"
#include <dlfcn.h>

static char path[4096];

static void *load(int more)
{
    return dlopen(path, RTLD_NOW | RTLD_LOCAL | more);
}

/* A function of the library, by a pointer of its type. */
#define FUNCTION(name) __typeof__(name) *name##_ = (__typeof__(name) *)find(library, #name)

static void (*find(void *library, const char *name))(void)
{
    void (*function)(void) = NULL;
    void *symbol = dlsym(library, name);
    if (symbol == NULL)
        FAIL("%s: %s", name, dlerror());
    memcpy(&function, &symbol, sizeof function);
    return function;
}

struct call {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    __typeof__(oai_response_status) *status_of;
    __typeof__(oai_response_free) *free_it;
    int ends, destroyed;
    oai_status status;
};

static void on_end(void *user_data, uint64_t id, int32_t kind, const char *data, size_t len, oai_response *response)
{
    struct call *call = (struct call *)user_data;
    (void)id, (void)data, (void)len;
    pthread_mutex_lock(&call->lock);
    CHECK_NUMBER(kind, OAI_EVENT_DONE);
    call->status = call->status_of(response);
    call->free_it(response);
    call->ends++;
    pthread_mutex_unlock(&call->lock);
}

static void on_destroy(void *user_data)
{
    struct call *call = (struct call *)user_data;
    pthread_mutex_lock(&call->lock);
    call->destroyed++;
    pthread_cond_signal(&call->changed);
    pthread_mutex_unlock(&call->lock);
}

static oai_client *make_client(void *library)
{
    FUNCTION(oai_client_new);
    oai_client *client = NULL;
    char *config = text_of("{\"base_url\": \"%s/v1\", \"dotenv\": false}", server_url());
    CHECK_NUMBER(oai_client_new_(config, OAI_STRLEN, &client, NULL), OAI_OK);
    free(config);
    return client;
}

static void submit_held(void *library, const oai_client *client, struct call *call)
{
    FUNCTION(oai_embed_async);
    const char *text = "text";
    memset(call, 0, sizeof *call);
    pthread_mutex_init(&call->lock, NULL);
    pthread_cond_init(&call->changed, NULL);
    call->status_of = (__typeof__(oai_response_status) *)find(library, "oai_response_status");
    call->free_it = (__typeof__(oai_response_free) *)find(library, "oai_response_free");
    server_reset();
    server_script("{\"hold\": \"gate\"}");
    CHECK_NUMBER(oai_embed_async_(client, MODEL, &text, NULL, 1, NULL, on_end, call, on_destroy, NULL, NULL), OAI_OK);
    server_wait("in_flight", 1);
}

/* Closed while a request is under way: it ends as ever. */
static void unloaded_in_use(void)
{
    struct call call;
    void *library = load(0);
    CHECK(library != NULL);
    FUNCTION(oai_client_free);
    FUNCTION(oai_shutdown);
    CHECK(dlsym(RTLD_DEFAULT, "oai_embed") == NULL);
    oai_client *client = make_client(library);
    submit_held(library, client, &call);
    CHECK_NUMBER(dlclose(library), 0);
    library = load(RTLD_NOLOAD);
    CHECK(library != NULL);
    CHECK_NUMBER(dlclose(library), 0);
    server_release("gate", 0);
    pthread_mutex_lock(&call.lock);
    while (call.destroyed == 0)
        pthread_cond_wait(&call.changed, &call.lock);
    CHECK(call.ends == 1 && call.destroyed == 1 && call.status == OAI_OK);
    pthread_mutex_unlock(&call.lock);

    /* Loaded again it is the same library, which can be used and unloaded again. */
    library = load(0);
    CHECK((__typeof__(oai_shutdown) *)find(library, "oai_shutdown") == oai_shutdown_);
    submit_held(library, client, &call);
    CHECK_NUMBER(dlclose(library), 0);
    oai_client_free_(client);
    CHECK(call.ends == 1 && call.destroyed == 1 && call.status == OAI_ERR_CANCELLED);
    CHECK_NUMBER(oai_shutdown_(10000, NULL), OAI_OK);
}

/* Only loaded, or with a client that was never used: then there is nothing to end. */
static void never_used(void)
{
    for (int i = 0; i < 3; i++) {
        void *library = load(0);
        FUNCTION(oai_client_free);
        oai_client *client = make_client(library);
        oai_client_free_(client);
        CHECK_NUMBER(dlclose(library), 0);
    }
}

static struct call forgotten;
static oai_client *volatile never_freed;

/* The process ends in the midst of it. */
static void exit_in_use(void)
{
    void *library = load(0);
    never_freed = make_client(library);
    submit_held(library, never_freed, &forgotten);
    CHECK_NUMBER(dlclose(library), 0);
}

int main(void)
{
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 64);
    CHECK(len > 0);
    path[len] = '\0';
    strcpy(strrchr(path, '/'), "/../lib/liboaic.so.0");
    CHECK(load(RTLD_NOLOAD) == NULL);
    in_child(never_used);
    in_child(exit_in_use);
    unloaded_in_use();
    printf("ok unload\n");
    return 0;
}
