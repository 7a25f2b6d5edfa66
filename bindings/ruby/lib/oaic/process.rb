# This file is what belongs to the process and not to a client: log lines, and webhooks without a client.

module Oaic
  # The version of the C library that was loaded.
  def self.library_version = Native.oai_version_string

  # Ends the library in this process for good: what is accepted may finish within the time, the rest is cancelled. Nobody
  # has to call it.
  def self.shutdown(timeout_ms) = Native.call(:oai_shutdown, Native.whole("a time of %s ms", timeout_ms))

  LOG_LEVELS = { off: 0, error: 1, warn: 2, info: 3, debug: 4, trace: 5 }.freeze
  private_constant :LOG_LEVELS

  # Hands the library's log lines of at least that level to a block, as a level (Symbol) and a text, on a thread of its
  # own. Without a block they go to stderr again. No line ever holds an API key.
  def self.log(level = :warn, &block)
    number = LOG_LEVELS.fetch(level.to_sym) do
      raise Error.of(-1, "#{level.inspect} is no level of the log: give #{LOG_LEVELS.keys.map(&:inspect).join(', ')}")
    end
    before = @log
    @log = block ? forward_to(block, number) : Native.call(:oai_set_log, number, nil, nil, nil)
    before&.hang_up
    nil
  end

  # The queue that lines of that level come to from now on, with its thread.
  def self.forward_to(block, number)
    queue = EventQueue.new
    begin
      Native.call(:oai_set_log_to, number, queue.handle)
    rescue Error
      queue.free
      raise
    end
    thread = Thread.new { forward(queue, block) }
    thread.name = "oaic log"
    queue
  end
  private_class_method :forward_to

  def self.forward(queue, block)
    loop do
      lines = []
      took = queue.take do |kind, _, level, data, length, _|
        lines << [LOG_LEVELS.key(level), Native.bytes(data, length)] if kind == Native::EVENT_LOG
      end
      lines.each { |level, line| hand_over(block, level, line) }
      queue.wait unless took
    end
  rescue IOError
    queue.free
  end

  # A block that fails once must not end the log.
  def self.hand_over(block, level, line)
    block.call(level, line.force_encoding(Encoding::UTF_8))
  rescue StandardError => e
    warn("oaic: the block of Oaic.log failed: #{e.full_message(highlight: false)}")
  end
  private_class_method :hand_over
  private_class_method :forward

  # Whether a webhook was signed with that secret, not long before now_ms: raises WebhookError otherwise. Headers are as
  # Rack's environment, Rails' request.headers or Net::HTTP's to_hash give them, or a Hash by their names.
  def self.verify_webhook(secret, body, headers, tolerance_ms: 0, now_ms: 0)
    times = [Native.whole("tolerance_ms: %s", tolerance_ms), Native.whole("now_ms: %s", now_ms)]
    Native.call(:oai_webhook_verify_secret, secret, body, body.bytesize, *signed(headers), *times)
    true
  end

  # @api private
  def self.signed(headers)
    plain = headers.to_h { |name, value| [name.to_s.downcase.tr("_", "-").delete_prefix("http-"), value] }
    # Several signatures are parted by spaces, be it in one header.
    plain.values_at("webhook-id", "webhook-timestamp", "webhook-signature").map do |value|
      value.is_a?(Array) ? value.join(" ") : value
    end
  end
end
