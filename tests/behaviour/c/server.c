/*
 * Runs the test server as a child and asks it at its control paths. The child ends when its stdin closes, so with us.
 */
#include "runner.h"
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

static char url[128];
static int port;

const char *server_start(const char *program)
{
    extern char **environ;
    int in[2], out[2];
    pid_t child;
    posix_spawn_file_actions_t files;
    char *arguments[] = {(char *)(uintptr_t)program, "--port", "0", "--exit-on-stdin-close", NULL};
    if (pipe(in) != 0 || pipe(out) != 0 || posix_spawn_file_actions_init(&files) != 0)
        return NULL;
    posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
    for (int i = 0; i < 2; i++) {
        posix_spawn_file_actions_addclose(&files, in[i]);
        posix_spawn_file_actions_addclose(&files, out[i]);
    }
    if (posix_spawn(&child, program, &files, NULL, arguments, environ) != 0)
        return NULL;
    posix_spawn_file_actions_destroy(&files);
    close(in[0]);
    close(out[1]);
    FILE *lines = fdopen(out[0], "r");
    if (lines == NULL || fgets(url, sizeof url, lines) == NULL || strrchr(url, ':') == NULL)
        return NULL;
    url[strcspn(url, "\r\n")] = '\0';
    port = atoi(strrchr(url, ':') + 1);
    return url;
}

cJSON *server_ask(const char *path, const cJSON *body)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 || connect(server, (struct sockaddr *)&address, sizeof address) != 0)
        fail("the server does not answer");
    char *json = body != NULL ? cJSON_PrintUnformatted(body) : NULL;
    char *request = text_of("%s %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: %zu\r\n\r\n%s",
                            body != NULL ? "POST" : "GET", path, json != NULL ? strlen(json) : 0, json != NULL ? json : "");
    for (size_t sent = 0; sent < strlen(request);) {
        ssize_t more = send(server, request + sent, strlen(request) - sent, MSG_NOSIGNAL);
        if (more <= 0)
            fail("the server does not listen");
        sent += (size_t)more;
    }
    free(request);
    cJSON_free(json);
    char *answer = NULL;
    size_t len = 0;
    for (ssize_t more = 1; more > 0; len += more > 0 ? (size_t)more : 0) {
        answer = realloc(answer, len + 65537);
        if (answer == NULL)
            fail("out of memory");
        more = recv(server, answer + len, 65536, 0);
    }
    close(server);
    answer[len] = '\0';
    char *head = strstr(answer, "\r\n\r\n");
    if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0 || head == NULL)
        fail("%s: the server answered: %.500s", path, answer);
    cJSON *parsed = cJSON_Parse(head + 4);
    if (parsed == NULL)
        fail("%s: the server's answer is no JSON: %.500s", path, head + 4);
    free(answer);
    return parsed;
}
