/*
 * The inside of a login (auth.h), shared by its parts:
 *
 *	auth_prepare.c	keys, secrets, agent: read before there is a connection
 *	auth.c		which method next, and what to tell when none is left
 *	auth_key.c	a key signs
 *	auth_prompt.c	prompts are answered
 *	auth_reply.c	what the server says to each step
 *
 * All on one fiber. libssh2 calls back from within its calls; as the stack is the fiber's, such a
 * callback may await (an agent, a program, the next one-time code): nobody else uses the session
 * before the login is done. A callback that must end the login sets `failure` and kills the
 * transport, so that libssh2 sends nothing more.
 */
#pragma once
#include "adapters/sftp/agent.h"
#include "adapters/sftp/auth.h"
#include "adapters/sftp/certificate.h"
#include "adapters/sftp/key_file.h"
#include "adapters/sftp/prompts.h"
#include "adapters/sftp/ssh.h"
#include "config/secret.h"

enum { METHODS_ROOM = 256, TRIED_ROOM = 4096, AUTH_WORDS_ROOM = 160, AUTH_FROM_ROOM = 192 };

/* One thing to try: a key, a password, a set of answers. */
struct auth_step {
	enum auth_kind kind; /* PUBLICKEY (also of an agent), PASSWORD, KEYBOARD */
	bool done;

	struct private_key key; /* of an agent: only the public half */
	struct agent *agent;    /* signs, if not NULL; the material's */
	bool has_certificate;
	struct certificate certificate; /* then its blob is what the server is shown */
	char from[AUTH_FROM_ROOM]; /* "/etc/ferryd/keys/acme", "the agent's acme@host"; escaped */

	struct secret password;
	struct prompts *prompts;
};

enum { AUTH_AGENTS = 8 };

struct auth_material {
	const struct endpoint_config *endpoint;
	bool allows_none;
	int64_t longest_period_ms; /* of one-time codes */
	struct auth_step *steps;
	size_t count, room;
	struct agent *agents[AUTH_AGENTS];
	size_t agent_count;
};

struct login {
	struct ssh *ssh;
	struct auth_material *material;
	struct deadline deadline;
	struct auth_step *step; /* under way */
	struct err failure;     /* set by a callback; kind 0: none */

	char offered[METHODS_ROOM]; /* comma list, raw; "" = unknown */
	char tried[TRIED_ROOM];     /* for the error text, escaped */
	bool heard, partial;        /* the server's answer to this step came; accepted a part */
	bool any_partial;           /* some step was */
	bool rsa_sha1, code_refused, answer_refused;
	bool keys_are_spoiled; /* libssh2 1.11 sends no other key after one it has no algorithm for */
	bool by_password;      /* the method, not a prompt: 60 is such a demand */
	bool demanded;         /* a new password, as the answer to ours */
	char server_words[AUTH_WORDS_ROOM]; /* of that demand; escaped */

	struct prompt_round round; /* keyboard-interactive: what was answered */
};

/* auth_key.c: one libssh2 call each, to be repeated on "again" as transport.h says. */
int auth_key_call(struct login *l, struct auth_step *s);
/* NULL, or why libssh2 cannot use this kind of certificate. */
const char *auth_key_hindrance(const struct auth_step *s);

/* auth_prompt.c */
int auth_password_call(struct login *l, struct auth_step *s);
int auth_prompts_call(struct login *l, struct auth_step *s);

/* auth_reply.c: notes what the server answers; libssh2 does not tell (freed of struct ssh). */
void auth_reply_watch(struct ssh *s, const unsigned char *data, size_t n);
bool auth_is_offered(const struct login *l, const char *method);
