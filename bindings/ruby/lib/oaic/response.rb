# This file copies responses out of C memory, so that nothing in Ruby has to be freed, and Ruby's garbage collector knows
# how much there is.

module Oaic
  # The tokens that the server counted, 0 where it told nothing.
  Usage = Struct.new(:prompt_tokens, :completion_tokens, :total_tokens)

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
    # @return [Integer] 0 if the client's own place served it, n for the nth of its fallbacks
    attr_reader :fallback

    # @api private
    def initialize(view)
      @http_status = view.http_status
      @request_id = view.request_id
      @attempts = view.attempts
      out = view.scratch
      Native.oai_response_usage(view.response, out.first, out.second, out.third)
      @usage = Usage.new(*out.words(3))
      @fallback = Native.oai_response_fallback(view.response)
    end
  end

  # The answer to a call that went well.
  class Response < Answer
    # @return [Hash{String => String}] lower-case names to values; several values of a name are joined by ", "
    attr_reader :headers
    # @return [String] the answer as it was received, decompressed; of a stream, the whole message. UTF-8, or binary if
    #   it is no such text
    attr_reader :body

    # @api private
    def initialize(view)
      super
      @body = view.text
      @headers = {}
      view.headers.times { |i| header(view, i) }
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

    private

    def header(view, index)
      out = view.scratch
      Native.oai_response_header_at(view.response, index, out.first, out.second)
      name, value = out.words(2).map { |text| Native.string(text) }
      name = name.downcase
      @headers[name] = @headers.key?(name) ? "#{@headers[name]}, #{value}" : value
    end
  end

  # The vectors of an embed call, one for each input in their order: one packed String of float32, in Ruby's memory.
  # Numbers become Ruby's only where they are asked for.
  class Embeddings < Answer
    include Enumerable

    # @return [Integer] the number of inputs, and the length of each vector
    attr_reader :rows, :dims
    # @return [String] rows * dims float32 in the machine's byte order, row by row: packed.unpack("f*")
    attr_reader :packed

    alias size rows
    alias length rows

    # @api private
    def initialize(view)
      raise Error.of(-107, "the answer holds no vectors") if view.embeddings.zero?

      super
      @rows = view.rows
      @dims = view.dims
      @packed = Native.bytes(view.embeddings, @rows * @dims * 4).freeze
    end

    # @return [Array<Float>, nil] the vector of input index; of a negative one, counted from the end
    def [](index) = packed_row(index)&.unpack("f*")

    # @return [String, nil] the vector of input index as packed float32
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

    # Yields each vector as packed float32.
    def each_packed
      return enum_for(:each_packed) { @rows } unless block_given?

      @rows.times { |i| yield packed_row(i) }
      self
    end
  end
end
