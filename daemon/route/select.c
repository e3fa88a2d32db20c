#include "daemon/route/select.h"

#include <fnmatch.h>
#include <string.h>

static bool matches_any(const char *const *globs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (fnmatch(globs[i], name, 0) == 0)
			return true;
	return false;
}

static enum select_verdict by_age(const struct route_source *from, int64_t age_ms)
{
	if (from->min_age_ms && age_ms < from->min_age_ms)
		return SELECT_YOUNG;
	if (from->max_age_ms && age_ms > from->max_age_ms)
		return SELECT_OLD;
	return SELECT_TAKE;
}

enum select_verdict select_entry(const struct route_source *from, const struct entry *entry,
                                 int64_t now_ms)
{
	if (entry->type != ENTRY_FILE)
		return SELECT_NOT_A_FILE;
	if (entry->name[0] == '.' && !from->hidden)
		return SELECT_HIDDEN;
	if (matches_any(from->exclude, from->exclude_count, entry->name))
		return SELECT_EXCLUDED;
	if (from->match_count && !matches_any(from->match, from->match_count, entry->name))
		return SELECT_NO_MATCH;
	if (entry->size != SIZE_UNKNOWN && entry->size < from->min_size)
		return SELECT_SMALL;
	if (entry->size != SIZE_UNKNOWN && from->max_size && entry->size > from->max_size)
		return SELECT_LARGE;
	if (entry->mtime_ms == MTIME_UNKNOWN)
		return SELECT_TAKE;
	return by_age(from, now_ms - entry->mtime_ms);
}

static int three_way(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int select_compare(const void *a, const void *b, void *from)
{
	const struct candidate *x = a, *y = b;
	const struct route_source *s = from;
	int r = 0;

	if (s->order == ORDER_SIZE)
		r = three_way(x->size, y->size);
	else if (s->order == ORDER_MTIME)
		r = three_way((uint64_t)x->mtime_ms + 1, (uint64_t)y->mtime_ms + 1);
	if (r == 0)
		r = strcmp(x->path, y->path);
	return s->order_descending ? -r : r;
}
