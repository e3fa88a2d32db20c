/*
 * Routes that take the same files. With after: keep each of them has its own ledger, and a file
 * reaches the destinations of both. But when one of them removes what it took, the other finds it
 * or does not, by the luck of the clock; who wants two destinations writes one route. It is a
 * warning, not an error: patterns may be told apart by names that no sample shows (loops.c).
 */
#include <string.h>

#include "config/load.h"
#include "config/path.h"

/* Whether the directories of `b` are among those of `a`. */
static bool holds(const struct route_source *a, const struct route_source *b)
{
	bool local = a->endpoint->protocol == PROTOCOL_LOCAL;
	int levels;

	if (local != (b->endpoint->protocol == PROTOCOL_LOCAL))
		return false;
	if (!local && a->endpoint != b->endpoint)
		return false;
	levels = local ? path_levels_below(b->endpoint->root, a->endpoint->root)
	               : path_levels_below(b->path, a->path);
	return levels >= 0 && levels <= a->recurse;
}

static bool overlap(const struct route_source *a, const struct route_source *b)
{
	if (a->after == AFTER_KEEP && b->after == AFTER_KEEP)
		return false;
	if (!holds(a, b) && !holds(b, a))
		return false;
	return loops_name_matches(a, "{name}", b) || loops_name_matches(b, "{name}", a);
}

static bool is_known(const struct route_form *f)
{
	return f->out.enabled && f->out.from.endpoint && f->out.from.path;
}

static void check_one(struct loader *l, size_t i)
{
	const struct route_form *f = (const void *)l->routes.items[i];

	for (size_t k = 0; k < i && is_known(f); k++) {
		const struct route_form *other = (const void *)l->routes.items[k];

		if (!is_known(other) || !overlap(&other->out.from, &f->out.from))
			continue;
		node_warn(l->problems, node_get(node_get(f->head.node, "from"), "path"),
		          "route %s takes the same files, and one of the two removes them: a file "
		          "will reach only one; one route can have several destinations",
		          other->head.name);
		return;
	}
}

void overlaps_check(struct loader *l)
{
	for (size_t i = 1; i < l->routes.count; i++)
		check_one(l, i);
}
