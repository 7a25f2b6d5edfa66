# This file turns the library's errors into Ruby's. It decides nothing.

module Oaic
  # What went wrong with a call. The subclasses stand for the statuses that programs look for.
  class Error < StandardError
    # @return [Integer] the status's number in the C library, which never changes
    attr_reader :number
    # @return [Integer] the HTTP status of the last answer, 0 if none came
    attr_reader :http_status
    # @return [String, nil] the server's own words
    attr_reader :type, :code, :param
    # @return [String, nil] the server's id of the request, which its support asks for
    attr_reader :request_id
    # @return [Integer] how long the server asked to wait in milliseconds, 0 if it did not
    attr_reader :retry_after_ms
    # @return [Integer] how often the request was sent, 0 if it was refused
    attr_reader :attempts
    # @return [String, nil] what came nevertheless: the body of the server's answer; of run_batch and upload_in_parts
    #   that broke off, the JSON to go on with
    attr_reader :body

    # @api private
    def initialize(message = nil, number: CLASSES.key(self.class) || -2, http_status: 0, type: nil, code: nil, param: nil, request_id: nil,
                   retry_after_ms: 0, attempts: 0, may_have_executed: false, body: nil)
      super(message)
      @number = number
      @http_status = http_status
      @type = type
      @code = code
      @param = param
      @request_id = request_id
      @retry_after_ms = retry_after_ms
      @attempts = attempts
      @may_have_executed = may_have_executed
      @body = body
    end

    # @return [String] the status's name, such as "OAI_ERR_RATE_LIMITED"
    def status = Native.oai_status_name(@number)

    # @return [Float] retry_after_ms in seconds
    def retry_after = @retry_after_ms / 1000.0

    # @return [Boolean] whether the server may have carried the request out all the same, and billed it
    def may_have_executed? = @may_have_executed
    alias may_have_executed may_have_executed?

    # @api private
    # An error of a status.
    def self.of(number, message = Native.oai_status_name(number), **rest)
      (CLASSES[number] || FAMILIES.find { |range, _| range.cover?(number) }&.last || Error)
        .new(message, number: number, **rest)
    end

    # @api private
    # Copies the error at an address, which C owns.
    def self.copy(address, **more)
      view = FFI::MemoryPointer.new(96)
      Native.oai_error_get_view(address, view)
      number, http, after, executed, _, message, type, code, param, id = view.get_bytes(0, 64).unpack("llQllQ5")
      of(number, Native.string(message), http_status: http, type: Native.string(type), code: Native.string(code),
                                         param: Native.string(param), request_id: Native.string(id),
                                         retry_after_ms: after, may_have_executed: executed != 0, **more)
    end

    # @api private
    # Copies an error that is the caller's, and frees it.
    def self.take(number, handle)
      return of(number) if handle.null?

      error = copy(handle.address)
      Native.oai_error_free(handle)
      error
    end
  end

  # The call or a setting was wrong; nothing was sent.
  class UsageError < Error; end
  # A setting is missing or wrong.
  class ConfigError < UsageError; end
  # The webhook must not be believed.
  class WebhookError < Error; end
  # No good answer came: the connection failed, broke or was too slow.
  class ConnectionError < Error; end
  # An attempt took too long.
  class TimeoutError < ConnectionError; end
  # The server answered with an error.
  class HTTPError < Error; end
  class BadRequestError < HTTPError; end
  class AuthenticationError < HTTPError; end
  class PermissionError < HTTPError; end
  class NotFoundError < HTTPError; end
  class ConflictError < HTTPError; end
  class UnprocessableError < HTTPError; end
  class RateLimitError < HTTPError; end
  # The account has no money left; waiting does not help.
  class QuotaError < HTTPError; end
  class ServerError < HTTPError; end
  # The client ended the request or did not take it.
  class SchedulingError < Error; end
  class QueueFullError < SchedulingError; end
  class DeadlineError < SchedulingError; end
  class CancelledError < SchedulingError; end
  class ClosedError < SchedulingError; end
  # The process was forked from one that had used the library: use it for the first time behind the fork.
  class ForkedError < Error; end

  class Error
    CLASSES = {
      -4 => ConfigError, -5 => ConfigError, -7 => ConfigError, -9 => WebhookError, -102 => TimeoutError,
      -110 => TimeoutError, -201 => BadRequestError, -202 => AuthenticationError, -203 => PermissionError,
      -204 => NotFoundError, -205 => ConflictError, -206 => UnprocessableError, -207 => RateLimitError,
      -208 => QuotaError, -209 => ServerError, -300 => QueueFullError, -301 => DeadlineError,
      -302 => CancelledError, -303 => ClosedError, -400 => ForkedError
    }.freeze
    FAMILIES = { (-99..-1) => UsageError, (-199..-100) => ConnectionError, (-299..-200) => HTTPError,
                 (-399..-300) => SchedulingError }.freeze
    private_constant :CLASSES, :FAMILIES
  end
end
