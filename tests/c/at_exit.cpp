/*
 * A client in a static object of C++: it is used and freed when the thread-local storage of the main thread is gone.
 */
#include "support.h"

#include <cstdio>

namespace {

bool destructed;
bool called_back;

void on_event(void *, uint64_t, int32_t, const char *, size_t, oai_response *response)
{
    called_back = true;
    oai_response_free(response);
}

void on_end(void *) { destructed = true; }

/* Made before main, destroyed after it. */
struct Static {
    oai_client *client = nullptr;

    ~Static()
    {
        const char *text = "late";
        oai_response *response = nullptr;
        CHECK_STATUS(oai_embed(client, "m", &text, nullptr, 1, nullptr, &response), OAI_OK);
        oai_response_free(response);
        CHECK_STATUS(oai_client_close(client, 10000, nullptr), OAI_OK);
        CHECK_STATUS(oai_embed_async(client, "m", &text, nullptr, 1, nullptr, on_event, nullptr, on_end, nullptr, nullptr),
                     OAI_ERR_CLOSED);
        CHECK(destructed && !called_back);
        oai_client_free(client);
        /* A panic inside the library would have said so. */
        CHECK_NUMBER(fseek(stderr, 0, SEEK_END), 0);
        CHECK_NUMBER(ftell(stderr), 0);
        std::puts("ok at_exit");
    }
} last;

} // namespace

int main()
{
    CHECK(freopen("stderr.txt", "w+", stderr) != nullptr);
    CHECK_STATUS(oai_set_log(OAI_LOG_OFF, nullptr, nullptr, nullptr, nullptr), OAI_OK);
    last.client = new_client("");
    CHECK_STATUS(embed(last.client, "first"), OAI_OK);
    return 0;
}
