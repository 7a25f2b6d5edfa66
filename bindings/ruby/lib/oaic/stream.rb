# This file is streams. Each has a completion queue of its own, read by whoever takes its events: a slow reader leaves
# them in the library, which then no longer reads the socket.

module Oaic
  # One event of a stream.
  class Event
    # @return [String] the event's JSON text
    attr_reader :data

    # @api private
    def initialize(data) = @data = data

    # @return [Object] the event's JSON, parsed when it is first asked for
    def json = @json ||= JSON.parse(@data)

    # Looks a value deep in the JSON up: event.dig("choices", 0, "finish_reason").
    def dig(*keys) = json.dig(*keys)

    # @return [String] the piece of text that the event adds, in streams of chat, completions and responses; else ""
    def text
      return "" unless json.is_a?(Hash)
      return json["delta"].to_s if json["type"] == "response.output_text.delta"

      Array(json["choices"]).map { |choice| choice["text"] || choice.dig("delta", "content") }.join
    end
  end

  # An answer that comes event by event. One thread or fiber reads it, to its end or until it leaves the loop.
  class Stream
    include Enumerable

    # @api private
    def initialize(client, request)
      # The client must not be collected while its stream is under way.
      @client = client
      @core = client.core
      @queue = EventQueue.new
      @events = []
      # All that was read, for #final: one text, since many that live long would cost the garbage collector more.
      @received = +""
      @lengths = []
      Thread.handle_interrupt(EventQueue::UNINTERRUPTED) do
        @id = @core.submit(request, @queue)
        ObjectSpace.define_finalizer(self, Stream.finalizer(@core, @id, @queue))
      end
    rescue StandardError
      @queue&.free
      raise
    ensure
      request.free
    end

    # @api private
    # A stream that nobody has any more is cancelled. Finalizers may not wait for locks, so a thread does; none can be
    # made while the process ends.
    def self.finalizer(core, id, queue)
      proc do
        Thread.new do
          core.cancel(id)
          queue.free
        end
      rescue ThreadError
        nil
      end
    end

    # Yields the events. Leaving the block early, by break or an error, cancels the stream: the connection is dropped at
    # once. Without a block: an Enumerator.
    # @return [self]
    def each
      return enum_for(:each) unless block_given?

      begin
        while (event = self.next)
          yield event
        end
      ensure
        close
      end
      self
    end

    # Waits for the next event; nil behind the last, or the error that ended the stream is raised.
    def next
      more until @over || !@events.empty?
      event = @events.shift
      if event
        @received << event.data
        @lengths << event.data.bytesize
        return event
      end
      raise @error if @error
    end

    # Yields the pieces of text that the events add, as they come. Without a block: an Enumerator.
    def each_text
      return enum_for(:each_text) unless block_given?

      each do |event|
        text = event.text
        yield text unless text.empty?
      end
    end

    # Ends the stream if it has not ended. Any thread may call it; the reader then gets a CancelledError.
    def cancel
      @core.cancel(@id)
      self
    end

    # The same for the reader, and waits until the stream has ended. It may be called more than once.
    def close
      discard
      return if @over

      cancel
      until @over
        more
        discard
      end
    end

    # Reads what is left and gives the whole as the call would have given it without streaming. Of a stream that was left
    # before its last event that is an error: #partial has what was read.
    # @return [Response]
    def final
      nil while self.next
      @answer.with_body(folded)
    end

    # The JSON that #final would give, put together of what was read so far: for streams that broke off or were left.
    # @return [Hash]
    def partial = JSON.parse(folded)

    private

    # Drops what nobody will read. The server may have finished by then, so that no other error tells of it.
    def discard
      return if @events.empty?

      @error ||= Error.of(-302, "the stream was left before its last event: partial has what was read of it")
      @events.clear
    end

    # Moves a batch of events over, or waits for one: only that may be interrupted.
    def more
      @core.check_fork
      took = nil
      Thread.handle_interrupt(EventQueue::UNINTERRUPTED) do
        took = take
        @queue.free if @over
      end
      @queue.wait unless took || @over
    end

    def take
      @queue.take do |kind, _, _, data, length, view|
        case kind
        when Native::EVENT_CHUNK then @events << Event.new(Native.bytes(data, length).force_encoding(Encoding::UTF_8))
        when Native::EVENT_DONE then ended(view)
        end
      end
    end

    def ended(view)
      @error = view.failure || @error
      @answer = Response.new(view) unless @error
    rescue StandardError, NoMemoryError => e
      @error = e
    ensure
      @over = true
      @client = nil
      ObjectSpace.undefine_finalizer(self)
    end

    def folded
      fold = Native.make(:oai_fold_new)
      # A chunk that is not of the stream's kind is left out; what is wrong with a stream its end has said.
      at = 0
      @lengths.each do |length|
        Native.oai_fold_push(fold, @received.byteslice(at, length), length, nil)
        at += length
      end
      Native.text(:oai_fold_finish, fold)
    ensure
      Native.oai_fold_free(fold) if fold
    end
  end
end
