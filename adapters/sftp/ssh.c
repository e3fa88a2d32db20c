#include "adapters/sftp/ssh.h"

#include <pthread.h>

#include "adapters/diagnosis.h"
#include "adapters/sftp/algorithms.h"
#include "daemon/base/escape.h"

static const struct {
	const char *words, *timeout_code, *setting;
} phases[] = {
#define SSH_PHASE_ROW(id, words, code, setting) [id] = {words, code, setting},
        SSH_PHASES(SSH_PHASE_ROW)
#undef SSH_PHASE_ROW
};

const char *ssh_library(void)
{
	static _Thread_local char text[48];

	(void)snprintf(text, sizeof(text), "libssh2 %s", libssh2_version(0));
	return text;
}

static void init_library(void)
{
	/* not thread-safe in libssh2; 0 or nothing works */
	if (libssh2_init(0) != 0)
		abort();
}

void ssh_library_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, init_library);
}

bool ssh_has_rsa_sha2(void)
{
	return libssh2_version(0x010b00) != NULL; /* 1.11.0 */
}

/* The list without a common name, when both lists are known and that is the reason. */
static bool explain_kex(struct ssh *s, const struct transport_evidence *seen, struct err *e)
{
	static const enum diagnosis_list kinds[] = {
	        [KEX_METHODS] = DIAGNOSIS_KEX,
	        [KEX_HOST_KEYS] = DIAGNOSIS_HOST_KEY,
	        [KEX_CIPHERS_OUT] = DIAGNOSIS_CIPHER,
	        [KEX_CIPHERS_IN] = DIAGNOSIS_CIPHER,
	        [KEX_MACS_OUT] = DIAGNOSIS_MAC,
	        [KEX_MACS_IN] = DIAGNOSIS_MAC,
	        [KEX_COMPRESSION_OUT] = DIAGNOSIS_COMPRESSION,
	        [KEX_COMPRESSION_IN] = DIAGNOSIS_COMPRESSION,
	};
	const struct kexinit *ours = &seen->ours->kexinit, *theirs = &seen->theirs->kexinit;
	struct algorithm_advice advice;
	enum kex_list missing;

	if (!ours->text || !theirs->text)
		return false;
	missing = kex_missing(ours, theirs);
	if (missing >= sizeof(kinds) / sizeof(kinds[0]))
		return false;
	algorithms_advise(s, missing, theirs->list[missing], &advice);
	(void)diagnosis_no_common(
	        &(struct diagnosis_algorithms){
	                .which = kinds[missing],
	                .ours = ours->list[missing],
	                .theirs = theirs->list[missing],
	                .server = seen->identification->text,
	                .library = ssh_library(),
	                .key = advice.key,
	                .narrowed = advice.narrowed,
	                .weak = advice.weak,
	                .is_own = advice.is_own,
	        },
	        e);
	TRACE(s->trace, TRACE_KEX, "no common %s: both lists stand above", kex_list_name(missing));
	return true;
}

static int explain_loss(const struct ssh *s, const struct transport_evidence *seen,
                        enum ssh_phase phase, const char *words, int native, struct err *e)
{
	struct diagnosis_loss loss = {
	        .where = phases[phase].words,
	        .server = seen->identification->text,
	        .words = words,
	        .native = native,
	};

	if (s->disconnect_code) {
		loss.disconnect_code = s->disconnect_code;
		loss.disconnect_text = s->disconnect_text;
	} else if (seen->theirs->disconnected) {
		/* code 0 is reserved and would read as "no message" */
		loss.disconnect_code = seen->theirs->disconnect_code ?: 11;
		loss.disconnect_text = seen->theirs->disconnect_text;
	}
	return diagnosis_lost(&loss, e);
}

static bool is_end_of_stream(int rc)
{
	return rc == LIBSSH2_ERROR_SOCKET_DISCONNECT || rc == LIBSSH2_ERROR_SOCKET_RECV ||
	       rc == LIBSSH2_ERROR_SOCKET_SEND || rc == LIBSSH2_ERROR_CHANNEL_CLOSED;
}

