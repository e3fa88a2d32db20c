/*
 * The seam between the SSH transport and the SFTP protocol: an ordered, reliable, two-way byte
 * stream that fibers of one worker use. One reader fiber and one writer fiber at a time, both at
 * once.
 *
 *	n = stream->ops->read(stream, mem, room, "SFTP reply", deadline, e);
 *	r = stream->ops->write(stream, packet, n, "SFTP request", deadline, e);
 *	stream->ops->abort(stream);	// from any fiber of the worker
 *
 * After a failed call (but ERR_CANCELED or a timeout of a read, which took nothing) the stream is
 * dead: every later call fails at once. A write that failed in any way leaves the stream unusable,
 * since the peer may have got a part of it. Who made the stream closes it with its session.
 */
#pragma once
#include <stddef.h>
#include <sys/types.h>

#include "daemon/base/err.h"
#include "daemon/runtime/deadline.h"

struct stream;

struct stream_ops {
	/* Awaits at least one byte; returns bytes read, 0 = the peer ended the stream, or a
	 * negative kind. */
	ssize_t (*read)(struct stream *s, void *data, size_t room, const char *label,
	                struct deadline d, struct err *e);
	/* Awaits until all n bytes were taken into the transport (not until they were sent). */
	int (*write)(struct stream *s, const void *data, size_t n, const char *label,
	             struct deadline d, struct err *e);
	/* Every running and later call fails at once. */
	void (*abort)(struct stream *s);
};

struct stream {
	const struct stream_ops *ops;
};
