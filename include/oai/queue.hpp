/**
 * @file queue.hpp
 * Completion queues, for event loops: events wait until your own thread takes them.
 */

#ifndef OAI_QUEUE_HPP
#define OAI_QUEUE_HPP

#include <chrono>
#include <cstddef>

#include "error.hpp"
#include "response.hpp"

namespace oai {

/** One event of a queue. Its data lives as long as its batch. */
class Event {
public:
    explicit Event(oai_event_record *record) noexcept : record_(record) {}
    /** The request's id. */
    std::uint64_t id() const noexcept { return record_->id; }
    /** The tag given at the submit; of OAI_EVENT_LOG the line's level. */
    std::uint64_t tag() const noexcept { return record_->tag; }
    /** One of OAI_EVENT_*. */
    std::int32_t kind() const noexcept { return record_->kind; }
    /** Of OAI_EVENT_DONE: what came of the request. */
    oai_status status() const noexcept { return record_->status; }
    /** The event's data, such as a chunk. */
    std::string_view data() const noexcept
    {
        return record_->data == nullptr ? std::string_view() : std::string_view(record_->data, record_->len);
    }
    /** Of OAI_EVENT_DONE: moves the response out, once. */
    Response take_response() noexcept { return Response(oai_record_take_response(record_)); }

private:
    oai_event_record *record_;
};

/** Events that were taken together. */
class Batch {
public:
    explicit Batch(oai_batch *batch, oai_status status = OAI_OK) noexcept : handle_(batch), status_(status)
    {
        if (batch != nullptr)
            oai_batch_records(batch, &records_, &size_);
    }
    /** Walks the events. */
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Event;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = Event;
        explicit iterator(oai_event_record *at = nullptr) noexcept : at_(at) {}
        Event operator*() const noexcept { return Event(at_); }
        iterator &operator++() noexcept { return ++at_, *this; }
        iterator operator++(int) noexcept { return iterator(at_++); }
        bool operator==(const iterator &other) const noexcept { return at_ == other.at_; }
        bool operator!=(const iterator &other) const noexcept { return at_ != other.at_; }

    private:
        oai_event_record *at_;
    };
    iterator begin() const noexcept { return iterator(records_); }
    iterator end() const noexcept { return iterator(records_ + size_); }
    std::size_t size() const noexcept { return size_; }
    /** Whether there was no event, or the time was over. */
    bool empty() const noexcept { return size_ == 0; }
    /** OAI_OK, or why no event will ever come, such as OAI_ERR_FORKED. */
    oai_status status() const noexcept { return status_; }

private:
    detail::Owned<oai_batch, oai_batch_free> handle_;
    oai_status status_;
    oai_event_record *records_ = nullptr;
    std::size_t size_ = 0;
};

inline namespace OAI_INLINE_NAMESPACE {

class Stream;

/** A queue of events. One queue may serve many clients. */
class Queue {
public:
    /** Makes a queue. */
    static Outcome<Queue> make() { return give<Queue>(made()); }
    /** A descriptor to poll, which the queue owns; a negative status if there can be none. */
    std::int64_t fd() const noexcept { return oai_queue_fd(handle_.get()); }
    /** A duplicate of it, which the caller closes, for event loops that close what they get. */
    std::int64_t dup_fd() const noexcept { return oai_queue_dup_fd(handle_.get()); }
    /** Holds requests to this queue back while its events take more bytes than this; 0: never. */
    Outcome<Done> set_max_unread_bytes(std::uint64_t bytes) const
    {
        oai_error *error = nullptr;
        const oai_status status = oai_queue_set_max_unread_bytes(handle_.get(), bytes, &error);
        return give(oai::detail::done(status, error));
    }
    /** How many bytes of events wait to be read. */
    std::uint64_t unread_bytes() const noexcept { return oai_queue_unread_bytes(handle_.get()); }
    /** Takes at most `max` events without waiting. */
    Batch next(std::size_t max = 256) const noexcept
    {
        oai_batch *batch = nullptr;
        const oai_status status = oai_queue_next(handle_.get(), max, &batch);
        return Batch(batch, status);
    }
    /** Takes at most `max` events, and waits for the first. */
    Batch wait(std::size_t max = 256) const noexcept { return wait_ms(max, UINT64_MAX); }
    /** The same for a limited time. */
    Batch wait_for(std::chrono::milliseconds limit, std::size_t max = 256) const noexcept
    {
        return wait_ms(max, oai::detail::unsigned_ms(limit));
    }
    /** Ends one wait: one that waits now, or else the next. */
    void wake() const noexcept { oai_queue_wake(handle_.get()); }
    /** The handle, for calls of oai.h. */
    oai_queue *get() const noexcept { return handle_.get(); }

private:
    friend class Stream;

    explicit Queue(oai_queue *queue) noexcept : handle_(queue) {}
    static Result<Queue> made()
    {
        oai_queue *made = nullptr;
        oai_error *error = nullptr;
        const oai_status status = oai_queue_new(&made, &error);
        if (status != OAI_OK)
            return oai::detail::take(status, error);
        return Queue(made);
    }
    Batch wait_ms(std::size_t max, std::uint64_t limit_ms) const noexcept
    {
        oai_batch *batch = nullptr;
        const oai_status status = oai_queue_wait(handle_.get(), max, limit_ms, &batch);
        return Batch(batch, status);
    }

    oai::detail::Owned<oai_queue, oai_queue_free> handle_;
};

} // namespace OAI_INLINE_NAMESPACE
} // namespace oai

#endif
