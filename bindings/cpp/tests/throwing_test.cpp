/*
 * The same calls with OAI_EXCEPTIONS, in a program that also holds sources without it.
 */
#define OAI_EXCEPTIONS
#include "server.hpp"

namespace {

constexpr std::string_view hello = R"({"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]})";

using Throwing = Server;

TEST_F(Throwing, CallsGiveTheirValues)
{
    const oai::Client client = new_client();
    const oai::Response answer = client.chat(hello);
    EXPECT_EQ(answer.http_status(), 200);
    const oai::Embeddings vectors = client.embed("m", {"a", "b"});
    EXPECT_EQ(vectors.rows(), 2U);
    oai::Stream stream = client.chat_stream(hello);
    EXPECT_EQ(Json::parse(stream.finish())["object"], "chat.completion");
    client.configure(oai::Options().max_retries(1));
    EXPECT_EQ(client.send_async(oai::Request("GET", "/models")).get().http_status(), 200);
    client.close(std::chrono::seconds(10));
    EXPECT_THROW((void)client.models(), oai::Error);
}

TEST_F(Throwing, ErrorsAreThrown)
{
    script(R"({"status":404,"times":null})");
    const oai::Client client = new_client();
    try {
        (void)client.chat(hello);
        FAIL() << "nothing was thrown";
    } catch (const oai::Error &error) {
        EXPECT_EQ(error.status(), OAI_ERR_HTTP_NOT_FOUND);
        EXPECT_NE(std::string_view(error.what()).find("404"), std::string_view::npos);
    }
    EXPECT_THROW((void)client.send_async(oai::Request("GET", "/models")).get(), std::exception);
    auto stream = client.chat_stream(hello);
    EXPECT_THROW((void)stream.next(), oai::Error);
    auto pages = client.pages(oai::Request("GET", "/files"));
    EXPECT_THROW((void)pages.begin(), oai::Error);
    EXPECT_THROW((void)oai::Client::make(oai::Options().set("no_such", "1")), oai::Error);
    EXPECT_THROW(client.configure(oai::Options().set("no_such", "1")), oai::Error);
    const oai::Queue queue = oai::Queue::make();
    EXPECT_GT(client.submit_to(oai::Request("GET", "/models"), queue, 1), 0U);
    const auto told = [](oai::Result<oai::Response>) {};
    EXPECT_THROW((void)client.submit(oai::Request("GET", "bad path"), told), oai::Error);
    EXPECT_THROW((void)client.position(999), oai::Error);
    EXPECT_THROW((void)client.wait_until(oai::Request("GET", "/things")), oai::Error);
}

} // namespace
