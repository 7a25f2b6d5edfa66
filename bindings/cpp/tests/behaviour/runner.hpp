/*
 * What the parts of the C++ runner of the behaviour suite share; README.md of tests/behaviour says what a runner does.
 *
 * runner.cpp reads files and does steps, calls.cpp makes calls and tells outcomes, match.cpp compares, server.cpp runs
 * and asks the test server. All calls go by oai.hpp; none goes to oai.h. A failure of a case is thrown as a Failure.
 */
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <oai.hpp>

using Json = nlohmann::json;

/* Ends a case, and says why. */
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/* ===== server.cpp ===== */

/* Starts the program, whose end comes with ours, and returns its URL. */
std::string server_start(const char *program);

/* Asks the server at a control path, with POST if there is a body. */
Json server_ask(const std::string &path, const Json *body = nullptr);

/* ===== match.cpp ===== */

/* Fails unless an object has only these keys, separated by blanks, and all those with a `!` behind them. */
void only_keys(const Json &object, std::string_view keys);

/* A member of an object, or NULL. */
const Json *member(const Json &object, const char *key);

/* The members of an object that is a member of another; none if there is no such object. */
std::map<std::string, Json> members(const Json &object, const char *key);

/* Fails, naming what it is and the place inside, unless the value (NULL: missing) matches the pattern. */
void match(const std::string &what, const Json &pattern, const Json *value);

/* The same for an outcome and the `expect` of a step: if that says nothing of the status, it must be OAI_OK. */
void match_outcome(const Json &step, const char *expect, const Json &outcome);

/* ===== calls.cpp ===== */

/* A call under way. */
class Call {
public:
    virtual ~Call() = default;
    /* Cancels it, wherever it is. */
    void cancel() { source_.request_stop(); }
    /* Reads that many chunks of a stream. */
    virtual void chunks(int count) = 0;
    /* Waits for the end and tells the outcome. */
    virtual Json finish() = 0;

protected:
    std::stop_source source_;
};

/* Starts a call, which has its place in the queue when this returns. */
std::unique_ptr<Call> call_start(const oai::Client &client, const Json &what, const std::string &folder);

/* Makes a call by its short form, and tells its outcome. */
Json call_make(const oai::Client &client, const Json &what, const std::string &folder);

/* The outcome of what gives no response; NULL for OAI_OK. */
Json error_outcome(const oai::Error *error);
template <class T>
Json plain_outcome(const oai::Result<T> &result)
{
    return error_outcome(result ? nullptr : &result.error());
}
