#include "adapters/sftp/auth_state.h"
#include "adapters/sftp/openssh_key.h"
#include "daemon/base/escape.h"

enum { USERAUTH_FAILURE = 51, PASSWD_CHANGEREQ = 60 };

bool auth_is_offered(const struct login *l, const char *method)
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

/* byte 51, name-list of methods that can go on, boolean partial success (RFC 4252 §5.1) */
static void note_refusal(struct login *l, struct key_part rest)
{
	struct key_part list;

	if (!key_part_string(&rest, &list) || rest.n < 1 || list.n >= METHODS_ROOM ||
	    (list.n && memchr(list.p, '\0', list.n)))
		return;
	memcpy(l->offered, list.p, list.n);
	l->offered[list.n] = '\0';
	l->heard = true;
	l->partial = rest.p[0] != 0;
}

/* byte 60, string prompt, string language (RFC 4252 §8); 60 has other meanings with other methods */
static void note_demand(struct login *l, struct key_part rest)
{
	struct key_part words;

	if (!key_part_string(&rest, &words))
		return;
	l->demanded = true;
	escape(words.p, words.n, l->server_words, sizeof(l->server_words));
}

/* libssh2 keeps to itself whether a refused step counts as a part, which is the one thing to know
 * where two keys are wanted, and what is offered then; asking again would cost an attempt. The
 * packet is still whole when libssh2 gives it back to our allocator. */
void auth_reply_watch(struct ssh *s, const unsigned char *data, size_t n)
{
	struct login *l = s->login;
	struct key_part rest = {(unsigned char *)(uintptr_t)data + 1, n ? n - 1 : 0};

	if (n < 6)
		return;
	if (data[0] == USERAUTH_FAILURE)
		note_refusal(l, rest);
	else if (data[0] == PASSWD_CHANGEREQ && l->by_password && !l->demanded)
		note_demand(l, rest);
}
