#include "config/ssh_config.h"

#include <string.h>
#include <strings.h>

#include "daemon/base/escape.h"
#include "daemon/base/text.h"

static const struct {
	const char *text;
	enum ssh_use use;
} keywords[] = {
#define SSH_ROW(name, text, use) [SSH_##name] = {text, SSH_##use},
        SSH_KEYWORDS(SSH_ROW)
#undef SSH_ROW
};

/* Older names of the same. */
static const struct {
	const char *text;
	enum ssh_keyword means;
} aliases[] = {
        {"pubkeyacceptedkeytypes", SSH_PUBKEY_ACCEPTED},
        {"challengeresponseauthentication", SSH_KBD_INTERACTIVE},
        {"skeyauthentication", SSH_KBD_INTERACTIVE},
        {"hostbasedkeytypes", SSH_HOSTBASED_ACCEPTED},
        {"dsaauthentication", SSH_PUBKEY},
        {"rsaauthentication", SSH_PUBKEY},
        {"rhostsrsaauthentication", SSH_HOSTBASED},
        {"identityfile2", SSH_IDENTITY_FILE},
        {"smartcarddevice", SSH_PKCS11_PROVIDER},
        {"globalknownhostsfile2", SSH_GLOBAL_KNOWN_HOSTS_FILE},
        {"userknownhostsfile2", SSH_USER_KNOWN_HOSTS_FILE},
        {"cipher", SSH_CIPHERS},
        {"protocol", SSH_LOG_LEVEL}, /* as little use */
        {"useprivilegedport", SSH_LOG_LEVEL},
};

struct parser {
	struct arena *arena;
	struct problems *problems;
	struct ssh_lines *out;
	size_t room;
	bool told[SSH_KEYWORD_COUNT]; /* that there is no use for it */
	const struct ssh_line *ignore_unknown;
};

/* One line while it is taken apart. */
struct cursor {
	const char *text; /* NUL-terminated copy, trimmed */
	struct place at;
	const char *args[SSH_ARGS_MAX];
	size_t count;
};

static struct place place_of(const struct cursor *c, const char *where)
{
	struct place at = c->at;

	at.col += (int)(where - c->text);
	return at;
}

const char *ssh_keyword_text(enum ssh_keyword k)
{
	return keywords[k].text;
}

/* ---- words --------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

/* A backslash takes away the meaning of quotes, of itself, and of a space outside of quotes. */
static bool is_escape(const char *p, char quote)
{
	return *p == '\\' &&
	       (p[1] == '"' || p[1] == '\'' || p[1] == '\\' || (!quote && p[1] == ' '));
}

/* The word at p into out; behind it, or NULL when a quote has no end. */
static const char *read_word(const char *p, char *out)
{
	char quote = 0;

	for (; *p && (quote || !is_blank(*p)); p++) {
		if (is_escape(p, quote))
			*out++ = *++p;
		else if (quote ? *p == quote : *p == '"' || *p == '\'')
			quote = quote ? 0 : *p;
		else
			*out++ = *p;
	}
	*out = '\0';
	return quote ? NULL : p;
}

static bool tell_at(struct parser *p, const struct cursor *c, const char *where,
                    const char *sentence)
{
	struct place at = place_of(c, where);

	problem_add(p->problems, PROBLEM_ERROR, &at, "%s", sentence);
	return false;
}

/* The words from `rest` on into c->args; a word that begins with # begins a comment. */
static bool read_words(struct parser *p, struct cursor *c, const char *rest)
{
	const char *at = skip_blanks(rest);

	while (*at && *at != '#') {
		char *word = arena_new(p->arena, strlen(at) + 1);
		const char *end = read_word(at, word);

		if (!end)
			return tell_at(p, c, at, "a quote has no end");
		if (!*word)
			return tell_at(p, c, at, "an empty value");
		if (c->count == SSH_ARGS_MAX)
			return tell_at(p, c, at, "more than 64 values on one line");
		c->args[c->count++] = word;
		at = skip_blanks(end);
	}
	return true;
}

/* ---- keywords ------------------------------------------------------------------------------ */

static int find_keyword(const char *text)
{
	for (int i = 0; i < SSH_KEYWORD_COUNT; i++)
		if (strcasecmp(keywords[i].text, text) == 0)
			return i;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		if (strcasecmp(aliases[i].text, text) == 0)
			return (int)aliases[i].means;
	return -1;
}

