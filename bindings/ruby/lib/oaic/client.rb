# This file is the client: how it begins, what it is set to, and how it ends.

module Oaic
  # Sends requests. Any number of threads and fibers may use it at once. Close it when it is no longer needed.
  class Client
    include API

    # @api private
    attr_reader :core

    # Makes a client; with a block, yields it, closes it behind and gives the block's value. Options have the names of
    # the C library's table (api_key:, base_url:, max_concurrent_requests:, ...); the rest comes from the environment,
    # .env and defaults. token_provider: is anything with call, as in #provide_tokens.
    def self.open(**options)
      client = new(**options)
      return client unless block_given?

      begin
        yield client
      ensure
        client.close
      end
    end

    def initialize(token_provider: nil, **options)
      @core = Core.new(options)
      ObjectSpace.define_finalizer(self, Client.finalizer(@core))
      provide_tokens(token_provider) if token_provider
    end

    # @api private
    # Finalizers may not wait for locks, so a thread does; none can be made while the process ends.
    def self.finalizer(core)
      proc do
        Thread.new { core.close }
      rescue ThreadError
        nil
      end
    end

    # Calls that are sent at once and waited for later: client.async.chat(...).value.
    # @return [Async]
    def async = Async.new(self)

    # Any request as a stream of events; settings as in #request. With a block: yields each event, and gives the Stream.
    # @return [Stream]
    def stream(method, path, **settings, &block)
      stream = Stream.new(self, Request.new(method, path, stream: true, **settings))
      block ? stream.each(&block) : stream
    end

    # A chat completion as a stream.
    def chat_stream(body = nil, **options, &block) = post_stream("/chat/completions", body, options, &block)

    # A response as a stream.
    def responses_stream(body = nil, **options, &block) = post_stream("/responses", body, options, &block)

    # A text completion as a stream.
    def completions_stream(body = nil, **options, &block) = post_stream("/completions", body, options, &block)

    # The pages of a list such as "/files", to a block or as an Enumerator. A page is fetched when it is asked for.
    def pages(path, **settings)
      return enum_for(:pages, path, **settings) unless block_given?

      request = Request.new("GET", path, **settings)
      more = true
      while more
        page, more = deliver do
          @core.start(PageCall.new(self, request)) do |handle, queue, tag, id, error|
            Native.oai_submit_to(handle, request.handle, queue, tag, id, error)
          end
        end
        yield page
      end
      self
    ensure
      request&.free
    end

    # The items of a list, page by page.
    def items(path, **settings, &block)
      return enum_for(:items, path, **settings) unless block

      pages(path, **settings) { |page| page["data"].each(&block) }
    end

    # Lets the key be a bearer token that the provider (anything with call) or the block gives when one is wanted, in
    # place of api_key: a String, or that and the seconds that it lives. It is called on a thread of its own, before the
    # end of the last one and after a 401. What it raises is what requests that wait for a token fail with. Without
    # either: api_key again. A provider that holds the client keeps it from being collected: close such a client.
    def provide_tokens(provider = nil, &block)
      @core.provide_tokens(provider || block)
      self
    end

    # Changes settings: all of them, or none and an error that names the one that cannot be.
    def configure(**options)
      text = JSON.generate(options)
      @core.use { |handle| Native.call(:oai_client_configure_json, handle, text, text.bytesize) }
      self
    end

    # The settings in force: {"max_retries" => {"value" => 5, "source" => "default"}, ...}. Secrets are masked.
    def config = JSON.parse(text(:oai_client_config_json))

    # What became of the requests, how long they took, the limits as learned, and what waits.
    def stats = JSON.parse(text(:oai_client_stats_json))

    # The same in the text format of Prometheus.
    def prometheus = text(:oai_client_stats_prometheus)

    # Whether a webhook was signed with the client's webhook_secret, and not long ago: raises WebhookError otherwise.
    # @return [true]
    def verify_webhook(body, headers, tolerance_ms: 0)
      signed = [*Oaic.signed(headers), Native.whole("tolerance_ms: %s", tolerance_ms)]
      @core.use { |handle| Native.call(:oai_webhook_verify, handle, body, body.bytesize, *signed) }
      true
    end

    # Takes no more requests, and waits until those under way have ended; DeadlineError if they had not in time, and then
    # they go on.
    def drain(timeout_ms)
      @core.drain(timeout_ms)
      self
    end

    # Cancels what is left and frees the client. It may be called more than once.
    def close = @core.close

    # Without what it was made with: that may be a key.
    def inspect = "#<#{self.class}>"

    private

    def caller_of_c = self

    # Waits for the value of the call that the block starts. A wait that ends early (Timeout.timeout, Thread#raise,
    # Thread#kill) cancels the call.
    def deliver
      call = nil
      # Nothing may come between the start and the knowledge of it.
      Thread.handle_interrupt(EventQueue::UNINTERRUPTED) { call = yield }
      call.value
    ensure
      call.cancel unless call.nil? || call.done?
    end

    def post_stream(path, body, options, &block)
      body, options = Request.split(options) if body.nil?
      stream("POST", path, body: body, **options, &block)
    end

    def text(function) = @core.use { |handle| Native.text(function, handle) }
  end
end
