#include "adapters/sftp/rekey.h"

#include <openssl/sha.h>
#include <string.h>

/* NULL while an exchange is under way. */
static const char *host_key(struct ssh *s, size_t *n)
{
	int type;

	*n = 0;
	return libssh2_session_hostkey(s->lib, n, &type);
}

void rekey_watch(struct ssh *s)
{
	size_t n;
	const char *blob = host_key(s, &n);

	if (!blob)
		return;
	(void)SHA256((const unsigned char *)blob, n, s->rekey.digest);
	s->rekey.block = blob;
}

static int another_key(struct ssh *s, struct err *e)
{
	(void)err_set(
	        e, ERR_TRUST, "SSH-REKEY-HOSTKEY", 0,
	        "in the middle of the connection the server showed another host key than the "
	        "one that was trusted. The connection was cut: somebody may stand in between, "
	        "or the partner's load balancer mixes servers; ask the partner");
	transport_kill(s->transport, e);
	return e->kind;
}

int rekey_look(struct ssh *s, struct err *e)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	const char *blob;
	size_t n;

	if (!s->rekey.block)
		return 0;
	blob = host_key(s, &n);
	if (!blob || !n || (blob == s->rekey.block && !s->rekey.is_freed))
		return 0;
	s->rekey.is_freed = false;
	s->rekey.block = blob;
	s->rekey.count++;
	(void)SHA256((const unsigned char *)blob, n, digest);
	if (memcmp(digest, s->rekey.digest, sizeof(digest)) != 0)
		return another_key(s, e);
	TRACE(s->trace, TRACE_KEX, "keys exchanged anew (%u), the host key is the same",
	      s->rekey.count);
	TRACE(s->trace, TRACE_TRANSPORT, "rekey %u is done", s->rekey.count);
	return 0;
}
