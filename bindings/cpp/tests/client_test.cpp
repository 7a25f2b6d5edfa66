/*
 * Calls, settings, errors, files, lists and the end, with results.
 */
#include <fstream>
#include <future>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.hpp"

namespace {

constexpr std::string_view model = "text-embedding-3-small";
constexpr std::string_view hello = R"({"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]})";

using Client = Server;

TEST_F(Client, EmbedsTextsIntoAMatrix)
{
    const oai::Client client = new_client();
    const auto vectors = client.embed(model, {"Old boats", "Fresh bread"}, oai::Client::embedding().dimensions(256));
    ASSERT_TRUE(vectors) << vectors.error().message();
    EXPECT_EQ(vectors->rows(), 2U);
    EXPECT_EQ(vectors->dims(), 256U);
    float length = 0;
    for (const float number : (*vectors)[1])
        length += number * number;
    EXPECT_NEAR(length, 1, 0.01);
    EXPECT_EQ(vectors->data().size(), 512U);
    EXPECT_GT(vectors->response().usage().total_tokens, 0U);
    const std::vector<std::string> more{"a", "b", "c"};
    EXPECT_EQ(client.embed(model, more)->rows(), 3U);
#if defined(__cpp_lib_span)
    const std::span<const float> row = (*vectors)[0];
    EXPECT_EQ(row.size(), 256U);
#endif
}

TEST_F(Client, ChatsAndTellsAllOfTheAnswer)
{
    const oai::Client client = new_client();
    const auto answer = client.chat(hello);
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(Json::parse(answer->body())["choices"][0]["message"]["content"], "You said: Hello");
    EXPECT_EQ(answer->http_status(), 200);
    EXPECT_EQ(answer->attempts(), 1U);
    EXPECT_EQ(answer->header("Content-Type"), "application/json");
    EXPECT_FALSE(answer->header("x-none").has_value());
    EXPECT_FALSE(answer->headers().empty());
    EXPECT_TRUE(answer->request_id().has_value());
    EXPECT_FALSE(answer->error().has_value());
}

TEST_F(Client, GivesErrorsWhole)
{
    script(R"({"status":429,"headers":{"retry-after":"7"},
        "body":{"error":{"message":"Slow down, please","type":"requests","code":"rate","param":"model"}}})");
    const oai::Client client = new_client(oai::Options().max_retries(0));
    const auto answer = client.chat(hello);
    ASSERT_FALSE(answer);
    const oai::Error &error = answer.error();
    EXPECT_EQ(error.status(), OAI_ERR_RATE_LIMITED);
    EXPECT_EQ(error.status_name(), "OAI_ERR_RATE_LIMITED");
    EXPECT_EQ(error.http_status(), 429);
    EXPECT_EQ(error.type(), "requests");
    EXPECT_EQ(error.code(), "rate");
    EXPECT_EQ(error.param(), "model");
    EXPECT_EQ(error.retry_after(), std::chrono::seconds(7));
    EXPECT_EQ(error.attempts(), 1U);
    EXPECT_FALSE(error.may_have_executed());
    EXPECT_FALSE(error.request_id().empty());
    EXPECT_NE(error.message().find("Slow down, please"), std::string::npos);
    EXPECT_THROW((void)client.chat("{broken").value(), oai::Error);
}

TEST_F(Client, SaysWhatOfARequestCannotBeSent)
{
    const oai::Client client = new_client();
    const auto broken = client.send(oai::Request("POST", "/things").json("{").header("x", "y"));
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().status(), OAI_ERR_INVALID_ARGUMENT);
    EXPECT_NE(broken.error().message().find("JSON"), std::string::npos);
    EXPECT_FALSE(client.send(oai::Request("GET", "/../secret")));
}

