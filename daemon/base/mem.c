#include "daemon/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
	if (p)
		return p;
	(void)fputs("ferryd: out of memory, stopping; every committed step is safe\n", stderr);
	abort();
}

void *mem_new(size_t bytes)
{
	return checked(calloc(1, bytes ? bytes : 1));
}

void *mem_new_array(size_t count, size_t bytes)
{
	return checked(calloc(count ? count : 1, bytes ? bytes : 1));
}

void *mem_grow(void *p, size_t bytes)
{
	return checked(realloc(p, bytes ? bytes : 1));
}

void *mem_room(void *array, size_t count, size_t size)
{
	if (count & (count - 1))
		return array;
	return mem_grow(array, (count ? 2 * count : 1) * size);
}

char *mem_dup(const char *text)
{
	return text ? mem_dup_bytes(text, strlen(text)) : NULL;
}

char *mem_dup_bytes(const void *data, size_t bytes)
{
	char *p = checked(malloc(bytes + 1));

	if (bytes)
		memcpy(p, data, bytes);
	p[bytes] = '\0';
	return p;
}

char *mem_printf(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return checked(text);
}