static int explain(struct ssh *s, enum ssh_phase phase, int rc, const char *words, struct err *e)
{
	struct transport_evidence seen;
	char text[SSH_SERVER_TEXT];

	transport_evidence(s->transport, &seen);
	if (seen.flooded)
		return diagnosis_flood(seen.identification->lines, seen.received,
		                       seen.identification->first, seen.identification->first_bytes,
		                       e);
	if (seen.cause.kind) {
		*e = seen.cause;
		return e->kind;
	}
	if (seen.spinning)
		return err_set(e, ERR_PROTOCOL, "SSH-PROTOCOL", rc,
		               "the server left a packet unfinished during %s; the connection was "
		               "dropped",
		               phases[phase].words);
	if (phase == SSH_KEX && explain_kex(s, &seen, e))
		return e->kind;
	if (is_end_of_stream(rc) || s->disconnect_code || seen.theirs->disconnected)
		return explain_loss(s, &seen, phase, words, rc, e);
	escape(words, strlen(words), text, sizeof(text));
	if (phase == SSH_KEX)
		return err_set(e, ERR_PROTOCOL, "SSH-KEX-FAILED", rc,
		               "the key exchange failed: %s (%s, error %d). Where it repeats, look "
		               "at both algorithm lists in the trace and ask the partner for their "
		               "server's log",
		               text, ssh_library(), rc);
	return err_set(e, ERR_PROTOCOL, "SSH-PROTOCOL", rc,
	               "the server broke the SSH protocol during %s: %s (%s, error %d)",
	               phases[phase].words, text, ssh_library(), rc);
}

int ssh_failed(struct ssh *s, enum ssh_phase phase, int rc, struct err *e)
{
	char *words = NULL, copy[SSH_SERVER_TEXT];

	(void)libssh2_session_last_error(s->lib, &words, NULL, 0);
	(void)snprintf(copy, sizeof(copy), "%s", words && *words ? words : "no reason given");
	(void)explain(s, phase, rc, copy, e);
	TRACE(s->trace, TRACE_ERROR, "%s failed: libssh2 error %d (%s)", phases[phase].words, rc,
	      copy);
	transport_kill(s->transport, e);
	return e->kind;
}

/* Whose turn was it? The error names the phase; the trace names the wait and who kept silent. */
static void trace_timeout(const struct ssh *s, const struct transport_evidence *seen,
                          const struct err *e)
{
	TRACE(s->trace, TRACE_ERROR,
	      "%s: nothing came for %.1f s; %zu bytes are not sent yet, %zu not read", e->message,
	      (double)seen->silent_ms / 1000.0, seen->unsent_bytes, seen->pending_bytes);
}

int ssh_interrupted(struct ssh *s, enum ssh_phase phase, int64_t budget_ms, struct err *e)
{
	struct transport_evidence seen;
	char words[ERR_MESSAGE_BYTES];

	transport_evidence(s->transport, &seen);
	if (strcmp(e->code, "TIMEOUT") == 0) {
		trace_timeout(s, &seen, e);
		if (phase == SSH_IDENTIFICATION)
			return diagnosis_silence(budget_ms, e);
		if (!budget_ms) /* the wait had a limit of its own, and says it */
			return e->kind;
		return diagnosis_timeout(phases[phase].timeout_code, phases[phase].words, budget_ms,
		                         phases[phase].setting, e);
	}
	if (strcmp(e->code, "SSH-LOST") != 0)
		return e->kind;
	/* OpenSSH hangs up without a word when no algorithm is common */
	if (phase == SSH_KEX && explain_kex(s, &seen, e))
		return e->kind;
	(void)snprintf(words, sizeof(words), "%s", e->message);
	return explain_loss(s, &seen, phase, words, e->native, e);
}
