/*
 * When a route polls next: by an interval, or by the calendar.
 *
 *	struct schedule *s;
 *	schedule_every(30000, "acme-in", &s);			// poll: 30s
 *	schedule_cron("0 6 * * mon-fri", "Europe/Berlin", &s, e);	// cron: with time_zone:
 *	first = schedule_first(s, now);
 *	...poll...
 *	next = schedule_next(s, now);				// now: the end of the poll
 *	schedule_free(s);
 *
 * Times are wall clock ms, given by the caller. For an interval only the difference to `now`
 * counts, so wait on the monotonic clock for it; for the calendar wait at most a minute at a time
 * and look at the wall clock again: it may be set, and a machine may sleep.
 *
 * An interval runs from the end of one poll to the start of the next: polls never overlap and a
 * slow partner is not pressed. The first poll comes after a delay derived from the route's name
 * (the same at every start, below the interval and SCHEDULE_SPREAD_MS), so a thousand routes do
 * not knock at once.
 *
 * The calendar means local time. A time the clock skips in spring fires at the edge (02:30 becomes
 * 03:00); a time that comes twice in autumn fires the first time only, unless the hour field is
 * every hour: "0,30 * * * *" names no hour and goes on through both passes. A time
 * missed while ferryd was down is not made up for: the first poll is the next that comes.
 *
 * Pure, but for reading the zone file when made. Immutable; may be shared by threads.
 */
#pragma once
#include <stdint.h>

#include "daemon/base/err.h"

enum { SCHEDULE_SPREAD_MS = 10000 };
#define SCHEDULE_NEVER INT64_MAX

struct schedule;
struct zone;

/* interval_ms > 0. */
void schedule_every(int64_t interval_ms, const char *route, struct schedule **out);
/* time_zone: IANA name, NULL = this machine's. ERR_CONFIG "CRON", "ZONE-…". Reads a file. */
int schedule_cron(const char *cron, const char *time_zone, struct schedule **out, struct err *e);
void schedule_free(struct schedule *s); /* NULL allowed */

/* The first time after a start. */
int64_t schedule_first(const struct schedule *s, int64_t now_wall_ms);
/* Always after now; SCHEDULE_NEVER when the calendar's years have run out. */
int64_t schedule_next(const struct schedule *s, int64_t now_wall_ms);
/* For those who write dates in the route's zone too (naming.h); NULL for intervals. Borrowed. */
const struct zone *schedule_zone(const struct schedule *s);

/* For config_judges: NULL, or a sentence in a buffer of this thread that the next call reuses. */
const char *schedule_judge_cron(const char *text);
const char *schedule_judge_time_zone(const char *text);
