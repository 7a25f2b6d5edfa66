/*
 * Futures, coroutines on the caller's executor, and stop tokens.
 */
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "server.hpp"

namespace {

constexpr std::string_view hello = R"({"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]})";

oai::Request chat() { return oai::Request("POST", "/chat/completions").json(hello); }

using Async = Server;

TEST_F(Async, FuturesGiveResults)
{
    const oai::Client client = new_client(oai::Options().queue_size(1000));
    std::vector<oai::Future<oai::Response>> all;
    for (int i = 0; i < 50; i++)
        all.push_back(client.send_async(chat()));
    for (auto &future : all)
        EXPECT_TRUE(future.get());
    const std::vector<std::string> texts{"a", "b"};
    EXPECT_EQ(client.embed_async("m", texts).get()->rows(), 2U);
    ASSERT_TRUE(client.close(std::chrono::seconds(10)));
    EXPECT_EQ(client.send_async(chat()).get().error().status(), OAI_ERR_CLOSED);
    EXPECT_EQ(client.send_async(oai::Request("POST", "bad path")).get().error().status(), OAI_ERR_INVALID_ARGUMENT);
}

#if defined(__cpp_lib_jthread)
TEST_F(Async, AStopTokenCancels)
{
    script(R"({"drop":"hang","times":null})");
    const oai::Client client = new_client();
    std::stop_source source;
    std::jthread stopper([&source] {
        server_get("/_stats", "in_flight", "1");
        source.request_stop();
    });
    EXPECT_EQ(client.send(chat(), source.get_token()).error().status(), OAI_ERR_CANCELLED);
    EXPECT_EQ(server_get("/_stats", "in_flight", "0")["in_flight"], 0);
    // One that had stopped before.
    EXPECT_EQ(client.send(chat(), source.get_token()).error().status(), OAI_ERR_CANCELLED);
    const std::vector<std::string> texts{"a"};
    EXPECT_EQ(client.embed_async("m", texts, source.get_token()).get().error().status(), OAI_ERR_CANCELLED);
}

TEST_F(Async, AStopTokenEndsAStream)
{
    script(R"({"pass":true,"chunk_delay_ms":20,"times":null})");
    const oai::Client client = new_client();
    std::stop_source source;
    auto stream = client.stream(chat(), source.get_token());
    ASSERT_TRUE(stream);
    int events = 0;
    for (const std::string_view event : *stream) {
        events += event.empty() ? 0 : 1;
        source.request_stop();
    }
    EXPECT_EQ(events, 1);
    EXPECT_EQ(stream->error()->status(), OAI_ERR_CANCELLED);
    // What has stopped before it began, and what stops after its end.
    EXPECT_EQ(client.stream(chat(), source.get_token())->finish().error().status(), OAI_ERR_CANCELLED);
    std::stop_source late;
    auto whole = client.stream(chat(), late.get_token());
    EXPECT_TRUE(whole->finish());
    late.request_stop();
    EXPECT_FALSE(whole->error().has_value());
}

TEST_F(Async, AStopTokenMayOutliveTheClient)
{
    std::stop_source source;
    oai::Future<oai::Response> left;
    {
        const oai::Client client = new_client();
        left = client.send_async(chat(), source.get_token());
    }
    source.request_stop();
    EXPECT_EQ(left.get().error().status(), OAI_ERR_CANCELLED);
}
#endif

#if defined(__cpp_lib_coroutine) && defined(__cpp_lib_jthread)

