# This file copies responses out of C memory, so that nothing in Ruby has to be freed.

module Oaic
  # The tokens that the server counted, 0 where it told nothing.
  Usage = Struct.new(:prompt_tokens, :completion_tokens, :total_tokens) do
    # @api private
    def self.of(handle)
      out = FFI::MemoryPointer.new(:uint64, 3)
      Native.oai_response_usage(FFI::Pointer.new(handle), out, out + 8, out + 16)
      new(*out.get_array_of_uint64(0, 3))
    end
  end

  # What all answers tell.
  class Answer
    # @return [Integer] the HTTP status
    attr_reader :http_status
    # @return [String, nil] the server's id of the request
    attr_reader :request_id
    # @return [Integer] how often the request was sent
    attr_reader :attempts
    # @return [Usage] the tokens that the server counted
    attr_reader :usage

    # @api private
    def initialize(view)
      @http_status = view.http_status
      @request_id = Native.string(view.request_id)
      @attempts = view.attempts
      @usage = Usage.of(view.handle)
    end
  end

  # The answer to a call that went well.
  class Response < Answer
    # @return [Hash{String => String}] lower-case names to values; several values of a name are joined by ", "
    attr_reader :headers
    # @return [String] the answer as it was received, decompressed; of a stream, the whole message
    attr_reader :body

    # @api private
    def initialize(view)
      super
      @body = Native.bytes(view.body, view.body_length).force_encoding(Encoding::UTF_8)
      @body.force_encoding(Encoding::BINARY) unless @body.valid_encoding?
      @headers = {}
      handle = FFI::Pointer.new(view.handle)
      out = FFI::MemoryPointer.new(:pointer, 2)
      view.headers.times do |i|
        Native.oai_response_header_at(handle, i, out, out + 8)
        name, value = out.get_array_of_uint64(0, 2).map { |text| Native.string(text) }
        @headers[name.downcase] = [@headers[name.downcase], value].compact.join(", ")
      end
    end

    # @return [Object] the body's JSON, parsed when it is first asked for
    def json = @json ||= JSON.parse(@body)

    # Looks a member of the JSON up.
    def [](key) = json[key]

    # Looks a value deep in the JSON up: answer.dig("choices", 0, "message", "content").
    def dig(*keys) = json.dig(*keys)

    # @api private
    # The same answer with another body.
    def with_body(body)
      dup.tap do |copy|
        copy.instance_variable_set(:@body, body)
        copy.instance_variable_set(:@json, nil)
      end
    end
  end

  # The vectors of an embed call, one for each input in their order: one packed String of float32, in Ruby's memory.
  class Embeddings < Answer
    include Enumerable

    # @return [Integer] the number of inputs, and the length of each vector
    attr_reader :rows, :dims
    # @return [String] rows * dims float32 in the machine's byte order, row by row
    attr_reader :packed

    # @api private
    def initialize(view)
      raise Error.of(-107, "the answer holds no vectors") if view.embeddings.zero?

      super
      @rows = view.rows
      @dims = view.dims
      @packed = Native.bytes(view.embeddings, @rows * @dims * 4)
    end

    # @return [Array<Float>, nil] the vector of input i
    def [](index) = packed_row(index)&.unpack("f*")

    # @return [String, nil] the vector of input i as packed float32
    def packed_row(index)
      index += @rows if index.negative?
      @packed.byteslice(index * @dims * 4, @dims * 4) if index.between?(0, @rows - 1)
    end

    # Yields each vector as an Array of Float.
    def each
      return enum_for(:each) { @rows } unless block_given?

      @rows.times { |i| yield self[i] }
      self
    end
  end
end
