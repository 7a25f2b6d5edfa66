/*
 * Batches, uploads in parts and waiting: waited for, called back, queued, cancelled and gone on with.
 */
#include <fstream>
#include <future>

#include "server.hpp"

namespace {

constexpr std::string_view in_progress =
    R"({"match":{"path":"/v1/batches/batch-test"},"body":{"id":"batch-test","status":"in_progress"}})";

class Sequences : public Server {
protected:
    void SetUp() override
    {
        Server::SetUp();
        std::ofstream(input_) << R"({"custom_id":"1","method":"POST","url":"/v1/embeddings","body":{}})" << std::endl;
    }
    static std::string content(const std::string &path)
    {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    /** What a queue is told before a sequence's good end; of a body that goes up or down its last alone. */
    static Json told_by(const oai::Client &client, const oai::Sequence &sequence)
    {
        const oai::Queue queue = oai::Queue::make().value();
        EXPECT_TRUE(client.submit_to(sequence, queue, 1));
        Json told = Json::array();
        for (;;)
            for (oai::Event event : queue.wait()) {
                if (event.kind() != OAI_EVENT_PROGRESS) {
                    EXPECT_EQ(event.kind(), OAI_EVENT_DONE);
                    EXPECT_EQ(event.status(), OAI_OK);
                    return told;
                }
                Json news = Json::parse(event.data());
                if (!told.empty() && news["way"] != "batch" && told.back()["way"] == news["way"])
                    told.erase(told.size() - 1);
                told.push_back(std::move(news));
            }
    }

    const std::string input_ = testing::TempDir() + "batch-input.jsonl", output_ = testing::TempDir() + "batch-output";
};

TEST_F(Sequences, ABatchRunsToItsResults)
{
    const oai::Client client = new_client();
    const auto batch = client.run_batch(R"({"endpoint":"/v1/embeddings"})", input_, output_);
    ASSERT_TRUE(batch) << batch.error().message();
    EXPECT_EQ(Json::parse(batch->body())["status"], "completed");
    EXPECT_EQ(content(output_), "file-output");
    const auto missing = client.run_batch(R"({"endpoint":"/v1/embeddings"})", input_ + ".missing");
    EXPECT_EQ(missing.error().status(), OAI_ERR_FILE);
}

TEST_F(Sequences, ABatchThatIsCancelledGoesOn)
{
    script(in_progress);
    const oai::Client client = new_client();
    std::promise<oai::Result<oai::Response>> promise;
    const auto id = client.submit(oai::Sequence::batch(R"({"endpoint":"/v1/embeddings","interval_ms":3600000,
                                                      "max_interval_ms":3600000})",
                                                  input_),
                                  [&promise](oai::Result<oai::Response> end) { promise.set_value(std::move(end)); });
    ASSERT_TRUE(id) << id.error().message();
    server_get("/_stats", "arrived", "3");
    server_get("/_stats", "in_flight", "0");
    ASSERT_TRUE(client.cancel(*id));
    const auto ended = promise.get_future().get();
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().status(), OAI_ERR_CANCELLED);
    EXPECT_EQ(Json::parse(ended.error().body())["batch_id"], "batch-test");
    const auto again = client.send_async(oai::Sequence::batch(ended.error().body(), {}, output_)).get();
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ(Json::parse(again->body())["status"], "completed");
}

TEST_F(Sequences, ALargeFileGoesUpInParts)
{
    const oai::Client client = new_client();
    const auto upload = client.upload_in_parts(R"({"purpose":"batch","part_bytes":16})", input_);
    ASSERT_TRUE(upload) << upload.error().message();
    EXPECT_EQ(Json::parse(upload->body())["status"], "completed");
    int parts = 0;
    for (const Json &request : server_get("/_log"))
        parts += request["path"].get<std::string>().find("/parts") != std::string::npos ? 1 : 0;
    EXPECT_GT(parts, 3);
}

