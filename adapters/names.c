#include "adapters/names.h"

#include <stdint.h>
#include <string.h>

enum { NAME_BYTES_MOST = 255 };

/* ---- verdicts ------------------------------------------------------------------------------ */

const char *name_verdict_code(enum name_verdict v)
{
	static const char *const codes[] = {
#define NAME_CODE(id, code, sentence) [id] = code,
	        NAME_VERDICTS(NAME_CODE)
#undef NAME_CODE
	};

	return codes[v];
}

const char *name_verdict_text(enum name_verdict v)
{
	static const char *const sentences[] = {
#define NAME_TEXT(id, code, sentence) [id] = sentence,
	        NAME_VERDICTS(NAME_TEXT)
#undef NAME_TEXT
	};

	return sentences[v];
}

/* ---- the gate ------------------------------------------------------------------------------ */

/* Bytes of the valid UTF-8 character at p, 0 if there is none (RFC 3629 §4: shortest form only, no
 * surrogates, nothing beyond U+10FFFF). */
static size_t character(const unsigned char *p, size_t n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t cp;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xC2 || p[0] > 0xF4)
		return 0;
	len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	if (len > n)
		return 0;
	cp = p[0] & (0x7Fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		cp = cp << 6 | (p[i] & 0x3Fu);
	}
	if (cp < least[len] || cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000))
		return 0;
	return len;
}

static bool is_utf8(const unsigned char *p, size_t n)
{
	while (n > 0) {
		size_t len = character(p, n);

		if (len == 0)
			return false;
		p += len;
		n -= len;
	}
	return true;
}

static enum name_verdict judge_bytes(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] < 0x20 || p[i] == 0x7F)
			return NAME_CONTROL;
		if (p[i] == '/')
			return NAME_SLASH;
	}
	return NAME_OK;
}

static bool is_dots(const char *name, size_t n)
{
	return (n == 1 || n == 2) && memcmp(name, "..", n) == 0;
}

enum name_verdict name_gate(const char *name, size_t bytes)
{
	const unsigned char *p = (const unsigned char *)name;
	enum name_verdict v;

	if (bytes == 0)
		return NAME_EMPTY;
	if (bytes > NAME_BYTES_MOST)
		return NAME_LONG;
	v = judge_bytes(p, bytes);
	if (v != NAME_OK)
		return v;
	if (is_dots(name, bytes))
		return NAME_DOTS;
	if (!is_utf8(p, bytes))
		return NAME_ENCODING;
	return name_is_ours(name, bytes) ? NAME_OURS : NAME_OK;
}

/* ---- our own names ------------------------------------------------------------------------- */

/* The longest part of name[0, most) that ends with a whole character; bytes that are no UTF-8 are
 * cut where they are. */
static size_t cut(const char *name, size_t most)
{
	size_t n = strlen(name), at = most;

	if (n <= most)
		return n;
	while (most - at < 3 && ((unsigned char)name[at] & 0xC0) == 0x80)
		at--;
	return ((unsigned char)name[at] & 0xC0) == 0x80 ? most : at;
}

void name_temp(const char *final_name, const char *instance, long long job, int dest, char out[256])
{
	char tail[80];
	int tail_bytes = snprintf(tail, sizeof(tail), ".%.16s%s%lld-%d" NAME_TEMP_SUFFIX, instance,
	                          *instance ? "-" : "", job, dest);
	size_t n = cut(final_name, NAME_BYTES_MOST - 1 - (size_t)tail_bytes);

	out[0] = '.';
	memcpy(out + 1, final_name, n);
	memcpy(out + 1 + n, tail, (size_t)tail_bytes + 1);
}

bool name_is_ours(const char *name, size_t bytes)
{
	static const char suffix[] = NAME_TEMP_SUFFIX, claim[] = NAME_CLAIM_DIR;
	const size_t suffix_bytes = sizeof(suffix) - 1, claim_bytes = sizeof(claim) - 1;

	if (bytes == claim_bytes && memcmp(name, claim, claim_bytes) == 0)
		return true;
	return bytes > suffix_bytes && name[0] == '.' &&
	       memcmp(name + bytes - suffix_bytes, suffix, suffix_bytes) == 0;
}
