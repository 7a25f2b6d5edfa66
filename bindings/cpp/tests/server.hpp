/*
 * The test server, for the tests of the C++ layer: OAI_TEST_SERVER has its URL. Each test resets it and has a client
 * with a key, and so with limits, of its own.
 */
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <oai.hpp>

using Json = nlohmann::json;

inline std::string server_url()
{
    const char *url = std::getenv("OAI_TEST_SERVER");
    return url == nullptr ? "http://OAI_TEST_SERVER-is-not-set" : url;
}

/* The value of an outcome, whether calls give results or throw. */
template <class T>
T value_of(oai::Result<T> result) { return std::move(result).value(); }
template <class T>
T value_of(T value) { return value; }

inline oai::Client client_at(std::string_view base_url, oai::Options options)
{
    static int clients = 0;
    options.base_url(base_url).no_dotenv().api_key("sk-test-cpp-" + std::to_string(++clients));
    return value_of(oai::Client::make(options));
}

inline oai::Client new_client(oai::Options options = {}) { return client_at(server_url() + "/v1", std::move(options)); }

/* Asks the server at a control path, as any client would. */
inline Json control(const oai::Request &request)
{
    static const oai::Client client = client_at(server_url(), oai::Options().learn_limits(false));
    const oai::Response answer = value_of(client.send(request));
    return Json::parse(answer.body());
}
inline Json server_get(std::string_view path, std::string_view name = {}, std::string_view value = {})
{
    oai::Request request("GET", path);
    if (!name.empty())
        request.query(name, value);
    return control(request);
}
inline void server_post(std::string_view path, std::string_view json)
{
    control(oai::Request("POST", path).json(json));
}
inline void script(std::string_view rules) { server_post("/_script", rules); }

class Server : public testing::Test {
protected:
    void SetUp() override { server_post("/_reset", "{}"); }
};
