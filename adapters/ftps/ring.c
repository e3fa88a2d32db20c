#include "adapters/ftps/ring.h"

#include <stdlib.h>

#include "daemon/base/mem.h"

void ring_init(struct ring *r)
{
	r->mem = NULL;
	atomic_init(&r->written, 0);
	atomic_init(&r->read, 0);
}

void ring_release(struct ring *r)
{
	free(r->mem);
	r->mem = NULL;
}

void ring_reset(struct ring *r)
{
	if (!r->mem)
		r->mem = mem_grow(NULL, RING_BYTES);
	atomic_store(&r->written, 0);
	atomic_store(&r->read, 0);
}

size_t ring_fill(const struct ring *r)
{
	size_t read = atomic_load_explicit(&r->read, memory_order_acquire);

	return atomic_load_explicit(&r->written, memory_order_acquire) - read;
}

static size_t until_end(size_t at, size_t n)
{
	size_t left = RING_BYTES - at % RING_BYTES;

	return n < left ? n : left;
}

size_t ring_room(struct ring *r, unsigned char **where)
{
	size_t at = atomic_load_explicit(&r->written, memory_order_relaxed);

	*where = r->mem + at % RING_BYTES;
	return until_end(at, RING_BYTES - ring_fill(r));
}

void ring_wrote(struct ring *r, size_t n)
{
	atomic_fetch_add_explicit(&r->written, n, memory_order_release);
}

size_t ring_held(struct ring *r, unsigned char **where)
{
	size_t at = atomic_load_explicit(&r->read, memory_order_relaxed);

	*where = r->mem + at % RING_BYTES;
	return until_end(at, ring_fill(r));
}

void ring_read(struct ring *r, size_t n)
{
	atomic_fetch_add_explicit(&r->read, n, memory_order_release);
}
