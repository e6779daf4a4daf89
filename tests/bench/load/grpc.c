/* Unary calls over HTTP/2 (RFC 9113), one stream at a time; headers of answers are not decoded. */
#include "connection.h"

#include <string.h>

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8 };
enum { ACK = 1, END_STREAM = 1, END_HEADERS = 4, PADDED = 8 };
enum { INITIAL_WINDOW_SIZE = 4, MAX_FRAME_SIZE = 5 };
enum { FRAME_HEAD = 9, PREFIX = 5, USUAL_WINDOW = 65535, USUAL_FRAME = 16384 };
static const int64_t LARGEST_WINDOW = 0x7fffffff;

static void append_frame(Buffer *out, unsigned type, unsigned flags, int64_t stream, const void *bytes, size_t length)
{
    uint8_t head[FRAME_HEAD] = {
        (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length, (uint8_t)type, (uint8_t)flags,
        (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream,
    };
    buffer_append(out, head, sizeof head);
    buffer_append(out, bytes, length);
}

static uint32_t number_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void open_window(Buffer *out, int64_t more)
{
    uint8_t bytes[4] = {(uint8_t)(more >> 24), (uint8_t)(more >> 16), (uint8_t)(more >> 8), (uint8_t)more};
    append_frame(out, WINDOW_UPDATE, 0, 0, bytes, sizeof bytes);
}

void grpc_open(Connection *connection)
{
    static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    static const uint8_t WINDOW[] = {0, INITIAL_WINDOW_SIZE, 0x7f, 0xff, 0xff, 0xff};
    connection->stream = -1;
    connection->window = connection->first_window = USUAL_WINDOW;
    connection->frame = USUAL_FRAME;
    connection->consumed = connection->unsent = 0;
    buffer_append(&connection->out, PREFACE, sizeof PREFACE - 1);
    append_frame(&connection->out, SETTINGS, 0, 0, WINDOW, sizeof WINDOW);
    open_window(&connection->out, LARGEST_WINDOW - USUAL_WINDOW);
}

/* As much of the request as the server's windows allow. */
static void send_data(Connection *connection)
{
    while (connection->unsent && connection->window > 0 && connection->stream_window > 0) {
        int64_t size = connection->unsent;
        if (size > connection->frame)
            size = connection->frame;
        if (size > connection->window)
            size = connection->window;
        if (size > connection->stream_window)
            size = connection->stream_window;
        const uint8_t *bytes = connection->request + connection->template->length - connection->unsent;
        connection->unsent -= size;
        connection->window -= size;
        connection->stream_window -= size;
        append_frame(&connection->out, DATA, connection->unsent ? 0 : END_STREAM, connection->stream, bytes, (size_t)size);
    }
}

void grpc_send(Connection *connection, const Plan *plan)
{
    connection->stream += 2;
    connection->stream_window = connection->first_window;
    connection->unsent = connection->template->length;
    connection->message.start = connection->message.stop = 0;
    append_frame(&connection->out, HEADERS, END_HEADERS, connection->stream, plan->headers, (size_t)plan->headers_length);
    send_data(connection);
}

static void read_settings(Connection *connection, unsigned flags, const uint8_t *bytes, size_t length)
{
    if (flags & ACK)
        return;
    for (size_t at = 0; at + 6 <= length; at += 6) {
        unsigned name = (unsigned)bytes[at] << 8 | bytes[at + 1];
        int64_t value = number_at(bytes + at + 2);
        if (name == INITIAL_WINDOW_SIZE) {
            connection->stream_window += value - connection->first_window;
            connection->first_window = value;
        } else if (name == MAX_FRAME_SIZE) {
            connection->frame = value;
        }
    }
    append_frame(&connection->out, SETTINGS, ACK, 0, NULL, 0);
}

static void read_data(Connection *connection, unsigned flags, int64_t stream, const uint8_t *bytes, size_t length)
{
    connection->consumed += (int64_t)length;
    if (connection->consumed > LARGEST_WINDOW / 2) {
        open_window(&connection->out, connection->consumed);
        connection->consumed = 0;
    }
    if (flags & PADDED) {
        length -= 1u + bytes[0];
        bytes++;
    }
    if (stream == connection->stream)
        buffer_append(&connection->message, bytes, length);
}

static enum Progress end_stream(Connection *connection)
{
    Buffer *message = &connection->message;
    int is_whole = message->stop > PREFIX && number_at(message->bytes + 1) == message->stop - PREFIX;
    connection->status = is_whole ? 200 : 0;
    connection->answer = message->bytes + PREFIX;
    connection->answer_length = is_whole ? message->stop - PREFIX : 0;
    if (connection->unsent) /* it was refused before it had come whole */
        connection->must_close = 1;
    return ANSWERED;
}

enum Progress grpc_receive(Connection *connection)
{
    Buffer *in = &connection->in;
    enum Progress progress = WAITING;
    while (in->stop - in->start >= FRAME_HEAD) {
        const uint8_t *head = in->bytes + in->start, *bytes = head + FRAME_HEAD;
        size_t length = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (in->stop - in->start < FRAME_HEAD + length)
            break;
        in->start += FRAME_HEAD + length;
        unsigned type = head[3], flags = head[4];
        int64_t stream = number_at(head + 5) & LARGEST_WINDOW;
        if (type == DATA)
            read_data(connection, flags, stream, bytes, length);
        else if (type == SETTINGS)
            read_settings(connection, flags, bytes, length);
        else if (type == PING && !(flags & ACK))
            append_frame(&connection->out, PING, ACK, 0, bytes, length);
        else if (type == GOAWAY)
            connection->must_close = 1;
        else if (type == WINDOW_UPDATE && stream == 0)
            connection->window += number_at(bytes);
        else if (type == WINDOW_UPDATE && stream == connection->stream)
            connection->stream_window += number_at(bytes);
        else if (type == RST_STREAM && stream == connection->stream && connection->is_busy)
            return FAILED;
        if ((type == DATA || type == HEADERS) && flags & END_STREAM && stream == connection->stream)
            progress = end_stream(connection);
    }
    if (progress == WAITING)
        send_data(connection);
    return progress;
}
