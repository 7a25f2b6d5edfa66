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

    # @return [String] the piece of text that the event adds, in streams of chat, completions and responses
    def text
      return "" unless json.is_a?(Hash)
      return json["delta"].to_s if json["type"] == "response.output_text.delta"

      Array(json["choices"]).map { |choice| choice["text"] || choice.dig("delta", "content") }.join
    end
  end

  # An answer that comes event by event. One thread reads it, to its end or until it closes it.
  class Stream
    include Enumerable

    # @api private
    def initialize(core, request)
      @core = core
      @queue = EventQueue.new
      @events = []
      @received = []
      out = FFI::MemoryPointer.new(:pointer, 2)
      core.use do |handle|
        status = Native.oai_submit_to(handle, request.handle, @queue.handle, 0, out, out + 8)
        raise Error.take(status, out.get_pointer(8)) unless status.zero?
      end
      @id = out.get_uint64(0)
    rescue StandardError
      @queue&.free
      raise
    ensure
      request.free
    end

    # Yields the events. Leaving the block early, by break or an error, closes the stream.
    def each
      return enum_for(:each) unless block_given?

      whole = false
      while (event = self.next)
        yield event
      end
      whole = true
      self
    ensure
      close unless whole.nil? || whole
    end

    # Waits for the next event; nil behind the last, or the error that ended the stream is raised.
    def next
      take until @over || !@events.empty?
      return @events.shift.tap { |event| @received << event.data } unless @events.empty?

      raise @error if @error
    end

    # Ends the stream if it has not ended: the connection is dropped at once. Other threads may call it too.
    def cancel = @core.cancel(@id)

    # The same, and waits until it has ended.
    def close
      @events.clear
      cancel unless @over
      take until @over
    end

    # Reads what is left and gives the whole as the call would have given it without streaming.
    # @return [Response]
    def final
      nil while self.next
      whole
    end

    # What final would give of a stream that broke off: as much as came.
    def partial
      begin
        nil while self.next
      rescue Error
        nil
      end
      whole
    end

    private

    # Moves a batch of events over, or waits for one.
    def take
      @core.check_fork
      batch = @queue.take or return @queue.wait
      begin
        @queue.each_record(batch) do |kind, _, data, length, view|
          case kind
          when Native::EVENT_CHUNK then @events << Event.new(Native.bytes(data, length).force_encoding(Encoding::UTF_8))
          when Native::EVENT_DONE
            @error = view.failure
            @answer = Response.new(view) unless @error
            @over = true
          end
        end
      ensure
        Native.oai_batch_free(batch)
      end
      @queue.free if @over
    end

    def whole
      fold = Native.make(:oai_fold_new)
      # A chunk that is not of the stream's kind is left out; what is wrong with a stream its end has said.
      @received.each { |data| Native.oai_fold_push(fold, data, data.bytesize, nil) }
      body = Native.text(:oai_fold_finish, fold)
      @answer ? @answer.with_body(body) : Folded.new(body)
    ensure
      Native.oai_fold_free(fold) if fold
    end
  end

  # What came of a stream that broke off.
  Folded = Struct.new(:body) do
    # @return [Object] its JSON
    def json = JSON.parse(body)
  end
end
