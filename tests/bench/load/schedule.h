/* When requests are due in an open loop: by chance at a rate, or tick by tick with delays. */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdint.h>

typedef struct {
    int64_t due;        /* nanoseconds from the start */
    int64_t block;      /* of sensors */
    int64_t sampled_at; /* nanoseconds from the start; -1: when it is sent */
} Arrival;

typedef struct {
    double rate;        /* requests/s by chance; 0: ticks */
    int64_t tick;       /* nanoseconds */
    int64_t gateways;   /* each sends once a tick */
    double delay, jitter; /* nanoseconds: mean and standard deviation, normally distributed, never below 0 */
    int64_t blocks;
    uint64_t random;    /* its state; not 0 */
    Arrival next;       /* the earliest that was not taken yet */
    Arrival *waiting;   /* of ticks: a heap by `due` */
    int64_t count, ticks, drawn;
} Schedule;

void schedule_begin(Schedule *schedule);
void schedule_advance(Schedule *schedule);

#endif
