/*
 * The runner of the behaviour suite for C++: replays the cases of the files given against the test server.
 *
 *     runner FILE.json...
 *
 * OAI_TEST_SERVER_BIN names the server's program. README.md of tests/behaviour says what a case is and what is done with
 * it.
 */
#include "runner.hpp"

#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <vector>

#include <unistd.h>

namespace {

const std::vector<std::string> levels{"off", "error", "warn", "info", "debug", "trace"};

std::int32_t level_of(const std::string &name)
{
    for (std::size_t level = 1; level < levels.size(); level++)
        if (levels[level] == name)
            return static_cast<std::int32_t>(level);
    throw Failure("there is no log level " + name);
}

/* The lines of the log, which come on a thread of the library. */
class Lines {
public:
    void add(std::int32_t level, std::string_view text)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        lines_.push_back({level, std::string(text)});
        more_.notify_one();
    }
    void wait_for(std::int32_t level, const std::string &part)
    {
        std::unique_lock<std::mutex> lock(mutex_);
        more_.wait(lock, [&] {
            for (const Line &line : lines_)
                if (line.level == level && line.text.find(part) != std::string::npos)
                    return true;
            return false;
        });
    }
    void never(const std::string &part)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (const Line &line : lines_)
            if (line.text.find(part) != std::string::npos)
                throw Failure(part + " was logged: " + line.text);
    }

private:
    struct Line {
        std::int32_t level;
        std::string text;
    };
    std::mutex mutex_;
    std::condition_variable more_;
    std::vector<Line> lines_;
};

/* One case under way. */
class Case {
public:
    Case(std::string url, std::string key, std::string folder)
        : url_(std::move(url)), key_(std::move(key)), folder_(std::move(folder))
    {
    }
    /* Whatever happened, all that it needed goes. */
    ~Case()
    {
        for (auto &[name, call] : calls_)
            call->cancel();
        calls_.clear();
        client_.reset();
        (void)oai::set_log(OAI_LOG_OFF);
    }
    void run(const Json &one);

private:
    void make_client(const Json &one);
    void do_step(const Json &step);
    Call &find(const Json &step)
    {
        const auto found = calls_.find(step.at("as"));
        if (found == calls_.end())
            throw Failure("no call was started as " + step.at("as").dump());
        return *found->second;
    }
    void free_client();
    void gaps(const Json &least);
    void webhook(const Json &step);

    std::string url_, key_, folder_;
    // The log holds it as well, so that a late line has somewhere to go.
    std::shared_ptr<Lines> lines_ = std::make_shared<Lines>();
    std::optional<oai::Client> client_;
    std::map<std::string, std::unique_ptr<Call>> calls_;
    // Of calls that were brought to their end by the client's.
    std::map<std::string, Json> ended_;
};

/* Where in the files we are, for what takes too long. */
std::string where;

/* ===== steps ===== */

