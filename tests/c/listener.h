/*
 * A server of a test's own, for what the test server does not do: it reads the head of each request and lets the test
 * answer it.
 */
#ifndef OAI_TESTS_LISTENER_H
#define OAI_TESTS_LISTENER_H

#include "support.h"

/* Answers a request whose head is given; the connection is closed behind it. */
typedef void (*listener_answer)(int connection, const char *head);

struct listener {
    int socket;
    char url[64]; /* such as http://127.0.0.1:1234 */
    listener_answer answer;
    pthread_t thread;
};

static inline void send_text(int connection, const char *text)
{
    /* A client that is gone is part of some tests. */
    (void)!send(connection, text, strlen(text), MSG_NOSIGNAL);
}

static inline void *run_listener(void *argument)
{
    struct listener *listener = (struct listener *)argument;
    for (int connection; (connection = accept4(listener->socket, NULL, NULL, SOCK_CLOEXEC)) >= 0; close(connection)) {
        char head[8192];
        size_t len = 0;
        ssize_t n = 1;
        head[0] = '\0';
        while (n > 0 && strstr(head, "\r\n\r\n") == NULL && len + 1 < sizeof head) {
            /* Byte by byte, so that the body stays where it is. */
            n = recv(connection, head + len, 1, 0);
            len += n > 0 ? (size_t)n : 0;
            head[len] = '\0';
        }
        if (strstr(head, "\r\n\r\n") != NULL)
            listener->answer(connection, head);
    }
    return NULL;
}

static inline void start_listener(struct listener *listener, listener_answer answer)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener->answer = answer;
    listener->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_NUMBER(bind(listener->socket, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_NUMBER(listen(listener->socket, 64), 0);
    CHECK_NUMBER(getsockname(listener->socket, (struct sockaddr *)&address, &len), 0);
    snprintf(listener->url, sizeof listener->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    listener->thread = start_thread(run_listener, listener);
}

static inline void stop_listener(struct listener *listener)
{
    CHECK_NUMBER(shutdown(listener->socket, SHUT_RDWR), 0);
    join_thread(listener->thread);
    close(listener->socket);
}

#endif
