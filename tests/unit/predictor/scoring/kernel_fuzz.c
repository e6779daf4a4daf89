/* Gives kernel.c descriptions, sound and broken, and scores with every kernel that it makes of them. To be built with
 * sanitizers, which end the program at the first byte that is read or written outside of its array.
 * Arguments: the number of descriptions, and a seed. Prints how many were made, and how many were refused. */
#include "kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint32_t any(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static int32_t below(int32_t limit) { return limit > 0 ? (int32_t)(any() % (uint32_t)limit) : 0; }

static double real(void) {
    static const double special[] = {0.0, -0.0, 1.0, -1.0, 1e-310, 1e300, -1e300, 3.5e38};
    uint64_t bits = (uint64_t)any() << 32 | any();
    double value;
    switch (below(4)) {
    case 0:
        return special[below(8)];
    case 1:
        memcpy(&value, &bits, sizeof value); /* NaN and infinity among them */
        return value;
    default:
        return (double)below(2001) / 1000 - 1;
    }
}

/* Arrays of exactly their size, so that one step outside is seen. */
static int32_t *integers(size_t count) { return malloc(count * sizeof(int32_t)); }

static double *reals(size_t count) {
    double *at = malloc(count * sizeof(double));
    for (size_t i = 0; i < count; i++) at[i] = real();
    return at;
}

typedef struct {
    int32_t columns, sets, trees, nodes;
} Sizes;

static void add_columns(Description *to, Sizes sizes) {
    int32_t *columns = integers((size_t)sizes.columns * COLUMN_FIELDS);
    for (int32_t c = 0; c < sizes.columns; c++) {
        int32_t fields[] = {below(to->features), below(3) * 254, below(2), below(3) ? -1 : below(sizes.sets)};
        if (!sizes.sets) fields[3] = -1;
        memcpy(columns + c * COLUMN_FIELDS, fields, sizeof fields);
    }
    to->columns = (Integers){columns, (size_t)sizes.columns * COLUMN_FIELDS};
    uint8_t *sets = malloc((size_t)sizes.sets * SET_BYTES);
    for (int32_t i = 0; i < sizes.sets * SET_BYTES; i++) sets[i] = (uint8_t)any();
    to->sets = (Bytes){sets, (size_t)sizes.sets * SET_BYTES};
}

static void add_cuts(Description *to) {
    int32_t *starts = integers((size_t)to->features + 1), total = 0;
    for (int32_t f = 0; f <= to->features; f++) {
        starts[f] = total;
        if (f < to->features) total += below(4) ? below(9) : below(700);
    }
    to->cut_starts = (Integers){starts, (size_t)to->features + 1};
    to->cuts = (Reals){reals((size_t)total), (size_t)total};
}

/* Trees to sweep: inner nodes, children first. */
static void add_choices(Description *to, Sizes sizes) {
    int32_t *tree_starts = integers((size_t)sizes.trees + 1), *value_starts = integers((size_t)sizes.trees + 1);
    tree_starts[0] = value_starts[0] = 0;
    for (int32_t t = 0; t < sizes.trees; t++) {
        int32_t inner = sizes.columns ? below(below(8) ? 12 : 260) : 0;
        tree_starts[t + 1] = tree_starts[t] + inner;
        value_starts[t + 1] = value_starts[t] + inner + 1;
    }
    int32_t nodes = tree_starts[sizes.trees];
    int32_t *column = integers((size_t)nodes), *left = integers((size_t)nodes);
    int32_t *right = integers((size_t)nodes), *bound = integers((size_t)nodes);
    for (int32_t t = 0; t < sizes.trees; t++)
        for (int32_t i = tree_starts[t]; i < tree_starts[t + 1]; i++) {
            int32_t own = i - tree_starts[t], leaves = value_starts[t + 1] - value_starts[t];
            column[i] = below(sizes.columns);
            left[i] = own && below(2) ? MOST_LEAVES + below(own) : below(leaves);
            right[i] = own && below(2) ? MOST_LEAVES + below(own) : below(leaves);
            bound[i] = below(256) - 128;
        }
    size_t values = (size_t)value_starts[sizes.trees];
    to->tree_starts = (Integers){tree_starts, (size_t)sizes.trees + 1};
    to->value_starts = (Integers){value_starts, (size_t)sizes.trees + 1};
    to->node_column = (Integers){column, (size_t)nodes};
    to->node_left = (Integers){left, (size_t)nodes};
    to->node_right = (Integers){right, (size_t)nodes};
    to->node_bound = (Integers){bound, (size_t)nodes};
    to->values = (Reals){reals(values), values};
}

/* Trees to walk: roots first, the right child behind the left. */
static void add_nodes(Description *to, Sizes sizes) {
    int32_t *starts = integers((size_t)sizes.trees + 1);
    starts[0] = 0;
    for (int32_t t = 0; t < sizes.trees; t++) starts[t + 1] = starts[t] + 1 + below(sizes.nodes);
    int32_t nodes = starts[sizes.trees];
    int32_t *column = integers((size_t)nodes), *left = integers((size_t)nodes);
    for (int32_t t = 0; t < sizes.trees; t++)
        for (int32_t i = starts[t]; i < starts[t + 1]; i++) {
            int32_t room = starts[t + 1] - 2 - i;
            column[i] = below(sizes.columns);
            left[i] = room > 0 && sizes.columns && below(4) ? i + 1 + below(room) : i;
        }
    to->tree_starts = (Integers){starts, (size_t)sizes.trees + 1};
    to->node_column = (Integers){column, (size_t)nodes};
    to->node_left = (Integers){left, (size_t)nodes};
    to->node_threshold = (Reals){reals((size_t)nodes), (size_t)nodes};
    to->values = (Reals){reals((size_t)nodes), (size_t)nodes};
}

