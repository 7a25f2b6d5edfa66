/**
 * @file request.hpp
 * Any operation of the API, put together step by step.
 */

#ifndef OAI_REQUEST_HPP
#define OAI_REQUEST_HPP

#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "response.hpp"

namespace oai {

/** The place of a request among those of its model. Waiting counts too, so that nothing waits for ever. */
enum class Priority : std::uint32_t { high = OAI_PRIORITY_HIGH, normal = OAI_PRIORITY_NORMAL, low = OAI_PRIORITY_LOW };

/**
 * A request: `oai::Request("POST", "/chat/completions").json(body).priority(oai::Priority::low)`. What cannot be sent
 * is told by the call that sends it. It is a value: it may be copied, sent again, changed or dropped as soon as it was
 * handed over.
 */
class Request {
public:
    Request(std::string_view method, std::string_view path)
    {
        oai_request *made = nullptr;
        oai_error *error = nullptr;
        const oai_status status = oai_request_new(z(method).c_str(), z(path).c_str(), &made, &error);
        handle_.reset(made);
        if (status != OAI_OK)
            failed_ = std::make_shared<const Error>(detail::take(status, error));
    }

    /** A copy that may be changed on its own. */
    Request(const Request &other) : failed_(other.failed_)
    {
        oai_request *copy = nullptr;
        oai_error *error = nullptr;
        if (other.get() == nullptr)
            return;
        const oai_status status = oai_request_clone(other.get(), &copy, &error);
        handle_.reset(copy);
        if (status != OAI_OK)
            failed_ = std::make_shared<const Error>(detail::take(status, error));
    }
    Request &operator=(const Request &other)
    {
        if (this != &other)
            *this = Request(other);
        return *this;
    }
    Request(Request &&) noexcept = default;
    Request &operator=(Request &&) noexcept = default;
    ~Request() = default;

    /** Sets the body, sent to the letter. `"stream": true` in it makes the answer a stream. */
    Request &json(std::string_view text)
    {
        return set("the JSON body", oai_request_set_json(get(), start(text), text.size()));
    }
    /** Sets a query parameter in place of those of that name. */
    Request &query(std::string_view name, std::string_view value)
    {
        return set("a query parameter", oai_request_set_query(get(), z(name).c_str(), z(value).c_str()));
    }
    /** Adds a query parameter beside those of that name. */
    Request &add_query(std::string_view name, std::string_view value)
    {
        return set("a query parameter", oai_request_add_query(get(), z(name).c_str(), z(value).c_str()));
    }
    /** Sets a header, which wins over one that the client would send. */
    Request &header(std::string_view name, std::string_view value)
    {
        return set("a header", oai_request_set_header(get(), z(name).c_str(), z(value).c_str()));
    }
    /** Sets the texts of an embed call. */
    template <class Texts>
    Request &inputs(const Texts &texts)
    {
        std::string packed;
        std::vector<std::size_t> sizes;
        for (const std::string_view text : texts) {
            packed += text;
            sizes.push_back(text.size());
        }
        return set("the inputs", oai_request_set_inputs_packed(get(), packed.data(), sizes.data(), sizes.size()));
    }
    /** Sets the body's model. */
    Request &model(std::string_view name) { return set("the model", oai_request_set_model(get(), z(name).c_str())); }
    /** Asks for vectors of that length, from models that can shorten them. */
    Request &dimensions(std::uint32_t count) { return set("the dimensions", oai_request_set_dimensions(get(), count)); }
    /** Names your end user, for OpenAI's abuse monitoring. */
    Request &user(std::string_view id) { return set("the user", oai_request_set_user(get(), z(id).c_str())); }
    /** Makes the answer a stream of events. */
    Request &stream(bool on = true) { return set("the stream", oai_request_set_stream(get(), on ? 1 : 0)); }
    /** Sets the place among the requests of the same model. */
    Request &priority(Priority priority)
    {
        return set("the priority", oai_request_set_priority(get(), static_cast<std::uint32_t>(priority)));
    }
    /** Limits the request as a whole, with queue and retries; 0: the client's timeout_ms. */
    Request &timeout(std::chrono::milliseconds limit)
    {
        return set("the timeout", oai_request_set_timeout_ms(get(), static_cast<std::uint64_t>(limit.count())));
    }
    /** Sets the Idempotency-Key header, the same in each attempt. */
    Request &idempotency_key(std::string_view key)
    {
        return set("the idempotency key", oai_request_set_idempotency_key(get(), z(key).c_str()));
    }
    /** Adds a field to the body, which thereby becomes a form. */
    Request &field(std::string_view name, std::string_view value)
    {
        return set("a field", oai_request_add_field(get(), z(name).c_str(), start(value), value.size()));
    }
    /** Adds a file from memory to the form; without a content type the file name's ending tells it. */
    Request &file(std::string_view name, std::string_view filename, std::string_view content,
                  std::string_view content_type = {})
    {
        return set("a file", oai_request_add_file(get(), z(name).c_str(), z(filename).c_str(), or_null(z(content_type)),
                                                  start(content), content.size()));
    }
    /** Adds a file on disk to the form; it is read while it is sent. */
    Request &file_path(std::string_view name, std::string_view path, std::string_view filename = {},
                       std::string_view content_type = {})
    {
        const std::string given = z(filename), type = z(content_type);
        return set("a file", oai_request_add_file_path(get(), z(name).c_str(), z(path).c_str(), or_null(given),
                                                       or_null(type)));
    }
    /** Writes the body of a good answer to a file as it comes. */
    Request &output_path(std::string_view path)
    {
        return set("the output", oai_request_set_output_path(get(), z(path).c_str()));
    }
    /** The same to an open descriptor, which is duplicated. */
    Request &output_fd(int descriptor) { return set("the output", oai_request_set_output_fd(get(), descriptor)); }
    /** Asks for OAI_EVENT_PROGRESS events. */
    Request &progress(bool on = true) { return set("progress", oai_request_set_progress(get(), on ? 1 : 0)); }
    /** Sets the tag that its events carry in a queue. */
    Request &tag(std::uint64_t tag) { return set("the tag", oai_request_set_tag(get(), tag)); }

    /** Leads a list's request to the page behind one; false if that was the last. A Result also with OAI_EXCEPTIONS. */
    Result<bool> next_page(const Response &page)
    {
        std::int32_t more = 0;
        oai_error *error = nullptr;
        const oai_status status = oai_request_next_page(get(), page.get(), &more, &error);
        if (status != OAI_OK)
            return detail::take(status, error);
        return more != 0;
    }

    /** Why it cannot be sent; NULL if it can. */
    const Error *failed() const noexcept { return failed_.get(); }
    /** The handle, for calls of oai.h; NULL if the request could not be made. */
    oai_request *get() const noexcept { return handle_.get(); }

private:
    static std::string z(std::string_view text) { return detail::terminated(text); }
    static const char *or_null(const std::string &text) { return text.empty() ? nullptr : text.c_str(); }
    // An empty view may have no address, which C takes for a mistake.
    static const char *start(std::string_view text) { return text.data() == nullptr ? "" : text.data(); }

    // Keeps the first of the setters that refused.
    Request &set(const char *what, oai_status status)
    {
        if (status != OAI_OK && failed_ == nullptr)
            failed_ = std::make_shared<const Error>(
                status, std::string(what) + " of the request cannot be sent; the log says why");
        return *this;
    }

    detail::Owned<oai_request, oai_request_free> handle_;
    std::shared_ptr<const Error> failed_;
};

} // namespace oai

#endif
