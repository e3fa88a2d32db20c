#include "config/ssh_expand.h"

#include <string.h>

#include "daemon/base/buf.h"
#include "daemon/base/escape.h"
#include "daemon/base/text.h"

struct expansion {
	struct arena *arena;
	const struct ssh_tokens *tokens;
	const char *wrong;
	struct buf out;
};

static void refuse(struct expansion *x, const char *sentence)
{
	if (!x->wrong)
		x->wrong = sentence;
}

static void add(struct expansion *x, const char *text, size_t length)
{
	if (buf_add(&x->out, text, length) < 0)
		refuse(x, "is longer than 4,096 bytes");
}

static const char *token(const struct ssh_tokens *t, char letter)
{
	switch (letter) {
	case '%':
		return "%";
	case 'd':
		return t->home;
	case 'h':
		return t->host;
	case 'i':
		return t->user_id;
	case 'j':
		return t->jumps;
	case 'k':
		return t->alias;
	case 'l':
		return t->local_host;
	case 'n':
		return t->original_host;
	case 'p':
		return t->port;
	case 'r':
		return t->user;
	case 'u':
		return t->local_user;
	default:
		return NULL;
	}
}

/* At the "%"; behind what was read. */
static const char *add_token(struct expansion *x, const char *p)
{
	const char *part = token(x->tokens, p[1]);
	char shown[16];

	if (p[1] == 'L') {
		add(x, x->tokens->local_host, strcspn(x->tokens->local_host, "."));
		return p + 2;
	}
	if (part) {
		add(x, part, strlen(part));
		return p + 2;
	}
	(void)escape(p + 1, p[1] != '\0', shown, sizeof(shown));
	refuse(x, p[1] == 'C' ? "%C is not known here: it names the socket of a shared connection"
	                      : arena_printf(x->arena,
	                                     "%%%s is not known here; %%%% is a percent "
	                                     "sign",
	                                     shown));
	return p + 1 + (p[1] != '\0');
}

/* At the "${"; behind its "}". */
static const char *add_variable(struct expansion *x, const char *p)
{
	size_t length = strcspn(p + 2, "}");
	char *name = arena_dup_bytes(x->arena, p + 2, length);
	const char *value = NULL;
	struct escaped tmp;

	if (!p[2 + length] || !length) {
		refuse(x, "${ wants the name of a variable and }");
		return p + strlen(p);
	}
	if (x->tokens->environment)
		value = x->tokens->environment(name);
	if (value)
		add(x, value, strlen(value));
	else
		refuse(x, arena_printf(x->arena, "the environment has no variable %s",
		                       escape_name(name, &tmp)));
	return p + 2 + length + 1;
}

enum which { PERCENT, ALL };

static const char *expand(struct expansion *x, const char *p, enum which which)
{
	const char *out = NULL;

	buf_init(&x->out, SSH_EXPAND_MAX);
	if (which == ALL && *p == '~' && (p[1] == '/' || !p[1]))
		add(x, x->tokens->home, strlen(x->tokens->home));
	else if (which == ALL && *p == '~')
		refuse(x, "~ of another user is not known here: write the directory");
	p += which == ALL && *p == '~';
	while (*p && !x->wrong) {
		if (*p == '%') {
			p = add_token(x, p);
		} else if (which == ALL && text_starts(p, "${")) {
			p = add_variable(x, p);
		} else {
			add(x, p, 1);
			p++;
		}
	}
	if (!x->wrong)
		out = arena_dup(x->arena, buf_text(&x->out));
	buf_release(&x->out);
	return out;
}

const char *ssh_expand(struct arena *a, const char *text, const struct ssh_tokens *t,
                       const char **wrong)
{
	struct expansion x = {.arena = a, .tokens = t};
	const char *out = expand(&x, text, ALL);

	if (!out)
		*wrong = x.wrong;
	return out;
}

const char *ssh_expand_percent(struct arena *a, const char *text, const struct ssh_tokens *t,
                               const char **wrong)
{
	struct expansion x = {.arena = a, .tokens = t};
	const char *out = expand(&x, text, PERCENT);

	if (!out)
		*wrong = x.wrong;
	return out;
}
