/* What is remembered of each sensor. Plain C: no Python here, so that it can be fuzzed by itself.
 *
 * The readings of a pass are recalled, scored where they must be, and then kept: until they are kept they can be
 * forgotten again, which leaves the memory as it was. `memory.py` says what the rules are. */
#ifndef WELD_MEMORY_H
#define WELD_MEMORY_H

#include <stddef.h>
#include <stdint.h>

enum {
    TIMES = 6, /* sampling times with their answers, of each sensor */
    MOST_COLUMNS = 8,
    LONGEST_NAME = 128, /* bytes */
    MOST_SENSORS = 1 << 30,
    MOST_EVERY = 65000,
    NAME_WORDS = LONGEST_NAME / 4,
    SEED_WORDS = 3 + 4 * (NAME_WORDS + 1), /* of 64 bits */
};

/* Flags that the rules know. */
enum { NOT_SCORED = 1, LATE = 8, AHEAD = 16, CARRIED = 512, FLAG_LIMIT = 1 << 16 };

typedef enum { ALL, EVERY_NTH, ON_CHANGE, SAMPLINGS } Sampling;

typedef struct {
    Sampling sampling;
    uint32_t every;        /* EVERY_NTH */
    uint64_t silence;      /* ms, from which on no answer is carried */
    uint32_t repeat_for;   /* ms, for which an answer is repeated */
    int reject_late;
    uint32_t column_count; /* ON_CHANGE */
    int32_t columns[MOST_COLUMNS];
    double bands[MOST_COLUMNS];
} Policy;

typedef struct {
    size_t count;
    const char *names;      /* [count][name_width], padded with NUL; or NULL, and */
    size_t name_width;
    const int64_t *numbers; /* [count] */
    const int64_t *times;   /* [count] */
    const uint8_t *untimed; /* [count], not 0 where there is no sampling time; or NULL */
    const float *features;  /* [count][features_width] */
    size_t features_width;
    uint32_t *flags;        /* [count], changed in place */
    uint32_t now;           /* ms by a clock that never goes back; it may wrap around */
} Batch;

typedef struct {
    size_t scored, repeated, disordered, carried, unremembered;
} Counts;

typedef struct Memory Memory;

/* A memory of at most `most` sensors, or NULL where there is no room. `policy` is sound, `seed` is random. */
Memory *memory_make(uint32_t most, const Policy *policy, const uint64_t seed[SEED_WORDS]);
void memory_free(Memory *memory);

/* Whether features of so many columns have all that are chosen. */
int memory_takes(const Memory *memory, size_t features_width);

/* Recall the sensors of a batch, and put the readings that are to be scored into `rows`, [count], rising.
 * What was recalled before and not kept is forgotten. 0 where there is no room, and the memory is as it was. */
int memory_recall(Memory *memory, const Batch *batch, int32_t *rows, Counts *counts);
/* Readings of the batch that was recalled and not yet kept or forgotten. */
size_t memory_pending(const Memory *memory);
/* Keep the answers: `risks`, [memory_pending], of the rows that were scored are given, the others are filled in. */
void memory_keep(Memory *memory, float *risks);
/* Leave the memory as it was before the last batch was recalled. */
void memory_forget(Memory *memory);

size_t memory_sensors(const Memory *memory);
uint64_t memory_forgotten(const Memory *memory);
/* Bytes of the arrays that hold what is remembered, at so many sensors. */
size_t memory_bytes(const Memory *memory, size_t sensors);

#endif
