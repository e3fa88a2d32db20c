/*
 * What the tables cannot say about routes: endpoints by name, paths, what excludes what.
 */
#include <stdio.h>
#include <string.h>

#include "config/load.h"
#include "config/path.h"
#include "config/units.h"
#include "daemon/base/text.h"

enum { POLL_MS = 60 * 1000, STABLE_REMOTE_MS = 10 * 1000 };

const char *route_check_name(const char *name)
{
	size_t length = strlen(name);

	if (!length || length > 63 ||
	    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") !=
	            length)
		return "a name has 1 to 63 letters, digits, \".\", \"_\" and \"-\"";
	return NULL;
}

const char *route_check_glob(const char *pattern)
{
	if (strchr(pattern, '/'))
		return "a pattern is for the file name and holds no \"/\": directories are the "
		       "business of path and recurse";
	return NULL;
}

const char *route_check_variable(const char *pair)
{
	size_t name = strspn(pair, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                           "0123456789_");

	if (!name || pair[name] != '=' || (*pair >= '0' && *pair <= '9'))
		return "wants NAME=value, the name of letters, digits and \"_\"";
	return NULL;
}

/* ---- where --------------------------------------------------------------------------------- */

struct where {
	const struct endpoint_config *endpoint;
	const char *path;
};

static struct where local_where(struct loader *l, const struct node *n, const char *path)
{
	const char *clean = path_clean(l->arena, path);
	struct node_found tmp;

	if (*path == '~')
		node_error(l->problems, n, "\"~\" is not expanded: write the absolute path");
	else if (*path != '/')
		node_error(l->problems, n,
		           "wants an absolute path on this machine, found %s "
		           "(for a partner's directory add endpoint:)",
		           node_describe(n, &tmp));
	else if (!clean)
		node_error(l->problems, n, "must not go up with \"..\": write where it leads");
	else
		return (struct where){endpoint_local(l, clean), ""};
	return (struct where){0};
}

/* Servers give ".." and "//" a meaning of their own; only what is plain is compared and joined. */
static struct where find_where(struct loader *l, const struct node *section, const char *endpoint,
                               const char *path)
{
	const struct node *n = node_get(section, "path");
	struct where w = {0};

	if (!path || !n)
		return w;
	if (!endpoint && !node_get(section, "endpoint"))
		return local_where(l, n, path);
	if (endpoint)
		w.endpoint = endpoint_find(l, endpoint, node_get(section, "endpoint"));
	w.path = path_clean(l->arena, path);
	if (!w.path)
		node_error(l->problems, n, "must not go up with \"..\": write where it leads");
	else if (!*w.path)
		w.path = "."; /* the login directory */
	return w;
}

static bool is_local(const struct endpoint_config *e)
{
	return e && e->protocol == PROTOCOL_LOCAL;
}

static bool is_apart_from_state(struct loader *l, const struct node *n, const char *dir, int levels)
{
	const char *state = l->daemon.state_dir;

	if (state && path_levels_below(dir, state) >= 0)
		node_error(l->problems, n, "lies in daemon.state_dir (%s), which is ferryd's own",
		           state);
	else if (state && levels && path_levels_below(state, dir) >= 0)
		node_error(l->problems, n,
		           "with recurse it holds daemon.state_dir (%s), which is ferryd's own",
		           state);
	else
		return true;
	return false;
}

/* ---- from ---------------------------------------------------------------------------------- */

static void finish_schedule(struct loader *l, struct route_source *s, const struct node *n)
{
	const struct node *poll = node_get(n, "poll"), *cron = node_get(n, "cron");

	if (poll && cron)
		node_error(l->problems, cron, "poll and cron exclude each other: keep one");
	else if (!poll && !cron)
		s->poll_ms = POLL_MS;
	if (!node_get(node_get(n, "ready"), "stable_for"))
		s->stable_for_ms = is_local(s->endpoint) ? 0 : STABLE_REMOTE_MS;
	if (s->min_size > s->max_size)
		node_error(l->problems, node_get(n, "min_size"),
		           "is larger than max_size: no file "
		           "would ever be taken");
	if (s->max_age_ms && s->min_age_ms > s->max_age_ms)
		node_error(l->problems, node_get(n, "min_age"),
		           "is longer than max_age: no file "
		           "would ever be taken");
}

static const char *local_move(struct loader *l, const struct node *n, const char *target,
                              const char *root)
{
	if (*target != '/')
		return target;
	if (path_levels_below(target, root) >= 0) {
		target += strlen(root);
		return target + strspn(target, "/");
	}
	node_error(l->problems, n,
	           "must lie below %s, where one rename moves the file: name a "
	           "directory in it, or deliver to the other one and delete here",
	           root);
	return target;
}

static void finish_move(struct loader *l, struct route_source *s, const struct node *n)
{
	const char *here = is_local(s->endpoint) ? s->endpoint->root : s->path;
	char *clean = path_clean(l->arena, s->after_to);
	int depth;

	if (!clean) {
		node_error(l->problems, n, "must not go up with \"..\": write where it leads");
		return;
	}
	depth = path_levels_below(clean, *clean == '/' ? here : "");
	if (depth == 0)
		node_error(l->problems, n, "is the directory the files come from");
	else if (depth > 0 && depth <= s->recurse && *clean != '.')
		node_error(l->problems, n,
		           "lies within the levels that recurse searches (%d): the moved files "
		           "would be taken again",
		           s->recurse);
	s->after_to = is_local(s->endpoint) ? local_move(l, n, clean, here) : clean;
}

