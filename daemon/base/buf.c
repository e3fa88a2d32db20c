#include "daemon/base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/mem.h"

void buf_init(struct buf *b, size_t limit)
{
	*b = (struct buf){.limit = limit};
}

void buf_release(struct buf *b)
{
	free(b->mem);
	*b = (struct buf){.limit = b->limit};
}

/* Make `n` bytes (plus one for buf_text's NUL) available behind `end`. */
static void make_room(struct buf *b, size_t n)
{
	size_t need = buf_len(b) + n + 1, cap = b->cap ? b->cap : 64;

	if (b->cap - b->end >= n + 1 && b->cap)
		return;
	if (b->start) {
		memmove(b->mem, b->mem + b->start, buf_len(b));
		b->end -= b->start;
		b->start = 0;
	}
	if (need <= b->cap)
		return;
	while (cap < need)
		cap *= 2;
	b->mem = mem_grow(b->mem, cap);
	b->cap = cap;
}

unsigned char *buf_reserve(struct buf *b, size_t n)
{
	if (n > b->limit || buf_len(b) > b->limit - n)
		return NULL;
	make_room(b, n);
	return b->mem + b->end;
}

void buf_added(struct buf *b, size_t n)
{
	assert(n < b->cap - b->end);
	b->end += n;
}

int buf_add(struct buf *b, const void *data, size_t n)
{
	unsigned char *room = buf_reserve(b, n);

	if (!room)
		return -1;
	if (n)
		memcpy(room, data, n);
	b->end += n;
	return 0;
}

int buf_add_text(struct buf *b, const char *text)
{
	return buf_add(b, text, strlen(text));
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	char *text _cleanup_free_ = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return -1;
	}
	return buf_add(b, text, (size_t)n);
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= buf_len(b));
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}

const char *buf_text(struct buf *b)
{
	make_room(b, 0);
	b->mem[b->end] = '\0';
	return (const char *)b->mem + b->start;
}
