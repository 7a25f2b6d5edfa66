# This file replays the behaviour suite through the gem: `ruby runner.rb FILES...`. tests/behaviour/README.md says how.
# calls.rb makes the calls, pattern.rb compares.

require "tmpdir"
require "timeout"
require_relative "../server"
require_relative "calls"
require_relative "pattern"

module Behaviour
  # A case under way.
  class Run
    CASE = %w[name why server client environment files log created steps].freeze
    STEPS = {
      "call" => %w[call expect], "start" => %w[as call], "finish" => %w[as expect], "cancel" => %w[as],
      "chunks" => %w[as count], "server" => %w[path json expect], "gaps" => %w[at_least_ms],
      "configure" => %w[json expect], "config" => %w[expect], "stats" => %w[expect], "prometheus" => %w[contains],
      "log" => %w[expect never], "webhook" => %w[secret body id timestamp signature now_ms expect],
      "close" => %w[timeout_ms expect], "free" => []
    }.freeze
    LONGEST = 20

    def initialize(server, key, folder)
      @server = server
      @key = key
      @folder = folder
      @started = {}
      @lines = []
    end

    # Runs the case; what failed.
    def case(told)
      unknown = told.keys - CASE + (told.fetch("server", {}).keys - %w[script limits])
      return "keys that are not known: #{unknown}" unless unknown.empty?

      prepare(told)
      made = create(told)
      return differs(told["created"], made, "created") unless matches?(told["created"], made)

      told["steps"].each_with_index do |step, number|
        failure = attempt(step)
        return "step #{number} (#{step['do']}): #{failure}" if failure
      end
      nil
    ensure
      @client&.close
      @started.each_value(&:finish)
      Oaic.log(:error) if told["log"]
    end

    private

    def prepare(told)
      @server.ask("/_reset", {})
      told.fetch("server", {}).each { |name, value| @server.ask("/_#{name}", value) }
      Oaic.log(told["log"]) { |level, line| @lines << [level.to_s, line] } if told["log"]
      told.fetch("files", {}).each { |name, content| File.write(File.join(@folder, name), content) }
    end

    # Makes the client in the case's folder and environment.
    def create(told)
      given = told.fetch("client", {})
      options = { "base_url" => "#{@server.url}/v1", "api_key" => @key, "dotenv" => false }.merge(given)
      options.reject! { |name, value| value.nil? && given.key?(name) }
      variables = told.fetch("environment", {})
      before = variables.to_h { |name, _| [name, ENV[name]] }
      Outcome.of do
        ENV.update(variables)
        Dir.chdir(@folder) { @client = Oaic::Client.new(**options.transform_keys(&:to_sym)) }
        nil
      ensure
        ENV.update(before)
      end
    end

    def attempt(step)
      Timeout.timeout(LONGEST) { step(step) }
    rescue Timeout::Error
      "took longer than #{LONGEST} seconds"
    rescue StandardError => e
      e.full_message(highlight: false)
    end

    # Does a step; what failed.
    def step(step)
      name = step["do"]
      known = STEPS[name] or return "there is no such step"
      unknown = step.keys - known - ["do"]
      return "keys that are not known: #{unknown}" unless unknown.empty?

      method(:"do_#{name}").call(step)
    end

    def do_call(step) = expect(step, Started.new(@client, @client, step["call"], @folder).finish)

    def do_start(step)
      @started[step["as"]] = Started.new(@client, @client.async, step["call"], @folder)
      nil
    end

    def do_finish(step) = expect(step, @started.delete(step["as"]).finish)

    def do_cancel(step)
      @started.fetch(step["as"]).cancel
      nil
    end

    def do_chunks(step)
      one = @started.fetch(step["as"])
      sleep(0.001) until one.chunks >= step["count"] || one.over?
    end

    def do_server(step)
      answer = @server.ask(step["path"], step["json"])
      Pattern.differs(step["expect"], answer, "answer") if step.key?("expect")
    end

    def do_gaps(step)
      log, least = @server.ask("/_log"), step["at_least_ms"]
      return "#{log.size} requests arrived, not #{least.size + 1}" if log.size != least.size + 1

      gaps = log.each_cons(2).map { |one, next_one| next_one["t_ms"] - one["t_ms"] }
      i = gaps.each_index.find { |at| gaps[at] < least[at] }
      "gap #{i} is #{gaps[i]} ms, not #{least[i]}" if i
    end

    def do_configure(step)
      expect(step, Outcome.of { @client.configure(**step["json"].transform_keys(&:to_sym)) && nil })
    end

    def do_config(step) = Pattern.differs(step["expect"], @client.config, "config")

    def do_stats(step) = Pattern.differs(step["expect"], @client.stats, "stats")

    def do_prometheus(step) = Pattern.differs({ "$contains" => step["contains"] }, @client.prometheus, "prometheus")

    def do_log(step)
      step.fetch("expect", []).each do |one|
        sleep(0.001) until @lines.any? { |level, line| level == one["level"] && line.include?(one["contains"]) }
      end
      held = step.fetch("never", []).find { |text| @lines.any? { |_, line| line.include?(text) } }
      "a line of the log holds #{held.inspect}" if held
    end

    def do_webhook(step)
      headers = %w[id timestamp signature].to_h { |name| ["webhook-#{name}", step[name]] }.compact
      expect(step, Outcome.of do
        if step.key?("secret")
          Oaic.verify_webhook(step["secret"], step["body"], headers, now_ms: step.fetch("now_ms", 0))
        else
          @client.verify_webhook(step["body"], headers)
        end
      end)
    end

    def do_close(step) = expect(step, Outcome.of { @client.drain(step.fetch("timeout_ms", 0)) && nil })

    def do_free(_step) = @client.close

    def expect(step, outcome) = differs(step["expect"], outcome, "outcome")

    def differs(pattern, outcome, where) = Pattern.differs({ "status" => "OAI_OK", **(pattern || {}) }, outcome, where)

    def matches?(pattern, outcome) = differs(pattern, outcome, "").nil?
  end

  # Runs all cases of the files; whether all passed.
  def self.main(files)
    # Warnings are what many cases are about.
    Oaic.log(:error)
    server = TestServer.new
    passed = count = 0
    files.each do |file|
      JSON.parse(File.read(file)).each do |told|
        count += 1
        failure = one(server, told, "sk-test-ruby-#{Process.pid}-#{count}")
        failure ? puts("#{File.basename(file)}: #{told['name']}: #{failure}") : passed += 1
      end
    end
    puts "behaviour ruby: #{passed} of #{count} cases passed"
    passed == count
  end

  def self.one(server, told, key)
    Dir.mktmpdir do |folder|
      places = { "${server}" => server.url, "${key}" => key, "${dir}" => folder }
      filled = JSON.parse(JSON.generate(told).gsub(/\$\{(?:server|key|dir)\}/, places))
      Run.new(server, key, folder).case(filled)
    rescue StandardError => e
      e.full_message(highlight: false)
    end
  end
  private_class_method :one
end

exit(Behaviour.main(ARGV))
