/*
 * Streams as ranges, their whole, and their early ends.
 */
#include <thread>

#include "server.hpp"

#if defined(__cpp_lib_ranges)
#include <ranges>
#endif

namespace {

constexpr std::string_view hello =
    R"({"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello out there"}]})";

using Stream = Server;

#if defined(__cpp_lib_ranges)
static_assert(std::ranges::input_range<oai::Stream> && std::ranges::input_range<oai::Pages>);
static_assert(std::ranges::input_range<oai::Batch>);
static_assert(std::ranges::contiguous_range<oai::Floats>);
#endif

TEST_F(Stream, IsARangeOfEventsWithAWhole)
{
    const oai::Client client = new_client();
    auto stream = client.chat_stream(hello);
    ASSERT_TRUE(stream);
    std::string text;
    for (const std::string_view event : *stream)
        text += Json::parse(event)["choices"][0]["delta"].value("content", "");
    EXPECT_EQ(text, "You said: Hello out there");
    EXPECT_FALSE(stream->error().has_value());
    EXPECT_EQ(stream->response()->http_status(), 200);
    const Json whole = Json::parse(*stream->finish());
    EXPECT_EQ(whole["object"], "chat.completion");
    EXPECT_EQ(whole["choices"][0]["message"]["content"], "You said: Hello out there");
}

TEST_F(Stream, MayBeWalkedWithoutANameOfItsOwn)
{
    const oai::Client client = new_client();
    int events = 0;
    for (const std::string_view event : client.chat_stream(hello).value())
        events += event.empty() ? 0 : 1;
    EXPECT_GT(events, 3);
}

TEST_F(Stream, OfAnyRequestComesToTheSame)
{
    const oai::Client client = new_client();
    auto stream = client.stream(oai::Request("POST", "/responses").json(R"({"model":"m","input":"Hello"})"));
    EXPECT_EQ(Json::parse(*stream->finish())["object"], "response");
}

TEST_F(Stream, ThatIsLeftClosesItsConnection)
{
    script(R"({"pass":true,"chunk_delay_ms":20,"times":null})");
    const oai::Client client = new_client();
    {
        auto stream = client.chat_stream(hello);
        ASSERT_TRUE(stream->next().has_value());
    }
    EXPECT_EQ(server_get("/_stats", "in_flight", "0")["client_gone"], 1);
    auto stream = client.chat_stream(hello);
    std::thread other([&stream] { stream->cancel(); });
    EXPECT_EQ(stream->finish().error().status(), OAI_ERR_CANCELLED);
    other.join();
    EXPECT_FALSE(stream->next().has_value());
}

TEST_F(Stream, ThatHadEndedWhenItWasLeftIsWhole)
{
    const oai::Client client = new_client();
    auto stream = client.chat_stream(hello);
    ASSERT_TRUE(stream->next().has_value());
    EXPECT_TRUE(client.close(std::chrono::seconds(10)));
    stream->cancel();
    EXPECT_FALSE(stream->next().has_value());
    const Json choice = Json::parse(*stream->finish())["choices"][0];
    EXPECT_EQ(choice["finish_reason"], "stop");
    EXPECT_EQ(choice["message"]["content"], "You said: Hello out there");
}

TEST_F(Stream, ThatBreaksGivesWhatCame)
{
    script(R"({"status":200,"headers":{"content-type":"text/event-stream"},
        "chunks":["data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Half\"}}]}\n\n"]})");
    const oai::Client client = new_client();
    auto stream = client.chat_stream(hello);
    int events = 0;
    for (const std::string_view event : *stream)
        events += event.empty() ? 0 : 1;
    EXPECT_EQ(events, 1);
    EXPECT_EQ(stream->error()->status(), OAI_ERR_INCOMPLETE);
    EXPECT_EQ(Json::parse(*stream->partial())["choices"][0]["message"]["content"], "Half");
}

TEST_F(Stream, IsFoldedByHandToo)
{
    oai::Fold fold;
    EXPECT_EQ(*fold.finish(), "[]");
    EXPECT_TRUE(fold.push(R"({"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"a"}}]})"));
    EXPECT_EQ(Json::parse(*fold.finish())["choices"][0]["message"]["content"], "a");
}

} // namespace
