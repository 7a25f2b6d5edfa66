/**
 * @file process.hpp
 * What belongs to the process and not to a client: the version, the log, the end, and webhooks without a client.
 */

#ifndef OAI_PROCESS_HPP
#define OAI_PROCESS_HPP

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "error.hpp"
#include "queue.hpp"

namespace oai {

/** A webhook as it came: the body byte for byte, and three of its headers. */
struct Webhook {
    std::string_view body, id, timestamp, signature;
};

namespace detail {

// Views of headers may have no address: such a header did not come.
inline const char *given(const std::string &text) { return text.empty() ? nullptr : text.c_str(); }

extern "C" inline void oai_hpp_log(void *user_data, std::int32_t level, const char *message, std::size_t size)
{
    (*static_cast<std::function<void(std::int32_t, std::string_view)> *>(user_data))(
        level, std::string_view(message, size));
}

extern "C" inline void oai_hpp_end_log(void *user_data)
{
    delete static_cast<std::function<void(std::int32_t, std::string_view)> *>(user_data);
}

} // namespace detail

inline namespace OAI_INLINE_NAMESPACE {

/**
 * Whether the loaded library speaks what this header was written for. Clients check it when they are made; it fails
 * when the program was built with one version and runs with an older one.
 */
inline Outcome<Done> check_abi()
{
    const std::uint32_t found = oai_abi_version();
    if (found >> 16 == OAI_ABI_EPOCH && (found & 0xffff) >= OAI_ABI_ADDITIONS)
        return give<Done>(Done{});
    return give<Done>(Error(OAI_ERR_STATE, "the loaded liboaic speaks ABI " + std::to_string(found >> 16) + "." +
                                               std::to_string(found & 0xffff) + ", and this program was built for " +
                                               std::to_string(OAI_ABI_EPOCH) + "." + std::to_string(OAI_ABI_ADDITIONS) +
                                               " or later: install the liboaic whose headers it was built with"));
}

/**
 * Hands the library's log lines of at least a level (OAI_LOG_*) to a function, which is called on a thread of the
 * library and must not throw; without a function they go to stderr.
 */
inline Outcome<Done> set_log(std::int32_t level, std::function<void(std::int32_t, std::string_view)> line = nullptr)
{
    oai_error *error = nullptr;
    oai_status status;
    if (line)
        status = oai_set_log(level, detail::oai_hpp_log,
                             new std::function<void(std::int32_t, std::string_view)>(std::move(line)),
                             detail::oai_hpp_end_log, &error);
    else
        status = oai_set_log(level, nullptr, nullptr, nullptr, &error);
    return give(detail::done(status, error));
}

/** The same to a queue: events of the kind OAI_EVENT_LOG, with the level as their tag. */
inline Outcome<Done> set_log_to(std::int32_t level, const Queue &queue)
{
    oai_error *error = nullptr;
    const oai_status status = oai_set_log_to(level, queue.get(), &error);
    return give(detail::done(status, error));
}

/** The version of the loaded library, such as "0.1.0". */
inline std::string_view version() noexcept { return oai_version_string(); }

/** Ends the library in this process, for good. Nobody has to call it; leak checkers like it. */
inline Outcome<Done> shutdown(std::chrono::milliseconds limit)
{
    oai_error *error = nullptr;
    const oai_status status = oai_shutdown(detail::unsigned_ms(limit), &error);
    return give(detail::done(status, error));
}

/** Whether a webhook was signed with a secret, at a time close to `now_ms` (milliseconds since 1970; 0: now). */
inline Outcome<Done> verify_webhook(std::string_view secret, const Webhook &hook,
                                    std::chrono::milliseconds tolerance = {}, std::uint64_t now_ms = 0)
{
    oai_error *error = nullptr;
    const std::string body(hook.body), id(hook.id), time(hook.timestamp), signature(hook.signature);
    const oai_status status = oai_webhook_verify_secret(
        detail::terminated(secret).c_str(), body.data(), body.size(), detail::given(id), detail::given(time),
        detail::given(signature), detail::unsigned_ms(tolerance), now_ms, &error);
    return give(detail::done(status, error));
}

} // namespace OAI_INLINE_NAMESPACE
} // namespace oai

#endif
