# This file is what the tests share: minitest, the test server, and clients that talk to it and to nothing else.

require "minitest/autorun"
require "timeout"
require "openssl"
require "tmpdir"
require_relative "server"

# A test starts with nothing left of the one before at the server, and ends with its clients closed.
class GemTest < Minitest::Test
  HELLO = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello there" }] }.freeze
  SAID = "You said: Hello there".freeze
  MODEL = "text-embedding-3-small".freeze
  # What a test may take before it is called hung.
  LONGEST = 60

  # What minitest wraps each test in.
  def capture_exceptions(&test)
    super { Timeout.timeout(LONGEST, &test) }
  end

  def setup
    server.ask("/_reset", {})
    @clients = []
  end

  def teardown = @clients.each(&:close)

  def server = TestServer.shared

  # A client with a key, and so with limits, of its own.
  def client(**options)
    made = server.client(**options)
    @clients << made
    made
  end

  def script(*rules) = server.ask("/_script", rules)

  # What arrived at the server.
  def log = server.ask("/_log")

  # Waits until exactly so many requests are being handled; the server's counters.
  def in_flight(count)
    stats = server.ask("/_stats?in_flight=#{count}")
    assert_equal count, stats["in_flight"]
    stats
  end

  def eventually
    until (value = yield)
      sleep(0.001)
    end
    value
  end
end
