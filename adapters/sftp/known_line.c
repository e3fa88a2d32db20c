#include "adapters/sftp/known_line.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <string.h>

#include "adapters/sftp/key_blob.h"

enum { SHA1_BYTES = 20 };

bool word_is(struct word w, const char *text)
{
	return w.n == strlen(text) && memcmp(w.p, text, w.n) == 0;
}

/* ---- the parts of a line ------------------------------------------------------------------- */

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

static void drop_return(struct word *text)
{
	if (text->n && text->p[text->n - 1] == '\r')
		text->n--;
}

static const char *check_key_words(const struct known_line *line, struct word first)
{
	if (!line->key.n || memchr(first.p, '\0', (size_t)(line->key.p + line->key.n - first.p)))
		return "not \"host key-type base64-key\"";
	return NULL;
}

const char *known_line_split(struct word text, struct known_line *out)
{
	struct known_line line = {0};
	const char *complaint;

	drop_return(&text);
	line.hosts = next_word(&text);
	*out = (struct known_line){0};
	if (!line.hosts.n || line.hosts.p[0] == '#')
		return NULL;
	if (line.hosts.p[0] == '@') {
		if (word_is(line.hosts, "@revoked"))
			line.marker = MARKER_REVOKED;
		else if (word_is(line.hosts, "@cert-authority"))
			line.marker = MARKER_AUTHORITY;
		else
			return "unknown marker";
		line.hosts = next_word(&text);
	}
	line.type = next_word(&text);
	line.key = next_word(&text);
	complaint = check_key_words(&line, line.hosts);
	if (!complaint)
		*out = line;
	return complaint;
}

const char *known_line_split_key(struct word text, struct known_line *out)
{
	struct known_line line = {.marker = MARKER_REVOKED};

	drop_return(&text);
	line.type = next_word(&text);
	*out = (struct known_line){0};
	if (!line.type.n || line.type.p[0] == '#')
		return NULL;
	line.key = next_word(&text);
	if (check_key_words(&line, line.type))
		return "not \"key-type base64-key\"";
	*out = line;
	return NULL;
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

bool known_line_is_hashed(struct word hosts)
{
	return hosts.n > 3 && memcmp(hosts.p, "|1|", 3) == 0;
}

/* One name against the comma list: a negated match refuses the whole line. */
bool known_line_names(struct word hosts, const char *name)
{
	bool matched = false;

	if (known_line_is_hashed(hosts))
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
