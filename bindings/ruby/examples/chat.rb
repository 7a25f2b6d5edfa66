# Asks and prints the answer as it comes. Usage: chat.rb QUESTION

require "oaic"

abort "usage: chat.rb QUESTION" if ARGV.empty?

Oaic::Client.open do |client|
  messages = [{ role: "user", content: ARGV.fetch(0) }]
  client.chat_stream(model: "gpt-4o-mini", messages: messages).each_text do |text|
    print text
    $stdout.flush
  end
  puts
end
