#include "daemon/route/recover.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/names.h"
#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/route/naming.h"
#include "daemon/runtime/work.h"

enum {
	NUMBERS_TRIED = 100,
	FILES_MAX = 1000000,
	PATH_ROOM = PATH_MAX + 1,
	DESTINATIONS_MAX = 256,
	STRAYS_AT_A_TIME = 64,
};

/* ---- the spool ----------------------------------------------------------------------------- */

struct leftover {
	int64_t job;
	char name[56];
	int is_stale; /* a part that cannot be gone on with */
};

struct leftovers {
	const struct spool *spool;
	struct leftover *files;
	size_t count, room;
};

static void note_leftover(struct leftovers *l, const char *name)
{
	struct leftover found = {.job = spool_name_job(l->spool, name, &found.is_stale)};

	if (!found.job || strlen(name) >= sizeof(found.name))
		return;
	(void)snprintf(found.name, sizeof(found.name), "%s", name);
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->files = mem_grow(l->files, l->room * sizeof(*l->files));
	}
	l->files[l->count++] = found;
}

static int list_spool(void *arg, struct err *e)
{
	struct leftovers *l = arg;
	DIR *dir = opendir(l->spool->dir);
	struct dirent *d;

	if (!dir)
		return err_errno(e, ERR_LOCAL, "SPOOL-OPEN", "list %s", l->spool->dir);
	while ((d = readdir(dir)) && l->count < FILES_MAX)
		note_leftover(l, d->d_name);
	(void)closedir(dir); /* only read from */
	return 0;
}

struct banishment {
	const struct spool *spool;
	const char *name;
};

static int remove_stale(void *arg, struct err *e)
{
	struct banishment *b = arg;

	if (unlinkat(b->spool->dir_fd, b->name, 0) < 0 && errno != ENOENT)
		return err_errno(e, ERR_LOCAL, "SPOOL-REMOVE", "remove %s/%s", b->spool->dir,
		                 b->name);
	return 0;
}

static int banish(void *arg, struct err *e)
{
	struct banishment *b = arg;
	char to[80];

	(void)snprintf(to, sizeof(to), "lost+found/%s", b->name);
	if (mkdirat(b->spool->dir_fd, "lost+found", 0700) < 0 && errno != EEXIST)
		return err_errno(e, ERR_LOCAL, "SPOOL-OPEN", "create %s/lost+found", b->spool->dir);
	if (renameat(b->spool->dir_fd, b->name, b->spool->dir_fd, to) < 0)
		return err_errno(e, ERR_LOCAL, "SPOOL-OPEN", "move %s/%s away", b->spool->dir,
		                 b->name);
	return 0;
}

static int recover_spool_file(struct shard *s, const struct leftover *file, struct err *e)
{
	struct banishment b = {&s->spool, file->name};
	bool needed;
	int r;

	if (file->is_stale)
		return work_run(remove_stale, &b, "removing a part of before the last boot", e);
	r = store_needs_spool(s->store, file->job, &needed, e);
	if (r == 0)
		return needed ? 0 : spool_remove(&s->spool, file->job, e);
	if (strcmp(e->code, "STORE-NO-JOB") != 0)
		return r;
	r = work_run(banish, &b, "moving an unknown spool file away", e);
	if (r == 0)
		log_error("spool file without a job moved to lost+found", "file=%s/lost+found/%s",
		          s->spool.dir, file->name);
	return r;
}

void recover_spool(struct shard *s)
{
	struct leftovers l = {.spool = &s->spool};
	struct err e;
	int r = work_run(list_spool, &l, "looking through the spool", &e);

	for (size_t i = 0; r == 0 && i < l.count; i++)
		r = recover_spool_file(s, &l.files[i], &e);
	if (r < 0)
		log_warn("spool not looked through to its end, ignoring", "code=%s error=\"%s\"",
		         e.code, e.message);
	free(l.files);
}

/* ---- claim folders ------------------------------------------------------------------------- */

struct claims {
	char **names;
	size_t count, room;
};

static int note_claim(const struct entry *entry, void *arg, struct err *e)
{
	struct claims *c = arg;

	(void)e;
	if (entry->type != ENTRY_FILE)
		return 0;
	if (c->count == c->room) {
		c->room = c->room ? 2 * c->room : 16;
		c->names = mem_grow(c->names, c->room * sizeof(*c->names));
	}
	c->names[c->count++] = mem_dup(entry->name);
	return 0;
}

/* What the store knows about the job of a file in the claim folder. */
struct owner {
	bool has_let_go;
	bool is_canceled;     /* the operator wants it left alone: known, under its own name only */
	char path[PATH_ROOM]; /* where it was */
};

static bool is_canceled(const struct store_job_info *i)
{
	return i->job.state == JOB_CANCELED ||
	       (i->job.state == JOB_DONE && strcmp(i->code, "OPERATOR-CANCELED") == 0);
}

