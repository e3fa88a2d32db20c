/*
 * The operator's hand on a job (control.h): hold, cancel. Runs in fibers of the main worker. It is
 * put on record first, then the work that is under way ends (route/halt.h).
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/engine.h"
#include "daemon/orphans.h"
#include "daemon/route/halt.h"
#include "daemon/route/recover.h"

typedef int record_fn(struct store *s, int64_t job, struct err *e);

struct halt_call {
	struct store_job of; /* as it was before */
	struct route *route; /* NULL: it does not run */
	bool may_be_delivered, was_canceled;
	int64_t job;
	enum halt_kind kind;
	struct halt halt;
};

static int find_job(struct engine *g, struct halt_call *c, struct err *e)
{
	struct store_job_info *info = mem_new_of(struct store_job_info);
	struct store_delivery *deliveries = NULL;
	struct store_event *events = NULL;
	size_t n, m;
	int r = store_show(g->store, c->job, info, &deliveries, &n, &events, &m, e);

	c->of = info->job;
	c->was_canceled = r == 0 && strcmp(info->code, "OPERATOR-CANCELED") == 0;
	c->may_be_delivered = r == 0 && recover_may_be_delivered(deliveries, n);
	free(deliveries);
	free(events);
	free(info);
	return r;
}

static int halt_home(void *arg, struct err *e)
{
	struct halt_call *c = arg;

	(void)e;
	route_halt(c->route, c->job, c->kind, &c->halt);
	return 0;
}

/* ---- what a canceled one left, where its route does not run --------------------------------- */

static const char *claimed(const struct halt_call *c, struct escaped *tmp)
{
	char path[512];

	route_claim_path(&c->of, path, sizeof(path));
	return escape(path, strlen(path), tmp->text, 120);
}

/* It may be at the destination in this moment: it ends, and nothing is moved under its hands. */
static void say_ending(struct halt_call *c)
{
	struct escaped file;

	c->halt.is_over = false;
	(void)err_set(
	        &c->halt.trouble, ERR_OBJECT, "CONTROL-ROUTE-OFF", 0,
	        "route %s is just being ended, and what it has under way may still end: cancel "
	        "the job again after that. If the file was taken out of its directory, it lies "
	        "there as %s until then",
	        c->of.route, claimed(c, &file));
}

/* Which directory it was, the configuration does not say any more. */
static void say_where(struct halt_call *c)
{
	struct escaped file;
	const char *rest = "put back when a route takes from that directory again, or by another "
	                   "cancel then";

	if (c->may_be_delivered)
		rest = "not put back, as a destination has it, or may have it: another route would "
		       "deliver it again. Look there, then move it by hand";
	(void)err_set(&c->halt.trouble, ERR_OBJECT, "ROUTE-GONE", 0,
	              "if route %s took the file out of a directory of this machine, it lies there "
	              "as %s, and is %s",
	              c->of.route, claimed(c, &file), rest);
}

static void put_back_idle(struct engine *g, struct halt_call *c)
{
	struct halt *h = &c->halt;
	bool is_local = c->of.identity != 0; /* its source has inodes */
	int r;

	r = orphans_put_back(g, &c->of, &h->trouble);
	h->is_put_back = r > 0;
	if (r >= 0)
		h->trouble.kind = 0;
	if (r == 0 && is_local && !config_route(g->config, c->of.route))
		say_where(c);
}

static void put_back(struct engine *g, struct halt_call *c)
{
	const struct halt *h = &c->halt;

	if (engine_is_ending(g, c->of.route))
		say_ending(c);
	else
		put_back_idle(g, c);
	log_info("job canceled by the operator, its route does not run",
	         "route=%s job=%lld%s%s%s%s", c->of.route, (long long)c->job,
	         h->is_put_back ? " source=\"put back\"" : "", h->trouble.kind ? " error=\"" : "",
	         h->trouble.kind ? h->trouble.message : "", h->trouble.kind ? "\"" : "");
}

/* ---- hold, cancel -------------------------------------------------------------------------- */

static void halt(struct engine *g, struct halt_call *c)
{
	struct err e;

	c->route = engine_take_route(g, c->of.route);
	if (!c->route) {
		if (c->kind == HALT_CANCELED)
			put_back(g, c);
		else
			c->halt.is_over = !engine_is_ending(g, c->of.route);
		return;
	}
	if (worker_call(c->route->home->worker, "operator", halt_home, c, &e) < 0)
		c->halt.is_over = false; /* we are stopping: that ends it too */
	engine_give_route(g, c->route);
}

static struct control_halt outcome(const struct halt_call *c)
{
	return (struct control_halt){.interrupted = c->halt.interrupted,
	                             .is_running = !c->halt.is_over,
	                             .is_put_back = c->halt.is_put_back,
	                             .trouble = c->halt.trouble};
}

static int take_off(struct engine *g, struct halt_call *c, record_fn *record,
                    struct control_halt *out, struct err *e)
{
	int r = record(g->store, c->job, e);

	if (r < 0)
		return r;
	c->halt.is_over = true;
	halt(g, c);
	*out = outcome(c);
	return 0;
}

static int hold_job(void *arg, int64_t job, struct control_halt *out, struct err *e)
{
	struct halt_call c = {.job = job, .kind = HALT_HELD};

	if (find_job(arg, &c, e) < 0)
		return e->kind;
	return take_off(arg, &c, store_hold, out, e);
}

/* What an earlier cancel could not end or put back. */
static void look_again(struct engine *g, struct halt_call *c, struct control_halt *out)
{
	c->halt.is_over = true;
	if (c->was_canceled)
		halt(g, c);
	*out = outcome(c);
	out->had_ended = true;
}

/* A job that has ended may have something left to do where the configuration does not go any more:
 * this is how the operator gives that up. */
static int cancel_job(void *arg, int64_t job, struct control_halt *out, struct err *e)
{
	struct halt_call c = {.job = job, .kind = HALT_CANCELED};
	struct err other;
	int r = find_job(arg, &c, e);

	if (r < 0)
		return r;
	r = take_off(arg, &c, store_cancel, out, e);
	if (r < 0 && strcmp(e->code, "STORE-STATE") != 0)
		return r;
	if (r < 0)
		look_again(arg, &c, out);
	if (orphans_drop(arg, job, c.of.route, &out->dropped, &other) < 0)
		log_warn("what is to be done at a destination that is gone was not given up",
		         "job=%lld code=%s error=\"%s\"", (long long)job, other.code,
		         other.message);
	return out->dropped || out->is_put_back || out->trouble.kind ? 0 : r;
}

void engine_operator_jobs(struct control_engine *table)
{
	table->hold = hold_job;
	table->cancel = cancel_job;
}