/* A coroutine that nobody waits for. */
struct Task {
    struct promise_type {
        Task get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

/* An executor of the caller's: coroutines run on the thread that calls run. */
class Loop {
public:
    void post(std::coroutine_handle<> coroutine)
    {
        const std::lock_guard lock(mutex_);
        ready_.push_back(coroutine);
        arrived_.notify_one();
    }
    void run(const int &left)
    {
        while (left > 0) {
            std::unique_lock lock(mutex_);
            arrived_.wait(lock, [this] { return !ready_.empty(); });
            const std::coroutine_handle<> coroutine = ready_.front();
            ready_.pop_front();
            lock.unlock();
            coroutine.resume();
        }
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<std::coroutine_handle<>> ready_;
};

Task talk(const oai::Client &client, Loop &loop, int &left, int &good)
{
    const auto here = std::this_thread::get_id();
    const auto on_loop = [&loop](std::coroutine_handle<> coroutine) { loop.post(coroutine); };
    auto answer = co_await client.co_send(chat(), on_loop);
    EXPECT_EQ(std::this_thread::get_id(), here);
    const std::vector<std::string> texts{"a", "b", "c"};
    auto vectors = co_await client.co_embed("m", texts, on_loop);
    EXPECT_EQ(std::this_thread::get_id(), here);
    const oai::Sequence wait = oai::Sequence::wait_until(oai::Request("GET", "/batches/batch-test"));
    auto batch = co_await client.co_send(wait, on_loop);
    EXPECT_EQ(std::this_thread::get_id(), here);
    good += answer && vectors && vectors->rows() == 3 && batch ? 1 : 0;
    left--;
}

Task stopped(const oai::Client &client, Loop &loop, int &left, std::stop_token token, oai_status &status)
{
    const auto on_loop = [&loop](std::coroutine_handle<> coroutine) { loop.post(coroutine); };
    auto answer = co_await client.co_send(chat(), on_loop, token);
    status = answer ? OAI_OK : answer.error().status();
    left--;
}

TEST_F(Async, CoroutinesGoOnOnTheirExecutor)
{
    const oai::Client client = new_client(oai::Options().queue_size(1000));
    Loop loop;
    int left = 20, good = 0;
    for (int i = 0; i < 20; i++)
        talk(client, loop, left, good);
    loop.run(left);
    EXPECT_EQ(good, 20);
}

/* A coroutine that its owner destroys. */
class Owned {
public:
    struct promise_type {
        Owned get_return_object() { return Owned(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
    explicit Owned(std::coroutine_handle<> coroutine) : coroutine_(coroutine) {}
    Owned(const Owned &) = delete;
    Owned &operator=(const Owned &) = delete;
    ~Owned() { coroutine_.destroy(); }
    bool done() const { return coroutine_.done(); }

private:
    std::coroutine_handle<> coroutine_;
};

template <class Executor>
Owned ask(const oai::Client &client, Executor executor, bool &answered)
{
    const auto answer = co_await client.co_send(chat(), executor);
    answered = answer.has_value();
}

TEST_F(Async, ADestroyedCoroutineIsCancelledAndNeverResumed)
{
    script(R"({"drop":"hang"})");
    const oai::Client client = new_client();
    std::atomic<int> resumed{0};
    const auto counts = [&resumed](std::coroutine_handle<>) { resumed++; };
    bool answered = false;
    {
        const Owned waiting = ask(client, counts, answered);
        server_get("/_stats", "in_flight", "1");
        EXPECT_FALSE(waiting.done());
    }
    // Without a cancel it would hang, and the close with it.
    EXPECT_TRUE(client.close(std::chrono::seconds(10)));
    EXPECT_EQ(server_get("/_stats", "in_flight", "0")["client_gone"], 1);
    EXPECT_EQ(resumed, 0);
    EXPECT_FALSE(answered);
}

TEST_F(Async, ACoroutineMayBeResumedAndEndInItsExecutor)
{
    const oai::Client client = new_client();
    std::atomic<bool> over{false};
    const auto inlined = [&over](std::coroutine_handle<> coroutine) {
        coroutine.resume();
        over = true;
    };
    bool answered = false;
    const Owned waiting = ask(client, inlined, answered);
    while (!over)
        std::this_thread::yield();
    EXPECT_TRUE(waiting.done() && answered);
}

TEST_F(Async, CoroutinesAreStoppedAndRefused)
{
    script(R"({"drop":"hang","times":null})");
    const oai::Client client = new_client();
    Loop loop;
    int left = 1;
    oai_status status = OAI_OK;
    std::stop_source source;
    stopped(client, loop, left, source.get_token(), status);
    server_get("/_stats", "in_flight", "1");
    source.request_stop();
    loop.run(left);
    EXPECT_EQ(status, OAI_ERR_CANCELLED);
    ASSERT_TRUE(client.close(std::chrono::seconds(10)));
    // Refused: it does not suspend at all.
    left = 1;
    stopped(client, loop, left, {}, status);
    EXPECT_EQ(left, 0);
    EXPECT_EQ(status, OAI_ERR_CLOSED);
}
#endif

} // namespace
