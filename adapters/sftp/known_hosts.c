#include "adapters/sftp/known_hosts.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>

#include "daemon/base/digest.h"
#include "daemon/base/mem.h"

enum { SHA1_BYTES = 20, STANDARD_PORT = 22 };

/* A word of a line: not NUL-terminated. */
struct word {
	const char *p;
	size_t n;
};

static bool word_is(struct word w, const char *text)
{
	return w.n == strlen(text) && memcmp(w.p, text, w.n) == 0;
}

/* ---- keys as blobs ------------------------------------------------------------------------- */

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

long base64_decode(const char *text, size_t n, unsigned char *out, size_t room)
{
	uint32_t bits = 0;
	size_t have = 0, used = 0;

	for (int pads = 0; n && text[n - 1] == '=' && pads < 2; pads++)
		n--;
	if (n % 4 == 1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int v = base64_value(text[i]);

		if (v < 0)
			return -1;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (used == room)
			return -1;
		out[used++] = (unsigned char)(bits >> have);
	}
	return (long)used;
}

bool key_blob_type(const void *blob, size_t n, char type[KEY_TYPE_BYTES])
{
	const unsigned char *p = blob;
	size_t len;

	if (n < 4)
		return false;
	len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	if (len == 0 || len > n - 4 || len >= KEY_TYPE_BYTES)
		return false;
	for (size_t i = 0; i < len; i++)
		if (p[4 + i] <= 0x20 || p[4 + i] >= 0x7F)
			return false;
	memcpy(type, p + 4, len);
	type[len] = '\0';
	return true;
}

const char *key_fingerprint(const void *blob, size_t n, char out[FINGERPRINT_BYTES])
{
	unsigned char sum[DIGEST_BYTES], text[4 * ((DIGEST_BYTES + 2) / 3) + 1];
	struct digest d;

	digest_init(&d);
	digest_update(&d, blob, n);
	digest_final(&d, sum);
	(void)EVP_EncodeBlock(text, sum, DIGEST_BYTES);
	(void)snprintf(out, FINGERPRINT_BYTES, "SHA256:%.43s", (const char *)text);
	return out;
}

/* ---- does a line speak of our host? -------------------------------------------------------- */

