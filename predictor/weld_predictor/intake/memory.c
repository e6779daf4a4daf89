#include "memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

enum {
    CACHE_LINE = 64,
    AT_ONCE = 16, /* readings whose sensors are looked for together, so that memory is asked for in time */
    GROUPS = 3,   /* of so many readings, each a step behind the one after it */
    AHEAD_BY = 16, /* readings, likewise when answers are kept */
    FEWEST_PLACES = 1 << 10,
    HUGE_FROM = 1 << 22, /* bytes from which on huge pages are worth their rounding */
    NOT_KNOWN = UINT16_MAX, /* instead of flags */
    NO_REFERENCE = UINT16_MAX,
    REFERENCE_PENDING = 1 << 6, /* among the bits of `pending`; the others are of the times */
    NOBODY = UINT8_MAX, /* instead of `next` */
    SHARE_TO_FORGET = 16,
};
#define NONE UINT32_MAX
static const float UNKNOWN_RISK = 1.0f;

typedef struct {
    uint64_t high, low;
} Key;

/* One sensor, in two lines of the cache. While a pass is pending, a risk that is not yet known is the number of the
 * reading that will have it. */
typedef struct {
    Key key; /* of nobody: the next free one */
    int64_t newest, reference_at;
    int64_t times[TIMES];
    float risks[TIMES];
    uint16_t flags[TIMES];
    float reference_risk;
    uint32_t heard;
    uint16_t since; /* answers carried from the reference */
    uint8_t next, pending;
} Sensor;

typedef struct {
    uint32_t sensor; /* plus one; 0 is empty */
    uint32_t tag;    /* the key's hash, which says where the place should be as well */
} Place;

/* What became of one reading. */
typedef struct {
    int32_t source; /* the reading whose risk it has, or -1, and */
    float risk;
    uint32_t sensor; /* that keeps it, or NONE */
    uint8_t time, is_reference;
} Trace;

/* What a reading changed of its sensor, as it was before. */
typedef struct {
    int64_t newest, reference_at, time;
    float risk, reference_risk;
    uint32_t number, heard;
    uint16_t flags, since;
    uint8_t place, next, pending, is_new;
} Saved;

struct Memory {
    Policy policy;
    uint64_t seed[SEED_WORDS];
    uint32_t most, used, live, first_free, wanting;
    uint64_t forgotten;
    uint32_t mask;
    Place *places;
    void *sensors_block;
    Sensor *sensors;
    float *references; /* [most][column_count] */
    size_t pending, room, saved_count;
    Trace *traces;
    Saved *saved;            /* the newest last */
    float *saved_references; /* [room][column_count] */
};

_Static_assert(sizeof(Sensor) == 2 * CACHE_LINE, "a sensor fills two lines of the cache");
_Static_assert(TIMES < 6 + 1, "each time has its bit of `pending`");

/* Sensors are met in no order: with small pages, nearly each of them would cost a walk through the page table. */
static void ask_for_huge_pages(void *block, size_t bytes) {
#ifdef MADV_HUGEPAGE
    if (bytes < HUGE_FROM) return;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = ((uintptr_t)block + page - 1) & ~(page - 1);
    size_t skipped = start - (uintptr_t)block;
    if (bytes > skipped) (void)madvise((void *)start, bytes - skipped, MADV_HUGEPAGE); /* else with small ones */
#else
    (void)block, (void)bytes;
#endif
}

/* Two thirds of them are taken at the most. */
static uint64_t places_for(uint64_t sensors) {
    uint64_t places = FEWEST_PLACES;
    while (places < sensors + sensors / 2) places *= 2;
    return places;
}

