# This file is how calls reach the library and how their outcomes come back: one thread a client takes them from its
# completion queue and wakes who waits. No code of the program ever runs on that thread.

module Oaic
  # @api private
  # The client's handle in C, the queue and the thread. It knows nothing of Client, so that a Client that is dropped can be
  # collected.
  class Core
    # How long the library is asked to wait at a time while it drains: so long a signal, or a fiber, may have to.
    DRAIN_STEP_MS = 50

    def initialize(options)
      text = JSON.generate(options)
      @handle = Native.make(:oai_client_new, text, text.bytesize)
      @life = Mutex.new
      @idle = ConditionVariable.new
      @out = Native::Scratch.make
      @calls = {}
      @last_tag = 0
      @busy = 0
    end

    # Yields the client's handle, which lives until the block returns. The block must not wait.
    def use
      @life.synchronize { yield live }
    end

    # Sends by the block, which is given handle, queue, tag, and room for the id and the error, and calls C. What is sent
    # is known here: no interrupt comes between.
    def start(call)
      uninterrupted do
        handle = live
        @pid ||= Process.pid
        queue = receiver
        tag = @last_tag += 1
        @calls[tag] = call
        begin
          call.id = submitted { |id, error| yield handle, queue, tag, id, error }
        rescue StandardError
          @calls.delete(tag)
          raise
        end
      end
      call
    end

    # Sends a request whose events go to a queue of its own; gives its id.
    def submit(request, queue)
      @life.synchronize do
        handle = live
        @pid ||= Process.pid
        submitted { |id, error| Native.oai_submit_to(handle, request.handle, queue.handle, 0, id, error) }
      end
    end

    # Cancels a request; one that has ended stays as it is.
    def cancel(id)
      @life.synchronize { Native.oai_cancel(@handle, id, nil) if @handle && id }
    end

    def position(id)
      out = FFI::MemoryPointer.new(:uint64, 2)
      use { |handle| Native.call(:oai_client_position, handle, id, out, out + 8) }
      { ahead: out.get_uint64(0), expected_wait_ms: out.get_uint64(8) }
    end

    # Lets tokens come from what can be called; from nil: the key is api_key again.
    def provide_tokens(provider)
      before = @tokens
      if provider
        @tokens = Tokens.new(self, provider)
      else
        use { |handle| Native.call(:oai_set_token_queue, handle, nil, 0) }
        @tokens = nil
      end
      before&.stop
    end

    # Raises in the child of a fork behind the first request: no outcome will ever come there.
    def check_fork
      return unless forked?

      raise Error.of(-400, "this process was forked from one that had used the library, whose threads did not come " \
                           "along: here nothing of it works, a new client neither; use the library for the first time " \
                           "behind the fork (Puma: on_worker_boot)")
    end

    # Takes no more requests, and waits until those under way have ended.
    def drain(timeout_ms)
      return drain_in_steps(timeout_ms) unless Fiber.current_scheduler

      # The library's wait would stop all fibers of the thread.
      thread = Thread.new { drain_in_steps(timeout_ms) }
      thread.report_on_exception = false
      thread.value
    end

    # Frees the client and hands out what is left, which has ended by that. A close that was interrupted is finished by
    # another one.
    def close
      @life.synchronize do
        @closing = true
        @idle.wait(@life) until @busy.zero? || forked?
        free
      end
      @tokens&.stop
      return if @queue.nil? || forked?

      # Outcomes may follow a moment later: the thread goes on until it has handed out the last.
      @over = true
      @queue.hang_up if @calls.empty?
      @thread&.join
      give_up(closed)
      @queue.free
    end

    private

    def free
      Thread.handle_interrupt(EventQueue::UNINTERRUPTED) do
        Native.oai_client_free(@handle) if @handle
        @handle = nil
      end
    end

    # Holds @life while the block runs, which must not wait.
    def uninterrupted(&block)
      Thread.handle_interrupt(EventQueue::UNINTERRUPTED) { @life.synchronize(&block) }
    end

    def closed = Error.of(-303, "the client was closed: make another one")

    # Whether the client was used by the process that this one was forked from.
    def forked? = !@pid.nil? && @pid != Process.pid

    def live
      raise closed if @closing

      @handle
    end

    # Gives the id of what the block submits with room for id and error. Under @life.
    def submitted
      status = yield @out.first, @out.second
      raise Error.take(status, @out.second.get_pointer(0)) unless status.zero?

      @out.word
    end

    def drain_in_steps(timeout_ms)
      ends = now + timeout_ms
      begin
        left = ends - now
        busy { |handle| Native.call(:oai_client_close, handle, left.clamp(0, DRAIN_STEP_MS)) }
      rescue DeadlineError
        retry if now < ends
        raise
      end
      # They have ended in C; so shall they have here.
      @calls.values.each(&:wait)
    end

    # Yields the handle for a wait in C: close waits for that.
    def busy
      counted = false
      uninterrupted do
        live
        @busy += 1
        counted = true
      end
      # No client is freed while one is busy with it.
      yield @handle
    ensure
      uninterrupted { @busy -= 1; @idle.broadcast } if counted
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)

    # The queue's handle. Its thread is made with the first call.
    def receiver
      unless @thread&.alive?
        check_fork
        @queue ||= EventQueue.new
        # A thread inherits what its maker holds off.
        @thread = Thread.new { Thread.handle_interrupt(Object => :immediate) { receive } }
        @thread.name = "oaic outcomes"
        @thread.report_on_exception = false
      end
      @queue.handle
    end

    def receive
      take
      until @over && @calls.empty?
        @queue.wait
        take
      end
    rescue IOError
      # The doorbell was closed: so was the client.
      error = closed
    rescue Exception => error
      # Told to who waits.
    ensure
      # However the thread ends, also killed: the next call makes another.
      uninterrupted do
        @thread = nil
        give_up(error || Error.of(-302, "the thread that takes the client's outcomes was ended"))
      end
    end

    # There will be no outcomes: a call must not wait for ever.
    def give_up(error)
      while (_, call = @calls.shift)
        call.give_up(error)
      end
    end

    def take
      @queue.drain do |kind, _, tag, data, length, view|
        case kind
        when Native::EVENT_DONE then @calls.delete(tag)&.finish(view)
        when Native::EVENT_PROGRESS then @calls[tag]&.tell(JSON.parse(Native.bytes(data, length), symbolize_names: true))
        end
      end
    end
  end
end
