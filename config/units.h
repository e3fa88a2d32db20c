/*
 * Numbers with units: "30s" and "10M". Pure.
 *
 * A unit is required, because a number without one was an hour to the writer and a second to the
 * reader; 0 needs none. Sizes count in powers of 1024, durations end in milliseconds.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct unit {
	const char *text;
	int64_t factor;
};

/* Largest last; ended by text NULL. The first of equal factors is the one used in messages. */
extern const struct unit units_duration[]; /* ms s m h d, in ms */
extern const struct unit units_size[];     /* B K KiB M MiB G GiB T TiB, in bytes */

enum unit_result { UNIT_OK, UNIT_MISSING, UNIT_UNKNOWN, UNIT_NOT_A_NUMBER, UNIT_TOO_BIG };

enum unit_result unit_parse(const struct unit *units, const char *text, int64_t *out);

/* "90s" is told as "90s", "120s" as "2m": the largest unit that leaves no rest. */
enum { UNIT_TEXT_BYTES = 32 };
const char *unit_text(const struct unit *units, int64_t value, char out[UNIT_TEXT_BYTES]);
