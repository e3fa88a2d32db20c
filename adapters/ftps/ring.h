/*
 * A bounded run of bytes from one thread to another: one writes, one reads, neither copies twice.
 *
 *	n = ring_room(&r, &where);  memcpy(where, …);  ring_wrote(&r, n);	// the writer's
 *thread n = ring_held(&r, &where);  use(where, n);     ring_read(&r, n);	// the reader's
 *thread
 *
 * Both get contiguous pieces; a piece may be smaller than all there is room for, because the end of
 * the memory comes in between. Waiting is not its business: each side has its own way to wake the
 * other. Memory is taken at the first use.
 */
#pragma once
#include <stdatomic.h>
#include <stddef.h>

enum { RING_BYTES = 512 * 1024 }; /* a power of two */

struct ring {
	unsigned char *mem;
	atomic_size_t written, read; /* ever; their difference is what it holds */
};

void ring_init(struct ring *r);
void ring_release(struct ring *r);
/* Empty again; nobody may be using it. */
void ring_reset(struct ring *r);

size_t ring_room(struct ring *r, unsigned char **where);
void ring_wrote(struct ring *r, size_t n);
size_t ring_held(struct ring *r, unsigned char **where);
void ring_read(struct ring *r, size_t n);
/* All it holds, contiguous or not. */
size_t ring_fill(const struct ring *r);
