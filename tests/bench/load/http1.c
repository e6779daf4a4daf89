/* HTTP/1.1 with keep-alive; of answers those with a Content-Length, and those in chunks without trailers. */
#define _GNU_SOURCE
#include "connection.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char LENGTH[] = "\r\ncontent-length:";
static const char CHUNKED[] = "\r\ntransfer-encoding: chunked";
static const char CLOSE[] = "\r\nconnection: close";

void http1_send(Connection *connection)
{
    buffer_append(&connection->out, connection->request, (size_t)connection->template->length);
    connection->head_length = 0;
}

static const char *header(const char *head, size_t length, const char *name)
{
    size_t wanted = strlen(name);
    for (const char *at = head; (at = memchr(at, '\r', length - (size_t)(at - head))) != NULL; at++)
        if ((size_t)(at - head) + wanted <= length && !strncasecmp(at, name, wanted))
            return at + wanted;
    return NULL;
}

static int read_head(Connection *connection)
{
    Buffer *in = &connection->in;
    const char *head = (const char *)in->bytes + in->start;
    const char *end = memmem(head, in->stop - in->start, "\r\n\r\n", 4);
    if (!end)
        return 0;
    connection->head_length = (size_t)(end - head) + 4;
    const char *length = header(head, connection->head_length, LENGTH);
    connection->body_length = length ? strtoull(length, NULL, 10) : 0;
    connection->is_chunked = header(head, connection->head_length, CHUNKED) != NULL;
    int has_end = length || connection->is_chunked || !strncmp(head + 9, "204", 3);
    connection->status = has_end ? atoi(head + 9) : 0;
    connection->must_close = header(head, connection->head_length, CLOSE) != NULL;
    return 1;
}

/* Move the chunks together, behind the head; the bytes up to the end of the last one, or 0 while it is missing. */
static size_t join_chunks(Connection *connection)
{
    Buffer *in = &connection->in;
    uint8_t *body = in->bytes + in->start + connection->head_length, *at = body, *end = in->bytes + in->stop;
    size_t whole = 0;
    for (int is_second = 0; is_second < 2; is_second++, at = body) {
        whole = 0;
        for (;;) {
            uint8_t *line = memmem(at, (size_t)(end - at), "\r\n", 2);
            if (!line)
                return 0;
            size_t length = strtoul((const char *)at, NULL, 16);
            if ((size_t)(end - line) < length + 4)
                return 0;
            if (is_second)
                memmove(body + whole, line + 2, length);
            at = line + 2 + length + 2;
            whole += length;
            if (!length)
                break;
        }
        if (is_second)
            break;
    }
    connection->body_length = whole;
    return (size_t)(at - (in->bytes + in->start));
}

enum Progress http1_receive(Connection *connection)
{
    Buffer *in = &connection->in;
    if (!connection->head_length && !read_head(connection))
        return WAITING;
    if (!connection->status)
        return FAILED;
    size_t whole = connection->is_chunked ? join_chunks(connection) : connection->head_length + connection->body_length;
    if (!whole || in->stop - in->start < whole)
        return WAITING;
    connection->answer = in->bytes + in->start + connection->head_length;
    connection->answer_length = connection->body_length;
    in->start += whole;
    return ANSWERED;
}
