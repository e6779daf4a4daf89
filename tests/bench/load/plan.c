#define _GNU_SOURCE
#include "plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double TOLERANCE = 1e-6;

static void *bytes_from(FILE *file, int64_t length)
{
    uint8_t *bytes = malloc((size_t)length + 1);
    if (!bytes || fread(bytes, 1, (size_t)length, file) != (size_t)length) {
        fprintf(stderr, "the plan ends too early\n");
        exit(2);
    }
    bytes[length] = 0;
    return bytes;
}

static int64_t number_from(FILE *file)
{
    int64_t *read = bytes_from(file, sizeof *read), number = *read;
    free(read);
    return number;
}

Plan plan_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    Plan plan = {0};
    plan.protocol = number_from(file);
    plan.readings = number_from(file);
    plan.check = number_from(file);
    plan.risks_at = number_from(file);
    plan.answer_length = number_from(file);
    plan.key_length = number_from(file);
    plan.key = bytes_from(file, plan.key_length);
    plan.headers_length = number_from(file);
    plan.headers = bytes_from(file, plan.headers_length);
    plan.template_count = number_from(file);
    plan.templates = calloc((size_t)plan.template_count, sizeof *plan.templates);
    for (Template *each = plan.templates; each < plan.templates + plan.template_count; each++) {
        each->length = number_from(file);
        each->sensors_at = number_from(file);
        each->times_at = number_from(file);
        each->bytes = bytes_from(file, each->length);
        each->risks = bytes_from(file, plan.readings * (int64_t)sizeof(float));
    }
    fclose(file);
    return plan;
}

static int is_right_json(const Plan *plan, const Template *template, const uint8_t *answer, size_t length)
{
    const char *found = memmem(answer, length, plan->key, (size_t)plan->key_length);
    if (!found)
        return 0;
    const char *text = found + plan->key_length, *end = (const char *)answer + length;
    for (int64_t reading = 0; reading < plan->readings; reading++) {
        char *after;
        double risk = text < end ? strtod(text, &after) : NAN;
        if (!(fabs(risk - template->risks[reading]) <= TOLERANCE))
            return 0;
        /* Whatever parts two numbers: commas, spaces, the brackets of nested lists. */
        for (text = after; text < end && strchr(", \n[]", *text); text++)
            ;
    }
    return 1;
}

int plan_is_right(const Plan *plan, const Template *template, const uint8_t *answer, size_t length)
{
    if (plan->answer_length >= 0 && length != (size_t)plan->answer_length)
        return 0;
    if (plan->check == CHECK_JSON)
        return is_right_json(plan, template, answer, length);
    size_t width = plan->check == CHECK_FLOAT32 ? sizeof(float) : sizeof(double);
    if (length < (size_t)plan->risks_at + width * (size_t)plan->readings)
        return 0;
    const uint8_t *values = answer + plan->risks_at;
    for (int64_t reading = 0; reading < plan->readings; reading++, values += width) {
        float single;
        double risk;
        if (width == sizeof single) {
            memcpy(&single, values, sizeof single);
            risk = single;
        } else {
            memcpy(&risk, values, sizeof risk);
        }
        if (!(fabs(risk - template->risks[reading]) <= TOLERANCE))
            return 0;
    }
    return 1;
}
