/*
 * What the operator's socket asks of the engine.
 *
 * The control room speaks JSON (protocol.md); the engine speaks plain structs and knows nothing of
 * it. The engine fills a table of functions and hands it to the server:
 *
 *	struct control_engine engine = {.arg = e, .status = engine_status, ...};
 *	control_server_start(&settings, &engine, &server, e);	// server.h
 *
 * Every function runs in a fiber on the worker the server was started on and may await; several
 * may run at once, for different operators. It returns 0 or a negative kind, as everywhere. What it
 * fills in is a copy: arrays and texts from mem_new…, which the control room releases; nothing
 * points into the engine. Every function must be set.
 *
 * Texts from outside (names, server words) are given as they are, raw: the control room escapes
 * them. Messages of struct err are escaped already, as everywhere.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/endpoint.h"
#include "adapters/examine.h"
#include "adapters/identity.h"
#include "adapters/tunnel.h"
#include "daemon/base/err.h"
#include "daemon/runtime/fiber.h"
#include "daemon/runtime/worker.h"
#include "daemon/store/store.h"

struct control_worker {
	char name[32];
	int64_t silent_ms; /* since its loop last turned */
	struct worker_stats stats;
};

struct control_endpoint {
	char name[512];                /* endpoint_config.name */
	char worker[32];               /* where it lives */
	struct endpoint_status status; /* .name is not read */
};

/* What waits for a route or a destination that the configuration does not have any more. */
enum { CONTROL_ORPHAN_JOBS = 10 };
struct control_orphan {
	char route[64];
	char dest[STORE_DEST_BYTES];       /* "": the route is gone, with its files */
	int64_t files, held;               /* of a route; of these, held */
	int64_t commands, leftovers;       /* at a destination: after a delivery, after a cancel */
	int64_t jobs[CONTROL_ORPHAN_JOBS]; /* of a destination, the oldest first */
	size_t job_count;
	bool has_more;
	struct err what; /* for the operator: cause and cure */
};

struct control_status {
	int64_t started_ms; /* wall */
	bool is_draining;   /* told to stop, waits for running transfers */
	char config_file[512];
	int64_t config_loaded_ms; /* wall */
	char *reload_error;       /* why the last reload was refused; NULL: it was not */
	int64_t reload_error_ms;  /* wall */

	int64_t counts[JOB_STATE_COUNT]; /* jobs of all routes */
	int64_t store_silent_ms;         /* since its thread last answered */

	bool disk_is_low;                           /* polling has stopped for want of space */
	uint64_t disk_free_bytes, disk_total_bytes; /* where state_dir is */

	struct control_worker *workers;
	size_t worker_count;
	struct control_endpoint *endpoints;
	size_t endpoint_count;
	struct tunnels_status *tunnels; /* of an endpoint each */
	size_t tunnel_count;
	struct control_orphan *orphans;
	size_t orphan_count;
};

struct control_route {
	char name[64];
	bool is_enabled, is_paused;
	char source[1024]; /* "acme:/outgoing" or "/srv/outgoing" */
	char **to;         /* destinations, in the same form */
	size_t to_count;
	int64_t counts[JOB_STATE_COUNT];

	bool is_polling;
	int64_t last_poll_ms; /* wall, when the last one ended; 0 = never */
	int64_t last_poll_took_ms;
	int64_t files_seen, files_taken; /* by the last poll */
	int64_t next_poll_ms;            /* wall, 0 = none planned */
	struct err last_error;           /* kind 0: the last poll went well */
};

struct control_fiber {
	char worker[32];
	struct fiber_info info;
};

struct control_trace {
	char endpoint[512]; /* endpoint_config.name */
	struct trace_order order;
};

struct control_trust {
	char host[256];
	int port;
	struct identity identity;
};

