/*
 * Memory that is there or the process ends.
 *
 * ferryd keeps every promise through a crash (each step of a file's life is committed first), so
 * running out of memory is treated as one: abort with a message. What an outsider can make us
 * allocate is bounded elsewhere, by limits that return errors.
 */
#pragma once
#include <stddef.h>

/* Zeroed. Never NULL. free() releases. */
void *mem_new(size_t bytes);
void *mem_new_array(size_t count, size_t bytes);
/* Content kept, new part NOT zeroed. */
void *mem_grow(void *p, size_t bytes);
/* Room for one more after `count` of `size` bytes; grows by doubling. */
void *mem_room(void *array, size_t count, size_t size);
char *mem_dup(const char *text);		      /* NULL gives NULL */
char *mem_dup_bytes(const void *data, size_t bytes); /* adds a NUL after the bytes */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define mem_new_of(type) ((type *)mem_new(sizeof(type)))

static inline void mem_free_at(void *pp)
{
	extern void free(void *);
	free(*(void **)pp);
}
/* char *s _cleanup_free_ = NULL; */
#define _cleanup_free_ __attribute__((cleanup(mem_free_at)))
