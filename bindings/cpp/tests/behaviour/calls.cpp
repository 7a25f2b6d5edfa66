/*
 * Makes the calls of a case through the C++ layer, and tells what came of them as JSON.
 */
#include "runner.hpp"

#include <fstream>
#include <future>
#include <sstream>
#include <variant>
#include <vector>

namespace {

constexpr std::string_view common = " priority timeout_ms idempotency_key";

/* ===== outcomes ===== */

Json text_or_null(const std::string &text) { return text.empty() ? Json() : Json(text); }

Json error_of(const oai::Error &error)
{
    return {
        {"http_status", error.http_status()},
        {"code", text_or_null(error.code())},
        {"type", text_or_null(error.type())},
        {"param", text_or_null(error.param())},
        {"message", error.message()},
        {"request_id", text_or_null(error.request_id())},
        {"retry_after_ms", error.retry_after().count()},
        {"may_have_executed", error.may_have_executed()},
    };
}

/* The text of a body of chat, of responses or of completions. */
Json text_in(const Json &body)
{
    const Json *choices = member(body, "choices"), *output = member(body, "output");
    if (choices != nullptr && choices->is_array() && !choices->empty()) {
        const Json &choice = (*choices)[0];
        const Json *message = member(choice, "message");
        const Json *text = message != nullptr ? member(*message, "content") : member(choice, "text");
        return text != nullptr && text->is_string() ? *text : Json();
    }
    if (output == nullptr || !output->is_array())
        return nullptr;
    std::optional<std::string> whole;
    for (const Json &item : *output) {
        const Json *content = member(item, "content");
        if (content == nullptr || !content->is_array())
            continue;
        for (const Json &part : *content)
            if (part.value("type", "") == "output_text")
                whole = whole.value_or("") + part.value("text", "");
    }
    return whole ? Json(*whole) : Json();
}

void add_body(Json &outcome, std::string_view body)
{
    Json json = body.empty() ? Json() : Json::parse(body, nullptr, false);
    if (json.is_discarded())
        json = std::string(body);
    outcome["text"] = text_in(json);
    outcome["body"] = std::move(json);
}

void add_file(Json &outcome, const Json &what, const std::string &folder)
{
    if (const Json *to = member(what, "to")) {
        std::ifstream file(folder + "/" + to->get<std::string>());
        std::ostringstream content;
        outcome["file"] = nullptr;
        if (file && content << file.rdbuf())
            outcome["file"] = content.str();
    }
}

/* What a response says, whether it went well or not. */
Json outcome_of(const oai::Response &response)
{
    const auto error = response.error();
    const auto request_id = response.request_id();
    const oai::Usage usage = response.usage();
    Json headers = Json::object();
    for (const auto &[name, value] : response.headers())
        headers.emplace(std::string(name), std::string(value));
    Json outcome{
        {"status", oai_status_name(response.status())},
        {"http_status", response.http_status()},
        {"attempts", response.attempts()},
        {"request_id", request_id ? Json(std::string(*request_id)) : Json()},
        {"error", error ? error_of(*error) : Json()},
        {"headers", std::move(headers)},
        {"usage",
         {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.total_tokens}}},
    };
    add_body(outcome, response.body());
    return outcome;
}

Json outcome_of(const oai::Embeddings &vectors)
{
    Json outcome = outcome_of(vectors.response());
    outcome["rows"] = vectors.rows();
    outcome["dims"] = vectors.dims();
    if (vectors.rows() * vectors.dims() <= 64) {
        outcome["vectors"] = Json::array();
        for (std::size_t i = 0; i < vectors.rows(); i++)
            outcome["vectors"].push_back(std::vector<float>(vectors[i].begin(), vectors[i].end()));
    }
    return outcome;
}

template <class T>
Json outcome_of(const oai::Result<T> &result)
{
    return result ? outcome_of(*result) : error_outcome(&result.error());
}

/* ===== requests ===== */

std::string text_at(const Json &what, const char *key) { return what.value(key, ""); }

