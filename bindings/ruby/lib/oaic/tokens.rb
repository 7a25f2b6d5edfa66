# This file asks the program for bearer tokens when the library wants one, on a thread of its own: a provider may take its
# time without holding up any outcome.

module Oaic
  # @api private
  class Tokens
    # Lets the client's key be what the block gives: a token, or a token and the seconds that it lives.
    def initialize(core, provider)
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
      loop do
        wanted = []
        @queue.drain { |kind, id, *| wanted << id if kind == Native::EVENT_TOKEN_WANTED }
        wanted.each { |id| answer(id) }
        @queue.wait
      end
    rescue IOError, ClosedError
      @queue.free
    end

    def answer(id)
      token, seconds = @provider.call
      raise TypeError, "the provider gave #{token.class} and not a String" unless token.is_a?(String)

      tell(:oai_provide_token, id, token, token.bytesize, ((seconds || 0) * 1000).to_i)
    rescue ClosedError
      raise
    rescue StandardError => e
      # Not inspect: the message is the provider's own, and what else it knows may be secret.
      text = "the token provider failed: #{e.message} (#{e.class})"
      tell(:oai_refuse_token, id, text, text.bytesize)
    end

    def tell(function, *arguments)
      @core.use { |handle| Native.call(function, handle, *arguments) }
    rescue UsageError => e
      # The question is over, by a close or another provider.
      raise unless e.number == -6
    end
  end
end
