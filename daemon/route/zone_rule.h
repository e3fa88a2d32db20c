/*
 * The POSIX rule of a time zone, "CET-1CEST,M3.5.0,M10.5.0/3": what holds after the last transition
 * of a zone file (IEEE Std 1003.1 §8.3, with the hours -167..167 of RFC 8536 §3.3.1).
 *
 * Pure.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zone_day {
	enum { DAY_JULIAN, DAY_OF_YEAR, DAY_OF_MONTH } form; /* Jn, n, Mm.w.d */
	int day;   /* Jn: 1..365; n: 0..365; Mm.w.d: weekday 0 = Sunday */
	int month; /* 1..12 */
	int week;  /* 1..5, 5 = last */
	int32_t at_s;
};

struct zone_rule {
	int32_t standard_s, summer_s; /* to add to UTC */
	bool has_summer;
	struct zone_day begins, ends; /* in the local time before the change */
};

/* false: not a rule. `text` need not be NUL-terminated. */
bool zone_rule_parse(const char *text, size_t bytes, struct zone_rule *out);
int32_t zone_rule_offset(const struct zone_rule *r, int64_t utc_s);
