/*
 * Settle: delivered -> done. What the route says happens to the source, and only to the version
 * that was taken: a newer one under the same name survives and is a new file.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/route/naming.h"
#include "daemon/route/route.h"

enum { NUMBERS_TRIED = 1000 };

struct settlement {
	struct route *route;
	struct lane *lane;
	const struct store_job *job;
	struct lease lease;
	char source[PATH_MAX]; /* where the file is now, at the source endpoint */
	const char *note;
};

static bool is_code(const struct err *e, const char *code)
{
	return strcmp(e->code, code) == 0;
}

/* 1 = still the version we took, 0 = not (note tells), or a negative kind. */
static int still_ours(struct settlement *s, struct err *e)
{
	struct entry now;
	int r = s->lease.adapter->stat(s->lease.connection, s->source, &now, e);

	if (r < 0 && is_code(e, "OBJ-MISSING")) {
		s->note = "the source was already gone";
		return 0;
	}
	if (r < 0)
		return r;
	if (route_claims_source(s->route))
		return 1; /* in our own folder: nobody else's */
	if (now.type == ENTRY_FILE && now.size == s->job->size &&
	    now.mtime_ms == s->job->mtime_ms &&
	    (!s->job->identity || now.identity == s->job->identity))
		return 1;
	s->note = "a newer version has taken its place and was left alone";
	return 0;
}

/* ---- move and rename ----------------------------------------------------------------------------
 */

/* The folder it goes to, relative like the source path. */
static int target_folder(struct settlement *s, char *out, struct err *e)
{
	const struct route_source *from = &s->route->settings->from;
	char below[PATH_MAX], base[PATH_MAX];
	int r;

	route_dirname(s->job->path, below, sizeof(below));
	if (from->after == AFTER_RENAME)
		return route_join(out, PATH_MAX, from->path, below, e);
	if (from->after_to[0] == '/')
		r = route_join(base, sizeof(base), "", from->after_to, e);
	else
		r = route_join(base, sizeof(base), from->path, from->after_to, e);
	return r < 0 ? r : route_join(out, PATH_MAX, base, below, e);
}

static int target_name(struct settlement *s, char out[NAMING_BYTES], struct err *e)
{
	const struct route_source *from = &s->route->settings->from;
	const struct naming_values v = {
	        .name = route_basename(s->job->path),
	        .mtime_ms = s->job->mtime_ms,
	        .now_ms = clock_wall_ms(),
	        .route = s->job->route,
	        .job = s->job->id,
	        .zone = schedule_zone(s->route->schedule),
	};

	if (from->after == AFTER_RENAME)
		return naming_expand(from->after_to, &v, out, e);
	(void)snprintf(out, NAMING_BYTES, "%s", v.name);
	return 0;
}

static int move_to(struct settlement *s, const char *folder, const char *name, struct err *e)
{
	const struct adapter *a = s->lease.adapter;
	char target[PATH_MAX];
	int r = route_join(target, sizeof(target), folder, name, e);

	if (r < 0)
		return r;
	r = a->rename(s->lease.connection, s->source, target, RENAME_FAIL_IF_EXISTS, e);
	if (r < 0 && !is_code(e, "OBJ-EXISTS") && r == ERR_OBJECT) {
		struct err why = *e;

		if (a->mkdir(s->lease.connection, folder, e) < 0) {
			*e = why;
			return r;
		}
		r = a->rename(s->lease.connection, s->source, target, RENAME_FAIL_IF_EXISTS, e);
	}
	return r;
}

static int move_away(struct settlement *s, struct err *e)
{
	char folder[PATH_MAX], name[NAMING_BYTES], numbered[NAMING_BYTES];
	int r = target_folder(s, folder, e);

	if (r == 0)
		r = target_name(s, name, e);
	if (r < 0)
		return r;
	for (unsigned n = 0; n <= NUMBERS_TRIED; n++) {
		naming_numbered(name, n, numbered);
		r = move_to(s, folder, numbered, e);
		if (r == 0 || !is_code(e, "OBJ-EXISTS"))
			return r;
	}
	return r;
}

/* ---- the step -----------------------------------------------------------------------------------
 */

static int locate(struct settlement *s, struct err *e)
{
	if (route_claims_source(s->route)) {
		route_claim_path(s->job, s->source, sizeof(s->source));
		return 0;
	}
	return route_join(s->source, sizeof(s->source), s->route->settings->from.path, s->job->path,
	                  e);
}

static int settle_source(struct settlement *s, struct err *e)
{
	int r = locate(s, e);

	if (r == 0)
		r = route_lease(s->lane, &s->lease, e);
	if (r < 0)
		return r;
	r = still_ours(s, e);
	if (r > 0)
		r = s->route->settings->from.after == AFTER_DELETE
		            ? s->lease.adapter->remove(s->lease.connection, s->source, e)
		            : move_away(s, e);
	if (r < 0 && is_code(e, "OBJ-MISSING") && s->route->settings->from.after == AFTER_DELETE)
		r = 0; /* somebody was faster; it is gone, which is what was wanted */
	lease_release(&s->lease, r, e);
	return r;
}

/* A task straight from its delivery tells whether the spool file became the delivered file. */
static bool may_have_spool_file(const struct route *route, const struct store_task *task)
{
	return !route_claims_source(route) &&
	       (!task->delivery.id || task->delivery.verification != VERIFIED_NONE);
}

void settle_run(struct lane *lane, struct store_task *task)
{
	struct settlement *s = mem_new_of(struct settlement);
	struct route *route = lane->plan.owner;
	struct err e;
	int r;

	*s = (struct settlement){.route = route, .lane = lane, .job = &task->job};
	r = settle_source(s, &e);
	if (r < 0) {
		route_task_failed(lane, task, &e, store_settle_failed, s->job->id);
	} else if (store_source_done(lane->shard->store, s->job->id, false, s->note, &e) < 0) {
		route_not_recorded(lane, task, &e);
	} else {
		lane_log_success(lane);
		if (may_have_spool_file(route, task))
			(void)spool_remove(&lane->shard->spool, s->job->id,
			                   &e); /* or the next start */
	}
	free(s);
}
