# This file is a call under way. Thousands of them may wait at once, so one is three fields until somebody waits for it.

module Oaic
  # A call that was sent: Client#async gives it, and #value waits for its outcome.
  class Call
    # What C calls it: unique in the process.
    # @api private
    attr_accessor :id

    # @api private
    def initialize(client)
      # The client must not be collected while its call is under way.
      @client = client
      @id = nil
      @outcome = nil
    end

    # Waits for the outcome: the answer, or its error raised. Other threads run meanwhile, and with a Fiber scheduler
    # other fibers. Any number of threads may wait.
    def value
      wait
      raise @outcome if @outcome.is_a?(Exception)

      @outcome
    end

    # Waits until the call has ended, however that was.
    def wait
      return self if @outcome

      core = @client&.core
      core&.check_fork
      told = LISTENING.synchronize { @told ||= Thread::Queue.new }
      # The outcome may have come before there was anything to tell it to.
      told.close if @outcome
      while (news = told.pop)
        hear(news)
      end
      self
    end

    # Ends the call wherever it is; one that has ended stays as it is. Its outcome is then a CancelledError.
    def cancel
      @client&.core&.cancel(@id)
      self
    end

    # @return [Boolean] whether the outcome is there
    def done? = !@outcome.nil?

    # Where the call stands while it waits in the client: how many are before it, and how many milliseconds at least
    # until the limits let it through. Raises an Error once it does not wait any more.
    # @return [Hash{Symbol => Integer}] ahead: and expected_wait_ms:
    def position
      client = @client or raise Error.of(-6, "the call has ended: it waits no more")
      client.core.position(@id)
    end

    # @api private
    # The outcome came, on the client's thread: nothing here may raise or wait.
    def finish(view)
      @outcome = view.failure || made(view)
    rescue StandardError, NoMemoryError => e
      @outcome = e
    ensure
      over
    end

    # @api private
    # There will be no outcome.
    def give_up(error)
      @outcome = error
      over
    end

    # @api private
    def tell(progress); end

    private

    LISTENING = Mutex.new
    private_constant :LISTENING

    def made(view) = Response.new(view)

    def hear(_news) = nil

    def over
      @client = nil
      @told&.close
    end
  end

  # @api private
  class EmbedCall < Call
    private

    def made(view) = Embeddings.new(view)
  end

  # @api private
  # A call whose progress is told to a block, by who waits for it.
  class ProgressCall < Call
    def initialize(client, &progress)
      super(client)
      @progress = progress
      @told = Thread::Queue.new
    end

    def tell(progress) = @told.push(progress)

    private

    def hear(news) = @progress.call(news)
  end

  # @api private
  # A page of a list. Its outcome is the page, and whether the request now asks for another.
  class PageCall < Call
    def initialize(client, request)
      super(client)
      @request = request
    end

    private

    def made(view)
      out = view.scratch.first
      Native.call(:oai_request_next_page, @request.handle, view.response, out)
      more = out.get_int32(0)
      [Response.new(view), !more.zero?]
    end
  end
end