void Case::do_step(const Json &step)
{
    const std::string name = step.at("do");
    if (!client_ && name != "finish" && name != "server" && name != "log")
        throw Failure("there is no client for " + name);
    if (name == "call") {
        only_keys(step, "do! call! expect");
        match_outcome(step, "expect", call_make(*client_, step.at("call"), folder_));
    } else if (name == "start") {
        only_keys(step, "do! as! call!");
        calls_[step.at("as")] = call_start(*client_, step.at("call"), folder_);
    } else if (name == "finish") {
        only_keys(step, "do! as! expect");
        const auto ended = ended_.find(step.at("as"));
        match_outcome(step, "expect", ended != ended_.end() ? ended->second : find(step).finish());
        calls_.erase(step.at("as"));
    } else if (name == "cancel") {
        only_keys(step, "do! as!");
        find(step).cancel();
    } else if (name == "chunks") {
        only_keys(step, "do! as! count!");
        find(step).chunks(step.at("count"));
    } else if (name == "server") {
        only_keys(step, "do! path! json expect");
        const Json answer = server_ask(step.at("path"), member(step, "json"));
        if (const Json *expect = member(step, "expect"))
            match("the answer", *expect, &answer);
    } else if (name == "gaps") {
        only_keys(step, "do! at_least_ms!");
        gaps(step.at("at_least_ms"));
    } else if (name == "configure") {
        only_keys(step, "do! json! expect");
        oai::Options options;
        for (const auto &[option, value] : members(step, "json"))
            options.set(option, value.dump());
        match_outcome(step, "expect", plain_outcome(client_->configure(options)));
    } else if (name == "config" || name == "stats") {
        only_keys(step, "do! expect!");
        const Json told = Json::parse((name == "config" ? client_->config_json() : client_->stats_json()).value());
        match("the outcome", step.at("expect"), &told);
    } else if (name == "prometheus") {
        only_keys(step, "do! contains!");
        const Json text = client_->prometheus().value();
        match("the text", {{"$contains", step.at("contains")}}, &text);
    } else if (name == "log") {
        only_keys(step, "do! expect never");
        for (const Json &line : step.value("expect", Json::array())) {
            only_keys(line, "level! contains!");
            lines_->wait_for(level_of(line.at("level")), line.at("contains"));
        }
        for (const Json &part : step.value("never", Json::array()))
            lines_->never(part);
    } else if (name == "webhook") {
        webhook(step);
    } else if (name == "close") {
        only_keys(step, "do! timeout_ms! expect");
        const std::chrono::milliseconds limit(step.at("timeout_ms").get<std::int64_t>());
        match_outcome(step, "expect", plain_outcome(client_->close(limit)));
    } else if (name == "free") {
        only_keys(step, "do!");
        free_client();
    } else {
        throw Failure("there is no step " + name);
    }
}

/* A stream must not outlive its client, so what is under way is read to the end that this brings. */
void Case::free_client()
{
    client_.reset();
    for (auto &[name, call] : calls_)
        ended_[name] = call->finish();
    calls_.clear();
}

void Case::gaps(const Json &least)
{
    const Json log = server_ask("/_log");
    if (log.size() != least.size() + 1)
        throw Failure(std::to_string(log.size()) + " requests arrived and not " + std::to_string(least.size() + 1));
    for (std::size_t i = 0; i < least.size(); i++) {
        const double gap = log[i + 1].at("t_ms").get<double>() - log[i].at("t_ms").get<double>();
        if (gap < least[i].get<double>())
            throw Failure("gap " + std::to_string(i) + " is " + std::to_string(gap) + " ms and should be at least " +
                          least[i].dump());
    }
}

void Case::webhook(const Json &step)
{
    only_keys(step, "do! secret body! id timestamp signature now_ms expect");
    const std::string body = step.at("body"), id = step.value("id", ""), timestamp = step.value("timestamp", "");
    const std::string signature = step.value("signature", "");
    const oai::Webhook hook{body, id, timestamp, signature};
    const auto verified = step.contains("secret")
                              ? oai::verify_webhook(step.at("secret").get<std::string>(), hook, {},
                                                    step.value("now_ms", std::uint64_t{0}))
                              : client_->verify_webhook(hook);
    match_outcome(step, "expect", plain_outcome(verified));
}

/* ===== cases ===== */

