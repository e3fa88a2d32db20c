/*
 * Deliver: one file to one destination, sending -> renaming -> delivered.
 *
 *	command before -> upload under the temporary name -> sizes agree, digest agrees, source
 *	unchanged
 *	-> commit `renaming` -> rename by policy -> commit `delivered` -> command after (call.c)
 *
 * `exists: append` adds to a file that is there without a rename: append.h.
 *
 * Where the file already lies on the destination's own filesystem and nobody else needs it, the
 * spool file itself is the temporary file and delivery is the rename alone.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/route/append.h"
#include "daemon/route/command.h"
#include "daemon/route/deliver_state.h"
#include "daemon/route/naming.h"
#include "daemon/route/publish.h"
#include "daemon/route/verify.h"

enum { NUMBERS_TRIED = 1000, EARLY_LOOK_BYTES = 1024 * 1024 };

static bool is_code(const struct err *e, const char *code)
{
	return strcmp(e->code, code) == 0;
}

/* ---- sending ------------------------------------------------------------------------------- */

static int upload(struct delivery *d, struct err *e)
{
	struct content *c = mem_new_of(struct content);
	struct put_options o = {.mode = d->to->mode, .durable = true};
	int64_t mtime_ms = d->task->job.mtime_ms;
	int r = content_open(c, d->content.path, d->task->job.size, e);

	if (r == 0) {
		o.source = content_source(c);
		o.mtime_ms = d->to->mtime == MTIME_KEEP && mtime_ms > 0 ? mtime_ms : 0;
		r = d->lease.adapter->put(d->lease.connection, d->temp, &o, &d->level, e);
	}
	if (r == 0)
		r = content_finish(c, d->sha256, e);
	if (r == 0)
		r = content_check(c, d->task->job.has_sha256 ? d->task->job.sha256 : NULL,
		                  d->sha256, e);
	content_close(c);
	free(c);
	return r;
}

/* Folders below the destination's own mirror the source's; the destination itself is only made
 * when the route says so. */
static bool may_make_folder(const struct delivery *d)
{
	return d->to->mkdir || strchr(d->task->job.path, '/');
}

static int transmit(struct delivery *d, struct err *e)
{
	int r = upload(d, e);

	if (r < 0 && is_code(e, "OBJ-MISSING") && may_make_folder(d)) {
		r = d->lease.adapter->mkdir(d->lease.connection, d->folder, e);
		if (r == 0)
			r = upload(d, e);
	} else if (r < 0 && is_code(e, "OBJ-MISSING")) {
		return err_wrap(e, "the destination directory is missing; create it or set "
		                   "`mkdir: true`");
	}
	return r;
}

/* Who says `fail` or `skip` need not send a large file to learn that the name is taken; and who
 * says `append` does not send it twice. */
static int look_early(struct delivery *d, struct err *e)
{
	struct err ignored;
	struct entry found;

	if (d->to->exists != EXISTS_APPEND &&
	    (d->task->job.size < EARLY_LOOK_BYTES ||
	     (d->to->exists != EXISTS_FAIL && d->to->exists != EXISTS_SKIP)))
		return 0;
	if (d->lease.adapter->stat(d->lease.connection, d->final, &found, &ignored) < 0)
		return 0; /* missing, or the upload will tell better */
	return err_set(e, ERR_OBJECT, "OBJ-EXISTS", 0, "the name is taken");
}

/* NULL: this machine, whose directories do not move to another one. */
static char *site_of(const struct endpoint_config *p)
{
	return p->host ? mem_printf("%s://%s@%s:%d", adapter_for((int)p->protocol)->protocol,
	                            p->user, p->host, p->port)
	               : NULL;
}

static int commit_renaming(struct delivery *d, struct err *e)
{
	const char *name = route_basename(d->final);
	_cleanup_free_ char *site = site_of(d->to->endpoint);
	const struct store_rename how = {
	        .verification = (int)d->level,
	        .sha256 = d->adopts ? NULL : d->sha256,
	        .final_name = name,
	        .final_bytes = strlen(name),
	        .site = site,
	};
	int r = store_renaming(d->lane->shard->store, d->task->delivery.id, &how, e);

	if (r == 0)
		d->task->delivery.state = DELIVERY_RENAMING;
	return r;
}

/*
 * The rename did not happen. To be committed before the temporary file is touched: whoever finds
 * `renaming` and no temporary file concludes that it was renamed.
 */
