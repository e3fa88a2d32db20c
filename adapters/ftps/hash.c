#include "adapters/ftps/hash.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "adapters/ftps/path.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

static const struct {
	const char *name, *command;
} kinds[] = {
#define KIND_ROW(id, name, command, bytes) [id] = {name, command},
        CHECKSUMS(KIND_ROW)
#undef KIND_ROW
};

/* ---- FEAT ---------------------------------------------------------------------------------- */

static bool is_word(const char *word, size_t n, const char *text)
{
	return strlen(text) == n && strncasecmp(word, text, n) == 0;
}

/* "SHA-256*": the one that HASH uses unless it is told otherwise. */
static void take_algorithm(struct ftp_hashes *h, const char *word, size_t n)
{
	bool is_chosen = n > 0 && word[n - 1] == '*';

	for (int k = 0; k < CHECKSUM_COUNT; k++) {
		if (!is_word(word, is_chosen ? n - 1 : n, kinds[k].name))
			continue;
		h->hash |= 1u << k;
		if (is_chosen)
			h->chosen = 1u << k;
	}
}

static void take_command(struct ftp_hashes *h, const char *word, size_t n)
{
	for (int k = 0; k < CHECKSUM_COUNT; k++)
		if (is_word(word, n, kinds[k].command))
			h->commands |= 1u << k;
}

void ftp_hash_feature(struct ftp_hashes *h, const char *line, size_t n)
{
	size_t at = 0, word, from;

	while (at < n && line[at] == ' ')
		at++;
	for (word = at; at < n && line[at] > ' ';)
		at++;
	take_command(h, line + word, at - word);
	if (!is_word(line + word, at - word, "HASH"))
		return;
	while (at < n) {
		while (at < n && (line[at] == ' ' || line[at] == ';'))
			at++;
		for (from = at; at < n && line[at] > ' ' && line[at] != ';';)
			at++;
		take_algorithm(h, line + from, at - from);
		if (at == from)
			return;
	}
}

/* ---- the answer ---------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_sum(const char *word, size_t n, size_t bytes, unsigned char *out)
{
	if (n != 2 * bytes)
		return false;
	for (size_t i = 0; i < bytes; i++) {
		int high = hex_digit(word[2 * i]), low = hex_digit(word[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

bool ftp_hash_parse(const char *reply, size_t n, enum checksum_kind kind,
                    unsigned char out[CHECKSUM_BYTES_MOST])
{
	size_t at = 4, from; /* behind "213 " */

	while (at < n) {
		while (at < n && (reply[at] <= ' ' || reply[at] == '"'))
			at++;
		for (from = at; at < n && reply[at] > ' ' && reply[at] != '"';)
			at++;
		if (take_sum(reply + from, at - from, checksum_bytes(kind), out))
			return true;
		if (at == from)
			at++; /* a byte beyond ASCII, perhaps of the name */
	}
	return false;
}

/* ---- asking -------------------------------------------------------------------------------- */

static int choose(struct ftp_session *s, enum checksum_kind kind, struct err *e)
{
	_cleanup_free_ char *opts = mem_printf("OPTS HASH %s", kinds[kind].name);
	const char *commands[] = {opts};

	if (s->features.hashes.chosen == 1u << kind)
		return 0;
	if (ftp_session_commands(s, "choose a hash", NULL, commands, 1, e) < 0)
		return e->kind;
	s->features.hashes.chosen = 1u << kind;
	return 0;
}

/* HASH takes the rest of its line for the name; the older commands may see more arguments in it. */
static char *make_command(bool is_hash, enum checksum_kind kind, const char *there)
{
	if (is_hash)
		return mem_printf("HASH %s", there);
	return strchr(there, ' ') ? mem_printf("%s \"%s\"", kinds[kind].command, there)
	                          : mem_printf("%s %s", kinds[kind].command, there);
}

static int ask(struct ftp_session *s, const char *path, struct server_hash *out, struct err *e)
{
	bool is_hash = s->features.hashes.hash & 1u << out->kind;
	_cleanup_free_ char *there = ftp_path(s, path, e);
	_cleanup_free_ char *command = there ? make_command(is_hash, out->kind, there) : NULL;
	const char *commands[] = {command};
	struct escaped tmp;
	struct ftp_reply r;
	int rc = there ? 0 : e->kind;

	if (rc == 0 && is_hash)
		rc = choose(s, out->kind, e);
	if (rc == 0)
		rc = ftp_session_commands(s, "hash", path, commands, 1, e);
	if (rc < 0)
		return rc;
	r = ftp_session_reply(s, is_hash ? "HASH" : kinds[out->kind].command);
	if (r.code / 100 == 2 && ftp_hash_parse(r.lines, r.n, out->kind, out->bytes))
		return 0;
	return err_set(e, ERR_OBJECT, "OBJ-NO-HASH", r.code,
	               "hash %s: the server's answer holds no %s", escape_name(path, &tmp),
	               kinds[out->kind].name);
}

int ftp_hash(struct ftp_session *s, const char *path, struct server_hash *out, struct err *e)
{
	const struct ftp_hashes *h = &s->features.hashes;
	struct server_hash found = {0};
	int r;

	while (found.kind < CHECKSUM_COUNT && !((h->hash | h->commands) & 1u << found.kind))
		found.kind++;
	if (found.kind == CHECKSUM_COUNT)
		return err_set(
		        e, ERR_OBJECT, "OBJ-NO-HASH", 0,
		        "the server tells no hashes (neither HASH nor XSHA256, XMD5, XCRC in "
		        "its answer to FEAT)");
	r = ask(s, path, &found, e);
	if (r == 0)
		*out = found;
	return r;
}
