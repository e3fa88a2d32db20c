#include "daemon/orphans.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/route/recover.h"

enum { TOLD_MOST = 50, REPORT_BYTES = 256 * 1024, SHOWN_BYTES = 120 };

/* ---- words --------------------------------------------------------------------------------- */

static const char *shown(const char *name, struct escaped *tmp)
{
	return escape(name, strlen(name), tmp->text, SHOWN_BYTES);
}

static void add_count(struct buf *out, int64_t n, const char *one, const char *many)
{
	if (n)
		(void)buf_printf(out, "%s%" PRId64 " %s", buf_len(out) ? " and " : "", n,
		                 n == 1 ? one : many);
}

/* "jobs 4, 7 and more" */
static void add_jobs(struct buf *out, const struct control_orphan *o)
{
	(void)buf_add_text(out, o->job_count == 1 ? "job " : "jobs ");
	for (size_t i = 0; i < o->job_count; i++)
		(void)buf_printf(out, "%s%" PRId64, i ? ", " : "", o->jobs[i]);
	if (o->has_more)
		(void)buf_add_text(out, " and more");
}

static void say_route(struct control_orphan *o)
{
	struct buf files;

	buf_init(&files, 128);
	add_count(&files, o->files, "file", "files");
	(void)err_set(&o->what, ERR_CONFIG, "ROUTE-GONE", 0,
	              "%s wait%s (%" PRId64 " held) for route %s, which the configuration does not "
	              "have any more: put it back under that name and reload, then they go on, "
	              "held ones after `ferryctl retry`; or give them up: `ferryctl jobs --route "
	              "%s` lists them, ferryctl cancel JOB...",
	              buf_text(&files), o->files == 1 ? "s" : "", o->held, o->route, o->route);
	buf_release(&files);
}

static void say_calls(struct control_orphan *o, const struct route_config *route)
{
	struct buf what, jobs;
	struct escaped dest;

	buf_init(&what, 256);
	buf_init(&jobs, 512);
	add_count(&what, o->commands, "command after a delivery", "commands after deliveries");
	add_count(&what, o->leftovers, "removal of a temporary file",
	          "removals of temporary files");
	add_jobs(&jobs, o);
	(void)err_set(&o->what, ERR_CONFIG, "CALL-NO-DESTINATION", 0,
	              "%s at %s cannot be done (%s): %s %s%s. Put it back and reload, then it is "
	              "done; or give it up: ferryctl cancel JOB...",
	              buf_text(&what), shown(o->dest, &dest), buf_text(&jobs),
	              route ? "route" : "the configuration has no route", o->route,
	              route ? " does not deliver there any more" : " any more");
	buf_release(&what);
	buf_release(&jobs);
}

/* ---- finding ------------------------------------------------------------------------------- */

struct finding {
	struct engine *engine;
	const struct config *config;
	struct control_orphan *found;
	size_t count;
};

static struct control_orphan *add(struct finding *f, const char *route)
{
	struct control_orphan *o;

	f->found = mem_room(f->found, f->count, sizeof(*f->found));
	o = &f->found[f->count++];
	memset(o, 0, sizeof(*o));
	(void)snprintf(o->route, sizeof(o->route), "%s", route);
	return o;
}

static void look_at_route(struct finding *f, const struct store_route_backlog *b)
{
	struct control_orphan *o;

	if (config_route(f->config, b->route))
		return;
	o = add(f, b->route);
	o->files = b->jobs;
	o->held = b->held;
	say_route(o);
}

static int look_at_calls(struct finding *f, const struct store_call_backlog *b, struct err *e)
{
	const struct route_config *route = config_route(f->config, b->route);
	int64_t ids[CONTROL_ORPHAN_JOBS + 1];
	struct control_orphan *o;
	size_t n;

	if (route && config_route_dest(route, b->dest))
		return 0;
	if (store_call_jobs(f->engine->store, b, ids, CONTROL_ORPHAN_JOBS + 1, &n, e) < 0)
		return e->kind;
	if (!n)
		return 0; /* given up meanwhile */
	o = add(f, b->route);
	(void)snprintf(o->dest, sizeof(o->dest), "%s", b->dest);
	o->commands = b->commands;
	o->leftovers = b->leftovers;
	o->has_more = n > CONTROL_ORPHAN_JOBS;
	o->job_count = o->has_more ? CONTROL_ORPHAN_JOBS : n;
	memcpy(o->jobs, ids, o->job_count * sizeof(*ids));
	say_calls(o, route);
	return 0;
}

static int find(struct finding *f, struct err *e)
{
	struct store_backlog b;
	int r = store_backlog(f->engine->store, &b, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < b.route_count; i++)
		look_at_route(f, &b.routes[i]);
	for (size_t i = 0; r == 0 && i < b.call_count; i++)
		r = look_at_calls(f, &b.calls[i], e);
	store_backlog_release(&b);
	return r;
}

int orphans_find(struct engine *g, struct control_orphan **out, size_t *count, struct err *e)
{
	/* a reload may come between */
	struct finding f = {.engine = g, .config = config_ref(g->config)};
	int r = find(&f, e);

	config_unref(f.config);
	if (r < 0) {
		free(f.found);
		return r;
	}
	*out = f.found;
	*count = f.count;
	return 0;
}

/* ---- telling ------------------------------------------------------------------------------- */

static void log_one(const struct control_orphan *o)
{
	struct escaped dest;

	log_warn("something waits for what the configuration does not have any more",
	         "route=%s dest=\"%s\" code=%s error=\"%s\"", o->route, shown(o->dest, &dest),
	         o->what.code, o->what.message);
}

