/*
 * The engine's tunnels: those of the configuration in force, each on its endpoint's shard.
 */
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter.h"
#include "daemon/base/mem.h"
#include "daemon/engine.h"

struct engine_tunnels {
	struct shard *shard;
	struct tunnels *tunnels;
};

struct start_call {
	const struct config *config;
	const struct endpoint_config *settings;
	struct worker *worker;
	struct tunnels *made;
};

static int start_there(void *arg, struct err *e)
{
	struct start_call *c = arg;

	(void)e;
	c->made = tunnels_start(c->config, c->settings, c->worker);
	return 0;
}

static int stop_there(void *arg, struct err *e)
{
	(void)e;
	tunnels_stop(arg);
	return 0;
}

static bool runs(const struct engine *g, const struct endpoint_config *p)
{
	for (size_t i = 0; i < g->tunnel_count; i++)
		if (strcmp(tunnels_settings(g->tunnels[i].tunnels)->name, p->name) == 0)
			return true;
	return false;
}

static void start_one(struct engine *g, const struct config *c, const struct endpoint_config *p)
{
	struct shard *s = &g->shards[shard_of_name(p->name, g->shard_count)];
	struct start_call call = {c, p, s->worker, NULL};
	struct err e;

	(void)worker_call(s->worker, "start tunnels", start_there, &call, &e); /* never fails */
	if (!call.made)
		return;
	g->tunnels = mem_grow(g->tunnels, (g->tunnel_count + 1) * sizeof(*g->tunnels));
	g->tunnels[g->tunnel_count++] = (struct engine_tunnels){s, call.made};
}

void engine_start_tunnels(struct engine *g, const struct config *c)
{
	fiber_shield_begin();
	for (size_t i = 0; i < c->endpoint_count && !g->is_draining; i++) {
		const struct endpoint_config *p = c->endpoints[i];

		if (p->tunnel_count && !runs(g, p) && adapter_for((int)p->protocol)->forward)
			start_one(g, c, p);
	}
	fiber_shield_end();
}

/* A reload also says "try again" to those that a refused login has stopped. */
static bool may_stay(const struct tunnels *t, const struct config *next)
{
	const struct endpoint_config *was = tunnels_settings(t), *now;

	now = next ? config_endpoint(next, was->name) : NULL;
	return now && now->tunnel_count && strcmp(now->fingerprint, was->fingerprint) == 0 &&
	       !tunnels_have_stopped(t);
}

/* Out of the list first: whoever asks for the status finds only those that live. */
void engine_stop_tunnels(struct engine *g, const struct config *next)
{
	struct err e;

	fiber_shield_begin();
	for (size_t i = 0; i < g->tunnel_count;) {
		struct engine_tunnels t = g->tunnels[i];

		if (may_stay(t.tunnels, next)) {
			i++;
			continue;
		}
		g->tunnels[i] = g->tunnels[--g->tunnel_count];
		(void)worker_call(t.shard->worker, "stop tunnels", stop_there, t.tunnels,
		                  &e); /* never fails */
	}
	fiber_shield_end();
}

/* ---- status -------------------------------------------------------------------------------- */

struct question {
	struct tunnels *tunnels;
	struct tunnels_status *out;
};

static int ask_there(void *arg, struct err *e)
{
	struct question *q = arg;

	(void)e;
	tunnels_status(q->tunnels, q->out);
	return 0;
}

int engine_tunnel_status(struct engine *g, struct tunnels_status **out, size_t *count,
                         struct err *e)
{
	for (size_t i = 0; i < g->tunnel_count; i++) {
		struct tunnels_status *all = mem_grow(*out, (*count + 1) * sizeof(*all));
		struct question q = {g->tunnels[i].tunnels, &all[*count]};

		*out = all;
		/* a reload that ends them asks the same worker, later */
		if (worker_call(g->tunnels[i].shard->worker, "status of tunnels", ask_there, &q,
		                e) < 0)
			return e->kind;
		*count += 1;
	}
	return 0;
}
