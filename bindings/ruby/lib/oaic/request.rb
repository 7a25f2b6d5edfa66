# This file puts a request together in C from keyword arguments.

require "uri"

module Oaic
  # @api private
  class Request
    PRIORITIES = { high: 0, normal: 1, low: 2 }.freeze
    # What the short forms take beside the members of a body.
    SETTINGS = %i[query headers fields files output_path output priority timeout_ms idempotency_key progress].freeze

    attr_reader :handle, :progress

    def initialize(method, path, **options)
      @what = "#{method} #{path}"
      @handle = Native.make(:oai_request_new, method.to_s.upcase, path)
      fill(**options)
    rescue StandardError
      free
      raise
    end

    # Frees the request in C; it may be called more than once.
    def free
      Native.oai_request_free(@handle) if @handle
      @handle = nil
    end

    # JSON text: a String to the letter, anything else made to it.
    def self.json(body) = body.is_a?(String) ? body : JSON.generate(body)

    # Splits the keywords of a short form into a body and settings.
    def self.split(options)
      settings, body = options.partition { |name, _| SETTINGS.include?(name) }
      [body.to_h, settings.to_h]
    end

    # A part of a path.
    def self.escape(text) = URI.encode_www_form_component(text).gsub("+", "%20")

    private

    def fill(body: nil, query: nil, headers: nil, fields: nil, files: nil, output_path: nil, output: nil, priority: nil,
             timeout_ms: nil, idempotency_key: nil, progress: nil, stream: false, dimensions: nil, user: nil)
      query&.each do |name, values|
        Array(values).each { |value| set("the query parameter #{name}", :add_query, name.to_s, value.to_s) }
      end
      headers&.each { |name, value| set("the header #{name}", :set_header, name.to_s, Array(value).join(", ")) }
      unless body.nil?
        text = Request.json(body)
        set("the JSON", :set_json, text, text.bytesize)
      end
      set("the dimensions", :set_dimensions, Native.whole("dimensions: %s", dimensions, bits: 32)) if dimensions
      set("the user", :set_user, user) if user
      fields&.each { |name, value| set("the field #{name}", :add_field, name.to_s, value.to_s, value.to_s.bytesize) }
      files&.each { |name, file| add_file(name.to_s, file) }
      set("the output path", :set_output_path, output_path.to_s) if output_path
      set("the output file", :set_output_fd, output.fileno) if output
      set_priority(priority) if priority
      set("the timeout", :set_timeout_ms, Native.whole("timeout_ms: %s", timeout_ms)) if timeout_ms
      set("the idempotency key", :set_idempotency_key, idempotency_key) if idempotency_key
      @progress = progress
      set("progress", :set_progress, 1) if progress
      set("the stream", :set_stream, 1) if stream
    end

    # A file is a path, an IO with one, anything else that can be read, or a Hash of path: or content:, and filename: and
    # content_type:.
    def add_file(name, file)
      file = file.is_a?(Hash) ? file.transform_keys(&:to_sym) : described(name, file)
      path, content, filename, type = file.values_at(:path, :content, :filename, :content_type)
      if path
        set("the file #{path}", :add_file_path, name, path.to_s, filename, type)
      elsif content.is_a?(String)
        set("the file #{filename.inspect}", :add_file, name, filename, type, content, content.bytesize)
      else
        raise Error.of(-1, "the file #{name} of #{@what} has neither a path: nor a String as content:; it has " \
                           "#{file.keys.inspect}")
      end
    end

    def described(name, file)
      # A pipe has no path, though newer Rubies' IO has to_path.
      return { path: file.to_path } if file.respond_to?(:to_path) && (file.is_a?(File) || !file.is_a?(IO))

      file.respond_to?(:read) ? { content: file.read.to_s, filename: name } : { path: file }
    end

    def set_priority(name)
      number = PRIORITIES[name.respond_to?(:to_sym) ? name.to_sym : name]
      unless number
        raise Error.of(-1, "the priority #{name.inspect} of #{@what} is none: give " \
                           "#{PRIORITIES.keys.map(&:inspect).join(', ')}")
      end

      set("the priority", :set_priority, number)
    end

    def set(what, setter, *arguments)
      status = Native.public_send(:"oai_request_#{setter}", @handle, *arguments)
      return if status.zero?

      raise Error.of(status, "#{what} of #{@what} cannot be sent (#{Native.oai_status_name(status)}); the log says why")
    end
  end
end
