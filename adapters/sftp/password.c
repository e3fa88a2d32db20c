#include "adapters/sftp/password.h"

#include "adapters/sftp/ssh_memory.h"
#include "daemon/base/escape.h"

enum { ROUNDS_MAX = 4 };

int password_send(struct ssh *s, const char *password, size_t n)
{
	const char *user = s->endpoint->user;

	return libssh2_userauth_password_ex(s->lib, user, (unsigned)strlen(user), password,
	                                    (unsigned)n, NULL);
}

static void trace_prompt(struct ssh *s, const LIBSSH2_USERAUTH_KBDINT_PROMPT *p)
{
	struct escaped tmp;

	TRACE(s->trace, TRACE_AUTH, "server asks: \"%s\"%s",
	      escape(p->text, p->length, tmp.text, sizeof(tmp.text)), p->echo ? " (shown)" : "");
}

static void answer(const char *name, int name_len, const char *instruction, int instruction_len,
                   int count, const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts,
                   LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, void **abstract)
{
	struct ssh *s = *abstract;
	bool fits;

	(void)name;
	(void)name_len;
	(void)instruction;
	(void)instruction_len;
	fits = count == 1 && !prompts[0].echo && s->password_rounds++ < ROUNDS_MAX;
	for (int i = 0; i < count; i++) {
		const char *text = fits ? s->password : "";
		size_t n = fits ? s->password_bytes : 0;

		trace_prompt(s, &prompts[i]);
		/* libssh2 frees it, with the allocator we gave it */
		responses[i].text = ssh_memory_alloc(n + 1, abstract);
		if (!responses[i].text)
			continue;
		memcpy(responses[i].text, text, n);
		responses[i].length = (unsigned)n;
	}
}

int password_answer(struct ssh *s, const char *password, size_t n)
{
	const char *user = s->endpoint->user;

	s->password = password;
	s->password_bytes = n;
	return libssh2_userauth_keyboard_interactive_ex(s->lib, user, (unsigned)strlen(user),
	                                                answer);
}
