// The header from C++: the same calls, with a lambda as callback.
#include "oai.h"
#include "oai.h"

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1);                                                                \
        }                                                                                \
    } while (false)

namespace {

struct Waiting {
    std::mutex mutex;
    std::condition_variable arrived;
    oai_response *response = nullptr;
    bool destroyed = false;
};

template <auto free_it> struct Free {
    template <class T> void operator()(T *handle) const { free_it(handle); }
};
using Client = std::unique_ptr<oai_client, Free<oai_client_free>>;
using Response = std::unique_ptr<oai_response, Free<oai_response_free>>;

Client make_client()
{
    const std::string config = std::string("{\"base_url\": \"") + std::getenv("OAI_TEST_SERVER") + "/v1\", \"api_key\": \"sk-cpp\"}";
    oai_client *client = nullptr;
    oai_error *error = nullptr;
    CHECK(oai_client_new(config.data(), config.size(), &client, &error) == OAI_OK);
    return Client(client);
}

} // namespace

int main()
{
    {
        Client client = make_client();
        const char *inputs[] = {"first", "second"};
        Waiting waiting;
        uint64_t id = 0;
        const oai_status status = oai_embed_async(
            client.get(), "text-embedding-3-small", inputs, nullptr, 2, nullptr,
            [](void *user_data, uint64_t, int32_t kind, const char *, size_t, oai_response *response) {
                auto *waiting = static_cast<Waiting *>(user_data);
                CHECK(kind == OAI_EVENT_DONE);
                std::lock_guard<std::mutex> lock(waiting->mutex);
                waiting->response = response;
            },
            &waiting,
            [](void *user_data) {
                auto *waiting = static_cast<Waiting *>(user_data);
                std::lock_guard<std::mutex> lock(waiting->mutex);
                waiting->destroyed = true;
                waiting->arrived.notify_one();
            },
            &id, nullptr);
        CHECK(status == OAI_OK && id != 0);
        std::unique_lock<std::mutex> lock(waiting.mutex);
        waiting.arrived.wait(lock, [&] { return waiting.destroyed; });
        Response response(waiting.response);
        CHECK(oai_response_status(response.get()) == OAI_OK);
        const float *data = nullptr;
        size_t rows = 0, dims = 0;
        CHECK(oai_response_embeddings(response.get(), &data, &rows, &dims) == OAI_OK);
        CHECK(rows == 2 && dims == 1536 && data != nullptr);
    }
    CHECK(oai_shutdown(5000, nullptr) == OAI_OK);
    std::puts("ok cpp");
    return 0;
}
