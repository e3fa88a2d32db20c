/*
 * A growing run of bytes with an upper limit.
 *
 *	struct buf b;
 *	buf_init(&b, 64 * 1024);		// limit in bytes, required
 *	if (buf_add(&b, data, n) < 0) ...	// -1: the limit would be passed, b unchanged
 *	buf_consume(&b, k);			// drop k bytes from the front, O(1) amortised
 *	buf_release(&b);
 *
 * The bytes are buf_data(b)[0 .. buf_len(b)), never NULL, so that an empty buffer may be handed to
 * memchr() and memcpy() too. Any add may move them.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct buf {
	unsigned char *mem;
	size_t start, end; /* live bytes are mem[start, end) */
	size_t cap, limit;
};

void buf_init(struct buf *b, size_t limit);
void buf_release(struct buf *b); /* wipes nothing; secrets use secret_bytes */

static inline unsigned char *buf_data(const struct buf *b)
{
	return b->mem ? b->mem + b->start : (unsigned char *)"";
}
static inline size_t buf_len(const struct buf *b)
{
	return b->end - b->start;
}

/* 0, or -1 when `limit` would be passed (nothing added). */
int buf_add(struct buf *b, const void *data, size_t n);
int buf_add_text(struct buf *b, const char *text);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes, to be filled by the caller and then counted in with buf_added();
 * NULL when the limit would be passed. */
unsigned char *buf_reserve(struct buf *b, size_t n);
void buf_added(struct buf *b, size_t n);

void buf_consume(struct buf *b, size_t n);
static inline void buf_clear(struct buf *b)
{
	b->start = b->end = 0;
}
/* NUL-terminates (the NUL is not counted) and returns the bytes as text. */
const char *buf_text(struct buf *b);
