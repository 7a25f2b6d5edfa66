/**
 * @file async.hpp
 * Calls that do not wait: futures, coroutines and stop tokens over oai_submit. Included by client.hpp.
 */

#ifndef OAI_ASYNC_HPP
#define OAI_ASYNC_HPP

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>

#include "error.hpp"
#include "request.hpp"
#include "response.hpp"
#include "sequence.hpp"

#if __cplusplus >= 202002L && __has_include(<coroutine>)
#include <coroutine>
#endif
#if __cplusplus >= 202002L && __has_include(<stop_token>)
#include <stop_token>
#endif

namespace oai {
namespace detail {

/** What waits for a response. */
class Completion {
public:
    virtual ~Completion() = default;
    /** Told once, on a thread of the library. */
    virtual void done(Result<Response> outcome) noexcept = 0;
    /** Told instead, inside submit, if the request is refused. */
    virtual void refused(Error error) noexcept { done(std::move(error)); }
};

extern "C" inline void oai_hpp_event(void *user_data, std::uint64_t, std::int32_t kind, const char *, std::size_t,
                                     oai_response *response)
{
    if (kind == OAI_EVENT_DONE)
        (*static_cast<std::shared_ptr<Completion> *>(user_data))
            ->done(checked(response, oai_response_status(response)));
}

extern "C" inline void oai_hpp_end(void *user_data) { delete static_cast<std::shared_ptr<Completion> *>(user_data); }

/** Submits a Request or a Sequence, and gives its id; 0 if it was refused, which the completion was told. */
template <class Work>
std::uint64_t start(const oai_client *client, const Work &work, const std::shared_ptr<Completion> &completion)
{
    if (const Error *failed = work.failed()) {
        completion->refused(*failed);
        return 0;
    }
    std::uint64_t id = 0;
    oai_error *error = nullptr;
    const oai_status status =
        submit(client, work, oai_hpp_event, new std::shared_ptr<Completion>(completion), oai_hpp_end, &id, &error);
    if (status != OAI_OK)
        completion->refused(take(status, error));
    return id;
}

/** Tells a function of the caller's; what is refused is told to who submits. */
class Told final : public Completion {
public:
    explicit Told(std::function<void(Result<Response>)> told) : told_(std::move(told)) {}
    void done(Result<Response> outcome) noexcept override { told_(std::move(outcome)); }
    void refused(Error error) noexcept override { refusal_ = std::move(error); }
    /** Why it was refused. */
    const std::optional<Error> &refusal() const noexcept { return refusal_; }

private:
    std::function<void(Result<Response>)> told_;
    std::optional<Error> refusal_;
};

#if defined(__cpp_lib_jthread)
/** Cancels a request when a stop token says so, whether that comes before, during or after its submit. */
class Stopper {
public:
    Stopper(const oai_client *client, std::stop_token token) : client_(client), callback_(std::move(token), Stop{this})
    {
    }
    /** The request has its id now. */
    void accepted(std::uint64_t id)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        id_ = id;
        if (stopped_)
            cancel();
    }
    /** Nobody wants the request's outcome any more. */
    void stop() noexcept
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopped_ = true;
        cancel();
    }
    /** The request has ended: from now on the client may be gone. */
    void ended() noexcept
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        client_ = nullptr;
    }

private:
    struct Stop {
        Stopper *stopper;
        void operator()() const noexcept { stopper->stop(); }
    };
    // One that has ended in the meantime is left as it is.
    void cancel() const noexcept
    {
        if (client_ != nullptr && id_ != 0)
            oai_cancel(client_, id_, nullptr);
    }

    std::mutex mutex_;
    const oai_client *client_;
    std::uint64_t id_ = 0;
    bool stopped_ = false;
    // Calls at once if the token has stopped already: the last to be made, and the first to go.
    std::stop_callback<Stop> callback_;
};
#endif

/** The vectors of an embed call, or a response as it is. */
template <class T>
Result<T> converted(Result<Response> outcome)
{
    if constexpr (std::is_same_v<T, Embeddings>)
        return vectors(std::move(outcome));
    else
        return outcome;
}

} // namespace detail

