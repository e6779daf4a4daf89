#include "schedule.h"

#include <math.h>
#include <stdlib.h>

/* xorshift64*; (0, 1). */
static double chance(Schedule *schedule)
{
    uint64_t state = schedule->random;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    schedule->random = state;
    return ((double)(state * 2685821657736338717ull >> 11) + 0.5) / 9007199254740992.0;
}

/* Box and Muller. */
static double normal(Schedule *schedule)
{
    double radius = sqrt(-2 * log(chance(schedule)));
    return radius * cos(6.283185307179586 * chance(schedule));
}

static void push(Schedule *schedule, Arrival arrival)
{
    int64_t place = schedule->count++;
    while (place && schedule->waiting[(place - 1) / 2].due > arrival.due) {
        schedule->waiting[place] = schedule->waiting[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    schedule->waiting[place] = arrival;
}

static Arrival pop(Schedule *schedule)
{
    Arrival *waiting = schedule->waiting, first = waiting[0], last = waiting[--schedule->count];
    int64_t place = 0, child;
    while ((child = 2 * place + 1) < schedule->count) {
        if (child + 1 < schedule->count && waiting[child + 1].due < waiting[child].due)
            child++;
        if (waiting[child].due >= last.due)
            break;
        waiting[place] = waiting[child];
        place = child;
    }
    waiting[place] = last;
    return first;
}

static void add_tick(Schedule *schedule)
{
    int64_t begin = schedule->ticks++ * schedule->tick;
    for (int64_t gateway = 0; gateway < schedule->gateways; gateway++) {
        double delay = schedule->delay + schedule->jitter * normal(schedule);
        push(schedule, (Arrival){begin + (int64_t)(delay > 0 ? delay : 0), gateway, begin});
    }
}

void schedule_begin(Schedule *schedule)
{
    if (schedule->rate <= 0) {
        /* Delays beyond 20 ticks do not happen. */
        schedule->waiting = calloc((size_t)schedule->gateways * 32, sizeof *schedule->waiting);
        add_tick(schedule);
    }
    schedule_advance(schedule);
}

void schedule_advance(Schedule *schedule)
{
    if (schedule->rate > 0) {
        schedule->next.due += (int64_t)(-log(chance(schedule)) / schedule->rate * 1e9);
        schedule->next.block = schedule->drawn++ % schedule->blocks;
        schedule->next.sampled_at = -1;
        return;
    }
    /* What is first among the ticks so far is first of all once the next tick is later than it. */
    while (!schedule->count || schedule->waiting[0].due >= schedule->ticks * schedule->tick)
        add_tick(schedule);
    schedule->next = pop(schedule);
}
