# This file tests streams: read to the end, left early, dropped, slow readers, broken ones.

require_relative "helper"

class StreamTest < GemTest
  SLOW = { pass: true, chunk_delay_ms: 20, times: nil }.freeze
  SSE = { "content-type" => "text/event-stream" }.freeze

  def test_a_stream_gives_its_events_and_the_whole
    stream = client.chat_stream(**HELLO)
    events = stream.to_a
    assert_operator events.size, :>, 3
    assert_equal SAID, events.map(&:text).join
    assert_equal "chat.completion.chunk", events[0].json["object"]
    assert_equal "stop", events.last.dig("choices", 0, "finish_reason")
    whole = stream.final
    assert_equal SAID, whole.dig("choices", 0, "message", "content")
    assert_equal [200, 1, "text/event-stream"], [whole.http_status, whole.attempts, whole.headers["content-type"][/[^;]*/]]
    assert_empty stream.to_a
    assert_nil stream.next
  end

  def test_blocks_and_enumerators_read_streams_of_every_form
    c = client
    said = +""
    stream = c.chat_stream(HELLO) { |event| said << event.text }
    assert_equal [SAID, SAID], [said, stream.final.dig("choices", 0, "message", "content")]
    assert_equal SAID, c.responses_stream(model: "m", input: "Hello there").each_text.to_a.join
    assert_equal SAID, c.completions_stream(model: "m", prompt: "Hello there").each.map(&:text).join
    assert_equal SAID, c.stream("POST", "/chat/completions", body: HELLO).final.dig("choices", 0, "message", "content")
    assert_equal ["You "], c.chat_stream(HELLO).lazy.map(&:text).reject(&:empty?).first(1)
  end

  def test_leaving_a_loop_drops_the_connection
    script(SLOW)
    c = client
    assert_equal :left, c.chat_stream(HELLO) { break :left }
    assert_equal 1, in_flight(0)["client_gone"]
    assert_raises(IOError) { c.chat_stream(HELLO) { raise IOError, "no more" } }
    assert_equal 2, in_flight(0)["client_gone"]
    c.chat_stream(HELLO).each_text.first
    assert_equal 3, in_flight(0)["client_gone"]
    assert_equal({ "cancelled" => 3 }, c.stats["requests"]["ended"].slice("cancelled", "ok"))
  end

  def test_what_a_left_stream_has_brought_can_be_had
    script(SLOW)
    stream = client.chat_stream(HELLO)
    stream.each { |event| break if event.text == "You " }
    assert_equal "You ", stream.partial.dig("choices", 0, "message", "content")
    assert_raises(Oaic::CancelledError) { stream.final }
  end

  def test_a_dropped_stream_drops_its_connection
    script(SLOW)
    c = client
    drop = -> { c.chat_stream(HELLO).next.data }
    Array.new(3) { Thread.new(&drop) }.each(&:join)
    # The stack may still hold the last one.
    eventually do
      GC.start
      drop.call if log.size < 6
      server.ask("/_stats")["client_gone"] >= 3
    end
  end

  def test_another_thread_may_cancel
    script(SLOW)
    stream = client.chat_stream(HELLO)
    stream.next
    Thread.new { stream.cancel }.join
    error = assert_raises(Oaic::CancelledError) { nil while stream.next }
    assert_equal "OAI_ERR_CANCELLED", error.status
    assert_equal 1, in_flight(0)["client_gone"]
  end

  def test_a_wait_that_is_interrupted_closes_the_stream
    script({ status: 200, headers: SSE, chunks: [chunk("Half"), chunk("More")], chunk_delay_ms: 60_000 })
    stream = client.chat_stream(HELLO)
    assert_raises(Timeout::Error) { Timeout.timeout(0.1) { stream.each(&:text) } }
    assert_equal 1, in_flight(0)["client_gone"]
  end

  def test_an_interrupt_in_the_middle_of_a_batch_loses_nothing
    stream = buffered
    assert_raises(IOError) do
      at_the_first_event(->(reader) { reader.raise(IOError, "no more") }) { stream.next }
    end
    assert_equal SAID, stream.map(&:text).join
    assert_equal SAID, stream.final.dig("choices", 0, "message", "content")
  end

  def test_a_reader_that_is_killed_in_the_middle_of_a_batch_can_close_its_stream
    stream = buffered
    at_the_first_event(:kill.to_proc) { Thread.new { stream.each(&:text) }.join }
    assert_nil stream.close
    assert_raises(Oaic::CancelledError) { stream.final }
  end

  def test_the_whole_of_a_stream_that_was_left_is_an_error_also_when_the_server_had_finished
    stream = buffered
    stream.each { |event| break if event.text == "You " }
    assert_equal "You ", stream.partial.dig("choices", 0, "message", "content")
    2.times { assert_includes assert_raises(Oaic::CancelledError) { stream.final }.message, "partial" }
    read = buffered
    events = read.to_a
    read.close
    assert_equal [SAID, SAID], [events.map(&:text).join, read.final.dig("choices", 0, "message", "content")]
  end

  def test_a_stream_that_breaks_says_so_and_keeps_what_came
    script({ status: 200, headers: SSE, chunks: [chunk("Half")] })
    stream = client.chat_stream(HELLO)
    assert_equal "Half", stream.next.text
    2.times { assert_equal "OAI_ERR_INCOMPLETE", assert_raises(Oaic::ConnectionError) { stream.next }.status }
    assert_raises(Oaic::ConnectionError) { stream.final }
    assert_equal "Half", stream.partial.dig("choices", 0, "message", "content")
  end

  def test_a_slow_reader_stops_the_server
    script({ status: 200, headers: SSE, chunks: [chunk("x" * 60_000)] * 400 + ["data: [DONE]\n\n"] })
    stream = client(stream_buffer_events: 2).chat_stream(HELLO)
    stream.next
    assert_equal 1, server.ask("/_stats?in_flight=0&timeout_ms=300")["in_flight"]
    assert_equal 399, stream.count
  end

  def test_a_refused_stream_raises_its_error
    script({ status: 404 })
    assert_raises(Oaic::NotFoundError) { client.chat_stream(HELLO).next }
  end

  def test_closing_the_client_ends_its_streams
    script(SLOW)
    c = client
    stream = c.chat_stream(HELLO)
    stream.next
    c.close
    assert_raises(Oaic::CancelledError) { stream.final }
  end

  private

  # A stream that waits in the library with all its events.
  def buffered
    c = client
    stream = c.chat_stream(HELLO)
    eventually { c.stats["requests"]["ended"] == { "ok" => 1 } }
    stream
  end

  # What another thread does to the reader when the first event of a batch is made.
  def at_the_first_event(act)
    made = Oaic::Event.method(:new)
    interrupt = lambda do |data|
      one = Thread.current
      Thread.new { act.call(one) }.join if act
      act = nil
      made.call(data)
    end
    Oaic::Event.define_singleton_method(:new, &interrupt)
    yield
  ensure
    Oaic::Event.singleton_class.remove_method(:new)
  end

  def chunk(text)
    event = { object: "chat.completion.chunk", choices: [{ index: 0, delta: { content: text } }] }
    "data: #{JSON.generate(event)}\n\n"
  end
end
