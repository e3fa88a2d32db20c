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

void endpoint_finish_reach(struct loader *l, struct endpoint_form *f)
{
	check_family(l, f);
}
