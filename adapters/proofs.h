/*
 * The files on which the login at an endpoint and the trust in it depend, as one number that
 * changes when one of them does: keys, certificates, secrets in files, systemd's credentials,
 * known_hosts, authorities; those of jump hosts too.
 *
 *	before = proofs_stamp(endpoint);	// blocking: on the work pool
 *	... connect: the password is refused, the endpoint stops ...
 *	if (proofs_stamp(endpoint) != before) ... somebody has done something about it: try again
 *
 * Looked at are place, size and times, not the content: a handful of stat(2). A secret that comes
 * from a program or the environment changes unseen.
 */
#pragma once
#include <stdint.h>

#include "config/config.h"

uint64_t proofs_stamp(const struct endpoint_config *endpoint);
/* The same from a fiber, on the pool. 0: not known, a cancel came; or there is no login to prove. */
uint64_t proofs_look(const struct endpoint_config *endpoint);
