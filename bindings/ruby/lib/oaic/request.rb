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
      set("the number of dimensions", :set_dimensions, dimensions) if dimensions
      set("the user", :set_user, user) if user
      fields&.each { |name, value| set("the field #{name}", :add_field, name.to_s, value.to_s, value.to_s.bytesize) }
      files&.each { |name, file| add_file(name.to_s, file) }
      set("the output path", :set_output_path, output_path.to_s) if output_path
      set("the output file", :set_output_fd, output.fileno) if output
      set_priority(priority) if priority
      set_timeout(timeout_ms) if timeout_ms
      set("the idempotency key", :set_idempotency_key, idempotency_key) if idempotency_key
      @progress = progress
      set("progress", :set_progress, 1) if progress
      set("the stream", :set_stream, 1) if stream
    end

    # A file is a path, an IO with one, or a Hash of path: or content:, and filename: and content_type:.
    def add_file(name, file)
      file = { path: file.respond_to?(:to_path) ? file.to_path : file } unless file.is_a?(Hash)
      if file[:path]
        set("the file #{file[:path]}", :add_file_path, name, file[:path].to_s, file[:filename], file[:content_type])
      else
        content = file.fetch(:content)
        set("the file #{file[:filename]}", :add_file, name, file[:filename], file[:content_type], content, content.bytesize)
      end
    end

    def set_priority(name)
      number = PRIORITIES.fetch(name.to_sym) { refuse("the priority #{name}", -1) }
      set("the priority", :set_priority, number)
    end

    def set_timeout(milliseconds)
      # In C a negative number would be a very large one.
      refuse("the timeout of #{milliseconds} ms", -1) if milliseconds.negative?
      set("the timeout", :set_timeout_ms, milliseconds.ceil)
    end

    def set(what, setter, *arguments)
      status = Native.public_send(:"oai_request_#{setter}", @handle, *arguments)
      refuse(what, status) unless status.zero?
    end

    def refuse(what, status)
      raise Error.of(status, "#{what} of #{@what} cannot be sent (#{Native.oai_status_name(status)}); the log says why")
    end
  end
end
