/*
 * What an operator asks of an endpoint (control.h): its traces.
 */
#include <stdlib.h>
#include <string.h>

#include "adapters/trace_file.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/engine.h"
#include "daemon/route/shard_trace.h"
#include "daemon/runtime/work.h"

/* Only those with a name of their own; the roots of routes are endpoints too, inside. */
static int no_endpoint(const struct engine *g, const char *name, struct err *e)
{
	const struct config *c = g->config;
	const char **names = mem_new_array(c->endpoint_count, sizeof(*names));
	int r;

	for (size_t i = 0; i < c->endpoint_count; i++)
		names[i] = c->endpoints[i]->name;
	r = control_no_endpoint(name, names, c->endpoint_count, e);
	free(names);
	return r;
}

/* ---- traces -------------------------------------------------------------------------------- */

struct trace_wish {
	struct shard *shard;
	const char *endpoint;
	const struct trace_order *order; /* NULL: back to what is configured */
};

static int order_there(void *arg, struct err *e)
{
	struct trace_wish *w = arg;

	(void)e;
	shard_trace_order(w->shard, w->endpoint, w->order);
	return 0;
}

static int claim_file(void *arg, struct err *e)
{
	const struct trace_order *order = arg;

	return trace_file_claim(order->file, e);
}

/* A local directory may be an endpoint of any shard, a partner is one of its own shard. */
static int trace(void *arg, const char *endpoint, const struct trace_order *order, struct err *e)
{
	struct engine *g = arg;
	int r = 0;

	if (!config_endpoint(g->config, endpoint))
		return no_endpoint(g, endpoint, e);
	if (order && order->file[0])
		r = work_run(claim_file, (void *)(uintptr_t)order, "making the trace's file", e);
	for (size_t i = 0; r == 0 && i < g->shard_count; i++) {
		struct trace_wish w = {&g->shards[i], endpoint, order};

		r = worker_call(g->shards[i].worker, "order a trace", order_there, &w, e);
	}
	return r;
}

struct trace_list {
	struct shard *shard;
	struct control_trace *items;
	size_t count;
};

/* Every shard has the order; told once. */
static void add_trace(const char *endpoint, const struct trace_order *order, void *arg)
{
	struct trace_list *l = arg;
	struct control_trace *t;

	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->items[i].endpoint, endpoint) == 0)
			return;
	l->items = mem_grow(l->items, (l->count + 1) * sizeof(*l->items));
	t = &l->items[l->count++];
	memset(t, 0, sizeof(*t));
	(void)snprintf(t->endpoint, sizeof(t->endpoint), "%s", endpoint);
	t->order = *order;
}

static int list_there(void *arg, struct err *e)
{
	struct trace_list *l = arg;

	(void)e;
	shard_trace_each(l->shard, add_trace, l);
	return 0;
}

static int traces(void *arg, struct control_trace **out, size_t *count, struct err *e)
{
	struct engine *g = arg;
	struct trace_list l = {.shard = &g->shards[0]};

	if (worker_call(l.shard->worker, "ordered traces", list_there, &l, e) < 0) {
		free(l.items);
		return e->kind;
	}
	*out = l.items;
	*count = l.count;
	return 0;
}

void engine_operator_endpoints(struct control_engine *table)
{
	table->trace = trace;
	table->traces = traces;
}
