# This file is the client: how it begins, what it is set to, and how it ends.

module Oaic
  # Sends requests. Any number of threads and fibers may use it at once. Close it when it is no longer needed.
  class Client
    include API

    # How long Client#drain sleeps between two looks.
    DRAIN_STEP = 0.005
    private_constant :DRAIN_STEP

    # Makes a client; with a block, yields it and closes it behind. Options have the names of the C library's table
    # (api_key:, base_url:, max_concurrent_requests:, ...); the rest comes from the environment, .env and defaults.
    def self.open(**options)
      client = new(**options)
      return client unless block_given?

      begin
        yield client
      ensure
        client.close
      end
    end

    def initialize(**options)
      @core = Core.new(options)
      ObjectSpace.define_finalizer(self, Client.finalizer(@core))
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
    def async = Async.new(@core, self)

    # Any request as a stream of events; with a block, yields each and gives the Stream.
    def stream(method, path, **options, &block)
      stream = Stream.new(@core, Request.new(method, path, stream: true, **options))
      block ? stream.each(&block) : stream
    end

    # A chat completion as a stream.
    def chat_stream(body, **options, &block) = stream("POST", "/chat/completions", body: body, **options, &block)

    # A response as a stream.
    def responses_stream(body, **options, &block) = stream("POST", "/responses", body: body, **options, &block)

    # The pages of a list such as "/files", as an Enumerator or to a block.
    def pages(path, **options)
      return enum_for(:pages, path, **options) unless block_given?

      request = Request.new("GET", path, **options)
      more = true
      while more
        call = @core.start(Call.new(@core, self) { |view| [Response.new(view), next_page(request, view)] }) do |*arguments|
          handle, *rest = arguments
          Native.oai_submit_to(handle, request.handle, *rest)
        end
        page, more = call.value
        yield page
      end
      self
    ensure
      request&.free
    end

    # The items of a list, page by page.
    def items(path, **options, &block)
      return enum_for(:items, path, **options) unless block

      pages(path, **options) { |page| page["data"].each(&block) }
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

    # Whether a webhook was signed with the client's webhook secret, and not long ago: raises WebhookError otherwise.
    def verify_webhook(body, headers, tolerance_ms: 0)
      @core.use { |handle| Native.call(:oai_webhook_verify, handle, body, body.bytesize, *Oaic.signed(headers), tolerance_ms) }
      true
    end

    # Takes no more requests, and waits until those under way have ended; DeadlineError if they had not in time.
    def drain(timeout_ms)
      ends = now + timeout_ms / 1000.0
      begin
        @core.use { |handle| Native.call(:oai_client_close, handle, 0) }
      rescue DeadlineError
        raise if now >= ends

        sleep(DRAIN_STEP)
        retry
      end
      self
    end

    # Cancels what is left and frees the client. It may be called more than once.
    def close = @core.close

    private

    def deliver(call) = call.value

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    def text(function) = @core.use { |handle| Native.text(function, handle) }

    def next_page(request, view)
      more = FFI::MemoryPointer.new(:int32)
      Native.call(:oai_request_next_page, request.handle, FFI::Pointer.new(view.handle), more)
      !more.read_int32.zero?
    end
  end
end
