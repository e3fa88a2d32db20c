/*
 * The operator's hand on a job (control.h): hold, cancel. Runs in fibers of the main worker. It is
 * put on record first, then the work that is under way ends (route/halt.h).
 */
#include <stdlib.h>
#include <string.h>

#include "adapters/names.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/engine.h"
#include "daemon/orphans.h"
#include "daemon/route/halt.h"

typedef int record_fn(struct store *s, int64_t job, struct err *e);

struct halt_call {
	char name[64];       /* of the route, */
	struct route *route; /* which may not run */
	bool is_local;       /* its source has inodes: the file may have been taken out of there */
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

	(void)snprintf(c->name, sizeof(c->name), "%s", info->job.route);
	c->is_local = info->job.identity != 0;
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

/* Of a route that is gone nobody will start and look for it; the file may lie in its claim folder. */
static void put_back_orphan(struct engine *g, struct halt_call *c)
{
	struct halt *h = &c->halt;
	int r;

	if (c->kind != HALT_CANCELED || config_route(g->config, c->name))
		return;
	r = orphans_put_back(g, c->job, &h->trouble);
	h->is_put_back = r > 0;
	if (r > 0)
		h->trouble.kind = 0;
	if (r == 0 && c->is_local)
		(void)err_set(
		        &h->trouble, ERR_OBJECT, "ROUTE-GONE", 0,
		        "if route %s took the file out of a directory of this machine, it lies "
		        "in " NAME_CLAIM_DIR " there, and is put back when a route takes from "
		        "that directory again",
		        c->name);
}

/* A route that does not run works on nothing; what its jobs left is looked for when it starts. */
static void halt(struct engine *g, struct halt_call *c)
{
	struct err e;

	c->route = engine_take_route(g, c->name);
	if (!c->route) {
		put_back_orphan(g, c);
		return;
	}
	if (worker_call(c->route->home->worker, "operator", halt_home, c, &e) < 0)
		c->halt.is_over = false; /* we are stopping: that ends it too */
	engine_give_route(g, c->route);
}

static int take_off(struct engine *g, struct halt_call *c, record_fn *record,
                    struct control_halt *out, struct err *e)
{
	int r = record(g->store, c->job, e);

	if (r < 0)
		return r;
	c->halt.is_over = true;
	halt(g, c);
	*out = (struct control_halt){.interrupted = c->halt.interrupted,
	                             .is_running = !c->halt.is_over,
	                             .is_put_back = c->halt.is_put_back,
	                             .trouble = c->halt.trouble};
	return 0;
}

static int hold_job(void *arg, int64_t job, struct control_halt *out, struct err *e)
{
	struct halt_call c = {.job = job, .kind = HALT_HELD};

	if (find_job(arg, &c, e) < 0)
		return e->kind;
	return take_off(arg, &c, store_hold, out, e);
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
		*out = (struct control_halt){.had_ended = true};
	if (orphans_drop(arg, job, c.name, &out->dropped, &other) < 0)
		log_warn("what is to be done at a destination that is gone was not given up",
		         "job=%lld code=%s error=\"%s\"", (long long)job, other.code,
		         other.message);
	return out->had_ended && !out->dropped ? r : 0;
}

void engine_operator_jobs(struct control_engine *table)
{
	table->hold = hold_job;
	table->cancel = cancel_job;
}
