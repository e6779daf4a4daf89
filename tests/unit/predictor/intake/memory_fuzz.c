/* Gives memory.c batches of any readings, and keeps or forgets them. To be built with sanitizers, which end the program
 * at the first byte that is read or written outside of its array. Beside that it insists on what must always hold.
 * Arguments: the number of batches, and a seed. Prints how many readings were scored, repeated and carried. */
#include "memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 3, MOST_READINGS = 200 };

static uint64_t state;

static uint32_t any(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static uint32_t below(uint32_t limit) { return limit ? any() % limit : 0; }

static void must(int holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static int64_t any_time(void) {
    static const int64_t special[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    return below(8) ? 1700000000000 + 100 * (int64_t)below(40) : special[below(7)];
}

static float any_feature(void) {
    static const float special[] = {NAN, INFINITY, -INFINITY, 3.4e38f, -3.4e38f, 1e-45f};
    return below(10) ? (float)below(8) / 16 : special[below(6)];
}

static Memory *any_memory(uint32_t most) {
    uint64_t seed[SEED_WORDS];
    for (int i = 0; i < SEED_WORDS; i++) seed[i] = below(8) ? (uint64_t)any() << 32 | any() : 0;
    Policy policy = {
        .sampling = (Sampling)below(SAMPLINGS),
        .every = 1 + below(5),
        .silence = below(2) ? UINT64_MAX : below(3000),
        .repeat_for = below(2) ? 10000 : 0,
        .reject_late = (int)below(2),
        .column_count = below(WIDTH + 1),
    };
    for (uint32_t i = 0; i < policy.column_count; i++) {
        policy.columns[i] = (int32_t)below(WIDTH);
        policy.bands[i] = below(8) ? below(8) / 16.0 : INFINITY;
    }
    return memory_make(most, &policy, seed);
}

/* Arrays of exactly their size, so that one step outside is seen. */
typedef struct {
    char *names;
    int64_t *numbers, *times;
    uint8_t *untimed;
    float *features, *risks;
    uint32_t *flags;
    int32_t *rows;
} Arrays;

static Batch any_batch(Arrays *arrays, uint32_t sensors, uint32_t now) {
    static const uint32_t usual[] = {0, 0, 0, 0, NOT_SCORED, LATE, AHEAD, 4, 256};
    size_t count = below(MOST_READINGS), width = 1 + below(below(4) ? 12 : LONGEST_NAME);
    *arrays = (Arrays){malloc(count * width),           malloc(count * sizeof(int64_t)), malloc(count * sizeof(int64_t)),
                       malloc(count),                   malloc(count * WIDTH * sizeof(float)),
                       malloc(count * sizeof(float)),   malloc(count * sizeof(uint32_t)), malloc(count * sizeof(int32_t))};
    memset(arrays->names, 0, count * width);
    for (size_t i = 0; i < count; i++) {
        uint32_t sensor = below(sensors);
        arrays->numbers[i] = below(2) ? (int64_t)sensor : (int64_t)((uint64_t)sensor << 40);
        for (size_t at = 0; at < width && sensor; at++, sensor /= 5) arrays->names[i * width + at] = (char)('-' + sensor % 5);
        arrays->times[i] = any_time();
        arrays->untimed[i] = !below(20);
        arrays->flags[i] = below(30) ? usual[below(9)] : any() & 0x7FFF;
        for (size_t at = 0; at < WIDTH; at++) arrays->features[i * WIDTH + at] = any_feature();
    }
    int is_numbered = (int)below(2);
    return (Batch){count,         is_numbered ? NULL : arrays->names, width,           arrays->numbers, arrays->times,
                   below(2) ? arrays->untimed : NULL, arrays->features, WIDTH, arrays->flags, now};
}

static void let_go(Arrays *arrays) {
    void *all[] = {arrays->names,    arrays->numbers, arrays->times, arrays->untimed,
                   arrays->features, arrays->risks,   arrays->flags, arrays->rows};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    long rounds = atol(arguments[1]), scored = 0, repeated = 0, carried = 0;
    state = 88172645463325252u + (uint64_t)atol(arguments[2]);
    Memory *memory = NULL;
    size_t before = 0;
    uint32_t most = 0, sensors = 0, now = UINT32_MAX - 100000;
    for (long round = 0; round < rounds; round++) {
        if (!memory || !below(60)) {
            memory_free(memory);
            most = 1 + below(300);
            sensors = 1 + below(2 * most);
            memory = any_memory(most);
            must(memory != NULL, "there is no room");
            before = 0;
        }
        now += below(4) ? below(200) : below(20000);
        Arrays arrays;
        Batch batch = any_batch(&arrays, sensors, now);
        uint64_t forgotten = memory_forgotten(memory);
        Counts counts;
        must(memory_takes(memory, WIDTH), "it takes fewer columns than it was told");
        must(memory_recall(memory, &batch, arrays.rows, &counts), "there is no room");
        must(counts.scored + counts.repeated + counts.carried <= batch.count, "readings are answered twice");
        for (size_t i = 0; i < batch.count; i++) arrays.risks[i] = -1;
        for (size_t i = 0; i < counts.scored; i++) {
            must(arrays.rows[i] >= 0 && (size_t)arrays.rows[i] < batch.count, "a row is none");
            must(!i || arrays.rows[i] > arrays.rows[i - 1], "rows do not rise");
            must(!(arrays.flags[arrays.rows[i]] & NOT_SCORED), "what is not scored is scored");
            arrays.risks[arrays.rows[i]] = (float)below(1000) / 1000;
        }
        must(memory_pending(memory) == batch.count, "the batch is not pending");
        if (below(4)) {
            memory_keep(memory, arrays.risks);
            for (size_t i = 0; i < batch.count; i++) must(arrays.risks[i] >= 0 && arrays.risks[i] <= 1, "a risk is none");
        } else if (below(2)) {
            memory_forget(memory);
            must(memory_sensors(memory) + (memory_forgotten(memory) - forgotten) == before, "a failed pass left a sensor");
        }
        /* Otherwise the next one finds out. */
        before = memory_pending(memory) ? before - (memory_forgotten(memory) - forgotten) : memory_sensors(memory);
        must(memory_sensors(memory) <= most, "there are too many sensors");
        scored += (long)counts.scored, repeated += (long)counts.repeated, carried += (long)counts.carried;
        let_go(&arrays);
    }
    memory_free(memory);
    printf("%ld scored, %ld repeated, %ld carried\n", scored, repeated, carried);
    return 0;
}
