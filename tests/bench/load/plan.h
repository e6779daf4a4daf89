/* What is sent, and what must come back: written by `plan.py`, which describes the file. */
#ifndef PLAN_H
#define PLAN_H

#include <stddef.h>
#include <stdint.h>

enum Protocol { HTTP1 = 0, GRPC = 1 };
enum Check { CHECK_FLOAT32 = 1, CHECK_FLOAT64 = 2, CHECK_JSON = 3 };

typedef struct {
    uint8_t *bytes;       /* a whole HTTP/1.1 request, or a gRPC message with its five bytes of length */
    int64_t length;
    int64_t sensors_at;   /* offset of `readings` numbers of sensors, int64; -1: there are none */
    int64_t times_at;     /* the same of sampling times, Unix milliseconds */
    float *risks;         /* [readings], what must come back */
} Template;

typedef struct {
    int64_t protocol;
    int64_t readings;     /* in each request */
    int64_t check;
    int64_t risks_at;     /* offset of the risks in the body, or in the message, of an answer */
    int64_t answer_length; /* bytes of an answer; -1: any */
    int64_t key_length;
    char *key;            /* what stands just before the first risk, in JSON */
    int64_t headers_length;
    uint8_t *headers;     /* of a gRPC request, in HPACK */
    int64_t template_count;
    Template *templates;
} Plan;

/* Reads `path`, or ends the process saying why not. */
Plan plan_read(const char *path);

/* Whether `answer` has the risks of `template`, to 1e-6. */
int plan_is_right(const Plan *plan, const Template *template, const uint8_t *answer, size_t length);

#endif
