/**
 * @file sequence.hpp
 * Work that takes several requests, and that the library does as one. Included by client.hpp.
 */

#ifndef OAI_SEQUENCE_HPP
#define OAI_SEQUENCE_HPP

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "request.hpp"

namespace oai {

/**
 * A batch, an upload in parts, or waiting for an object. A Client sends, awaits and cancels it as it does a Request;
 * what the JSON may hold, and what comes back, stands with the function of oai.h.
 */
class Sequence {
public:
    /**
     * oai_batch_run: uploads a JSONL file, runs it as a batch, and writes what came to a file. The input is empty where
     * the JSON names a batch_id or an input_file_id, the output where the results are not wanted.
     */
    static Sequence batch(std::string_view json, std::string_view input, std::string_view output = {})
    {
        return Sequence(Kind::batch, json, input, output);
    }
    /** oai_upload: uploads a large file in parts. The JSON holds the purpose. */
    static Sequence upload(std::string_view json, std::string_view path)
    {
        return Sequence(Kind::upload, json, path, {});
    }
    /** oai_wait_until: asks for an object by a GET request until it is done. */
    static Sequence wait_until(Request request, std::string_view options = "{}")
    {
        Sequence made(Kind::wait, options, {}, {});
        made.request_ = std::move(request);
        return made;
    }

    /** Why it cannot be sent; NULL if it can. */
    const Error *failed() const noexcept { return request_ ? request_->failed() : nullptr; }

    /** Does it and waits. For Client's use, as are those below. */
    oai_status send(const oai_client *client, oai_response **response) const
    {
        switch (kind_) {
        case Kind::batch:
            return oai_batch_run(client, json_.data(), json_.size(), input(), output(), response);
        case Kind::upload:
            return oai_upload(client, json_.data(), json_.size(), input_.c_str(), response);
        default:
            return oai_wait_until(client, request_->get(), json_.data(), json_.size(), response);
        }
    }
    /** Starts it, to be called back. */
    oai_status submit(const oai_client *client, oai_callback callback, void *user_data, oai_destructor destructor,
                      std::uint64_t *id, oai_error **error) const
    {
        switch (kind_) {
        case Kind::batch:
            return oai_batch_run_async(client, json_.data(), json_.size(), input(), output(), callback, user_data,
                                       destructor, id, error);
        case Kind::upload:
            return oai_upload_async(client, json_.data(), json_.size(), input_.c_str(), callback, user_data, destructor,
                                    id, error);
        default:
            return oai_wait_until_async(client, request_->get(), json_.data(), json_.size(), callback, user_data,
                                        destructor, id, error);
        }
    }
    /** Starts it, with a queue for its end. */
    oai_status submit_to(const oai_client *client, const oai_queue *queue, std::uint64_t tag, std::uint64_t *id,
                         oai_error **error) const
    {
        switch (kind_) {
        case Kind::batch:
            return oai_batch_run_to(client, json_.data(), json_.size(), input(), output(), queue, tag, id, error);
        case Kind::upload:
            return oai_upload_to(client, json_.data(), json_.size(), input_.c_str(), queue, tag, id, error);
        default:
            return oai_wait_until_to(client, request_->get(), json_.data(), json_.size(), queue, tag, id, error);
        }
    }

private:
    enum class Kind { batch, upload, wait };

    Sequence(Kind kind, std::string_view json, std::string_view input, std::string_view output)
        : kind_(kind), json_(json), input_(input), output_(output)
    {
    }
    const char *input() const noexcept { return input_.empty() ? nullptr : input_.c_str(); }
    const char *output() const noexcept { return output_.empty() ? nullptr : output_.c_str(); }

    Kind kind_;
    std::string json_, input_, output_;
    std::optional<Request> request_;
};

namespace detail {

// How a Request goes to C, beside how a Sequence does.
inline oai_status send(const oai_client *client, const Request &request, oai_response **response)
{
    return oai_send(client, request.get(), response);
}
inline oai_status send(const oai_client *client, const Sequence &sequence, oai_response **response)
{
    return sequence.send(client, response);
}
inline oai_status submit(const oai_client *client, const Request &request, oai_callback callback, void *user_data,
                         oai_destructor destructor, std::uint64_t *id, oai_error **error)
{
    return oai_submit(client, request.get(), callback, user_data, destructor, id, error);
}
inline oai_status submit(const oai_client *client, const Sequence &sequence, oai_callback callback, void *user_data,
                         oai_destructor destructor, std::uint64_t *id, oai_error **error)
{
    return sequence.submit(client, callback, user_data, destructor, id, error);
}
inline oai_status submit_to(const oai_client *client, const Request &request, const oai_queue *queue, std::uint64_t tag,
                            std::uint64_t *id, oai_error **error)
{
    return oai_submit_to(client, request.get(), queue, tag, id, error);
}
inline oai_status submit_to(const oai_client *client, const Sequence &sequence, const oai_queue *queue,
                            std::uint64_t tag, std::uint64_t *id, oai_error **error)
{
    return sequence.submit_to(client, queue, tag, id, error);
}

} // namespace detail
} // namespace oai

#endif
