#include "kernel.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sweep: every node of every small tree is decided for 64 readings at once, 16 to an instruction, in bytes. The values
 * of a feature become ranks among the thresholds that the trees compare it with, which decides exactly as the values
 * would. Each node selects, reading by reading, the leaf of its left or of its right child; the last node is the root.
 * No branch, no gather but that of the leaves' values; all that it touches stays in the first cache.
 *
 * Walk: large trees, where few of the nodes lie on a reading's way: 16 readings go down together, so that the
 * processor waits for memory once and not 16 times. */
enum {
    SWEEP_ROWS = 64,
    FEW_ROWS = 16, /* a narrower sweep for these */
    WALK_ROWS = 256,
    WALK_TOGETHER = 16,
    MOST_INNER = MOST_LEAVES - 1,
    MISSING = -128, /* code of a rank that is missing; the others go from -127 on */
    LOWEST = -127,
    MOST_RANK = 254,
    LINE = 64, /* bytes of a cache line */
};

typedef int8_t Lanes __attribute__((vector_size(16), may_alias));

typedef struct {
    uint16_t column;
    uint16_t left, right; /* slots: leaves below MOST_LEAVES, then the inner nodes of the tree */
    int16_t bound;
} Choice;

typedef struct {
    double threshold;
    int32_t left; /* the right child follows it; a leaf is its own left child */
    int32_t column;
} Node;

typedef struct {
    int32_t feature, base, missing_left, set;
} Column;

struct Kernel {
    Kind kind;
    Link link;
    int32_t features, scalers, narrow, takes_nan, takes_infinite;
    int32_t columns, trees;
    double start, divisor;
    double *scaling;
    Column *column;
    uint8_t *sets;
    int32_t *cut_starts, *steps; /* a search of steps[f] halvings among 2^steps[f] - 1 cuts from cut_starts[f] */
    double *cuts;
    int32_t *tree_starts, *value_starts;
    Choice *choices;
    Node *nodes;
    double *values;
};

/* ---- making ---- */

static void *copy_of(const void *source, size_t count, size_t size) {
    void *copy = malloc(count ? count * size : 1);
    if (copy && count) memcpy(copy, source, count * size);
    return copy;
}

/* Whether starts rise from 0 to `total`. */
static int are_starts(Integers starts, size_t total) {
    if (starts.count < 2 || starts.at[0] != 0) return 0;
    for (size_t i = 1; i < starts.count; i++)
        if (starts.at[i] < starts.at[i - 1]) return 0;
    return (size_t)starts.at[starts.count - 1] == total;
}

static const char *make_frame(Kernel *kernel, const Description *from) {
    if (from->features < 1 || from->features > MOST_FEATURES) return "there must be 1 to 65536 features";
    if (from->link < 0 || from->link >= LINKS) return "there is no such link";
    if (!(from->divisor > 0)) return "the divisor must be above 0";
    if (from->scaling.count % (2 * (size_t)from->features)) return "scaling must be [scalers, 2, features]";
    kernel->kind = from->kind;
    kernel->features = from->features;
    kernel->scalers = (int32_t)(from->scaling.count / (2 * (size_t)from->features));
    kernel->narrow = from->narrow;
    kernel->takes_nan = from->takes_nan;
    kernel->takes_infinite = from->takes_infinite;
    kernel->start = from->start;
    kernel->divisor = from->divisor;
    kernel->link = (Link)from->link;
    kernel->scaling = copy_of(from->scaling.at, from->scaling.count, sizeof(double));
    kernel->values = copy_of(from->values.at, from->values.count, sizeof(double));
    return kernel->scaling && kernel->values ? NULL : "there is no memory";
}

