/*
 * Settle: delivered -> done. What the route says happens to the source, and only to the version
 * that was taken: a newer one under the same name survives and is a new file.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/names.h"
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
	bool is_claimed;       /* that is in the claim folder */
	bool is_kept;
	const char *note;
};

static bool is_code(const struct err *e, const char *code)
{
	return strcmp(e->code, code) == 0;
}

static bool is_version_taken(const struct store_job *job, const struct entry *now)
{
	return now->type == ENTRY_FILE && now->size == job->size &&
	       told_agrees((struct told){now->mtime_ms, now->mtime_precision_ms},
	                   (struct told){job->mtime_ms, job->precision_ms}) &&
	       (!job->identity || !now->identity || now->identity == job->identity);
}

/* 1 = it lies in our claim folder, where it is nobody else's; s->source tells. */
static int find_claimed(struct settlement *s, struct err *e)
{
	struct entry found;
	int r;

	if (!route_is_local(s->route))
		return 0;
	route_claim_path(s->job, s->source, sizeof(s->source));
	r = s->lease.adapter->stat(s->lease.connection, s->source, &found, e);
	if (r < 0)
		return is_code(e, "OBJ-MISSING") ? 0 : r;
	s->is_claimed = true;
	return 1;
}

/* 1 = still the version we took, 0 = not (note tells), or a negative kind. */
static int find_source(struct settlement *s, struct err *e)
{
	const char *folder = s->route->settings->from.path;
	struct entry now = {0};
	int r = find_claimed(s, e);

	if (r)
		return r;
	r = route_join(s->source, sizeof(s->source), folder, s->job->path, e);
	if (r == 0)
		r = s->lease.adapter->stat(s->lease.connection, s->source, &now, e);
	if (r < 0 && is_code(e, "OBJ-MISSING")) {
		s->note = "the source was already gone";
		return 0;
	}
	if (r < 0)
		return r;
	if (is_version_taken(s->job, &now))
		return 1;
	s->note = "a newer version has taken its place and was left alone";
	return 0;
}

/* ---- move and rename ----------------------------------------------------------------------- */

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

/* ---- the step ------------------------------------------------------------------------------ */

/* Taken when the route still said otherwise: sources are kept now. */
static int give_back(struct settlement *s, struct err *e)
{
	char target[PATH_MAX];
	int r = route_join(target, sizeof(target), s->route->settings->from.path, s->job->path, e);

	s->is_kept = true;
	if (r < 0 || !s->is_claimed)
		return r;
	r = s->lease.adapter->rename(s->lease.connection, s->source, target, RENAME_FAIL_IF_EXISTS,
	                             e);
	if (r == 0 || !is_code(e, "OBJ-EXISTS"))
		return r;
	s->note = "a newer version has its name: this one stays in " NAME_CLAIM_DIR;
	return 0;
}

static int treat(struct settlement *s, struct err *e)
{
	int r;

	switch (s->route->settings->from.after) {
	case AFTER_KEEP:
		return give_back(s, e);
	case AFTER_DELETE:
		r = s->lease.adapter->remove(s->lease.connection, s->source, e);
		/* somebody was faster; it is gone, which is what was wanted */
		return r < 0 && is_code(e, "OBJ-MISSING") ? 0 : r;
	case AFTER_MOVE:
	case AFTER_RENAME:
		break;
	}
	return move_away(s, e);
}

static int settle_source(struct settlement *s, struct err *e)
{
	int r = route_lease(s->lane, &s->lease, e);

	if (r < 0)
		return r;
	r = find_source(s, e);
	if (r > 0)
		r = treat(s, e);
	lease_release(&s->lease, r, e);
	return r;
}

/* A task straight from its delivery tells whether the spool file became the delivered file. */
static bool may_have_spool_file(const struct store_task *task)
{
	return !task->delivery.id || task->delivery.verification != VERIFIED_NONE;
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
	} else if (store_source_done(lane->shard->store, s->job->id, s->is_kept, s->note, &e) < 0) {
		route_not_recorded(lane, task, &e);
	} else {
		lane_log_success(lane);
		if (!s->is_claimed && may_have_spool_file(task))
			(void)spool_remove(&lane->shard->spool, s->job->id,
			                   &e); /* or the next start */
	}
	free(s);
}
