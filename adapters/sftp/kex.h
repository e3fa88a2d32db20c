/*
 * Identification and key exchange: from a fresh byte stream to an encrypted one.
 *
 * Our identification goes out first, as some servers wait for it. The server's is read by us
 * (identification.h); only then libssh2 gets its first byte. What both sides offered is traced, and
 * is the evidence when they do not agree (ssh.h).
 */
#pragma once
#include "adapters/sftp/ssh.h"

/* Within the endpoint's handshake timeout. `fd` is the socket under the transport. */
int kex_run(struct ssh *s, int fd, struct err *e);

enum { KEX_AGREED_BYTES = 512 };
/* All that was agreed upon, as session_algorithms() tells it. */
void kex_describe(const struct ssh *s, char out[KEX_AGREED_BYTES]);
/* LIBSSH2_METHOD_…: the name agreed upon, "none" if there is none. */
const char *kex_agreed(const struct ssh *s, int method);
