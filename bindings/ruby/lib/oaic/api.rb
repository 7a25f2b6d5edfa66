# This file is the short forms: each is a line or two over the general request. Client gives their answers, Async
# their calls.

module Oaic
  # The calls of Client and Async. All take the keywords of #request beside their own.
  module API
    # Sends any request. Keywords: body: (JSON text or what JSON.generate takes), query:, headers:, fields: and files:
    # (a form), output_path: or output: (where the body goes), priority: (:high, :normal, :low), timeout_ms:,
    # idempotency_key:, progress: (a Proc, called by who waits).
    def request(method, path, **options)
      deliver(sent(Request.new(method, path, **options)) { |view| Response.new(view) })
    end

    # Turns texts into vectors: one row for each, in their order.
    # @return [Embeddings]
    def embed(model, texts, **options)
      texts = Array(texts).map { |text| text.encode(Encoding::UTF_8) }
      request = Request.new("POST", "/embeddings", **options) unless options.empty?
      bytes = texts.join
      lengths = texts.map(&:bytesize).pack("J*")
      call = Call.new(@core, self) { |view| Embeddings.new(view) }
      @core.start(call) do |handle, queue, tag, id, error|
        Native.oai_embed_to(handle, model, bytes, lengths, texts.size, request&.handle, queue, tag, id, error)
      end
      deliver(call)
    ensure
      request&.free
    end

    # A chat completion (POST /chat/completions).
    def chat(body, **options) = request("POST", "/chat/completions", body: body, **options)

    # A response (POST /responses).
    def responses(body, **options) = request("POST", "/responses", body: body, **options)

    # A text completion (POST /completions).
    def completions(body, **options) = request("POST", "/completions", body: body, **options)

    # Whether a text is harmful (POST /moderations).
    def moderate(input, model: nil, **options)
      request("POST", "/moderations", body: { input: input, model: model }.compact, **options)
    end

    # The models (GET /models).
    def models(**options) = request("GET", "/models", **options)

    # Pictures (POST /images/generations).
    def image(body, **options) = request("POST", "/images/generations", body: body, **options)

    # A picture changed as the words in body say (POST /images/edits).
    def image_edit(file, body, **options) = request("POST", "/images/edits", files: { image: file }, body: body, **options)

    # A text spoken (POST /audio/speech); the answer's body is the sound.
    def speech(body, **options) = request("POST", "/audio/speech", body: body, **options)

    # What is said in a sound file (POST /audio/transcriptions).
    def transcribe(file, body, **options)
      request("POST", "/audio/transcriptions", files: { file: file }, body: body, **options)
    end

    # The same in English (POST /audio/translations).
    def translate(file, body, **options)
      request("POST", "/audio/translations", files: { file: file }, body: body, **options)
    end

    # Uploads a file (POST /files): a path, a File, or { filename:, content: }.
    def upload(file, purpose:, fields: {}, **options)
      request("POST", "/files", files: { file: file }, body: { purpose: purpose, **fields }, **options)
    end

    # The content of a file (GET /files/{id}/content); with output_path: it goes there as it comes.
    def download(id, **options) = request("GET", "/files/#{id}/content", **options)

    private

    def sent(request, &finish)
      @core.start(Call.new(@core, self, request.progress, &finish)) do |handle, queue, tag, id, error|
        Native.oai_submit_to(handle, request.handle, queue, tag, id, error)
      end
    ensure
      request.free
    end
  end

  # The same calls as Client's; each gives a Call at once instead of waiting.
  class Async
    include API

    # @api private
    def initialize(core, client)
      @core = core
      @client = client
    end

    private

    def deliver(call) = call
  end
end