TEST_F(Client, SendsAllThatARequestHolds)
{
    script(R"({"match":{"path":"/v1/things"},"status":200,"body":"{}"})");
    const oai::Client client = new_client();
    oai::Request request("POST", "/things");
    request.json(R"({"a":1})").add_query("include[]", "x").add_query("include[]", "y").header("X-Mine", "yes");
    request.idempotency_key("k-1").priority(oai::Priority::low).timeout(std::chrono::minutes(1));
    ASSERT_TRUE(client.send(request));
    const Json came = server_get("/_log")[0];
    EXPECT_EQ(came["path"], "/v1/things?include%5B%5D=x&include%5B%5D=y");
    EXPECT_EQ(came["headers"]["x-mine"], "yes");
    EXPECT_EQ(came["headers"]["idempotency-key"], "k-1");
    EXPECT_EQ(came["body"]["a"], 1);
}

TEST_F(Client, ReachesThePathsOfItsShortForms)
{
    script(R"({"match":{"path":"/v1/*"},"times":null,"status":200,"body":{"object":"anything"}})");
    const oai::Client client = new_client();
    const std::string body = R"({"model":"m"})";
    const oai::File sound{"a.wav", "RIFF", {}};
    const std::vector<bool> went{
        bool(client.responses(body)), bool(client.completions(body)), bool(client.moderate(body)),
        bool(client.models()),
        bool(client.image(body)), bool(client.image_edit(body, sound)), bool(client.speech(body)),
        bool(client.transcribe(body, sound)), bool(client.translate(body, sound)),
        bool(client.upload(R"({"purpose":"batch"})", sound)), bool(client.download("f-1")),
    };
    const std::vector<std::string> paths{
        "/v1/responses", "/v1/completions", "/v1/moderations", "/v1/models", "/v1/images/generations",
        "/v1/images/edits",
        "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations", "/v1/files", "/v1/files/f-1/content",
    };
    const Json log = server_get("/_log");
    ASSERT_EQ(log.size(), paths.size());
    for (std::size_t i = 0; i < paths.size(); i++) {
        EXPECT_TRUE(went[i]) << paths[i];
        EXPECT_EQ(log[i]["path"], paths[i]);
    }
}

TEST_F(Client, MovesFilesUpAndDown)
{
    const oai::Client client = new_client();
    const std::string folder = testing::TempDir(), input = folder + "input.jsonl", output = folder + "output";
    std::ofstream(input) << "{}\n";
    ASSERT_TRUE(client.upload(R"({"purpose":"batch"})", oai::File::from_path(input)));
    const std::string form = server_get("/_log")[0]["body"];
    EXPECT_NE(form.find("filename=\"input.jsonl\""), std::string::npos);
    ASSERT_TRUE(client.download("zeros-100000", output));
    std::ifstream written(output, std::ios::ate | std::ios::binary);
    EXPECT_EQ(written.tellg(), 100000);
    EXPECT_EQ(client.upload("", oai::File::from_path(folder + "missing")).error().status(), OAI_ERR_FILE);
}

TEST_F(Client, TellsHowFarAFileHasCome)
{
    const oai::Client client = new_client();
    const auto queue = oai::Queue::make();
    oai::Request request("GET", "/files/zeros-3000000/content");
    request.output_path(testing::TempDir() + "zeros").progress();
    ASSERT_TRUE(client.submit_to(request, *queue, 1));
    std::uint64_t bytes = 0;
    for (bool done = false; !done;)
        for (oai::Event event : queue->wait()) {
            if (event.kind() == OAI_EVENT_PROGRESS) {
                EXPECT_EQ(Json::parse(event.data())["way"], "download");
                bytes = Json::parse(event.data())["bytes"];
            } else {
                EXPECT_EQ(event.status(), OAI_OK);
                done = true;
            }
        }
    EXPECT_EQ(bytes, 3000000U);
}

TEST_F(Client, WalksListsPageByPage)
{
    script(R"([{"match":{"path":"/v1/files"},"status":200,"body":{"data":[{"id":"a"}],"has_more":true,"last_id":"a"}},
               {"match":{"path":"/v1/files"},"status":200,"body":{"data":[{"id":"b"}],"has_more":false}},
               {"match":{"path":"/v1/files"},"status":404}])");
    const oai::Client client = new_client();
    auto pages = client.pages(oai::Request("GET", "/files"));
    ASSERT_TRUE(pages);
    std::string ids;
    for (const oai::Response &page : *pages)
        ids += Json::parse(page.body())["data"][0]["id"];
    EXPECT_EQ(ids, "ab");
    EXPECT_FALSE(pages->error().has_value());
    auto failing = client.pages(oai::Request("GET", "/files"));
    EXPECT_TRUE(failing->begin() == failing->end());
    EXPECT_EQ(failing->error()->status(), OAI_ERR_HTTP_NOT_FOUND);
}

TEST_F(Client, LeadsARequestFromPageToPage)
{
    script(R"([{"match":{"path":"/v1/files"},"status":200,"body":{"data":[{"id":"a"}],"has_more":true,"last_id":"a"}},
               {"match":{"path":"/v1/files*"},"status":200,"body":{"data":[{"id":"b"}],"has_more":false}}])");
    const oai::Client client = new_client();
    oai::Request request("GET", "/files");
    const auto first = client.send(request);
    EXPECT_TRUE(request.next_page(*first).value());
    const auto second = client.send(request);
    EXPECT_FALSE(request.next_page(*second).value());
    EXPECT_EQ(server_get("/_log")[1]["path"], "/v1/files?after=a");
}

TEST_F(Client, OfAParentIsOfNoUseInAForkedChild)
{
    script(R"({"match":{"path":"/v1/chat/completions"},"pass":true,"chunk_delay_ms":20})");
    const oai::Client client = new_client();
    const auto queue = oai::Queue::make();
    auto stream = client.chat_stream(hello);
    auto pages = client.pages(oai::Request("GET", "/models"));
    ASSERT_TRUE(stream->next().has_value());
    const pid_t child = fork();
    if (child == 0) {
        // Everything says so, and nothing waits for what cannot come.
        const std::vector<oai_status> statuses{
            client.models().error().status(),
            client.send_async(oai::Request("GET", "/models")).get().error().status(),
            client.submit_to(oai::Request("GET", "/models"), *queue, 1).error().status(),
            queue->wait().status(),
            stream->finish().error().status(),
            pages->begin() == pages->end() ? pages->error()->status() : OAI_OK,
        };
        int others = 0;
        for (const oai_status status : statuses)
            others = others * 2 + (status == OAI_ERR_FORKED ? 0 : 1);
        _exit(others);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(stream->finish());
}

TEST_F(Client, TakesSettingsAndTellsThem)
{
    const oai::Client client = new_client(oai::Options().max_retries(3).idle_timeout_ms(std::chrono::seconds(2)));
    ASSERT_TRUE(client.configure(oai::Options().queue_size(7).backoff_factor(1.5).organization("a \"b\"")));
    const Json config = Json::parse(*client.config_json());
    EXPECT_EQ(config["max_retries"]["value"], 3);
    EXPECT_EQ(config["idle_timeout_ms"]["value"], 2000);
    EXPECT_EQ(config["queue_size"]["value"], 7);
    EXPECT_EQ(config["backoff_factor"]["value"], 1.5);
    EXPECT_EQ(config["organization"]["value"], "a \"b\"");
    EXPECT_EQ(config["api_key"]["value"], "***");
    const auto unknown = client.configure(oai::Options().set("no_such", "1"));
    EXPECT_EQ(unknown.error().status(), OAI_ERR_UNKNOWN_OPTION);
    EXPECT_NE(unknown.error().message().find("no_such"), std::string::npos) << unknown.error().message();
    EXPECT_FALSE(oai::Client::make(oai::Options().max_concurrent_requests(0)));
    // Each option has its function.
    std::ifstream source(OAI_INCLUDE "/oai/options.hpp");
    const std::string text((std::istreambuf_iterator<char>(source)), {});
    for (const auto &option : config.items())
        EXPECT_NE(text.find("Options &" + option.key() + "("), std::string::npos) << option.key();
}

TEST_F(Client, CountsAndCloses)
{
    const oai::Client client = new_client();
    ASSERT_TRUE(client.models());
    EXPECT_EQ(Json::parse(*client.stats_json())["requests"]["accepted"], 1);
    EXPECT_NE(client.prometheus()->find("oai_requests"), std::string::npos);
    ASSERT_TRUE(client.close(std::chrono::seconds(10)));
    EXPECT_EQ(client.models().error().status(), OAI_ERR_CLOSED);
}

TEST_F(Client, QueuesEventsForALoop)
{
    const oai::Client client = new_client();
    auto queue = oai::Queue::make();
    ASSERT_TRUE(queue);
    EXPECT_GE(queue->fd(), 0);
    EXPECT_TRUE(queue->next().empty());
    ASSERT_TRUE(client.submit_to(oai::Request("GET", "/models"), *queue, 42));
    const oai::Batch batch = queue->wait();
    ASSERT_EQ(batch.size(), 1U);
    for (oai::Event event : batch) {
        EXPECT_EQ(event.tag(), 42U);
        EXPECT_EQ(event.kind(), OAI_EVENT_DONE);
        EXPECT_EQ(event.status(), OAI_OK);
        EXPECT_EQ(event.take_response().http_status(), 200);
    }
    EXPECT_TRUE(queue->wait_for(std::chrono::milliseconds(1)).empty());
}

TEST_F(Client, LetsAQueueHoldRequestsBack)
{
    const oai::Client client = new_client();
    const auto queue = oai::Queue::make();
    ASSERT_TRUE(queue);
    ASSERT_TRUE(queue->set_max_unread_bytes(1));
    ASSERT_TRUE(client.submit_to(oai::Request("GET", "/models"), *queue, 1));
    pollfd bell{static_cast<int>(queue->dup_fd()), POLLIN, 0};
    ASSERT_GE(bell.fd, 0);
    EXPECT_EQ(poll(&bell, 1, 30000), 1);
    EXPECT_GT(queue->unread_bytes(), 1U);
    const auto held = client.submit_to(oai::Request("GET", "/models"), *queue, 2);
    ASSERT_TRUE(held);
    // It waits for its reader and not in its lane.
    EXPECT_EQ(client.position(*held).error().status(), OAI_ERR_UNKNOWN_ID);
    EXPECT_EQ(queue->wait().begin().operator*().tag(), 1U);
    EXPECT_EQ(queue->wait().begin().operator*().tag(), 2U);
    close(bell.fd);
}

TEST_F(Client, TellsWhereARequestStands)
{
    script(R"({"hold":"gate","times":null})");
    const oai::Client client = new_client(oai::Options().max_concurrent_requests(1));
    std::promise<oai_status> first;
    ASSERT_TRUE(client.submit(oai::Request("GET", "/models"), [&first](oai::Result<oai::Response> answer) {
        first.set_value(answer ? answer->status() : answer.error().status());
    }));
    server_get("/_stats", "in_flight", "1");
    const auto queue = oai::Queue::make();
    ASSERT_TRUE(client.submit_to(oai::Request("GET", "/models"), *queue, 1));
    const auto third = client.submit_to(oai::Request("GET", "/models"), *queue, 2);
    const auto position = client.position(*third);
    ASSERT_TRUE(position) << position.error().message();
    EXPECT_EQ(position->ahead, 1U);
    EXPECT_NE(client.position(999).error().message(), "OAI_ERR_UNKNOWN_ID");
    server_post("/_release", R"({"hold":"gate"})");
    EXPECT_EQ(first.get_future().get(), OAI_OK);
}

TEST_F(Client, TakesLinesAndTokenQuestionsFromAQueue)
{
    const oai::Client client = new_client(oai::Options().initial_retry_delay_ms(std::chrono::milliseconds(1)));
    const auto queue = oai::Queue::make();
    ASSERT_TRUE(client.set_token_queue(*queue, 7));
    ASSERT_TRUE(oai::set_log_to(OAI_LOG_WARN, *queue));
    script(R"({"status":500})");
    ASSERT_TRUE(client.submit_to(oai::Request("GET", "/models"), *queue, 1));
    bool asked = false, warned = false, done = false;
    while (!asked || !warned || !done)
        for (oai::Event event : queue->wait()) {
            if (event.kind() == OAI_EVENT_TOKEN_WANTED) {
                asked = event.tag() == 7;
                EXPECT_TRUE(client.provide_token(event.id(), "token-of-the-queue"));
            } else if (event.kind() == OAI_EVENT_LOG) {
                const bool told = event.data().find("server error") != std::string_view::npos;
                warned = warned || (told && event.tag() == OAI_LOG_WARN);
            } else {
                EXPECT_EQ(event.take_response().status(), OAI_OK);
                done = true;
            }
        }
    ASSERT_TRUE(oai::set_log(OAI_LOG_OFF));
    EXPECT_FALSE(oai::version().empty());
}

TEST_F(Client, WaitsUntilAnObjectIsDone)
{
    script(R"([{"match":{"path":"/v1/batches/b"},"status":200,"body":{"id":"b","status":"in_progress"}},
               {"match":{"path":"/v1/batches/b"},"status":200,"body":{"id":"b","status":"completed"}}])");
    const oai::Client client = new_client();
    const auto done = client.wait_until(oai::Request("GET", "/batches/b"), R"({"interval_ms":1})");
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(Json::parse(done->body())["status"], "completed");
    EXPECT_EQ(client.wait_until(oai::Request("GET", "bad path")).error().status(), OAI_ERR_INVALID_ARGUMENT);
}

TEST_F(Client, TellsWhichFallbackAnswered)
{
    script(R"([{"match":{"path":"/v1/chat/completions"},"status":500,"times":null},
               {"match":{"path":"/other/chat/completions"},"status":200,"body":"{}"}])");
    const std::string other = R"([{"base_url":")" + server_url() + R"(/other","api_key":"sk-test-other"}])";
    const oai::Client client = new_client(oai::Options().max_retries(0).set("fallbacks", other));
    const auto answer = client.chat(hello);
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->fallback(), 1U);
    EXPECT_EQ(new_client().models()->fallback(), 0U);
}

TEST_F(Client, AsksForTokensThatRotate)
{
    const oai::Client client = new_client();
    int asked = 0;
    ASSERT_TRUE(client.set_token_provider([&](std::uint64_t wanted) {
        if (++asked == 1)
            EXPECT_TRUE(client.refuse_token(wanted, "the vault is shut"));
        else
            EXPECT_TRUE(client.provide_token(wanted, "token-of-the-vault", std::chrono::hours(1)));
    }));
    const auto refused = client.models();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().status(), OAI_ERR_NO_API_KEY);
    EXPECT_NE(refused.error().message().find("the vault is shut"), std::string::npos);
    ASSERT_TRUE(client.models());
    EXPECT_EQ(server_get("/_log")[0]["headers"]["authorization"], "Bearer token-of-the-vault");
    EXPECT_EQ(client.provide_token(999, "x").error().status(), OAI_ERR_UNKNOWN_ID);
    const auto over = client.provide_token(999, "x", std::chrono::milliseconds(-1));
    EXPECT_EQ(over.error().status(), OAI_ERR_INVALID_ARGUMENT);
    EXPECT_TRUE(client.close(std::chrono::milliseconds(-1))) << "a time below none is none, not for ever";
    ASSERT_TRUE(client.set_token_provider(nullptr));
}

TEST_F(Client, VerifiesWebhooks)
{
    const oai::Client client = new_client(oai::Options().webhook_secret("whsec_c2VjcmV0"));
    EXPECT_EQ(client.verify_webhook({"{}", "id", "1", "v1,AAAA"}).error().status(), OAI_ERR_WEBHOOK);
    EXPECT_EQ(oai::verify_webhook("whsec_c2VjcmV0", {"{}", {}, {}, {}}).error().status(), OAI_ERR_WEBHOOK);
}

TEST_F(Client, HandsTheLogOver)
{
    std::string told;
    ASSERT_TRUE(oai::set_log(OAI_LOG_WARN, [&told](std::int32_t, std::string_view line) { told += line; }));
    script(R"({"status":500})");
    {
        const oai::Client client = new_client(oai::Options().initial_retry_delay_ms(std::chrono::milliseconds(1)));
        ASSERT_TRUE(client.models());
    }
    // What was said before is told before this returns.
    ASSERT_TRUE(oai::set_log(OAI_LOG_OFF));
    for (int i = 0; i < 1000 && told.empty(); i++)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_NE(told.find("server error"), std::string::npos) << told;
}

} // namespace