static const char *make_columns(Kernel *kernel, const Description *from) {
    if (from->columns.count % COLUMN_FIELDS || from->columns.count / COLUMN_FIELDS > MOST_COLUMNS)
        return "columns must be [columns, 4], at most 65536 of them";
    if (from->sets.count % SET_BYTES) return "sets must be [sets, 32]";
    kernel->columns = (int32_t)(from->columns.count / COLUMN_FIELDS);
    kernel->column = copy_of(from->columns.at, (size_t)kernel->columns, sizeof(Column));
    kernel->sets = copy_of(from->sets.at, from->sets.count, 1);
    if (!kernel->column || !kernel->sets) return "there is no memory";
    for (int32_t c = 0; c < kernel->columns; c++) {
        const Column *column = &kernel->column[c];
        if (column->feature < 0 || column->feature >= kernel->features) return "a column is of a feature out of range";
        if (column->base < 0) return "a column's base is below 0";
        if (column->set >= 0 && (size_t)column->set >= from->sets.count / SET_BYTES)
            return "a column is of a set out of range";
    }
    return NULL;
}

/* Fills the cuts of each feature up with infinity, so that its search halves evenly. */
static const char *make_cuts(Kernel *kernel, const Description *from) {
    if (from->cut_starts.count != (size_t)kernel->features + 1 || !are_starts(from->cut_starts, from->cuts.count))
        return "the cuts must be those of each feature in turn";
    kernel->cut_starts = malloc((size_t)kernel->features * sizeof(int32_t));
    kernel->steps = malloc((size_t)kernel->features * sizeof(int32_t));
    if (!kernel->cut_starts || !kernel->steps) return "there is no memory";
    size_t total = 0;
    for (int32_t f = 0; f < kernel->features; f++) {
        int32_t count = from->cut_starts.at[f + 1] - from->cut_starts.at[f], steps = 0;
        while (steps < 24 && (1 << steps) - 1 < count) steps++;
        if ((1 << steps) - 1 < count || total > INT32_MAX - ((size_t)1 << steps)) return "there are too many cuts";
        kernel->cut_starts[f] = (int32_t)total;
        kernel->steps[f] = steps;
        total += ((size_t)1 << steps) - 1;
    }
    kernel->cuts = malloc(total ? total * sizeof(double) : 1);
    if (!kernel->cuts) return "there is no memory";
    for (int32_t f = 0; f < kernel->features; f++) {
        const double *source = from->cuts.at + from->cut_starts.at[f];
        int32_t count = from->cut_starts.at[f + 1] - from->cut_starts.at[f];
        double *cuts = kernel->cuts + kernel->cut_starts[f];
        for (int32_t i = 0; i < (1 << kernel->steps[f]) - 1; i++) cuts[i] = i < count ? source[i] : (double)INFINITY;
    }
    return NULL;
}

static int is_slot(int32_t slot, int32_t leaves, int32_t inner) {
    return (slot >= 0 && slot < leaves) || (slot >= MOST_LEAVES && slot < MOST_LEAVES + inner);
}

static const char *make_choices(Kernel *kernel, const Description *from) {
    size_t count = from->node_column.count;
    if (from->node_left.count != count || from->node_right.count != count || from->node_bound.count != count)
        return "the arrays of nodes differ in length";
    if (!are_starts(from->tree_starts, count)) return "the nodes must be those of each tree in turn";
    if (from->value_starts.count != from->tree_starts.count || !are_starts(from->value_starts, from->values.count))
        return "the values must be those of each tree in turn";
    kernel->trees = (int32_t)from->tree_starts.count - 1;
    kernel->tree_starts = copy_of(from->tree_starts.at, from->tree_starts.count, sizeof(int32_t));
    kernel->value_starts = copy_of(from->value_starts.at, from->value_starts.count, sizeof(int32_t));
    kernel->choices = malloc(count ? count * sizeof(Choice) : 1);
    if (!kernel->tree_starts || !kernel->value_starts || !kernel->choices) return "there is no memory";
    for (int32_t t = 0; t < kernel->trees; t++) {
        int32_t first = kernel->tree_starts[t], inner = kernel->tree_starts[t + 1] - first;
        int32_t leaves = kernel->value_starts[t + 1] - kernel->value_starts[t];
        if (leaves < 1 || leaves > MOST_LEAVES || inner > MOST_INNER) return "a tree must have 1 to 256 leaves";
        for (int32_t i = 0; i < inner; i++) {
            int32_t column = from->node_column.at[first + i], bound = from->node_bound.at[first + i];
            int32_t left = from->node_left.at[first + i], right = from->node_right.at[first + i];
            if (column < 0 || column >= kernel->columns) return "a node compares a column out of range";
            if (!is_slot(left, leaves, i) || !is_slot(right, leaves, i)) return "a node has a child out of range";
            if (bound < INT8_MIN || bound > INT8_MAX) return "a node's bound is out of range";
            kernel->choices[first + i] =
                (Choice){(uint16_t)column, (uint16_t)left, (uint16_t)right, (int16_t)bound};
        }
    }
    return NULL;
}

