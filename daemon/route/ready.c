#include "daemon/route/ready.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/mem.h"

struct observation {
	char *path;
	uint64_t size;
	int64_t mtime_ms;
	uint64_t identity;
	int64_t since_ms;
};

static int by_path(const void *a, const void *b)
{
	const struct observation *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void forget(struct observation *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].path);
	free(list);
}

void ready_init(struct ready *r)
{
	*r = (struct ready){.next_ms = INT64_MAX};
}

void ready_release(struct ready *r)
{
	forget(r->last, r->last_count);
	forget(r->now, r->now_count);
	ready_init(r);
}

void ready_begin(struct ready *r)
{
	forget(r->now, r->now_count);
	r->now = NULL;
	r->now_count = r->now_room = 0;
	r->next_ms = INT64_MAX;
}

static int64_t unchanged_since(const struct ready *r, const struct candidate *c, int64_t now_ms)
{
	struct observation key = {.path = c->path};
	const struct observation *o =
	        r->last ? bsearch(&key, r->last, r->last_count, sizeof(key), by_path) : NULL;

	if (o && o->size == c->size && o->mtime_ms == c->mtime_ms && o->identity == c->identity)
		return o->since_ms;
	return now_ms;
}

static void remember(struct ready *r, const struct candidate *c, int64_t since_ms)
{
	if (r->now_count == r->now_room) {
		r->now_room = r->now_room ? 2 * r->now_room : 64;
		r->now = mem_grow(r->now, r->now_room * sizeof(*r->now));
	}
	r->now[r->now_count++] = (struct observation){
	        .path = mem_dup(c->path),
	        .size = c->size,
	        .mtime_ms = c->mtime_ms,
	        .identity = c->identity,
	        .since_ms = since_ms,
	};
}

bool ready_observe(struct ready *r, const struct candidate *c, int64_t stable_for_ms,
                   int64_t now_mono_ms)
{
	int64_t since, due;

	if (stable_for_ms <= 0)
		return true;
	since = unchanged_since(r, c, now_mono_ms);
	due = since + stable_for_ms;
	if (now_mono_ms >= due)
		return true;
	if (due < r->next_ms)
		r->next_ms = due;
	remember(r, c, since);
	return false;
}

void ready_end(struct ready *r)
{
	forget(r->last, r->last_count);
	if (r->now_count)
		qsort(r->now, r->now_count, sizeof(*r->now), by_path);
	r->last = r->now;
	r->last_count = r->now_count;
	r->now = NULL;
	r->now_count = r->now_room = 0;
}

size_t ready_waiting(const struct ready *r)
{
	return r->last_count;
}
