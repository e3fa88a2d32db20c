/*
 * The inside of an endpoint (endpoint.h), shared by the pool (endpoint.c), what makes a connection
 * (endpoint_connect.c), the keeper of the idle ones (endpoint_keep.c) and their traces
 * (endpoint_trace.c). Belongs to the endpoint's worker.
 */
#pragma once
#include "adapters/breaker.h"
#include "adapters/ceiling.h"
#include "adapters/endpoint.h"

struct endpoint {
	const struct config *config; /* referenced, NULL in tests */
	const struct endpoint_config *settings;
	const struct adapter *adapter;
	struct trace_order order; /* in force while has_order */
	bool has_order;
	struct signal order_changed;
	int order_serial; /* the watch of an order that was replaced lets it be */

	struct link slots;   /* live ones */
	struct link waiters; /* struct waiter, longest waiting first */
	int live, connecting, closing;
	int room_each; /* operations a connection carries, 0 = not known yet */
	struct breaker breaker;
	uint64_t refused_proofs; /* the stamp of what stopped it (proofs.h), 0: none taken */
	bool is_looking;         /* whether it has changed; who waits is answered then */
	int64_t looked_ms;       /* clock_mono_ms() */
	struct ceiling ceiling;
	int told_allowed;     /* of the ceiling, as the log has it */
	int64_t closed_ms;    /* clock_mono_ms() of the last end of a connection, 0: none yet */
	char trace_file[256]; /* of the last failure */

	struct group fibers; /* connecting, pinging, closing, keeper */
	struct signal tend;  /* wakes the keeper */
	bool has_keeper, is_ending;
};

/* One connection. Out of `slots` once it is dead; freed when its last lease is back. */
struct slot {
	struct link link;
	struct endpoint *endpoint;
	struct connection *connection;
	struct trace *trace;
	int leases, room;
	bool is_dead, has_worked, has_served; /* the last: has been leased */
	bool ended_idle;                      /* the other side did it, and nobody has told yet */
	int64_t born_ms, used_ms, pinged_ms;  /* clock_mono_ms() */
};

/* No new lease gets it; running operations fail at once; closed when the last lease is back. */
void slot_retire(struct slot *s);
/* It is found dead while nobody has leased it: retired, and that is told when it is closed. */
void slot_found_dead(struct slot *s);
/* That `why` ended it while it was idle: in the log, and in its trace, if that is written. */
void slot_tell_idle_end(struct slot *s, const struct err *why);
/* Has it carried so much, or become so old, that a new one is to take its place (`recycle:`)? Each
 * serves once: where a login alone is more than that, others would follow it without end. */
bool slot_is_worn(const struct slot *s);
/* An operation on `s` ended: what does that say about the connection? */
void slot_judge(struct slot *s, int result, const struct err *e);
/* The lease itself. */
void slot_give_back(struct slot *s);

/* The fiber that makes one connection; `connecting` counts it already. */
void endpoint_connect(void *endpoint);
/* Each gets `cause` with the context. */
void endpoint_fail_waiters(struct endpoint *p, const struct err *cause, const char *context);

/* The trace of a connection that is to be made. */
struct trace *endpoint_trace_begin(struct endpoint *p);
/* What an operator ordered, else what is configured, is in force for it. */
void endpoint_trace_obey(const struct endpoint *p, struct trace *t);
/* It explains the last failure. */
void endpoint_trace_remember(struct endpoint *p, struct trace *t);

/* The keeper's fiber: pings idle connections and closes those that are idle for too long. Lives
 * while there are connections. */
void endpoint_keep(void *endpoint);

/* Brings together who waits and what there is. Every change of either ends here. */
void endpoint_pump(struct endpoint *p);

/* A stopped endpoint is tried once more when what its login is made of changes on disk
 * (endpoint_proofs.c). True while that is found out; ends in endpoint_pump(). At most once a
 * second. */
bool endpoint_looks_again(struct endpoint *p);
