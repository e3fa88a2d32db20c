#include "adapters/sftp/kex.h"

#include "adapters/diagnosis.h"
#include "daemon/base/escape.h"

static void trace_lists(struct ssh *s, const char *whose, const struct kexinit *k)
{
	char text[ESCAPE_ROOM];

	if (!k->text || !trace_wants(s->trace, TRACE_KEX))
		return;
	for (int i = 0; i <= KEX_COMPRESSION_IN; i++)
		TRACE(s->trace, TRACE_KEX, "%s %s: %s", whose, kex_list_name((enum kex_list)i),
		      escape(k->list[i], strlen(k->list[i]), text, sizeof(text)));
}

/* Did it stop in silence, or in the middle of an identification? Else something else was said. */
static bool is_half_way(const unsigned char *first, size_t n, const struct err *e)
{
	if (n == 0)
		return strcmp(e->code, "TIMEOUT") == 0; /* an end without a word is a refusal */
	return memcmp(first, "SSH-", n < 4 ? n : 4) == 0 && strcmp(e->code, "SSH-NOT-SSH") != 0;
}

static int no_identification(struct ssh *s, struct err *e)
{
	struct transport_evidence seen;
	unsigned char first[IDENTIFICATION_FIRST];
	size_t n, more;

	transport_evidence(s->transport, &seen);
	n = seen.identification->first_bytes;
	memcpy(first, seen.identification->first, n);
	more = seen.pending_bytes < sizeof(first) - n ? seen.pending_bytes : sizeof(first) - n;
	if (more)
		memcpy(first + n, seen.pending, more);
	n += more;
	if (seen.identification_state == IDENTIFICATION_FLOOD)
		return diagnosis_flood(seen.identification->lines, seen.received, first, n, e);
	if (is_half_way(first, n, e))
		return ssh_interrupted(s, SSH_IDENTIFICATION, s->endpoint->timeouts.handshake_ms,
		                       e);
	if (e->kind == ERR_CANCELED || e->kind == ERR_BUG)
		return e->kind;
	return diagnosis_not_ssh(first, n, e);
}

static int handshake_once(struct ssh *s, int fd)
{
	transport_begin(s->transport);
	return libssh2_session_handshake(s->lib, fd);
}

static int handshake(struct ssh *s, int fd, struct err *e)
{
	int64_t budget = s->endpoint->timeouts.handshake_ms;
	struct deadline d = deadline_in(budget);
	struct transport_evidence seen;
	int rc = handshake_once(s, fd);
	char text[ESCAPE_ROOM];

	if (rc != LIBSSH2_ERROR_EAGAIN)
		return ssh_failed(s, SSH_IDENTIFICATION, rc, e);
	if (transport_await_identification(s->transport, d, e) < 0)
		return no_identification(s, e);
	transport_evidence(s->transport, &seen);
	TRACE(s->trace, TRACE_TRANSPORT, "server is %s",
	      escape(seen.identification->text, strlen(seen.identification->text), text,
	             sizeof(text)));
	do {
		rc = handshake_once(s, fd);
	} while (rc == LIBSSH2_ERROR_EAGAIN &&
	         transport_await(s->transport, "the key exchange", d, e) == 0);
	trace_lists(s, "ours,", &seen.ours->kexinit);
	trace_lists(s, "server's", &seen.theirs->kexinit);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return ssh_interrupted(s, SSH_KEX, budget, e);
	return rc ? ssh_failed(s, SSH_KEX, rc, e) : 0;
}

/* ---- what was agreed ----------------------------------------------------------------------- */

const char *kex_agreed(const struct ssh *s, int method)
{
	const char *name = libssh2_session_methods(s->lib, method);

	return name ? name : "none";
}

void kex_describe(const struct ssh *s, char out[KEX_AGREED_BYTES])
{
	(void)snprintf(out, KEX_AGREED_BYTES, "%s, %s, out %s %s %s, in %s %s %s",
	               kex_agreed(s, LIBSSH2_METHOD_KEX), kex_agreed(s, LIBSSH2_METHOD_HOSTKEY),
	               kex_agreed(s, LIBSSH2_METHOD_CRYPT_CS), kex_agreed(s, LIBSSH2_METHOD_MAC_CS),
	               kex_agreed(s, LIBSSH2_METHOD_COMP_CS),
	               kex_agreed(s, LIBSSH2_METHOD_CRYPT_SC), kex_agreed(s, LIBSSH2_METHOD_MAC_SC),
	               kex_agreed(s, LIBSSH2_METHOD_COMP_SC));
}

int kex_run(struct ssh *s, int fd, struct err *e)
{
	char text[KEX_AGREED_BYTES];

	if (handshake(s, fd, e) < 0)
		return e->kind;
	kex_describe(s, text);
	trace_about(s->trace, "agreed", "%s", text); /* in the head, which outlives the ring */
	TRACE(s->trace, TRACE_KEX, "agreed: %s", text);
	return 0;
}
