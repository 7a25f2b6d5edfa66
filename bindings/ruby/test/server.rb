# This file runs the project's test server for the tests of this gem.

require "json"
require "net/http"
require "oaic"

# The server and its control paths, which tests/server/README.md describes.
class TestServer
  attr_reader :url

  def self.shared = @shared ||= new

  def initialize
    program = ENV.fetch("OAI_TEST_SERVER_BIN")
    # It ends when this process does, which closes the pipe.
    @pipe = IO.popen([program, "--port", "0", "--exit-on-stdin-close"], "r+")
    @url = @pipe.gets.strip
    @clients = 0
  end

  # Asks the server at a control path: POST with a body, else GET.
  def ask(path, body = nil)
    uri = URI(@url + path)
    json = { "content-type" => "application/json" }
    answer = body.nil? ? Net::HTTP.get_response(uri) : Net::HTTP.post(uri, JSON.generate(body), json)
    raise "#{path}: HTTP #{answer.code}: #{answer.body}" unless answer.code == "200"

    answer.body.to_s.empty? ? nil : JSON.parse(answer.body)
  end

  # A client with a key, and so with limits, of its own.
  def client(**options)
    Oaic::Client.new(**{ base_url: "#{@url}/v1", dotenv: false, api_key: key }, **options)
  end

  def key = "sk-test-ruby-#{Process.pid}-#{@clients += 1}"

  # The environment of a program that uses the gem as the reader of its README would.
  def environment
    { "OPENAI_BASE_URL" => "#{@url}/v1", "OPENAI_API_KEY" => key, "RUBYLIB" => File.expand_path("../lib", __dir__),
      "OAI_LOG" => "error" }
  end
end
