#include "histogram.h"

enum { LINEAR = 128, SUB = 64, SUB_BITS = 6 };

static unsigned bucket_of(uint64_t value)
{
    if (value < LINEAR)
        return (unsigned)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - SUB_BITS;
    return shift * SUB + (unsigned)(value >> shift);
}

/* The middle of a bucket. */
static double value_of(unsigned bucket)
{
    if (bucket < LINEAR)
        return bucket;
    unsigned shift = bucket / SUB - 1;
    uint64_t first = (uint64_t)(bucket - shift * SUB) << shift;
    return (double)first + (double)(1ull << shift) / 2;
}

void histogram_add(Histogram *histogram, int64_t nanoseconds)
{
    uint64_t value = nanoseconds > 0 ? (uint64_t)nanoseconds : 0;
    unsigned bucket = bucket_of(value);
    histogram->counts[bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1]++;
    histogram->total++;
    histogram->sum += (double)value;
    if (value > histogram->largest)
        histogram->largest = value;
}

double histogram_quantile(const Histogram *histogram, double quantile)
{
    double wanted = quantile * (double)histogram->total;
    uint64_t seen = 0;
    for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->counts[bucket];
        if (seen && (double)seen >= wanted) {
            double value = value_of(bucket);
            return value < (double)histogram->largest ? value : (double)histogram->largest;
        }
    }
    return 0;
}

void histogram_print(const Histogram *histogram, const char *name, FILE *file)
{
    static const struct { const char *name; double quantile; } WANTED[] = {
        {"p50_ms", 0.5}, {"p90_ms", 0.9}, {"p99_ms", 0.99}, {"p999_ms", 0.999},
    };
    fprintf(file, "\"%s\": {\"count\": %llu", name, (unsigned long long)histogram->total);
    for (unsigned index = 0; index < sizeof WANTED / sizeof *WANTED; index++)
        fprintf(file, ", \"%s\": %.4f", WANTED[index].name, histogram_quantile(histogram, WANTED[index].quantile) / 1e6);
    double mean = histogram->total ? histogram->sum / (double)histogram->total : 0;
    fprintf(file, ", \"mean_ms\": %.4f, \"max_ms\": %.4f}", mean / 1e6, (double)histogram->largest / 1e6);
}
