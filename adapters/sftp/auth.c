#include "adapters/sftp/auth.h"

#include "adapters/diagnosis.h"
#include "adapters/sftp/key_file.h"
#include "adapters/sftp/key_sign.h"
#include "adapters/sftp/openssh_key.h"
#include "adapters/sftp/password.h"
#include "adapters/sftp/ssh_memory.h"
#include "config/secret.h"
#include "daemon/base/buf.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

enum { METHODS_ROOM = 256, TRIED_ROOM = 512 };

struct auth_item {
	const struct auth_method *method;
	struct private_key key;
	struct secret password;
	bool has_password;
};

struct auth_material {
	const struct endpoint_config *endpoint;
	struct auth_item *items;
	size_t count;
};

/* ---- keys and secrets, on the work pool ---------------------------------------------------- */

static int prepare_key(struct auth_item *item, struct err *e)
{
	const struct auth_method *m = item->method;
	struct secret passphrase;
	int r;

	if (m->passphrase.kind == SECRET_NONE)
		return key_file_read(m->key_file, NULL, &item->key, e);
	if (secret_read(&m->passphrase, &passphrase, e) < 0)
		return err_wrap(e, "passphrase of key file %s", m->key_file);
	r = key_file_read(m->key_file, passphrase.bytes, &item->key, e);
	secret_wipe(&passphrase);
	return r;
}

static int prepare_item(struct auth_item *item, struct err *e)
{
	if (item->method->kind == AUTH_PUBLICKEY)
		return prepare_key(item, e);
	if (secret_read(&item->method->password, &item->password, e) < 0)
		return err_wrap(e, "password");
	item->has_password = true;
	return 0;
}

static int prepare_all(void *arg, struct err *e)
{
	struct auth_material *m = arg;

	for (size_t i = 0; i < m->count; i++)
		if (prepare_item(&m->items[i], e) < 0)
			return e->kind;
	return 0;
}

int auth_prepare(const struct endpoint_config *endpoint, struct auth_material **out, struct err *e)
{
	struct auth_material *m;

	if (!endpoint->auth_count)
		return err_set(e, ERR_CONFIG, "SSH-AUTH-NONE", 0,
		               "no login method is configured: give `auth:` a publickey or a "
		               "password");
	m = mem_new_of(struct auth_material);
	m->endpoint = endpoint;
	m->count = endpoint->auth_count;
	m->items = mem_new_array(m->count, sizeof(*m->items));
	for (size_t i = 0; i < m->count; i++)
		m->items[i].method = &endpoint->auth[i];
	if (work_run(prepare_all, m, "reading keys and secrets", e) < 0) {
		auth_free(m);
		return e->kind;
	}
	*out = m;
	return 0;
}

void auth_free(struct auth_material *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->count; i++) {
		private_key_wipe(&m->items[i].key);
		if (m->items[i].has_password)
			secret_wipe(&m->items[i].password);
	}
	free(m->items);
	free(m);
}

/* ---- the login ----------------------------------------------------------------------------- */

struct login {
	struct ssh *ssh;
	struct auth_material *material;
	struct deadline deadline;
	char *list;                 /* libssh2's, of the last question */
	char offered[METHODS_ROOM]; /* comma list, raw; "" = unknown */
	char tried[TRIED_ROOM];     /* for the error text, escaped */
	bool partial;               /* the list has changed: something was accepted */
	bool rsa_sha1;
	const struct private_key *signing; /* while libssh2 may call sign() */
};

static bool is_offered(const struct login *l, const char *method)
{
	const char *p = l->offered;
	size_t n = strlen(method);

	if (!*p)
		return true;
	while (*p) {
		size_t len = strcspn(p, ",");

		if (len == n && memcmp(p, method, n) == 0)
			return true;
		p += len + (p[len] == ',');
	}
	return false;
}

