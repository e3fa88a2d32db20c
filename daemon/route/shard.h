/*
 * What routes share on one worker: its endpoints, its spool handle, its dice.
 *
 * A remote endpoint lives on exactly one shard (shard_of_endpoint), so that its pool and its
 * breaker are one; a local directory may be an endpoint on any. Endpoints are shared by all routes
 * with equal settings and outlive a reload that does not change them. Own thread only.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "adapters/endpoint.h"
#include "config/config.h"
#include "daemon/route/spool.h"
#include "daemon/runtime/worker.h"
#include "daemon/store/store.h"

struct shard {
	struct worker *worker;
	struct store *store;
	struct spool spool;
	struct link endpoints;
	struct link orders; /* traces an operator asked for (shard_trace.h) */
	uint64_t dice;
};

/* Blocking; before the worker runs. */
int shard_init(struct shard *s, struct worker *w, struct store *store, const char *state_dir,
               struct err *e);
void shard_release(struct shard *s); /* all endpoints given back */

struct endpoint *shard_take_endpoint(struct shard *s, const struct config *config,
                                     const struct endpoint_config *settings);
/* The last to give it back closes its connections. From a fiber. */
void shard_give_endpoint(struct shard *s, struct endpoint *p);
void shard_each_endpoint(struct shard *s, void (*each)(struct endpoint *, void *arg), void *arg);

/* Index of the shard a remote endpoint (or, for local ones, a route) belongs to. */
size_t shard_of_name(const char *name, size_t shards);

uint32_t shard_roll(struct shard *s); /* splitmix64: jitter, nothing secret */