TEST_F(Sequences, TheirEndsComeToAQueue)
{
    const oai::Client client = new_client();
    const auto queue = oai::Queue::make();
    ASSERT_TRUE(queue);
    const oai::Request batch("GET", "/batches/batch-test");
    ASSERT_TRUE(client.submit_to(oai::Sequence::wait_until(batch), *queue, 1));
    ASSERT_TRUE(client.submit_to(oai::Sequence::batch(R"({"batch_id":"batch-test"})", {}), *queue, 2));
    ASSERT_TRUE(client.submit_to(oai::Sequence::upload(R"({"purpose":"batch"})", input_), *queue, 3));
    std::uint64_t tags = 0;
    for (int ends = 0; ends < 3;)
        for (oai::Event event : queue->wait()) {
            EXPECT_EQ(event.status(), OAI_OK);
            EXPECT_NE(event.take_response().id(), 0U);
            tags += event.tag();
            ends++;
        }
    EXPECT_EQ(tags, 6U);
}

TEST_F(Sequences, TellAQueueHowFarTheyAre)
{
    script(R"([{"match":{"path":"/v1/batches"},"body":{"id":"batch-test","status":"validating"}},
               {"match":{"path":"/v1/batches/*"},"body":{"id":"batch-test","status":"in_progress",
                "request_counts":{"completed":40,"failed":1,"total":100}}}])");
    const oai::Client client = new_client();
    const auto batch = oai::Sequence::batch(R"({"endpoint":"/v1/embeddings","interval_ms":1,"progress":true})", input_,
                                            output_);
    const Json told = told_by(client, batch);
    ASSERT_EQ(told.size(), 5U) << told;
    EXPECT_EQ(told[0]["way"], "upload");
    EXPECT_EQ(told[0]["bytes"], told[0]["total"]);
    EXPECT_EQ(told[1], Json::parse(R"({"way":"batch","batch_id":"batch-test","status":"validating","completed":null,
                                       "failed":null,"total":null})"));
    EXPECT_EQ(told[2], Json::parse(R"({"way":"batch","batch_id":"batch-test","status":"in_progress","completed":40,
                                       "failed":1,"total":100})"));
    EXPECT_EQ(told[3]["status"], "completed");
    EXPECT_EQ(told[4], Json::parse(R"({"way":"download","bytes":11,"total":11,"file":"output"})"));

    const std::size_t size = content(input_).size();
    const Json parts = told_by(
        client, oai::Sequence::upload(R"({"purpose":"batch","part_bytes":16,"progress":true})", input_));
    EXPECT_EQ(parts, Json::array({{{"way", "upload"}, {"bytes", size}, {"total", size}}}));
    EXPECT_EQ(told_by(client, oai::Sequence::upload(R"({"purpose":"batch"})", input_)), Json::array());

    // Functions and futures are told the end alone.
    EXPECT_TRUE(client.send_async(batch).get());
}

TEST_F(Sequences, ThatCannotBeSentAreRefused)
{
    const oai::Client client = new_client();
    const auto told = [](oai::Result<oai::Response>) { FAIL() << "a refused sequence was told to its function"; };
    const oai::Sequence bad = oai::Sequence::wait_until(oai::Request("GET", "bad path"));
    EXPECT_EQ(client.send(bad).error().status(), OAI_ERR_INVALID_ARGUMENT);
    EXPECT_EQ(client.submit(bad, told).error().status(), OAI_ERR_INVALID_ARGUMENT);
    EXPECT_EQ(client.send_async(bad).get().error().status(), OAI_ERR_INVALID_ARGUMENT);
    ASSERT_TRUE(client.close(std::chrono::seconds(10)));
    const auto closed = client.submit(oai::Sequence::batch(R"({"batch_id":"b"})", {}), told);
    EXPECT_EQ(closed.error().status(), OAI_ERR_CLOSED);
}

#if defined(__cpp_lib_jthread)
TEST_F(Sequences, AStopTokenEndsThem)
{
    script(R"({"match":{"path":"/v1/things/t"},"body":{"status":"queued"},"times":null})");
    const oai::Client client = new_client();
    const oai::Sequence sequence = oai::Sequence::wait_until(oai::Request("GET", "/things/t"),
                                              R"({"interval_ms":3600000,"max_interval_ms":3600000})");
    std::stop_source source;
    auto end = client.send_async(sequence, source.get_token());
    server_get("/_stats", "arrived", "1");
    source.request_stop();
    EXPECT_EQ(end.get().error().status(), OAI_ERR_CANCELLED);
    EXPECT_EQ(client.send(sequence, source.get_token()).error().status(), OAI_ERR_CANCELLED);
}
#endif

} // namespace