static void finish_after(struct loader *l, struct route_source *s, const struct node *from)
{
	const struct node *after = node_get(from, "after"), *n;

	if (s->after == AFTER_MOVE && s->after_to) {
		finish_move(l, s, node_get(after, "move"));
	} else if (s->after == AFTER_RENAME && s->after_to) {
		n = node_get(after, "rename");
		if (strchr(s->after_to, '/'))
			node_error(l->problems, n, "a name holds no \"/\": use move");
		else if (loops_name_matches(s, s->after_to, s))
			node_error(l->problems, n,
			           "the renamed files would be taken again as new "
			           "ones: let match or exclude keep them out");
	}
}

static void finish_source(struct loader *l, struct route_form *f)
{
	const struct node *n = node_get(f->head.node, "from"), *path = node_get(n, "path");
	struct route_source *s = &f->from.out;
	struct where w = find_where(l, n, f->from.endpoint, f->from.path);
	int order = f->from.order;

	s->endpoint = w.endpoint;
	s->path = w.path;
	s->order_descending = order < 0;
	s->order = (enum order_by)(order < 0 ? -1 - order : order);
	if (!n || !s->endpoint || !s->path)
		return;
	finish_schedule(l, s, n);
	finish_after(l, s, n);
	if (!is_local(s->endpoint) || !f->out.enabled)
		return;
	if (is_apart_from_state(l, path, s->endpoint->root, s->recurse))
		files_check_dir(l, path, s->endpoint->root,
		                s->after == AFTER_KEEP ? DIR_READ : DIR_READ_AND_CHANGE);
}

/* ---- to ------------------------------------------------------------------------------------ */

static void inherit_retry(struct route_dest *d, const struct node *n,
                          const struct retry_config *route)
{
	const struct node *retry = node_get(n, "retry");

	if (!node_get(retry, "first"))
		d->retry.first_ms = route->first_ms;
	if (!node_get(retry, "most"))
		d->retry.most_ms = route->most_ms;
	if (!node_get(retry, "attempts"))
		d->retry.attempts = route->attempts;
}

static void check_retry(struct loader *l, const struct retry_config *r, const struct node *section)
{
	const struct node *n = node_get(section, "retry");
	char first[UNIT_TEXT_BYTES], most[UNIT_TEXT_BYTES];

	if (n && r->first_ms > r->most_ms)
		node_error(l->problems, n, "first (%s) is longer than most (%s)",
		           unit_text(units_duration, r->first_ms, first),
		           unit_text(units_duration, r->most_ms, most));
}

/* A section that is not written has its defaults, and no words. */
static void check_commands(struct loader *l, const struct route_dest *d, const struct node *n)
{
	const struct node *commands = node_get(n, "commands");
	const struct node *before = node_get(node_get(commands, "before"), "run");
	const struct node *after = node_get(node_get(commands, "after"), "run");

	if (before && !before->count && before->kind == NODE_LIST)
		node_error(l->problems, before, "wants a program and its arguments");
	if (after && !after->count && after->kind == NODE_LIST)
		node_error(l->problems, after, "wants a program and its arguments");
	if (!commands || !d->endpoint || d->endpoint->protocol == PROTOCOL_SFTP)
		return;
	node_key_error(l->problems, commands,
	               d->endpoint->protocol == PROTOCOL_LOCAL
	                       ? "runs commands at a partner's server: this directory is of this "
	                         "machine"
	                       : "is for protocol: sftp; what an FTP server is told stands in the "
	                         "endpoint's commands:");
}

static void finish_dest(struct loader *l, const struct route_form *route, struct dest_form *f)
{
	const struct node *n = f->head.node, *path = node_get(n, "path");
	struct where w = find_where(l, n, f->endpoint, f->path);
	struct route_dest *d = &f->out;

	d->endpoint = w.endpoint;
	d->path = w.path;
	if (!node_get(n, "mode") || node_is_nothing(node_get(n, "mode")))
		d->mode = -1;
	inherit_retry(d, n, &route->out.retry);
	check_retry(l, &d->retry, n);
	check_commands(l, d, n);
	if (!d->endpoint || !d->path)
		return;
	d->id = is_local(d->endpoint) ? d->endpoint->name
	                              : arena_printf(l->arena, "%s:%s", d->endpoint->name, d->path);
	if (!is_local(d->endpoint) || !route->out.enabled)
		return;
	if (is_apart_from_state(l, path, d->endpoint->root, 0))
		files_check_dir(l, path, d->endpoint->root, DIR_WRITE);
}

static void check_same_dest(struct loader *l, const struct route_form *f, size_t i)
{
	const struct dest_form *a = (const void *)f->to.items[i];

	for (size_t k = 0; a->out.id && k < i; k++) {
		const struct dest_form *b = (const void *)f->to.items[k];

		if (!b->out.id || strcmp(a->out.id, b->out.id) != 0)
			continue;
		node_error(l->problems, node_get(a->head.node, "path"),
		           "is the same directory as to[%zu]: a file is delivered there once", k);
		return;
	}
}

void route_finish(struct loader *l, struct route_form *f)
{
	struct route_dest *to = arena_new_array(l->arena, f->to.count, sizeof(*to));

	f->out.name = f->head.name;
	check_retry(l, &f->out.retry, f->head.node);
	finish_source(l, f);
	f->out.from = f->from.out;
	for (size_t i = 0; i < f->to.count; i++) {
		struct dest_form *d = (void *)f->to.items[i];

		finish_dest(l, f, d);
		check_same_dest(l, f, i);
		to[i] = d->out;
	}
	f->out.to = to;
	f->out.to_count = f->to.count;
}