Memory *memory_make(uint32_t most, const Policy *policy, const uint64_t seed[SEED_WORDS]) {
    Memory *memory = calloc(1, sizeof *memory);
    if (!memory) return NULL;
    memory->policy = *policy;
    memory->most = most;
    memory->first_free = NONE;
    memcpy(memory->seed, seed, sizeof memory->seed);
    memory->mask = FEWEST_PLACES - 1;
    memory->places = calloc(FEWEST_PLACES, sizeof(Place));
    /* The system gives these arrays their memory where they are first written to: they grow by themselves. */
    memory->sensors_block = calloc((size_t)most * sizeof(Sensor) + CACHE_LINE, 1);
    memory->references = calloc((size_t)most * policy->column_count + 1, sizeof(float));
    if (!memory->places || !memory->sensors_block || !memory->references) {
        memory_free(memory);
        return NULL;
    }
    ask_for_huge_pages(memory->sensors_block, (size_t)most * sizeof(Sensor));
    uintptr_t start = ((uintptr_t)memory->sensors_block + CACHE_LINE - 1) & ~(uintptr_t)(CACHE_LINE - 1);
    memory->sensors = (Sensor *)start;
    return memory;
}

void memory_free(Memory *memory) {
    if (!memory) return;
    free(memory->places);
    free(memory->sensors_block);
    free(memory->references);
    free(memory->traces);
    free(memory->saved);
    free(memory->saved_references);
    free(memory);
}

/* Names: four strongly universal hashes of 32 bits each (Lemire and Kaser, Strongly universal string hashing is fast,
 * The Computer Journal 57, 2014, "multilinear"), so that two names meet with a probability of 2^-127. The seed is
 * random, so that nobody can look for such names. NUL at the end adds nothing. */
static Key name_key(const uint64_t *seed, const char *name, size_t width) {
    uint64_t sums[4] = {seed[0], seed[1], seed[2], seed[3]};
    uint32_t word;
    for (; width >= sizeof word; name += sizeof word, width -= sizeof word) {
        memcpy(&word, name, sizeof word);
        seed += 4;
        for (int i = 0; i < 4; i++) sums[i] += seed[i] * word;
    }
    word = 0;
    for (size_t i = 0; i < width; i++) word |= (uint32_t)(unsigned char)name[i] << 8 * i;
    seed += 4;
    if (width)
        for (int i = 0; i < 4; i++) sums[i] += seed[i] * word;
    return (Key){(sums[0] >> 32) << 32 | sums[1] >> 32, (sums[2] >> 32) << 32 | sums[3] >> 32 | 1};
}

static Key number_key(int64_t number) { return (Key){(uint64_t)number, 0}; }

static uint32_t tag_of(const Memory *memory, Key key) {
    uint64_t hash = (key.high ^ key.low ^ memory->seed[0]) * (memory->seed[1] | 1);
    hash = (hash ^ hash >> 32) * (memory->seed[2] | 1);
    return (uint32_t)(hash >> 32);
}

static uint32_t find(const Memory *memory, Key key, uint32_t tag) {
    for (uint32_t at = tag & memory->mask;; at = (at + 1) & memory->mask) {
        const Place *place = &memory->places[at];
        if (!place->sensor) return NONE;
        if (place->tag != tag) continue;
        const Key *found = &memory->sensors[place->sensor - 1].key;
        if (found->high == key.high && found->low == key.low) return place->sensor - 1;
    }
}

static void link_place(Memory *memory, Place place) {
    uint32_t at = place.tag & memory->mask;
    while (memory->places[at].sensor) at = (at + 1) & memory->mask;
    memory->places[at] = place;
}

/* What follows moves up, so that no search ends too early. */
static void unlink_place(Memory *memory, uint32_t number) {
    uint32_t mask = memory->mask, at = tag_of(memory, memory->sensors[number].key) & mask;
    while (memory->places[at].sensor != number + 1) at = (at + 1) & mask;
    for (uint32_t next = (at + 1) & mask; memory->places[next].sensor; next = (next + 1) & mask) {
        uint32_t home = memory->places[next].tag & mask;
        if (((next - home) & mask) < ((next - at) & mask)) continue;
        memory->places[at] = memory->places[next];
        at = next;
    }
    memory->places[at] = (Place){0, 0};
}

