#include "adapters/sftp/known_hosts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/sftp/known_line.h"
#include "daemon/base/mem.h"

enum { STANDARD_PORT = 22 };

/* ---- lines --------------------------------------------------------------------------------- */

struct reading {
	struct known_keys *keys;
	const char *file;
	size_t line;
	struct buf *warnings;
};

static void warn(struct reading *r, const char *what)
{
	if (r->warnings)
		(void)buf_printf(r->warnings, "%s:%zu: %s, line is passed over\n", r->file, r->line,
		                 what);
}

/* Dropping a revocation would trust what must not be: then the file counts as unreadable. */
static bool has_room(struct reading *r, const struct known_key *key)
{
	struct known_keys *k = r->keys;

	if (key->revoked && k->count < KNOWN_REVOKED_MAX)
		return true;
	if (key->revoked)
		k->is_incomplete = true;
	else if (k->count < KNOWN_KEYS_MAX)
		return true;
	else
		warn(r, "more than 256 keys of this host");
	return false;
}

static void add_key(struct known_keys *k, const struct known_key *key)
{
	if (k->count == k->room) {
		k->room = k->room ? 2 * k->room : 8;
		k->items = mem_grow(k->items, k->room * sizeof(*k->items));
	}
	k->items[k->count++] = *key;
}

static void read_key(struct reading *r, const struct known_line *line, struct known_key *key)
{
	size_t room = line->key.n / 4 * 3 + 3;
	long n;

	key->blob = mem_new(room);
	n = base64_decode(line->key.p, line->key.n, key->blob, room);
	if (n < 0 || !key_blob_type(key->blob, (size_t)n, key->type) ||
	    !word_is(line->type, key->type))
		warn(r, n < 0 ? "the key is not base64" : "the key is not of the type named");
	else if (has_room(r, key)) {
		key->blob_bytes = (size_t)n;
		add_key(r->keys, key);
		return;
	}
	free(key->blob);
}

static bool speaks_of_us(const struct known_keys *k, struct word hosts, bool *without_port)
{
	*without_port = false;
	if (known_line_names(hosts, k->host_port))
		return true;
	*without_port = !k->standard_port;
	return known_line_names(hosts, k->host);
}

typedef const char *split_fn(struct word text, struct known_line *out);

static void read_line(struct reading *r, split_fn *split, struct word text)
{
	struct known_key key = {.file = r->file, .line = r->line};
	struct known_line line;
	const char *complaint = split(text, &line);

	if (complaint)
		warn(r, complaint);
	if (complaint || !line.type.n)
		return;
	key.revoked = line.marker == MARKER_REVOKED;
	key.authority = line.marker == MARKER_AUTHORITY;
	if (split == known_line_split_key || speaks_of_us(r->keys, line.hosts, &key.without_port))
		read_key(r, &line, &key);
}

static void read_lines(struct reading *r, split_fn *split, const char *p, size_t n)
{
	while (n) {
		const char *end = memchr(p, '\n', n);
		size_t line = end ? (size_t)(end - p) : n;

		r->line++;
		if (line > KNOWN_LINE_MAX)
			warn(r, "longer than 64 KiB");
		else
			read_line(r, split, (struct word){p, line});
		line += end ? 1 : 0;
		p += line;
		n -= line;
	}
}

void known_keys_read(struct known_keys *k, const char *file, const void *text, size_t n,
                     struct buf *warnings)
{
	struct reading r = {.keys = k, .file = file, .warnings = warnings};

	k->files++;
	read_lines(&r, known_line_split, text, n);
}

void known_keys_read_revoked(struct known_keys *k, const char *file, const void *text, size_t n,
                             struct buf *warnings)
{
	struct reading r = {.keys = k, .file = file, .warnings = warnings};

	read_lines(&r, known_line_split_key, text, n);
}

void known_keys_certify(struct known_keys *k, const struct known_key *authority, const void *blob,
                        size_t n)
{
	struct known_key key = {
	        .file = authority->file, .line = authority->line, .certified = true};

	if (!key_blob_type(blob, n, key.type))
		return;
	key.blob = (unsigned char *)mem_dup_bytes(blob, n);
	key.blob_bytes = n;
	add_key(k, &key);
}

