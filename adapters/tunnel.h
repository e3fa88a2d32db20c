/*
 * The tunnels of one endpoint: a connection of their own, kept up.
 *
 *	struct tunnels *t = tunnels_start(config, settings, worker);	// from a fiber of the worker
 *	tunnels_status(t, &status);
 *	tunnels_stop(t);						// from a fiber; ends all
 *
 * The connection is made at once and again after it was lost, with the pauses of a breaker (1 s
 * doubling to 5 min; a refused login or host key stops them until keys or secrets change on disk, the
 * login works for files, or they are started anew, which a reload does). While it is down nobody
 * listens: whoever connects is refused at once instead of waiting for nothing.
 *
 *	TUNNEL-LISTEN	our address cannot be listened on (in use, not ours, no permission)
 *	TUNNEL-REFUSED	the server does not allow it (AllowTcpForwarding, PermitOpen, PermitListen)
 *	TUNNEL-TARGET	what the tunnel leads to does not answer
 *	TUNNEL-SLOW	the server had not connected to it within `request`: the connection is gone
 *	TUNNEL-BUSY	others had the turn for as long as that: this one connection is not carried
 *	TUNNEL-FULL	as many connections as the tunnel may have
 *
 * A tunnel that cannot listen leaves the others alone: it is tried again on a connection of its own,
 * with pauses of its own, and stays on it once it can (the server's answer on the common one could
 * not be told from one to a keepalive, libssh2 keeps those). Where none of several can listen the
 * cause is most likely one, and they are tried again together. A tunnel whose target is so slow that
 * the connection was given up has done that to the others once: it gets one of its own too, and they
 * come back without a pause.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "daemon/base/err.h"
#include "daemon/runtime/worker.h"

enum { TUNNELS_MAX = 16 };

/* One tunnel, as an adapter that carries it keeps it up to date. */
struct tunnel_state {
	const struct tunnel_config *settings;
	bool is_listening;
	int port; /* where it listens: what was configured, or what was chosen for 0 */
	int open; /* connections now */
	uint64_t opened, refused; /* since the start */
	uint64_t received, sent;  /* bytes, as seen by who connects */
	struct err last;          /* kind 0: nothing went wrong since it began to listen */
};

/* What an adapter is given (adapter.h: forward). If some of the tunnels cannot listen, the adapter
 * hands each of them back, then lets the others begin; it does not touch what it has handed back. */
struct forwarding {
	struct tunnel_state *tunnels[TUNNELS_MAX];
	size_t count;
	void (*refused)(void *arg, struct tunnel_state *t, const struct err *e);
	void (*up)(void *arg); /* the others listen */
	void *arg;
	struct tunnel_state *slow; /* set by the adapter: its target has ended the connection */
};

struct tunnels;

/* Keeps a reference on `config`; NULL in tests, then `settings` must outlive it. */
struct tunnels *tunnels_start(const struct config *config, const struct endpoint_config *settings,
                              struct worker *w);
void tunnels_stop(struct tunnels *t);

enum tunnel_condition { TUNNELS_CONNECTING, TUNNELS_UP, TUNNELS_RETRYING, TUNNELS_STOPPED };

struct tunnels_status {
	char endpoint[64];
	struct tunnel_state tunnels[TUNNELS_MAX]; /* .settings: NULL, see places */
	struct tunnel_place {
		char listen[300], to[300]; /* "127.0.0.1:15432" */
		enum tunnel_side side;
		enum tunnel_condition state; /* of its connection */
		int64_t next_attempt_ms;     /* RETRYING: from now */
		struct err last;             /* kind 0: none since it is up */
	} places[TUNNELS_MAX];
	size_t count;
};
void tunnels_status(const struct tunnels *t, struct tunnels_status *out);
const struct endpoint_config *tunnels_settings(const struct tunnels *t); /* any thread */
/* A login or host key was refused: they are not tried as they are. Any thread. */
bool tunnels_have_stopped(const struct tunnels *t);
