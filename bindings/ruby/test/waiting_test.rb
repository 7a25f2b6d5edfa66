# This file tests what happens while calls are under way: threads, calls waited for later, cancels, tokens, and the end
# of a client.

require_relative "helper"

class WaitingTest < GemTest
  HANG = { drop: "hang", times: nil }.freeze

  def test_threads_share_a_client_and_wait_side_by_side
    script({ pass: true, hold: "gate", times: nil })
    c = client(max_concurrent_requests: 16, learn_limits: false)
    threads = Array.new(16) { |i| Thread.new { c.embed(MODEL, "text #{i}", dimensions: 4).packed } }
    in_flight(16)
    server.ask("/_release", { hold: "gate" })
    assert_equal c.embed(MODEL, Array.new(16) { |i| "text #{i}" }, dimensions: 4).packed, threads.map(&:value).join
  end

  def test_calls_are_sent_at_once_and_waited_for_later
    script({ match: { model: "slow" }, hold: "gate", pass: true })
    c = client
    slow = c.async.embed("slow", "a")
    fast = c.async.chat(HELLO)
    assert_equal SAID, fast.value.dig("choices", 0, "message", "content")
    assert_equal [true, false], [fast.done?, slow.done?]
    waiting = Array.new(4) { Thread.new { slow.value.rows } }
    in_flight(1)
    server.ask("/_release", { hold: "gate" })
    assert_equal [1, 1, 1, 1], waiting.map(&:value)
    assert_same slow.value, slow.value
    assert_same slow, slow.cancel
    assert_raises(Oaic::UsageError) { slow.position }
  end

  def test_a_call_that_waits_tells_its_place_and_can_be_cancelled
    script(HANG)
    c = client(max_concurrent_requests: 1)
    first, second, third = Array.new(3) { c.async.chat(HELLO) }
    in_flight(1)
    assert_equal [0, 1], [second, third].map { |call| call.position[:ahead] }
    second.cancel
    error = assert_raises(Oaic::CancelledError) { second.value }
    assert_equal "OAI_ERR_CANCELLED", error.status
    assert_equal 0, third.position[:ahead]
    first.cancel
    assert_raises(Oaic::CancelledError) { first.value }
  end

  def test_a_full_queue_refuses
    script(HANG)
    c = client(max_concurrent_requests: 1, queue_size: 1)
    c.async.chat(HELLO)
    in_flight(1)
    waits = c.async.chat(HELLO)
    assert_raises(Oaic::QueueFullError) { c.chat(HELLO) }
    c.close
    assert_raises(Oaic::CancelledError) { waits.value }
  end

  def test_a_request_whose_time_is_over_ends
    script(HANG)
    assert_raises(Oaic::DeadlineError) { client.chat(HELLO, timeout_ms: 50) }
    in_flight(0)
  end

  def test_a_wait_that_is_interrupted_cancels_the_request
    script(HANG)
    c = client
    assert_raises(Timeout::Error) { Timeout.timeout(0.1) { c.chat(HELLO) } }
    in_flight(0)
    thread = Thread.new { c.chat(HELLO) }
    in_flight(1)
    thread.kill
    thread.join
    in_flight(0)
    # Not so a call that was to be waited for later.
    call = c.async.chat(HELLO)
    assert_raises(Timeout::Error) { Timeout.timeout(0.1) { call.value } }
    in_flight(1)
  end

  def test_a_dropped_call_goes_on
    c = client
    c.async.chat(HELLO)
    GC.start
    eventually { c.stats["requests"]["ended"] == { "ok" => 1 } }
  end

  def test_tokens_are_brought_when_they_are_wanted
    wanted = 0
    c = client(token_provider: -> { ["token-#{wanted += 1}", 3600] })
    2.times { c.models }
    script({ status: 401 })
    c.models
    assert_equal %w[token-1 token-1 token-1 token-2], log.map { |one| Array(one["headers"]["authorization"])[0][/token-\d/] }
    c.provide_tokens { "other" }
    c.models
    assert_includes log.last["headers"]["authorization"].to_s, "other"
    c.provide_tokens
    c.models
    assert_includes log.last["headers"]["authorization"].to_s, "sk-test-ruby"
  end

  def test_a_provider_that_fails_fails_the_requests
    c = client
    c.provide_tokens { raise "no luck" }
    assert_includes assert_raises(Oaic::ConfigError) { c.models }.message, "no luck"
    c.provide_tokens { 7 }
    assert_includes assert_raises(Oaic::ConfigError) { c.models }.message, "Integer"
    assert_empty log
  end

  def test_whatever_a_provider_raises_is_told_and_it_is_asked_again
    other = client
    other.close
    failures = [-> { raise LoadError, "no gem" }, -> { raise NotImplementedError, "not here" }, -> { exit }, -> { other.models },
                -> { raise "\xff".b }]
    c = client(token_provider: -> { failures.empty? ? "token-at-last" : failures.shift.call })
    ["no gem", "not here", "SystemExit", "ClosedError", "RuntimeError"].each do |told|
      assert_includes assert_raises(Oaic::ConfigError) { c.models }.message, told
    end
    c.models
    assert_includes log.last["headers"]["authorization"].to_s, "token-at-last"
  end

  def test_a_provider_that_ends_its_thread_leaves_nobody_waiting
    c = client(token_provider: -> { Thread.current.kill })
    2.times { assert_raises(Oaic::ConfigError) { c.models } }
  end

  def test_a_token_cannot_live_for_less_than_nothing
    [-5, Float::NAN, Float::INFINITY].each do |life|
      error = assert_raises(Oaic::ConfigError) { client(token_provider: -> { ["token", life] }).models }
      assert_includes error.message, life.inspect
    end
    error = assert_raises(Oaic::ConfigError) { client(token_provider: -> { %w[Bearer secret] }).models }
    assert_includes error.message, "String and no number"
    refute_includes error.message, "secret"
    assert_empty log
  end

  def test_a_provider_is_anything_with_call
    provider = Class.new { def call = "token-of-an-object" }.new
    client(token_provider: provider).models
    client.provide_tokens(provider).models
    log.each { |one| assert_includes one["headers"]["authorization"].to_s, "token-of-an-object" }
    assert_includes assert_raises(Oaic::UsageError) { client(token_provider: "secret") }.message, "String"
  end

  def test_the_log_goes_to_a_block_and_back
    c = client
    first, second = [], []
    Oaic.log(:debug) { |level, line| first << [level, line] }
    c.chat(HELLO)
    eventually { first.any? { |level, line| level == :debug && line.include?("/chat/completions") } }
    Oaic.log(:debug) { |_, line| second << line }
    c.chat(HELLO)
    eventually { second.any? { |line| line.include?("/chat/completions") } }
    refute_includes first.join, "sk-test"
    assert_includes assert_raises(Oaic::UsageError) { Oaic.log(:loud) }.message, ":loud"
  ensure
    Oaic.log(:off)
  end

  def test_a_block_of_the_log_that_fails_is_told_and_called_again
    lines = []
    _, told = capture_io do
      Oaic.log(:debug) do |_, line|
        lines << line
        raise "no ink"
      end
      c = client
      2.times { c.chat(HELLO) }
      eventually { lines.count { |line| line.include?("/chat/completions") } >= 2 }
    ensure
      Oaic.log(:off)
    end
    assert_includes told, "no ink"
  end

  def test_a_closed_client_says_so
    c = client
    c.models
    2.times { c.close }
    [-> { c.models }, -> { c.stats }, -> { c.chat_stream(HELLO) }, -> { c.configure(burst: 1) }, -> { c.drain(1) },
     -> { c.provide_tokens { "a" } }].each { |call| assert_raises(Oaic::ClosedError, &call) }
  end

  def test_open_gives_the_blocks_value_and_closes
    kept = nil
    value = Oaic::Client.open(base_url: "#{server.url}/v1", dotenv: false, api_key: server.key) do |c|
      kept = c
      c.embed(MODEL, "a").dims
    end
    assert_equal 1536, value
    assert_raises(Oaic::ClosedError) { kept.models }
  end

  def test_closing_ends_what_is_under_way
    script(HANG)
    c = client(max_concurrent_requests: 2, learn_limits: false)
    calls = Array.new(20) { c.async.embed(MODEL, "a") }
    in_flight(2)
    c.close
    assert(calls.all?(&:done?))
    calls.each { |call| assert_raises(Oaic::CancelledError) { call.value } }
  end

  def test_draining_waits_for_what_is_under_way
    script({ hold: "gate", pass: true })
    c = client
    call = c.async.chat(HELLO)
    in_flight(1)
    assert_raises(Oaic::DeadlineError) { c.drain(1) }
    assert_raises(Oaic::ClosedError) { c.chat(HELLO) }
    drained = Thread.new { c.drain(10_000) }
    server.ask("/_release", { hold: "gate" })
    assert_same c, drained.value
    assert_equal 200, call.value.http_status
  end

  def test_closing_ends_a_drain
    script(HANG)
    c = client
    c.async.chat(HELLO)
    in_flight(1)
    drain = Thread.new { c.drain(60_000) }
    drain.report_on_exception = false
    eventually { drain.stop? }
    c.close
    assert_raises(Oaic::ClosedError) { drain.value }
  end

  def test_a_dropped_client_is_freed
    use = -> { server.client(token_provider: -> { "token" }).embed(MODEL, "text", dimensions: 4).rows }
    use.call
    before = Dir.children("/dev/fd").size
    30.times { use.call }
    # The finalizers, the threads of the clients and their connections end in their own time.
    eventually do
      GC.start
      Dir.children("/dev/fd").size <= before + 10
    end
  end
end
