/*
 * Asks one question and prints the answer as it comes. Ctrl-C ends the stream, and with it the bill.
 *
 *     chat QUESTION
 *
 * It takes the key and the server from the environment or from .env, and the model from OAI_EXAMPLE_MODEL, else
 * gpt-4o-mini.
 */
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include <oai.hpp>

namespace {

volatile std::sig_atomic_t interrupted = 0;

void interrupt(int) { interrupted = 1; }

/* A text as JSON. A program with a JSON library leaves this to it. */
std::string quoted(std::string_view text)
{
    std::string json = "\"";
    for (const char byte : text) {
        if (byte == '"' || byte == '\\')
            json += '\\';
        json += static_cast<unsigned char>(byte) < 0x20 ? ' ' : byte;
    }
    return json + '"';
}

/* The text of a chunk's delta, with the plainer escapes undone. A JSON library does it better. */
std::string delta_of(std::string_view chunk)
{
    constexpr std::string_view key = "\"content\":\"";
    const std::size_t found = chunk.find(key);
    std::string text;
    if (found == std::string_view::npos)
        return text;
    for (std::size_t at = found + key.size(); at < chunk.size() && chunk[at] != '"'; at++) {
        const bool escaped = chunk[at] == '\\' && at + 1 < chunk.size();
        if (escaped)
            at++;
        text += escaped && chunk[at] == 'n' ? '\n' : chunk[at];
    }
    return text;
}

} // namespace

int main(int count, char **arguments)
{
    if (count != 2) {
        std::cerr << "usage: chat QUESTION\n";
        return 2;
    }
    const char *model = std::getenv("OAI_EXAMPLE_MODEL");
    const auto client = oai::Client::make();
    if (!client) {
        std::cerr << client.error().message() << '\n';
        return 1;
    }
    std::signal(SIGINT, interrupt);
    auto stream = client->chat_stream("{\"model\": " + quoted(model != nullptr ? model : "gpt-4o-mini") +
                                      ", \"messages\": [{\"role\": \"user\", \"content\": " + quoted(arguments[1]) +
                                      "}]}");
    if (!stream) {
        std::cerr << stream.error().message() << '\n';
        return 1;
    }
    for (const std::string_view chunk : *stream) {
        std::cout << delta_of(chunk) << std::flush;
        if (interrupted != 0)
            stream->cancel();
    }
    std::cout << '\n';
    if (const auto error = stream->error()) {
        std::cerr << error->message() << '\n';
        return 1;
    }
    return 0;
}
