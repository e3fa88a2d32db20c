/*
 * Is what lies at the destination what we sent? By the destination's `verify:`.
 */
#pragma once
#include "adapters/endpoint.h"
#include "daemon/base/digest.h"

/*
 * `level` is what the put itself has reached and is raised here. none: takes what there is; size:
 * at least VERIFIED_SIZE, else ERR_INTEGRITY "VERIFY-SIZE"; digest: reads `path` back and compares,
 * ERR_INTEGRITY "VERIFY-DIGEST".
 */
int verify_sent(struct lease *lease, const char *path, enum verify_policy policy,
                enum verification *level, const unsigned char sha256[DIGEST_BYTES], struct err *e);