void set_common(oai::Request &request, const Json &what)
{
    static const std::map<std::string, oai::Priority> priorities{
        {"high", oai::Priority::high}, {"normal", oai::Priority::normal}, {"low", oai::Priority::low}};
    if (what.contains("priority"))
        request.priority(priorities.at(text_at(what, "priority")));
    if (const Json *timeout = member(what, "timeout_ms"))
        request.timeout(std::chrono::milliseconds(timeout->get<std::int64_t>()));
    if (what.contains("idempotency_key"))
        request.idempotency_key(text_at(what, "idempotency_key"));
}

/* What an embed call says beside its model and its texts. */
oai::Request embedding_of(const Json &what)
{
    only_keys(what, "op! model! inputs! dimensions user" + std::string(common));
    oai::Request options = oai::Client::embedding();
    if (const Json *dimensions = member(what, "dimensions"))
        options.dimensions(dimensions->get<std::uint32_t>());
    if (what.contains("user"))
        options.user(text_at(what, "user"));
    set_common(options, what);
    return options;
}

std::vector<std::string> inputs_of(const Json &what) { return what.at("inputs").get<std::vector<std::string>>(); }

std::string moderation_of(const Json &what)
{
    only_keys(what, "op! input! model");
    Json body{{"input", what.at("input")}};
    if (const Json *model = member(what, "model"))
        body["model"] = *model;
    return body.dump();
}

oai::Request request_of(const Json &what)
{
    only_keys(what, "op! method! path! query headers json stream cancel_after" + std::string(common));
    oai::Request request(text_at(what, "method"), text_at(what, "path"));
    for (const auto &[name, value] : members(what, "query"))
        request.query(name, value.get<std::string>());
    for (const auto &[name, value] : members(what, "headers"))
        request.header(name, value.get<std::string>());
    if (const Json *json = member(what, "json"))
        request.json(json->dump());
    set_common(request, what);
    return request;
}

/* The path of the calls whose body is JSON as it stands; empty for others. */
std::string path_of(const std::string &op)
{
    static const std::map<std::string, std::string> paths{
        {"chat", "/chat/completions"},        {"responses", "/responses"},        {"completions", "/completions"},
        {"chat_stream", "/chat/completions"}, {"responses_stream", "/responses"},
    };
    const auto found = paths.find(op);
    return found == paths.end() ? std::string() : found->second;
}

bool is_stream(const Json &what)
{
    const std::string op = text_at(what, "op");
    return op == "chat_stream" || op == "responses_stream" || (op == "request" && what.value("stream", false));
}

/* Any call but embed and pages as a request, for those that are started. */
oai::Request any_request_of(const Json &what, const std::string &folder)
{
    const std::string op = text_at(what, "op"), path = path_of(op);
    if (!path.empty()) {
        only_keys(what, is_stream(what) ? "op! json! cancel_after" : "op! json!");
        return oai::Request("POST", path).json(what.at("json").dump());
    }
    if (op == "moderate")
        return oai::Request("POST", "/moderations").json(moderation_of(what));
    if (op == "models")
        return only_keys(what, "op!"), oai::Request("GET", "/models");
    if (op == "download") {
        only_keys(what, "op! file_id! to");
        oai::Request request("GET", "/files/" + text_at(what, "file_id") + "/content");
        if (what.contains("to"))
            request.output_path(folder + "/" + text_at(what, "to"));
        return request;
    }
    if (op == "upload") {
        only_keys(what, "op! filename! content! json!");
        oai::Request request("POST", "/files");
        return request.json(what.at("json").dump()).file("file", text_at(what, "filename"), text_at(what, "content"));
    }
    if (op == "request")
        return request_of(what);
    throw Failure("there is no op " + op + " that could be started");
}

/* ===== calls under way ===== */

/* One whose outcome comes in a future. */
template <class T>
class Awaited final : public Call {
public:
    template <class Start>
    Awaited(Start start, Json what, std::string folder)
        : what_(std::move(what)), folder_(std::move(folder)), future_(start(source_.get_token()))
    {
    }
    void chunks(int) override { throw Failure("the call is no stream"); }
    Json finish() override
    {
        Json outcome = outcome_of(future_.get());
        add_file(outcome, what_, folder_);
        return outcome;
    }

private:
    Json what_;
    std::string folder_;
    oai::Future<T> future_;
};