/* Room for the places of so many sensors: few sensors have few places, which stay in the cache. */
static int have_places(Memory *memory, uint64_t sensors) {
    uint64_t places = places_for(sensors), before = (uint64_t)memory->mask + 1;
    if (places <= before) return 1;
    Place *former = memory->places, *grown = calloc(places, sizeof(Place));
    if (!grown) return 0;
    ask_for_huge_pages(grown, places * sizeof(Place));
    memory->places = grown;
    memory->mask = (uint32_t)(places - 1);
    for (uint64_t i = 0; i < before; i++)
        if (former[i].sensor) link_place(memory, former[i]);
    free(former);
    return 1;
}

static void dismiss(Memory *memory, uint32_t number) {
    unlink_place(memory, number);
    Sensor *sensor = &memory->sensors[number];
    sensor->key.high = memory->first_free;
    sensor->next = NOBODY;
    memory->first_free = number;
    memory->live--;
}

static float *reference_of(Memory *memory, uint32_t number) {
    return memory->references + (size_t)number * memory->policy.column_count;
}

/* Remember how the sensor is, before a reading changes it, and its answer in `place`. */
static Sensor *touch(Memory *memory, uint32_t number, int place) {
    Sensor *sensor = &memory->sensors[number];
    size_t columns = memory->policy.column_count, at = memory->saved_count++;
    memory->saved[at] = (Saved){
        .newest = sensor->newest,
        .reference_at = sensor->reference_at,
        .time = sensor->times[place],
        .risk = sensor->risks[place],
        .reference_risk = sensor->reference_risk,
        .number = number,
        .heard = sensor->heard,
        .flags = sensor->flags[place],
        .since = sensor->since,
        .place = (uint8_t)place,
        .next = sensor->next,
        .pending = sensor->pending,
    };
    if (columns) memcpy(memory->saved_references + at * columns, reference_of(memory, number), columns * sizeof(float));
    return sensor;
}

static void restore(Memory *memory, const Saved *saved, const float *reference) {
    Sensor *sensor = &memory->sensors[saved->number];
    sensor->newest = saved->newest;
    sensor->reference_at = saved->reference_at;
    sensor->times[saved->place] = saved->time;
    sensor->risks[saved->place] = saved->risk;
    sensor->flags[saved->place] = saved->flags;
    sensor->reference_risk = saved->reference_risk;
    sensor->heard = saved->heard;
    sensor->since = saved->since;
    sensor->next = saved->next;
    sensor->pending = saved->pending;
    size_t columns = memory->policy.column_count;
    if (columns) memcpy(reference_of(memory, saved->number), reference, columns * sizeof(float));
}

/* A sensor that is not known yet, NONE where there is no room. */
static uint32_t admit(Memory *memory, Key key, uint32_t tag) {
    uint32_t number = memory->first_free;
    if (number != NONE)
        memory->first_free = (uint32_t)memory->sensors[number].key.high;
    else if (memory->used < memory->most)
        number = memory->used++;
    else
        return NONE;
    Sensor *sensor = &memory->sensors[number];
    memset(sensor, 0, sizeof *sensor);
    sensor->key = key;
    sensor->newest = INT64_MIN;
    for (int i = 0; i < TIMES; i++) sensor->flags[i] = NOT_KNOWN;
    sensor->since = NO_REFERENCE;
    memory->saved[memory->saved_count++] = (Saved){.number = number, .is_new = 1};
    link_place(memory, (Place){number + 1, tag});
    memory->live++;
    return number;
}

/* Where an answer for `time` is, or -1. */
static int time_of(const Sensor *sensor, int64_t time) {
    for (int i = 0; i < TIMES; i++)
        if (sensor->times[i] == time && sensor->flags[i] != NOT_KNOWN) return i;
    return -1;
}

