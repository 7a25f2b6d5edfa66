# This file tests that a wait of one fiber lets the others run.

require_relative "helper"
require_relative "scheduler"

class FiberTest < GemTest
  def test_fibers_wait_side_by_side_in_one_thread
    script({ pass: true, hold: "gate", times: nil })
    c = client(max_concurrent_requests: 8, learn_limits: false)
    release = Thread.new do
      in_flight(8)
      server.ask("/_release", { hold: "gate" })
    end
    threads, rows = [], []
    Scheduler.run do
      8.times do |i|
        Fiber.schedule do
          rows[i] = c.embed(MODEL, "text #{i}", dimensions: 4).packed
          threads << Thread.current
        end
      end
    end
    release.join
    assert_equal 1, threads.uniq.size
    assert_equal c.embed(MODEL, Array.new(8) { |i| "text #{i}" }, dimensions: 4).packed, rows.join
  end

  def test_streams_are_read_in_turn
    script({ pass: true, chunk_delay_ms: 30, times: nil })
    c = client
    order = []
    Scheduler.run do
      2.times do |i|
        Fiber.schedule do
          c.chat_stream(HELLO) { order << i }
        end
      end
    end
    # One behind the other would be two runs.
    assert_operator order.chunk_while { |one, other| one == other }.count, :>, 2
    assert_equal order.count(0), order.count(1)
  end

  def test_leaving_a_stream_in_a_fiber_drops_its_connection
    script({ pass: true, chunk_delay_ms: 20, times: nil })
    c = client
    Scheduler.run do
      Fiber.schedule { c.chat_stream(HELLO) { break } }
    end
    assert_equal 1, in_flight(0)["client_gone"]
  end

  def test_a_drain_lets_other_fibers_run
    script({ pass: true, hold: "gate" })
    c = client
    call = c.async.chat(HELLO)
    in_flight(1)
    order = []
    Scheduler.run do
      Fiber.schedule do
        c.drain(10_000)
        order << :drained
      end
      Fiber.schedule do
        sleep(0.01)
        order << :slept
        server.ask("/_release", { hold: "gate" })
      end
    end
    assert_equal %i[slept drained], order
    assert_predicate call, :done?
  end
end
