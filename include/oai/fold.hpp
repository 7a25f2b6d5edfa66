/**
 * @file fold.hpp
 * Makes of a stream's chunks what the call would have given without streaming.
 */

#ifndef OAI_FOLD_HPP
#define OAI_FOLD_HPP

#include "error.hpp"
#include "response.hpp"

namespace oai {
namespace detail {

/** The fold of C, made with the first chunk. */
class Folder {
public:
    Result<Done> push(std::string_view chunk)
    {
        oai_error *error = nullptr;
        oai_status status = OAI_OK;
        if (handle_ == nullptr) {
            oai_fold *made = nullptr;
            status = oai_fold_new(&made, &error);
            handle_.reset(made);
        }
        if (status == OAI_OK)
            status = oai_fold_push(handle_.get(), chunk.data(), chunk.size(), &error);
        return done(status, error);
    }

    Result<std::string> finish()
    {
        if (handle_ == nullptr)
            return std::string("[]");
        char *text = nullptr;
        std::size_t size = 0;
        oai_error *error = nullptr;
        const oai_status status = oai_fold_finish(handle_.get(), &text, &size, &error);
        return take_text(status, error, text, size);
    }

private:
    Owned<oai_fold, oai_fold_free> handle_;
};

} // namespace detail

inline namespace OAI_INLINE_NAMESPACE {

/** Takes a stream's chunks one by one. A Stream does so by itself. */
class Fold {
public:
    /** Takes the next chunk; one that is not of the stream's kind is left out. */
    Outcome<Done> push(std::string_view chunk) { return give(folder_.push(chunk)); }

    /** Gives the whole as JSON and forgets it; of no chunk at all, an empty array. */
    Outcome<std::string> finish() { return give(folder_.finish()); }

private:
    oai::detail::Folder folder_;
};

} // namespace OAI_INLINE_NAMESPACE
} // namespace oai

#endif
