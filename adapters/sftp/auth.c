#include "adapters/sftp/auth.h"

#include "adapters/diagnosis.h"
#include "adapters/sftp/auth_state.h"
#include "adapters/sftp/totp_steps.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/text.h"

/* ---- what was tried, for the error text ---------------------------------------------------- */

static const char *method_of(const struct login *l, const struct auth_step *s)
{
	if (s->kind == AUTH_PUBLICKEY)
		return "publickey";
	return s->kind == AUTH_KEYBOARD || !auth_is_offered(l, "password") ? "keyboard-interactive"
	                                                                   : "password";
}

static void note(struct login *l, const char *what, const char *result)
{
	size_t used = strlen(l->tried);

	(void)snprintf(l->tried + used, sizeof(l->tried) - used, "%s%s %s", used ? "; " : "", what,
	               result);
	text_drop_cut(l->tried);
}

static void describe(const struct login *l, const struct auth_step *s, char *out, size_t room)
{
	char certificate[CERTIFICATE_WORDS] = "";

	if (s->kind != AUTH_PUBLICKEY) {
		(void)snprintf(out, room, "%s",
		               s->kind == AUTH_PASSWORD ? "password" : method_of(l, s));
		return;
	}
	if (s->has_certificate)
		certificate_words(&s->certificate, clock_wall_ms(), certificate);
	(void)snprintf(out, room, "publickey %s (%s %s)%s%s", s->from, s->key.type,
	               s->has_certificate ? s->certificate.fingerprint : s->key.fingerprint,
	               certificate[0] ? " with " : "", certificate);
}

static void note_step(struct login *l, const struct auth_step *s, const char *result)
{
	char what[sizeof(s->from) + KEY_TYPE_BYTES + FINGERPRINT_BYTES + CERTIFICATE_WORDS + 32];

	describe(l, s, what, sizeof(what));
	note(l, what, result);
	TRACE(l->ssh->trace, TRACE_AUTH, "%s: %s", what, result);
}

/* ---- the question -------------------------------------------------------------------------- */

/* Asks what the server accepts (the "none" request, RFC 4252 §5.2). 0 also when that already logs
 * in. Once a login: it costs an attempt. */
static int ask_methods(struct login *l, struct err *e)
{
	LIBSSH2_SESSION *lib = l->ssh->lib;
	const char *user = l->ssh->endpoint->user;
	struct escaped tmp;
	char *list;
	int rc;

	TRACE(l->ssh->trace, TRACE_AUTH, "trying none, to learn what the server accepts");
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
	/* the list stays libssh2's, which frees it with the session */
	(void)snprintf(l->offered, sizeof(l->offered), "%s", list ? list : "");
	TRACE(l->ssh->trace, TRACE_AUTH, "server accepts: %s",
	      list ? escape_name(l->offered, &tmp) : "the user without a login");
	return 0;
}

/* Whoever meant to show a key and is let in without has reached something else. */
static int refuse_open_door(struct login *l, struct err *e)
{
	struct escaped user;

	(void)err_set(
	        e, ERR_AUTH, "SSH-AUTH-OPEN", 0,
	        "the server lets user %s in without any proof, so that neither side knows whom "
	        "it talks to. Nothing of `auth:` was sent. If that is meant, add `none` to "
	        "`auth:` of this endpoint; else ask the partner",
	        escape_name(l->ssh->endpoint->user, &user));
	transport_kill(l->ssh->transport, e);
	return e->kind;
}

/* ---- one step ------------------------------------------------------------------------------ */

static int call_step(struct login *l, struct auth_step *s)
{
	switch (s->kind) {
	case AUTH_PUBLICKEY:
		return auth_key_call(l, s);
	case AUTH_PASSWORD:
		return auth_password_call(l, s);
	default:
		return auth_prompts_call(l, s);
	}
}

/* A refusal the server has sent in order, after which the next step may follow. METHOD_NONE: it
 * takes no signature algorithm of this key. */
static bool is_refusal(const struct login *l, int rc)
{
	return rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED ||
	       rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED ||
	       (rc == LIBSSH2_ERROR_METHOD_NONE && l->step->kind == AUTH_PUBLICKEY);
}