/* Steps 3 to 6 of a case. */
void Case::make_client(const Json &one)
{
    if (one.contains("log"))
        (void)oai::set_log(level_of(one.at("log")), [lines = lines_](std::int32_t level, std::string_view text) {
            lines->add(level, text);
        }).value();
    std::map<std::string, Json> config{{"base_url", url_ + "/v1"}, {"api_key", key_}, {"dotenv", false}};
    for (const auto &[option, value] : members(one, "client"))
        if (value.is_null() && config.count(option) == 1)
            config.erase(option);
        else
            config[option] = value;
    oai::Options options;
    for (const auto &[option, value] : config)
        options.set(option, value.dump());

    const std::filesystem::path home = std::filesystem::current_path();
    std::filesystem::current_path(folder_);
    for (const auto &[name, content] : members(one, "files"))
        std::ofstream(name) << content.get<std::string>();
    const std::map<std::string, Json> environment = members(one, "environment");
    for (const auto &[name, value] : environment)
        setenv(name.c_str(), value.get<std::string>().c_str(), 1);
    auto made = oai::Client::make(options);
    for (const auto &[name, value] : environment)
        unsetenv(name.c_str());
    std::filesystem::current_path(home);
    match_outcome(one, "created", plain_outcome(made));
    if (made)
        client_ = std::move(made).value();
}

void Case::run(const Json &one)
{
    only_keys(one, "name! why! server client environment files log created steps!");
    const Json nothing = Json::object();
    server_ask("/_reset", &nothing);
    if (const Json *server = member(one, "server")) {
        only_keys(*server, "script limits");
        if (const Json *script = member(*server, "script"))
            server_ask("/_script", script);
        if (const Json *limits = member(*server, "limits"))
            server_ask("/_limits", limits);
    }
    make_client(one);
    const std::string before = where;
    int number = 0;
    for (const Json &step : one.at("steps")) {
        where = before + ": step " + std::to_string(number++) + " (" + step.value("do", "") + ")";
        alarm(20);
        do_step(step);
        alarm(0);
    }
}

/* The text with each `name` replaced. */
std::string replaced(std::string text, std::string_view name, std::string_view value)
{
    for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += value.size())
        text.replace(at, name.size(), value);
    return text;
}

/* Ends everything: the step may be inside of the library. */
void take_too_long(int)
{
    static const char text[] = ": it takes longer than 20 seconds\n";
    if (write(STDOUT_FILENO, where.data(), where.size()) < 0 || write(STDOUT_FILENO, text, sizeof text - 1) < 0)
        _exit(2);
    _exit(1);
}

bool passes(const std::string &url, const std::string &file, const Json &written, int number)
{
    std::string folder = "/tmp/oai-behaviour-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr)
        throw Failure("no folder can be made");
    const std::string key = "sk-test-cpp-" + std::to_string(getpid()) + "-" + std::to_string(number);
    const Json one = Json::parse(
        replaced(replaced(replaced(written.dump(), "${server}", url), "${key}", key), "${dir}", folder));
    bool passed = true;
    where = file + ": " + one.value("name", "");
    try {
        Case(url, key, folder).run(one);
    } catch (const std::exception &failure) {
        alarm(0);
        std::cout << where << ": " << failure.what() << std::endl;
        passed = false;
    }
    std::filesystem::remove_all(folder);
    return passed;
}

} // namespace

int main(int count, char **names)
{
    const char *program = std::getenv("OAI_TEST_SERVER_BIN");
    const std::string url = program != nullptr ? server_start(program) : std::string();
    if (url.empty() || count < 2) {
        std::cerr << "usage: OAI_TEST_SERVER_BIN=oai-test-server runner FILE.json...\n";
        return 2;
    }
    std::signal(SIGALRM, take_too_long);
    (void)oai::set_log(OAI_LOG_OFF);
    int cases = 0, passed = 0;
    for (int i = 1; i < count; i++) {
        std::ifstream file(names[i]);
        const Json all = Json::parse(file, nullptr, false);
        if (!all.is_array()) {
            std::cerr << names[i] << " is no JSON array\n";
            return 2;
        }
        for (const Json &one : all) {
            cases++;
            passed += passes(url, std::filesystem::path(names[i]).filename(), one, cases) ? 1 : 0;
        }
    }
    (void)oai::shutdown(std::chrono::seconds(10));
    std::cout << "behaviour c++: " << passed << " of " << cases << " cases passed" << std::endl;
    return passed == cases ? 0 : 1;
}