static void note_tried(struct login *l, const struct auth_item *item, const char *result)
{
	size_t used = strlen(l->tried), room = sizeof(l->tried) - used;
	const char *comma = used ? "; " : "";

	if (item->method->kind == AUTH_PUBLICKEY)
		(void)snprintf(l->tried + used, room, "%spublickey (%s %s) %s", comma,
		               item->key.type, item->key.fingerprint, result);
	else
		(void)snprintf(l->tried + used, room, "%spassword %s", comma, result);
}

/* Asks what the server accepts now (the "none" request, RFC 4252 §5.2). 0 also when that already
 * logs in. */
static int ask_methods(struct login *l, struct err *e)
{
	LIBSSH2_SESSION *lib = l->ssh->lib;
	const char *user = l->ssh->endpoint->user;
	struct escaped tmp;
	char *list;
	int rc;

	/* libssh2 would forget the list before; the call below replaces its pointer at once */
	if (l->list)
		libssh2_free(lib, l->list);
	do {
		transport_begin(l->ssh->transport);
		list = libssh2_userauth_list(lib, user, (unsigned)strlen(user));
		rc = list || libssh2_userauth_authenticated(lib) ? 0
		                                                 : libssh2_session_last_errno(lib);
	} while (rc == LIBSSH2_ERROR_EAGAIN &&
	         transport_await(l->ssh->transport, "the login methods of the server", l->deadline,
	                         e) == 0);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return ssh_interrupted(l->ssh, SSH_AUTH, l->ssh->endpoint->timeouts.auth_ms, e);
	if (rc)
		return ssh_failed(l->ssh, SSH_AUTH, rc, e);
	l->list = list;
	(void)snprintf(l->offered, sizeof(l->offered), "%s", list ? list : "");
	TRACE(l->ssh->trace, TRACE_AUTH, "server accepts: %s",
	      list ? escape_name(l->offered, &tmp) : "the user without a login");
	return 0;
}

/* After a step that did not finish the login: what the server wants next. A changed list is the
 * only sign libssh2 leaves that the step was accepted (RFC 4252 §5.1, partial success). */
static int ask_again(struct login *l, const struct auth_item *item, int rc, struct err *e)
{
	char before[METHODS_ROOM];

	memcpy(before, l->offered, sizeof(before));
	if (ask_methods(l, e) < 0)
		return e->kind;
	if (strcmp(before, l->offered) == 0) {
		note_tried(l, item,
		           rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED ? "not enough" : "refused");
		return 0;
	}
	l->partial = true;
	note_tried(l, item, "accepted");
	return 0;
}

/* What is to be signed holds the algorithm that libssh2 has chosen (RFC 4252 §7): string session
 * id; byte 50, string user, string service, string "publickey", byte 1, string algorithm, … */
static bool signed_algorithm(const unsigned char *data, size_t n, char out[KEY_TYPE_BYTES])
{
	struct key_part rest = {(unsigned char *)(uintptr_t)data, n}, part;

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
	return true;
}

/* libssh2's callback; it frees the signature with the session's allocator. */
static int sign(LIBSSH2_SESSION *lib, unsigned char **sig, size_t *sig_n, const unsigned char *data,
                size_t n, void **abstract)
{
	struct login *l = *abstract;
	void *account = l->ssh;
	char algorithm[KEY_TYPE_BYTES];
	struct buf out;
	int r = -1;

	(void)lib;
	buf_init(&out, KEY_SIGNATURE_MAX);
	if (signed_algorithm(data, n, algorithm) &&
	    key_sign(l->signing->key, algorithm, data, n, &out) == 0) {
		*sig = ssh_memory_alloc(buf_len(&out), &account);
		*sig_n = buf_len(&out);
		if (*sig)
			memcpy(*sig, buf_data(&out), *sig_n);
		r = *sig ? 0 : -1;
		TRACE(l->ssh->trace, TRACE_PUBLICKEY, "signed with %s", algorithm);
	}
	buf_release(&out);
	return r;
}

static int call_publickey(struct login *l, const struct auth_item *item)
{
	void *abstract = l;

	l->signing = &item->key;
	return libssh2_userauth_publickey(l->ssh->lib, l->ssh->endpoint->user, item->key.blob,
	                                  item->key.blob_bytes, sign, &abstract);
}