/* What became of the work that was under way when a job was held or canceled. */
struct control_halt {
	size_t interrupted; /* transfers that were ended */
	bool is_running;    /* one of them has not ended yet: a disk that hangs */
	bool is_put_back;   /* a file that had been taken out of its directory is back there */
	bool had_ended;     /* cancel: the job had; only what was left to do for it was given up */
	size_t dropped;     /* cancel: commands, removals at destinations that are gone */
	struct err trouble; /* kind 0: none */
};

struct control_engine {
	void *arg;

	int (*status)(void *arg, struct control_status *out, struct err *e);
	/* In the order of the configuration, disabled ones included. */
	int (*routes)(void *arg, struct control_route **out, size_t *count, struct err *e);
	int (*fibers)(void *arg, struct control_fiber **out, size_t *count, struct err *e);

	/* As store_jobs and store_show. */
	int (*jobs)(void *arg, const struct store_filter *f, struct store_job_info *out,
	            size_t *count, struct err *e);
	int (*show)(void *arg, int64_t job, struct store_job_info *out,
	            struct store_delivery **deliveries, size_t *delivery_count,
	            struct store_event **events, size_t *event_count, struct err *e);

	/* An unknown route is ERR_OBJECT "CONTROL-NO-ROUTE" (control_no_route below).
	 * poll: begins one now; 0 when it was asked for, not when it has ended. */
	int (*poll)(void *arg, const char *route, struct err *e);
	int (*pause)(void *arg, const char *route, struct err *e);
	int (*resume)(void *arg, const char *route, struct err *e);

	/* store_retry, and wake what must carry it out; forgets the breaker of its endpoints. ERR_OBJECT
	 * "ROUTE-GONE", "DELIVER-NO-DESTINATION" where the configuration does not have its route, or any
	 * destination it waits for, any more; of several those that are gone stay held. */
	int (*retry)(void *arg, int64_t job, struct err *e);
	/* store_hold, store_cancel, and ends what is under way. 0: it is on record, whatever `out`
	 * tells. */
	int (*hold)(void *arg, int64_t job, struct control_halt *out, struct err *e);
	/* Besides, gives up what is still to be done for the job at destinations that the
	 * configuration does not have any more; also of a job that has ended, for which it tries
	 * again to put back what an earlier cancel could not. */
	int (*cancel)(void *arg, int64_t job, struct control_halt *out, struct err *e);

	/* Loads the configuration again. *text: what there is to say, one line each, as
	 * config_report.text; also set when refused (ERR_CONFIG), as malloc'ed text or NULL. */
	int (*reload)(void *arg, char **text, struct err *e);

	/* What of an endpoint's connections is recorded, until told otherwise; `order` NULL: what is
	 * configured. An unknown one is ERR_OBJECT "CONTROL-NO-ENDPOINT". */
	int (*trace)(void *arg, const char *endpoint, const struct trace_order *order,
	             struct err *e);
	/* Who answers at an endpoint's address (identity.h), without a login. With a fingerprint, as
	 * typed, the key is put on record when it has that one, and what waited for the endpoint goes
	 * on. */
	int (*trust)(void *arg, const char *endpoint, const char *fingerprint,
	             struct control_trust *out, struct err *e);
	/* Walks along everything the endpoint needs (examine.h). 0 also when a step failed:
	 * out->failure tells; *stops: it was a login or a key that failed, and so the endpoint
	 * is stopped as any other refused login would stop it. */
	int (*test)(void *arg, const char *endpoint, const struct examine_options *options,
	            struct examination *out, bool *stops, struct err *e);
	/* The orders in force. */
	int (*traces)(void *arg, struct control_trace **out, size_t *count, struct err *e);
};

/* ERR_OBJECT "CONTROL-NO-ROUTE", with the nearest name of those that exist. */
int control_no_route(const char *route, const char *const *names, size_t count, struct err *e);

/* ERR_OBJECT "CONTROL-NO-ENDPOINT", likewise. */
int control_no_endpoint(const char *endpoint, const char *const *names, size_t count,
                        struct err *e);

/* Release what the engine filled in. */
void control_status_release(struct control_status *s);
void control_routes_free(struct control_route *routes, size_t count);
