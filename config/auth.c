/*
 * What the tables cannot say about authentication.
 */
#include <string.h>

#include "config/load.h"
#include "config/pin.h"

/* The value of `key`, or the section itself where it stands for that key (`totp: {file: x}`). */
static const struct node *inside(const struct node *section, const char *key)
{
	const struct node *n = node_get(section, key);

	return n ? n : section;
}

/* ---- publickey ----------------------------------------------------------------------------- */

static void finish_key(struct loader *l, const struct auth_form *f, struct auth_method *m)
{
	const struct node *section = node_get(f->head.node, "publickey");

	m->passphrase = endpoint_secret(l, node_get(section, "passphrase"), &f->passphrase);
	if (m->key_file && strcmp(m->key_file, "auto") == 0) {
		m->key_file = NULL;
		if (m->certificate)
			node_error(l->problems, node_get(section, "certificate"),
			           "belongs to one key: name its file with `key`");
		return;
	}
	if (m->key_file)
		files_check_key(l, inside(section, "key"), m->key_file);
	if (m->certificate)
		files_check_user_certificate(l, node_get(section, "certificate"), m->certificate);
}

/* ---- keyboard-interactive ------------------------------------------------------------------ */

static void finish_answer(struct loader *l, const struct prompt_form *f, struct auth_prompt *p)
{
	const struct node *totp = node_get(f->head.node, "totp");
	struct secret_form command = {.ref = {.kind = SECRET_COMMAND}, .argv = f->command};
	const struct node *run = node_get(f->head.node, "command");

	if (totp) {
		p->kind = PROMPT_TOTP;
		p->secret = endpoint_secret(l, inside(totp, "secret"), &f->totp);
	} else if (run) {
		p->kind = PROMPT_COMMAND;
		p->secret = endpoint_secret(l, f->head.node, &command);
	} else {
		p->kind = PROMPT_SECRET;
		p->secret = endpoint_secret(l, node_get(f->head.node, "answer"), &f->answer);
	}
	if (p->kind == PROMPT_TOTP && p->period_ms % 1000)
		node_error(l->problems, totp, "period: wants whole seconds");
}

static void finish_prompt(struct loader *l, const struct prompt_form *f, struct auth_prompt *p)
{
	static const char *const answers[] = {"answer", "totp", "command"};
	int given = 0;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		given += node_has(f->head.node, answers[i]);
	*p = f->out;
	if (given == 1)
		finish_answer(l, f, p);
	else
		node_error(l->problems, f->head.node,
		           "wants exactly one of the keys answer, totp, command, found %d", given);
}

static void finish_prompts(struct loader *l, const struct auth_form *f, struct auth_method *m)
{
	struct auth_prompt *prompts = arena_new_array(l->arena, f->prompts.count, sizeof(*prompts));

	for (size_t i = 0; i < f->prompts.count; i++)
		finish_prompt(l, (const void *)f->prompts.items[i], &prompts[i]);
	m->prompts = prompts;
	m->prompt_count = f->prompts.count;
}

/* ---- agent --------------------------------------------------------------------------------- */

const char *auth_check_fingerprint(const char *text)
{
	const char *complaint = NULL;
	char pin[PIN_BYTES];

	return pin_read(text, pin, &complaint) == PIN_STRONG
	               ? NULL
	               : "wants SHA256: and 43 characters, as ssh-add -l shows a fingerprint";
}

/* In the one form that fingerprints of keys are written in. */
static void finish_agent(struct loader *l, struct auth_method *m)
{
	const char **only = arena_new_array(l->arena, m->agent_only_count, sizeof(*only));
	const char *complaint;
	char pin[PIN_BYTES];

	for (size_t i = 0; i < m->agent_only_count; i++) {
		(void)pin_read(m->agent_only[i], pin, &complaint);
		only[i] = arena_dup(l->arena, pin);
	}
	m->agent_only = only;
}

/* ---- the list ------------------------------------------------------------------------------ */

void auth_finish(struct loader *l, struct endpoint_form *f)
{
	struct auth_method *methods = arena_new_array(l->arena, f->auth.count, sizeof(*methods));

	for (size_t i = 0; i < f->auth.count; i++) {
		const struct auth_form *a = (const void *)f->auth.items[i];
		struct auth_method *m = &methods[i];

		*m = a->out;
		if (m->kind == AUTH_PUBLICKEY)
			finish_key(l, a, m);
		else if (m->kind == AUTH_PASSWORD)
			m->password = endpoint_secret(l, node_get(a->head.node, "password"),
			                              &a->password);
		else if (m->kind == AUTH_KEYBOARD)
			finish_prompts(l, a, m);
		else if (m->kind == AUTH_AGENT)
			finish_agent(l, m);
	}
	f->out.auth = methods;
	f->out.auth_count = f->auth.count;
}
