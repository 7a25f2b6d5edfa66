/*
 * Runs the test server as a child and asks it at its control paths. The child ends when its stdin closes, so with us.
 */
#include "runner.hpp"

#include <array>
#include <cstdio>

#include <spawn.h>
#include <unistd.h>

extern char **environ;

namespace {

std::string url;

} // namespace

std::string server_start(const char *program)
{
    int in[2], out[2];
    pid_t child;
    posix_spawn_file_actions_t files;
    std::string name = program, port = "--port", zero = "0", ends = "--exit-on-stdin-close";
    const std::array<char *, 5> arguments{name.data(), port.data(), zero.data(), ends.data(), nullptr};
    if (pipe(in) != 0 || pipe(out) != 0 || posix_spawn_file_actions_init(&files) != 0)
        return {};
    posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
    for (const int end : {in[0], in[1], out[0], out[1]})
        posix_spawn_file_actions_addclose(&files, end);
    const int failed = posix_spawn(&child, program, &files, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    close(in[0]);
    close(out[1]);
    if (failed != 0)
        return {};
    for (char byte; read(out[0], &byte, 1) == 1 && byte != '\n';)
        url += byte;
    return url;
}

Json server_ask(const std::string &path, const Json *body)
{
    // A client apart: what is under test neither waits for these requests nor counts them.
    static const oai::Client client = oai::Client::make(oai::Options()
                                                            .base_url(url)
                                                            .api_key("sk-test-control")
                                                            .no_dotenv()
                                                            .learn_limits(false)
                                                            .max_retries(0))
                                          .value();
    const std::size_t query = path.find('?'), equals = path.find('=');
    oai::Request request(body != nullptr ? "POST" : "GET", path.substr(0, query));
    if (query != std::string::npos)
        request.query(path.substr(query + 1, equals - query - 1), path.substr(equals + 1));
    if (body != nullptr)
        request.json(body->dump());
    const auto answer = client.send(request);
    if (!answer)
        throw Failure(path + ": " + answer.error().message());
    const Json parsed = Json::parse(answer->body(), nullptr, false);
    if (answer->http_status() != 200 || parsed.is_discarded())
        throw Failure(path + ": the server answered " + std::string(answer->body()));
    return parsed;
}