inline namespace OAI_INLINE_NAMESPACE {

/** A future of what a call gives. With OAI_EXCEPTIONS, get() throws the Error. */
template <class T>
using Future = std::future<Outcome<T>>;

/** Keeps a promise. For this layer's own use. */
template <class T>
class Promise final : public oai::detail::Completion {
public:
    Future<T> future() { return promise_.get_future(); }
    void done(Result<Response> outcome) noexcept override
    {
#ifdef OAI_EXCEPTIONS
        Result<T> made = oai::detail::converted<T>(std::move(outcome));
        if (made)
            promise_.set_value(std::move(made).value());
        else
            promise_.set_exception(std::make_exception_ptr(std::move(made).error()));
#else
        promise_.set_value(oai::detail::converted<T>(std::move(outcome)));
#endif
    }

private:
    std::promise<Outcome<T>> promise_;
};

#if defined(__cpp_lib_jthread)
/** The same, where a stop token cancels. */
template <class T>
class StoppedPromise final : public oai::detail::Completion {
public:
    StoppedPromise(const oai_client *client, std::stop_token token) : stopper_(client, std::move(token)) {}
    Future<T> future() { return promise_.future(); }
    void accepted(std::uint64_t id) { stopper_.accepted(id); }
    void done(Result<Response> outcome) noexcept override
    {
        stopper_.ended();
        promise_.done(std::move(outcome));
    }

private:
    Promise<T> promise_;
    oai::detail::Stopper stopper_;
};
#endif

#if defined(__cpp_lib_coroutine) && defined(__cpp_lib_jthread)
/**
 * What `co_await` takes: it submits the request or sequence, and hands the coroutine to the caller's executor when the
 * outcome is there. The executor is called with a std::coroutine_handle<> on a thread of the library: it must not
 * block, nor resume the coroutine there if that may block.
 *
 * A coroutine may be destroyed while it waits: that cancels the request, and once the destruction has returned the
 * executor is not called for it. If it was called before, the handle is in the caller's hands, and to be dropped there.
 * The destruction waits for a call of the executor that is under way: hold no lock meanwhile that the executor takes.
 */
template <class T, class Executor, class Work = Request>
class Awaitable {
public:
    Awaitable(const oai_client *client, Work work, Executor executor, std::stop_token token)
        : state_(std::make_shared<State>(client, std::move(executor), std::move(token))), work_(std::move(work))
    {
    }
    // It may be moved before it is awaited, as coroutine libraries do.
    Awaitable(Awaitable &&other) noexcept = default;
    Awaitable &operator=(Awaitable &&other) = delete;
    ~Awaitable()
    {
        if (!state_)
            return;
        state_->abandon();
        // Of a request that has ended, or that never began, there is nothing to cancel.
        if (state_->stopper)
            state_->stopper->stop();
    }
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> coroutine)
    {
        // Once it is submitted the coroutine may run on, and end, on another thread: only what is held here is safe.
        const std::shared_ptr<State> state = state_;
        state->coroutine = coroutine;
        state->stopper.emplace(state->client, state->token);
        const std::uint64_t id = oai::detail::start(state->client, work_, state);
        if (id != 0)
            state->stopper->accepted(id);
        // A refused request's outcome is there already.
        return id != 0;
    }
    Outcome<T> await_resume() { return give<T>(oai::detail::converted<T>(*std::move(state_->outcome))); }

private:
    struct State final : oai::detail::Completion {
        State(const oai_client *made, Executor run, std::stop_token stop)
            : client(made), executor(std::move(run)), token(std::move(stop))
        {
        }
        void done(Result<Response> result) noexcept override
        {
            stopper->ended();
            const std::lock_guard<std::recursive_mutex> lock(mutex);
            if (abandoned)
                return;
            outcome.emplace(std::move(result));
            executor(coroutine);
        }
        void refused(Error error) noexcept override { outcome.emplace(std::move(error)); }
        /** The coroutine is done with its wait, or destroyed: from now on it is not to be resumed. */
        void abandon() noexcept
        {
            const std::lock_guard<std::recursive_mutex> lock(mutex);
            abandoned = true;
        }

        const oai_client *client;
        Executor executor;
        std::stop_token token;
        std::coroutine_handle<> coroutine;
        std::optional<oai::detail::Stopper> stopper;
        std::optional<Result<Response>> outcome;
        // Held while the executor is called, which may resume the coroutine there and so end the wait: hence recursive.
        std::recursive_mutex mutex;
        bool abandoned = false;
    };

    std::shared_ptr<State> state_;
    Work work_;
};
#endif

} // namespace OAI_INLINE_NAMESPACE
} // namespace oai

#endif
