# This file is the gem's description for RubyGems.

require_relative "lib/oaic/version"

Gem::Specification.new do |spec|
  spec.name = "oaic"
  spec.version = Oaic::VERSION
  spec.summary = "A client for the OpenAI API and compatible servers, over the C library oaic"
  spec.description = "Queueing, rate limits, retries, streams and embeddings by the C library oaic, for threads and fibers."
  spec.authors = ["The oaic authors"]
  spec.licenses = %w[MIT Apache-2.0]
  # A gem that brings the library along has it beside the modules.
  spec.files = Dir.glob(%w[lib/**/*.rb lib/oaic/liboaic.* sig/*.rbs examples/*.rb README.md LICENSE-*], base: __dir__)
  spec.required_ruby_version = ">= 3.1"
  spec.add_dependency "ffi", "~> 1.15"
end
