/*
 * Is this the server we mean? Decided before a single byte of a login leaves.
 *
 *	host_key_load(endpoint, trace, &keys, e);	// known_hosts files, off the loop
 *	algorithms_host_keys(&keys, ...);		// known types first
 *	... key exchange ...
 *	host_key_check(&check, e);
 *	known_keys_release(&keys);
 *
 * Pins of the endpoint, where there are any, decide alone; else known_hosts does; a key marked
 * @revoked there is refused in any case, with check: off too.
 */
#pragma once
#include "adapters/sftp/known_hosts.h"
#include "adapters/trace.h"
#include "config/config.h"

enum { KNOWN_HOSTS_FILE_MAX = 16 * 1024 * 1024 };

/* A missing file is like an empty one (traced); an unreadable one is ERR_TRUST
 * "SSH-HOSTKEY-UNREADABLE" unless check is off. */
int host_key_load(const struct endpoint_config *endpoint, struct trace *trace,
                  struct known_keys *out, struct err *e);

struct host_key_case {
	const struct endpoint_config *endpoint;
	const struct known_keys *known;
	struct trace *trace;
	const void *blob; /* of the key whose possession the server has proved */
	size_t blob_bytes;
};

/* 0, or ERR_TRUST SSH-HOSTKEY-UNKNOWN, -CHANGED, -REVOKED. */
int host_key_check(const struct host_key_case *c, struct err *e);
