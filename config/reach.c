/*
 * What the tables cannot say about the way to a server: what texts must look like, and which keys
 * go together.
 */
#include <arpa/inet.h>
#include <string.h>

#include "config/load.h"

/* ---- texts --------------------------------------------------------------------------------- */

const char *reach_check_address(const char *address)
{
	unsigned char ignored[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, address, ignored) == 1 || inet_pton(AF_INET6, address, ignored) == 1)
		return NULL;
	return "is no IPv4 or IPv6 address of this machine (without brackets)";
}

/* One text may hold several names, as in an ssh_config. */
const char *reach_check_algorithms(const char *names)
{
	for (const char *p = names; *p; p++)
		if (*p <= 0x20 || *p >= 0x7F)
			return "names of algorithms hold no blanks and no letters beyond ASCII";
	if (!*names || !names[strspn(names, "+-^,")])
		return "wants the name of an algorithm, such as aes256-ctr or +aes256-cbc";
	return NULL;
}

const char *reach_check_argument(const char *argument)
{
	for (const char *p = strchr(argument, '%'); p; p = strchr(p + 2, '%'))
		if (!p[1] || !strchr("hprn%", p[1]))
			return "knows %h, %p, %r, %n and %% only";
	return NULL;
}

const char *reach_check_login(const char *user)
{
	if (strchr(user, ':'))
		return "holds a \":\", which no proxy can tell from the password";
	return NULL;
}

/* ---- what goes together -------------------------------------------------------------------- */

static void check_family(struct loader *l, const struct endpoint_form *f)
{
	const struct endpoint_config *e = &f->out;
	bool is_ipv6;

	if (!e->bind_address || e->address_family == FAMILY_ANY)
		return;
	is_ipv6 = strchr(e->bind_address, ':') != NULL;
	if (is_ipv6 != (e->address_family == FAMILY_IPV6))
		node_error(l->problems, node_get(f->head.node, "bind_address"),
		           "is no address of the family that address_family names");
}

/* ---- jump hosts ---------------------------------------------------------------------------- */

enum { HOPS_MOST = 8 };

struct hops {
	struct loader *l;
	const struct endpoint_form *of;
	const struct endpoint_config *items[HOPS_MOST];
	size_t count;
};

static struct endpoint_form *form_named(struct loader *l, const char *name)
{
	for (size_t i = 0; i < l->endpoints.count; i++)
		if (strcmp(l->endpoints.items[i]->name, name) == 0)
			return (void *)l->endpoints.items[i];
	return NULL;
}

static bool is_hop(const struct hops *h, const struct endpoint_config *e)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->items[i] == e)
			return true;
	return e == &h->of->out;
}

static bool refuse_hop(struct hops *h, const struct node *n, const char *name, const char *why)
{
	node_error(h->l->problems, n, "jump host \"%s\" %s", name, why);
	return false;
}

/* The hops before `f`, then `f` is next. Wrong ones are told at `n`, where the endpoint's own list
 * is written. */
static bool add_hops(struct hops *h, const struct endpoint_form *f, const struct node *n, int depth)
{
	for (size_t i = 0; i < f->via.count; i++) {
		const char *name = f->via.items[i];
		struct endpoint_form *hop = form_named(h->l, name);

		if (!hop)
			return endpoint_find(h->l, name, n) != NULL; /* it tells */
		if (is_hop(h, &hop->out) || depth > HOPS_MOST)
			return refuse_hop(h, n, name, "is reached through itself: via goes round");
		if (hop->out.protocol != PROTOCOL_SFTP)
			return refuse_hop(h, n, name, "is no SSH server: see its protocol");
		if (i == 0 && !add_hops(h, hop, n, depth + 1))
			return false;
		if (h->count == HOPS_MOST)
			return refuse_hop(h, n, name, "is one too many: at most 8");
		h->items[h->count++] = &hop->out;
	}
	return true;
}

/* Copies of the endpoints, each with the hops before it as its own way. */
static void set_via(struct arena *a, struct endpoint_config *e, const struct hops *h)
{
	const struct endpoint_config **items = arena_new_array(a, h->count, sizeof(*items));

	for (size_t i = 0; i < h->count; i++) {
		struct endpoint_config *hop = arena_new_of(a, struct endpoint_config);

		*hop = *h->items[i];
		hop->via = items;
		hop->via_count = i;
		items[i] = hop;
	}
	e->via = items;
	e->via_count = h->count;
}

void endpoint_finish_via(struct loader *l, struct endpoint_form *f)
{
	const struct node *n = node_get(f->head.node, "via");
	struct hops h = {.l = l, .of = f};

	if (f->out.protocol != PROTOCOL_SFTP || !f->via.count || !add_hops(&h, f, n, 0))
		return;
	set_via(l->arena, &f->out, &h);
	if (f->out.bind_address)
		node_key_error(l->problems, node_get(f->head.node, "bind_address"),
		               "belongs to the first jump host: the connection begins there");
}

/* ---- proxies ------------------------------------------------------------------------------- */

static void check_command(struct loader *l, const struct node *n, const struct texts *argv)
{
	if (!n)
		return;
	if (!argv->count)
		node_error(l->problems, n, "wants a program and its arguments");
	else if (*argv->items[0] != '/')
		node_error(l->problems, n, "the program must be an absolute path");
}

static void finish_proxy(struct loader *l, struct endpoint_form *f)
{
	static const char *const sections[] = {[PROXY_NONE] = "",
	                                       [PROXY_COMMAND] = "command",
	                                       [PROXY_SOCKS5] = "socks5",
	                                       [PROXY_HTTP] = "http"};
	const struct node *n = node_get(f->head.node, "proxy"),
	                  *of = node_get(n, sections[f->proxy.out.kind]),
	                  *password = node_get(of, "password");
	struct proxy_settings *p = &f->proxy.out;

	if (!n)
		return;
	check_command(l, p->kind == PROXY_COMMAND ? of : NULL, &p->command);
	p->password = endpoint_secret(l, password, &f->proxy.password);
	if (password && !p->user)
		node_key_error(l->problems, password, "belongs to a user: add user");
	if (f->via.count)
		node_key_error(l->problems, n,
		               "belongs to the first jump host: the connection begins there");
	if (p->kind == PROXY_COMMAND && f->out.bind_address)
		node_key_error(l->problems, node_get(f->head.node, "bind_address"),
		               "has no use with proxy: {command: ...}, which connects by itself");
	f->out.proxy = *p;
}

void endpoint_finish_reach(struct loader *l, struct endpoint_form *f)
{
	finish_proxy(l, f);
	check_family(l, f);
}
