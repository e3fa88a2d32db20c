#include "adapters/sftp/auth_state.h"
#include "adapters/sftp/key_sign.h"
#include "adapters/sftp/openssh_key.h"
#include "adapters/sftp/ssh_memory.h"

const char *auth_key_hindrance(const struct auth_step *s)
{
	if (!s->has_certificate || strncmp(s->certificate.type, "ecdsa-", 6) == 0)
		return NULL;
	if (libssh2_version(0x010b01))
		return NULL;
	return "libssh2 before 1.11.1 can log in with ECDSA certificates only: have an ECDSA key "
	       "signed (`ssh-keygen -t ecdsa`), or run ferryd with libssh2 1.11.1 (Debian 13)";
}

/* What is to be signed holds the algorithm that libssh2 has chosen (RFC 4252 §7): string session
 * id; byte 50, string user, string service, string "publickey", byte 1, string algorithm, …
 * A certificate's key signs as it would without (PROTOCOL.certkeys). */
static bool signed_algorithm(const unsigned char *data, size_t n, char out[KEY_TYPE_BYTES])
{
	struct key_part rest = {(unsigned char *)(uintptr_t)data, n}, part;
	char *suffix;

	if (!key_part_string(&rest, &part) || rest.n < 1)
		return false;
	rest.p++;
	rest.n--;
	if (!key_part_string(&rest, &part) || !key_part_string(&rest, &part) ||
	    !key_part_string(&rest, &part) || rest.n < 1)
		return false;
	rest.p++;
	rest.n--;
	if (!key_part_string(&rest, &part) || part.n >= KEY_TYPE_BYTES)
		return false;
	memcpy(out, part.p, part.n);
	out[part.n] = '\0';
	suffix = strstr(out, CERTIFICATE_SUFFIX);
	if (suffix)
		*suffix = '\0';
	return true;
}

static const unsigned char *shown_blob(const struct auth_step *s, size_t *n)
{
	*n = s->has_certificate ? s->certificate.blob_bytes : s->key.blob_bytes;
	return s->has_certificate ? s->certificate.blob : s->key.blob;
}

/* An agent that refuses ends this step, not the login; one that hangs or lies ends both. */
static int sign_by_agent(struct login *l, struct agent_request *r, struct buf *out)
{
	struct err e;

	r->blob = shown_blob(l->step, &r->blob_bytes);
	if (agent_sign(l->step->agent, r, out, l->deadline, &e) == 0)
		return 0;
	TRACE(l->ssh->trace, TRACE_PUBLICKEY, "%s", e.message);
	if (strcmp(e.code, "SSH-AGENT-REFUSED") == 0)
		return -1;
	l->failure = e;
	transport_kill(l->ssh->transport, &e);
	return -1;
}

static int make_signature(struct login *l, struct agent_request *r, struct buf *out)
{
	if (l->step->agent)
		return sign_by_agent(l, r, out);
	return key_sign(l->step->key.key, r->algorithm, r->data, r->data_bytes, out);
}

/* libssh2's callback; it frees the signature with the session's allocator. */
static int sign(LIBSSH2_SESSION *lib, unsigned char **sig, size_t *sig_n, const unsigned char *data,
                size_t n, void **abstract)
{
	struct login *l = *abstract;
	void *account = l->ssh;
	char algorithm[KEY_TYPE_BYTES];
	struct agent_request r = {.algorithm = algorithm, .data = data, .data_bytes = n};
	struct buf out;
	int result = -1;

	(void)lib;
	buf_init(&out, KEY_SIGNATURE_MAX);
	if (signed_algorithm(data, n, algorithm) && make_signature(l, &r, &out) == 0) {
		*sig = ssh_memory_alloc(buf_len(&out), &account);
		*sig_n = buf_len(&out);
		if (*sig)
			memcpy(*sig, buf_data(&out), *sig_n);
		result = *sig ? 0 : -1;
		TRACE(l->ssh->trace, TRACE_PUBLICKEY, "signed with %s", algorithm);
	}
	buf_release(&out);
	return result;
}

int auth_key_call(struct login *l, struct auth_step *s)
{
	void *abstract = l;
	size_t n;
	const unsigned char *blob = shown_blob(s, &n);

	return libssh2_userauth_publickey(l->ssh->lib, l->ssh->endpoint->user, blob, n, sign,
	                                  &abstract);
}