static bool is_ignored(const struct parser *p, const char *word)
{
	const struct ssh_line *l = p->ignore_unknown;

	for (size_t i = 0; l && i < l->count; i++)
		if (ssh_matches(l->args[i], word, SSH_CASE_FOLDED))
			return true;
	return false;
}

static void tell_unknown(struct parser *p, const struct cursor *c, const char *word)
{
	const char *names[SSH_KEYWORD_COUNT], *near = NULL;
	char lower[64];
	struct escaped tmp;
	size_t i;

	if (is_ignored(p, word))
		return;
	for (i = 0; i < SSH_KEYWORD_COUNT; i++)
		names[i] = keywords[i].text;
	for (i = 0; i < sizeof(lower) - 1 && word[i]; i++)
		lower[i] = word[i] >= 'A' && word[i] <= 'Z' ? (char)(word[i] + 32) : word[i];
	lower[i] = '\0';
	if (strlen(word) < sizeof(lower) && p->problems->count < PROBLEMS_MAX) /* else not shown */
		near = text_nearest(lower, names, SSH_KEYWORD_COUNT);
	problem_add(p->problems, PROBLEM_WARNING, &c->at, "%s is not known%s%s%s, ignoring",
	            escape_name(word, &tmp), near ? ", did you mean \"" : "", near ? near : "",
	            near ? "\"?" : "");
}

static void tell_idle(struct parser *p, const struct cursor *c, enum ssh_keyword k)
{
	if (!p->told[k])
		problem_add(p->problems, PROBLEM_WARNING, &c->at,
		            "ferryd has no use for %s, ignoring", keywords[k].text);
	p->told[k] = true;
}

/* ---- Match --------------------------------------------------------------------------------- */

enum ssh_condition ssh_condition_of(const char *text, size_t length)
{
	static const struct {
		const char *text;
		enum ssh_condition is;
	} words[] = {
	        {"all", SSH_IF_ALL},   {"host", SSH_IF_HOST},
	        {"user", SSH_IF_USER}, {"originalhost", SSH_IF_ORIGINAL_HOST},
	        {"exec", SSH_IF_EXEC}, {"localuser", SSH_IF_LOCAL_USER},
	};

	if (length && *text == '!') {
		text++;
		length--;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i].text) == length &&
		    strncasecmp(words[i].text, text, length) == 0)
			return words[i].is;
	return SSH_IF_NEVER;
}

static const char match_exec[] =
        "Match exec is refused: it would run a command with the service's rights whenever the "
        "file is read. Write the case as a Host block, or leave it out of ferryd's file";

/* All of the line is understood; words that never hold are told. */
static bool check_match(struct parser *p, const struct cursor *c)
{
	for (size_t i = 0; i < c->count; i++) {
		const char *word = c->args[i];
		size_t length = strcspn(word, "=");
		enum ssh_condition is = ssh_condition_of(word, length);
		struct escaped tmp;

		if (is == SSH_IF_EXEC)
			return tell_at(p, c, c->text, match_exec);
		if (is == SSH_IF_NEVER) {
			problem_add(p->problems, PROBLEM_WARNING, &c->at,
			            "Match %s is not judged: the block does not apply",
			            escape_name(word, &tmp));
			return true;
		}
		if (is == SSH_IF_ALL && c->count > 1)
			return tell_at(p, c, c->text, "Match all stands alone");
		if (is != SSH_IF_ALL && !word[length] && ++i == c->count)
			return tell_at(p, c, c->text, "Match wants patterns behind its last word");
	}
	return true;
}

/* ---- lines --------------------------------------------------------------------------------- */

static struct ssh_line *add_line(struct parser *p, const struct cursor *c, enum ssh_keyword k)
{
	struct ssh_lines *out = p->out;
	const char **args = arena_new_array(p->arena, c->count + 1, sizeof(*args));
	struct ssh_line *line;

	if (out->count == p->room) {
		struct ssh_line *more;

		p->room = p->room ? 2 * p->room : 16;
		more = arena_new_array(p->arena, p->room, sizeof(*more));
		if (out->count)
			memcpy(more, out->items, out->count * sizeof(*more));
		out->items = more;
	}
	memcpy(args, c->args, c->count * sizeof(*args));
	line = &out->items[out->count++];
	*line = (struct ssh_line){.keyword = k, .at = c->at, .args = args, .count = c->count};
	return line;
}