/* A leaf compares the column behind the last, which is 0 always, with infinity: it stays where it is. */
static const char *make_nodes(Kernel *kernel, const Description *from) {
    size_t count = from->node_column.count;
    if (from->node_left.count != count || from->node_threshold.count != count || from->values.count != count)
        return "the arrays of nodes differ in length";
    if (!are_starts(from->tree_starts, count)) return "the nodes must be those of each tree in turn";
    kernel->trees = (int32_t)from->tree_starts.count - 1;
    kernel->tree_starts = copy_of(from->tree_starts.at, from->tree_starts.count, sizeof(int32_t));
    kernel->nodes = malloc(count ? count * sizeof(Node) : 1);
    if (!kernel->tree_starts || !kernel->nodes) return "there is no memory";
    for (int32_t t = 0; t < kernel->trees; t++) {
        int32_t stop = kernel->tree_starts[t + 1];
        if (kernel->tree_starts[t] == stop) return "a tree has no node";
        for (int32_t i = kernel->tree_starts[t]; i < stop; i++) {
            int32_t left = from->node_left.at[i], column = from->node_column.at[i];
            if (left == i) {
                kernel->nodes[i] = (Node){(double)INFINITY, left, kernel->columns};
                continue;
            }
            if (left < i || left >= stop - 1) return "a node has a child out of range";
            if (column < 0 || column >= kernel->columns) return "a node compares a column out of range";
            kernel->nodes[i] = (Node){from->node_threshold.at[i], left, column};
        }
    }
    return NULL;
}

static const char *make_of_kind(Kernel *kernel, const Description *from) {
    const char *fault = make_frame(kernel, from);
    if (fault) return fault;
    if (kernel->kind == LINEAR)
        return from->values.count == (size_t)kernel->features ? NULL : "there must be a coefficient for each feature";
    fault = make_columns(kernel, from);
    if (fault) return fault;
    if (kernel->kind == WALK) return make_nodes(kernel, from);
    fault = make_cuts(kernel, from);
    return fault ? fault : make_choices(kernel, from);
}

Kernel *kernel_make(const Description *description, const char **fault) {
    Kernel *kernel = calloc(1, sizeof(Kernel));
    *fault = kernel ? make_of_kind(kernel, description) : "there is no memory";
    if (!*fault) return kernel;
    kernel_free(kernel);
    return NULL;
}

void kernel_free(Kernel *kernel) {
    if (!kernel) return;
    void *parts[] = {kernel->scaling,     kernel->column,       kernel->sets,    kernel->cut_starts, kernel->steps, kernel->cuts,
                     kernel->tree_starts, kernel->value_starts, kernel->choices, kernel->nodes,      kernel->values};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
    free(kernel);
}

int32_t kernel_features(const Kernel *kernel) { return kernel->features; }

/* ---- scoring ---- */

/* Readings come in blocks of `lanes`, feature by feature; lanes beyond the rows hold 0. */
static inline Outcome check(const Kernel *kernel, int nan, int infinite) {
    return (nan && !kernel->takes_nan) || (infinite && !kernel->takes_infinite) ? REFUSED : SCORED;
}

