/*
 * What the tables cannot say about endpoints: secrets, inherited settings, local roots.
 */
#include <stdio.h>
#include <string.h>

#include "config/load.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/base/text.h"

#define NAME_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* ---- names and hosts ----------------------------------------------------------------------- */

const char *endpoint_check_name(const char *name)
{
	if (strcmp(name, "local") == 0)
		return "\"local\" stands for this machine: choose another name";
	return route_check_name(name);
}

const char *endpoint_check_host(const char *host)
{
	if (strstr(host, "://"))
		return "wants a name or an address only: protocol, port and user have their own "
		       "keys";
	if (strchr(host, '@'))
		return "wants a name or an address only: the part before \"@\" belongs into user";
	if (strspn(host, NAME_BYTES ".-_:%") != strlen(host) || *host == '-')
		return "is neither a host name nor an address (without brackets)";
	return NULL;
}

/* ---- secrets ------------------------------------------------------------------------------- */

struct secret_ref endpoint_secret(struct loader *l, const struct node *n,
                                  const struct secret_form *f)
{
	struct secret_ref s = f->ref;

	if (s.kind == SECRET_COMMAND && f->argv.count) {
		const char **argv =
		        arena_new_array(l->arena, f->argv.count + 1, sizeof(*argv)); /* + NULL */

		memcpy(argv, f->argv.items, f->argv.count * sizeof(*argv));
		s.argv = argv;
		if (*argv[0] != '/')
			node_error(l->problems, n, "command: the program needs an absolute path");
	} else if (s.kind == SECRET_COMMAND && n) {
		node_error(l->problems, n, "command: wants a program and its arguments");
	}
	if (s.kind == SECRET_VALUE) {
		l->secret_values++;
		node_warn(l->problems, n,
		          "the secret itself stands in the configuration; "
		          "{credential: NAME} or {file: PATH} keep it out of it");
	}
	if (s.kind != SECRET_NONE && n)
		files_check_secret(l, n, &s);
	return s;
}

/* ---- the whole ----------------------------------------------------------------------------- */

void endpoint_finish(struct loader *l, struct endpoint_form *f)
{
	const struct node *trace = node_get(f->head.node, "trace");
	struct endpoint_config *e = &f->out;

	e->name = f->head.name;
	if (!node_get(trace, "mask"))
		e->trace_mask = l->trace.mask;
	if (!node_get(trace, "when"))
		e->trace_when = l->trace.when;
	auth_finish(l, f);
	endpoint_finish_reach(l, f);
	tunnels_finish(l, f);
	endpoint_finish_protocol(l, f);
	if (e->protocol == PROTOCOL_SFTP)
		endpoint_finish_trust(l, f);
}

/* ---- finding ------------------------------------------------------------------------------- */

const struct endpoint_config *endpoint_find(struct loader *l, const char *name,
                                            const struct node *n)
{
	const char **names _cleanup_free_ = mem_new_array(l->endpoints.count, sizeof(*names));
	struct node_found tmp;
	const char *near;

	for (size_t i = 0; i < l->endpoints.count; i++) {
		struct endpoint_form *f = (void *)l->endpoints.items[i];

		names[i] = f->head.name;
		if (strcmp(f->head.name, name) == 0)
			return &f->out;
	}
	near = text_nearest(name, names, l->endpoints.count);
	if (near)
		node_error(l->problems, n, "no endpoint is called %s, did you mean \"%s\"?",
		           node_describe(n, &tmp), near);
	else if (strcmp(name, "local") == 0)
		node_error(l->problems, n, "leave the key out for a directory of this machine");
	else
		node_error(l->problems, n, "no endpoint is called %s: define it under endpoints:",
		           node_describe(n, &tmp));
	return NULL;
}

static const struct endpoint_config *make_local(struct loader *l, const char *dir)
{
	struct binder b = {l->arena, l->problems, NULL};
	struct endpoint_form *f = arena_new_of(l->arena, struct endpoint_form);
	struct endpoint_config *e = &f->out;

	bind_section(&b, &keys_endpoint, NULL, f); /* the defaults, for the timeouts */
	e->name = arena_printf(l->arena, "local:%s", dir);
	e->protocol = PROTOCOL_LOCAL;
	e->root = arena_dup(l->arena, dir);
	e->trace_mask = l->trace.mask;
	e->trace_when = l->trace.when;
	return e;
}

const struct endpoint_config *endpoint_local(struct loader *l, const char *dir)
{
	for (size_t i = 0; i < l->local_count; i++)
		if (strcmp(l->locals[i]->root, dir) == 0)
			return l->locals[i];
	l->locals = mem_grow(l->locals, (l->local_count + 1) * sizeof(*l->locals));
	return l->locals[l->local_count++] = make_local(l, dir);
}
