# This file is the gem's side of `make bench-bindings`: one kind of work, so many units of it. run.py says what the kinds
# are; net_http.rb is its twin with the standard library.
#
#     ruby oaic.rb KIND COUNT

require "oaic"
require_relative "work"

# All threads share one client.
class OaicSide
  def initialize
    @client = Oaic::Client.new(max_concurrent_requests: 64, queue_size: 1_000_000, learn_limits: false)
  end

  def with_client = yield(@client)

  def embed(client, texts)
    vectors = client.embed(Work::MODEL, texts)
    raise "not all vectors" unless vectors.rows == texts.size && vectors.dims == 1536
  end

  def chunks_of_a_stream(client)
    chunks = 0
    client.chat_stream(Work::CHAT) { |event| chunks += 1 if event.json["choices"][0]["delta"]["content"] }
    chunks
  end

  def start = @client.async.embed(Work::MODEL, [Work::TEXT])
end

Work.do(OaicSide.new)