/* Scales in the type of the readings, as scikit-learn does; a scaler refuses what is infinite. */
#define DEFINE_LOAD(NAME, REAL, MOST)                                                                                  \
    static Outcome NAME(const Kernel *kernel, const REAL *readings, size_t rows, size_t lanes, double *into) {         \
        size_t features = (size_t)kernel->features;                                                                    \
        int nan = 0, infinite = 0, overflown = 0;                                                                      \
        for (size_t f = 0; f < features; f++) {                                                                        \
            for (size_t k = 0; k < rows; k++) {                                                                        \
                REAL value = readings[k * features + f];                                                               \
                for (int32_t s = 0; s < kernel->scalers; s++) {                                                        \
                    const double *scaler = kernel->scaling + 2 * features * (size_t)s;                                 \
                    overflown |= value > MOST || value < -MOST;                                                        \
                    value = (value - (REAL)scaler[f]) / (REAL)scaler[features + f];                                    \
                }                                                                                                      \
                double wide = kernel->narrow ? (double)(float)value : (double)value;                                   \
                nan |= wide != wide;                                                                                   \
                infinite |= wide > DBL_MAX || wide < -DBL_MAX;                                                         \
                into[f * lanes + k] = wide;                                                                            \
            }                                                                                                          \
            for (size_t k = rows; k < lanes; k++) into[f * lanes + k] = 0;                                             \
        }                                                                                                              \
        return overflown ? REFUSED : check(kernel, nan, infinite);                                                     \
    }

DEFINE_LOAD(load_float, float, FLT_MAX)
DEFINE_LOAD(load_double, double, DBL_MAX)

static inline int goes_left(const Kernel *kernel, const Column *column, double category) {
    if (!(category >= 0 && category < 256)) return column->missing_left;
    unsigned number = (unsigned)category;
    return kernel->sets[(size_t)column->set * SET_BYTES + number / 8] >> number % 8 & 1;
}

static inline double link_of(const Kernel *kernel, double sum) {
    double value = sum / kernel->divisor;
    if (kernel->link == IDENTITY) return value;
    return 1 / (1 + exp(kernel->link == EXPIT ? -value : -2 * value));
}

static void rank(const double *restrict cuts, int32_t steps, const double *restrict values, size_t lanes,
                 int32_t *restrict ranks) {
    for (size_t k = 0; k < lanes; k++) ranks[k] = 0;
    for (int32_t half = steps ? 1 << (steps - 1) : 0; half; half >>= 1)
        for (size_t k = 0; k < lanes; k++) ranks[k] += cuts[ranks[k] + half - 1] < values[k] ? half : 0;
}

/* Codes that compare with `bound` as the values compare with the threshold, where both are missing or not. One more
 * than that lets what is missing wrap round to the top, right of everything. */
static void encode(const Kernel *kernel, const double *values, size_t lanes, int8_t *codes) {
    int32_t ranks[SWEEP_ROWS], ranked = -1;
    for (int32_t c = 0; c < kernel->columns; c++) {
        const Column *column = &kernel->column[c];
        const double *value = values + (size_t)column->feature * lanes;
        int8_t *code = codes + (size_t)c * lanes;
        if (column->set >= 0) {
            for (size_t k = 0; k < lanes; k++) code[k] = goes_left(kernel, column, value[k]) ? LOWEST : INT8_MAX;
            continue;
        }
        if (ranked != column->feature) {
            ranked = column->feature;
            rank(kernel->cuts + kernel->cut_starts[ranked], kernel->steps[ranked], value, lanes, ranks);
        }
        int shift = column->missing_left ? 0 : 1;
        for (size_t k = 0; k < lanes; k++) {
            int32_t above = ranks[k] > column->base ? ranks[k] - column->base : 0;
            int32_t known = LOWEST + (above < MOST_RANK ? above : MOST_RANK) - shift;
            int32_t missing = shift ? INT8_MAX : MISSING;
            code[k] = (int8_t)(value[k] != value[k] ? missing : known);
        }
    }
}