static void tell_all(const struct control_orphan *all, size_t count, char **report)
{
	struct buf text;

	buf_init(&text, REPORT_BYTES);
	for (size_t i = 0; i < count && i < TOLD_MOST; i++) {
		log_one(&all[i]);
		(void)buf_printf(&text, "warning: %s: %s\n", all[i].what.code, all[i].what.message);
	}
	if (count > TOLD_MOST) {
		log_warn("more such things wait, see ferryctl status", "more=%zu",
		         count - TOLD_MOST);
		(void)buf_printf(&text, "warning: and %zu more: see ferryctl status\n",
		                 count - TOLD_MOST);
	}
	if (report) {
		char *both = mem_printf("%s%s", *report ? *report : "", buf_text(&text));

		free(*report);
		*report = both;
	}
	buf_release(&text);
}

void orphans_tell(struct engine *g, char **report)
{
	struct control_orphan *all;
	size_t count;
	struct err e;

	if (orphans_find(g, &all, &count, &e) < 0) {
		log_warn("not looked for work that nobody takes up, ignoring",
		         "code=%s error=\"%s\"", e.code, e.message);
		return;
	}
	tell_all(all, count, report);
	free(all);
}

/* ---- one job ------------------------------------------------------------------------------- */

int orphans_refuse(const struct engine *g, const struct store_job *job, struct err *e)
{
	if (config_route(g->config, job->route))
		return 0;
	return err_set(e, ERR_OBJECT, "ROUTE-GONE", 0,
	               "the configuration does not have route %s any more: put it back under that "
	               "name and reload, then job %" PRId64 " goes on%s; or cancel it",
	               job->route, job->id, job->state == JOB_HELD ? " when it is retried" : "");
}

static bool is_open(const struct store_delivery *d)
{
#define STATE_IS_FINAL(id, word, final) [id] = final,
	static const bool is_final[] = {DELIVERY_STATES(STATE_IS_FINAL)};
#undef STATE_IS_FINAL

	return !is_final[d->state];
}

int orphans_strays(const struct route_config *route, const struct store_delivery *all, size_t n,
                   struct orphans_strays *out, struct err *e)
{
	struct store_stray *found = mem_new_array(n, sizeof(*found));
	size_t count = 0, open = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_open(&all[i]))
			continue;
		open++;
		if (config_route_dest(route, all[i].dest))
			continue;
		found[count].delivery = all[i].id;
		recover_no_destination(route->name, all[i].dest, &found[count++].why);
	}
	if (count && count == open) {
		*e = found[0].why;
		e->kind = ERR_OBJECT; /* what was asked for does not fit */
		free(found);
		return e->kind;
	}
	*out = (struct orphans_strays){found, count};
	return 0;
}

void orphans_mark(const struct engine *g, struct store_job_info *info)
{
	enum job_state s = info->job.state;
	struct err e;

	if (s != JOB_CLAIMED && s != JOB_STORED && s != JOB_DELIVERED)
		return;
	if (orphans_refuse(g, &info->job, &e) == 0)
		return;
	(void)snprintf(info->code, sizeof(info->code), "%s", e.code);
	(void)snprintf(info->text, sizeof(info->text), "%s", e.message);
}

int orphans_drop(struct engine *g, int64_t job, const char *route, size_t *dropped, struct err *e)
{
	const struct config *c = config_ref(g->config); /* a reload may come between */
	const struct route_config *r = config_route(c, route);
	size_t n = r ? r->to_count : 0;
	const char **known = mem_new_array(n, sizeof(*known));
	int ret;

	for (size_t i = 0; i < n; i++)
		known[i] = r->to[i].id;
	ret = store_drop_calls(g->store, job, known, n, dropped, e);
	config_unref(c);
	free(known);
	return ret;
}

/* ---- the file of a canceled one ------------------------------------------------------------ */

struct putting_back {
	struct route *route; /* only looked through: it may run as well, or not */
	int64_t job;
};

static int put_back_home(void *arg, struct err *e)
{
	struct putting_back *p = arg;
	struct route *r = p->route;
	int ret;

	r->source = shard_take_endpoint(r->home, r->config, r->settings->from.endpoint);
	ret = recover_claim_of(r, p->job, e);
	shard_give_endpoint(r->home, r->source);
	return ret;
}

static int put_back_at(struct engine *g, const struct config *c, const struct route_config *from,
                       int64_t job, struct err *e)
{
	struct putting_back p = {route_new(c, from, g->shards, g->shard_count), job};
	int r = 0;

	if (route_is_local(p.route))
		r = worker_call(p.route->home->worker, "operator", put_back_home, &p, e);
	route_free(p.route);
	return r;
}

struct spool_call {
	struct shard *shard;
	int64_t job;
};

static int remove_spooled(void *arg, struct err *e)
{
	struct spool_call *c = arg;

	return spool_remove(&c->shard->spool, c->job, e);
}

/* Where its route is gone any one that takes from the same directory will do: the job's number is
 * in the file's name. */
int orphans_put_back(struct engine *g, const struct store_job *job, struct err *e)
{
	struct spool_call spool = {&g->shards[0], job->id};
	const struct config *c = config_ref(g->config); /* a reload may come between */
	const struct route_config *own = config_route(c, job->route);
	int r = worker_call(g->shards[0].worker, "operator", remove_spooled, &spool, e);

	for (size_t i = 0; r <= 0 && i < c->route_count; i++) {
		struct err other;
		int one;

		if (own && own != c->routes[i])
			continue;
		one = put_back_at(g, c, c->routes[i], job->id, &other);
		if (one < 0 && r == 0)
			*e = other;
		r = one > 0 || r == 0 ? one : r;
	}
	config_unref(c);
	return r;
}
