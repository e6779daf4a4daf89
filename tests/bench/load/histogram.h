/* Counts of times by size, each bucket at most 1.6 % wide, in constant memory. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

enum { HISTOGRAM_BUCKETS = 64 * 58 };

typedef struct {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t largest;
    double sum;
} Histogram;

void histogram_add(Histogram *histogram, int64_t nanoseconds);

/* Nanoseconds that a share of `quantile` (0 to 1) does not exceed; 0 where nothing was added. */
double histogram_quantile(const Histogram *histogram, double quantile);

/* As a JSON object, in milliseconds. */
void histogram_print(const Histogram *histogram, const char *name, FILE *file);

#endif