/* Routes of one directory share its claim folder: what another route's job has is left to that one,
 * unless the configuration does not have it any more. */
static bool is_ours(const struct route *r, const struct store_job_info *i)
{
	return strcmp(i->job.route, r->settings->name) == 0 ||
	       !config_route(r->config, i->job.route);
}

bool recover_may_be_delivered(const struct store_delivery *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].state == DELIVERY_DONE ||
		    (all[i].state != DELIVERY_SKIPPED &&
		     (all[i].verification != VERIFIED_NONE || all[i].is_appending)))
			return true;
	return false;
}

static void judge_owner(const struct store_job_info *i, bool ours, struct owner *out)
{
	out->is_canceled = ours && is_canceled(i);
	out->has_let_go = out->is_canceled || (ours && i->job.state == JOB_SKIPPED);
	(void)snprintf(out->path, sizeof(out->path), "%s", i->job.path);
}

/* `name`: what is left of its name in the claim folder; "": the caller knows that the job is the
 * route's, or nobody's any more. */
static int find_owner(struct route *r, int64_t job, const char *name, struct owner *out,
                      struct err *e)
{
	struct store_job_info *info = mem_new_of(struct store_job_info);
	struct store_delivery *deliveries = NULL;
	struct store_event *events = NULL;
	size_t n, m;
	int ret = store_show(r->home->store, job, info, &deliveries, &n, &events, &m, e);
	bool is_unknown = ret < 0 && strcmp(e->code, "STORE-NO-JOB") == 0;

	*out = (struct owner){.has_let_go = true};
	(void)snprintf(out->path, sizeof(out->path), "%s", name);
	if (ret == 0 && strncmp(route_basename(info->job.path), name, strlen(name)) == 0)
		judge_owner(info, !*name || is_ours(r, info), out);
	if (ret == 0 && !config_route(r->config, info->job.route) &&
	    recover_may_be_delivered(deliveries, n))
		out->has_let_go = false;
	free(deliveries);
	free(events);
	free(info);
	return is_unknown ? 0 : ret;
}

static int put_back(struct lease *lease, const char *claimed, const struct owner *owner,
                    struct err *e)
{
	unsigned most = owner->is_canceled ? 1 : NUMBERS_TRIED;
	char from[PATH_MAX], to[PATH_MAX], folder[PATH_MAX], name[NAMING_BYTES];
	int r = route_join(from, sizeof(from), NAME_CLAIM_DIR, claimed, e);

	route_dirname(owner->path, folder, sizeof(folder));
	if (r == 0 && *folder)
		r = lease->adapter->mkdir(lease->connection, folder, e);
	if (r < 0)
		return r;
	for (unsigned n = 0; n < most; n++) {
		naming_numbered(route_basename(owner->path), n, name);
		r = route_join(to, sizeof(to), folder, name, e);
		if (r == 0)
			r = lease->adapter->rename(lease->connection, from, to,
			                           RENAME_FAIL_IF_EXISTS, e);
		if (r == 0 || strcmp(e->code, "OBJ-EXISTS") != 0)
			break;
	}
	return r;
}

/* Nobody else's: it stays, and the others are looked at. */
static int leave_it(const struct route *r, const struct owner *owner, const struct err *e)
{
	struct escaped shown;

	if (!owner->is_canceled || strcmp(e->code, "OBJ-EXISTS") != 0)
		return e->kind;
	log_warn("file of a canceled job stays in " NAME_CLAIM_DIR ": a newer one has its name",
	         "route=%s file=\"%s\"", r->settings->name, escape_name(owner->path, &shown));
	return 0;
}

static int recover_claim(struct route *r, struct lease *lease, const char *claimed, struct err *e)
{
	struct owner owner;
	struct escaped shown;
	char *name;
	int64_t job = strtoll(claimed, &name, 10);
	int ret;

	if (job <= 0 || *name != '.' || !name[1])
		return 0; /* not one of ours */
	ret = find_owner(r, job, name + 1, &owner, e);
	if (ret < 0 || !owner.has_let_go)
		return ret;
	ret = put_back(lease, claimed, &owner, e);
	if (ret < 0)
		return leave_it(r, &owner, e);
	log_warn(owner.is_canceled ? "claimed file of a canceled job put back"
	                           : "claimed file without a job put back",
	         "route=%s file=\"%s\"", r->settings->name, escape_name(owner.path, &shown));
	return 0;
}

static int put_back_if_there(struct lease *lease, const char *claimed, const struct owner *owner,
                             struct err *e)
{
	char path[PATH_MAX];
	struct entry found;
	int r = route_join(path, sizeof(path), NAME_CLAIM_DIR, claimed, e);

	if (r == 0)
		r = lease->adapter->stat(lease->connection, path, &found, e);
	if (r < 0)
		return strcmp(e->code, "OBJ-MISSING") == 0 ? 0 : r;
	r = put_back(lease, claimed, owner, e);
	if (r < 0 && strcmp(e->code, "OBJ-EXISTS") == 0)
		return err_wrap(e, "a newer file has its name, this one stays as %s", path);
	return r < 0 ? r : 1;
}

