/*
 * One partner's connections on one worker: pool, leases, breaker.
 *
 *	struct endpoint *p = endpoint_new(config, settings, worker);
 *	struct lease l;
 *	if (endpoint_lease(p, &l, deadline, e) < 0) ...	// waits for room; connects if needed
 *	r = l.adapter->get(l.connection, ...);
 *	lease_release(&l, r, e);			// result decides: a dead connection is dropped
 *
 * A lease is the right to run one operation (or a few, one after the other) on one live connection.
 * Up to concurrent_operations leases share a connection; a further connection is opened only when
 * all are full and `connections` allows it. Connections are kept warm and reused across routes;
 * idle ones are pinged every keepalive_ms and closed after idle_close_ms. Who waits is served in
 * the order of arrival; one attempt to connect serves all who wait, in a fiber of its own, so that
 * a waiter that gives up takes nothing from the others.
 *
 *	endpoint_lease --> waiters (FIFO) --> a connection with room --> lease_release
 *	                       |                     ^        |
 *	                       +--> connecting ------+        +-- dead: abort, closed when its last
 *	                              |                           lease is given back
 *	                              +-- failed: breaker; all waiters get the cause, unless other
 *	                                  live connections will serve them
 *
 * Servers log idle clients out. Where that is usual (doubtful_after_ms), a connection that has been
 * idle is pinged before it is leased; one that is gone is replaced, and nobody has failed.
 *
 * Breaker: after a network, protocol or busy failure to connect, leases fail at once with that
 * error until the next attempt is due (1 s doubling to 5 min, +-20 %). An authentication or trust
 * failure, or ERR_CONFIG, stops the endpoint until endpoint_reset() (reload with changed settings,
 * `ferryctl retry`/`resume`) or until a key, secret or known_hosts file changes on disk, which the
 * next lease notices. The first login is one worker's, and what it is refused with is told to the
 * others (logins.h): one wrong password is sent once. Lease errors carry the cause.
 * "Not now" (ERR_BUSY) to a further connection while others live is no failure: the endpoint goes on
 * with those, and tries one more only now and then (ceiling.h).
 *
 * A connection that dies before any operation succeeded on it counts as a failure to connect:
 * servers that accept and then hang up are not hammered.
 *
 * Trace: a failed connect and every failed operation but OBJ-MISSING, OBJ-EXISTS, our own refusals
 * (ERR_POLICY) and cancels makes the connection's trace due.
 *
 * Belongs to one worker; every call from a fiber of it.
 */
#pragma once
#include <stdbool.h>

#include "adapters/adapter.h"
#include "adapters/trace.h"
#include "config/config.h"
#include "daemon/runtime/fiber.h"

struct endpoint;

struct lease {
	struct endpoint *endpoint;
	const struct adapter *adapter;
	struct connection *connection;
	struct trace *trace;
	void *slot;
};

/* Keeps a reference on `config`; `settings` lives in it. */
struct endpoint *endpoint_new(const struct config *config, const struct endpoint_config *settings,
                              struct worker *w);
/* The adapter is given instead of looked up; `config` may be NULL, then `settings` must outlive the
 * endpoint. For tests with an adapter of their own. */
struct endpoint *endpoint_new_with(const struct config *config,
                                   const struct endpoint_config *settings, struct worker *w,
                                   const struct adapter *adapter);
/* Cancels nothing: all leases must be released. Closes the connections. From a fiber. */
void endpoint_free(struct endpoint *p);

int endpoint_lease(struct endpoint *p, struct lease *out, struct deadline d, struct err *e);
/* `result` 0 or the operation's negative kind, e its error (may be NULL when 0). Never waits. */
void lease_release(struct lease *l, int result, const struct err *e);

/* A login that was tried beside the pool (`ferryctl test`) and refused counts as one of its own. */
void endpoint_login_refused(struct endpoint *p, const struct err *e);
/* Forget breaker, stop and what the server allowed. */
void endpoint_reset(struct endpoint *p);

/* An operator's wish, in the place of the configured mask: what is recorded is written at once. */
struct trace_order {
	unsigned mask;
	int64_t until_ms;            /* clock_mono_ms(); INT64_MAX: until told otherwise */
	char file[TRACE_FILE_BYTES]; /* for all its connections (trace_file.h); "": one each */
};
/* For live connections and those to come, until its time is over, it is set again, or NULL: then
 * the configuration is in force again. From a fiber. */
void endpoint_trace_set(struct endpoint *p, const struct trace_order *order);

struct endpoint_status {
	const char *name;
	enum { ENDPOINT_IDLE, ENDPOINT_UP, ENDPOINT_RETRYING, ENDPOINT_STOPPED } state;
	int connections, leases, waiting;
	int allowed, configured; /* connections; allowed < configured: the server takes no more */
	int64_t next_attempt_ms; /* RETRYING: from now */
	struct err last;         /* kind 0: none since the last success */
	char trace_file[256];    /* of the last failure, "" */
	bool has_order;          /* trace_set is in force */
	struct trace_order order;
};
void endpoint_status(const struct endpoint *p, struct endpoint_status *out);
const struct endpoint_config *endpoint_settings(const struct endpoint *p);