static int password_expired(struct login *l, struct err *e)
{
	struct escaped user;

	return err_set(e, ERR_AUTH, "SSH-AUTH-EXPIRED", LIBSSH2_ERROR_PASSWORD_EXPIRED,
	               "the password of user %s has expired, the server demands a new one: \"%s\". "
	               "ferryd never changes one: log in by hand (`ssh`), set it, put it where "
	               "`auth:` of this endpoint takes it from, then `ferryctl resume ROUTE`",
	               escape_name(l->ssh->endpoint->user, &user), l->server_words);
}

static const char *result_word(const struct login *l, int rc)
{
	if (l->partial)
		return "accepted";
	if (rc == LIBSSH2_ERROR_METHOD_NONE)
		return "not sent (the server takes no RSA signature)";
	return "refused";
}

/* The server ended it, mostly after too many attempts: which they were is the thing to know. */
static int ended(struct login *l, int rc, struct err *e)
{
	(void)ssh_failed(l->ssh, SSH_AUTH, rc, e);
	if (strcmp(e->code, "SSH-AUTH-REFUSED") != 0)
		return e->kind;
	note_step(l, l->step, "refused");
	return diagnosis_add_tried(
	        l->tried, l->step->agent ? ". Name the right key of the agent with `only:`" : "",
	        e);
}

static int refused(struct login *l, int rc, struct err *e)
{
	/* libssh2 says "refused" too when the connection ended under it */
	if (transport_is_over(l->ssh->transport) || l->ssh->disconnect_code)
		return ended(l, LIBSSH2_ERROR_SOCKET_DISCONNECT, e);
	l->any_partial |= l->partial;
	l->keys_are_spoiled |= rc == LIBSSH2_ERROR_METHOD_NONE;
	l->code_refused |= l->round.sent_code && !l->partial;
	l->answer_refused |= (l->by_password || l->round.sent_secret) && !l->partial;
	l->rsa_sha1 |= !l->partial && l->step->kind == AUTH_PUBLICKEY &&
	               strcmp(l->step->key.type, "ssh-rsa") == 0 && !ssh_has_rsa_sha2();
	note_step(l, l->step, result_word(l, rc));
	return 0;
}

/* A refused code may only mean that the clocks differ. Once more, but never with a secret in the
 * same exchange: that would be sent again, too, and servers count. */
static bool may_repeat(const struct login *l, int rc)
{
	return rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED && !l->partial && l->heard &&
	       l->round.sent_code && !l->round.sent_secret &&
	       auth_is_offered(l, "keyboard-interactive");
}

static bool has_codes_left(const struct auth_step *s)
{
	for (size_t i = 0; s->prompts && i < s->prompts->count; i++)
		if (s->prompts->rules[i].config->kind == PROMPT_TOTP &&
		    s->prompts->rules[i].uses >= PROMPT_CODES_MAX)
			return false;
	return s->prompts != NULL;
}

/* libssh2's result, 0 when logged in; a negative kind with *e set in *kind. */
static int exchange(struct login *l, int *kind, struct err *e)
{
	int rc;

	l->heard = l->partial = l->by_password = false;
	l->round = (struct prompt_round){0};
	*kind = 0;
	do {
		transport_begin(l->ssh->transport);
		rc = call_step(l, l->step);
		if (l->failure.kind) {
			*e = l->failure;
			*kind = e->kind;
			return rc;
		}
	} while (rc == LIBSSH2_ERROR_EAGAIN &&
	         transport_await(l->ssh->transport, "the answer to the login", l->deadline, e) ==
	                 0);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		*kind = ssh_interrupted(l->ssh, SSH_AUTH, l->ssh->endpoint->timeouts.auth_ms, e);
	return rc;
}

static void trace_key(const struct login *l, const struct auth_step *s)
{
	char what[sizeof(s->from) + KEY_TYPE_BYTES + FINGERPRINT_BYTES + CERTIFICATE_WORDS + 32];

	if (s->kind != AUTH_PUBLICKEY || !trace_wants(l->ssh->trace, TRACE_PUBLICKEY))
		return;
	describe(l, s, what, sizeof(what));
	TRACE(l->ssh->trace, TRACE_PUBLICKEY, "shows %s", what);
}