int recover_claim_of(struct route *r, int64_t job, struct err *e)
{
	struct store_job *j = mem_new_of(struct store_job);
	char claimed[PATH_MAX];
	struct escaped dir;
	struct owner owner = {0};
	struct lease lease;
	int ret = route_is_local(r) ? find_owner(r, job, "", &owner, e) : 0;

	if (ret == 0 && route_is_local(r) && owner.has_let_go) {
		j->id = job;
		(void)snprintf(j->path, sizeof(j->path), "%s", owner.path);
		route_claim_path(j, claimed, sizeof(claimed));
		ret = endpoint_lease(r->source, &lease, deadline_in(10000), e);
		if (ret == 0) {
			ret = put_back_if_there(&lease, route_basename(claimed), &owner, e);
			lease_release(&lease, ret < 0 ? ret : 0, e);
		}
		if (ret < 0)
			ret = err_wrap(e, "in %s",
			               escape_name(r->settings->from.endpoint->root, &dir));
	}
	free(j);
	return ret;
}

static int recover_with(struct route *r, struct lease *lease, struct err *e)
{
	static const struct list_limits limits = {FILES_MAX, SIZE_MAX};
	struct claims c = {0};
	int ret =
	        lease->adapter->list(lease->connection, NAME_CLAIM_DIR, &limits, note_claim, &c, e);

	if (ret < 0 && strcmp(e->code, "OBJ-MISSING") == 0)
		ret = 0;
	for (size_t i = 0; i < c.count; i++) {
		if (ret == 0)
			ret = recover_claim(r, lease, c.names[i], e);
		free(c.names[i]);
	}
	free(c.names);
	return ret;
}

void recover_claims(struct route *r)
{
	struct lease lease;
	struct err e;
	int ret;

	if (r->settings->from.endpoint->protocol != PROTOCOL_LOCAL)
		return; /* that it keeps its files may be new */
	ret = endpoint_lease(r->source, &lease, deadline_in(60000), &e);
	if (ret == 0) {
		ret = recover_with(r, &lease, &e);
		lease_release(&lease, ret, &e);
	}
	if (ret < 0)
		log_warn("claim folder not looked through, ignoring",
		         "route=%s code=%s error=\"%s\"", r->settings->name, e.code, e.message);
}

/* ---- deliveries to nowhere ----------------------------------------------------------------- */

/* Holds those of one batch; *count tells how many there were. */
static int hold_batch(struct route *r, const char *dest, const struct store_failure *f,
                      size_t *count, struct err *e)
{
	struct store_task *found = mem_new_array(STRAYS_AT_A_TIME, sizeof(*found));
	int64_t next;
	int ret = store_due(r->home->store, QUEUE_DELIVER, r->settings->name, dest, INT64_MAX,
	                    found, STRAYS_AT_A_TIME, count, &next, e);

	for (size_t i = 0; ret == 0 && i < *count; i++)
		ret = store_delivery_failed(r->home->store, found[i].delivery.id, f, e);
	free(found);
	return ret;
}

void recover_no_destination(const char *route, const char *dest, struct err *out)
{
	struct escaped shown;

	(void)err_set(out, ERR_CONFIG, "DELIVER-NO-DESTINATION", 0,
	              "route %s does not deliver to %s any more; put that destination back, reload "
	              "and retry the job, or cancel it",
	              route, escape_name(dest, &shown));
}

static int hold_strays(struct route *r, const char *dest, struct err *e)
{
	struct err why;
	struct store_failure f = {.why = &why};
	struct escaped shown;
	size_t count, held = 0;
	int ret;

	recover_no_destination(r->settings->name, dest, &why);
	do {
		ret = hold_batch(r, dest, &f, &count, e);
		held += ret == 0 ? count : 0;
	} while (ret == 0 && count);
	if (held)
		log_error("files wait for a destination that the route does not have any more",
		          "route=%s dest=\"%s\" held=%zu", r->settings->name,
		          escape_name(dest, &shown), held);
	return ret;
}

void recover_strays(struct route *r)
{
	char(*dests)[STORE_DEST_BYTES] = mem_new_array(DESTINATIONS_MAX, STORE_DEST_BYTES);
	size_t n = 0;
	struct err e;
	int ret = store_destinations(r->home->store, r->settings->name, dests, DESTINATIONS_MAX, &n,
	                             &e);

	for (size_t i = 0; ret == 0 && i < n; i++)
		if (!config_route_dest(r->settings, dests[i]))
			ret = hold_strays(r, dests[i], &e);
	if (ret < 0)
		log_warn("deliveries not looked through, ignoring", "route=%s code=%s error=\"%s\"",
		         r->settings->name, e.code, e.message);
	free(dests);
}
