/*
 * The operator's questions and commands, answered by the engine (control.h). Runs in fibers of the
 * main worker; what lives on a shard is asked there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/engine.h"
#include "daemon/orphans.h"
#include "daemon/runtime/work.h"

/* ---- status -------------------------------------------------------------------------------- */

static void fill_workers(const struct engine *g, struct control_status *out)
{
	out->workers = mem_new_array(g->shard_count, sizeof(*out->workers));
	out->worker_count = g->shard_count;
	for (size_t i = 0; i < g->shard_count; i++) {
		const struct worker *w = g->shards[i].worker;

		(void)snprintf(out->workers[i].name, sizeof(out->workers[i].name), "%s",
		               worker_name(w));
		out->workers[i].silent_ms = worker_silent_ms(w);
		out->workers[i].stats = worker_stats(w);
	}
}

struct endpoint_question {
	struct shard *shard;
	struct control_status *out;
};

static void add_endpoint(struct endpoint *p, void *arg)
{
	struct endpoint_question *q = arg;
	struct control_status *s = q->out;
	struct control_endpoint *c;

	if (endpoint_settings(p)->protocol == PROTOCOL_LOCAL)
		return;
	s->endpoints = mem_grow(s->endpoints, (s->endpoint_count + 1) * sizeof(*s->endpoints));
	c = &s->endpoints[s->endpoint_count++];
	memset(c, 0, sizeof(*c));
	(void)snprintf(c->name, sizeof(c->name), "%s", endpoint_settings(p)->name);
	(void)snprintf(c->worker, sizeof(c->worker), "%s", worker_name(q->shard->worker));
	endpoint_status(p, &c->status);
}

static int ask_endpoints(void *arg, struct err *e)
{
	struct endpoint_question *q = arg;

	(void)e;
	shard_each_endpoint(q->shard, add_endpoint, q);
	return 0;
}

struct disk_question {
	const struct daemon_config *settings;
	struct control_status *out;
};

static int ask_disk(void *arg, struct err *e)
{
	struct disk_question *q = arg;
	struct control_status *s = q->out;
	struct statvfs v;

	if (statvfs(q->settings->state_dir, &v) < 0)
		return err_errno(e, ERR_LOCAL, "STATE-DIR", "statvfs of %s",
		                 q->settings->state_dir);
	s->disk_free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	s->disk_total_bytes = (uint64_t)v.f_blocks * v.f_frsize;
	s->disk_is_low = s->disk_free_bytes < q->settings->min_free_bytes ||
	                 s->disk_free_bytes < s->disk_total_bytes / 100 *
	                                              (uint64_t)q->settings->min_free_percent;
	return 0;
}

static int status(void *arg, struct control_status *out, struct err *e)
{
	struct engine *g = arg;
	const struct config *c = config_ref(g->config); /* a reload may come between */
	struct disk_question disk = {&c->daemon, out};
	int r;

	*out = (struct control_status){
	        .started_ms = g->started_ms,
	        .is_draining = g->is_draining,
	        .config_loaded_ms = c->loaded_at_ms,
	        .reload_error = mem_dup(g->reload_error),
	        .reload_error_ms = g->reload_error_ms,
	        .store_silent_ms = store_silent_ms(g->store),
	};
	(void)snprintf(out->config_file, sizeof(out->config_file), "%s", c->file);
	fill_workers(g, out);
	r = store_counts(g->store, NULL, out->counts, e);
	if (r == 0)
		r = work_run(ask_disk, &disk, "asking for free disk space", e);
	for (size_t i = 0; r == 0 && i < g->shard_count; i++) {
		struct endpoint_question q = {&g->shards[i], out};

		r = worker_call(g->shards[i].worker, "status", ask_endpoints, &q, e);
	}
	if (r == 0)
		r = engine_tunnel_status(g, &out->tunnels, &out->tunnel_count, e);
	if (r == 0)
		r = orphans_find(g, &out->orphans, &out->orphan_count, e);
	config_unref(c);
	if (r < 0)
		control_status_release(out);
	return r;
}

/* ---- routes -------------------------------------------------------------------------------- */

static char *place(const struct endpoint_config *p, const char *path)
{
	if (p->protocol == PROTOCOL_LOCAL)
		return mem_dup(p->root);
	return mem_printf("%s:%s", p->name, path);
}

struct report_question {
	const struct route *route;
	struct control_route *out;
};

