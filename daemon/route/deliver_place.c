#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/route/deliver_state.h"
#include "daemon/runtime/work.h"

int deliver_name_final(struct delivery *d, const char *name, struct err *e)
{
	return route_join(d->final, sizeof(d->final), d->folder, name, e);
}

static bool same_filesystem(const char *file, const char *folder)
{
	struct stat a, b;

	return stat(file, &a) == 0 && stat(folder, &b) == 0 && a.st_dev == b.st_dev;
}

/* A delivery in `renaming` is finished the way it was begun: `verification` tells which. */
static bool is_adoption(const struct delivery *d)
{
	const struct route_config *c = d->route->settings;

	if (d->task->delivery.state == DELIVERY_RENAMING)
		return d->task->delivery.verification == VERIFIED_NONE;
	return d->lease.adapter->adopt && !d->lane->adopts_nothing && c->to_count == 1 &&
	       d->to->exists != EXISTS_APPEND && d->to->mtime != MTIME_KEEP &&
	       d->content.place == IN_SPOOL &&
	       same_filesystem(d->content.path, d->to->endpoint->root);
}

static int look_for_content(void *arg, struct err *e)
{
	const struct content_path *c = arg;
	struct stat st;

	(void)e;
	return lstat(c->path, &st) < 0 && errno == ENOENT;
}

/* 1: `place` has it not. */
static int is_missing_in(struct delivery *d, enum content_place place, struct err *e)
{
	d->content.place = place;
	route_content_path(d->route, d->lane->shard, &d->task->job, &d->content);
	return route_is_local(d->route)
	               ? work_run(look_for_content, &d->content, "looking for the file", e)
	               : 0;
}

/* A local source's file lies where it was put when it was taken: `after:` may have changed since.
 */
static int locate_content(struct delivery *d, struct err *e)
{
	enum content_place usual = route_claims_source(d->route) ? IN_CLAIMS : IN_SPOOL;
	int r = is_missing_in(d, usual, e);

	if (r > 0)
		r = is_missing_in(d, usual == IN_SPOOL ? IN_CLAIMS : IN_SPOOL, e);
	if (r > 0) /* it is the usual one that is missed */
		r = is_missing_in(d, usual, e);
	return r < 0 ? r : 0;
}

int deliver_locate(struct delivery *d, struct err *e)
{
	char below[PATH_MAX];
	int r;

	route_dirname(d->task->job.path, below, sizeof(below));
	r = route_join(d->folder, sizeof(d->folder), d->to->path, below, e);
	if (r == 0)
		r = deliver_name_final(d, d->task->delivery.final_name, e);
	if (r == 0)
		r = route_temp_path(d->lane->shard, d->task, d->folder, d->temp, e);
	if (r == 0)
		r = locate_content(d, e);
	if (r < 0)
		return r;
	d->adopts = is_adoption(d);
	if (d->content.place == IN_CLAIMS)
		d->outcome.settle_source = true; /* even if only to give it back */
	return 0;
}
