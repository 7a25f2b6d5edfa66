# This file tests interrupts (Timeout, Thread#raise, Thread#kill) in the moments that a program cannot choose: behind a
# call of C, in the middle of a close. Streams have such tests of their own.

require_relative "helper"

class InterruptTest < GemTest
  HANG = { drop: "hang", times: nil }.freeze

  def test_an_interrupt_behind_the_sending_cancels_the_request
    script(HANG)
    c = client
    [-> { c.chat(HELLO) }, -> { c.pages("/files").first }].each do |call|
      reader = Thread.current
      interrupt = -> { Thread.new { reader.raise(IOError, "no more") }.join }
      behind(Oaic::Native, :oai_submit_to, interrupt) { assert_raises(IOError, &call) }
    end
    in_flight(0)
    eventually { c.stats["requests"]["ended"] == { "cancelled" => 2 } }
  end

  def test_an_interrupt_behind_the_sending_of_a_stream_cancels_it
    script(HANG)
    c = client
    open = Thread.new do
      one = Thread.current
      behind(Oaic::Native, :oai_submit_to, -> { Thread.new { one.kill }.join }) { c.chat_stream(HELLO) }
    end
    open.join
    eventually do
      GC.start
      # The stack may still hold the stream: the next call overwrites it.
      c.stats["requests"]["ended"]["cancelled"] == 1
    end
  end

  def test_a_close_that_is_interrupted_is_finished_by_the_next
    script(HANG)
    c = client
    call = c.async.chat(HELLO)
    in_flight(1)
    kill = lambda do
      closer = Thread.new { c.close }
      eventually { closer.stop? }
      closer.kill.join
    end
    behind(Oaic::Native, :oai_client_close, kill) { assert_raises(Oaic::ClosedError) { c.drain(60_000) } }
    refute_predicate call, :done?
    c.close
    assert_predicate call, :done?
    in_flight(0)
  end

  def test_calls_end_with_the_thread_that_takes_their_outcomes
    script({ drop: "hang" })
    c = client
    call = c.async.chat(HELLO)
    in_flight(1)
    Thread.list.select { |thread| thread.name == "oaic outcomes" }.each { |thread| thread.kill.join }
    assert_includes assert_raises(Oaic::CancelledError) { call.value }.message, "thread"
    assert_equal SAID, c.chat(HELLO).dig("choices", 0, "message", "content")
  end

  def test_a_client_whose_thread_cannot_be_made_can_be_closed
    c = client
    refuse = -> { raise ThreadError, "no more threads" }
    behind(Thread, :new, refuse) { assert_raises(ThreadError) { c.models } }
    assert_nil c.close
    assert_empty log
  end

  private

  # Runs the block, in which something is done once, when a function has returned.
  def behind(part, function, act)
    wrapper = Module.new do
      define_method(function) do |*arguments, &block|
        given = super(*arguments, &block)
        now = act
        act = nil
        now&.call
        given
      end
    end
    part.singleton_class.prepend(wrapper)
    yield
  ensure
    wrapper.remove_method(function)
  end
end
