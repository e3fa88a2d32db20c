/*
 * Which algorithms we offer, best first. libssh2's defaults include arcfour, 3des, MD5 and SHA-1;
 * ours are named here, less what the linked version cannot do. (libssh2 would drop the unknown
 * names itself, but 1.10 does that with an overlapping memcpy.)
 *
 * The host key list is made for each host: the types on record come first, so that a server with
 * several keys shows the one we know (else a known host looks changed).
 */
#pragma once
#include "adapters/sftp/known_hosts.h"
#include "adapters/sftp/ssh.h"
#include "daemon/base/buf.h"

/* Before the handshake. */
void algorithms_offer(struct ssh *s, const struct known_keys *known);

/* Comma list of host key algorithms, known types first. */
void algorithms_host_keys(const struct known_keys *known, struct buf *out);
