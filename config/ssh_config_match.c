/*
 * Which lines of an ssh_config hold for a host.
 */
#include <string.h>

#include "config/ssh_config.h"

struct evaluation {
	const struct ssh_who *who;
	struct arena *arena;
	struct ssh_result *out;
};

/* ---- patterns ------------------------------------------------------------------------------ */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

struct pattern {
	const char *text;
	size_t length;
	enum ssh_case fold;
};

/* `*` and `?`; linear in text times pattern, because only the last star is taken back. */
static bool is_match(const struct pattern *p, const char *text)
{
	size_t at = 0, star = p->length, from = 0, i = 0;

	while (text[i]) {
		char c = at < p->length ? p->text[at] : '\0';

		if (at < p->length && c == '*') {
			star = at++;
			from = i;
		} else if (at < p->length &&
		           (c == '?' || c == text[i] ||
		            (p->fold == SSH_CASE_FOLDED && lower(c) == lower(text[i])))) {
			at++;
			i++;
		} else if (star < p->length) {
			at = star + 1;
			i = ++from;
		} else {
			return false;
		}
	}
	while (at < p->length && p->text[at] == '*')
		at++;
	return at == p->length;
}

bool ssh_matches(const char *list, const char *text, enum ssh_case fold)
{
	bool found = false;

	while (*list) {
		size_t length = strcspn(list, ",");
		bool negated = *list == '!';
		struct pattern p = {list + negated, length - negated, fold};

		if (is_match(&p, text)) {
			if (negated)
				return false;
			found = true;
		}
		list += length + (list[length] == ',');
	}
	return found;
}

/* ---- blocks -------------------------------------------------------------------------------- */

static bool host_holds(const struct evaluation *e, const struct ssh_line *l)
{
	bool found = false;

	for (size_t i = 0; i < l->count; i++) {
		bool negated = *l->args[i] == '!';
		struct pattern p = {l->args[i] + negated, strlen(l->args[i] + negated),
		                    SSH_CASE_KEPT};

		if (!is_match(&p, e->who->host))
			continue;
		if (negated)
			return false;
		found = true;
	}
	return found;
}

/* The name behind HostName, if it was met already, with %h and %% put in. */
static const char *host_so_far(const struct evaluation *e)
{
	const struct ssh_line *l = ssh_first(e->out, SSH_HOSTNAME);
	const char *in = l ? l->args[0] : "%h";
	char *out = arena_new(e->arena, strlen(in) * (strlen(e->who->host) + 1) + 1), *end = out;

	for (; *in; in++) {
		const char *part = NULL;

		if (*in == '%')
			part = in[1] == 'h' ? e->who->host : in[1] == '%' ? "%" : NULL;
		if (!part) {
			*end++ = *in;
			continue;
		}
		memcpy(end, part, strlen(part) + 1);
		end += strlen(part);
		in++;
	}
	return out;
}

static const char *user_so_far(const struct evaluation *e)
{
	const struct ssh_line *l = ssh_first(e->out, SSH_USER);

	return e->who->user ? e->who->user : l ? l->args[0] : e->who->local_user;
}

static bool condition_holds(const struct evaluation *e, enum ssh_condition is, const char *patterns)
{
	switch (is) {
	case SSH_IF_ALL:
		return true;
	case SSH_IF_HOST:
		return ssh_matches(patterns, host_so_far(e), SSH_CASE_FOLDED);
	case SSH_IF_ORIGINAL_HOST:
		return ssh_matches(patterns, e->who->host, SSH_CASE_FOLDED);
	case SSH_IF_USER:
		return ssh_matches(patterns, user_so_far(e), SSH_CASE_KEPT);
	case SSH_IF_LOCAL_USER:
		return ssh_matches(patterns, e->who->local_user, SSH_CASE_KEPT);
	case SSH_IF_EXEC:
	case SSH_IF_NEVER:
		break;
	}
	return false;
}

/* The parser has checked that each word has its patterns, up to the first that never holds. */
static bool match_holds(const struct evaluation *e, const struct ssh_line *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const char *word = l->args[i], *patterns = "";
		size_t length = strcspn(word, "=");
		enum ssh_condition is = ssh_condition_of(word, length);
		bool negated = *word == '!';

		if (is == SSH_IF_NEVER || is == SSH_IF_EXEC)
			return false; /* with "!" too: nobody knows */
		if (is != SSH_IF_ALL)
			patterns = word[length] ? word + length + 1 : l->args[++i];
		if (condition_holds(e, is, patterns) == negated)
			return false;
	}
	return true;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static bool collects(enum ssh_keyword k)
{
	return k == SSH_IDENTITY_FILE || k == SSH_CERTIFICATE_FILE;
}

static bool is_there(const struct ssh_found *f, const char *value)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->items[i]->args[0], value) == 0)
			return true;
	return false;
}

static void take(const struct evaluation *e, const struct ssh_line *l)
{
	struct ssh_found *f = &e->out->of[l->keyword];
	size_t n = f->count;

	if (n && (!collects(l->keyword) || is_there(f, l->args[0])))
		return;
	if (!n)
		f->turn = e->out->turns++;
	if ((n & (n - 1)) == 0) { /* grows at 0, 1, 2, 4 ... */
		const struct ssh_line **more =
		        arena_new_array(e->arena, n ? 2 * n : 1, sizeof(*more));

		if (n)
			memcpy(more, f->items, n * sizeof(*more));
		f->items = more;
	}
	f->items[f->count++] = l;
}

/* As deep as files include files, which whoever read them has bounded. */
static void apply(const struct evaluation *e, const struct ssh_lines *lines)
{
	bool holds = true;

	for (size_t i = 0; i < lines->count; i++) {
		const struct ssh_line *l = &lines->items[i];

		if (l->keyword == SSH_HOST)
			holds = host_holds(e, l);
		else if (l->keyword == SSH_MATCH)
			holds = match_holds(e, l);
		else if (holds && l->keyword != SSH_INCLUDE)
			take(e, l);
		for (size_t k = 0; holds && k < l->file_count; k++)
			apply(e, l->files[k]);
	}
}

void ssh_config_evaluate(const struct ssh_lines *lines, const struct ssh_who *who, struct arena *a,
                         struct ssh_result *out)
{
	struct evaluation e = {who, a, out};

	memset(out, 0, sizeof(*out));
	apply(&e, lines);
}
