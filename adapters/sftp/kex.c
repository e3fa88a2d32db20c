#include "adapters/sftp/kex.h"

#include "adapters/diagnosis.h"
#include "adapters/trace_step.h"
#include "daemon/base/escape.h"

/* Whole, in several lines if need be: error texts show the beginning only. */
static void trace_list(struct ssh *s, const char *whose, const char *name, const char *list)
{
	const char *again = "";
	char text[ESCAPE_ROOM];

	do {
		size_t n = kex_list_line(list);

		TRACE(s->trace, TRACE_KEX, "%s %s%s: %s", whose, name, again,
		      escape(list, n, text, sizeof(text)));
		list += n;
		again = ", more";
	} while (*list);
}

static void trace_lists(struct ssh *s, const char *whose, const struct kexinit *k)
{
	if (!k->text || !trace_wants(s->trace, TRACE_KEX))
		return;
	for (int i = 0; i <= KEX_COMPRESSION_IN; i++)
		trace_list(s, whose, kex_list_name((enum kex_list)i), k->list[i]);
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

	if (carrier_is_blamed(e))
		return e->kind;
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

/* RFC 4253 §4.2: a server may say lines of text before it names itself. */
static void trace_greeting_lines(struct ssh *s, const struct identification *id)
{
	char text[ESCAPE_ROOM];

	TRACE(s->trace, TRACE_TRANSPORT, "we are SSH-2.0-libssh2_%s", libssh2_version(0));
	if (id->lines)
		TRACE(s->trace, TRACE_TRANSPORT, "%zu lines came before it, beginning: %s",
		      id->lines, escape(id->first, id->first_bytes, text, sizeof(text)));
}

static int handshake(struct ssh *s, int fd, struct err *e)
{
	int64_t budget = s->endpoint->timeouts.handshake_ms;
	struct deadline d = deadline_in(budget);
	struct transport_evidence seen;
	int rc = handshake_once(s, fd);
	char text[ESCAPE_ROOM];

	trace_step(s->trace, TRACE_STEP_IDENTIFICATION);
	if (rc != LIBSSH2_ERROR_EAGAIN)
		return ssh_failed(s, SSH_IDENTIFICATION, rc, e);
	if (transport_await_identification(s->transport, d, e) < 0)
		return no_identification(s, e);
	transport_evidence(s->transport, &seen);
	(void)escape(seen.identification->text, strlen(seen.identification->text), text,
	             sizeof(text));
	TRACE(s->trace, TRACE_TRANSPORT, "server is %s", text);
	trace_greeting_lines(s, seen.identification);
	trace_fact(s->trace, "software", "%s", text);
	trace_step(s->trace, TRACE_STEP_KEX);
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

/* The server's passport. */
static void tell_facts(struct ssh *s)
{
	static const struct {
		int method;
		const char *name;
	} rows[] = {
	        {LIBSSH2_METHOD_KEX, "key exchange"},
	        {LIBSSH2_METHOD_HOSTKEY, "host key algorithm"},
	        {LIBSSH2_METHOD_CRYPT_CS, "cipher to server"},
	        {LIBSSH2_METHOD_CRYPT_SC, "cipher from server"},
	        {LIBSSH2_METHOD_MAC_CS, "MAC to server"},
	        {LIBSSH2_METHOD_MAC_SC, "MAC from server"},
	        {LIBSSH2_METHOD_COMP_CS, "compression to server"},
	        {LIBSSH2_METHOD_COMP_SC, "compression from server"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		trace_fact(s->trace, rows[i].name, "%s", kex_agreed(s, rows[i].method));
}

int kex_run(struct ssh *s, int fd, struct err *e)
{
	char text[KEX_AGREED_BYTES];

	if (handshake(s, fd, e) < 0)
		return e->kind;
	kex_describe(s, text);
	trace_about(s->trace, "agreed", "%s: %s", s->endpoint->name,
	            text); /* in the head, which outlives the ring */
	TRACE(s->trace, TRACE_KEX, "agreed: %s", text);
	tell_facts(s);
	return 0;
}