static int ask_report(void *arg, struct err *e)
{
	struct report_question *q = arg;
	const struct poll_report *p = &q->route->report;

	(void)e;
	q->out->is_paused = q->route->is_paused;
	q->out->is_polling = q->route->is_polling;
	q->out->last_poll_ms = p->at_ms;
	q->out->last_poll_took_ms = p->took_ms;
	q->out->files_seen = (int64_t)p->listed;
	q->out->files_taken = (int64_t)p->taken;
	q->out->next_poll_ms = p->next_ms == INT64_MAX ? 0 : p->next_ms;
	q->out->last_error = p->failure;
	return 0;
}

static int fill_route(struct engine *g, const struct route_config *c, struct control_route *out,
                      struct err *e)
{
	struct route *r = engine_take_route(g, c->name);
	struct report_question q = {r, out};
	char *source = place(c->from.endpoint, c->from.path);
	int ret;

	(void)snprintf(out->name, sizeof(out->name), "%s", c->name);
	(void)snprintf(out->source, sizeof(out->source), "%s", source);
	free(source);
	out->is_enabled = c->enabled;
	out->to = mem_new_array(c->to_count, sizeof(*out->to));
	out->to_count = c->to_count;
	for (size_t i = 0; i < c->to_count; i++)
		out->to[i] = place(c->to[i].endpoint, c->to[i].path);
	ret = store_counts(g->store, c->name, out->counts, e);
	if (ret == 0 && r)
		ret = worker_call(r->home->worker, "routes", ask_report, &q, e);
	engine_give_route(g, r);
	return ret;
}

static int routes(void *arg, struct control_route **out, size_t *count, struct err *e)
{
	struct engine *g = arg;
	const struct config *c = config_ref(g->config); /* a reload may come between */
	int r = 0;

	*out = mem_new_array(c->route_count, sizeof(**out));
	*count = c->route_count;
	for (size_t i = 0; r == 0 && i < c->route_count; i++)
		r = fill_route(g, c->routes[i], &(*out)[i], e);
	if (r < 0)
		control_routes_free(*out, *count);
	config_unref(c);
	return r;
}

/* ---- fibers -------------------------------------------------------------------------------- */

struct fiber_list {
	struct worker *worker;
	struct control_fiber *items;
	size_t count, room;
};

static void add_fiber(const struct fiber_info *info, void *arg)
{
	struct fiber_list *l = arg;
	struct control_fiber *f;

	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->items = mem_grow(l->items, l->room * sizeof(*l->items));
	}
	f = &l->items[l->count++];
	memset(f, 0, sizeof(*f));
	(void)snprintf(f->worker, sizeof(f->worker), "%s", worker_name(l->worker));
	f->info = *info;
}

static int ask_fibers(void *arg, struct err *e)
{
	struct fiber_list *l = arg;

	(void)e;
	fiber_each(l->worker, add_fiber, l);
	return 0;
}

static int fibers(void *arg, struct control_fiber **out, size_t *count, struct err *e)
{
	struct engine *g = arg;
	struct fiber_list l = {.worker = g->main};
	int r = ask_fibers(&l, e);

	for (size_t i = 0; r == 0 && i < g->shard_count; i++) {
		l.worker = g->shards[i].worker;
		r = worker_call(l.worker, "ps", ask_fibers, &l, e);
	}
	if (r < 0) {
		free(l.items);
		return r;
	}
	*out = l.items;
	*count = l.count;
	return 0;
}

/* ---- jobs ---------------------------------------------------------------------------------- */

static int jobs(void *arg, const struct store_filter *f, struct store_job_info *out, size_t *count,
                struct err *e)
{
	struct engine *g = arg;
	int r = store_jobs(g->store, f, out, count, e);

	for (size_t i = 0; r == 0 && i < *count; i++)
		orphans_mark(g, &out[i]);
	return r;
}

static int show(void *arg, int64_t job, struct store_job_info *out,
                struct store_delivery **deliveries, size_t *delivery_count,
                struct store_event **events, size_t *event_count, struct err *e)
{
	struct engine *g = arg;
	int r = store_show(g->store, job, out, deliveries, delivery_count, events, event_count, e);

	if (r == 0)
		orphans_mark(g, out);
	return r;
}

/* ---- commands ------------------------------------------------------------------------------ */

static int no_route(const struct engine *g, const char *name, struct err *e)
{
	const struct config *c = g->config;
	const char **names = mem_new_array(c->route_count, sizeof(*names));
	int r;

	for (size_t i = 0; i < c->route_count; i++)
		names[i] = c->routes[i]->name;
	if (config_route(c, name))
		r = err_set(e, ERR_OBJECT, "CONTROL-ROUTE-OFF", 0,
		            "route %s is not running: it says `enabled: false`, or it could not be "
		            "started (see the log)",
		            name);
	else
		r = control_no_route(name, names, c->route_count, e);
	free(names);
	return r;
}

