#include "daemon/route/schedule.h"

#include <stdbool.h>

#include "daemon/base/mem.h"
#include "daemon/route/cron.h"
#include "daemon/route/zone.h"

struct schedule {
	int64_t interval_ms; /* 0: by calendar */
	int64_t first_ms;
	struct cron cron;
	struct zone *zone;
};

/* FNV-1a: the same on every machine and at every start. */
static uint64_t hash_name(const char *name)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return h ^ h >> 32;
}

void schedule_every(int64_t interval_ms, const char *route, struct schedule **out)
{
	struct schedule *s = mem_new_of(struct schedule);
	int64_t room = interval_ms < SCHEDULE_SPREAD_MS ? interval_ms : SCHEDULE_SPREAD_MS;

	s->interval_ms = interval_ms;
	s->first_ms = (int64_t)(hash_name(route) % (uint64_t)room);
	*out = s;
}

int schedule_cron(const char *cron, const char *time_zone, struct schedule **out, struct err *e)
{
	struct schedule *s;
	struct cron c;
	struct zone *z;

	if (cron_parse(cron, &c, e) < 0 || zone_load(time_zone, &z, e) < 0)
		return e->kind;
	s = mem_new_of(struct schedule);
	s->cron = c;
	s->zone = z;
	*out = s;
	return 0;
}

void schedule_free(struct schedule *s)
{
	if (!s)
		return;
	zone_free(s->zone);
	free(s);
}

const struct zone *schedule_zone(const struct schedule *s)
{
	return s->zone;
}

/* ---- the calendar -------------------------------------------------------------------------- */

/*
 * Matching local minutes in order have first occurrences in order (zone.h: a fold maps to its
 * first pass, a hole to its edge), so the first one after now is the answer. All of them lie after
 * now's own local time: the search starts there.
 */
static int64_t next_named(const struct schedule *s, int64_t now_s)
{
	int64_t local = now_s + zone_offset(s->zone, now_s), first, second;

	while (cron_next(&s->cron, local + 1, &local)) {
		(void)zone_to_utc(s->zone, local, &first, &second);
		if (first > now_s)
			return first;
	}
	return SCHEDULE_NEVER;
}

/* A schedule for every hour also fires in the second pass of a fold. Folds are at most a few hours
 * wide and end within that time from now, or do not matter yet. */
static int64_t next_second_pass(const struct schedule *s, int64_t now_s)
{
	const int64_t reach = 3 * 3600;
	int64_t local = now_s + zone_offset(s->zone, now_s + reach), first, second;

	if (zone_offset(s->zone, now_s - reach) == zone_offset(s->zone, now_s + reach))
		return SCHEDULE_NEVER;
	for (int64_t last = local + reach; cron_next(&s->cron, local + 1, &local) && local <= last;)
		if (zone_to_utc(s->zone, local, &first, &second) == ZONE_TWICE && second > now_s)
			return second;
	return SCHEDULE_NEVER;
}

static int64_t next_by_calendar(const struct schedule *s, int64_t now_s)
{
	int64_t named = next_named(s, now_s), again;

	if (!cron_is_hourly(&s->cron))
		return named;
	again = next_second_pass(s, now_s);
	return again < named ? again : named;
}

/* Years for which the calendar is exact; a clock beyond them is broken. */
static int64_t clamp_s(int64_t s)
{
	const int64_t most = INT64_C(250000000000);

	return s > most ? most : s < -most ? -most : s;
}

int64_t schedule_next(const struct schedule *s, int64_t now_wall_ms)
{
	int64_t now_s, next_s;

	if (s->interval_ms > 0)
		return now_wall_ms + s->interval_ms;
	now_s = clamp_s(now_wall_ms / 1000 - (now_wall_ms % 1000 < 0));
	next_s = next_by_calendar(s, now_s);
	return next_s == SCHEDULE_NEVER ? SCHEDULE_NEVER : next_s * 1000;
}

int64_t schedule_first(const struct schedule *s, int64_t now_wall_ms)
{
	return s->interval_ms > 0 ? now_wall_ms + s->first_ms : schedule_next(s, now_wall_ms);
}

/* ---- judging ------------------------------------------------------------------------------- */

static _Thread_local struct err judged;

const char *schedule_judge_cron(const char *text)
{
	struct cron c;

	return cron_parse(text, &c, &judged) < 0 ? judged.message : NULL;
}

const char *schedule_judge_time_zone(const char *text)
{
	struct zone *z;

	if (zone_load(text, &z, &judged) < 0)
		return judged.message;
	zone_free(z);
	return NULL;
}
