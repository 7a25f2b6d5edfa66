# This file is a completion queue of the library: its doorbell is an IO, so that waiting lets other threads run, and
# with a Fiber scheduler other fibers. Calls and streams use it; it knows nothing of what events mean.

module Oaic
  # @api private
  class EventQueue
    # How many events one call takes: enough that the call costs little beside them.
    BATCH = 256
    RECORD = 64
    VIEW = 112

    attr_reader :handle

    def initialize
      @handle = Native.make(:oai_queue_new)
      fd = Native.oai_queue_dup_fd(@handle)
      if fd.negative?
        Native.oai_queue_free(@handle)
        raise Error.of(fd, "the completion queue has no descriptor (#{Native.oai_status_name(fd)}); " \
                           "raise the limit of open files (ulimit -n)")
      end
      @bell = IO.for_fd(fd, "r")
      @out = FFI::MemoryPointer.new(:pointer, 2)
    end

    # Yields kind, tag, data address, length and the response's fields (nil if none) of all events that are there, and
    # arms the doorbell. What the addresses lead to lives until the block returns.
    def drain
      while (batch = take)
        begin
          each_record(batch) { |*event| yield(*event) }
        ensure
          Native.oai_batch_free(batch)
        end
      end
    end

    # A batch that the caller frees; nil if there is none, and then the doorbell is armed.
    def take
      status = Native.oai_queue_next(@handle, BATCH, @out)
      raise Error.of(status) unless status.zero?

      batch = @out.get_pointer(0)
      batch unless batch.null?
    end

    def each_record(batch)
      Native.oai_batch_records(batch, @out, @out + 8)
      count = @out.get_uint64(8)
      records = @out.get_pointer(0).get_bytes(0, count * RECORD)
      views = nil
      count.times do |i|
        _, tag, kind, _, data, length, response = records.unpack("QQllQQQ", offset: i * RECORD)
        if kind == Native::EVENT_DONE
          views ||= views_of(batch, count)
          yield kind, tag, data, length, View.new(response, *views.unpack("QllLLQ7", offset: i * VIEW))
        else
          yield kind, tag, data, length, nil
        end
      end
    end

    # Waits until the doorbell rings.
    def wait = @bell.wait_readable

    # Ends the wait of another thread, by an IOError there.
    def hang_up = @bell.close

    def free
      @bell.close
      Native.oai_queue_free(@handle)
      @handle = nil
    end

    private

    def views_of(batch, count)
      Native.oai_batch_views(batch, @out, @out + 8)
      @out.get_pointer(0).get_bytes(0, count * VIEW)
    end
  end

  # @api private
  # oai_response_view of the header, with the response's own address first.
  View = Struct.new(:handle, :id, :status, :http_status, :attempts, :headers, :body, :body_length, :embeddings, :rows,
                    :dims, :request_id, :error) do
    # The error of a response, nil if it went well.
    def failure
      Error.copy(FFI::Pointer.new(error), attempts: attempts) unless error.zero?
    end
  end
end
