# This file is a completion queue of the library: its doorbell is an IO, so that waiting lets other threads run, and
# with a Fiber scheduler other fibers. Calls, streams, tokens and the log use it; it knows nothing of what events mean.

# IO#wait_readable, which is built in only from Ruby 3.2 on.
require "io/wait"

module Oaic
  # @api private
  class EventQueue
    # How many events one call takes: enough that the call costs little beside them.
    BATCH = 256
    # The sizes of oai_event_record and oai_response_view in words.
    RECORD = 8
    VIEW = 14
    # For Thread.handle_interrupt, round what does not wait: no Timeout, Thread#raise, Thread#kill or Ctrl-C comes between.
    # (What kills a thread counts as an Object and not as an Exception.)
    UNINTERRUPTED = { Object => :never }.freeze

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
      @out = Native::Scratch.make
    end

    # Yields all events that are there, as #take does, and arms the doorbell.
    def drain(&block)
      nil while take(&block)
    end

    # Takes a batch of events: yields kind, id, tag, address and length of the data, and the View of the response (nil if
    # there is none). What the addresses lead to lives until the block returns. False if nothing was there, and then the
    # doorbell is armed. An interrupt would lose the rest of the batch: it has to wait, and so the block must not.
    def take(&block)
      Thread.handle_interrupt(UNINTERRUPTED) { take_uninterrupted(&block) }
    end

    # Waits until the doorbell rings.
    def wait = @bell.wait_readable

    # Ends the wait of another thread, by an IOError there.
    def hang_up = @bell.close

    # Frees the queue; it may be called more than once.
    def free
      @bell.close
      handle = @handle
      @handle = nil
      Native.oai_queue_free(handle)
    end

    private

    def take_uninterrupted(&block)
      status = Native.oai_queue_next(@handle, BATCH, @out.first)
      raise Error.of(status) unless status.zero?

      batch = @out.first.get_pointer(0)
      return false if batch.null?

      begin
        each(batch, &block)
      ensure
        Native.oai_batch_free(batch)
      end
      true
    end

    def each(batch)
      Native.oai_batch_records(batch, @out.first, @out.second)
      address, count = @out.words(2)
      records = Native.words(address, count * RECORD)
      views = nil
      at = 0
      count.times do |i|
        # The status is in the upper half.
        kind = records[at + 2] & 0xffff_ffff
        if kind == Native::EVENT_DONE
          views ||= views_of(batch, count)
          view = View.new(records[at + 5], views, i * VIEW, @out)
        end
        yield kind, records[at], records[at + 1], records[at + 3], records[at + 4], view
        at += RECORD
      end
    end

    def views_of(batch, count)
      Native.oai_batch_views(batch, @out.first, @out.second)
      Native.words(@out.word, count * VIEW)
    end
  end

  # @api private
  # An oai_response_view of the header. It and what it leads to live as long as the batch.
  class View
    attr_reader :response, :scratch

    # scratch is a Native::Scratch.
    def initialize(response, words, at, scratch)
      @response = response
      @words = words
      @at = at
      @scratch = scratch
    end

    def http_status = @words[@at + 1] >> 32
    def attempts = @words[@at + 2] & 0xffff_ffff
    def headers = @words[@at + 2] >> 32
    def body = Native.bytes(@words[@at + 3], @words[@at + 4])
    def embeddings = @words[@at + 5]
    def rows = @words[@at + 6]
    def dims = @words[@at + 7]
    def request_id = Native.string(@words[@at + 8])

    # The error of a response, nil if it went well.
    def failure
      error = @words[@at + 9]
      Error.copy(error, attempts: attempts, body: text) unless error.zero?
    end

    # The body as text if it is that, else its bytes.
    def text
      text = body.force_encoding(Encoding::UTF_8)
      text.valid_encoding? ? text : text.force_encoding(Encoding::BINARY)
    end
  end
end
