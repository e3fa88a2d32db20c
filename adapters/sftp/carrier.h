/*
 * What carries the bytes of an SSH connection: a TCP socket, the standard input and output of a
 * proxy command, a channel of another SSH session (a jump host).
 *
 *	n = c->ops->try_read(c, mem, room, e);
 *	if (n == 0)
 *		r = c->ops->wait(c, IO_READABLE, "bytes from the server", e);
 *	c->ops->abort(c);		// from any fiber of the worker
 *	c->ops->close(c);		// frees it; no other fiber is inside a call on it
 *
 * As io.h, but for any carrier: calls that begin with try_ never wait, and give the bytes moved, 0
 * for "would block", or a negative kind; the end in order is ERR_NETWORK "NET-EOF". After a write
 * that would block the next one begins with the same bytes.
 *
 * Carriers that are more than a wire fail with codes of their own, SSH-VIA-… and PROXY-…; what such
 * a code tells is about the jump host or the proxy, not about the partner.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/runtime/io.h"

struct carrier;

struct carrier_ops {
	ssize_t (*try_read)(struct carrier *c, void *data, size_t room, struct err *e);
	ssize_t (*try_write)(struct carrier *c, const void *data, size_t n, struct err *e);
	/* `want`: IO_READABLE or IO_WRITABLE. Without a deadline: whoever needs one aborts. */
	int (*wait)(struct carrier *c, int want, const char *label, struct err *e);
	/* Every running and later call fails at once. */
	void (*abort)(struct carrier *c);
	/* From a fiber; not cancelable. */
	void (*close)(struct carrier *c);
};

struct carrier {
	const struct carrier_ops *ops;
	int fd;            /* the socket under it all, for libssh2, which only looks at its flags */
	bool short_is_all; /* a read that did not fill the room left nothing behind */
};

/* Takes the io. */
struct carrier *carrier_socket(struct io *io);

/* Is the error about the carrier (a jump host, a proxy) and not about the server? */
bool carrier_is_blamed(const struct err *e);