static int call_password(struct login *l, const struct auth_item *item)
{
	if (is_offered(l, "password"))
		return password_send(l->ssh, item->password.bytes, item->password.len);
	return password_answer(l->ssh, item->password.bytes, item->password.len);
}

/* A refusal the server has sent in order, after which the next method may follow. */
static bool is_refusal(int rc)
{
	return rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED ||
	       rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED || rc == LIBSSH2_ERROR_PASSWORD_EXPIRED;
}

static int refused(struct login *l, const struct auth_item *item, int rc, struct err *e)
{
	bool last = item == &l->material->items[l->material->count - 1];

	TRACE(l->ssh->trace, TRACE_AUTH, "not finished by it: libssh2 error %d", rc);
	/* libssh2 gives -19 too when the connection ended under it */
	if (transport_is_over(l->ssh->transport) || l->ssh->disconnect_code)
		return ssh_failed(l->ssh, SSH_AUTH, LIBSSH2_ERROR_SOCKET_DISCONNECT, e);
	if (rc == LIBSSH2_ERROR_PASSWORD_EXPIRED) {
		note_tried(l, item, "expired, the server wants a new one");
		return 0;
	}
	/* a key that signed and a first step of several look alike: only the list tells. One
	 * refused method alone is refused for certain and is not worth another request. */
	if (!last || rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED || l->partial)
		return ask_again(l, item, rc, e);
	note_tried(l, item, "refused");
	return 0;
}

static int try_item(struct login *l, struct auth_item *item, struct err *e)
{
	bool is_key = item->method->kind == AUTH_PUBLICKEY;
	int rc;

	if (is_key ? !is_offered(l, "publickey")
	           : !is_offered(l, "password") && !is_offered(l, "keyboard-interactive")) {
		note_tried(l, item, "not accepted by the server, not sent");
		return 0;
	}
	l->rsa_sha1 |= is_key && strcmp(item->key.type, "ssh-rsa") == 0 && !ssh_has_rsa_sha2();
	TRACE(l->ssh->trace, TRACE_AUTH, "trying %s %s %s", is_key ? "publickey" : "password",
	      item->key.type, item->key.fingerprint);
	do {
		transport_begin(l->ssh->transport);
		rc = is_key ? call_publickey(l, item) : call_password(l, item);
	} while (rc == LIBSSH2_ERROR_EAGAIN &&
	         transport_await(l->ssh->transport, "the answer to the login", l->deadline, e) ==
	                 0);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return ssh_interrupted(l->ssh, SSH_AUTH, l->ssh->endpoint->timeouts.auth_ms, e);
	if (rc == 0 || libssh2_userauth_authenticated(l->ssh->lib))
		return 0;
	return is_refusal(rc) ? refused(l, item, rc, e) : ssh_failed(l->ssh, SSH_AUTH, rc, e);
}

static int give_up(struct login *l, struct err *e)
{
	return diagnosis_login_refused(
	        &(struct diagnosis_login){
	                .user = l->ssh->endpoint->user,
	                .tried = l->tried,
	                .offered = l->offered,
	                .partial = l->partial,
	                .rsa_sha1 = l->rsa_sha1,
	                .library = ssh_library(),
	        },
	        e);
}

int auth_login(struct ssh *s, struct auth_material *m, struct err *e)
{
	struct login l = {
	        .ssh = s,
	        .material = m,
	        .deadline = deadline_in(s->endpoint->timeouts.auth_ms),
	};

	if (ask_methods(&l, e) < 0)
		return e->kind;
	for (size_t i = 0; i < m->count && !libssh2_userauth_authenticated(s->lib); i++)
		if (try_item(&l, &m->items[i], e) < 0)
			return e->kind;
	if (!libssh2_userauth_authenticated(s->lib))
		return give_up(&l, e);
	transport_trust(s->transport);
	TRACE(s->trace, TRACE_AUTH, "logged in");
	return 0;
}