static int try_step(struct login *l, struct auth_step *s, struct err *e)
{
	int rc, kind;

	l->step = s;
	s->done = true;
	TRACE(l->ssh->trace, TRACE_AUTH, "trying %s%s%s", method_of(l, s), s->from[0] ? " " : "",
	      s->from);
	trace_key(l, s);
	do {
		rc = exchange(l, &kind, e);
	} while (!kind && may_repeat(l, rc) && has_codes_left(s));
	if (kind)
		return kind;
	if (rc == 0 || libssh2_userauth_authenticated(l->ssh->lib))
		return 0;
	/* without a callback of ours libssh2 calls the demand a refusal */
	if (rc == LIBSSH2_ERROR_PASSWORD_EXPIRED || l->demanded)
		return password_expired(l, e);
	return is_refusal(l, rc) ? refused(l, rc, e) : ended(l, rc, e);
}

/* ---- the login ----------------------------------------------------------------------------- */

static bool step_is_offered(const struct login *l, const struct auth_step *s)
{
	switch (s->kind) {
	case AUTH_PUBLICKEY:
		return auth_is_offered(l, "publickey");
	case AUTH_PASSWORD:
		return auth_is_offered(l, "password") || auth_is_offered(l, "keyboard-interactive");
	default:
		return auth_is_offered(l, "keyboard-interactive");
	}
}

/* NULL, or why it cannot be sent at all. */
static const char *hindrance_of(const struct login *l, const struct auth_step *s)
{
	/* it would go out under the name of the other's algorithm */
	if (l->keys_are_spoiled && s->kind == AUTH_PUBLICKEY)
		return "not sent (name it before the RSA key)";
	return auth_key_hindrance(s) ? "not sent (libssh2 before 1.11.1 has ECDSA ones only)"
	                             : NULL;
}

/* The first one left that the server wants now. What is passed over may be wanted after the next
 * part is accepted. */
static struct auth_step *next_step(struct login *l)
{
	for (size_t i = 0; i < l->material->count; i++) {
		struct auth_step *s = &l->material->steps[i];
		const char *hindrance = s->done ? NULL : hindrance_of(l, s);

		if (hindrance) {
			note_step(l, s, hindrance);
			s->done = true;
		}
		if (!s->done && step_is_offered(l, s))
			return s;
		if (!s->done)
			TRACE(l->ssh->trace, TRACE_AUTH, "%s %s is passed over: not offered",
			      method_of(l, s), s->from);
	}
	return NULL;
}

static int give_up(struct login *l, struct err *e)
{
	for (size_t i = 0; i < l->material->count; i++)
		if (!l->material->steps[i].done)
			note_step(l, &l->material->steps[i], "not offered, not sent");
	return diagnosis_login_refused(
	        &(struct diagnosis_login){
	                .user = l->ssh->endpoint->user,
	                .tried = l->tried,
	                .offered = l->offered,
	                .partial = l->any_partial,
	                .rsa_sha1 = l->rsa_sha1,
	                .code_refused = l->code_refused,
	                .answer_refused = l->answer_refused,
	                .library = ssh_library(),
	        },
	        e);
}

static void learn_skew(const struct login *l)
{
	static const int skews[PROMPT_CODES_MAX + 1] = {0, 0, 1, -1};
	const struct auth_step *s = l->step;

	for (size_t i = 0; s && s->prompts && i < s->prompts->count; i++) {
		const struct prompt_rule *r = &s->prompts->rules[i];

		if (r->config->kind == PROMPT_TOTP && r->uses > 1)
			totp_steps_worked(r->id, totp_steps_skew(r->id) + skews[r->uses]);
	}
}

static int run(struct login *l, struct err *e)
{
	LIBSSH2_SESSION *lib = l->ssh->lib;
	struct auth_step *s;

	if (ask_methods(l, e) < 0)
		return e->kind;
	if (libssh2_userauth_authenticated(lib))
		return l->material->allows_none ? 0 : refuse_open_door(l, e);
	if (l->material->allows_none)
		note(l, "none", "refused");
	while (!libssh2_userauth_authenticated(lib) && (s = next_step(l)))
		if (try_step(l, s, e) < 0)
			return e->kind;
	if (!libssh2_userauth_authenticated(lib))
		return give_up(l, e);
	learn_skew(l);
	return 0;
}

int auth_login(struct ssh *s, struct auth_material *m, struct err *e)
{
	struct login l = {
	        .ssh = s,
	        .material = m,
	        .deadline = deadline_in(s->endpoint->timeouts.auth_ms + m->longest_period_ms),
	};
	int r;

	s->login = &l;
	r = run(&l, e);
	s->login = NULL;
	if (r < 0)
		return r;
	transport_trust(s->transport);
	TRACE(s->trace, TRACE_AUTH, "logged in");
	return 0;
}
