/*
 * Is this the server we mean? Decided before a single byte of a login leaves.
 *
 *	host_key_load(endpoint, trace, &keys, e);	// known_hosts files, off the loop
 *	algorithms_host_keys(&keys, ...);		// known types first
 *	... key exchange ...
 *	host_key_check(&check, e);			// state, decision (trust_rules.h)
 *	known_keys_release(&keys);
 *
 * Pins of the endpoint, where there are any, decide alone; else known_hosts does, where a key that a
 * certificate of an @cert-authority names is as good as one on record; a revoked key is refused in
 * any case, with check: off too.
 */
#pragma once
#include "adapters/sftp/known_hosts.h"
#include "adapters/trace.h"
#include "config/config.h"

/* A file that cannot be read (known_files.h) is an error unless check is off; the keys are then
 * incomplete. Where an authority speaks of the host its certificate is fetched, too. */
int host_key_load(const struct endpoint_config *endpoint, struct trace *trace,
                  struct known_keys *out, struct err *e);

struct host_key_case {
	const struct endpoint_config *endpoint;
	const struct known_keys *known;
	struct trace *trace;
	const void *blob; /* of the key whose possession the server has proved */
	size_t blob_bytes;
};

/* What is on record about the key; *which: the record that decided, NULL: none, or the pins. */
enum known_state host_key_state(const struct host_key_case *c, const struct known_key **which);

/* 0, or ERR_TRUST SSH-HOSTKEY-UNKNOWN, -CHANGED, -REVOKED, -CERT; ERR_LOCAL SSH-HOSTKEY-NOT-STORED, ERR_BUSY
 * SSH-HOSTKEY-RACE with accept-new. May await: the key of a new partner is stored. */
int host_key_check(const struct host_key_case *c, struct err *e);
