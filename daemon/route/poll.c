/*
 * The poll: wait until due, list, choose, claim. One fiber a route.
 */
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/route/doubts.h"
#include "daemon/route/listing.h"
#include "daemon/route/recover.h"
#include "daemon/route/retry.h"
#include "daemon/route/route.h"
#include "daemon/route/watch.h"

enum {
	CLAIM_BATCH = 512,
	LOOK_AT_CLOCK_MS = 60000,
	CROWD = 50, /* so many routes do not all poll at once after a start */
};

/* ---- claiming ------------------------------------------------------------------------------ */

static void offer(struct route *r, const struct candidate *c, int64_t id)
{
	struct store_task *t = mem_new_of(struct store_task);

	t->job = (struct store_job){
	        .id = id,
	        .size = c->size,
	        .mtime_ms = c->mtime_ms,
	        .identity = c->identity,
	        .precision_ms = c->precision_ms,
	        .state = JOB_CLAIMED,
	};
	(void)snprintf(t->job.route, sizeof(t->job.route), "%s", r->settings->name);
	(void)snprintf(t->job.path, sizeof(t->job.path), "%s", c->path);
	lane_offer(&r->fetch, t);
	free(t);
}

static int claim_batch(struct route *r, const struct listing *l, const struct candidate *c,
                       size_t n, struct err *e)
{
	struct store_file *files = mem_new_array(n, sizeof(*files));
	int64_t *ids = mem_new_array(n, sizeof(*ids));
	int ret;

	candidate_for_store(c, n, files);
	ret = store_claim(r->home->store, r->settings->name, files, n, l->began_wall_ms, ids, e);
	for (size_t i = 0; ret == 0 && i < n; i++) {
		if (!ids[i])
			continue;
		r->report.taken++;
		offer(r, &c[i], ids[i]);
	}
	free(files);
	free(ids);
	return ret;
}

/* Moves the files the store does not know to the front; *kept tells how many. */
static int keep_unknown(struct route *r, struct listing *l, size_t *kept, struct err *e)
{
	struct store_file *files = mem_new_array(CLAIM_BATCH, sizeof(*files));
	bool is_new[CLAIM_BATCH];
	size_t at = 0;
	int ret = 0;

	*kept = 0;
	while (ret == 0 && at < l->count) {
		size_t n = l->count - at < CLAIM_BATCH ? l->count - at : CLAIM_BATCH;

		candidate_for_store(l->files + at, n, files);
		ret = store_unknown(r->home->store, r->settings->name, files, n, l->began_wall_ms,
		                    is_new, e);
		for (size_t i = 0; ret == 0 && i < n; i++) {
			struct candidate c = l->files[at + i];

			if (!is_new[i])
				continue;
			l->files[at + i] = l->files[*kept];
			l->files[(*kept)++] = c;
		}
		at += n;
	}
	free(files);
	return ret;
}

static size_t keep_ready(struct route *r, struct candidate *files, size_t n)
{
	int64_t stable_for_ms = r->settings->from.stable_for_ms, now = clock_mono_ms();
	size_t ready = 0;

	ready_begin(&r->ready);
	for (size_t i = 0; i < n; i++) {
		struct candidate c = files[i];

		if (watch_is_busy(r, c.path)) {
			r->report.waiting++;
			continue;
		}
		if (!ready_observe(&r->ready, &c, stable_for_ms, now))
			continue;
		files[i] = files[ready];
		files[ready++] = c;
	}
	ready_end(&r->ready);
	r->report.waiting += ready_waiting(&r->ready);
	return ready;
}

static int record_refusals(struct route *r, const struct listing *l, struct err *e)
{
	size_t kept = l->refused < LISTING_REFUSALS_KEPT ? l->refused : LISTING_REFUSALS_KEPT;
	char name[ESCAPE_ROOM];
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < kept; i++) {
		const struct refusal *f = &l->refusals[i];
		struct store_file file = {.path = f->path,
		                          .path_bytes = f->path_bytes,
		                          .size = f->size,
		                          .mtime_ms = f->mtime_ms,
		                          .precision_ms = f->precision_ms};
		bool first = false;

		ret = store_quarantine(r->home->store, r->settings->name, &file, f->code,
		                       f->sentence, &first, e);
		if (ret == 0 && first)
			log_warn("file refused and left at its source",
			         "route=%s file=\"%s\" code=%s reason=\"%s\"", r->settings->name,
			         escape(f->path, f->path_bytes, name, sizeof(name)), f->code,
			         f->sentence);
	}
	return ret;
}

static int take(struct route *r, struct listing *l, struct err *e)
{
	size_t unknown = 0, ready;
	int ret = record_refusals(r, l, e);

	if (ret == 0)
		ret = keep_unknown(r, l, &unknown, e);
	if (ret == 0)
		ret = doubts_drop_known(r, l->files, &unknown, e);
	if (ret < 0)
		return ret;
	ready = keep_ready(r, l->files, unknown);
	ret = doubts_refine(r, l->files, ready, e);
	if (ret == 0 && ready)
		qsort_r(l->files, ready, sizeof(*l->files), select_compare,
		        (void *)(uintptr_t)&r->settings->from);
	for (size_t at = 0; ret == 0 && at < ready; at += CLAIM_BATCH)
		ret = claim_batch(r, l, l->files + at,
		                  ready - at < CLAIM_BATCH ? ready - at : CLAIM_BATCH, e);
	return ret;
}