static inline __attribute__((always_inline)) const uint8_t *leaves_of(const Choice *choices, int32_t count, size_t lanes,
                                                                      const int8_t *codes, int8_t *slots) {
    int8_t *result = count ? slots + MOST_LEAVES * lanes : slots;
    for (int32_t i = 0; i < count; i++) {
        Choice choice = choices[i];
        const Lanes *code = (const Lanes *)(codes + choice.column * lanes);
        const Lanes *left = (const Lanes *)(slots + choice.left * lanes);
        const Lanes *right = (const Lanes *)(slots + choice.right * lanes);
        Lanes bound = (Lanes){0} + (int8_t)choice.bound;
        result = slots + ((size_t)MOST_LEAVES + (size_t)i) * lanes;
        for (size_t k = 0; k < lanes / sizeof(Lanes); k++) {
            Lanes goes_right = (Lanes)(code[k] > bound);
            ((Lanes *)result)[k] = (right[k] & goes_right) | (left[k] & ~goes_right);
        }
    }
    return (const uint8_t *)result;
}

static inline __attribute__((always_inline)) void sweep(const Kernel *kernel, size_t lanes, const int8_t *codes,
                                                        int8_t *slots, double *sums) {
    for (size_t k = 0; k < lanes; k++) sums[k] = kernel->start;
    for (int32_t t = 0; t < kernel->trees; t++) {
        int32_t first = kernel->tree_starts[t];
        const uint8_t *leaves =
            leaves_of(kernel->choices + first, kernel->tree_starts[t + 1] - first, lanes, codes, slots);
        const double *values = kernel->values + kernel->value_starts[t];
        for (size_t k = 0; k < lanes; k++) sums[k] += values[leaves[k]];
    }
}

static void spread(const Kernel *kernel, const double *values, size_t lanes, double *columns) {
    for (int32_t c = 0; c < kernel->columns; c++) {
        const Column *column = &kernel->column[c];
        const double *value = values + (size_t)column->feature * lanes;
        double *into = columns + (size_t)c * lanes;
        if (column->set >= 0)
            for (size_t k = 0; k < lanes; k++) into[k] = goes_left(kernel, column, value[k]) ? -(double)INFINITY : 1;
        else if (column->missing_left)
            for (size_t k = 0; k < lanes; k++) into[k] = value[k] != value[k] ? -(double)INFINITY : value[k];
        else
            memcpy(into, value, lanes * sizeof(double));
    }
    for (size_t k = 0; k < lanes; k++) columns[(size_t)kernel->columns * lanes + k] = 0;
}

static inline __attribute__((always_inline)) void walk_together(const Node *nodes, const double *values, int32_t root,
                                                                const double *columns, size_t lanes, size_t together,
                                                                double *sums) {
    int32_t at[WALK_TOGETHER], moved = 1;
    for (size_t k = 0; k < together; k++) at[k] = root;
    while (moved) {
        moved = 0;
        for (size_t k = 0; k < together; k++) {
            const Node *node = &nodes[at[k]];
            int32_t next = node->left + !(columns[(size_t)node->column * lanes + k] <= node->threshold);
            moved |= next ^ at[k];
            at[k] = next;
        }
    }
    for (size_t k = 0; k < together; k++) sums[k] += values[at[k]];
}

static void walk(const Kernel *kernel, size_t rows, size_t lanes, const double *columns, double *sums) {
    for (size_t k = 0; k < rows; k++) sums[k] = kernel->start;
    for (int32_t t = 0; t < kernel->trees; t++) {
        int32_t root = kernel->tree_starts[t];
        size_t k = 0;
        for (; k + WALK_TOGETHER <= rows; k += WALK_TOGETHER)
            walk_together(kernel->nodes, kernel->values, root, columns + k, lanes, WALK_TOGETHER, sums + k);
        for (; k < rows; k++) walk_together(kernel->nodes, kernel->values, root, columns + k, lanes, 1, sums + k);
    }
}

