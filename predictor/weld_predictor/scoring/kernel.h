/* Scores readings by tree ensembles and linear models. Plain C: no Python here, so that it can be fuzzed by itself.
 *
 * A kernel is made from a description, whose arrays are checked and copied: whatever they hold, nothing is ever read
 * outside of memory, and every walk ends. Afterwards it never changes, so any number of threads may score with it. */
#ifndef WELD_KERNEL_H
#define WELD_KERNEL_H

#include <stddef.h>
#include <stdint.h>

typedef enum { SWEEP, WALK, LINEAR } Kind;
typedef enum { IDENTITY, EXPIT, EXPIT_OF_TWICE, LINKS } Link;

typedef struct {
    const int32_t *at;
    size_t count;
} Integers;

typedef struct {
    const double *at;
    size_t count;
} Reals;

typedef struct {
    const uint8_t *at;
    size_t count;
} Bytes;

enum {
    COLUMN_FIELDS = 4, /* of each column: feature, base, missing_left, set */
    SET_BYTES = 32,    /* of each set of categories 0 to 255: a bit for each that goes left */
    MOST_FEATURES = 1 << 16,
    MOST_COLUMNS = 1 << 16,
    MOST_LEAVES = 256, /* of a tree that is swept */
};

/* A column is what nodes compare: the values of one feature, those that are missing placed left or right of all
 * others; or, with set >= 0, 0 where the category goes left and 1 where it goes right. In a sweep a column holds the
 * ranks of the values among the feature's cuts, from `base` to `base + 254`. */
typedef struct {
    Kind kind;
    int32_t features;
    Reals scaling;       /* [scalers][mean, scale][features] */
    int32_t narrow;      /* round to float32, as scikit-learn's trees do */
    int32_t takes_nan, takes_infinite;
    double start;        /* what the sum starts with */
    double divisor;      /* what it is divided by before the link */
    int32_t link;
    Integers columns;    /* [columns][COLUMN_FIELDS] */
    Bytes sets;          /* [sets][SET_BYTES] */
    Integers cut_starts; /* [features + 1] into cuts; sweep only */
    Reals cuts;          /* rising, of each feature; sweep only */
    Integers tree_starts;  /* [trees + 1] into the nodes */
    Integers value_starts; /* [trees + 1] into values; sweep only */
    Integers node_column, node_left, node_right; /* sweep: inner nodes only, children before parents, see kernel.c */
    Integers node_bound;   /* sweep only: left while the rank's code is at most this */
    Reals node_threshold;  /* walk only: left while the value is at most this */
    Reals values;          /* sweep: of the leaves; walk: of the nodes; linear: coefficients */
} Description;

typedef struct Kernel Kernel;

typedef enum { SCORED, REFUSED, NO_MEMORY } Outcome;

/* A kernel, or NULL and a sentence's end in `fault` that says why there is none. */
Kernel *kernel_make(const Description *description, const char **fault);
void kernel_free(Kernel *kernel);
int32_t kernel_features(const Kernel *kernel);

/* Risks of `rows` readings, [rows][features] of float or of double. REFUSED when they hold what the estimator itself
 * refuses: missing or infinite values. */
Outcome kernel_score_float(const Kernel *kernel, const float *readings, size_t rows, double *risks);
Outcome kernel_score_double(const Kernel *kernel, const double *readings, size_t rows, double *risks);

#endif