/* Glob with * and ? only (OpenSSH's match_pattern); iterative, so hostile patterns stay cheap. */
static bool pattern_matches(struct word pattern, const char *name)
{
	size_t p = 0, star = SIZE_MAX;
	const char *retry = NULL;

	while (*name) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			retry = name;
		} else if (p < pattern.n &&
		           (pattern.p[p] == '?' ||
		            tolower((unsigned char)pattern.p[p]) == (unsigned char)*name)) {
			p++;
			name++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

/* "|1|base64 salt|base64 HMAC-SHA1(salt, name)" */
static bool hash_matches(struct word hashed, const char *name)
{
	unsigned char salt[64], want[64], have[EVP_MAX_MD_SIZE];
	const char *salt_text = hashed.p + 3;
	const char *bar = memchr(salt_text, '|', hashed.n - 3);
	unsigned have_bytes = 0;
	long salt_bytes, want_bytes;

	if (!bar)
		return false;
	salt_bytes = base64_decode(salt_text, (size_t)(bar - salt_text), salt, sizeof(salt));
	want_bytes =
	        base64_decode(bar + 1, (size_t)(hashed.p + hashed.n - bar - 1), want, sizeof(want));
	if (salt_bytes <= 0 || want_bytes != SHA1_BYTES)
		return false;
	if (!HMAC(EVP_sha1(), salt, (int)salt_bytes, (const unsigned char *)name, strlen(name),
	          have, &have_bytes))
		return false;
	return have_bytes == SHA1_BYTES && CRYPTO_memcmp(have, want, SHA1_BYTES) == 0;
}

static bool is_hashed(struct word hosts)
{
	return hosts.n > 3 && memcmp(hosts.p, "|1|", 3) == 0;
}

/* One name against the comma list: a negated match refuses the whole line. */
static bool hosts_match(struct word hosts, const char *name)
{
	bool matched = false;

	if (is_hashed(hosts))
		return hash_matches(hosts, name);
	while (hosts.n) {
		const char *comma = memchr(hosts.p, ',', hosts.n);
		struct word one = {hosts.p, comma ? (size_t)(comma - hosts.p) : hosts.n};
		size_t taken = one.n + (comma ? 1 : 0);
		bool negated = one.n && one.p[0] == '!';

		if (negated) {
			one.p++;
			one.n--;
		}
		if (one.n && pattern_matches(one, name)) {
			if (negated)
				return false;
			matched = true;
		}
		hosts.p += taken;
		hosts.n -= taken;
	}
	return matched;
}

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

static struct word next_word(struct word *rest)
{
	struct word w;

	while (rest->n && (*rest->p == ' ' || *rest->p == '\t')) {
		rest->p++;
		rest->n--;
	}
	w = (struct word){rest->p, 0};
	while (rest->n && *rest->p != ' ' && *rest->p != '\t') {
		rest->p++;
		rest->n--;
		w.n++;
	}
	return w;
}

static void add_key(struct reading *r, struct known_key *key)
{
	struct known_keys *k = r->keys;

	if (k->count == KNOWN_KEYS_MAX) {
		free(key->blob);
		warn(r, "more than 256 keys of this host");
		return;
	}
	k->items = mem_grow(k->items, (k->count + 1) * sizeof(*k->items));
	k->items[k->count++] = *key;
}

static void read_key(struct reading *r, struct word type, struct word text, struct known_key *key)
{
	size_t room = text.n / 4 * 3 + 3;
	long n;

	key->blob = mem_new(room);
	n = base64_decode(text.p, text.n, key->blob, room);
	if (n < 0 || !key_blob_type(key->blob, (size_t)n, key->type) || !word_is(type, key->type)) {
		free(key->blob);
		warn(r, n < 0 ? "the key is not base64" : "the key is not of the type named");
		return;
	}
	key->blob_bytes = (size_t)n;
	add_key(r, key);
}

static bool speaks_of_us(const struct known_keys *k, struct word hosts, bool *without_port)
{
	*without_port = false;
	if (hosts_match(hosts, k->host_port))
		return true;
	*without_port = !k->standard_port;
	return hosts_match(hosts, k->host);
}

static void read_line(struct reading *r, struct word rest)
{
	struct known_key key = {.file = r->file, .line = r->line};
	struct word hosts, type, text;

	if (rest.n && rest.p[rest.n - 1] == '\r')
		rest.n--;
	hosts = next_word(&rest);
	if (!hosts.n || hosts.p[0] == '#')
		return;
	if (word_is(hosts, "@cert-authority"))
		return;
	if (hosts.p[0] == '@') {
		if (!word_is(hosts, "@revoked")) {
			warn(r, "unknown marker");
			return;
		}
		key.revoked = true;
		hosts = next_word(&rest);
	}
	type = next_word(&rest);
	text = next_word(&rest);
	if (!text.n || memchr(hosts.p, '\0', (size_t)(text.p + text.n - hosts.p))) {
		warn(r, "not \"host key-type base64-key\"");
		return;
	}
	if (speaks_of_us(r->keys, hosts, &key.without_port))
		read_key(r, type, text, &key);
}

void known_keys_read(struct known_keys *k, const char *file, const void *text, size_t n,
                     struct buf *warnings)
{
	struct reading r = {.keys = k, .file = file, .warnings = warnings};
	const char *p = text;

	while (n) {
		const char *end = memchr(p, '\n', n);
		size_t line = end ? (size_t)(end - p) : n;

		r.line++;
		if (line > KNOWN_LINE_MAX)
			warn(&r, "longer than 64 KiB");
		else
			read_line(&r, (struct word){p, line});
		line += end ? 1 : 0;
		p += line;
		n -= line;
	}
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

/* The better verdict of two is the one that says more: a match, then a change, then a type. */
static bool says_more(enum known_verdict a, enum known_verdict b)
{
	static const int rank[] = {
	        [KNOWN_NOT_FOUND] = 0, [KNOWN_OTHER_TYPE] = 1, [KNOWN_CHANGED] = 2,
	        [KNOWN_OK] = 3,        [KNOWN_REVOKED] = 4,
	};

	return rank[a] > rank[b];
}

static enum known_verdict judge_one(const struct known_key *key, const void *blob, size_t n,
                                    const char *type)
{
	bool same = key->blob_bytes == n && memcmp(key->blob, blob, n) == 0;

	if (key->revoked)
		return same ? KNOWN_REVOKED : KNOWN_NOT_FOUND;
	if (same)
		return KNOWN_OK;
	if (key->without_port)
		return KNOWN_NOT_FOUND; /* says nothing about the service on our port */
	return strcmp(key->type, type) == 0 ? KNOWN_CHANGED : KNOWN_OTHER_TYPE;
}

enum known_verdict known_keys_judge(const struct known_keys *k, const void *blob, size_t n,
                                    const struct known_key **which)
{
	enum known_verdict best = KNOWN_NOT_FOUND;
	char type[KEY_TYPE_BYTES];
	bool port_is_known = false;

	*which = NULL;
	if (!key_blob_type(blob, n, type))
		return KNOWN_NOT_FOUND;
	for (size_t i = 0; i < k->count; i++)
		port_is_known |= !k->items[i].without_port && !k->items[i].revoked;
	for (size_t i = 0; i < k->count; i++) {
		const struct known_key *key = &k->items[i];
		enum known_verdict v = judge_one(key, blob, n, type);

		if (v == KNOWN_OK && key->without_port && port_is_known)
			continue; /* the port has its own record, which must match */
		if (says_more(v, best)) {
			best = v;
			*which = key;
		}
	}
	return best;
}

bool known_keys_have_type(const struct known_keys *k, const char *type)
{
	for (size_t i = 0; i < k->count; i++)
		if (!k->items[i].revoked && strcmp(k->items[i].type, type) == 0)
			return true;
	return false;
}
