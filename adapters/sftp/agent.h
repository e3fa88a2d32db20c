/*
 * An SSH agent (draft-miller-ssh-agent), spoken to from a fiber.
 *
 *	struct agent *a;
 *	if (agent_open(path, deadline, &a, e) < 0) ...
 *	if (agent_keys(a, on_key, arg, deadline, e) < 0) ...
 *	if (agent_sign(a, &request, signature, deadline, e) < 0) ...
 *	agent_close(a);
 *
 * Awaits the socket: an agent that asks a person, or hangs, costs its deadline and stops no loop.
 * What it says is bounded and distrusted. After an error the agent is of no more use but closing.
 *
 * Errors: SSH-AGENT-MISSING (nothing listens there; ERR_LOCAL: it may come), SSH-AGENT-TIMEOUT,
 * SSH-AGENT-PROTOCOL, SSH-AGENT-REFUSED (to sign: locked, not confirmed, cannot).
 */
#pragma once
#include <stddef.h>

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/runtime/deadline.h"

enum { AGENT_MESSAGE_MAX = 256 * 1024, AGENT_KEYS_MAX = 64 };

struct agent;

struct agent_key {
	const unsigned char *blob; /* key, or certificate */
	size_t blob_bytes;
	const char *comment; /* raw, not NUL-terminated */
	size_t comment_bytes;
};

struct agent_request {
	const unsigned char *blob;
	size_t blob_bytes;
	const char *algorithm; /* "rsa-sha2-512", "ssh-ed25519" …: the signature must be of this */
	const unsigned char *data;
	size_t data_bytes;
};

int agent_open(const char *path, struct deadline d, struct agent **out, struct err *e);
void agent_close(struct agent *a); /* NULL allowed; from a fiber, not cancelable */

/* At most AGENT_KEYS_MAX; what is given is borrowed until on_key returns. */
typedef void agent_key_fn(const struct agent_key *k, void *arg);
int agent_keys(struct agent *a, agent_key_fn *on_key, void *arg, struct deadline d, struct err *e);
/* Appends the signature's inner string to `out`. */
int agent_sign(struct agent *a, const struct agent_request *r, struct buf *out, struct deadline d,
               struct err *e);
