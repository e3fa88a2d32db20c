#include "daemon/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/adapter.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/notify.h"
#include "daemon/orphans.h"
#include "daemon/route/command.h"
#include "daemon/route/naming.h"
#include "daemon/route/recover.h"
#include "daemon/runtime/work.h"
#include "daemon/signals.h"

enum { SILENCE_ALLOWED_MS = 10000, EXIT_CANNOT_START = 1 };

/* The vocabulary may be ahead of what is built in. */
static const char *judge_endpoint(const struct endpoint_config *e, const char **key)
{
	const struct adapter *a = adapter_for((int)e->protocol);

	*key = "protocol";
	if (!a)
		return "this build of ferryd does not carry it";
	return a->judge ? a->judge(e, key) : NULL;
}

const struct config_judges engine_judges = {
        .cron = schedule_judge_cron,
        .time_zone = schedule_judge_time_zone,
        .name_template = naming_judge,
        .command_word = command_judge,
        .endpoint = judge_endpoint,
};

/* ---- making -------------------------------------------------------------------------------- */

static int make_shards(struct engine *g, struct err *e)
{
	size_t n = (size_t)g->config->daemon.workers;
	char name[32];

	g->shards = mem_new_array(n, sizeof(*g->shards));
	for (size_t i = 0; i < n; i++) {
		struct worker *w;
		int r;

		(void)snprintf(name, sizeof(name), "worker-%zu", i + 1);
		w = worker_new(name, e);
		if (!w)
			return e->kind;
		g->shards[i].worker = w;
		g->shard_count++;
		r = shard_init(&g->shards[i], w, g->store, g->config->daemon.state_dir, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int engine_new(const struct config *config, struct engine **out, struct err *e)
{
	struct engine *g = mem_new_of(struct engine);
	int r;

	g->config = config_ref(config);
	g->started_ms = clock_wall_ms();
	g->listener.fd = -1;
	signal_init(&g->changed);
	r = store_open(config->daemon.state_dir, &g->store, e);
	if (r == 0)
		r = control_listen(config->daemon.socket, &g->listener, e);
	if (r == 0)
		r = make_shards(g, e);
	if (r == 0) {
		g->main = worker_new("main", e);
		r = g->main ? 0 : e->kind;
	}
	if (r < 0) {
		engine_free(g);
		return r;
	}
	*out = g;
	return 0;
}

void engine_free(struct engine *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->shard_count; i++) {
		worker_free(g->shards[i].worker);
		if (g->shards[i].spool.dir)
			shard_release(&g->shards[i]);
	}
	worker_free(g->main);
	if (g->listener.fd >= 0)
		control_unlisten(&g->listener);
	if (g->store)
		store_close(g->store);
	free(g->shards);
	free(g->routes);
	free(g->ending);
	free(g->tunnels);
	free(g->reload_error);
	config_unref(g->config);
	free(g);
}

/* ---- routes -------------------------------------------------------------------------------- */

struct route *engine_route(const struct engine *g, const char *name)
{
	for (size_t i = 0; i < g->route_count; i++)
		if (strcmp(g->routes[i]->settings->name, name) == 0)
			return g->routes[i];
	return NULL;
}

bool engine_is_ending(const struct engine *g, const char *name)
{
	for (size_t i = 0; i < g->ending_count; i++)
		if (strcmp(g->ending[i], name) == 0)
			return true;
	return false;
}

struct route *engine_take_route(struct engine *g, const char *name)
{
	struct route *r = engine_route(g, name);

	if (r)
		r->callers++;
	return r;
}

void engine_give_route(struct engine *g, struct route *r)
{
	if (r && --r->callers == 0)
		signal_raise(&g->changed);
}

static int start_route(struct engine *g, const struct config *c, const struct route_config *rc,
                       struct err *e)
{
	struct route *r = route_new(c, rc, g->shards, g->shard_count);
	int ret = route_start(r, e);

	if (ret < 0) {
		route_free(r);
		return ret;
	}
	g->routes = mem_grow(g->routes, (g->route_count + 1) * sizeof(*g->routes));
	g->routes[g->route_count++] = r;
	return 0;
}

/* A route that cannot start is told and left out; the others carry on. */
static void start_routes(struct engine *g, const struct config *c)
{
	struct err e;

	for (size_t i = 0; i < c->route_count && !g->is_draining; i++) {
		const struct route_config *rc = c->routes[i];

		if (!rc->enabled || engine_route(g, rc->name))
			continue;
		if (start_route(g, c, rc, &e) < 0)
			log_error("route cannot be started", "route=%s code=%s error=\"%s\"",
			          rc->name, e.code, e.message);
	}
}

struct stopping {
	struct engine *engine;
	struct route *route;
	struct deadline deadline;
};

static void stop_one(void *arg)
{
	struct stopping *s = arg;
	struct err ignored;

	fiber_shield_begin();
	while (s->route->callers) /* they end: each asks a shard one question */
		(void)signal_wait(&s->engine->changed, "operators to let go of a route",
		                  deadline_never(), &ignored);
	fiber_shield_end();
	route_stop(s->route, s->deadline);
	route_free(s->route);
	free(s);
}

static void note_ending(struct engine *g, const struct route *r)
{
	size_t n = g->ending_count++;

	g->ending = mem_grow(g->ending, g->ending_count * sizeof(*g->ending));
	(void)snprintf(g->ending[n], sizeof(g->ending[n]), "%s", r->settings->name);
}

/* Stops, at the same time, those of the running routes that `unwanted` picks. One at a time. */
static void stop_routes(struct engine *g, const struct config *next, struct deadline d,
                        bool (*unwanted)(const struct route *, const struct config *))
{
	struct group stops;
	size_t kept = 0;

	group_init(&stops, g->main);
	for (size_t i = 0; i < g->route_count; i++) {
		struct route *r = g->routes[i];
		struct stopping *s;

		if (!unwanted(r, next)) {
			g->routes[kept++] = r;
			continue;
		}
		note_ending(g, r);
		s = mem_new_of(struct stopping);
		*s = (struct stopping){g, r, d};
		group_start(&stops, r->settings->name, stop_one, s);
	}
	g->route_count = kept;
	group_wait(&stops, "routes to stop");
	g->ending_count = 0;
}

static bool all_of_them(const struct route *r, const struct config *next)
{
	(void)r;
	(void)next;
	return true;
}

static bool has_changed(const struct route *r, const struct config *next)
{
	const struct route_config *now = config_route(next, r->settings->name);

	return !now || !now->enabled || strcmp(now->fingerprint, r->settings->fingerprint) != 0;
}

/* ---- reload -------------------------------------------------------------------------------- */

struct loading {
	const char *file;
	struct config *config;
	struct config_report report;
};

static int load(void *arg, struct err *e)
{
	struct loading *l = arg;

	(void)e;
	l->config = config_load(l->file, &engine_judges, &l->report);
	return 0;
}

static void warn_of_what_needs_a_restart(const struct config *old, const struct config *new)
{
	if (strcmp(old->daemon.state_dir, new->daemon.state_dir) != 0 ||
	    strcmp(old->daemon.socket, new->daemon.socket) != 0 ||
	    old->daemon.workers != new->daemon.workers)
		log_warn("daemon.state_dir, socket and workers take effect at the next restart, "
		         "ignoring",
		         NULL);
}

/* A reload also says "try again": to endpoints that stopped for a password or key that was put
 * right in its own file, and to what waits for a retry. */
static int encourage(void *arg, struct err *e)
{
	struct route *r = arg;
	int ret = 0;

	if (!r->is_paused) {
		ret = store_wake(r->home->store, r->settings->name, e);
		route_resume(r);
	}
	return ret;
}

static void encourage_all(struct engine *g)
{
	struct err e;

	for (size_t i = 0; i < g->route_count; i++)
		if (worker_call(g->routes[i]->home->worker, "try again", encourage, g->routes[i],
		                &e) < 0)
			log_warn("waiting files could not be woken, ignoring",
			         "code=%s error=\"%s\"", e.code, e.message);
}

static void swap(struct engine *g, struct config *next)
{
	const struct config *old = g->config;

	warn_of_what_needs_a_restart(old, next);
	stop_routes(g, next, deadline_in(old->daemon.drain_ms), has_changed);
	engine_stop_tunnels(g, next);
	g->config = next;
	encourage_all(g);
	engine_start_tunnels(g, next);
	start_routes(g, next);
	config_unref(old);
	free(g->reload_error);
	g->reload_error = NULL;
}

static int refuse(struct engine *g, const char *text, struct err *e)
{
	free(g->reload_error);
	g->reload_error = mem_dup(text);
	g->reload_error_ms = clock_wall_ms();
	return err_set(e, ERR_CONFIG, "CONFIG-REFUSED", 0,
	               "the configuration has errors; the one loaded before stays in force");
}

static int begin_change(struct engine *g, struct err *e)
{
	while (g->is_changing) {
		int r = signal_wait(&g->changed, "another reload, or the start",
		                    deadline_in(120000), e);

		if (r < 0)
			return r;
	}
	if (g->is_draining)
		return err_set(e, ERR_BUSY, "DRAINING", 0, "ferryd is stopping");
	g->is_changing = true;
	return 0;
}

static void end_change(struct engine *g)
{
	g->is_changing = false;
	signal_raise(&g->changed);
}

int engine_reload(struct engine *g, char **text, struct err *e)
{
	struct loading l = {0};
	int r = begin_change(g, e);

	*text = NULL;
	if (r < 0)
		return r;
	notify_reloading();
	config_report_init(&l.report);
	l.file = g->config->file; /* of the one in force now: it may have changed while waiting */
	fiber_shield_begin();     /* half a reload would be worse than none */
	(void)work_run(load, &l, "reading the configuration", e); /* the report tells */
	*text = mem_dup(buf_text(&l.report.text));
	if (l.config) {
		swap(g, l.config);
		orphans_tell(g, text);
	} else {
		r = refuse(g, *text, e);
	}
	fiber_shield_end();
	config_report_release(&l.report);
	if (r == 0)
		log_info("configuration reloaded", "routes=%zu", g->route_count);
	else
		log_error("configuration refused, the last good one stays in force",
		          "file=%s errors=\"%s\"", g->config->file, *text);
	notify_ready(r == 0 ? "running" : "running; the last reload was refused");
	end_change(g);
	return r;
}

/* ---- the end ------------------------------------------------------------------------------- */

static void drain(void *arg)
{
	struct engine *g = arg;
	struct err e;

	while (g->is_changing)
		(void)signal_wait(&g->changed, "end of a reload or of the start", deadline_in(1000),
		                  &e);
	stop_routes(g, NULL, deadline_in(g->config->daemon.drain_ms), all_of_them);
	engine_stop_tunnels(g, NULL);
	control_server_stop(g->control);
	g->control = NULL;
	for (size_t i = 0; i < g->shard_count; i++)
		worker_stop(g->shards[i].worker);
	worker_stop(g->main);
}

void engine_drain(struct engine *g)
{
	if (g->is_draining) {
		log_warn("told twice to stop, ending at once; the next start resumes", NULL);
		_exit(0);
	}
	g->is_draining = true;
	log_info("stopping, running transfers may end", "within_ms=%lld",
	         (long long)g->config->daemon.drain_ms);
	notify_stopping();
	group_start(&g->fibers, "drain", drain, g);
}

/* ---- the watchdog -------------------------------------------------------------------------- */

static bool everyone_answers(const struct engine *g)
{
	for (size_t i = 0; i < g->shard_count; i++)
		if (worker_silent_ms(g->shards[i].worker) > SILENCE_ALLOWED_MS)
			return false;
	return store_silent_ms(g->store) <= SILENCE_ALLOWED_MS;
}

static void watchdog_fiber(void *arg)
{
	struct engine *g = arg;
	int64_t every = notify_alive_every_ms();
	struct err e;

	while (every && fiber_sleep(every, "watchdog", &e) == 0) {
		if (everyone_answers(g))
			notify_alive();
		else
			log_error("a loop does not answer; systemd will restart ferryd", NULL);
	}
}

/* ---- running ------------------------------------------------------------------------------- */

static int recover(void *arg, struct err *e)
{
	(void)e;
	recover_spool(arg);
	return 0;
}

static int bring_up(struct engine *g, struct err *e)
{
	const struct control_engine table = engine_operator(g);
	int r = 0;

	for (size_t i = 0; r == 0 && i < g->shard_count; i++)
		r = worker_start(g->shards[i].worker, e);
	if (r == 0)
		r = worker_call(g->shards[0].worker, "recover spool", recover, &g->shards[0], e);
	if (r < 0)
		return r;
	engine_start_tunnels(g, g->config);
	start_routes(g, g->config);
	orphans_tell(g, NULL);
	r = control_server_start(&g->listener, &table, &g->control, e);
	if (r == 0)
		g->listener.fd = -1; /* the server's now */
	return r;
}

static void engine_fiber(void *arg)
{
	struct engine *g = arg;
	struct err e;
	int r = bring_up(g, &e);

	end_change(g);
	if (r < 0) {
		log_error("ferryd cannot start", "code=%s error=\"%s\"", e.code, e.message);
		g->exit_code = EXIT_CANNOT_START;
		if (!g->is_draining)
			engine_drain(g);
		return;
	}
	if (g->is_draining)
		return;
	log_info("ferryd is running", "version=%s routes=%zu workers=%zu config=%s", FERRYD_VERSION,
	         g->route_count, g->shard_count, g->config->file);
	notify_ready("running");
}

int engine_run(struct engine *g)
{
	group_init(&g->fibers, g->main);
	g->is_changing = true; /* until engine_fiber has started everything */
	group_start(&g->fibers, "signals", signals_fiber, g);
	group_start(&g->fibers, "watchdog", watchdog_fiber, g);
	group_start(&g->fibers, "start", engine_fiber, g);
	worker_run(g->main);
	log_info("ferryd has stopped", NULL);
	return g->exit_code;
}
