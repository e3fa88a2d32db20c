#include <openssl/crypto.h>

#include "adapters/sftp/auth_state.h"
#include "adapters/sftp/ssh_memory.h"
#include "adapters/sftp/totp.h"
#include "adapters/sftp/totp_steps.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/runtime/fiber.h"
#include "daemon/runtime/work.h"

enum { PROMPT_TEXT_ROOM = 160 };

/* ---- ending the login from within the callback --------------------------------------------- */

/* Nothing more is sent: a wrong or empty answer would count as an attempt. */
static int end_login(struct login *l, const struct err *e)
{
	l->failure = *e;
	transport_kill(l->ssh->transport, e);
	return e->kind;
}

static int end_on_prompt(struct login *l, const char *code, const char *what, const char *text,
                         const char *cure)
{
	struct err e = {0};

	(void)err_set(&e, ERR_AUTH, code, 0, "the server %s: \"%s\". %s", what, text, cure);
	return end_login(l, &e);
}

static int end_on_change(struct login *l, const char *text)
{
	return end_on_prompt(
	        l, "SSH-AUTH-EXPIRED", "demands a new password", text,
	        "ferryd never changes one: log in by hand (`ssh`), set it, put it "
	        "where `auth:` of this endpoint takes it from, then `ferryctl resume ROUTE`");
}

/* ---- the answer ---------------------------------------------------------------------------- */

struct answer {
	char *text; /* libssh2 frees it, with the allocator we gave it */
	size_t n;
};

static int give(struct login *l, const char *text, size_t n, struct answer *out)
{
	void *account = l->ssh;
	struct err e = {0};

	out->text = ssh_memory_alloc(n + 1, &account);
	if (!out->text) {
		(void)err_set(&e, ERR_LOCAL, "SSH-MEMORY", 0, "no memory for an answer");
		return end_login(l, &e);
	}
	memcpy(out->text, text, n);
	out->n = n;
	return 0;
}

struct command_job {
	const struct secret_ref *ref;
	struct secret out;
};

static int run_command(void *arg, struct err *e)
{
	struct command_job *j = arg;

	return secret_read(j->ref, &j->out, e);
}

static int answer_by_command(struct login *l, const struct prompt_rule *r, struct answer *out)
{
	struct command_job j = {.ref = &r->config->secret};
	struct err e = {0};
	int result;

	if (work_run(run_command, &j, "the program that answers a prompt", &e) < 0) {
		(void)err_wrap(&e, "answer to a prompt");
		return end_login(l, &e);
	}
	result = give(l, j.out.bytes, j.out.len, out);
	secret_wipe(&j.out);
	return result;
}

/* The n-th code of a login (from 0): ours by the clock, then the one after it, then the one
 * before, in case the server's clock differs. */
static int64_t step_at(const struct prompt_rule *r, int n)
{
	static const int offsets[PROMPT_CODES_MAX] = {0, 1, -1};

	return totp_step(clock_wall_ms(), r->config->period_ms) + totp_steps_skew(r->id) +
	       offsets[n];
}

/* Until a code comes that no login has used yet; the one of now is. */
static int64_t next_code_ms(const struct prompt_rule *r)
{
	int64_t step = step_at(r, r->uses), period_ms = r->config->period_ms, periods = 1;

	while (totp_steps_is_used(r->id, step + periods))
		periods++; /* the table remembers but a few */
	return periods * period_ms - clock_wall_ms() % period_ms;
}

