/*
 * The last lines of a trace: a ring of bytes that never takes more memory than its limit.
 *
 *	struct trace_ring r;
 *	trace_ring_init(&r, 56 * 1024);
 *	while (trace_ring_add(&r, line, n) < 0)		// whole lines, each ends in '\n'
 *		trace_ring_drop(&r);			// the oldest
 *	trace_ring_move(&r, &out);			// all that is there, in order
 *	trace_ring_release(&r);
 *
 * Not a struct buf: that moves what it holds when it has reached its end, which for a window over
 * an endless run of short lines costs several times what the lines do.
 */
#pragma once
#include "daemon/base/buf.h"

struct trace_ring {
	unsigned char *mem;
	size_t limit, cap;
	size_t start, used; /* from mem[start] on, around the end */
};

void trace_ring_init(struct trace_ring *r, size_t limit);
void trace_ring_release(struct trace_ring *r);

/* 0, or -1 when `limit` would be passed (nothing added). */
int trace_ring_add(struct trace_ring *r, const char *line, size_t n);
/* Drops the oldest line. */
void trace_ring_drop(struct trace_ring *r);
/* Another limit; the caller has dropped what would not fit. */
void trace_ring_limit(struct trace_ring *r, size_t limit);
/* Adds everything to `out`, whose limit allows it, and is empty then. */
void trace_ring_move(struct trace_ring *r, struct buf *out);
