/*
 * Tunnels of an endpoint: their keys, where they listen and lead to, and who could reach them.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/load.h"
#include "daemon/base/text.h"

#define TUNNEL(member) .at = offsetof(struct tunnel_form, member)

enum { HOST_MOST = 255 };

/* "host:port" or "[::1]:port"; false: neither. The host, without brackets, into out. */
static bool read_place(const char *text, char out[HOST_MOST + 1], int *port)
{
	const char *colon = strrchr(text, ':'), *end = colon;
	const char *from = text;

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    strlen(colon + 1) > 5)
		return false;
	if (*from == '[') {
		if (colon[-1] != ']')
			return false;
		from++;
		end--;
	} else if (memchr(from, ':', (size_t)(colon - from))) {
		return false;
	}
	if (end <= from || end - from > HOST_MOST)
		return false;
	memcpy(out, from, (size_t)(end - from));
	out[end - from] = '\0';
	*port = (int)strtol(colon + 1, NULL, 10);
	return *port <= 65535 && !endpoint_check_host(out);
}

static const char *check_place(const char *text)
{
	char host[HOST_MOST + 1];
	int port;

	if (read_place(text, host, &port))
		return NULL;
	return "wants host and port, such as \"127.0.0.1:15432\" or \"[::1]:15432\"";
}

static const char *check_target(const char *text)
{
	char host[HOST_MOST + 1];
	int port;

	if (!read_place(text, host, &port))
		return check_place(text);
	return port ? NULL : "wants a port from 1 to 65535";
}

static bool is_loopback(const char *host)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0;
}

static const struct key tunnel_keys[] = {
        {"listen", KEY_TEXT, TUNNEL(listen), .most = 300, .check = check_place,
         .doc = "Where this machine listens, host and port; port 0: any that is free. Who connects "
                "there is connected to `to` by the server."},
        {"remote_listen", KEY_TEXT, TUNNEL(remote_listen), .most = 300, .check = check_place,
         .doc = "Where the server listens; port 0: the server chooses, and `ferryctl status` tells "
                "which. Who connects there is connected to `to` by this machine."},
        {"to", KEY_TEXT, .flags = KEY_REQUIRED, TUNNEL(to), .most = 300, .check = check_target,
         .doc = "Where the tunnel leads, host and port, as the side sees it that connects."},
        {"public", KEY_BOOL, TUNNEL(is_public), .fallback = "false",
         .doc = "Whether it may listen on more than the loopback: everybody who reaches that "
                "address can use the tunnel."},
        {"connections", KEY_INT, TUNNEL(out.connections), .least = 1, .most = 256, .fallback = "16",
         .doc = "At most so many connections at once; further ones are closed."},
        {0},
};

const struct table keys_tunnels = {
        .title = "endpoint.tunnels",
        .about = "Ports that are carried through the server, over a connection of its own, so that "
                 "files keep their pace. Exactly one of `listen` and `remote_listen`. The "
                 "connection is kept up; while it is down nobody listens.",
        .keys = tunnel_keys,
        .size = sizeof(struct tunnel_form),
};

static void finish_one(struct loader *l, struct tunnel_form *f, struct tunnel_config *out)
{
	const struct node *n = f->head.node;
	const char *listen = f->listen ? f->listen : f->remote_listen;
	char host[HOST_MOST + 1];
	int port;

	*out = f->out;
	if (node_has(n, "listen") == node_has(n, "remote_listen")) {
		node_error(l->problems, n, "wants exactly one of listen and remote_listen");
		return;
	}
	out->side = node_has(n, "listen") ? TUNNEL_HERE : TUNNEL_SERVER;
	if (listen && read_place(listen, host, &port)) {
		out->listen_host = arena_dup(l->arena, host);
		out->listen_port = port;
		if (!is_loopback(host) && !f->is_public)
			node_error(l->problems, n,
			           "would let everybody in who reaches %s: listen on 127.0.0.1, or "
			           "say public: true",
			           host);
	}
	if (f->to && read_place(f->to, host, &port)) {
		out->to_host = arena_dup(l->arena, host);
		out->to_port = port;
	}
}

static void check_same(struct loader *l, const struct endpoint_form *f, size_t i)
{
	const struct tunnel_config *all = f->out.tunnels, *a = &all[i];

	for (size_t k = 0; a->listen_host && a->listen_port && k < i; k++)
		if (all[k].listen_host && all[k].side == a->side &&
		    all[k].listen_port == a->listen_port &&
		    strcasecmp(all[k].listen_host, a->listen_host) == 0) {
			node_error(l->problems, f->tunnels.items[i]->node,
			           "listens where tunnels[%zu] does", k);
			return;
		}
}

void tunnels_finish(struct loader *l, struct endpoint_form *f)
{
	struct tunnel_config *all = arena_new_array(l->arena, f->tunnels.count, sizeof(*all));

	f->out.tunnels = all;
	f->out.tunnel_count = f->tunnels.count;
	for (size_t i = 0; i < f->tunnels.count; i++) {
		finish_one(l, (void *)f->tunnels.items[i], &all[i]);
		check_same(l, f, i);
	}
}
