/*
 * What ssh_config(5) writes into values instead of the thing itself: `~`, `%h` and `${NAME}`.
 *
 *	const char *wrong = NULL, *path = ssh_expand(&arena, "~/.ssh/%r.key", &tokens, &wrong);
 *
 * Pure. %% is a percent sign, %d the home directory, %h the host that is connected to, %i the user
 * id, %j the jump hosts, %k the alias of the host key, %l and %L the name of this machine, %n the
 * host as it was asked for, %p the port, %r the user at the server, %u the local user.
 */
#pragma once
#include "config/arena.h"

struct ssh_tokens {
	const char *home, *host, *original_host, *alias, *user, *port, *jumps;
	const char *local_user, *local_host, *user_id;
	const char *(*environment)(const char *name); /* NULL: no variables */
};

enum { SSH_EXPAND_MAX = 4096 };

/* In the arena; or NULL, and *wrong is a sentence about it (in the arena, visible characters). */
const char *ssh_expand(struct arena *a, const char *text, const struct ssh_tokens *t,
                       const char **wrong);
/* Only the % letters, as in HostName. */
const char *ssh_expand_percent(struct arena *a, const char *text, const struct ssh_tokens *t,
                               const char **wrong);
