/*
 * Coroutines on an event loop of one thread (C++20): each line of standard input becomes a coroutine that has the line
 * embedded; all of them run on the thread of main, however many requests are under way.
 *
 *     loop < LINES
 *
 * It takes the key and the server from the environment or from .env, and the model from OAI_EXAMPLE_MODEL, else
 * text-embedding-3-small.
 */
#include <array>
#include <cstdlib>
#include <iostream>
#include <string>

#include <oai.hpp>

#if defined(__cpp_lib_coroutine) && defined(__cpp_lib_jthread)
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace {

/* The executor: coroutines that may go on are put here, by any thread, and resumed by `run`. */
class Loop {
public:
    void post(std::coroutine_handle<> coroutine)
    {
        const std::lock_guard lock(mutex_);
        ready_.push_back(coroutine);
        arrived_.notify_one();
    }
    /* Runs until so many coroutines have ended. */
    void run(const std::size_t &ended, std::size_t all)
    {
        while (ended < all) {
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

/* A coroutine that frees itself at its end. */
struct Task {
    struct promise_type {
        Task get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

Task embed(const oai::Client &client, Loop &loop, const char *model, std::string line, std::size_t &ended)
{
    const auto home = std::this_thread::get_id();
    const std::array<std::string, 1> texts{line};
    const auto vectors =
        co_await client.co_embed(model, texts, [&loop](std::coroutine_handle<> coroutine) { loop.post(coroutine); });
    if (vectors)
        std::cout << line << ": " << vectors->dims() << " numbers";
    else
        std::cout << line << ": " << vectors.error().message();
    std::cout << (std::this_thread::get_id() == home ? "" : " (on a foreign thread)") << '\n';
    ended++;
}

} // namespace

int main()
{
    const char *model = std::getenv("OAI_EXAMPLE_MODEL");
    const auto client = oai::Client::make(oai::Options().queue_size(100000));
    if (!client) {
        std::cerr << client.error().message() << '\n';
        return 1;
    }
    Loop loop;
    std::size_t all = 0, ended = 0;
    for (std::string line; std::getline(std::cin, line); all++)
        embed(*client, loop, model != nullptr ? model : "text-embedding-3-small", line, ended);
    loop.run(ended, all);
    return 0;
}
#else
int main()
{
    std::cerr << "loop: the compiler has no coroutines; build it as C++20\n";
    return 1;
}
#endif
