/*
 * Which algorithms we offer, best first. libssh2's defaults include arcfour, 3des, MD5 and SHA-1;
 * ours are named here, less what the linked version cannot do, and changed as the endpoint says
 * (algorithm_list.h). (libssh2 would drop the unknown names itself, but 1.10 does that with an
 * overlapping memcpy; and a list of which it knows nothing is its error -33, met only when
 * connecting.) What is weak is left out: a server that has nothing else is told with the line of
 * configuration that allows it.
 *
 * The host key list is made for each host: the types on record come first, so that a server with
 * several keys shows the one we know (else a known host looks changed), unless the endpoint tells
 * the order.
 */
#pragma once
#include "adapters/sftp/known_hosts.h"
#include "adapters/sftp/ssh.h"
#include "daemon/base/buf.h"

/* Before the handshake. */
void algorithms_offer(struct ssh *s, const struct known_keys *known);

/* Our own host key algorithms, known types first; comma list. */
void algorithms_host_keys(const struct known_keys *known, struct buf *out);

/* NULL, or what the linked library cannot do of an endpoint's lists; *key is then the key. The text
 * is good until the thread's next call. */
const char *algorithms_judge(const struct endpoint_config *endpoint, const char **key);

/* Why a list had no common name with the server's: which name would be common ... */
struct algorithm_advice {
	const char *key;   /* "ciphers", NULL: the list cannot be set */
	char narrowed[64]; /* ... if the endpoint's own list had not left it out; else "" */
	char weak[64];     /* ... if it were added, weak as it is; else "" */
	bool is_own;       /* the endpoint has a list of this kind */
};
void algorithms_advise(struct ssh *s, enum kex_list which, const char *theirs,
                       struct algorithm_advice *out);
