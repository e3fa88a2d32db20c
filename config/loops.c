/*
 * Files that would come back to where they were taken from.
 *
 * One route may hand on what another delivered: partner A -> /srv/x -> partner B is a plain relay.
 * But when the chain of directories closes, a file travels for ever. So routes are the corners of a
 * graph; an edge leads from a route to each route that would select what the first one delivers;
 * an edge that leads back to a route on the current path is an error.
 *
 * Whether patterns can select a delivered name is decided on a sample: the first route's patterns
 * are made a name ("*.xml" -> "x.xml"), renamed by the template, and matched. A sample may miss a
 * loop; it never refuses routes that are fine because of names they never see.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "config/load.h"
#include "config/path.h"
#include "daemon/base/mem.h"

enum { SAMPLE_BYTES = 512 };

/* ---- names --------------------------------------------------------------------------------- */

/* A name that the pattern matches: "*" and "?" become an x, "[...]" its first character. */
static void sample_of(const char *pattern, char out[SAMPLE_BYTES])
{
	size_t used = 0;

	while (*pattern && used < SAMPLE_BYTES - 1) {
		const char *end = *pattern == '[' ? strchr(pattern + 1, ']') : NULL;

		if (*pattern == '\\' && pattern[1])
			pattern++;
		else if (*pattern == '*' || *pattern == '?')
			end = pattern;
		out[used++] = !end ? *pattern : end == pattern ? 'x' : pattern[1];
		pattern = end ? end + 1 : pattern + 1;
	}
	out[used] = '\0';
}

/* "{name}" becomes the name, every other "{...}" an x. */
static void rename_sample(const char *template, const char *name, char out[SAMPLE_BYTES])
{
	size_t used = 0;

	while (*template && used < SAMPLE_BYTES - 1) {
		const char *end = *template == '{' ? strchr(template, '}') : NULL;
		bool whole = end && strncmp(template, "{name}", 6) == 0;

		if (whole)
			used += (size_t)snprintf(out + used, SAMPLE_BYTES - used, "%s", name);
		else
			out[used++] = end ? 'x' : *template;
		if (used >= SAMPLE_BYTES)
			used = SAMPLE_BYTES - 1;
		template = end ? end + 1 : template + 1;
	}
	out[used] = '\0';
}

static bool any_matches(const char *const *patterns, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	return false;
}

static bool selects(const struct route_source *s, const char *name)
{
	return (*name != '.' || s->hidden) && !any_matches(s->exclude, s->exclude_count, name) &&
	       (!s->match_count || any_matches(s->match, s->match_count, name));
}

bool loops_name_matches(const struct route_source *source, const char *name_template,
                        const struct route_source *target)
{
	char name[SAMPLE_BYTES], renamed[SAMPLE_BYTES];
	size_t count = source->match_count;

	for (size_t i = 0; i < (count ? count : 1); i++) {
		sample_of(count ? source->match[i] : "*", name);
		rename_sample(name_template, name, renamed);
		if (selects(target, renamed))
			return true;
	}
	return false;
}

/* ---- directories --------------------------------------------------------------------------- */

static bool reaches(const struct route_dest *d, const struct route_source *s)
{
	bool local = d->endpoint && d->endpoint->protocol == PROTOCOL_LOCAL;
	int levels;

	if (!d->endpoint || !s->endpoint || !d->path || !s->path)
		return false;
	if (local != (s->endpoint->protocol == PROTOCOL_LOCAL))
		return false;
	if (!local && d->endpoint != s->endpoint)
		return false;
	levels = local ? path_levels_below(d->endpoint->root, s->endpoint->root)
	               : path_levels_below(d->path, s->path);
	return levels >= 0 && levels <= s->recurse;
}

static const struct dest_form *edge(const struct route_form *from, const struct route_form *to)
{
	for (size_t i = 0; i < from->to.count; i++) {
		const struct dest_form *d = (const void *)from->to.items[i];

		if (d->out.name && reaches(&d->out, &to->from.out) &&
		    loops_name_matches(&from->from.out, d->out.name, &to->from.out))
			return d;
	}
	return NULL;
}

/* ---- the walk: depth first, each route once ------------------------------------------------ */

enum colour { WHITE, GREY, BLACK };

struct walk {
	struct loader *l;
	enum colour *colours;
	size_t *path, *next; /* the current chain, and where each of its routes goes on */
	size_t depth;
};

static const struct route_form *route_at(const struct walk *w, size_t i)
{
	return (const void *)w->l->routes.items[i];
}

static void tell_loop(struct walk *w, const struct dest_form *d, size_t back_to)
{
	char chain[512] = "";
	size_t used = 0, at = w->depth;

	while (at > 0 && w->path[at - 1] != back_to)
		at--;
	for (; at > 0 && at <= w->depth && used < sizeof(chain); at++)
		used += (size_t)snprintf(chain + used, sizeof(chain) - used, "%s -> ",
		                         route_at(w, w->path[at - 1])->head.name);
	node_error(w->l->problems, node_get(d->head.node, "path"),
	           "files would go round for ever: %s%s; separate the directories or the patterns",
	           chain, route_at(w, back_to)->head.name);
}

static void enter(struct walk *w, size_t i)
{
	w->colours[i] = GREY;
	w->next[w->depth] = 0;
	w->path[w->depth++] = i;
}

static void walk_from(struct walk *w, size_t start)
{
	size_t count = w->l->routes.count;

	enter(w, start);
	while (w->depth) {
		size_t here = w->path[w->depth - 1], there = w->next[w->depth - 1]++;
		const struct dest_form *d;

		if (there == count) {
			w->colours[here] = BLACK;
			w->depth--;
			continue;
		}
		if (w->colours[there] == BLACK || !route_at(w, there)->out.enabled)
			continue;
		d = edge(route_at(w, here), route_at(w, there));
		if (d && w->colours[there] == GREY)
			tell_loop(w, d, there);
		else if (d)
			enter(w, there);
	}
}

void loops_check(struct loader *l)
{
	size_t count = l->routes.count;
	enum colour *colours _cleanup_free_ = mem_new_array(count, sizeof(*colours));
	size_t *path _cleanup_free_ = mem_new_array(count, sizeof(*path));
	size_t *next _cleanup_free_ = mem_new_array(count, sizeof(*next));
	struct walk w = {l, colours, path, next, 0};

	for (size_t i = 0; i < count; i++)
		if (colours[i] == WHITE && route_at(&w, i)->out.enabled)
			walk_from(&w, i);
}
