/*
 * `ferryctl trust` for SSH servers: looks who answers, and puts the key on record once an operator
 * has named its fingerprint. The row `trust` of adapter.h; no byte of a login is sent.
 *
 * Errors, besides those of session_open up to the host key:
 *	TRUST-MISMATCH		the server shows another key than the one named
 *	TRUST-PINS		the endpoint has pins, which decide alone
 *	SSH-HOSTKEY-REVOKED	it shall not be trusted
 *	SSH-HOSTKEY-NOT-STORED	no file can be written
 */
#pragma once
#include "adapters/identity.h"
#include "adapters/trace.h"
#include "config/config.h"
#include "daemon/base/err.h"

int sftp_trust(const struct endpoint_config *endpoint, struct trace *trace, const char *pin,
               struct identity *out, struct err *e);
