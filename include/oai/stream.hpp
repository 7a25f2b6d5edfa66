/**
 * @file stream.hpp
 * Streams and lists as ranges. Included by client.hpp.
 */

#ifndef OAI_STREAM_HPP
#define OAI_STREAM_HPP

#include <atomic>
#include <iterator>
#include <memory>
#include <optional>

#include "async.hpp"
#include "fold.hpp"
#include "queue.hpp"

namespace oai {
inline namespace OAI_INLINE_NAMESPACE {

/**
 * An answer that comes event by event: `for (std::string_view event : stream)`. A slow reader stops the reading of the
 * socket; leaving the stream closes the connection. Its client must outlive it.
 */
class Stream {
public:
    Stream(Stream &&other) noexcept = default;
    Stream &operator=(Stream &&other) noexcept = default;
    ~Stream() = default;

    /** Walks the events; each lives until the next step. With OAI_EXCEPTIONS a step throws what broke the stream. */
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = std::string_view;
        using difference_type = std::ptrdiff_t;
        using pointer = const std::string_view *;
        using reference = std::string_view;
        explicit iterator(Stream *stream = nullptr) : stream_(stream) { ++*this; }
        std::string_view operator*() const noexcept { return event_; }
        iterator &operator++()
        {
            if (stream_ == nullptr)
                return *this;
            if (const auto next = stream_->next())
                event_ = *next;
            else
                stream_ = nullptr;
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(const iterator &other) const noexcept { return stream_ == other.stream_; }
        bool operator!=(const iterator &other) const noexcept { return stream_ != other.stream_; }

    private:
        Stream *stream_;
        std::string_view event_;
    };
    iterator begin() { return iterator(this); }
    iterator end() { return iterator(); }

    /** Waits for the next event, which lives until the next call; nothing at the end. */
    std::optional<std::string_view> next()
    {
        State &state = *state_;
        while (!state.response && state.batch->status() == OAI_OK) {
            for (; state.at != state.batch->end(); ++state.at) {
                Event event = *state.at;
                if (event.kind() == OAI_EVENT_CHUNK) {
                    // What is wrong with a stream, its end says.
                    (void)state.whole.push(event.data());
                    // After a cancel it is given no more; but of a stream that had ended before, the whole is whole.
                    if (state.cancelled)
                        continue;
                    ++state.at;
                    return event.data();
                }
                if (event.kind() == OAI_EVENT_DONE) {
                    // From now on the client may be gone.
                    state.stopper.reset();
                    state.response.emplace(event.take_response());
                }
            }
            if (state.response)
                break;
            state.batch.emplace(state.queue.wait());
            state.at = state.batch->begin();
        }
#ifdef OAI_EXCEPTIONS
        if (auto failed = error())
            throw *std::move(failed);
#endif
        return std::nullopt;
    }

    /** Why the stream did not end as it should; nothing while it runs, and if all went well. */
    std::optional<Error> error() const
    {
        const oai_status status = state_->batch->status();
        if (status != OAI_OK)
            return Error(status, nullptr);
        return state_->response ? state_->response->error() : std::nullopt;
    }

    /** Reads what is left, and gives the whole as the call would have given it without streaming, as JSON. */
    Outcome<std::string> finish()
    {
        while (next()) {
        }
        if (auto failed = error())
            return give<std::string>(*std::move(failed));
        return partial();
    }

    /** What has come so far, as finish would give it, and forgets it. */
    Outcome<std::string> partial()
    {
        return give(state_->whole.finish());
    }

    /** Its response, for headers and attempts; nothing before the end. The usage, if asked for, is in the whole. */
    const Response *response() const noexcept { return state_->response ? &*state_->response : nullptr; }

    /** Ends the stream, from any thread: the connection is dropped at once, and no event follows. */
    void cancel() const noexcept { state_->cancel(); }

    /** Starts a stream. For Client's use. */
    static Result<Stream> start(const oai_client *client, Request request)
    {
        request.stream();
        if (const Error *failed = request.failed())
            return *failed;
        Result<Queue> queue = Queue::made();
        if (!queue)
            return std::move(queue).error();
        oai_error *error = nullptr;
        auto state = std::make_unique<State>(client, std::move(queue).value());
        const oai_status status = oai_submit_to(client, request.get(), state->queue.get(), 0, &state->id, &error);
        if (status != OAI_OK)
            return oai::detail::take(status, error);
        return Stream(std::move(state));
    }
#if defined(__cpp_lib_jthread)
    /** The same, where a stop token cancels. */
    static Result<Stream> start(const oai_client *client, Request request, std::stop_token token)
    {
        Result<Stream> made = start(client, std::move(request));
        if (made) {
            State &state = *made->state_;
            const auto stop = [&state]() noexcept { state.cancel(); };
            state.stopper = std::make_shared<std::stop_callback<decltype(stop)>>(std::move(token), stop);
        }
        return made;
    }
#endif

private:
    struct State {
        State(const oai_client *made, Queue events) : client(made), queue(std::move(events)) {}
        State(const State &) = delete;
        State &operator=(const State &) = delete;
        ~State()
        {
            stopper.reset();
            if (id != 0 && !response)
                cancel();
        }
        void cancel() noexcept
        {
            cancelled = true;
            oai_cancel(client, id, nullptr);
        }

        const oai_client *client;
        Queue queue;
        std::uint64_t id = 0;
        std::optional<Batch> batch{std::in_place, nullptr};
        Batch::iterator at{};
        oai::detail::Folder whole;
        std::optional<Response> response;
        std::atomic<bool> cancelled{false};
        // Without a type, so that sources of several standards may share this one.
        std::shared_ptr<void> stopper;
    };

    explicit Stream(std::unique_ptr<State> state) : state_(std::move(state)) {}

    std::unique_ptr<State> state_;
};

/**
 * The pages of a list: `for (oai::Response &page : pages)`; the next one is fetched while the loop works on one.
 * Its client must outlive it.
 */
class Pages {
public:
    /** Walks the pages. With OAI_EXCEPTIONS a step throws what is wrong with a page. */
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Response;
        using difference_type = std::ptrdiff_t;
        using pointer = Response *;
        using reference = Response &;
        explicit iterator(Pages *pages = nullptr) : pages_(pages) { ++*this; }
        Response &operator*() const noexcept { return *pages_->page_; }
        Response *operator->() const noexcept { return &*pages_->page_; }
        iterator &operator++()
        {
            if (pages_ != nullptr && !pages_->next())
                pages_ = nullptr;
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(const iterator &other) const noexcept { return pages_ == other.pages_; }
        bool operator!=(const iterator &other) const noexcept { return pages_ != other.pages_; }

    private:
        Pages *pages_;
    };
    iterator begin() { return iterator(this); }
    iterator end() { return iterator(); }

    /** What is wrong with the page that ended the loop; nothing if that was the last one. */
    const std::optional<Error> &error() const noexcept { return error_; }

    /** Starts a walk. For Client's use. */
    static Result<Pages> start(const oai_client *client, const Request &request)
    {
        if (const Error *failed = request.failed())
            return *failed;
        oai_pages *made = nullptr;
        oai_error *error = nullptr;
        const oai_status status = oai_pages_new(client, request.get(), &made, &error);
        if (status != OAI_OK)
            return oai::detail::take(status, error);
        return Pages(made);
    }

private:
    explicit Pages(oai_pages *pages) noexcept : handle_(pages) {}

    bool next()
    {
        oai_response *response = nullptr;
        const oai_status status = oai_pages_next(handle_.get(), &response);
        if (response == nullptr && status == OAI_OK)
            return false;
        page_.emplace(response);
        error_ = response != nullptr ? page_->error() : Error(status, nullptr);
#ifdef OAI_EXCEPTIONS
        if (error_)
            throw *error_;
#endif
        return !error_;
    }

    oai::detail::Owned<oai_pages, oai_pages_free> handle_;
    std::optional<Response> page_;
    std::optional<Error> error_;
};

} // namespace OAI_INLINE_NAMESPACE
} // namespace oai

#endif
