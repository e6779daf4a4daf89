/* HTTP/1.1 with keep-alive; of answers only those with a Content-Length. */
#define _GNU_SOURCE
#include "connection.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char LENGTH[] = "\r\ncontent-length:";
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
    connection->status = length || !strncmp(head + 9, "204", 3) ? atoi(head + 9) : 0;
    connection->must_close = header(head, connection->head_length, CLOSE) != NULL;
    return 1;
}

enum Progress http1_receive(Connection *connection)
{
    Buffer *in = &connection->in;
    if (!connection->head_length && !read_head(connection))
        return WAITING;
    if (!connection->status)
        return FAILED;
    if (in->stop - in->start < connection->head_length + connection->body_length)
        return WAITING;
    connection->answer = in->bytes + in->start + connection->head_length;
    connection->answer_length = connection->body_length;
    in->start += connection->head_length + connection->body_length;
    return ANSWERED;
}
