# Embeds sentences and finds the one that is nearest to a question. Usage: search.rb QUESTION

require "oaic"

abort "usage: search.rb QUESTION" if ARGV.empty?

SENTENCES = ["The lighthouse was built in 1871.", "Bread needs salt, water, flour and time.", "A queue holds what waits."].freeze

vectors = Oaic::Client.open { |client| client.embed("text-embedding-3-small", [ARGV.fetch(0), *SENTENCES]) }
question, *rows = vectors.to_a
scores = rows.map { |row| row.zip(question).sum { |a, b| a * b } }
puts SENTENCES[scores.index(scores.max)]
