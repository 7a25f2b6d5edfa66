# This file tests calls: what they send, what they give, their errors, and the client's settings.

require_relative "helper"

class ClientTest < GemTest
  def test_embed_gives_a_row_for_each_text
    texts = ["one", "two ü €", "long " * 6000]
    vectors = client.embed(MODEL, texts, dimensions: 8)
    assert_equal [3, 8, 3], [vectors.rows, vectors.dims, vectors.size]
    assert_equal [1, 200, 0], [vectors.attempts, vectors.http_status, vectors.fallback]
    assert_operator vectors.usage.prompt_tokens, :>, 0
    assert_match(/\Areq_/, vectors.request_id)
    assert_equal texts, log[0]["body"]["input"]
  end

  def test_vectors_are_packed_and_become_numbers_when_asked_for
    vectors = client.embed(MODEL, %w[one two three], dimensions: 8)
    assert_equal 3 * 8 * 4, vectors.packed.bytesize
    assert_predicate vectors.packed, :frozen?
    rows = vectors.packed.unpack("f*").each_slice(8).to_a
    assert_equal rows, vectors.to_a
    assert_equal rows[1], vectors[1]
    assert_equal rows[2], vectors[-1]
    assert_equal [rows[2].pack("f*"), nil, nil], [vectors.packed_row(2), vectors[3], vectors[-4]]
    assert_equal rows.map { |row| row.pack("f*") }, vectors.each_packed.to_a
    assert_equal rows[0], vectors.each.next
    assert_in_delta 1.0, rows[0].sum { |number| number * number }, 0.001
  end

  def test_one_text_and_texts_of_other_encodings_are_embedded
    c = client
    alone = c.embed(MODEL, "süß", dimensions: 8)
    assert_equal alone.packed, c.embed(MODEL, ["süß".encode("ISO-8859-1")], dimensions: 8).packed
    assert_equal ["süß"], log[1]["body"]["input"]
    assert_equal alone.packed, c.embed(MODEL, ["süß".b, "süß"].each, dimensions: 8).packed_row(0)
    [["\xff".b], ["a", "\xff".b]].each { |wrong| assert_raises(Oaic::UsageError) { c.embed(MODEL, wrong) } }
    assert_raises(Oaic::UsageError) { c.embed(MODEL, "\xff".dup.force_encoding("EUC-JP")) }
    error = assert_raises(Oaic::UsageError) { c.embed(MODEL, []) }
    assert_equal "OAI_ERR_INVALID_ARGUMENT", error.status
  end

  def test_bodies_are_keywords_objects_or_text
    c = client
    answers = [c.chat(**HELLO), c.chat(HELLO), c.chat(JSON.generate(HELLO)), c.chat(**HELLO, timeout_ms: 9_000)]
    answers.each { |answer| assert_equal SAID, answer.dig("choices", 0, "message", "content") }
    assert_equal [JSON.parse(JSON.generate(HELLO))], log.map { |one| one["body"] }.uniq
    assert_equal "application/json", answers[0].headers["content-type"]
    assert_equal Encoding::UTF_8, answers[0].body.encoding
    assert_operator answers[0].usage.total_tokens, :>, 0
    assert_equal "chat.completion", answers[0]["object"]
    assert_raises(Oaic::UsageError) { c.chat("{") }
    assert_raises(ArgumentError) { c.chat(HELLO, no_such_setting: 1) }
  end

  def test_short_forms_reach_their_paths
    script({ match: { path: "/v1/*" }, times: nil, status: 200, body: { object: "any" } })
    c = client
    sound = { filename: "a.mp3", content: "sound" }
    [
      [c.chat({}), "POST /v1/chat/completions"], [c.responses(input: "a"), "POST /v1/responses"],
      [c.completions(prompt: "a"), "POST /v1/completions"], [c.moderate("a"), "POST /v1/moderations"],
      [c.models, "GET /v1/models"], [c.image(prompt: "a"), "POST /v1/images/generations"],
      [c.image_edit({ filename: "a.png", content: "x" }, prompt: "a"), "POST /v1/images/edits"],
      [c.speech(input: "a"), "POST /v1/audio/speech"],
      [c.transcribe(sound, model: "m"), "POST /v1/audio/transcriptions"],
      [c.translate(sound, model: "m"), "POST /v1/audio/translations"],
      [c.upload(sound, purpose: "batch"), "POST /v1/files"], [c.download("a b"), "GET /v1/files/a%20b/content"]
    ].each_with_index do |(answer, where), i|
      assert_equal "any", answer["object"]
      assert_equal where, log[i].values_at("method", "path").join(" ")
    end
    assert_equal({ "input" => "a" }, log[3]["body"])
  end

  def test_sounds_and_pictures_are_made_and_read
    c = client
    sound = c.speech(model: "tts-1", input: "Hello", voice: "alloy")
    assert_equal Encoding::BINARY, sound.body.encoding
    heard = c.transcribe({ filename: "a.wav", content: sound.body }, model: "whisper-1")
    refute_empty heard["text"]
    assert_equal heard["text"], c.translate({ filename: "a.wav", content: sound.body }, model: "whisper-1")["text"]
    picture = c.image(model: "gpt-image-1", prompt: "a dot").dig("data", 0, "b64_json").unpack1("m")
    assert_equal "PNG", picture[1, 3]
    edited = c.image_edit({ filename: "a.png", content: picture }, model: "gpt-image-1", prompt: "a dot")
    refute_empty edited["data"]
  end

  def test_a_picture_goes_with_its_mask
    c = client
    script({ match: { path: "/v1/*" }, times: nil, status: 200, body: {} })
    picture, mask = { filename: "a.png", content: "picture" }, { "filename" => "m.png", "content" => "mask" }
    c.image_edit(picture, prompt: "a dot", files: { mask: mask })
    c.image_edit(picture, { prompt: "a dot" }, files: { mask: mask })
    log.each { |sent| %w[a.png picture m.png mask].each { |part| assert_includes sent["body"].to_s, part } }
    assert_equal 2, log.size
  end

  def test_what_can_be_read_can_be_uploaded
    c = client
    reader, writer = IO.pipe
    writer.write("of a pipe")
    writer.close
    [StringIO.new("of a string"), reader].each { |file| c.upload(file, purpose: "batch") }
    assert_equal [true, true], log.zip(["of a string", "of a pipe"]).map { |sent, part| sent["body"].to_s.include?(part) }
    [nil, {}, { content: nil, filename: "a" }].each do |wrong|
      assert_includes assert_raises(Oaic::UsageError) { c.upload(wrong, purpose: "batch") }.message, "neither"
    end
  end

  def test_wrong_values_are_named
    c = client
    { -1 => -> { c.embed(MODEL, "a", dimensions: -1) }, -2 => -> { Oaic.shutdown(-2) },
      -3 => -> { Oaic.verify_webhook("s", "b", {}, tolerance_ms: -3) }, -4 => -> { Oaic.verify_webhook("s", "b", {}, now_ms: -4) },
      -5 => -> { c.verify_webhook("b", {}, tolerance_ms: -5) }, -6 => -> { c.models(timeout_ms: -6) },
      Float::INFINITY => -> { c.models(timeout_ms: Float::INFINITY) }, "7" => -> { c.models(timeout_ms: "7") },
      nil => -> { c.embed(MODEL, ["a", nil]) }, 8 => -> { c.embed(MODEL, 8) }, :urgent => -> { c.models(priority: :urgent) },
      9 => -> { c.models(priority: 9) } }.each do |value, call|
      error = assert_raises(Oaic::UsageError, value.inspect, &call)
      assert_includes error.message, value.inspect
      refute_includes error.message, "the log"
      assert_equal "OAI_ERR_INVALID_ARGUMENT", error.status
    end
    assert_includes assert_raises(Oaic::UsageError) { c.models(priority: "best") }.message, ":high, :normal, :low"
    assert_empty log
  end

  def test_errors_can_be_raised_by_the_program
    error = assert_raises(Oaic::RateLimitError) { raise Oaic::RateLimitError }
    assert_equal ["Oaic::RateLimitError", "OAI_ERR_RATE_LIMITED"], [error.message, error.status]
    assert_equal "slow", assert_raises(Oaic::Error) { raise Oaic::Error, "slow" }.message
  end

  def test_a_request_sends_all_that_it_is_given
    c = client
    script({ match: { path: "/v1/things" }, status: 200, body: {} })
    c.request(:patch, "/things", body: { a: 1 }, query: { "include[]" => ["x", "y z"], limit: 2 },
                                 headers: { "x-thing" => "yes" }, idempotency_key: "key-1", priority: :high, timeout_ms: 5000)
    arrived = log[0]
    assert_equal ["PATCH", { "a" => 1 }], arrived.values_at("method", "body")
    query = URI.decode_www_form(URI(arrived["path"]).query)
    assert_equal [["include[]", "x"], ["include[]", "y z"], %w[limit 2]], query
    assert_equal %w[yes key-1], %w[x-thing idempotency-key].map { |name| Array(arrived["headers"][name]).join }
    [{ priority: :urgent }, { timeout_ms: -1 }, { headers: { "a" => "b\nc" } }].each do |wrong|
      assert_raises(Oaic::UsageError, wrong.inspect) { c.request("GET", "/things", **wrong) }
    end
    assert_equal 1, log.size
  end

  def test_errors_tell_all_that_is_known
    told = { message: "Slow down.", type: "requests", code: "rate_limit_exceeded", param: "model" }
    script({ status: 429, headers: { "retry-after" => "7" }, body: { error: told } })
    error = assert_raises(Oaic::RateLimitError) { client(max_retries: 0).chat(HELLO) }
    assert_kind_of Oaic::HTTPError, error
    assert_equal ["OAI_ERR_RATE_LIMITED", -207, 429], [error.status, error.number, error.http_status]
    assert_equal %w[requests rate_limit_exceeded model], [error.type, error.code, error.param]
    assert_equal [7000, 7.0, 1, false], [error.retry_after_ms, error.retry_after, error.attempts, error.may_have_executed?]
    assert_includes error.message, "Slow down."
    assert_match(/\Areq_/, error.request_id)
    assert_equal "Slow down.", JSON.parse(error.body).dig("error", "message")
  end

  def test_each_status_has_its_class
    c = client(max_retries: 0)
    { 400 => Oaic::BadRequestError, 401 => Oaic::AuthenticationError, 403 => Oaic::PermissionError,
      404 => Oaic::NotFoundError, 409 => Oaic::ConflictError, 422 => Oaic::UnprocessableError,
      500 => Oaic::ServerError, 418 => Oaic::HTTPError }.each do |status, kind|
      script({ status: status })
      error = assert_raises(kind) { c.chat(HELLO) }
      assert_instance_of kind, error
      assert_equal status, error.http_status
    end
  end

  def test_options_change_and_tell_where_they_came_from
    c = client(max_concurrent_requests: 7)
    assert_equal({ "value" => 7, "source" => "explicit" }, c.config["max_concurrent_requests"])
    refute_includes c.config.to_s, "sk-test-ruby"
    refute_includes c.inspect, "sk-test-ruby"
    assert_same c, c.configure(max_concurrent_requests: 9, queue_full: :wait)
    assert_equal [9, "wait"], c.config.values_at("max_concurrent_requests", "queue_full").map { |one| one["value"] }
    c.configure(max_concurrent_requests: nil)
    assert_equal "default", c.config["max_concurrent_requests"]["source"]
    [-> { c.configure(no_such_option: 1) }, -> { client(no_such_option: 1) }].each do |wrong|
      assert_includes assert_raises(Oaic::ConfigError, &wrong).message, "no_such_option"
    end
  end

  def test_every_option_is_a_keyword
    given = client.config.transform_values { |one| one["value"] }.compact.except("api_key").transform_keys(&:to_sym)
    assert_operator given.size, :>=, 35
    told = client(**given).config
    given.each { |name, value| assert_equal({ "value" => value, "source" => "explicit" }, told[name.to_s], name) }
  end

  def test_statistics_are_json_and_prometheus
    c = client
    c.chat(HELLO)
    assert_equal 1, c.stats["requests"]["accepted"]
    assert_includes c.prometheus, "\noai_"
  end

  def test_files_go_up_and_come_down
    c = client
    Dir.mktmpdir do |folder|
      source, target = File.join(folder, "a.jsonl"), File.join(folder, "b.jsonl")
      File.write(source, "{\"line\": 1}\n" * 1000)
      id = c.upload(source, purpose: "batch")["id"]
      File.open(source) { |file| c.upload(file, purpose: "batch") }
      log.each { |sent| assert_match(/batch.*filename="a\.jsonl".*line/m, sent["body"]) }
      content = c.download(id).body
      assert_empty c.download(id, output_path: target).body
      assert_equal content, File.read(target)
      File.open(target, "w") { |file| c.download("zeros-100000", output: file) }
      assert_equal "\0" * 100_000, File.binread(target)
      assert_equal "\0" * 100_000, c.download("zeros-100000").body
      error = assert_raises(Oaic::UsageError) { c.upload(File.join(folder, "none"), purpose: "batch") }
      assert_includes error.message, "none"
    end
  end

  def test_progress_is_told_to_who_waits
    told = []
    thread = nil
    Dir.mktmpdir do |folder|
      client.download("zeros-3000000", output_path: File.join(folder, "zeros"), progress: lambda { |news|
        told << news
        thread = Thread.current
      })
    end
    assert_same Thread.current, thread
    assert_equal({ way: "download", bytes: 3_000_000, total: 3_000_000 }, told.last)
  end

  def test_a_large_file_goes_up_in_parts
    Dir.mktmpdir do |folder|
      path = File.join(folder, "large.bin")
      File.binwrite(path, "x" * 250_000)
      seen = []
      answer = client.upload_in_parts(path, purpose: "batch", part_bytes: 100_000, progress: seen.method(:push).to_proc)
      assert_equal({ way: "upload", bytes: 250_000, total: 250_000 }, seen.last)
      assert_equal "completed", answer["status"]
      assert_equal 3, log.count { |one| one["path"].end_with?("/parts") }
    end
  end

  def test_an_upload_that_breaks_off_tells_how_to_go_on
    script({ match: { path: "/v1/uploads/*" }, status: 500, times: nil })
    Dir.mktmpdir do |folder|
      path = File.join(folder, "large.bin")
      File.binwrite(path, "x" * 1000)
      error = assert_raises(Oaic::ServerError) { client(max_retries: 0).upload_in_parts(path, purpose: "batch") }
      assert_includes JSON.parse(error.body), "upload_id"
    end
  end

  def test_a_batch_is_run_and_an_object_waited_for
    c = client
    Dir.mktmpdir do |folder|
      input, output = File.join(folder, "in.jsonl"), File.join(folder, "out.jsonl")
      File.write(input, "{\"custom_id\":\"a\"}\n")
      answer = c.run_batch(input: input, output: output, endpoint: "/v1/embeddings", interval_ms: 1)
      assert_equal "completed", answer["status"]
      assert_equal "file-output", File.read(output)
    end
    script({ match: { path: "/v1/batches/x" }, body: { status: "in_progress" }, times: 2 },
           { match: { path: "/v1/batches/x" }, body: { status: "expired" } })
    assert_equal "expired", c.wait_until("/batches/x", interval_ms: 1)["status"]
    assert_equal 3, log.count { |one| one["path"] == "/v1/batches/x" }
  end

  def test_a_batch_tells_how_far_it_is
    counts = { completed: 40, failed: 1, total: 100 }
    script({ match: { path: "/v1/batches" }, status: 200, body: { id: "batch-test", status: "validating" } },
           { match: { path: "/v1/batches/*" }, status: 200,
             body: { id: "batch-test", status: "in_progress", request_counts: counts } })
    told = []
    Dir.mktmpdir do |folder|
      input, output = File.join(folder, "in.jsonl"), File.join(folder, "out.jsonl")
      File.write(input, "{}\n")
      client.run_batch(input: input, output: output, endpoint: "/v1/embeddings", interval_ms: 1,
                       progress: told.method(:push).to_proc)
    end
    # Of a body that goes up or down its last alone.
    upload, *others = told.chunk_while { |one, after| one[:way] == after[:way] && one[:way] != "batch" }.map(&:last)
    assert_equal({ way: "upload", bytes: upload[:total], total: upload[:total] }, upload)
    assert_operator upload[:total], :>, 3
    state = { way: "batch", batch_id: "batch-test" }
    assert_equal [{ **state, status: "validating", completed: nil, failed: nil, total: nil },
                  { **state, status: "in_progress", **counts },
                  { **state, status: "completed", completed: 1, failed: 0, total: 1 },
                  { way: "download", bytes: 11, total: 11, file: "output" }], others
  end

  PAGES = [
    { match: { path: "/v1/files" }, status: 200, body: { data: [{ id: "a" }], has_more: true, last_id: "a" } },
    { match: { path: "/v1/files" }, status: 200, body: { data: [{ id: "b" }], has_more: false } }
  ].freeze

  def test_pages_are_followed_to_the_end
    script(*PAGES, *PAGES)
    c = client
    assert_equal %w[a b], c.items("/files", query: { limit: 1 }).map { |item| item["id"] }
    assert_equal "/v1/files?limit=1&after=a", log[1]["path"]
    assert_equal [["a"], ["b"]], c.pages("/files").map { |page| page["data"].map { |item| item["id"] } }
  end

  def test_a_list_that_is_left_fetches_no_more
    script(*PAGES)
    client.items("/files").first
    assert_equal 1, log.size
  end

  def test_webhooks_are_verified
    key = "secretsecretsecret"
    secret = "whsec_#{[key].pack('m0')}"
    body = '{"type": "batch.completed"}'
    headers = lambda do |now|
      signed = OpenSSL::HMAC.digest("SHA256", key, "wh_1.#{now}.#{body}")
      { "Webhook-Id" => "wh_1", "Webhook-Timestamp" => now.to_s, "Webhook-Signature" => "v1,#{[signed].pack('m0')}" }
    end
    past = 1_700_000_000
    assert Oaic.verify_webhook(secret, body, headers.(past), now_ms: past * 1000)
    [["#{body} ", headers.(past), past], [body, {}, past], [body, headers.(past), 0]].each do |wrong, given, at|
      assert_raises(Oaic::WebhookError) { Oaic.verify_webhook(secret, wrong, given, now_ms: at * 1000) }
    end
    rack = headers.(past).to_h { |name, value| ["HTTP_#{name.upcase.tr('-', '_')}", value] }
    lists = headers.(past).to_h { |name, value| [name.downcase, [value]] }
    [{ **rack, "rack.input" => StringIO.new }, lists, rack.each, lists.transform_keys(&:to_sym)].each do |given|
      assert Oaic.verify_webhook(secret, body, given, now_ms: past * 1000)
    end
    c = client(webhook_secret: secret)
    assert c.verify_webhook(body, headers.(Time.now.to_i))
    assert_raises(Oaic::WebhookError) { c.verify_webhook(body, headers.(past)) }
  end
end