class Streamed final : public Call {
public:
    Streamed(const oai::Client &client, oai::Request request, int cancel_after)
        : cancel_after_(cancel_after), stream_(client.stream(std::move(request), source_.get_token()))
    {
    }
    void chunks(int count) override
    {
        while (chunks_ < count)
            if (!stream_ || !stream_->next())
                throw Failure("the stream ended after " + std::to_string(chunks_) + " chunks");
            else
                count_chunk();
    }
    Json finish() override
    {
        Json outcome;
        if (stream_) {
            for ([[maybe_unused]] const std::string_view event : *stream_)
                count_chunk();
            outcome = outcome_of(*stream_->response());
            add_body(outcome, stream_->partial().value());
        } else {
            outcome = error_outcome(&stream_.error());
        }
        outcome["chunks"] = chunks_;
        return outcome;
    }

private:
    void count_chunk()
    {
        if (++chunks_ == cancel_after_)
            cancel();
    }

    int cancel_after_, chunks_ = 0;
    oai::Result<oai::Stream> stream_;
};

Json pages_of(const oai::Client &client, const Json &what)
{
    only_keys(what, "op! path! query");
    oai::Request request("GET", text_at(what, "path"));
    for (const auto &[name, value] : members(what, "query"))
        request.query(name, value.get<std::string>());
    auto pages = client.pages(request).value();
    Json outcome, ids = Json::array();
    int count = 0;
    for (const oai::Response &page : pages) {
        outcome = outcome_of(page);
        count++;
        for (const Json &element : outcome["body"]["data"])
            ids.push_back(element["id"]);
    }
    if (pages.error())
        outcome = error_outcome(&*pages.error());
    outcome["pages"] = count;
    outcome["ids"] = ids;
    return outcome;
}

} // namespace

Json error_outcome(const oai::Error *error)
{
    if (error == nullptr)
        return {{"status", "OAI_OK"}, {"error", nullptr}};
    return {
        {"status", std::string(error->status_name())},
        {"http_status", error->http_status()},
        {"attempts", error->attempts()},
        {"request_id", text_or_null(error->request_id())},
        {"error", error_of(*error)},
    };
}

std::unique_ptr<Call> call_start(const oai::Client &client, const Json &what, const std::string &folder)
{
    if (text_at(what, "op") == "embed") {
        const auto start = [&](std::stop_token token) {
            return client.embed_async(text_at(what, "model"), inputs_of(what), std::move(token), embedding_of(what));
        };
        return std::make_unique<Awaited<oai::Embeddings>>(start, what, folder);
    }
    oai::Request request = any_request_of(what, folder);
    if (is_stream(what))
        return std::make_unique<Streamed>(client, std::move(request), what.value("cancel_after", 0));
    const auto start = [&](std::stop_token token) { return client.send_async(request, std::move(token)); };
    return std::make_unique<Awaited<oai::Response>>(start, what, folder);
}

Json call_make(const oai::Client &client, const Json &what, const std::string &folder)
{
    const std::string op = text_at(what, "op");
    if (op == "pages")
        return pages_of(client, what);
    if (is_stream(what))
        return call_start(client, what, folder)->finish();
    if (op == "embed")
        return outcome_of(client.embed(text_at(what, "model"), inputs_of(what), embedding_of(what)));
    if (op == "moderate")
        return outcome_of(client.moderate(moderation_of(what)));
    // This looks at the keys of the others, too.
    const oai::Request request = any_request_of(what, folder);
    if (op == "chat")
        return outcome_of(client.chat(what.at("json").dump()));
    if (op == "responses")
        return outcome_of(client.responses(what.at("json").dump()));
    if (op == "completions")
        return outcome_of(client.completions(what.at("json").dump()));
    if (op == "models")
        return outcome_of(client.models());
    if (op == "upload") {
        const std::string filename = text_at(what, "filename"), content = text_at(what, "content");
        return outcome_of(client.upload(what.at("json").dump(), {filename, content, {}}));
    }
    if (op == "download") {
        const std::string to = what.contains("to") ? folder + "/" + text_at(what, "to") : std::string();
        Json outcome = outcome_of(client.download(text_at(what, "file_id"), to));
        add_file(outcome, what, folder);
        return outcome;
    }
    return outcome_of(client.send(request));
}
