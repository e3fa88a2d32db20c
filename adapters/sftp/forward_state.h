/*
 * The inside of forward.h: what its listeners (forward.c) and its connections (forward_link.c)
 * share. One worker.
 */
#pragma once
#include "adapters/sftp/forward.h"
#include "daemon/runtime/io.h"

enum { FORWARD_WINDOW = 2 * 1024 * 1024, FORWARD_PACKET = 32 * 1024, FORWARD_BACKLOG = 16 };

struct forward {
	struct ssh *ssh;
	struct forwarding *what;
	struct group fibers; /* listeners here, and every connection */
};

/* A connection that has come in, of which one side is there: here `io`, at the server `lib`. Takes
 * it. Counts against the tunnel's limit; over it, it is refused. */
void forward_link_start(struct forward *f, struct tunnel_state *t, struct io *io,
                        LIBSSH2_CHANNEL *lib);
/* Closes and frees; a server that does not answer in time loses the connection. */
void forward_free_channel(struct forward *f, LIBSSH2_CHANNEL *lib);
/* Something went wrong with one tunnel: for the operator, logged when it is new. */
void forward_tell(struct forward *f, struct tunnel_state *t, const struct err *e);
