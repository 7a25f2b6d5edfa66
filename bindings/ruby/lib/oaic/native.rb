# This file finds and loads the C library and declares its functions. Everything else of the gem calls C through
# Oaic::Native; nothing here knows what the functions are for.

require "ffi"

module Oaic
  # The C library could not be found, or is not the one that this gem was written for.
  class LoadError < ::LoadError; end

  # @api private
  module Native
    extend FFI::Library

    # What this gem needs of the library: its own epoch, and at least these additions (OAI_ABI_* of include/oai.h).
    ABI_EPOCH = 0
    ABI_ADDITIONS = 3

    EVENT_CHUNK = 1
    EVENT_DONE = 2
    EVENT_PROGRESS = 4
    EVENT_LOG = 8
    EVENT_TOKEN_WANTED = 16

    # The files that may be meant by a path: itself, or those of a folder.
    def self.candidates(path)
      File.directory?(path) ? names.map { |name| File.join(path, name) } : [path]
    end

    def self.names
      FFI::Platform.mac? ? ["liboaic.0.dylib", "liboaic.dylib"] : ["liboaic.so.0", "liboaic.so"]
    end

    # Loads the first library that can be: where OAI_LIBRARY_PATH says, else of the gem itself, else of the system.
    def self.find
      given = ENV["OAI_LIBRARY_PATH"].to_s
      places = given.empty? ? candidates(__dir__).select { |path| File.exist?(path) } + names : candidates(given)
      tried = []
      places.each do |path|
        return [path, ffi_lib(path).first]
      rescue ::LoadError => e
        tried << e.message
      end
      where = given.empty? ? "set OAI_LIBRARY_PATH to its file or folder" : "OAI_LIBRARY_PATH is #{given.inspect}"
      raise LoadError, "oaic: liboaic could not be loaded; #{where}: #{tried.join('; ')}"
    end

    # Says no to a library of another ABI, before anything else of it is called.
    def self.check(path, version)
      found = [version >> 16, version & 0xffff]
      return if found[0] == ABI_EPOCH && found[1] >= ABI_ADDITIONS

      raise LoadError, "oaic: #{path} speaks ABI #{found.join('.')}, and this gem needs #{ABI_EPOCH}.#{ABI_ADDITIONS} " \
                       "or a later #{ABI_EPOCH}.x: install the liboaic that came with this gem, or point " \
                       "OAI_LIBRARY_PATH at it"
    end

    PATH, = find
    begin
      attach_function :oai_abi_version, [], :uint32
    rescue FFI::NotFoundError
      raise LoadError, "oaic: #{PATH} is not liboaic: it has no oai_abi_version"
    end
    check(PATH, oai_abi_version)

    # Functions by their parameters: p pointer or bytes, a address (which costs no object), s text, i int32, u uint32,
    # l uint64, z size_t. All give a status.
    types = { "p" => :pointer, "a" => :uintptr_t, "s" => :string, "i" => :int32, "u" => :uint32, "l" => :uint64,
              "z" => :size_t }
    {
      client_new: "pzpp", client_configure_json: "ppzp", client_config_json: "pppp", client_stats_json: "pppp",
      client_stats_prometheus: "pppp", client_position: "plppp", cancel: "plp",
      set_token_queue: "pplp", provide_token: "plpzlp", refuse_token: "plpzp",
      request_new: "sspp", request_set_json: "ppz", request_add_query: "pss", request_set_header: "pss",
      request_set_user: "ps", request_set_dimensions: "pu", request_set_stream: "pi", request_set_priority: "pu",
      request_set_timeout_ms: "pl", request_set_idempotency_key: "ps", request_add_field: "pspz",
      request_add_file: "pssspz", request_add_file_path: "pssss", request_set_output_path: "ps",
      request_set_output_fd: "pi", request_set_progress: "pi", request_next_page: "papp",
      response_header_at: "azpp", response_usage: "appp", error_get_view: "ap",
      queue_new: "pp", queue_next: "pzp", submit_to: "ppplpp",
      embed_to: "psppzpplpp", batch_run_to: "ppzssplpp", wait_until_to: "pppzplpp", upload_to: "ppzsplpp",
      batch_records: "ppp", batch_views: "ppp", fold_new: "pp", fold_push: "ppzp", fold_finish: "pppp",
      webhook_verify: "ppzssslp", webhook_verify_secret: "spzsssllp", set_log: "ipppp", set_log_to: "ipp"
    }.each { |name, letters| attach_function :"oai_#{name}", letters.chars.map { |letter| types.fetch(letter) }, :int32 }

    %i[error_free request_free queue_free batch_free fold_free string_free].each do |name|
      attach_function :"oai_#{name}", [:pointer], :void
    end
    # These wait for threads of the library: other Ruby threads run meanwhile.
    attach_function :oai_client_free, [:pointer], :void, blocking: true
    attach_function :oai_client_close, %i[pointer uint64 pointer], :int32, blocking: true
    attach_function :oai_shutdown, %i[uint64 pointer], :int32, blocking: true
    attach_function :oai_queue_dup_fd, [:pointer], :int64
    attach_function :oai_response_fallback, [:uintptr_t], :uint32
    attach_function :oai_status_name, [:int32], :string
    attach_function :oai_version_string, [], :string

    # All memory from address 1 on: to read at an address costs no object for a pointer. (Address 0 is FFI's NULL, which
    # refuses to be read.)
    MEMORY = FFI::Pointer.new(1)
    private_constant :MEMORY

    # Room for three words that C fills: made once, since each costs objects.
    Scratch = Struct.new(:first, :second, :third) do
      def self.make
        first = FFI::MemoryPointer.new(:uint64, 3)
        new(first, first + 8, first + 16)
      end

      def words(count) = first.get_array_of_uint64(0, count)
      def word = first.get_uint64(0)
    end

    # Calls a function with room for one handle, and gives the handle; raises what the function tells.
    def self.make(function, *arguments)
      out = FFI::MemoryPointer.new(:pointer, 2)
      status = public_send(function, *arguments, out, out + 8)
      raise Error.take(status, out.get_pointer(8)) unless status.zero?

      out.get_pointer(0)
    end

    # Calls a function whose last parameter is the error.
    def self.call(function, *arguments)
      out = FFI::MemoryPointer.new(:pointer)
      status = public_send(function, *arguments, out)
      raise Error.take(status, out.get_pointer(0)) unless status.zero?
    end

    # Calls a function that hands over a text, and frees that.
    def self.text(function, *arguments)
      out = FFI::MemoryPointer.new(:pointer, 3)
      status = public_send(function, *arguments, out, out + 8, out + 16)
      raise Error.take(status, out.get_pointer(16)) unless status.zero?

      text = out.get_pointer(0)
      copy = text.get_bytes(0, out.get_uint64(8)).force_encoding(Encoding::UTF_8)
      oai_string_free(text)
      copy
    end

    # A number as C takes it, rounded up; in C a negative one would be a very large one. what names it, with %s for it.
    def self.whole(what, number, bits: 64, scale: 1)
      real = number.is_a?(Numeric) && number.real? && number.finite?
      given = (number * scale).ceil if real
      return given if given&.between?(0, (1 << bits) - 1)

      raise Error.of(-1, "#{format(what, number.inspect)} cannot be: give a number from 0 to #{((1 << bits) - 1) / scale}")
    end

    # Copies a NUL-terminated text; nil for NULL.
    def self.string(address)
      address.zero? ? nil : MEMORY.get_string(address - 1).force_encoding(Encoding::UTF_8)
    end

    # Copies bytes.
    def self.bytes(address, length) = length.zero? ? String.new : MEMORY.get_bytes(address - 1, length)

    # Copies words of 64 bits.
    def self.words(address, count) = MEMORY.get_array_of_uint64(address - 1, count)
  end
end
