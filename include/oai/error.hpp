/**
 * @file error.hpp
 * What went wrong, and how calls say it: as a Result, or by throwing. Included by all the others.
 */

#ifndef OAI_ERROR_HPP
#define OAI_ERROR_HPP

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "../oai.h"

namespace oai {

/** What went wrong with a call. It is a copy: it lives as long as you keep it. */
class Error : public std::exception {
public:
    /** Copies what C tells; NULL gives an error that only has its status. */
    Error(oai_status status, const oai_error *error, std::uint32_t attempts = 0, std::string_view body = {})
        : status_(status), body_(body), attempts_(attempts)
    {
        if (error == nullptr) {
            message_ = oai_status_name(status);
            return;
        }
        http_status_ = oai_error_http_status(error);
        type_ = text(oai_error_type(error));
        code_ = text(oai_error_code(error));
        param_ = text(oai_error_param(error));
        message_ = text(oai_error_message(error));
        request_id_ = text(oai_error_request_id(error));
        retry_after_ = std::chrono::milliseconds(oai_error_retry_after_ms(error));
        may_have_executed_ = oai_error_may_have_executed(error) != 0;
    }

    /** An error of this layer's own making. */
    Error(oai_status status, std::string message) : status_(status), message_(std::move(message)) {}

    /** The status, such as OAI_ERR_RATE_LIMITED. */
    oai_status status() const noexcept { return status_; }
    /** The status's name. */
    std::string_view status_name() const noexcept { return oai_status_name(status_); }
    /** The HTTP status of the last answer, 0 if none came. */
    int http_status() const noexcept { return http_status_; }
    /** The server's error.type, empty if it gave none. */
    const std::string &type() const noexcept { return type_; }
    /** The server's error.code, empty if it gave none. */
    const std::string &code() const noexcept { return code_; }
    /** The server's error.param, empty if it gave none. */
    const std::string &param() const noexcept { return param_; }
    /** A sentence for a person: what failed, after how many attempts, what the server said, what to do. */
    const std::string &message() const noexcept { return message_; }
    /** The server's id of the request, empty if it gave none. */
    const std::string &request_id() const noexcept { return request_id_; }
    /** The body of the last answer, if any; of a Sequence that ended early, the JSON to go on with. */
    const std::string &body() const noexcept { return body_; }
    /** How long the server asked to wait, 0 if it did not. */
    std::chrono::milliseconds retry_after() const noexcept { return retry_after_; }
    /** How often the request was sent, 0 if it was refused. */
    std::uint32_t attempts() const noexcept { return attempts_; }
    /** Whether the server may have carried the request out all the same, and billed it. */
    bool may_have_executed() const noexcept { return may_have_executed_; }
    /** The message, for those who catch std::exception. */
    const char *what() const noexcept override { return message_.c_str(); }

private:
    static std::string text(const char *text) { return text == nullptr ? std::string() : std::string(text); }

    oai_status status_;
    int http_status_ = 0;
    std::string type_, code_, param_, message_, request_id_, body_;
    std::chrono::milliseconds retry_after_{0};
    std::uint32_t attempts_ = 0;
    bool may_have_executed_ = false;
};

/** Stands for the value of a call that gives none. */
struct Done {};

/** A value, or why there is none. */
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    /** Whether there is a value. */
    bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /** The value. Where there is none the Error is thrown; without exceptions the program ends. */
    T &value() & { return check(), *std::get_if<0>(&state_); }
    const T &value() const & { return check(), *std::get_if<0>(&state_); }
    // Not a reference, which a loop over a call's value would outlive.
    T value() && { return check(), std::move(*std::get_if<0>(&state_)); }
    T &operator*() & { return value(); }
    const T &operator*() const & { return value(); }
    T operator*() && { return std::move(*this).value(); }
    T *operator->() { return &value(); }
    const T *operator->() const { return &value(); }

    /** Why there is no value; only if there is none. */
    const Error &error() const & { return *std::get_if<1>(&state_); }
    Error error() && { return std::move(*std::get_if<1>(&state_)); }

private:
    void check() const
    {
        if (has_value())
            return;
#if defined(__cpp_exceptions)
        throw error();
#else
        std::terminate();
#endif
    }

    std::variant<T, Error> state_;
};

namespace detail {
/* A time as C takes it; less than none is none. */
inline std::uint64_t unsigned_ms(std::chrono::milliseconds time) noexcept
{
    return time.count() > 0 ? static_cast<std::uint64_t>(time.count()) : 0;
}

/** Frees a handle of C. */
template <auto Free>
struct Freed {
    template <class Handle>
    void operator()(Handle *handle) const noexcept { Free(handle); }
};

/** A handle of C that is freed with its owner. */
template <class Handle, auto Free>
using Owned = std::unique_ptr<Handle, Freed<Free>>;

/** Takes an error that C handed over. */
inline Error take(oai_status status, oai_error *error)
{
    Owned<oai_error, oai_error_free> owned(error);
    return Error(status, error);
}

/** What a call that gives nothing but its status came to. */
inline Result<Done> done(oai_status status, oai_error *error)
{
    if (status != OAI_OK)
        return take(status, error);
    return Done{};
}

/** What NUL-terminated parameters of C want. */
inline std::string terminated(std::string_view text) { return std::string(text); }

} // namespace detail

#ifdef OAI_EXCEPTIONS
inline namespace throwing {

/** What calls give: the value; errors are thrown. */
template <class T>
using Outcome = std::conditional_t<std::is_same_v<T, Done>, void, T>;

/** How the calls of this layer end. */
template <class T>
Outcome<T> give(Result<T> result)
{
    if (!result)
        throw std::move(result).error();
    if constexpr (!std::is_same_v<T, Done>)
        return std::move(result).value();
}

} // namespace throwing
#else
inline namespace results {

/** What calls give: a value or an error. */
template <class T>
using Outcome = Result<T>;

/** How the calls of this layer end. */
template <class T>
Outcome<T> give(Result<T> result) { return result; }

} // namespace results
#endif

} // namespace oai

#ifdef OAI_EXCEPTIONS
#define OAI_INLINE_NAMESPACE throwing
#else
#define OAI_INLINE_NAMESPACE results
#endif

#endif
