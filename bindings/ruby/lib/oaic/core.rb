# This file is how calls reach the library and how their outcomes come back: one thread a client takes them from its
# completion queue and wakes who waits. No code of the program ever runs on that thread.

module Oaic
  # A call that was sent: Client#async gives it, and value waits for its outcome.
  class Call
    # @api private
    attr_accessor :id

    # @api private
    def initialize(core, client, progress = nil, &finish)
      @core = core
      @client = client
      @progress = progress
      @finish = finish
      @told = Thread::Queue.new
    end

    # Waits for the outcome: the answer, or its error raised. When the wait itself ends early (Timeout.timeout,
    # Thread#raise, Thread#kill) the call is cancelled.
    def value
      wait
      raise @error if @error

      @value
    end

    # Waits until the call has ended, however that was.
    def wait
      until @over
        @core.check_fork
        progress = receive or break
        @progress&.call(progress)
      end
      self
    end

    # Ends the call wherever it is; one that has ended stays as it is. Its outcome is then a CancelledError.
    def cancel
      @core.cancel(@id)
      self
    end

    # @return [Boolean] whether the outcome is there
    def done? = @over ? true : false

    # @api private
    def finish(view)
      @error = view.failure
      @value = @finish.call(view) unless @error
    rescue Error => e
      @error = e
    ensure
      @client = nil
      @over = true
      @told.close
    end

    # @api private
    def tell(progress) = @told.push(progress)

    private

    def receive
      ended = false
      progress = @told.pop
      ended = true
      progress
    ensure
      cancel unless ended
    end
  end

  # @api private
  # What the thread that takes outcomes shares with the client. It does not know the Client, so that a client that is
  # dropped without close can be collected.
  class Core
    def initialize(options)
      text = JSON.generate(options)
      @handle = Native.make(:oai_client_new, text, text.bytesize)
      @life = Mutex.new
      @taking = Mutex.new
      @calls = {}
      @last_tag = 0
      @pid = Process.pid
    end

    # Yields the client's handle, which lives until the block returns.
    def use
      @life.synchronize do
        raise Error.of(-303, "the client was closed") unless @handle

        yield @handle
      end
    end

    # Sends by the block, which is given handle, queue, tag, and room for the id, and calls C.
    def start(call)
      out = FFI::MemoryPointer.new(:pointer, 2)
      use do |handle|
        receiver
        tag = @last_tag += 1
        @calls[tag] = call
        status = yield handle, @queue.handle, tag, out, out + 8
        unless status.zero?
          @calls.delete(tag)
          raise Error.take(status, out.get_pointer(8))
        end
        call.id = out.get_uint64(0)
      end
      call
    end

    def cancel(id)
      @life.synchronize { Native.oai_cancel(@handle, id, nil) if @handle && id }
    end

    def check_fork
      return if @pid == Process.pid

      raise Error.of(-400, "the client was made before this process was forked: make it in the child, and use none before")
    end

    # Frees the client and hands out what is left, which has ended by that.
    def close
      @life.synchronize do
        return unless @handle

        Native.oai_client_free(@handle)
        @handle = nil
      end
      return unless @queue && @pid == Process.pid

      @taking.synchronize do
        take
        @over = true
        @queue.free
      end
    end

    private

    # Makes the queue and its thread with the first call.
    def receiver
      return if @queue

      @queue = EventQueue.new
      @pid = Process.pid
      @thread = Thread.new { receive }
      @thread.name = "oaic outcomes"
      @thread.report_on_exception = false
    end

    def receive
      loop do
        @taking.synchronize { return if @over; take }
        @queue.wait
      end
    rescue IOError
      # The doorbell was closed: so was the client.
    end

    def take
      @queue.drain do |kind, tag, data, length, view|
        case kind
        when Native::EVENT_DONE then @calls.delete(tag)&.finish(view)
        when Native::EVENT_PROGRESS then @calls[tag]&.tell(JSON.parse(Native.bytes(data, length), symbolize_names: true))
        end
      end
    end
  end
end
