# This file makes the calls of the behaviour suite through the gem, and tells their outcomes in the suite's words.

require "json"
require "oaic"

module Behaviour
  # What came of something, as tests/behaviour/README.md says.
  module Outcome
    GOOD = { "status" => "OAI_OK", "error" => nil }.freeze

    # The outcome of what a block gives or raises.
    def self.of
      given = yield
      given.is_a?(Hash) ? given : GOOD
    rescue Oaic::Error => e
      error(e)
    end

    def self.error(error)
      told = {
        "http_status" => error.http_status, "code" => error.code, "type" => error.type, "param" => error.param,
        "message" => error.message, "request_id" => error.request_id, "retry_after_ms" => error.retry_after_ms,
        "may_have_executed" => error.may_have_executed?
      }
      { "status" => error.status, "http_status" => error.http_status, "attempts" => error.attempts,
        "request_id" => error.request_id, "error" => told }
    end

    def self.answer(answer)
      usage = answer.usage.to_h.transform_keys(&:to_s)
      made = GOOD.merge("http_status" => answer.http_status, "attempts" => answer.attempts,
                        "request_id" => answer.request_id, "usage" => usage)
      answer.is_a?(Oaic::Embeddings) ? made.merge(vectors(answer)) : made.merge(body(answer))
    end

    # The text of an answer of chat, completions or responses.
    def self.text(answer)
      return nil unless answer.is_a?(Hash)

      first = Array(answer["choices"]).first
      return first.dig("message", "content") || first["text"] if first

      texts = Array(answer["output"]).flat_map { |output| Array(output["content"]) }
                                     .select { |part| part["type"] == "output_text" }.map { |part| part["text"] }
      texts.empty? ? nil : texts.join
    end

    def self.vectors(answer)
      made = { "rows" => answer.rows, "dims" => answer.dims }
      answer.rows * answer.dims <= 64 ? made.merge("vectors" => answer.to_a) : made
    end

    def self.body(answer)
      json = begin
        answer.json
      rescue JSON::ParserError
        answer.body.empty? ? nil : answer.body
      end
      { "headers" => answer.headers, "body" => json, "text" => text(json) }
    end
    private_class_method :vectors, :body
  end

  # A call under way. Streams are read by a thread of their own.
  class Started
    STREAMS = { "chat_stream" => "/chat/completions", "responses_stream" => "/responses" }.freeze

    attr_reader :chunks

    # face is a Client, whose calls wait, or an Async, whose calls do not.
    def initialize(client, face, told, folder)
      @client = client
      @face = face
      @rest = told.dup
      @folder = folder
      @chunks = 0
      @outcome = Outcome.of { begin_with(take("op"), settings) }
    end

    # Waits for the outcome.
    def finish
      return @thread.value if @thread
      return @outcome unless @call

      outcome = Outcome.of { Outcome.answer(@call.value) }
      @path ? outcome.merge("file" => File.exist?(@path) ? File.read(@path) : nil) : outcome
    end

    def cancel
      (@stream || @call)&.cancel
    end

    def over? = @thread.nil? || !@thread.alive?

    private

    # Takes a key out of the call: the default if it has none, or an error without a default.
    def take(key, *default)
      return @rest.delete(key) if @rest.key?(key)
      raise KeyError, "the call has no #{key}" if default.empty?

      default[0]
    end

    def settings
      %w[priority timeout_ms idempotency_key].filter_map { |key| [key.to_sym, take(key)] if @rest.key?(key) }.to_h
    end

    def no_more
      raise ArgumentError, "the call has keys that are not known: #{@rest.keys.join(', ')}" unless @rest.empty?
    end

    # Makes the call, which is @call, @stream, or ended.
    def begin_with(operation, settings)
      case operation
      when "embed" then embed(settings)
      when "chat", "responses", "completions"
        body = take("json")
        send_as(operation, body, **settings)
      when *STREAMS.keys then stream("POST", STREAMS[operation], body: take("json"), **settings)
      when "moderate"
        input = take("input")
        send_as("moderate", input, model: take("model", nil), **settings)
      when "models" then send_as("models", **settings)
      when "upload"
        file = { filename: take("filename"), content: take("content") }
        send_as("upload", file, take("json"), **settings)
      when "download" then download
      when "pages" then pages
      when "request" then general(settings)
      else raise ArgumentError, "there is no call #{operation}"
      end
    end

    # A call is given by an Async, and the answer itself by a Client.
    def send_as(method, *arguments, **settings)
      no_more
      given = @face.public_send(method, *arguments, **settings)
      return Outcome.answer(given) unless given.is_a?(Oaic::Call)

      @call = given
      Outcome::GOOD
    end

    def embed(settings)
      model, inputs = take("model"), take("inputs")
      more = %w[dimensions user].filter_map { |key| [key.to_sym, take(key)] if @rest.key?(key) }.to_h
      send_as("embed", model, inputs, **more, **settings)
    end

    def download
      id, to = take("file_id"), take("to", nil)
      @path = File.join(@folder, to) if to
      outcome = Outcome.of { send_as("download", id, **(@path ? { output_path: @path } : {})) }
      @path && !@call ? outcome.merge("file" => File.exist?(@path) ? File.read(@path) : nil) : outcome
    end

    def pages
      path, query = take("path"), take("query", {})
      no_more
      count, ids = 0, []
      outcome = Outcome.of do
        @client.pages(path, query: query) do |page|
          count += 1
          ids.concat(page["data"].map { |item| item["id"] })
        end
        nil
      end
      outcome.merge("pages" => count, "ids" => ids)
    end

    def general(settings)
      method, path = take("method"), take("path")
      settings = { body: take("json", nil), query: take("query", {}), headers: take("headers", {}), **settings }
      return stream(method, path, **settings) if take("stream", false)

      send_as("request", method, path, **settings)
    end

    # Submits the stream here, so that it has its place, and reads it in a thread.
    def stream(method, path, **settings)
      stop = take("cancel_after", 0)
      no_more
      @stream = @client.stream(method, path, **settings)
      @thread = Thread.new { read(stop) }
      @face.is_a?(Oaic::Client) ? @thread.value : Outcome::GOOD
    end

    def read(stop)
      outcome = Outcome.of do
        @stream.each do
          @chunks += 1
          break if @chunks == stop
        end
        Outcome.answer(@stream.final)
      end
      outcome["text"] ||= Outcome.text(@stream.partial) unless outcome["status"] == "OAI_OK"
      outcome.merge("chunks" => @chunks)
    end
  end
end
