/**
 * @file response.hpp
 * What comes back: responses and vectors. They own what C handed over.
 */

#ifndef OAI_RESPONSE_HPP
#define OAI_RESPONSE_HPP

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "error.hpp"

#if __cplusplus >= 202002L && __has_include(<span>)
#include <span>
#endif

namespace oai {

/** The tokens that the server counted; 0 where it told nothing. */
struct Usage {
    std::uint64_t prompt_tokens = 0;
    std::uint64_t completion_tokens = 0;
    std::uint64_t total_tokens = 0;
};

/** Floats that belong to someone else: a contiguous range, which under C++20 turns into a std::span<const float>. */
class Floats {
public:
    Floats(const float *data, std::size_t size) noexcept : data_(data), size_(size) {}
    const float *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    const float *begin() const noexcept { return data_; }
    const float *end() const noexcept { return data_ + size_; }
    float operator[](std::size_t i) const noexcept { return data_[i]; }

private:
    const float *data_;
    std::size_t size_;
};

/** The answer to a call. All that it hands out lives as long as it does. */
class Response {
public:
    /** Takes over a response of C. */
    explicit Response(oai_response *response) noexcept : handle_(response) {}

    /** OAI_OK, or what went wrong. Calls hand over responses that went well; streams and callbacks also others. */
    oai_status status() const noexcept { return oai_response_status(handle_.get()); }
    /** The id of the request, unique in the process; 0 if it was refused. */
    std::uint64_t id() const noexcept { return oai_response_id(handle_.get()); }
    /** The HTTP status, 0 if no answer came. */
    int http_status() const noexcept { return oai_response_http_status(handle_.get()); }
    /** How often the request was sent. */
    std::uint32_t attempts() const noexcept { return oai_response_attempts(handle_.get()); }
    /** Which of the client's fallbacks answered, counted from 1; 0 if none did. */
    std::uint32_t fallback() const noexcept { return oai_response_fallback(handle_.get()); }
    /** The body as received, decompressed. A NUL stands behind it. */
    std::string_view body() const noexcept
    {
        const char *data = nullptr;
        std::size_t size = 0;
        oai_response_body(handle_.get(), &data, &size);
        return data == nullptr ? std::string_view() : std::string_view(data, size);
    }
    /** The first value of a header, its name in any case. */
    std::optional<std::string_view> header(std::string_view name) const
    {
        return optional(oai_response_header(handle_.get(), detail::terminated(name).c_str()));
    }
    /** All headers, in the order of the answer. */
    std::vector<std::pair<std::string_view, std::string_view>> headers() const
    {
        std::vector<std::pair<std::string_view, std::string_view>> all;
        const char *name = nullptr, *value = nullptr;
        while (oai_response_header_at(handle_.get(), all.size(), &name, &value) == OAI_OK && name != nullptr)
            all.emplace_back(name, value);
        return all;
    }
    /** The server's id of the request. */
    std::optional<std::string_view> request_id() const { return optional(oai_response_request_id(handle_.get())); }
    /** The tokens that the server counted. */
    Usage usage() const noexcept
    {
        Usage usage;
        oai_response_usage(handle_.get(), &usage.prompt_tokens, &usage.completion_tokens, &usage.total_tokens);
        return usage;
    }
    /** What went wrong; nothing if the status is OAI_OK. */
    std::optional<Error> error() const
    {
        if (status() == OAI_OK)
            return std::nullopt;
        return Error(status(), oai_response_error(handle_.get()), attempts(), body());
    }
    /** The handle, for calls of oai.h. */
    oai_response *get() const noexcept { return handle_.get(); }

private:
    static std::optional<std::string_view> optional(const char *text)
    {
        return text == nullptr ? std::nullopt : std::optional<std::string_view>(text);
    }

    detail::Owned<oai_response, oai_response_free> handle_;
};

/** The vectors of an embed call: a row-major matrix, one row for each text, in their order. Nothing is copied. */
class Embeddings {
public:
    /** Takes a response with vectors. */
    static Result<Embeddings> from(Response response)
    {
        Embeddings made(std::move(response));
        const oai_status status = oai_response_embeddings(made.response_.get(), &made.data_, &made.rows_, &made.dims_);
        if (status != OAI_OK)
            return Error(status, "the answer holds no vectors");
        return made;
    }

    /** How many texts there were. */
    std::size_t rows() const noexcept { return rows_; }
    /** How long each vector is. */
    std::size_t dims() const noexcept { return dims_; }
    /** The vector of text i. */
    Floats operator[](std::size_t i) const noexcept { return {data_ + i * dims_, dims_}; }
    /** All vectors, one behind the other. */
    Floats data() const noexcept { return {data_, rows_ * dims_}; }
    /** The response, for its usage and its request id. */
    const Response &response() const noexcept { return response_; }

private:
    explicit Embeddings(Response response) : response_(std::move(response)) {}

    Response response_;
    const float *data_ = nullptr;
    std::size_t rows_ = 0, dims_ = 0;
};

namespace detail {

/** A response as a result: an error if that is what it is. */
inline Result<Response> checked(oai_response *handle, oai_status status)
{
    // Only a forked child and a program out of memory get none.
    if (handle == nullptr)
        return Error(status, nullptr);
    Response response(handle);
    if (auto error = response.error())
        return *std::move(error);
    return response;
}

/** The same for an embed call. */
inline Result<Embeddings> vectors(Result<Response> response)
{
    if (!response)
        return std::move(response).error();
    return Embeddings::from(std::move(response).value());
}

/** What a call that hands over a text came to. */
inline Result<std::string> take_text(oai_status status, oai_error *error, char *text, std::size_t size)
{
    if (status != OAI_OK)
        return take(status, error);
    Owned<char, oai_string_free> owned(text);
    return std::string(text, size);
}

} // namespace detail

} // namespace oai

#endif