static int commit_sending(struct delivery *d, struct err *e)
{
	int r = 0;

	if (d->task->delivery.state == DELIVERY_RENAMING)
		r = store_resend(d->lane->shard->store, d->task->delivery.id, e);
	if (r == 0)
		d->task->delivery.state = DELIVERY_SENDING;
	return r;
}

/* ---- publishing ---------------------------------------------------------------------------- */

static int rename_once(struct delivery *d, struct err *e)
{
	enum rename_mode mode =
	        d->to->exists == EXISTS_REPLACE ? RENAME_REPLACE : RENAME_FAIL_IF_EXISTS;
	const struct adapter *a = d->lease.adapter;
	int r;

	if (!d->adopts)
		return a->rename(d->lease.connection, d->temp, d->final, mode, e);
	r = a->adopt(d->lease.connection, d->content.path, d->final, d->to->mode, mode, e);
	if (r < 0 && is_code(e, "OBJ-MISSING") && may_make_folder(d)) {
		r = a->mkdir(d->lease.connection, d->folder, e);
		if (r == 0)
			r = a->adopt(d->lease.connection, d->content.path, d->final, d->to->mode,
			             mode, e);
	}
	return r;
}

static int rename_numbered(struct delivery *d, struct err *e)
{
	char name[NAMING_BYTES];
	int r = ERR_OBJECT;

	for (unsigned n = 1; n <= NUMBERS_TRIED; n++) {
		naming_numbered(d->task->delivery.final_name, n, name);
		r = deliver_name_final(d, name, e);
		if (r == 0)
			r = commit_renaming(d, e);
		if (r == 0)
			r = rename_once(d, e);
		if (r == 0 || !is_code(e, "OBJ-EXISTS"))
			return r;
	}
	return r;
}

/* Fails where it is not known whether it is gone; one that may not be removed stays. */
static int remove_temp(struct delivery *d, struct err *e)
{
	int r = d->adopts ? 0 : d->lease.adapter->remove(d->lease.connection, d->temp, e);

	return r == ERR_OBJECT ? 0 : r;
}

/* Once an attempt, whichever way it goes on. */
static int run_before(struct delivery *d, struct err *e)
{
	const struct store_job *j = &d->task->job;
	struct command_values v = {.path = d->final,
	                           .name = route_basename(d->final),
	                           .dir = d->folder,
	                           .route = j->route,
	                           .job = j->id,
	                           .size = j->size,
	                           .sha256 = j->has_sha256 ? j->sha256 : NULL};

	if (!d->to->before.argv.count || buf_len(&d->before) > 0)
		return 0;
	buf_clear(&d->before);
	(void)buf_add_text(&d->before, "before: "); /* there is room */
	if (command_run(&d->lease, &d->to->before, &v, &d->before, e) < 0)
		return err_wrap(e, "the command before the delivery");
	d->outcome.note = buf_text(&d->before);
	return 0;
}

static bool has_moved(const struct delivery *d)
{
	_cleanup_free_ char *site = site_of(d->to->endpoint);

	return d->task->delivery.site[0] && site && strcmp(site, d->task->delivery.site) != 0;
}

/* Bytes of ours may be in a file there; what the file here has says nothing about it. */
static int refuse_moved_append(const struct delivery *d, struct err *e)
{
	const struct store_delivery *row = &d->task->delivery;
	struct escaped name;

	return err_set(e, ERR_POLICY, "DELIVER-MOVED", 0,
	               "%s was being added to at %s when it was interrupted, and endpoint %s is "
	               "another server now. If our bytes are in the file there: `ferryctl cancel "
	               "%" PRId64 "`; else let the endpoint be that server until this is done",
	               escape_name(d->final, &name), row->site, d->to->endpoint->name,
	               d->task->job.id);
}

/* Also what was interrupted, and whatever `exists:` has become since. */
static int append(struct delivery *d, struct err *e)
{
	struct store_delivery *row = &d->task->delivery;
	struct append a = {
	        .lease = &d->lease,
	        .path = d->final,
	        .content = d->content.path,
	        .job = &d->task->job,
	        .verify = d->to->verify,
	        .at = row->append_at,
	};
	_cleanup_free_ char *site = site_of(d->to->endpoint);
	int r = 0;

	if (row->is_appending && has_moved(d))
		return refuse_moved_append(d, e);
	/* the command may write to that very file: it is looked at when the command has ended */
	if (!row->is_appending)
		r = run_before(d, e);
	if (r == 0 && !row->is_appending)
		r = append_begin(&a, e);
	if (r == 0 && !row->is_appending)
		r = store_appending(d->lane->shard->store, row->id, a.at, site, e);
	if (r == 0)
		r = append_finish(&a, e);
	if (r < 0)
		return r;
	memcpy(d->sha256, a.sha256, sizeof(d->sha256));
	d->outcome.verification = (int)a.level;
	d->outcome.sha256 = d->sha256;
	return 0;
}