static void add_up(const Kernel *kernel, size_t lanes, const double *values, double *sums) {
    for (size_t k = 0; k < lanes; k++) sums[k] = 0;
    for (size_t f = 0; f < (size_t)kernel->features; f++)
        for (size_t k = 0; k < lanes; k++) sums[k] += kernel->values[f] * values[f * lanes + k];
    for (size_t k = 0; k < lanes; k++) sums[k] += kernel->start;
}

/* Memory of one call: the values of a block, and what its kind makes of them. */
typedef struct {
    void *whole;
    double *values, *columns, *sums;
    int8_t *codes, *slots;
} Scratch;

static size_t lanes_of(const Kernel *kernel, size_t rows) {
    if (kernel->kind == WALK) return rows < WALK_ROWS ? (rows + WALK_TOGETHER - 1) / WALK_TOGETHER * WALK_TOGETHER : WALK_ROWS;
    return rows <= FEW_ROWS ? FEW_ROWS : SWEEP_ROWS;
}

static int make_scratch(Scratch *scratch, const Kernel *kernel, size_t lanes) {
    size_t values = (size_t)kernel->features * lanes * sizeof(double), sums = lanes * sizeof(double);
    size_t columns = kernel->kind == WALK ? ((size_t)kernel->columns + 1) * lanes * sizeof(double) : 0;
    size_t codes = kernel->kind == SWEEP ? (size_t)kernel->columns * lanes : 0;
    size_t slots = kernel->kind == SWEEP ? (MOST_LEAVES + MOST_INNER) * lanes : 0;
    scratch->whole = malloc(LINE + sums + values + columns + codes + slots);
    if (!scratch->whole) return 0;
    char *at = (char *)(((uintptr_t)scratch->whole + LINE - 1) / LINE * LINE);
    scratch->sums = (double *)(void *)at;
    scratch->values = (double *)(void *)(at += sums);
    scratch->columns = (double *)(void *)(at += values);
    scratch->codes = (int8_t *)(at += columns);
    scratch->slots = (int8_t *)(at + codes);
    for (size_t leaf = 0; slots && leaf < MOST_LEAVES; leaf++)
        memset(scratch->slots + leaf * lanes, (int)leaf, lanes);
    return 1;
}

static void score_block(const Kernel *kernel, const Scratch *scratch, size_t rows, size_t lanes, double *risks) {
    if (kernel->kind == LINEAR) {
        add_up(kernel, lanes, scratch->values, scratch->sums);
    } else if (kernel->kind == WALK) {
        spread(kernel, scratch->values, lanes, scratch->columns);
        walk(kernel, rows, lanes, scratch->columns, scratch->sums);
    } else {
        encode(kernel, scratch->values, lanes, scratch->codes);
        if (lanes == FEW_ROWS)
            sweep(kernel, FEW_ROWS, scratch->codes, scratch->slots, scratch->sums);
        else
            sweep(kernel, SWEEP_ROWS, scratch->codes, scratch->slots, scratch->sums);
    }
    for (size_t k = 0; k < rows; k++) risks[k] = link_of(kernel, scratch->sums[k]);
}

#define DEFINE_SCORE(NAME, REAL, LOAD)                                                                                 \
    Outcome NAME(const Kernel *kernel, const REAL *readings, size_t rows, double *risks) {                             \
        Scratch scratch;                                                                                               \
        size_t lanes = lanes_of(kernel, rows);                                                                         \
        Outcome outcome = SCORED;                                                                                      \
        if (!make_scratch(&scratch, kernel, lanes)) return NO_MEMORY;                                                  \
        for (size_t done = 0; done < rows && outcome == SCORED; done += lanes) {                                       \
            size_t some = rows - done < lanes ? rows - done : lanes;                                                   \
            outcome = LOAD(kernel, readings + done * (size_t)kernel->features, some, lanes, scratch.values);           \
            if (outcome == SCORED) score_block(kernel, &scratch, some, lanes, risks + done);                           \
        }                                                                                                              \
        free(scratch.whole);                                                                                           \
        return outcome;                                                                                                \
    }

DEFINE_SCORE(kernel_score_float, float, load_float)
DEFINE_SCORE(kernel_score_double, double, load_double)
