# Embeds each line of a file and writes the vectors, packed float32, to another. Usage: many.rb INPUT OUTPUT
#
# All requests are handed over at once; the library sends so many at a time as it may.

require "oaic"

abort "usage: many.rb INPUT OUTPUT" if ARGV.size != 2

lines = File.readlines(ARGV.fetch(0), chomp: true).reject(&:empty?)
Oaic::Client.open(max_concurrent_requests: 16, queue_size: 10_000) do |client|
  calls = lines.each_slice(100).map { |slice| client.async.embed("text-embedding-3-small", slice) }
  File.open(ARGV.fetch(1), "wb") do |file|
    calls.each { |call| file.write(call.value.packed) }
  end
end
puts "#{lines.size} vectors"
