#include "config/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/mem.h"

enum { BLOCK_BYTES = 16 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t used, bytes;
	max_align_t memory[];
};

void arena_init(struct arena *a)
{
	a->blocks = NULL;
}

void arena_release(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *b = a->blocks;

		a->blocks = b->next;
		explicit_bzero(b->memory, b->bytes);
		free(b);
	}
}

static struct arena_block *add_block(struct arena *a, size_t bytes)
{
	struct arena_block *b = mem_new(sizeof(*b) + bytes);

	b->bytes = bytes;
	b->next = a->blocks;
	a->blocks = b;
	return b;
}

void *arena_new(struct arena *a, size_t bytes)
{
	size_t align = sizeof(max_align_t), need;
	struct arena_block *b = a->blocks;
	char *p;

	assert(bytes <= SIZE_MAX / 2);
	need = (bytes + align - 1) / align * align;
	if (!b || b->bytes - b->used < need)
		b = add_block(a, need > BLOCK_BYTES ? need : BLOCK_BYTES);
	p = (char *)b->memory + b->used;
	b->used += need;
	return p;
}

void *arena_new_array(struct arena *a, size_t count, size_t bytes)
{
	assert(!bytes || count <= SIZE_MAX / 2 / bytes);
	return arena_new(a, count * bytes);
}

char *arena_dup_bytes(struct arena *a, const void *data, size_t bytes)
{
	char *p = arena_new(a, bytes + 1);

	if (bytes)
		memcpy(p, data, bytes);
	return p;
}

char *arena_dup(struct arena *a, const char *text)
{
	return text ? arena_dup_bytes(a, text, strlen(text)) : NULL;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	char *out;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	out = arena_new(a, (size_t)n + 1);
	va_start(ap, fmt);
	(void)vsnprintf(out, (size_t)n + 1, fmt, ap); /* measured just above */
	va_end(ap);
	return out;
}
