#include "adapters/trace_ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/mem.h"

enum { CAP_LEAST = 1024 };

void trace_ring_init(struct trace_ring *r, size_t limit)
{
	*r = (struct trace_ring){.limit = limit};
}

void trace_ring_release(struct trace_ring *r)
{
	free(r->mem);
	trace_ring_init(r, r->limit);
}

/* How much of it lies before the end of the memory; the rest is at its start. */
static size_t straight(const struct trace_ring *r)
{
	return r->used < r->cap - r->start ? r->used : r->cap - r->start;
}

static void move_to(struct trace_ring *r, size_t cap)
{
	unsigned char *mem = mem_new(cap);
	size_t n = straight(r);

	assert(cap >= r->used);
	if (r->used) {
		memcpy(mem, r->mem + r->start, n);
		memcpy(mem + n, r->mem, r->used - n);
	}
	free(r->mem);
	r->mem = mem;
	r->cap = cap;
	r->start = 0;
}

static void grow(struct trace_ring *r, size_t need)
{
	size_t cap = r->cap ? 2 * r->cap : CAP_LEAST;

	while (cap < need)
		cap *= 2;
	move_to(r, cap < r->limit ? cap : r->limit);
}

int trace_ring_add(struct trace_ring *r, const char *line, size_t n)
{
	size_t at, first;

	if (n > r->limit - r->used)
		return -1;
	if (n > r->cap - r->used)
		grow(r, r->used + n);
	at = r->start + r->used;
	at -= at >= r->cap ? r->cap : 0;
	first = n < r->cap - at ? n : r->cap - at;
	memcpy(r->mem + at, line, first);
	memcpy(r->mem, line + first, n - first);
	r->used += n;
	return 0;
}

void trace_ring_drop(struct trace_ring *r)
{
	size_t before = straight(r), n;
	const unsigned char *end = memchr(r->mem + r->start, '\n', before);

	if (end) {
		n = (size_t)(end - (r->mem + r->start)) + 1;
	} else {
		end = memchr(r->mem, '\n', r->used - before);
		assert(end); /* only whole lines are ever added */
		n = before + (size_t)(end - r->mem) + 1;
	}
	r->start += n;
	r->start -= r->start >= r->cap ? r->cap : 0;
	r->used -= n;
}

void trace_ring_limit(struct trace_ring *r, size_t limit)
{
	r->limit = limit;
	if (r->cap > limit)
		move_to(r, limit);
}

void trace_ring_move(struct trace_ring *r, struct buf *out)
{
	size_t n = straight(r);

	if (!r->used)
		return;
	(void)buf_add(out, r->mem + r->start, n);
	(void)buf_add(out, r->mem, r->used - n);
	r->start = r->used = 0;
}
