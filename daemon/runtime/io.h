/*
 * Descriptors that fibers wait on: sockets and inotify, through uv_poll.
 *
 *	struct io *io;
 *	if (io_connect(addr, addrlen, deadline, &io, e) < 0) ...
 *	n = io_read(io, buf, sizeof buf, "identification", deadline, e);	// awaits >= 1 byte
 *	r = io_write_all(io, data, len, "request", deadline, e);
 *	io_close(io);
 *
 * One reader and one writer fiber at a time. Non-blocking calls (io_try_*) never wait: they return
 * the bytes moved, 0 for "would block", or a negative kind; io_try_read gives ERR_NETWORK with code
 * "NET-EOF" at end of stream.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "daemon/runtime/fiber.h"

struct io;

/* TCP_NODELAY, CLOEXEC, keepalive probes on. Errors: ERR_NETWORK "NET-REFUSED", "NET-UNREACHABLE",
 * "NET-TIMEOUT", "NET-…" with the errno as native. */
int io_connect(const struct sockaddr *addr, socklen_t len, struct deadline d, struct io **out,
	       struct err *e);
struct io_ends {
	const struct sockaddr *remote, *local; /* local NULL: the system's choice */
	socklen_t remote_bytes, local_bytes;
};
/* The same from an address of ours: ERR_CONFIG "NET-SOURCE" when this machine has no such one. */
int io_connect_from(const struct io_ends *ends, struct deadline d, struct io **out, struct err *e);
/* Takes the descriptor (made non-blocking). */
int io_adopt(int fd, struct io **out, struct err *e);

/* Wait until readable/writable; several conditions at once: whichever comes first. */
enum { IO_READABLE = 1, IO_WRITABLE = 2 };
int io_wait(struct io *io, int want, const char *label, struct deadline d, struct err *e);

ssize_t io_try_read(struct io *io, void *data, size_t room, struct err *e);
ssize_t io_try_write(struct io *io, const void *data, size_t len, struct err *e);
ssize_t io_read(struct io *io, void *data, size_t room, const char *label, struct deadline d,
		struct err *e);
int io_write_all(struct io *io, const void *data, size_t len, const char *label, struct deadline d,
		 struct err *e);

int io_fd(const struct io *io);
/* shutdown(2) both ways: whoever waits on it wakes with an error. From any fiber of the worker. */
void io_abort(struct io *io);
/* Closes the descriptor; awaits the loop's letting go. Not cancelable. NULL allowed. */
void io_close(struct io *io);
