# This file is what programs require: it brings in the parts of the gem.

require "json"

# A client for the OpenAI API: queueing, retries, limits and streams are those of the C library liboaic.
module Oaic
end

require_relative "oaic/version"
require_relative "oaic/native"
require_relative "oaic/errors"
require_relative "oaic/queue"
require_relative "oaic/response"
require_relative "oaic/request"
require_relative "oaic/call"
require_relative "oaic/core"
require_relative "oaic/tokens"
require_relative "oaic/api"
require_relative "oaic/stream"
require_relative "oaic/client"
require_relative "oaic/process"
