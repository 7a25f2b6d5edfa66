# This file is the standard library's side of `make bench-bindings`: Net::HTTP and JSON, a connection kept alive for each
# thread, and for requests that are started without waiting a queue that 64 threads work off. oaic.rb is its twin with
# the gem.
#
#     ruby net_http.rb KIND COUNT

require "net/http"
require_relative "work"

# Sends requests by a fixed number of threads; what comes of each is in a future.
class Pool
  # What a request will have given.
  class Future
    def initialize = @outcome = Thread::Queue.new
    def fulfil(value) = @outcome << value
    def value = @outcome.pop
  end

  def initialize(side, threads)
    @requests = Thread::Queue.new
    threads.times { Thread.new { side.with_client { |http| work(http) } } }
  end

  def post(request)
    future = Future.new
    @requests << [request, future]
    future
  end

  private

  def work(http)
    while (request, future = @requests.pop)
      future.fulfil(http.request(request))
    end
  end
end

# Each thread has a connection of its own.
class NetHTTPSide
  BASE = URI(ENV.fetch("OPENAI_BASE_URL"))

  def with_client(&block)
    Net::HTTP.start(BASE.host, BASE.port, read_timeout: 600) do |http|
      http.max_retries = 0
      block.call(http)
    end
  end

  def embed(http, texts)
    answer = http.request(embedding(texts))
    raise "HTTP #{answer.code}" unless answer.code == "200"

    vectors = JSON.parse(answer.body)["data"].map { |item| item["embedding"] }
    raise "not all vectors" unless vectors.size == texts.size && vectors[0].size == 1536
  end

  def chunks_of_a_stream(http)
    chunks = 0
    http.request(post("/chat/completions", Work::CHAT.merge("stream" => true))) do |answer|
      unread = +""
      answer.read_body do |piece|
        unread << piece
        while (line = unread.slice!(/\A.*\n/))
          next if !line.start_with?("data: ") || line.start_with?("data: [DONE]")

          chunks += 1 if JSON.parse(line[6..])["choices"][0]["delta"]["content"]
        end
      end
    end
    chunks
  end

  def start
    @pool ||= Pool.new(self, 64)
    @pool.post(embedding([Work::TEXT]))
  end

  private

  def embedding(texts) = post("/embeddings", { model: Work::MODEL, input: texts })

  def post(path, body)
    Net::HTTP::Post.new(BASE.path + path, headers).tap { |request| request.body = JSON.generate(body) }
  end

  def headers = { "authorization" => "Bearer #{ENV.fetch('OPENAI_API_KEY')}", "content-type" => "application/json" }
end

Work.do(NetHTTPSide.new)
