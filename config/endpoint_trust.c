/*
 * What the tables cannot say about host keys: pins in one form, files that must be there, where
 * ferryd keeps what it has learnt itself.
 */
#include <string.h>

#include "config/load.h"
#include "config/pin.h"

#define KNOWN_HOSTS "/etc/ferryd/known_hosts"

const char *endpoint_check_pin(const char *text)
{
	char pin[PIN_BYTES];
	const char *complaint = NULL;

	(void)pin_read(text, pin, &complaint);
	return complaint;
}

static void finish_pins(struct loader *l, const struct node *n, struct endpoint_config *e)
{
	const char **pins = arena_new_array(l->arena, e->pin_count, sizeof(*pins));
	char pin[PIN_BYTES];
	const char *complaint;

	for (size_t i = 0; i < e->pin_count; i++) {
		if (pin_read(e->pins[i], pin, &complaint) == PIN_WEAK && !e->weak_pins)
			node_error(l->problems, n,
			           "item %zu is an MD5 or SHA-1 fingerprint, which can be forged: "
			           "pin the SHA-256 one (ssh-keygen -lf), or add weak_pins: true",
			           i + 1);
		pins[i] = arena_dup(l->arena, pin);
	}
	e->pins = pins;
}

static void finish_known_hosts(struct loader *l, const struct node *section,
                               struct endpoint_config *e)
{
	static const char *const standard[] = {KNOWN_HOSTS};
	const struct node *files = node_get(section, "known_hosts");

	if (!files && !node_get(section, "pins")) {
		e->known_hosts = standard; /* may be missing: nobody is known then */
		e->known_hosts_count = 1;
	}
	if (!files || e->host_key_check != HOST_KEY_STRICT)
		return;
	for (size_t i = 0; i < e->known_hosts_count; i++)
		files_check_known_hosts(l, files, e->known_hosts[i], e);
}

void endpoint_finish_trust(struct loader *l, struct endpoint_form *f)
{
	const struct node *section = node_get(f->head.node, "host_key");
	struct endpoint_config *e = &f->out;

	if (e->host_key_check == HOST_KEY_OFF)
		node_warn(
		        l->problems, node_get(section, "check"),
		        "host keys are not checked: anybody on the way can read and change files");
	if (e->host_key_check == HOST_KEY_ACCEPT_NEW)
		node_warn(l->problems, node_get(section, "check"),
		          "whoever answers the first connection is trusted from then on: compare "
		          "the stored fingerprint with the partner");
	finish_pins(l, node_get(section, "pins"), e);
	finish_known_hosts(l, section, e);
	e->own_known_hosts = arena_printf(l->arena, "%s/known_hosts", l->daemon.state_dir);
	if (e->revoked_keys)
		files_check_revoked(l, node_get(section, "revoked"), e->revoked_keys);
}