/* A block whose condition was not understood must not lend its lines to the one before. */
static void add_closed_block(struct parser *p, struct cursor *c)
{
	c->args[0] = "!*";
	c->count = 1;
	(void)add_line(p, c, SSH_HOST);
}

static void read_values(struct parser *p, struct cursor *c, enum ssh_keyword k, const char *rest)
{
	enum ssh_use use = keywords[k].use;
	bool fine = true;

	if (use != SSH_RAW)
		fine = read_words(p, c, rest);
	else if (*rest)
		c->args[c->count++] = arena_dup_bytes(p->arena, rest, strlen(rest));
	if (fine && !c->count)
		fine = tell_at(p, c, c->text, "wants a value behind the keyword");
	if (fine && c->count > 1 && (use == SSH_FIRST || use == SSH_ALL))
		fine = tell_at(p, c, c->text,
		               "wants one value, found more: quote it if it holds "
		               "spaces");
	if (fine && k == SSH_MATCH)
		fine = check_match(p, c);
	if (fine)
		(void)add_line(p, c, k);
	else if (use == SSH_BLOCK)
		add_closed_block(p, c);
}

/* Behind the keyword: blanks and at most one "=". */
static const char *value_of(const char *p)
{
	p = skip_blanks(p);
	return *p == '=' ? skip_blanks(p + 1) : p;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7F)
			return true;
	return false;
}

static void read_line(struct parser *p, struct cursor *c)
{
	size_t length = strcspn(c->text, " \t=");
	char *word = arena_dup_bytes(p->arena, c->text, length);
	size_t last = p->out->count;
	int k;

	if (has_control(c->text) || !escape_is_utf8(c->text, strlen(c->text))) {
		(void)tell_at(p, c, c->text,
		              "holds control characters, or bytes that are not "
		              "UTF-8");
		return;
	}
	k = find_keyword(word);
	if (k < 0) {
		tell_unknown(p, c, word);
	} else if (keywords[k].use == SSH_IDLE) {
		tell_idle(p, c, (enum ssh_keyword)k);
	} else {
		read_values(p, c, (enum ssh_keyword)k, value_of(c->text + length));
		if (k == SSH_IGNORE_UNKNOWN && p->out->count > last)
			p->ignore_unknown = &p->out->items[last];
	}
}

/* The line between `text` and `end`, without blanks around it; nothing for a comment. */
static void take_line(struct parser *p, struct place at, const char *text, size_t length)
{
	struct cursor c = {.at = at};
	size_t lead = 0;

	while (lead < length && is_blank(text[lead]))
		lead++;
	while (length > lead &&
	       (is_blank(text[length - 1]) || text[length - 1] == '\r' || text[length - 1] == '\f'))
		length--;
	if (lead == length || text[lead] == '#')
		return;
	c.at.col = (int)lead + 1;
	if (length > SSH_LINE_MAX)
		problem_add(p->problems, PROBLEM_ERROR, &c.at, "a line of more than 8,192 bytes");
	else if (memchr(text, 0, length))
		problem_add(p->problems, PROBLEM_ERROR, &c.at, "holds a NUL byte");
	else {
		c.text = arena_dup_bytes(p->arena, text + lead, length - lead);
		read_line(p, &c);
	}
}

struct ssh_lines *ssh_config_parse(const struct ssh_config_input *in, struct arena *a,
                                   struct problems *p)
{
	struct parser parser = {
	        .arena = a, .problems = p, .out = arena_new_of(a, struct ssh_lines)};
	const char *at = in->bytes;
	struct place place = {in->source, 1, 1};
	size_t left = in->length;

	if (left > SSH_FILE_MAX) {
		place.line = 0;
		problem_add(p, PROBLEM_ERROR, &place, "larger than 256 KiB: is it an ssh_config?");
		return parser.out;
	}
	for (; left; place.line++) {
		const char *end = memchr(at, '\n', left);
		size_t length = end ? (size_t)(end - at) : left;

		take_line(&parser, place, at, length);
		length += end != NULL;
		at += length;
		left -= length;
	}
	return parser.out;
}