/* ---- one poll ------------------------------------------------------------------------------ */

static int poll_once(struct route *r, struct err *e)
{
	const struct daemon_config *d = &r->config->daemon;
	struct listing l;
	struct lease lease;
	int ret = spool_has_room(&r->home->spool, d->min_free_bytes, d->min_free_percent, e);

	if (ret < 0)
		return ret;
	ret = route_wait_lease(r->source, &lease, e);
	if (ret < 0)
		return ret;
	listing_init(&l, r);
	ret = listing_walk(&l, &lease, e);
	lease_release(&lease, ret, e);
	r->report.listed = l.listed;
	r->report.filtered = l.filtered;
	r->report.refused = l.refused;
	if (ret == 0)
		ret = take(r, &l, e);
	listing_release(&l);
	return ret;
}

static void log_change(struct route *r, const struct err *before, const struct err *now)
{
	if (now->kind && (!before->kind || strcmp(before->code, now->code) != 0))
		log_write(err_retry_class(now->kind) == RETRY_NO ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
		          "source cannot be polled", "route=%s code=%s error=\"%s\"",
		          r->settings->name, now->code, now->message);
	else if (!now->kind && before->kind)
		log_info("source is polled again", "route=%s", r->settings->name);
}

static void poll_and_report(struct route *r)
{
	struct err before = r->report.failure, e = {0}, why;
	int64_t began = clock_mono_ms();

	r->poke = false;
	r->is_polling = true;
	r->report = (struct poll_report){.at_ms = clock_wall_ms()};
	if (poll_once(r, &why) < 0)
		e = why;
	r->is_polling = false;
	if (fiber_is_canceled())
		return;
	r->report.failure = e;
	r->report.took_ms = clock_mono_ms() - began;
	r->poll_failures = e.kind ? r->poll_failures + 1 : 0;
	log_change(r, &before, &e);
}

/* ---- when ---------------------------------------------------------------------------------- */

/* Intervals and retries count on the monotonic clock; only the calendar looks at the wall. */
struct due {
	int64_t mono_ms; /* INT64_MAX: the calendar alone decides */
	int64_t wall_ms; /* INT64_MAX: no calendar */
};

static struct due schedule_due(const struct route *r, int64_t at_wall_ms)
{
	if (r->settings->from.cron)
		return (struct due){INT64_MAX, at_wall_ms};
	return (struct due){clock_mono_ms() + (at_wall_ms - clock_wall_ms()), INT64_MAX};
}

static int64_t left_ms(const struct due *d)
{
	int64_t mono = d->mono_ms == INT64_MAX ? INT64_MAX : d->mono_ms - clock_mono_ms();
	int64_t wall = d->wall_ms == INT64_MAX ? INT64_MAX : d->wall_ms - clock_wall_ms();

	return mono < wall ? mono : wall;
}

/* When that will be, for the operator; 0 = never. */
static int64_t wall_of(const struct due *d)
{
	int64_t left = left_ms(d);

	return left == INT64_MAX ? 0 : clock_wall_ms() + left;
}

static struct due next_due(struct route *r)
{
	int64_t now = clock_wall_ms(), soon = INT64_MAX;
	struct due d = schedule_due(r, schedule_next(r->schedule, now));
	struct retry_decision again;

	if (r->report.failure.kind) {
		again = retry_next(&r->settings->retry, &r->report.failure, r->poll_failures, now,
		                   shard_roll(r->home));
		if (again.verdict == RETRY_AT)
			soon = clock_mono_ms() + (again.at_ms - now);
	}
	if (r->ready.next_ms < soon)
		soon = r->ready.next_ms;
	if (soon < d.mono_ms)
		d.mono_ms = soon;
	return d;
}

/* False when the route is to stop. */
static bool wait_until(struct route *r, const struct due *d)
{
	while (!r->is_stopping && !fiber_is_canceled()) {
		int64_t left = left_ms(d);
		struct err e;

		if (!r->is_paused && (r->poke || left <= 0))
			return true;
		if (left > LOOK_AT_CLOCK_MS || r->is_paused)
			left = LOOK_AT_CLOCK_MS;
		(void)signal_wait(&r->poked, r->is_paused ? "resume" : "next poll",
		                  deadline_in(left), &e); /* the loop asks again */
	}
	return false;
}

void poll_run(void *arg)
{
	struct route *r = arg;
	bool is_local = r->settings->from.endpoint->protocol == PROTOCOL_LOCAL;
	int64_t now = clock_wall_ms();
	bool at_once = !r->settings->from.cron && (is_local || r->config->route_count < CROWD);
	struct due d = schedule_due(r, at_once ? now : schedule_first(r->schedule, now));

	recover_strays(r);
	recover_claims(r);
	for (;;) {
		r->report.next_ms = wall_of(&d);
		if (!wait_until(r, &d))
			return;
		if (is_local && !watch_is_alive(r)) {
			watch_end(r);
			watch_begin(r);
		}
		poll_and_report(r);
		d = next_due(r);
	}
}
