/*
 * Fetch: claimed -> stored. Either the bytes are copied into the spool, or a local source is taken
 * out of its writers' hands by a rename and is its own spool. A file's life, step by step:
 *
 *	copy:	get + hash -> source unchanged -> file and folder flushed -> commit `stored`
 *		a large file that was cut off goes on where it was, if the source is still the same
 *	claim:	rename into the claim folder, still the same file -> commit `stored`
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/route/naming.h"
#include "daemon/route/route.h"

struct fetch {
	struct route *route;
	struct lane *lane;
	struct store_job *job;
	char path[PATH_MAX]; /* at the source endpoint */
	struct spool_file file;
	uint64_t had; /* bytes of an earlier attempt */
	bool has_asked;
	bool has_sha256;
	unsigned char sha256[DIGEST_BYTES];
};

/* ---- copy ---------------------------------------------------------------------------------- */

static int into_spool(void *arg, const void *data, size_t n, struct err *e)
{
	struct fetch *f = arg;

	return spool_write(&f->file, data, n, e);
}

/* A file that ends too early was cut off on the way, or is another one by now. */
static int judge_short(struct fetch *f, struct lease *lease, struct err *e)
{
	struct err ignored;
	struct entry now;

	if (lease->adapter->stat(lease->connection, f->path, &now, &ignored) < 0 ||
	    now.size == f->job->size)
		return e->kind;
	return err_set(e, ERR_INTEGRITY, "DATA-CHANGED", 0,
	               "it is not the file any more that was listed: it has %" PRIu64
	               " bytes, not %" PRIu64,
	               now.size, f->job->size);
}

/* Is it surely the file whose first part we have? Times that are only told to the minute say too
 * little. */
static bool is_same_source(struct fetch *f, const struct lease *lease)
{
	const struct store_job *j = f->job;
	struct err ignored;
	struct entry now;

	if (!lease->adapter->capabilities(lease->connection)->exact_mtime ||
	    lease->adapter->stat(lease->connection, f->path, &now, &ignored) < 0)
		return false;
	return now.type == ENTRY_FILE && now.size == j->size && now.mtime_ms == j->mtime_ms &&
	       (!j->identity || !now.identity || now.identity == j->identity);
}

static int begin_again(struct fetch *f, struct err *e)
{
	f->had = 0;
	return spool_restart(&f->file, e);
}

static int get_from(struct fetch *f, const struct lease *lease, struct err *e)
{
	const struct get_options o = {
	        .sink = {into_spool, f},
	        .expect_size = f->job->size,
	        .expect_mtime_ms = f->job->mtime_ms,
	        .expect_precision_ms = f->job->precision_ms,
	        .max_size = f->route->settings->from.max_size,
	        .offset = f->had,
	};

	f->has_asked = true;
	return lease->adapter->get(lease->connection, f->path, &o, e);
}

static int get(struct fetch *f, struct err *e)
{
	struct lease lease;
	int r = route_lease(f->lane, &lease, e);

	if (r < 0)
		return r;
	if (f->had > 0 && !is_same_source(f, &lease))
		r = begin_again(f, e);
	if (r == 0)
		r = get_from(f, &lease, e);
	if (r < 0 && strcmp(e->code, "DATA-SHORT") == 0 && f->had == 0)
		r = judge_short(f, &lease, e);
	lease_release(&lease, r, e);
	return r;
}

/* ---- going on where it was cut off --------------------------------------------------------- */

static bool is_worth_keeping(const struct fetch *f)
{
	return f->job->size != SIZE_UNKNOWN && f->job->mtime_ms != MTIME_UNKNOWN &&
	       f->job->size >= f->lane->shard->spool.part_least;
}

/* Servers that cannot begin in the middle, or begin at the start instead, and parts that do not fit
 * what is there now: the whole file tells what is true. */
static bool is_for_the_whole(const struct fetch *f, const struct err *e)
{
	return f->had > 0 && f->has_asked && strcmp(e->code, "OBJ-MISSING") != 0 &&
	       (e->kind == ERR_OBJECT || e->kind == ERR_INTEGRITY || e->kind == ERR_PROTOCOL);
}

