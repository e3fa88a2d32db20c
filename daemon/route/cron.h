/*
 * The five fields of a calendar schedule: minute hour day-of-month month day-of-week.
 *
 *	field    0-59 | 0-23 | 1-31 | 1-12 or jan-dec | 0-7 or sun-sat (0 and 7 are Sunday)
 *	item     *  a  a-b  each with an optional /step;  a/step runs from a to the field's end
 *	list     items with commas, no blanks
 *
 * Names are three letters, any case. Ranges of weekdays may run over the week's end ("fri-mon"),
 * others may not. When day-of-month and day-of-week are both restricted, a day matches if either
 * does; a field that begins with '*' (also "*" with a step) restricts nothing of the other: then
 * both must match. This is what cron(8) does, and what people who write crontabs expect.
 *
 * Knows nothing of time zones: local times, as seconds (civil.h). Pure.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct cron {
	uint64_t minutes; /* bit n = minute n */
	uint32_t hours;
	uint32_t days;               /* bits 1..31 */
	uint32_t months;             /* bits 1..12 */
	uint32_t weekdays;           /* bits 0..6 */
	bool open_day, open_weekday; /* the field began with '*' */
};

/* ERR_CONFIG "CRON": the message names the field and what to write. Also for a date that never
 * comes ("0 0 31 4 *"). */
int cron_parse(const char *text, struct cron *out, struct err *e);
/* Every hour of the day: no particular hour is meant. */
bool cron_is_hourly(const struct cron *c);
/* The first matching minute at or after `local_s`; false: none within 41 years. */
bool cron_next(const struct cron *c, int64_t local_s, int64_t *found);
