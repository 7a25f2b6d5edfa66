# This file tests calls, errors, streams, threads and forks against the test server.

require "minitest/autorun"
require_relative "server"

class ClientTest < Minitest::Test
  CHAT = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello" }] }.freeze

  def setup
    TestServer.shared.ask("/_reset", {})
    @client = TestServer.shared.client
  end

  def teardown = @client.close

  def test_embeds
    vectors = @client.embed("text-embedding-3-small", %w[one two], dimensions: 8)
    assert_equal [2, 8], [vectors.rows, vectors.dims]
    assert_equal vectors.packed, vectors.to_a.flatten.pack("f*")
  end

  def test_many_threads_share_a_client
    answers = Array.new(20) { |i| Thread.new { @client.embed("text-embedding-3-small", "text #{i}").rows } }.map(&:value)
    assert_equal [1] * 20, answers
  end

  def test_errors_have_classes_and_fields
    TestServer.shared.ask("/_script", [{ "status" => 400, "body" => { "error" => { "message" => "no", "code" => "bad" } } }])
    error = assert_raises(Oaic::BadRequestError) { @client.chat(CHAT) }
    assert_equal ["OAI_ERR_HTTP_BAD_REQUEST", 400, "bad", 1], [error.status, error.http_status, error.code, error.attempts]
  end

  def test_streams_and_folds
    stream = @client.chat_stream(CHAT)
    text = stream.map(&:text).join
    assert_equal text, stream.final.dig("choices", 0, "message", "content")
  end

  def test_a_closed_client_says_so
    @client.close
    assert_raises(Oaic::ClosedError) { @client.models }
  end

  def test_a_child_of_a_fork_is_told
    @client.models
    reader, writer = IO.pipe
    child = fork do
      writer.write(begin; @client.models; rescue Oaic::ForkedError; "forked"; end)
      writer.close
      exit!(0)
    end
    writer.close
    assert_equal "forked", reader.read
  ensure
    Process.wait(child)
  end
end