static int on_home(struct engine *g, const char *name, int (*fn)(void *, struct err *),
                   struct err *e)
{
	struct route *r = engine_take_route(g, name);
	int ret;

	if (!r)
		return no_route(g, name, e);
	ret = worker_call(r->home->worker, "operator", fn, r, e);
	engine_give_route(g, r);
	return ret;
}

static int poke(void *arg, struct err *e)
{
	struct route *r = arg;

	if (r->is_paused)
		return err_set(e, ERR_OBJECT, "CONTROL-PAUSED", 0,
		               "route %s is paused; `ferryctl resume %s` first", r->settings->name,
		               r->settings->name);
	endpoint_reset(r->source);
	route_poke(r);
	return 0;
}

static int poll_route(void *arg, const char *route, struct err *e)
{
	return on_home(arg, route, poke, e);
}

static int pause_home(void *arg, struct err *e)
{
	(void)e;
	route_pause(arg);
	return 0;
}

static int pause_route(void *arg, const char *route, struct err *e)
{
	struct engine *g = arg;

	if (!engine_route(g, route))
		return no_route(g, route, e);
	if (store_pause(g->store, route, true, e) < 0)
		return e->kind;
	return on_home(g, route, pause_home, e);
}

static int resume_home(void *arg, struct err *e)
{
	struct route *r = arg;
	int ret = store_wake(r->home->store, r->settings->name, e);

	route_resume(r);
	return ret;
}

static int resume_route(void *arg, const char *route, struct err *e)
{
	struct engine *g = arg;

	if (!engine_route(g, route))
		return no_route(g, route, e);
	if (store_pause(g->store, route, false, e) < 0)
		return e->kind;
	return on_home(g, route, resume_home, e);
}

static int wake_home(void *arg, struct err *e)
{
	struct route *r = arg;

	(void)e;
	if (!r->is_paused)
		route_resume(r);
	return 0;
}

/* Deliveries to destinations that are gone stay held: no lane asks for them. */
static int retry_shown(struct engine *g, const struct store_job *job,
                       const struct store_delivery *deliveries, size_t n, struct err *e)
{
	struct orphans_strays strays = {0};
	int r = orphans_refuse(g, job, e);

	if (r == 0)
		r = orphans_strays(config_route(g->config, job->route), deliveries, n, &strays, e);
	if (r == 0)
		r = store_retry(g->store, job->id, strays.found, strays.count, e);
	free(strays.found);
	return r;
}

static int retry_job(void *arg, int64_t job, struct err *e)
{
	struct engine *g = arg;
	struct store_job_info *info = mem_new_of(struct store_job_info);
	struct store_delivery *deliveries = NULL;
	struct store_event *events = NULL;
	size_t n, m;
	int r = store_show(g->store, job, info, &deliveries, &n, &events, &m, e);

	if (r == 0)
		r = retry_shown(g, &info->job, deliveries, n, e);
	if (r == 0 && engine_route(g, info->job.route))
		r = on_home(g, info->job.route, wake_home, e);
	free(deliveries);
	free(events);
	free(info);
	return r;
}

static int resume_unpaused(void *arg, struct err *e)
{
	struct route *r = arg;

	return r->is_paused ? 0 : resume_home(r, e);
}

static bool uses(const struct route_config *r, const char *endpoint)
{
	if (strcmp(r->from.endpoint->name, endpoint) == 0)
		return true;
	for (size_t i = 0; i < r->to_count; i++)
		if (strcmp(r->to[i].endpoint->name, endpoint) == 0)
			return true;
	return false;
}

void engine_wake_users(struct engine *g, const char *endpoint)
{
	const struct config *c = config_ref(g->config); /* a reload may come between */
	struct err e;

	for (size_t i = 0; i < c->route_count; i++)
		if (uses(c->routes[i], endpoint))
			(void)on_home(g, c->routes[i]->name, resume_unpaused,
			              &e); /* one that is not running needs no waking */
	config_unref(c);
}

static int reload(void *arg, char **text, struct err *e)
{
	return engine_reload(arg, text, e);
}

struct control_engine engine_operator(struct engine *g)
{
	struct control_engine table = {
	        .arg = g,
	        .status = status,
	        .routes = routes,
	        .fibers = fibers,
	        .jobs = jobs,
	        .show = show,
	        .poll = poll_route,
	        .pause = pause_route,
	        .resume = resume_route,
	        .retry = retry_job,
	        .reload = reload,
	};

	engine_operator_jobs(&table);
	engine_operator_endpoints(&table);
	return table;
}
