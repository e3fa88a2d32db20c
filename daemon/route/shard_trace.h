/*
 * The traces an operator ordered (`ferryctl trace`), by the endpoint's name.
 *
 * An order belongs to the name, not to the endpoint that carries it now: a reload that makes the
 * endpoint anew keeps it, and one for an endpoint that no route uses yet waits for it. It ends with
 * its time, when it is taken back, or with the daemon.
 *
 * Own thread of the shard, from a fiber.
 */
#pragma once
#include "daemon/route/shard.h"

/* NULL takes an order back. */
void shard_trace_order(struct shard *s, const char *endpoint, const struct trace_order *order);
void shard_trace_each(struct shard *s,
		      void (*each)(const char *endpoint, const struct trace_order *, void *arg),
		      void *arg);
/* A new endpoint: what is ordered for its name. */
void shard_trace_apply(struct shard *s, struct endpoint *p);
void shard_trace_release(struct shard *s);