/* ---- the records --------------------------------------------------------------------------- */

void known_keys_init(struct known_keys *k, const char *host, int port)
{
	memset(k, 0, sizeof(*k));
	k->host = mem_dup(host);
	for (char *c = k->host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	k->host_port = mem_printf("[%s]:%d", k->host, port);
	k->standard_port = port == STANDARD_PORT;
}

void known_keys_release(struct known_keys *k)
{
	for (size_t i = 0; i < k->count; i++)
		free(k->items[i].blob);
	free(k->items);
	free(k->host);
	free(k->host_port);
	memset(k, 0, sizeof(*k));
}

/* The better of two is the one that says more: a match, then a change, then a type. */
static bool says_more(enum known_state a, enum known_state b)
{
	static const int rank[] = {
	        [KNOWN_NOT_FOUND] = 0, [KNOWN_UNKNOWN] = 0, [KNOWN_OTHER] = 1,
	        [KNOWN_CHANGED] = 2,   [KNOWN_OK] = 3,      [KNOWN_REVOKED] = 4,
	};

	return rank[a] > rank[b];
}

static enum known_state judge_one(const struct known_key *key, const void *blob, size_t n,
                                  const char *type)
{
	bool same = key->blob_bytes == n && memcmp(key->blob, blob, n) == 0;

	if (key->revoked)
		return same ? KNOWN_REVOKED : KNOWN_UNKNOWN;
	if (key->authority)
		return KNOWN_UNKNOWN; /* signs certificates, is no host's key */
	if (same)
		return KNOWN_OK;
	if (key->without_port)
		return KNOWN_UNKNOWN; /* says nothing about the service on our port */
	return strcmp(key->type, type) == 0 ? KNOWN_CHANGED : KNOWN_OTHER;
}

static bool is_plain(const struct known_key *key)
{
	return !key->revoked && !key->authority;
}

static bool port_is_known(const struct known_keys *k)
{
	for (size_t i = 0; i < k->count; i++)
		if (is_plain(&k->items[i]) && !k->items[i].without_port)
			return true;
	return false;
}

static enum known_state judge_by_authority(const struct known_keys *k,
                                           const struct known_key **which)
{
	for (const struct known_key *a = known_keys_authority(k, NULL); a;
	     a = known_keys_authority(k, a)) {
		if (a->without_port)
			continue;
		*which = a;
		return KNOWN_OTHER;
	}
	return KNOWN_UNKNOWN;
}

enum known_state known_keys_judge(const struct known_keys *k, const void *blob, size_t n,
                                  const struct known_key **which)
{
	enum known_state best = k->files ? KNOWN_UNKNOWN : KNOWN_NOT_FOUND;
	char type[KEY_TYPE_BYTES];
	bool has_port = port_is_known(k);

	*which = NULL;
	if (!key_blob_type(blob, n, type))
		return best;
	for (size_t i = 0; i < k->count; i++) {
		const struct known_key *key = &k->items[i];
		enum known_state v = judge_one(key, blob, n, type);

		if (v == KNOWN_OK && key->without_port && has_port)
			continue; /* the port has its own record, which must match */
		if (says_more(v, best)) {
			best = v;
			*which = key;
		}
	}
	return best == KNOWN_UNKNOWN ? judge_by_authority(k, which) : best;
}

bool known_keys_have_type(const struct known_keys *k, const char *type)
{
	for (size_t i = 0; i < k->count; i++)
		if (is_plain(&k->items[i]) && strcmp(k->items[i].type, type) == 0)
			return true;
	return false;
}

bool known_keys_have_certified(const struct known_keys *k, const char *type)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->items[i].certified && strcmp(k->items[i].type, type) == 0)
			return true;
	return false;
}

const struct known_key *known_keys_authority(const struct known_keys *k,
                                             const struct known_key *after)
{
	for (size_t i = after ? (size_t)(after - k->items) + 1 : 0; i < k->count; i++)
		if (k->items[i].authority)
			return &k->items[i];
	return NULL;
}

const char *known_state_name(enum known_state s)
{
	static const char *const names[] = {
#define KNOWN_NAME(id, words) [id] = words,
	        KNOWN_STATES(KNOWN_NAME)
#undef KNOWN_NAME
	};

	return names[s];
}
