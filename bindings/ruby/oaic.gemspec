# This file is the gem's description for RubyGems.

Gem::Specification.new do |spec|
  spec.name = "oaic"
  spec.version = "0.1.0"
  spec.summary = "A client for OpenAI's API over the C library liboaic"
  spec.authors = ["The oaic authors"]
  spec.licenses = ["MIT", "Apache-2.0"]
  spec.files = Dir.glob("lib/**/*.rb", base: __dir__)
  spec.required_ruby_version = ">= 3.1"
  spec.add_dependency "ffi", "~> 1.15"
end
