/*
 * Turning a secret reference into the secret.
 *
 *	struct secret s;
 *	if (secret_read(&ref, &s, e) < 0) ...		// blocking: run it on the work pool
 *	use(s.bytes, s.len);
 *	secret_wipe(&s);
 *
 * The bytes are mlock'ed where possible, left out of core dumps, wiped on release, and never
 * printed. One trailing newline of a file or a command's output is dropped. Files must be regular,
 * owned by us or root, and closed to group and others (ERR_CONFIG "SECRET-MODE"). A credential is
 * $CREDENTIALS_DIRECTORY/NAME. A command gets no input, a minimal environment, 10 s.
 * At most SECRET_MAX bytes.
 */
#pragma once
#include <stddef.h>

#include "config/config.h"
#include "daemon/base/err.h"

enum { SECRET_MAX = 64 * 1024 };

struct secret {
	char *bytes; /* NUL-terminated, NUL not counted */
	size_t len, mapped;
};

int secret_read(const struct secret_ref *ref, struct secret *out, struct err *e);
void secret_wipe(struct secret *s);