/* A code that was refused a moment ago says more than the one that is not there yet. */
static int code_comes_too_late(struct login *l, const struct prompt_rule *r, int64_t wait_ms)
{
	long long seconds = (long long)(wait_ms + 999) / 1000;
	struct err e = {0};

	if (r->uses > 0)
		(void)err_set(
		        &e, ERR_BUSY, "SSH-AUTH-TOTP", 0,
		        "the server refused %d one-time codes, and the next unused one comes "
		        "in %lld s, later than `timeouts: {auth: ...}` allows. It is tried "
		        "again by itself; check this machine's clock (`timedatectl`), and the "
		        "secret of the codes",
		        r->uses, seconds);
	else
		(void)err_set(
		        &e, ERR_BUSY, "SSH-AUTH-TOTP", 0,
		        "the one-time code of this time step was already used by another login "
		        "with the same secret, and none is ever sent twice. The next unused one "
		        "comes in %lld s, later than `timeouts: {auth: ...}` allows: raise that, "
		        "or set `connections: 1`. It is tried again by itself",
		        seconds);
	return end_login(l, &e);
}

static int wait_for_period(struct login *l, const struct prompt_rule *r)
{
	int64_t wait_ms = next_code_ms(r);
	struct err e = {0};

	if (wait_ms > deadline_left_ms(l->deadline))
		return code_comes_too_late(l, r, wait_ms);
	TRACE(l->ssh->trace, TRACE_AUTH,
	      "the code of this time step was already used; the next one comes in %lld ms",
	      (long long)wait_ms);
	if (fiber_sleep(wait_ms + 1, "the next one-time code", &e) < 0)
		return end_login(l, &e);
	return 0;
}

static int answer_by_code(struct login *l, struct prompt_rule *r, struct answer *out)
{
	struct totp t = {.algorithm = r->config->algorithm,
	                 .digits = r->config->digits,
	                 .period_ms = r->config->period_ms};
	int64_t step = step_at(r, r->uses);
	char code[TOTP_CODE_BYTES];
	int result;

	while (!totp_steps_claim(r->id, step)) {
		if (wait_for_period(l, r) < 0)
			return l->failure.kind;
		step = step_at(r, r->uses);
	}
	totp_code(&t, (const unsigned char *)r->secret.bytes, r->secret.len, step, code);
	TRACE(l->ssh->trace, TRACE_AUTH, "one-time code of step %+lld",
	      (long long)(step - totp_step(clock_wall_ms(), t.period_ms)));
	result = give(l, code, strlen(code), out);
	OPENSSL_cleanse(code, sizeof(code));
	l->round.sent_code = true;
	return result;
}

static int answer_by_rule(struct login *l, struct prompt_rule *r, struct answer *out)
{
	int result;

	if (r->config->kind == PROMPT_TOTP) {
		result = answer_by_code(l, r, out);
	} else {
		l->round.sent_secret = true;
		result = r->config->kind == PROMPT_COMMAND
		                 ? answer_by_command(l, r, out)
		                 : give(l, r->secret.bytes, r->secret.len, out);
	}
	r->uses++;
	return result;
}

/* ---- one prompt ---------------------------------------------------------------------------- */

static int answer_prompt(struct login *l, const LIBSSH2_USERAUTH_KBDINT_PROMPT *p, const char *text,
                         struct answer *out)
{
	struct prompt_rule *rule = NULL;

	switch (prompts_find(l->step->prompts, (const char *)p->text, p->length, &rule)) {
	case PROMPT_KNOWN:
		return answer_by_rule(l, rule, out);
	case PROMPT_CHANGE:
		return end_on_change(l, text);
	case PROMPT_AGAIN:
		return end_on_prompt(l, "SSH-AUTH-REFUSED", "refused the answer and asks again",
		                     text,
		                     "Check this answer under `keyboard-interactive:` with the "
		                     "partner (a one-time code: also this machine's clock)");
	case PROMPT_GIVEN_UP:
		return end_on_prompt(l, "SSH-AUTH-PROMPT",
		                     "asks what a `prompt:` takes too long to compare", text,
		                     "Write that regular expression simpler, a word is mostly "
		                     "enough");
	case PROMPT_UNKNOWN:
		break;
	}
	return end_on_prompt(l, "SSH-AUTH-PROMPT", "asks what no answer is configured for", text,
	                     "Add it under `keyboard-interactive:` of this endpoint: {prompt: "
	                     "WORD-OF-IT, answer: ...} or {prompt: ..., totp: ...}");
}

