/*
 * Is what lies at the destination what we sent? By the destination's `verify:`.
 *
 *	none	takes what the put has reached
 *	size	at least VERIFIED_SIZE, else ERR_INTEGRITY "VERIFY-SIZE"
 *	digest	the server's own hash of it where it tells one, else what is read back, is that of
 *		what was sent; ERR_INTEGRITY "VERIFY-DIGEST"
 */
#pragma once
#include "adapters/endpoint.h"
#include "daemon/base/digest.h"

struct sent_file {
	const char *path;    /* at the destination */
	const char *content; /* the same on this machine */
	unsigned char sha256[DIGEST_BYTES];
};

/* `level` is what the put itself has reached and is raised here. */
int verify_sent(struct lease *lease, const struct sent_file *sent, enum verify_policy policy,
                enum verification *level, struct err *e);
