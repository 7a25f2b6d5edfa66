/**
 * @file client.hpp
 * The client: each call is a few lines over the general request.
 */

#ifndef OAI_CLIENT_HPP
#define OAI_CLIENT_HPP

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "async.hpp"
#include "options.hpp"
#include "process.hpp"
#include "stream.hpp"

namespace oai {

namespace detail {

extern "C" inline void oai_hpp_token(void *user_data, std::uint64_t wanted)
{
    (*static_cast<std::function<void(std::uint64_t)> *>(user_data))(wanted);
}

extern "C" inline void oai_hpp_end_token(void *user_data)
{
    delete static_cast<std::function<void(std::uint64_t)> *>(user_data);
}

} // namespace detail

/** Where a waiting request stands: how many are before it, and the least time until the limits let it through. */
struct Position {
    std::uint64_t ahead = 0;
    std::chrono::milliseconds expected_wait{0};
};

/** A file of a form: `from_path("a.wav")` is read while it is sent; `{"a.wav", bytes}` is in memory. */
struct File {
    std::string_view filename, content, path;
    static File from_path(std::string_view path) { return {{}, {}, path}; }
};

inline namespace OAI_INLINE_NAMESPACE {

/** Sends requests. Any number of threads may use one at once, except while it is destroyed. */
class Client {
public:
    /**
     * Makes a client. Settings come from the options, then from the process environment, then from the .env file, then
     * from the defaults. It starts no thread and opens no connection.
     */
    static Outcome<Client> make(const Options &options = {})
    {
#ifdef OAI_EXCEPTIONS
        check_abi();
#else
        if (auto fits = check_abi(); !fits)
            return std::move(fits).error();
#endif
        oai_client *made = nullptr;
        oai_error *error = nullptr;
        const std::string json = options.json();
        const oai_status status = oai_client_new(json.data(), json.size(), &made, &error);
        if (status != OAI_OK)
            return give<Client>(oai::detail::take(status, error));
        return give<Client>(Client(made));
    }

    // ===== settings =====

    /** Changes options: all of them, or none and an error. */
    Outcome<Done> configure(const Options &options) const
    {
        oai_error *error = nullptr;
        const std::string json = options.json();
        const oai_status status = oai_client_configure_json(get(), json.data(), json.size(), &error);
        return done(status, error);
    }
    /** The options in force and where each came from, as JSON, with secrets masked. */
    Outcome<std::string> config_json() const { return text(oai_client_config_json); }

    // ===== tokens that rotate =====

    /**
     * Lets a bearer token stand for the key: the function is told the number of the question, on a thread of the
     * library, and it or any other thread answers with provide_token or refuse_token. It must not throw nor block.
     * Without a function requests go with api_key again.
     */
    Outcome<Done> set_token_provider(std::function<void(std::uint64_t)> wanted) const
    {
        oai_error *error = nullptr;
        oai_status status;
        if (wanted)
            status = oai_set_token_callback(get(), oai::detail::oai_hpp_token,
                                            new std::function<void(std::uint64_t)>(std::move(wanted)),
                                            oai::detail::oai_hpp_end_token, &error);
        else
            status = oai_set_token_callback(get(), nullptr, nullptr, nullptr, &error);
        return done(status, error);
    }
    /** The same by a queue: events of the kind OAI_EVENT_TOKEN_WANTED, whose id is the number of the question. */
    Outcome<Done> set_token_queue(const Queue &queue, std::uint64_t tag) const
    {
        oai_error *error = nullptr;
        const oai_status status = oai_set_token_queue(get(), queue.get(), tag, &error);
        return done(status, error);
    }
    /** Answers a question with a token and its life from now; 0: not known. One whose life is over is an error. */
    Outcome<Done> provide_token(std::uint64_t wanted, std::string_view token, std::chrono::milliseconds life = {}) const
    {
        if (life.count() < 0)
            return give<Done>(Error(OAI_ERR_INVALID_ARGUMENT, "the token's life is over: fetch another, or refuse_token"));
        oai_error *error = nullptr;
        const std::uint64_t life_ms = oai::detail::unsigned_ms(life);
        const oai_status status = oai_provide_token(get(), wanted, token.data(), token.size(), life_ms, &error);
        return done(status, error);
    }
    /** Answers that there is no token, and why. */
    Outcome<Done> refuse_token(std::uint64_t wanted, std::string_view why) const
    {
        oai_error *error = nullptr;
        const oai_status status = oai_refuse_token(get(), wanted, why.data(), why.size(), &error);
        return done(status, error);
    }

    // ===== calls that wait =====

    /** Sends any request. Of a stream it gives the folded result. */
    Outcome<Response> send(const Request &request) const { return give<Response>(sent(request)); }
    /** Does a sequence and waits for its end. */
    Outcome<Response> send(const Sequence &sequence) const { return give<Response>(sent(sequence)); }
    /**
     * Waits until the object of a GET request is done, such as a batch, and gives it as it was last seen. The options
     * are those of oai_wait_until, as JSON. This and the two below are sequences: a Sequence need not be waited for.
     */
    Outcome<Response> wait_until(const Request &request, std::string_view options = "{}") const
    {
        return send(Sequence::wait_until(request, options));
    }
    /** Runs a JSONL file as a batch, and writes what came to a file. */
    Outcome<Response> run_batch(std::string_view json, std::string_view input, std::string_view output = {}) const
    {
        return send(Sequence::batch(json, input, output));
    }
    /** Uploads a large file in parts; `upload` is for small ones. */
    Outcome<Response> upload_in_parts(std::string_view json, std::string_view path) const
    {
        return send(Sequence::upload(json, path));
    }
    /** Turns texts into vectors, one for each. The options are a request for /embeddings that says more. */
    template <class Texts>
    Outcome<Embeddings> embed(std::string_view model, const Texts &texts, Request options = embedding()) const
    {
        return give<Embeddings>(oai::detail::vectors(sent(options.model(model).inputs(texts))));
    }
    Outcome<Embeddings> embed(std::string_view model, std::initializer_list<std::string_view> texts,
                              Request options = embedding()) const
    {
        return give<Embeddings>(oai::detail::vectors(sent(options.model(model).inputs(texts))));
    }
    /** POST /chat/completions. */
    Outcome<Response> chat(std::string_view json) const { return send(post("/chat/completions", json)); }
    /** POST /responses. */
    Outcome<Response> responses(std::string_view json) const { return send(post("/responses", json)); }
    /** POST /completions. */
    Outcome<Response> completions(std::string_view json) const { return send(post("/completions", json)); }
    /** POST /moderations. */
    Outcome<Response> moderate(std::string_view json) const { return send(post("/moderations", json)); }
    /** GET /models. */
    Outcome<Response> models() const { return send(Request("GET", "/models")); }
    /** POST /images/generations. */
    Outcome<Response> image(std::string_view json) const { return send(post("/images/generations", json)); }
    /** POST /images/edits. */
    Outcome<Response> image_edit(std::string_view json, const File &picture) const
    {
        return send(form("/images/edits", json, "image", picture));
    }
    /** POST /audio/speech; the body is the sound, or goes to a file. */
    Outcome<Response> speech(std::string_view json, std::string_view output_path = {}) const
    {
        Request request = post("/audio/speech", json);
        if (!output_path.empty())
            request.output_path(output_path);
        return send(request);
    }
    /** POST /audio/transcriptions. */
    Outcome<Response> transcribe(std::string_view json, const File &sound) const
    {
        return send(form("/audio/transcriptions", json, "file", sound));
    }
    /** POST /audio/translations. */
    Outcome<Response> translate(std::string_view json, const File &sound) const
    {
        return send(form("/audio/translations", json, "file", sound));
    }
    /** POST /files; the JSON holds the purpose. */
    Outcome<Response> upload(std::string_view json, const File &file) const
    {
        return send(form("/files", json, "file", file));
    }
    /** GET /files/{id}/content; the body, or what is written to a file. */
    Outcome<Response> download(std::string_view id, std::string_view output_path = {}) const
    {
        Request request("GET", "/files/" + std::string(id) + "/content");
        if (!output_path.empty())
            request.output_path(output_path);
        return send(request);
    }

    // ===== streams and lists =====

    /** Any request whose answer is a stream of events. */
    Outcome<Stream> stream(Request request) const { return give<Stream>(Stream::start(get(), std::move(request))); }
    /** POST /chat/completions as a stream. */
    Outcome<Stream> chat_stream(std::string_view json) const
    {
        return give<Stream>(Stream::start(get(), post("/chat/completions", json)));
    }
    /** POST /responses as a stream. */
    Outcome<Stream> responses_stream(std::string_view json) const
    {
        return give<Stream>(Stream::start(get(), post("/responses", json)));
    }
    /** The pages of a list that a GET request asks for. */
    Outcome<Pages> pages(const Request &request) const { return give<Pages>(Pages::start(get(), request)); }

    // ===== calls that do not wait =====

    /** Sends any request and gives a future of its response. */
    Future<Response> send_async(const Request &request) const { return promised<Response>(request); }
    /** The same of a sequence. */
    Future<Response> send_async(const Sequence &sequence) const { return promised<Response>(sequence); }
    /** Turns texts into vectors, in a future. */
    template <class Texts>
    Future<Embeddings> embed_async(std::string_view model, const Texts &texts, Request options = embedding()) const
    {
        return promised<Embeddings>(options.model(model).inputs(texts));
    }
    /**
     * Sends a request, gives its id, and tells a function what came of it: once, on a thread of the library, where it
     * must not throw, nor block for long. A request that is refused is told here alone.
     */
    Outcome<std::uint64_t> submit(const Request &request, std::function<void(Result<Response>)> told) const
    {
        return submitted(request, std::move(told));
    }
    /** The same of a sequence. */
    Outcome<std::uint64_t> submit(const Sequence &sequence, std::function<void(Result<Response>)> told) const
    {
        return submitted(sequence, std::move(told));
    }
    /** Sends a request whose events go to a queue, and gives its id. */
    Outcome<std::uint64_t> submit_to(const Request &request, const Queue &queue, std::uint64_t tag) const
    {
        return queued(request, queue, tag);
    }
    /** The same of a sequence. */
    Outcome<std::uint64_t> submit_to(const Sequence &sequence, const Queue &queue, std::uint64_t tag) const
    {
        return queued(sequence, queue, tag);
    }
    /** Tells where a request stands that waits. */
    Outcome<Position> position(std::uint64_t id) const
    {
        std::uint64_t ahead = 0, wait_ms = 0;
        oai_error *error = nullptr;
        const oai_status status = oai_client_position(get(), id, &ahead, &wait_ms, &error);
        if (status != OAI_OK)
            return give<Position>(oai::detail::take(status, error));
        return give<Position>(Position{ahead, std::chrono::milliseconds(wait_ms)});
    }
    /** Cancels a request wherever it is. */
    Outcome<Done> cancel(std::uint64_t id) const
    {
        oai_error *error = nullptr;
        const oai_status status = oai_cancel(get(), id, &error);
        return done(status, error);
    }

#if defined(__cpp_lib_jthread)
    // ===== the same, where a stop token cancels =====

    /** Sends any request and waits. */
    Outcome<Response> send(const Request &request, std::stop_token token) const
    {
        return send_async(request, std::move(token)).get();
    }
    /** Does a sequence and waits for its end. */
    Outcome<Response> send(const Sequence &sequence, std::stop_token token) const
    {
        return send_async(sequence, std::move(token)).get();
    }
    /** Sends any request and gives a future of its response. */
    Future<Response> send_async(const Request &request, std::stop_token token) const
    {
        return promised<Response>(request, std::move(token));
    }
    /** The same of a sequence. */
    Future<Response> send_async(const Sequence &sequence, std::stop_token token) const
    {
        return promised<Response>(sequence, std::move(token));
    }
    /** Turns texts into vectors, in a future. */
    template <class Texts>
    Future<Embeddings> embed_async(std::string_view model, const Texts &texts, std::stop_token token,
                                   Request options = embedding()) const
    {
        return promised<Embeddings>(options.model(model).inputs(texts), std::move(token));
    }
    /** Any request whose answer is a stream of events. */
    Outcome<Stream> stream(Request request, std::stop_token token) const
    {
        return give<Stream>(Stream::start(get(), std::move(request), std::move(token)));
    }
#endif
#if defined(__cpp_lib_coroutine) && defined(__cpp_lib_jthread)
    // ===== coroutines =====

    /** `co_await client.co_send(request, executor)`: see Awaitable. */
    template <class Executor>
    Awaitable<Response, Executor> co_send(Request request, Executor executor, std::stop_token token = {}) const
    {
        return {get(), std::move(request), std::move(executor), std::move(token)};
    }
    /** The same of a sequence. */
    template <class Executor>
    Awaitable<Response, Executor, Sequence> co_send(Sequence sequence, Executor executor,
                                                    std::stop_token token = {}) const
    {
        return {get(), std::move(sequence), std::move(executor), std::move(token)};
    }
    /** `co_await client.co_embed(model, texts, executor)`. */
    template <class Texts, class Executor>
    Awaitable<Embeddings, Executor> co_embed(std::string_view model, const Texts &texts, Executor executor,
                                             std::stop_token token = {}, Request options = embedding()) const
    {
        options.model(model).inputs(texts);
        return {get(), std::move(options), std::move(executor), std::move(token)};
    }
#endif

    // ===== numbers, webhooks, the end =====

    /** What became of the client's requests and what the limits are, as JSON. */
    Outcome<std::string> stats_json() const { return text(oai_client_stats_json); }
    /** The same for Prometheus. */
    Outcome<std::string> prometheus() const { return text(oai_client_stats_prometheus); }
    /** Whether a webhook was signed with the client's webhook_secret, and not long ago. */
    Outcome<Done> verify_webhook(const Webhook &hook, std::chrono::milliseconds tolerance = {}) const
    {
        oai_error *error = nullptr;
        const std::string body(hook.body), id(hook.id), time(hook.timestamp), signature(hook.signature);
        const oai_status status = oai_webhook_verify(
            get(), body.data(), body.size(), oai::detail::given(id), oai::detail::given(time),
            oai::detail::given(signature), oai::detail::unsigned_ms(tolerance), &error);
        return done(status, error);
    }
    /** Takes no more requests, and waits until those under way have ended. */
    Outcome<Done> close(std::chrono::milliseconds limit) const
    {
        oai_error *error = nullptr;
        const oai_status status = oai_client_close(get(), oai::detail::unsigned_ms(limit), &error);
        return done(status, error);
    }
    /** The handle, for calls of oai.h. */
    const oai_client *get() const noexcept { return handle_.get(); }

    /** A request for /embeddings, to say more of an embed call: `Client::embedding().dimensions(256)`. */
    static Request embedding() { return Request("POST", "/embeddings"); }

private:
    explicit Client(oai_client *client) noexcept : handle_(client) {}

    static Request post(std::string_view path, std::string_view json) { return Request("POST", path).json(json); }
    static Request form(std::string_view path, std::string_view json, std::string_view field, const File &file)
    {
        Request request("POST", path);
        if (!json.empty())
            request.json(json);
        if (file.path.empty())
            request.file(field, file.filename, file.content);
        else
            request.file_path(field, file.path, file.filename);
        return request;
    }
    template <class Work>
    Result<Response> sent(const Work &work) const
    {
        if (const Error *failed = work.failed())
            return *failed;
        oai_response *response = nullptr;
        const oai_status status = oai::detail::send(get(), work, &response);
        return oai::detail::checked(response, status);
    }
    template <class T, class Work>
    Future<T> promised(const Work &work) const
    {
        auto promise = std::make_shared<Promise<T>>();
        Future<T> future = promise->future();
        oai::detail::start(get(), work, promise);
        return future;
    }
#if defined(__cpp_lib_jthread)
    template <class T, class Work>
    Future<T> promised(const Work &work, std::stop_token token) const
    {
        auto promise = std::make_shared<StoppedPromise<T>>(get(), std::move(token));
        Future<T> future = promise->future();
        if (const std::uint64_t id = oai::detail::start(get(), work, promise))
            promise->accepted(id);
        return future;
    }
#endif
    template <class Work>
    Outcome<std::uint64_t> submitted(const Work &work, std::function<void(Result<Response>)> told) const
    {
        const auto teller = std::make_shared<oai::detail::Told>(std::move(told));
        const std::uint64_t id = oai::detail::start(get(), work, teller);
        if (id == 0)
            return give<std::uint64_t>(*teller->refusal());
        return give<std::uint64_t>(id);
    }
    template <class Work>
    Outcome<std::uint64_t> queued(const Work &work, const Queue &queue, std::uint64_t tag) const
    {
        if (const Error *failed = work.failed())
            return give<std::uint64_t>(*failed);
        std::uint64_t id = 0;
        oai_error *error = nullptr;
        const oai_status status = oai::detail::submit_to(get(), work, queue.get(), tag, &id, &error);
        if (status != OAI_OK)
            return give<std::uint64_t>(oai::detail::take(status, error));
        return give<std::uint64_t>(id);
    }
    Outcome<Done> done(oai_status status, oai_error *error) const
    {
        return give(oai::detail::done(status, error));
    }
    Outcome<std::string> text(oai_status (*get_text)(const oai_client *, char **, std::size_t *, oai_error **)) const
    {
        char *text = nullptr;
        std::size_t size = 0;
        oai_error *error = nullptr;
        const oai_status status = get_text(get(), &text, &size, &error);
        return give(oai::detail::take_text(status, error, text, size));
    }

    oai::detail::Owned<oai_client, oai_client_free> handle_;
};

} // namespace OAI_INLINE_NAMESPACE
} // namespace oai

#endif