/* A plain `password:` answers one prompt, the first, if it hides what is typed: a password must
 * not go where it would be shown, nor where a code is wanted. */
static int answer_with_password(struct login *l, const LIBSSH2_USERAUTH_KBDINT_PROMPT *p,
                                const char *text, struct answer *out)
{
	if (prompts_is_change((const char *)p->text, p->length))
		return end_on_change(l, text);
	if (!p->echo && !l->round.sent_secret) {
		l->round.sent_secret = true;
		return give(l, l->step->password.bytes, l->step->password.len, out);
	}
	return end_on_prompt(l, "SSH-AUTH-PROMPT", "asks for more than the password", text,
	                     "Use `keyboard-interactive:` in `auth:` of this endpoint, with an "
	                     "answer for each prompt");
}

static int one_prompt(struct login *l, const LIBSSH2_USERAUTH_KBDINT_PROMPT *p,
                      LIBSSH2_USERAUTH_KBDINT_RESPONSE *response)
{
	char text[PROMPT_TEXT_ROOM];
	struct answer a = {0};
	int r;

	escape(p->text, p->length, text, sizeof(text));
	TRACE(l->ssh->trace, TRACE_AUTH, "server asks: \"%s\"%s", text,
	      p->echo ? " (shown)" : " (hidden)");
	r = l->step->prompts ? answer_prompt(l, p, text, &a) : answer_with_password(l, p, text, &a);
	if (r == 0) {
		response->text = a.text;
		response->length = (unsigned)a.n;
	}
	return r;
}

/* ---- libssh2's callback -------------------------------------------------------------------- */

/* What stands above the prompts; a demand for a new password may stand only there. */
static int read_words(struct login *l, const char *words, int n)
{
	char text[PROMPT_TEXT_ROOM];

	if (n <= 0 || !words)
		return 0;
	escape(words, (size_t)n, text, sizeof(text));
	TRACE(l->ssh->trace, TRACE_AUTH, "server says: \"%s\"", text);
	return prompts_is_change(words, (size_t)n) ? end_on_change(l, text) : 0;
}

static int count_round(struct login *l)
{
	struct err e = {0};

	if (++l->round.rounds <= PROMPT_ROUNDS_MAX)
		return 0;
	(void)err_set(&e, ERR_PROTOCOL, "SSH-AUTH-PROMPT", 0,
	              "the server asks without end: %d rounds of prompts in one login",
	              PROMPT_ROUNDS_MAX);
	return end_login(l, &e);
}

static void on_prompts(const char *name, int name_len, const char *instruction, int instruction_len,
                       int count, const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts,
                       LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, void **abstract)
{
	struct ssh *s = *abstract;
	struct login *l = s->login;

	if (l->failure.kind || count_round(l) < 0 || read_words(l, name, name_len) < 0 ||
	    read_words(l, instruction, instruction_len) < 0)
		return;
	TRACE(s->trace, TRACE_AUTH, "round %d: %d prompts", l->round.rounds, count);
	for (int i = 0; i < count; i++)
		if (one_prompt(l, &prompts[i], &responses[i]) < 0)
			return;
}

int auth_prompts_call(struct login *l, struct auth_step *s)
{
	const char *user = l->ssh->endpoint->user;

	(void)s;
	return libssh2_userauth_keyboard_interactive_ex(l->ssh->lib, user, (unsigned)strlen(user),
	                                                on_prompts);
}

int auth_password_call(struct login *l, struct auth_step *s)
{
	const char *user = l->ssh->endpoint->user;

	l->by_password = auth_is_offered(l, "password");
	if (!l->by_password)
		return auth_prompts_call(l, s);
	return libssh2_userauth_password_ex(l->ssh->lib, user, (unsigned)strlen(user),
	                                    s->password.bytes, (unsigned)s->password.len, NULL);
}