static Description description(void) {
    Sizes sizes = {below(20), below(4), 1 + below(6), 1 + below(40)};
    Description made = {
        .kind = (Kind)below(3),
        .features = 1 + below(9),
        .narrow = below(2),
        .takes_nan = below(4) > 0,
        .takes_infinite = below(4) > 0,
        .start = real(),
        .divisor = 1 + below(5),
        .link = below(LINKS),
    };
    size_t scaling = (size_t)(below(3) * 2 * made.features);
    made.scaling = (Reals){reals(scaling), scaling};
    if (made.kind == LINEAR) {
        made.values = (Reals){reals((size_t)made.features), (size_t)made.features};
        return made;
    }
    add_columns(&made, sizes);
    if (made.kind == SWEEP) {
        add_cuts(&made);
        add_choices(&made, sizes);
    } else {
        add_nodes(&made, sizes);
    }
    return made;
}

static const int32_t *broken_copy(Integers from) {
    static const int32_t wrong[] = {-1, -2, 255, 256, 511, 512, 65535, 65536, INT32_MAX, INT32_MIN};
    int32_t *copy = integers(from.count);
    if (from.count) memcpy(copy, from.at, from.count * sizeof(int32_t));
    for (int times = 1 + below(3); from.count && times; times--) {
        int32_t *one = &copy[below((int32_t)from.count)];
        *one = below(2) ? wrong[below(10)] : (int32_t)((uint32_t)*one + (uint32_t)below(9) - 4);
    }
    free((void *)from.at);
    return copy;
}

/* Its last item is missing, and so is its memory. */
static void shorten(const void **at, size_t *count, size_t size) {
    if (!*count) return;
    void *copy = malloc(--*count * size);
    if (*count) memcpy(copy, *at, *count * size);
    free((void *)*at);
    *at = copy;
}

/* One thing wrong, or two. */
static void break_it(Description *made) {
    Integers *arrays[] = {&made->columns,     &made->cut_starts, &made->tree_starts, &made->value_starts,
                          &made->node_column, &made->node_left,  &made->node_right,  &made->node_bound};
    Integers *array = arrays[below(8)];
    switch (below(12)) {
    case 0:
        made->features += below(3) - 1;
        break;
    case 1:
        shorten((const void **)&made->values.at, &made->values.count, sizeof(double));
        break;
    case 2:
        shorten((const void **)&array->at, &array->count, sizeof(int32_t));
        break;
    case 3:
        made->kind = (Kind)below(3);
        break;
    case 4:
        shorten((const void **)&made->cuts.at, &made->cuts.count, sizeof(double));
        break;
    case 5:
        shorten((const void **)&made->node_threshold.at, &made->node_threshold.count, sizeof(double));
        break;
    case 6:
        if (made->node_left.count > 1) ((int32_t *)made->node_left.at)[made->node_left.count - 2] = (int32_t)made->node_left.count - 1;
        break;
    default:
        array->at = broken_copy(*array);
    }
}

static void score_with(const Kernel *kernel) {
    static const size_t sizes[] = {0, 1, 15, 16, 17, 63, 64, 65, 255, 256, 300};
    size_t rows = sizes[below(11)], count = rows * (size_t)kernel_features(kernel);
    double *readings = reals(count), *risks = malloc(rows * sizeof(double));
    float *narrow = malloc(count * sizeof(float));
    for (size_t i = 0; i < count; i++) narrow[i] = (float)readings[i];
    kernel_score_double(kernel, readings, rows, risks);
    kernel_score_float(kernel, narrow, rows, risks);
    free(readings);
    free(narrow);
    free(risks);
}

static void let_go(Description *made) {
    const void *arrays[] = {made->scaling.at,     made->columns.at,      made->sets.at,        made->cut_starts.at,
                            made->cuts.at,        made->tree_starts.at,  made->value_starts.at, made->node_column.at,
                            made->node_left.at,   made->node_right.at,   made->node_bound.at,  made->node_threshold.at,
                            made->values.at};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free((void *)arrays[i]);
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    long rounds = atol(arguments[1]), made = 0, refused = 0;
    state = 88172645463325252u + (uint64_t)atol(arguments[2]);
    for (long round = 0; round < rounds; round++) {
        Description one = description();
        if (below(2)) break_it(&one);
        const char *fault = NULL;
        Kernel *kernel = kernel_make(&one, &fault);
        let_go(&one);
        if (!kernel) {
            refused += fault != NULL;
            continue;
        }
        made++;
        for (int times = 0; times < 2; times++) score_with(kernel);
        kernel_free(kernel);
    }
    printf("%ld made, %ld refused\n", made, refused);
    return made + refused == rounds ? 0 : 1;
}