/* A part that never grows may itself be what the server dies of. */
enum { FRUITLESS_MOST = 3 };

static bool may_keep(const struct fetch *f, const struct err *e)
{
	bool is_fruitless = f->had > 0 && f->has_asked && f->file.size == f->had;

	if (!f->file.is_part || f->file.size == 0)
		return false;
	if (e->kind == ERR_CANCELED)
		return true;
	if (e->kind != ERR_NETWORK && e->kind != ERR_BUSY)
		return !f->has_asked && e->kind != ERR_LOCAL; /* the endpoint is stopped */
	return !is_fruitless || (f->job->attempts + 1) % (FRUITLESS_MOST + 1) != 0;
}

static int take_up(struct fetch *f, struct err *e)
{
	int r = spool_take_up(&f->file, f->job->size, e);

	f->had = f->file.size;
	if (r == 0 && f->had > 0)
		log_info("fetch goes on where it was cut off",
		         "route=%s job=%lld at=%" PRIu64 " size=%" PRIu64, f->job->route,
		         (long long)f->job->id, f->had, f->job->size);
	return r;
}

static int copy(struct fetch *f, struct err *e)
{
	enum spool_kind kind = is_worth_keeping(f) ? SPOOL_PART : SPOOL_WHOLE;
	int r;

	spool_create(&f->lane->shard->spool, f->job->id, kind, &f->file);
	r = kind == SPOOL_PART ? take_up(f, e) : 0;
	if (r == 0)
		r = get(f, e);
	if (r < 0 && is_for_the_whole(f, e)) {
		r = begin_again(f, e);
		if (r == 0)
			r = get(f, e);
	}
	if (r < 0 && may_keep(f, e)) {
		spool_keep(&f->file);
		return r;
	}
	if (r == 0)
		r = spool_finish(&f->file, f->sha256, e);
	if (r < 0) {
		spool_discard(&f->file);
		return r;
	}
	f->has_sha256 = true;
	f->job->size = f->file.size;
	return 0;
}

/* ---- claim --------------------------------------------------------------------------------- */

/*
 * A crash between the rename and the commit leaves the file in the claim folder; it is ours even
 * if its old name is gone, or taken by a newer file, by now.
 */
static int claimed_before(struct fetch *f, struct lease *lease, const char *claimed, struct err *e)
{
	struct err why = *e;
	struct entry found;

	if (e->kind != ERR_OBJECT && e->kind != ERR_INTEGRITY)
		return e->kind;
	if (lease->adapter->stat(lease->connection, claimed, &found, e) == 0 &&
	    found.type == ENTRY_FILE && found.size == f->job->size &&
	    (!f->job->identity || found.identity == f->job->identity))
		return 0;
	*e = why;
	return e->kind;
}

static int claim(struct fetch *f, struct err *e)
{
	const struct entry expect = {
	        .type = ENTRY_FILE,
	        .size = f->job->size,
	        .mtime_ms = f->job->mtime_ms,
	        .mtime_precision_ms = f->job->precision_ms,
	        .identity = f->job->identity,
	};
	char claimed[PATH_MAX];
	struct lease lease;
	int r = route_lease(f->lane, &lease, e);

	if (r < 0)
		return r;
	route_claim_path(f->job, claimed, sizeof(claimed));
	r = lease.adapter->claim(lease.connection, f->path, claimed, &expect, e);
	if (r < 0)
		r = claimed_before(f, &lease, claimed, e);
	lease_release(&lease, r, e);
	return r;
}

/* ---- stored -------------------------------------------------------------------------------- */

static int expand_names(struct fetch *f, char (*names)[NAMING_BYTES], struct err *e)
{
	const struct route_config *c = f->route->settings;
	struct naming_values v = {
	        .name = route_basename(f->job->path),
	        .mtime_ms = f->job->mtime_ms,
	        .now_ms = clock_wall_ms(),
	        .route = c->name,
	        .job = f->job->id,
	        .zone = schedule_zone(f->route->schedule),
	};

	for (size_t i = 0; i < c->to_count; i++) {
		int r = naming_expand(c->to[i].name, &v, names[i], e);

		if (r < 0)
			return err_wrap(e, "name for %s", c->to[i].id);
	}
	return 0;
}

