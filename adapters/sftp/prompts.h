/*
 * Which answer belongs to which prompt of a server (keyboard-interactive, RFC 4256).
 *
 *	struct prompts *p;
 *	if (prompts_load(method, &p, e) < 0) ...	// blocking: secrets are read
 *	switch (prompts_find(p, text, n, &rule)) ...	// pure
 *	prompts_free(p);				// wipes
 *
 * The first rule that matches and was not used up answers. A secret and a program's output are
 * given once in a login: a server that asks for one again has refused it, and counts. A one-time
 * code may be asked for three times, each time another one. Prompts that demand a new password are
 * never answered, whatever the rules say: "password" would match "New password:".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "config/secret.h"
#include "daemon/base/regex.h"

enum { PROMPT_ROUNDS_MAX = 10, PROMPT_CODES_MAX = 3, PROMPT_ID_BYTES = 16 };

struct prompt_rule {
	const struct auth_prompt *config;
	struct regex *regex;
	struct secret secret;              /* TOTP: decoded; COMMAND: none */
	unsigned char id[PROMPT_ID_BYTES]; /* TOTP: names the secret, tells nothing of it */
	int uses;
};

struct prompts {
	struct prompt_rule *rules;
	size_t count;
};

/* What was answered in one exchange. */
struct prompt_round {
	int rounds;
	bool sent_secret, sent_code;
};

enum prompt_verdict {
	PROMPT_KNOWN,
	PROMPT_UNKNOWN,
	PROMPT_AGAIN,    /* only used up rules fit */
	PROMPT_CHANGE,   /* demands a new password */
	PROMPT_GIVEN_UP, /* a rule's expression takes too long on it */
};

/* `method` must outlive them. Errors: SECRET-…, also SECRET-BASE32. */
int prompts_load(const struct auth_method *method, struct prompts **out, struct err *e);
void prompts_free(struct prompts *p); /* NULL allowed */

/* *rule is set for KNOWN and GIVEN_UP. Counts nothing: the caller does when it answers. */
enum prompt_verdict prompts_find(const struct prompts *p, const char *text, size_t n,
                                 struct prompt_rule **rule);
/* Does a prompt, or the instruction above prompts, demand a new password? */
bool prompts_is_change(const char *text, size_t n);
