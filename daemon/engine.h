/*
 * What runs: workers and their shards, the store, the routes, the operator's socket; from start to
 * drained.
 *
 *	struct engine *g;
 *	if (engine_new(config, &g, e) < 0) ...	// takes the lock, opens the store: blocking
 *	engine_run(g);				// until SIGTERM or SIGINT; the caller's thread is
 *						// the main worker
 *	engine_free(g);
 *
 * SIGHUP (or `ferryctl reload`) loads the configuration again: routes that did not change do not
 * notice; a configuration with errors changes nothing and is told in `ferryctl status`.
 * SIGTERM, SIGINT: no new work, running transfers may end within daemon.drain; a second one ends
 * at once. Everything stopped half-way is resumed by the next start.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/tunnel.h"
#include "config/config.h"
#include "daemon/base/err.h"
#include "daemon/control/server.h"
#include "daemon/route/route.h"
#include "daemon/route/shard.h"
#include "daemon/runtime/worker.h"

struct engine {
	const struct config *config; /* in force; a reference */
	int64_t started_ms;
	struct worker *main;
	struct store *store;
	struct shard *shards;
	size_t shard_count;
	struct route **routes; /* that run */
	size_t route_count;
	char (*ending)[64]; /* names of those that a reload, or the end, has told to stop */
	size_t ending_count;
	struct engine_tunnels *tunnels; /* tunnels.c */
	size_t tunnel_count;
	struct control_listener listener;
	struct control_server *control;
	bool is_draining;
	bool is_changing;      /* starting or reloading: one at a time changes `routes` */
	struct signal changed; /* is_changing ended, or a route was given back */
	char *reload_error;    /* NULL: the last reload was accepted */
	int64_t reload_error_ms;
	struct group fibers;
	int exit_code;
};

int engine_new(const struct config *config, struct engine **out, struct err *e);
/* 0, or the exit code of main (main.c). */
int engine_run(struct engine *g);
void engine_free(struct engine *g); /* NULL allowed */

/* Load, judge, swap. *text: the report (malloc'ed, or NULL). ERR_CONFIG when refused. Main worker.
 */
int engine_reload(struct engine *g, char **text, struct err *e);
/* No new work; running transfers may end. The second time: ends the process at once. Main worker. */
void engine_drain(struct engine *g);
/* The running route of that name, or NULL; it may end during any await. Main worker. */
struct route *engine_route(const struct engine *g, const char *name);
/* It does not run any more, but what it has under way has not ended yet. Main worker. */
bool engine_is_ending(const struct engine *g, const char *name);
/* The same for whoever awaits with it: it stays, even when a reload ends it, until given back. */
struct route *engine_take_route(struct engine *g, const char *name);
void engine_give_route(struct engine *g, struct route *r);

/* operator.c: the table the control room calls; operator_jobs.c fills in the hand on jobs,
 * operator_endpoint.c what is about endpoints. */
struct control_engine engine_operator(struct engine *g);
void engine_operator_jobs(struct control_engine *table);
void engine_operator_endpoints(struct control_engine *table);
/* operator.c: the endpoint is mended; the routes that use it begin anew, but for paused ones. */
void engine_wake_users(struct engine *g, const char *endpoint);

/* tunnels.c: starts what is missing; stops what `next` (NULL: nothing) has not, or otherwise; *out is
 * grown. Main worker. */
void engine_start_tunnels(struct engine *g, const struct config *c);
void engine_stop_tunnels(struct engine *g, const struct config *next);
int engine_tunnel_status(struct engine *g, struct tunnels_status **out, size_t *count,
                         struct err *e);

/* The judges of other rooms, for config_load. */
extern const struct config_judges engine_judges;
