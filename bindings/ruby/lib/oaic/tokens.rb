# This file asks the program for bearer tokens when the library wants one, on a thread of its own: a provider may take its
# time without holding up any outcome.

module Oaic
  # @api private
  class Tokens
    # Lets the client's key be what the provider's call gives: a token, or a token and the seconds that it lives.
    def initialize(core, provider)
      unless provider.respond_to?(:call)
        raise Error.of(-1, "a token provider of #{provider.class} cannot be asked: give a Proc or what has call")
      end

      @core = core
      @provider = provider
      @queue = EventQueue.new
      core.use { |handle| Native.call(:oai_set_token_queue, handle, @queue.handle, 0) }
      thread = Thread.new { serve }
      thread.name = "oaic tokens"
      thread.report_on_exception = false
    rescue Error
      @queue&.free
      raise
    end

    # Asks the provider no more.
    def stop = @queue.hang_up

    private

    def serve
      wanted = []
      loop do
        @queue.drain { |kind, id, *| wanted << id if kind == Native::EVENT_TOKEN_WANTED }
        until wanted.empty?
          answer(wanted.first)
          wanted.shift
        end
        @queue.wait
      end
    rescue IOError
      # The doorbell was closed: nobody asks any more.
    ensure
      # However the thread ends, also in the provider's hands: the library then refuses what is asked later.
      @queue.free
      wanted.each { |id| refuse(id, Error.of(-302, "its thread was ended")) }
    end

    def answer(id)
      token, life_ms =
        begin
          asked
        # Also what no program would rescue, as LoadError or NotImplementedError: who waits must hear of it.
        rescue Exception => e
          return refuse(id, e)
        end
      begin
        tell(:oai_provide_token, id, token, token.bytesize, life_ms)
      rescue Error => e
        refuse(id, e)
      end
    end

    # The provider's token and its life, 0 if that is not known.
    def asked
      token, seconds = @provider.call
      raise TypeError, "the provider gave #{token.class} and not a String" unless token.is_a?(String)
      # Its class alone: it may be another part of the secret.
      raise TypeError, "the life of the token is #{seconds.class} and no number" unless (seconds || 0).is_a?(Numeric)

      [token, Native.whole("a life of %s s of the token", seconds || 0, scale: 1000)]
    end

    def refuse(id, error)
      # Not inspect: the message is the provider's own, and what else it knows may be secret.
      text = "the token provider failed: #{error.message} (#{error.class})".force_encoding(Encoding::UTF_8).scrub("?")
      tell(:oai_refuse_token, id, text, text.bytesize)
    end

    def tell(function, *arguments)
      @core.use { |handle| Native.call(function, handle, *arguments) }
    rescue ClosedError
      # So is the question.
    rescue UsageError => e
      # The question is over, by a close or another provider.
      raise unless e.number == -6
    end
  end
end
