/*
 * The inside of forward.h: what its listeners (forward.c) and its connections (forward_link.c)
 * share. One worker.
 */
#pragma once
#include "adapters/sftp/forward.h"
#include "adapters/sftp/refusals.h"
#include "daemon/runtime/io.h"

enum {
	FORWARD_WINDOW = 2 * 1024 * 1024,
	FORWARD_PACKET = 32 * 1024,
	FORWARD_BACKLOG = 16,
	/* Connections that the server has opened and nobody has taken, of one listener. libssh2
	 * refuses more with a packet that OpenSSH 10 hangs up at. */
	FORWARD_QUEUE = REFUSALS_MOST,
};

struct forward {
	struct ssh *ssh;
	struct forwarding *what;
	struct group fibers;      /* listeners here, and every connection */
	struct refusals refusals; /* told, not closed by the server yet */
	struct err slow;          /* kind 0, or why `what->slow` has ended the connection */
};

/* A connection that has come in, of which one side is there: here `io`, at the server `lib`. Takes
 * it. Counts against the tunnel's limit; over it, it is refused: with `lib` forward_may_refuse(). */
void forward_link_start(struct forward *f, struct tunnel_state *t, struct io *io,
                        LIBSSH2_CHANNEL *lib);
/* Before the first connection. */
void forward_refuse_init(struct forward *f);
/* Closes a channel without waiting, and frees it when the server has answered; while there is room
 * for that: as many as a listener's queue holds. Then none is accepted until the server has said
 * something, anything. */
bool forward_may_refuse(const struct forward *f);
void forward_refuse(struct forward *f, LIBSSH2_CHANNEL *lib);
/* At each turn of whoever serves. Whether a server that answers nothing is there is not asked here:
 * keepalives do. */
void forward_collect(struct forward *f);
/* Something went wrong with one tunnel: for the operator, logged when it is new. */
void forward_tell(struct forward *f, struct tunnel_state *t, const struct err *e);
