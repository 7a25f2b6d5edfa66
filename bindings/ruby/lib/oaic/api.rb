# This file is the short forms: each is a line or two over the general request. Client gives their answers, Async
# their calls.

module Oaic
  # The calls of Client and Async. A body is given as an object (sent as its JSON), as a String of JSON (sent to the
  # letter), or member by member as keywords: chat(model: "gpt-4o-mini", messages: [...]). Those of one request take the
  # settings of #request beside that: query:, headers:, priority:, timeout_ms:, idempotency_key:, output_path:, output:,
  # progress:. upload_in_parts, run_batch and wait_until send several, and say what they take.
  module API
    # Sends any request. Settings: body: (JSON text or what JSON.generate takes), query:, headers:, fields: and files:
    # (a form), output_path: or output: (a path or an IO that the answer's body goes to), priority: (:high, :normal,
    # :low), timeout_ms: (of the whole, with queue and retries), idempotency_key:, and progress: (a Proc that who waits
    # calls now and then with {way: "upload" or "download", bytes:, total:}; of forms and of bodies that go to a file).
    # @return [Response]
    def request(method, path, **settings)
      request = Request.new(method, path, **settings)
      deliver do
        started(request.progress) do |handle, queue, tag, id, error|
          Native.oai_submit_to(handle, request.handle, queue, tag, id, error)
        end
      end
    ensure
      request&.free
    end

    # Turns texts, or one text, into vectors: one row for each, in their order. It takes the settings query:, headers:,
    # priority:, timeout_ms: and idempotency_key: of #request, and dimensions: and user:. No progress is told.
    # @return [Embeddings]
    def embed(model, texts, **settings)
      request = Request.new("POST", "/embeddings", **settings) unless settings.empty?
      bytes, lengths, count = packed(texts)
      deliver do
        caller_of_c.core.start(EmbedCall.new(caller_of_c)) do |handle, queue, tag, id, error|
          Native.oai_embed_to(handle, model, bytes, lengths, count, request&.handle, queue, tag, id, error)
        end
      end
    ensure
      request&.free
    end

    # A chat completion (POST /chat/completions).
    def chat(body = nil, **options) = post("/chat/completions", body, options)

    # A response (POST /responses).
    def responses(body = nil, **options) = post("/responses", body, options)

    # A text completion (POST /completions).
    def completions(body = nil, **options) = post("/completions", body, options)

    # Whether a text, or each of several, is harmful (POST /moderations).
    def moderate(input, model: nil, **settings)
      request("POST", "/moderations", body: { input: input, model: model }.compact, **settings)
    end

    # The models (GET /models).
    def models(**settings) = request("GET", "/models", **settings)

    # Pictures (POST /images/generations).
    def image(body = nil, **options) = post("/images/generations", body, options)

    # A picture changed as the body's prompt says (POST /images/edits). Files are as in #upload; files: { mask: file }
    # brings a mask.
    def image_edit(file, body = nil, **options) = post("/images/edits", body, options, files: { image: file })

    # A text spoken (POST /audio/speech); the answer's body is the sound.
    def speech(body = nil, **options) = post("/audio/speech", body, options)

    # What is said in a sound file (POST /audio/transcriptions).
    def transcribe(file, body = nil, **options) = post("/audio/transcriptions", body, options, files: { file: file })

    # The same in English (POST /audio/translations).
    def translate(file, body = nil, **options) = post("/audio/translations", body, options, files: { file: file })

    # Uploads a file (POST /files) for a purpose: such as "batch". The file is a path, a File, anything else that
    # has read, or a Hash of path: or content:, and filename: and content_type:.
    def upload(file, body = nil, **options) = post("/files", body, options, files: { file: file })

    # The content of a file (GET /files/{id}/content); with output_path: it goes there as it comes.
    def download(id, **settings) = request("GET", "/files/#{Request.escape(id)}/content", **settings)

    # Uploads a file that is too large for #upload, in parts (POST /uploads) for a purpose:. When it breaks off, the
    # error's body is the JSON of what to give here to go on: upload_id:, part_ids: and part_bytes:. progress: as of
    # #request, counts the bytes of whole parts that arrived.
    def upload_in_parts(path, progress: nil, **body)
      text = sequence(body, progress)
      deliver do
        started(progress) do |handle, queue, tag, id, error|
          Native.oai_upload_to(handle, text, text.bytesize, path.to_s, queue, tag, id, error)
        end
      end
    end

    # Runs a batch: uploads the file input:, creates the batch for an endpoint:, waits until it has ended and writes its
    # results to the path output:, and failed lines beside it with ".errors" added. The other keywords are the members
    # of the batch, and interval_ms:, max_interval_ms: and timeout_ms: of the wait. When it breaks off, the error's body
    # is the JSON of what to give here to go on, such as batch_id:. progress: is a Proc that who waits calls with what is
    # new: the bytes of the upload and the download as of #request, the latter with file: "output" or "errors", and in
    # between how many lines are done, as {way: "batch", batch_id:, status:, completed:, failed:, total:}.
    def run_batch(input: nil, output: nil, progress: nil, **body)
      text = sequence(body, progress)
      deliver do
        started(progress) do |handle, queue, tag, id, error|
          Native.oai_batch_run_to(handle, text, text.bytesize, input&.to_s, output&.to_s, queue, tag, id, error)
        end
      end
    end

    # Asks for an object, such as "/batches/batch_1", until its status is one that it stays in. How: field:, statuses:,
    # interval_ms:, max_interval_ms: and timeout_ms:. The answer is the object as it was last seen.
    def wait_until(path, query: nil, headers: nil, **how)
      request = Request.new("GET", path, query: query, headers: headers)
      text = JSON.generate(how)
      deliver do
        started do |handle, queue, tag, id, error|
          Native.oai_wait_until_to(handle, request.handle, text, text.bytesize, queue, tag, id, error)
        end
      end
    ensure
      request&.free
    end

    private

    def started(progress = nil, &send)
      call = progress ? ProgressCall.new(caller_of_c, &progress) : Call.new(caller_of_c)
      caller_of_c.core.start(call, &send)
    end

    # The JSON of a call of several requests.
    def sequence(body, progress) = Request.json({ **body, progress: !progress.nil? })

    # The program's own files: come beside those that the short form names, as the mask of a picture does.
    def post(path, body, options, files: nil)
      body, options = Request.split(options) if body.nil?
      options = { **options, files: { **files, **options[:files] } } if files && options[:files]
      request("POST", path, body: body, files: files, **options)
    end

    # Texts as C takes them: all bytes, and the lengths.
    def packed(texts)
      texts = [texts] unless texts.respond_to?(:map)
      texts = texts.map { |text| utf8(text) }
      [texts.size == 1 ? texts[0] : texts.join, texts.map(&:bytesize).pack("J*"), texts.size]
    end

    def utf8(text)
      return text if text.is_a?(String) && text.encoding == Encoding::UTF_8
      raise Error.of(-1, "#{text.inspect} cannot be embedded: give a String or an Array of them") unless text.is_a?(String)
      # Sockets and files that were read as bytes give such, and the bytes are UTF-8 mostly; the library looks.
      return text.dup.force_encoding(Encoding::UTF_8) if text.encoding == Encoding::BINARY

      text.encode(Encoding::UTF_8)
    rescue EncodingError => e
      raise Error.of(-1, "a text in #{text.encoding} cannot be embedded: #{e.message}")
    end
  end

  # The same calls as Client's; each gives a Call at once instead of waiting.
  class Async
    include API

    # @api private
    def initialize(client) = @client = client

    private

    def caller_of_c = @client

    def deliver = yield
  end
end
