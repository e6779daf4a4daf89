/* One connection of a client: sends one request at a time and gathers its answer. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "plan.h"

typedef struct {
    uint8_t *bytes;
    size_t start, stop, capacity; /* what is in it lies from start to stop */
} Buffer;

/* Room for `more` bytes at the end; the content may move. */
void buffer_reserve(Buffer *buffer, size_t more);
void buffer_append(Buffer *buffer, const void *bytes, size_t length);

enum Progress { WAITING, ANSWERED, FAILED };

typedef struct Connection {
    int socket;
    int number;
    int is_busy;
    int wants_to_write;
    Buffer in, out;
    const Template *loaded;  /* whose bytes are in `request` */
    uint8_t *request;
    const Template *template; /* of the request under way */
    int64_t due, sent;       /* nanoseconds: when it should have been sent, and when it was */
    int status;              /* of the answer; over gRPC 200 where there is a message, otherwise 0 */
    const uint8_t *answer;   /* body or message */
    size_t answer_length;
    int must_close;
    /* HTTP/1.1 */
    size_t head_length, body_length;
    int is_chunked;
    /* gRPC */
    Buffer message;
    int64_t stream, window, stream_window, first_window, frame, consumed;
    int64_t unsent;          /* bytes of the request that wait for the server's window */
} Connection;

void http1_send(Connection *connection);
enum Progress http1_receive(Connection *connection);

void grpc_open(Connection *connection);
void grpc_send(Connection *connection, const Plan *plan);
enum Progress grpc_receive(Connection *connection);

#endif
