# This file is what both sides of the Ruby benchmark share: the kinds of work, spread over threads. A side brings how a
# thread gets its client, how it embeds (checking its vectors), counts the chunks of a stream, and starts an embedding
# without waiting.

require "json"

# The kinds of work; benches/bindings/run.py says what they are.
module Work
  MODEL = "text-embedding-3-small"
  TEXT = "a text to embed"
  CHAT = JSON.parse(ENV.fetch("BENCH_CHAT"))

  # Lets so many threads share the work.
  def self.at_once(side, workers, count)
    left = Thread::Queue.new(Array.new(count, true))
    left.close
    Array.new(workers) do
      Thread.new do
        side.with_client { |client| yield client while left.pop }
      end
    end.each(&:join)
  end

  def self.do(side)
    kind, count = ARGV[0], Integer(ARGV[1])
    case kind
    when "embed" then at_once(side, 64, count) { |client| side.embed(client, [TEXT]) }
    when "bulk" then at_once(side, 4, count / 256) { |client| side.embed(client, [TEXT] * 256) }
    when "stream"
      chunks = Thread::Queue.new
      at_once(side, 8, count / 1000) { |client| chunks << side.chunks_of_a_stream(client) }
      total = Array.new(chunks.size) { chunks.pop }.sum
      raise "#{total} chunks" if total < count
    when "pending"
      started = Array.new(count) { side.start }
      sleep(0.5)
      puts "pending"
      $stdout.flush
      $stdin.read
      exit!(started.size == count)
    end
  end
end
