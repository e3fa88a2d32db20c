/*
 * The operator's hand on a job (control.h): hold, cancel. Runs in fibers of the main worker. It is
 * put on record first, then the work that is under way ends (route/halt.h).
 */
#include <stdlib.h>

#include "daemon/base/mem.h"
#include "daemon/engine.h"
#include "daemon/route/halt.h"

typedef int record_fn(struct store *s, int64_t job, struct err *e);

static int route_of(struct engine *g, int64_t job, char out[64], struct err *e)
{
	struct store_job_info *info = mem_new_of(struct store_job_info);
	struct store_delivery *deliveries = NULL;
	struct store_event *events = NULL;
	size_t n, m;
	int r = store_show(g->store, job, info, &deliveries, &n, &events, &m, e);

	(void)snprintf(out, 64, "%s", info->job.route);
	free(deliveries);
	free(events);
	free(info);
	return r;
}

struct halt_call {
	struct route *route;
	int64_t job;
	enum halt_kind kind;
	struct halt halt;
};

static int halt_home(void *arg, struct err *e)
{
	struct halt_call *c = arg;

	(void)e;
	route_halt(c->route, c->job, c->kind, &c->halt);
	return 0;
}

/* A route that does not run works on nothing; what its jobs left is looked for when it starts. */
static void halt(struct engine *g, const char *route, struct halt_call *c)
{
	struct err e;

	c->route = engine_take_route(g, route);
	if (!c->route)
		return;
	if (worker_call(c->route->home->worker, "operator", halt_home, c, &e) < 0)
		c->halt.is_over = false; /* we are stopping: that ends it too */
	engine_give_route(g, c->route);
}

static int take_off(struct engine *g, struct halt_call *c, record_fn *record,
                    struct control_halt *out, struct err *e)
{
	char route[64];
	int r = route_of(g, c->job, route, e);

	if (r == 0)
		r = record(g->store, c->job, e);
	if (r < 0)
		return r;
	c->halt.is_over = true;
	halt(g, route, c);
	*out = (struct control_halt){.interrupted = c->halt.interrupted,
	                             .is_running = !c->halt.is_over,
	                             .is_put_back = c->halt.is_put_back,
	                             .trouble = c->halt.trouble};
	return 0;
}

static int hold_job(void *arg, int64_t job, struct control_halt *out, struct err *e)
{
	struct halt_call c = {.job = job, .kind = HALT_HELD};

	return take_off(arg, &c, store_hold, out, e);
}

static int cancel_job(void *arg, int64_t job, struct control_halt *out, struct err *e)
{
	struct halt_call c = {.job = job, .kind = HALT_CANCELED};

	return take_off(arg, &c, store_cancel, out, e);
}

void engine_operator_jobs(struct control_engine *table)
{
	table->hold = hold_job;
	table->cancel = cancel_job;
}