static float as_risk(size_t reading) {
    int32_t number = (int32_t)reading;
    float bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static void take_over(Trace *trace, float risk, int is_pending) {
    if (is_pending)
        memcpy(&trace->source, &risk, sizeof risk);
    else
        trace->risk = risk;
}

static int is_near(Memory *memory, uint32_t number, const float *features) {
    const Policy *policy = &memory->policy;
    const float *reference = reference_of(memory, number);
    for (uint32_t i = 0; i < policy->column_count; i++)
        if (!(fabs((double)features[policy->columns[i]] - (double)reference[i]) <= policy->bands[i])) return 0;
    return 1;
}

/* Whether the answer of the sensor's reference is carried forward to a sound reading of `time`. */
static int is_carried(Memory *memory, uint32_t number, int64_t time, const float *features) {
    const Sensor *sensor = &memory->sensors[number];
    const Policy *policy = &memory->policy;
    if (policy->sampling == ALL || sensor->since == NO_REFERENCE || time <= sensor->newest) return 0;
    if ((uint64_t)time - (uint64_t)sensor->reference_at >= policy->silence) return 0;
    return policy->sampling == EVERY_NTH ? sensor->since + 1u < policy->every : is_near(memory, number, features);
}

static void write_down(Memory *memory, uint32_t number, int place, int64_t time, uint32_t flags, Trace *trace) {
    Sensor *sensor = &memory->sensors[number];
    if (place < 0) {
        place = sensor->next;
        sensor->next = (uint8_t)((place + 1) % TIMES);
    }
    sensor->times[place] = time;
    sensor->flags[place] = (uint16_t)flags;
    if (trace->source >= 0) {
        sensor->risks[place] = as_risk((size_t)trace->source);
        sensor->pending |= (uint8_t)(1 << place);
    } else {
        sensor->risks[place] = trace->risk;
        sensor->pending &= (uint8_t)~(1 << place);
    }
    trace->sensor = number;
    trace->time = (uint8_t)place;
}

static void refer_to(Memory *memory, uint32_t number, size_t reading, int64_t time, const float *features) {
    Sensor *sensor = &memory->sensors[number];
    sensor->reference_at = time;
    sensor->reference_risk = as_risk(reading);
    sensor->pending |= REFERENCE_PENDING;
    sensor->since = 0;
    for (uint32_t i = 0; i < memory->policy.column_count; i++)
        reference_of(memory, number)[i] = features[memory->policy.columns[i]];
}

static void recall_one(Memory *memory, const Batch *batch, size_t i, uint32_t number, Key key, uint32_t tag,
                       int is_nobody, int32_t *rows, Counts *counts) {
    Trace *trace = &memory->traces[i];
    *trace = (Trace){.source = -1, .risk = UNKNOWN_RISK, .sensor = NONE};
    uint32_t flags = batch->flags[i];
    int64_t time = batch->times[i];
    const float *features = batch->features + i * batch->features_width;
    const Sensor *known = number == NONE ? NULL : &memory->sensors[number];
    int place = known ? time_of(known, time) : -1;
    if (place >= 0 && (uint32_t)(batch->now - known->heard) <= memory->policy.repeat_for) {
        take_over(trace, known->risks[place], known->pending >> place & 1);
        batch->flags[i] = known->flags[place];
        counts->repeated++;
        return;
    }
    int is_disordered = known && time < known->newest;
    if (is_disordered && !(flags & NOT_SCORED)) {
        counts->disordered++;
        flags |= LATE | (memory->policy.reject_late ? NOT_SCORED : 0);
        batch->flags[i] = flags;
    }
    if (flags & NOT_SCORED) {
        if (known && !is_disordered && known->since != NO_REFERENCE) touch(memory, number, 0)->since = NO_REFERENCE;
        return;
    }
    int is_sound = !(flags & ~(uint32_t)LATE) && !is_disordered;
    int carried = known && is_sound && is_carried(memory, number, time, features);
    if (!carried) {
        trace->source = (int32_t)i;
        rows[counts->scored++] = (int32_t)i;
    }
    if (is_nobody) return;
    if (known)
        touch(memory, number, place < 0 ? known->next : place);
    else
        number = admit(memory, key, tag);
    if (number == NONE) {
        counts->unremembered++;
        memory->wanting++;
        return;
    }
    Sensor *sensor = &memory->sensors[number];
    sensor->heard = batch->now;
    if (carried) {
        flags |= CARRIED;
        batch->flags[i] = flags;
        counts->carried++;
        if (memory->policy.sampling == EVERY_NTH) sensor->since++;
        take_over(trace, sensor->reference_risk, sensor->pending & REFERENCE_PENDING);
        sensor->newest = time;
    }
    write_down(memory, number, place, time, flags, trace);
    if (carried || is_disordered) return;
    if (!(flags & AHEAD)) sensor->newest = time;
    if (is_sound && memory->policy.sampling != ALL) {
        refer_to(memory, number, i, time, features);
        trace->is_reference = 1;
    } else {
        sensor->since = NO_REFERENCE;
    }
}

/* Whether nothing may be remembered of the reading. */
static int nobody(const Batch *batch, size_t i) {
    if (batch->untimed && batch->untimed[i]) return 1;
    if (!batch->names) return 0;
    const char *name = batch->names + i * batch->name_width;
    return name[0] == '-' && (batch->name_width == 1 || !name[1]);
}

/* Readings that are looked for together. */
typedef struct {
    size_t start, count;
    Key keys[AT_ONCE];
    uint32_t tags[AT_ONCE];
} Group;

static void ask_for_places(const Memory *memory, const Batch *batch, size_t start, Group *group) {
    size_t left = batch->count - start;
    group->start = start;
    group->count = left < AT_ONCE ? left : AT_ONCE;
    for (size_t i = 0; i < group->count; i++) {
        size_t reading = start + i;
        Key key = batch->names ? name_key(memory->seed + 3, batch->names + reading * batch->name_width, batch->name_width)
                               : number_key(batch->numbers[reading]);
        group->keys[i] = key;
        group->tags[i] = tag_of(memory, key);
        __builtin_prefetch(&memory->places[group->tags[i] & memory->mask]);
    }
}

static void ask_for_sensors(Memory *memory, const Group *group) {
    for (size_t i = 0; i < group->count; i++) {
        const Place *place = &memory->places[group->tags[i] & memory->mask];
        if (!place->sensor) continue;
        const char *sensor = (const char *)&memory->sensors[place->sensor - 1];
        __builtin_prefetch(sensor, 1);
        __builtin_prefetch(sensor + CACHE_LINE, 1);
        if (memory->policy.column_count) __builtin_prefetch(reference_of(memory, place->sensor - 1));
    }
}

static void recall_some(Memory *memory, const Batch *batch, const Group *group, int32_t *rows, Counts *counts) {
    for (size_t i = 0; i < group->count; i++) {
        size_t reading = group->start + i;
        int is_nobody = nobody(batch, reading);
        uint32_t number = is_nobody ? NONE : find(memory, group->keys[i], group->tags[i]);
        recall_one(memory, batch, reading, number, group->keys[i], group->tags[i], is_nobody, rows, counts);
    }
}

static uint32_t age_of(const Memory *memory, uint32_t number, uint32_t now) { return now - memory->sensors[number].heard; }

/* The least of the `count` greatest ages, by the counts of their upper and then of their lower halves. */
static uint32_t cutoff(const Memory *memory, uint32_t now, size_t count, uint32_t *halves) {
    uint32_t upper = 1 << 16, lower = 1 << 16;
    memset(halves, 0, sizeof(uint32_t) << 16);
    for (uint32_t i = 0; i < memory->used; i++)
        if (memory->sensors[i].next != NOBODY) halves[age_of(memory, i, now) >> 16]++;
    while (halves[--upper] < count) count -= halves[upper];
    memset(halves, 0, sizeof(uint32_t) << 16);
    for (uint32_t i = 0; i < memory->used; i++)
        if (memory->sensors[i].next != NOBODY && age_of(memory, i, now) >> 16 == upper)
            halves[age_of(memory, i, now) & 0xFFFF]++;
    while (halves[--lower] < count) count -= halves[lower];
    return upper << 16 | lower;
}

/* Sensors that found no room in the last pass will find some in this. */
static int make_room(Memory *memory, uint32_t now) {
    if (!memory->wanting || !memory->live) return 1;
    size_t count = memory->most / SHARE_TO_FORGET + 1;
    if (count < memory->wanting) count = memory->wanting;
    if (count > memory->live) count = memory->live;
    uint32_t *halves = malloc(sizeof(uint32_t) << 16);
    if (!halves) return 0;
    uint32_t least = cutoff(memory, now, count, halves);
    free(halves);
    for (uint32_t i = 0; i < memory->used; i++)
        if (memory->sensors[i].next != NOBODY && age_of(memory, i, now) >= least) {
            dismiss(memory, i);
            memory->forgotten++;
        }
    return 1;
}

static int have_room(Memory *memory, size_t count) {
    if (count <= memory->room) return 1;
    Trace *traces = realloc(memory->traces, count * sizeof(Trace));
    if (!traces) return 0;
    memory->traces = traces;
    Saved *saved = realloc(memory->saved, count * sizeof(Saved));
    if (!saved) return 0;
    memory->saved = saved;
    float *references = realloc(memory->saved_references, (count * memory->policy.column_count + 1) * sizeof(float));
    if (!references) return 0;
    memory->saved_references = references;
    memory->room = count;
    return 1;
}

int memory_takes(const Memory *memory, size_t features_width) {
    for (uint32_t i = 0; i < memory->policy.column_count; i++)
        if ((size_t)memory->policy.columns[i] >= features_width) return 0;
    return 1;
}

int memory_recall(Memory *memory, const Batch *batch, int32_t *rows, Counts *counts) {
    memory_forget(memory);
    *counts = (Counts){0};
    if (!have_room(memory, batch->count) || !make_room(memory, batch->now)) return 0;
    uint64_t most = (uint64_t)memory->live + batch->count;
    if (!have_places(memory, most < memory->most ? most : memory->most)) return 0;
    memory->wanting = 0;
    memory->pending = batch->count;
    Group groups[GROUPS];
    size_t count = (batch->count + AT_ONCE - 1) / AT_ONCE;
    for (size_t turn = 0; turn < count + GROUPS - 1; turn++) {
        if (turn < count) ask_for_places(memory, batch, turn * AT_ONCE, &groups[turn % GROUPS]);
        if (turn >= 1 && turn <= count) ask_for_sensors(memory, &groups[(turn - 1) % GROUPS]);
        if (turn >= 2) recall_some(memory, batch, &groups[(turn - 2) % GROUPS], rows, counts);
    }
    return 1;
}

size_t memory_pending(const Memory *memory) { return memory->pending; }

/* Lines of the cache that will be written to are asked for so many readings before. */
static void fetch_ahead(const Memory *memory, size_t i) {
    if (i >= memory->pending || memory->traces[i].sensor == NONE) return;
    const char *sensor = (const char *)&memory->sensors[memory->traces[i].sensor];
    __builtin_prefetch(sensor, 1);
    __builtin_prefetch(sensor + CACHE_LINE, 1);
}

void memory_keep(Memory *memory, float *risks) {
    for (size_t i = 0; i < memory->pending; i++) {
        fetch_ahead(memory, i + AHEAD_BY);
        const Trace *trace = &memory->traces[i];
        risks[i] = trace->source < 0 ? trace->risk : risks[trace->source];
        if (trace->sensor == NONE) continue;
        Sensor *sensor = &memory->sensors[trace->sensor];
        sensor->risks[trace->time] = risks[i];
        if (trace->is_reference) sensor->reference_risk = risks[i];
        sensor->pending = 0;
    }
    memory->pending = memory->saved_count = 0;
}

void memory_forget(Memory *memory) {
    while (memory->saved_count) {
        size_t at = --memory->saved_count;
        const Saved *saved = &memory->saved[at];
        if (saved->is_new)
            dismiss(memory, saved->number);
        else
            restore(memory, saved, memory->saved_references + at * memory->policy.column_count);
    }
    if (memory->pending) memory->wanting = 0;
    memory->pending = 0;
}

size_t memory_sensors(const Memory *memory) { return memory->live; }

uint64_t memory_forgotten(const Memory *memory) { return memory->forgotten; }

size_t memory_bytes(const Memory *memory, size_t sensors) {
    size_t of_a_sensor = sizeof(Sensor) + memory->policy.column_count * sizeof(float);
    return (size_t)places_for(sensors) * sizeof(Place) + sensors * of_a_sensor;
}