static int name_is_taken(struct delivery *d, struct err *e)
{
	struct escaped name;
	int r;

	if (d->to->exists == EXISTS_RENAME)
		return rename_numbered(d, e);
	r = commit_sending(d, e);
	if (r == 0)
		r = remove_temp(d, e);
	if (r < 0)
		return r;
	d->adopts = false;
	if (d->to->exists == EXISTS_APPEND)
		return append(d, e);
	if (d->to->exists == EXISTS_SKIP) {
		d->outcome.state = DELIVERY_SKIPPED;
		d->outcome.note = "the name is taken and the route says exists: skip";
		return 0;
	}
	return err_set(e, ERR_POLICY, "DELIVER-EXISTS", 0,
	               "%s is already there and the route says exists: fail; move that file away "
	               "and `ferryctl retry %" PRId64
	               "`, or choose exists: replace, skip, rename or append",
	               escape_name(d->final, &name), d->task->job.id);
}

static int publish(struct delivery *d, struct err *e)
{
	int r = rename_once(d, e);

	if (r < 0 && is_code(e, "OBJ-EXISTS"))
		return name_is_taken(d, e);
	return r;
}

/* ---- after a crash or a lost reply --------------------------------------------------------- */

static int look_at(struct delivery *d, const char *path, struct found *out, struct err *e)
{
	struct entry found;
	int r = d->lease.adapter->stat(d->lease.connection, path, &found, e);

	*out = (struct found){0};
	if (r < 0)
		return is_code(e, "OBJ-MISSING") ? 0 : r;
	*out = (struct found){true, found.size, found.mtime_ms};
	return 0;
}

static int look_at_temp(struct delivery *d, struct found *out, struct err *e)
{
	struct stat st;

	if (!d->adopts)
		return look_at(d, d->temp, out, e);
	*out = (struct found){0};
	if (lstat(d->content.path, &st) < 0)
		return errno == ENOENT ? 0
		                       : err_errno(e, ERR_BUSY, "CONTENT-LOOK", "look at %s",
		                                   d->content.path);
	*out = (struct found){true, (uint64_t)st.st_size, MTIME_UNKNOWN};
	return 0;
}

static int verify(struct delivery *d, struct err *e)
{
	struct sent_file sent = {d->temp, d->content.path, {0}};

	memcpy(sent.sha256, d->sha256, sizeof(sent.sha256));
	return verify_sent(&d->lease, &sent, d->to->verify, &d->level, e);
}

static int send_and_publish(struct delivery *d, struct err *e)
{
	int r = look_early(d, e);

	if (r < 0)
		return name_is_taken(d, e);
	r = run_before(d, e);
	if (r == 0 && !d->adopts)
		r = transmit(d, e);
	if (r == 0 && !d->adopts)
		r = verify(d, e);
	if (r == 0)
		r = commit_renaming(d, e);
	return r < 0 ? r : publish(d, e);
}

/* Neither name is here, but it was elsewhere that they were. A retry begins at the beginning. */
static int refuse_moved(struct delivery *d, struct err *e)
{
	struct escaped name;
	int r = commit_sending(d, e);

	if (r < 0)
		return r;
	return err_set(e, ERR_POLICY, "DELIVER-MOVED", 0,
	               "%s was sent to %s, where the rename to its final name was interrupted; "
	               "endpoint %s is another server now. If it has arrived there: `ferryctl "
	               "cancel %" PRId64 "`; if not: `ferryctl retry %" PRId64 "` sends it here",
	               escape_name(d->final, &name), d->task->delivery.site, d->to->endpoint->name,
	               d->task->job.id, d->task->job.id);
}