static void offer_deliveries(struct fetch *f, char (*names)[NAMING_BYTES], const int64_t *ids)
{
	const struct route_config *c = f->route->settings;
	struct store_task *t = mem_new_of(struct store_task);

	t->job = *f->job;
	t->job.state = JOB_STORED;
	t->job.has_sha256 = f->has_sha256;
	memcpy(t->job.sha256, f->sha256, sizeof(f->sha256));
	for (size_t i = 0; i < c->to_count; i++) {
		t->delivery = (struct store_delivery){
		        .id = ids[i], .job = f->job->id, .state = DELIVERY_SENDING};
		(void)snprintf(t->delivery.dest, sizeof(t->delivery.dest), "%s", c->to[i].id);
		(void)snprintf(t->delivery.final_name, sizeof(t->delivery.final_name), "%s",
		               names[i]);
		lane_post(&f->route->deliver[i], t);
	}
	free(t);
}

static int store_it(struct fetch *f, char (*names)[NAMING_BYTES], int64_t *ids, struct err *e)
{
	const struct route_config *c = f->route->settings;
	struct store_new_delivery *to = mem_new_array(c->to_count, sizeof(*to));
	int r;

	for (size_t i = 0; i < c->to_count; i++)
		to[i] = (struct store_new_delivery){c->to[i].id, names[i], strlen(names[i])};
	r = store_stored(f->lane->shard->store, f->job->id, f->job->size,
	                 f->has_sha256 ? f->sha256 : NULL, to, c->to_count, ids, e);
	free(to);
	return r;
}

static int acknowledge(struct fetch *f, struct err *e)
{
	size_t n = f->route->settings->to_count;
	char(*names)[NAMING_BYTES] = mem_new_array(n, NAMING_BYTES);
	int64_t *ids = mem_new_array(n, sizeof(*ids));
	int r = expand_names(f, names, e);

	if (r == 0)
		r = store_it(f, names, ids, e);
	if (r == 0)
		offer_deliveries(f, names, ids);
	free(names);
	free(ids);
	return r;
}

/* ---- the step ------------------------------------------------------------------------------ */

/* The version we were told of is no longer there: nothing to fetch, and nothing lost. A newer
 * version has its own entry in the next listing. */
static bool has_gone(const struct err *e)
{
	return (e->kind == ERR_OBJECT && strcmp(e->code, "OBJ-MISSING") == 0) ||
	       strcmp(e->code, "DATA-CHANGED") == 0 || strcmp(e->code, "DATA-LONG") == 0;
}

static void skip(struct fetch *f, struct store_task *task, const struct err *why)
{
	struct escaped name;
	struct err e;

	if (store_skipped(f->lane->shard->store, f->job->id, why->code, why->message, false, &e) <
	    0) {
		route_task_failed(f->lane, task, &e, store_fetch_failed, f->job->id);
		return;
	}
	log_info("file is no longer what was listed, it is looked at again",
	         "route=%s job=%lld file=\"%s\" code=%s", f->job->route, (long long)f->job->id,
	         escape_name(f->job->path, &name), why->code);
}

void fetch_run(struct lane *lane, struct store_task *task)
{
	struct fetch *f = mem_new_of(struct fetch);
	struct route *route = lane->plan.owner;
	struct err e;
	int r;

	*f = (struct fetch){.route = route, .lane = lane, .job = &task->job};
	r = route_join(f->path, sizeof(f->path), route->settings->from.path, f->job->path, &e);
	if (r == 0)
		r = route_claims_source(route) ? claim(f, &e) : copy(f, &e);
	if (r < 0 && has_gone(&e))
		skip(f, task, &e);
	else if (r < 0 || acknowledge(f, &e) < 0)
		route_task_failed(lane, task, &e, store_fetch_failed, f->job->id);
	else
		lane_log_success(lane);
	free(f);
}
