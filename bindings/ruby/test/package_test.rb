# This file tests the gem as a whole: how it is loaded, forks, the end of a program, its types, and that its README and
# examples are true.

require "open3"
require "rbs"
require_relative "helper"

class PackageTest < GemTest
  ROOT = File.expand_path("..", __dir__)
  NAME = FFI::Platform.mac? ? "liboaic.0.dylib" : "liboaic.so.0"

  def test_a_library_that_does_not_fit_is_named
    Dir.mktmpdir do |folder|
      path = other(folder, "unsigned oai_abi_version(void) { return 7u << 16 | 3u; }")
      [folder, path].each do |given|
        told = refused(given)
        assert_includes told, "#{path} speaks ABI 7.3"
        assert_includes told, "this gem needs 0.3 or a later 0.x"
      end
      assert_includes refused(other(folder, "unsigned oai_abi_version(void) { return 2u; }")), "speaks ABI 0.2"
      assert_includes refused(other(folder, "int nothing;")), "#{path} is not liboaic"
      told = refused(File.join(folder, "nowhere"))
      assert_includes told, "OAI_LIBRARY_PATH is"
      assert_includes told, "nowhere"
    end
  end

  def test_the_library_is_found_in_the_gem
    Dir.mktmpdir do |folder|
      FileUtils.cp_r(File.join(ROOT, "lib"), folder)
      given = ENV.fetch("OAI_LIBRARY_PATH")
      FileUtils.cp(File.directory?(given) ? File.join(given, NAME) : given, File.join(folder, "lib/oaic", NAME))
      settings = { "OAI_LIBRARY_PATH" => nil, "RUBYLIB" => File.join(folder, "lib") }
      found = run_ruby("-roaic", "-e", "puts Oaic::Native::PATH", **settings)
      assert_equal File.realpath(File.join(folder, "lib/oaic", NAME)), File.realpath(found.chomp)
    end
  end

  def test_a_child_of_a_used_client_gets_errors
    script({ hold: "gate", pass: true, times: 2 })
    c = client
    stream = c.chat_stream(HELLO)
    call = c.async.chat(HELLO)
    in_flight(2)
    told = in_child do
      [-> { c.models }, -> { c.chat_stream(HELLO) }, -> { call.value }, -> { stream.to_a }, -> { client.models }].map do |use|
        use.call
        "nothing"
      rescue Oaic::Error => e
        e.class.name
      end
    end
    assert_equal ["Oaic::ForkedError"] * 5, told.split
    advice = in_child do
      c.models
    rescue Oaic::ForkedError => e
      [e.message]
    end
    assert_includes advice, "use the library for the first time behind the fork"
    server.ask("/_release", { hold: "gate" })
    assert_equal SAID, stream.map(&:text).join
    assert_equal 200, call.value.http_status
  end

  def test_a_client_that_sent_nothing_works_behind_a_fork
    program = <<~RUBY
      client = Oaic::Client.new
      client.configure(max_retries: 0)
      child = fork do
        stream = client.chat_stream(model: "m", messages: [{ role: "user", content: "a" }])
        puts stream.final.http_status + client.models.http_status
      end
      Process.wait(child)
      puts client.models.http_status
    RUBY
    assert_equal "400\n200\n", run_ruby("-roaic", "-e", program)
  end

  def test_a_signal_may_end_the_client_by_a_thread
    told = run_ruby("-roaic", "-e", <<~RUBY)
      client = Oaic::Client.new
      client.models
      trap("USR1") do
        client.models
      rescue ThreadError
        $closer = Thread.new { client.close }
      end
      Process.kill("USR1", Process.pid)
      sleep(0.001) until $closer
      $closer.join
      begin
        client.models
      rescue Oaic::ClosedError
        puts "closed"
      end
    RUBY
    assert_equal "closed\n", told
  end

  def test_what_else_must_be_done_behind_a_fork
    ["Oaic.log(:error) { }", "client.provide_tokens { 'token' }", "client.models"].each do |use|
      program = <<~RUBY
        client = Oaic::Client.new
        #{use}
        child = fork do
          client.models
        rescue Oaic::ForkedError
          puts "forked"
        end
        Process.wait(child)
      RUBY
      assert_equal "forked\n", run_ruby("-roaic", "-e", program), use
    end
  end

  def test_a_program_ends_with_all_left_open
    script({ pass: true, chunk_delay_ms: 1000 })
    program = <<~RUBY
      Oaic.log(:debug) { }
      client = Oaic::Client.new(token_provider: -> { "token" })
      client.async.models
      client.chat_stream(model: "m", messages: [{ role: "user", content: "a" }]).next
      puts "end"
    RUBY
    assert_equal "end\n", run_ruby("-roaic", "-e", program)
  end

  def test_the_library_can_be_ended
    told = run_ruby("-roaic", "-e", <<~RUBY)
      client = Oaic::Client.new
      client.models
      Oaic.shutdown(1000)
      begin
        client.models
      rescue Oaic::Error => e
        puts e.status
      end
    RUBY
    assert_equal "OAI_ERR_SHUTDOWN\n", told
  end

  def test_ruby_warns_of_nothing
    files = Dir[File.join(ROOT, "{lib,test,examples}/**/*.rb")]
    assert_operator files.size, :>, 15
    # As `ruby -wc FILE` does.
    _, told = capture_io do
      files.each { |file| RubyVM::InstructionSequence.compile_file(file) }
    end
    assert_empty told
  end

  def test_the_code_of_the_readme_runs
    blocks = File.read(File.join(ROOT, "README.md")).scan(/^```ruby\n(.*?)^```/m).flatten
    assert_operator blocks.size, :>=, 7
    Dir.mktmpdir do |folder|
      File.write(File.join(folder, "requests.jsonl"), "{}\n")
      blocks.each_with_index do |block, i|
        program = File.join(folder, "block#{i}.rb")
        File.write(program, block)
        refute_empty run_ruby(program, folder: folder), "block #{i} printed nothing"
      end
    end
  end

  def test_the_examples_run
    example = ->(name) { File.join(ROOT, "examples", name) }
    assert_equal "You said: Hello\n", run_ruby(example["chat.rb"], "Hello")
    assert_includes run_ruby(example["search.rb"], "When was the lighthouse built?"), "lighthouse"
    Dir.mktmpdir do |folder|
      input, output = File.join(folder, "in"), File.join(folder, "out")
      File.write(input, "a line\n" * 250)
      assert_equal "250 vectors\n", run_ruby(example["many.rb"], input, output)
      assert_equal 250 * 1536 * 4, File.size(output)
    end
  end

  def test_the_gem_can_be_built_and_holds_all_it_needs
    spec = Gem::Specification.load(File.join(ROOT, "oaic.gemspec"))
    assert_equal Oaic::VERSION, spec.version.to_s
    %w[lib/oaic.rb lib/oaic/native.rb sig/oaic.rbs README.md LICENSE-MIT LICENSE-APACHE].each do |file|
      assert_includes spec.files, file
    end
    Dir.mktmpdir do |folder|
      told, status = Open3.capture2e("gem", "build", "oaic.gemspec", "--output", File.join(folder, "oaic.gem"), chdir: ROOT)
      assert_predicate status, :success?, told
    end
  end

  # What is public but for the gem itself: the comments say @api private.
  INTERNAL = {
    Oaic => %i[signed], Oaic::Error => [], Oaic::Client => %i[core], Oaic::Call => %i[id id= finish give_up tell],
    Oaic::Stream => [], Oaic::Response => %i[with_body], Oaic::Embeddings => [], Oaic::Event => [], Oaic::Async => [],
    Oaic::API => [], Oaic::Answer => []
  }.freeze

  def test_the_types_are_valid
    sig = File.join(ROOT, "sig")
    told, status = Open3.capture2e("ruby", "-rrbs", "-rrbs/cli", "-e", <<~RUBY, sig)
      RBS::CLI.new(stdout: $stdout, stderr: $stderr).run(["--log-level", "error", "-r", "pathname", "-I", ARGV[0], "validate"])
    RUBY
    assert_predicate status, :success?, told
  end

  def test_the_types_name_what_there_is
    loader = RBS::EnvironmentLoader.new
    loader.add(library: "pathname", version: nil)
    loader.add(path: Pathname(ROOT) + "sig")
    environment = RBS::Environment.from_loader(loader).resolve_type_names
    builder = RBS::DefinitionBuilder.new(env: environment)
    INTERNAL.each do |part, internal|
      *outer, last = part.name.split("::").map(&:to_sym)
      name = RBS::TypeName.new(name: last, namespace: RBS::Namespace.new(path: outer, absolute: true))
      definition = part == Oaic ? builder.build_singleton(name) : builder.build_instance(name)
      typed = definition.methods.select { |_, method| method.implemented_in == name && method.public? }.keys
      there = part == Oaic ? part.singleton_methods : part.public_instance_methods(false)
      assert_equal((there - internal).sort, (typed - [:initialize]).sort, part.name)
    end
  end

  private

  # What a program of Ruby prints; nothing may come on stderr, and it must end well.
  def run_ruby(*arguments, folder: ROOT, **environment)
    settings = server.environment.merge(environment.transform_keys(&:to_s))
    told, errors, status = Open3.capture3(settings, "ruby", "-w", *arguments, chdir: folder)
    assert_predicate status, :success?, told + errors
    assert_empty errors
    told
  end

  # What the error of loading a library says.
  def refused(path)
    told, status = Open3.capture2e({ **server.environment, "OAI_LIBRARY_PATH" => path }, "ruby", "-e", 'require "oaic"')
    refute_predicate status, :success?
    told
  end

  # A library that is not the real one.
  def other(folder, source)
    file = File.join(folder, "other.c")
    File.write(file, "#{source}\n")
    made = File.join(folder, NAME)
    assert system(ENV.fetch("CC", "cc"), "-shared", "-fPIC", "-o", made, file)
    made
  end

  def in_child
    reader, writer = IO.pipe
    child = fork do
      writer.write(yield.join(" "))
      writer.close
      exit!(0)
    end
    writer.close
    told = reader.read
    assert_predicate Process.wait2(child)[1], :success?
    told
  end
end
