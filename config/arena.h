/*
 * Memory that is given back all at once.
 *
 *	struct arena a;
 *	arena_init(&a);
 *	char *s = arena_dup(&a, "text");
 *	arena_release(&a);			// wipes, then frees everything
 *
 * A configuration snapshot owns one arena for every string and array in it; a load uses a second
 * one for the syntax tree. Released memory is wiped, because literal secrets may have been in it.
 * Not shared between threads while it grows.
 */
#pragma once
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
};

void arena_init(struct arena *a);
void arena_release(struct arena *a);

/* Zeroed, aligned for any type, never NULL. */
void *arena_new(struct arena *a, size_t bytes);
void *arena_new_array(struct arena *a, size_t count, size_t bytes);
char *arena_dup(struct arena *a, const char *text);                     /* NULL gives NULL */
char *arena_dup_bytes(struct arena *a, const void *data, size_t bytes); /* adds a NUL */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define arena_new_of(a, type) ((type *)arena_new(a, sizeof(type)))