static int resume(struct delivery *d, struct err *e)
{
	bool may_replace = d->to->exists == EXISTS_REPLACE;
	struct found temp, final;
	int r = look_at_temp(d, &temp, e);

	if (r == 0)
		r = look_at(d, d->final, &final, e);
	if (r < 0)
		return err_wrap(e, "looking for what an interrupted rename left");
	switch (publish_judge(&temp, &final, d->task->job.size, may_replace)) {
	case PUBLISH_RENAME:
		return publish(d, e);
	case PUBLISH_RESEND: /* from here on a full-size temporary file may be half written */
		r = commit_sending(d, e);
		return r < 0 ? r : send_and_publish(d, e);
	case PUBLISH_BOTH:
		return remove_temp(d, e);
	case PUBLISH_DONE:
		return 0;
	case PUBLISH_INFERRED:
		if (has_moved(d))
			return refuse_moved(d, e);
		break;
	}
	d->outcome.inferred = true;
	d->outcome.note = "the rename was interrupted; the temporary file is gone and the final "
	                  "name too, so the consumer has taken it";
	log_warn("delivery inferred after an interruption", "route=%s job=%lld dest=%s",
	         d->task->job.route, (long long)d->task->job.id, d->to->id);
	return 0;
}

/* ---- the step ------------------------------------------------------------------------------ */

static int carry_out(struct delivery *d, struct err *e)
{
	int r = deliver_locate(d, e);

	if (r < 0)
		return r;
	/* after a restart the adopted file may be gone already: then it is the rename that is asked
	 */
	if (d->task->delivery.state == DELIVERY_RENAMING)
		return resume(d, e);
	if (d->task->delivery.is_appending)
		return append(d, e);
	return send_and_publish(d, e);
}

static void finish(struct delivery *d)
{
	struct store_task *t = d->task;
	bool complete = false;
	struct err e;
	int r;

	d->outcome.calls = d->to->after.argv.count && d->outcome.state == DELIVERY_DONE;
	r = store_delivered(d->lane->shard->store, t->delivery.id, &d->outcome, &complete, &e);

	if (r < 0) { /* it is there: the row stays `renaming`, and what is found there decides */
		route_not_recorded(d->lane, t, &e);
		return;
	}
	lane_log_success(d->lane);
	if (d->outcome.calls)
		lane_refill(&d->route->call[d->to - d->route->settings->to]);
	log_info("file delivered", "route=%s job=%lld dest=%s size=%" PRIu64, t->job.route,
	         (long long)t->job.id, d->to->id, t->job.size);
	/* settling knows by it whether the spool file became the delivered one */
	t->delivery.verification =
	        d->adopts && d->outcome.state == DELIVERY_DONE ? VERIFIED_NONE : VERIFIED_CLOSED;
	if (complete && d->outcome.settle_source)
		lane_post(&d->route->settle, t);
	else if (complete && (!d->adopts || d->outcome.state == DELIVERY_SKIPPED))
		(void)spool_remove(&d->lane->shard->spool, t->job.id,
		                   &e); /* or the next start does */
}

/* Two mounts of one device: the file stays in the spool and is copied at the next attempt. */
static void learn(struct delivery *d, const struct err *e)
{
	if (is_code(e, "OBJ-CROSS-DEVICE"))
		d->lane->adopts_nothing = true;
}

/* Another fiber had the same task from the store: its outcome stands, our copy goes. */
static bool was_done_already(const struct err *e)
{
	return is_code(e, "STORE-STEP");
}

void deliver_run(struct lane *lane, struct store_task *task)
{
	struct delivery *d = mem_new_of(struct delivery);
	struct route *route = lane->plan.owner;
	struct err e, ignored;
	int r;

	d->route = route; /* one by one: 17 KB are zero already */
	d->lane = lane;
	d->to = &route->settings->to[lane - route->deliver];
	d->task = task;
	d->outcome.state = DELIVERY_DONE;
	buf_init(&d->before, STORE_NOTE_BYTES - STORE_DEST_BYTES);
	d->outcome.settle_source = route_settles(route);
	r = route_lease(lane, &d->lease, &e);
	if (r == 0) {
		r = carry_out(d, &e);
		if (r < 0 && was_done_already(&e))
			(void)remove_temp(d, &ignored);
		lease_release(&d->lease, r, &e);
	}
	if (r < 0)
		learn(d, &e);
	if (r == 0)
		finish(d);
	else if (!was_done_already(&e))
		route_task_failed(lane, task, &e, store_delivery_failed, task->delivery.id);
	buf_release(&d->before);
	free(d);
}
