#include "daemon/base/escape.h"

#include <stdint.h>
#include <string.h>

/* Length of the valid UTF-8 sequence at p (RFC 3629 §4), 0 if there is none; *cp gets it. */
static size_t utf8_sequence(const unsigned char *p, size_t n, uint32_t *cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = p[0] < 0x80   ? 1
	             : p[0] < 0xC2 ? 0
	             : p[0] < 0xE0 ? 2
	             : p[0] < 0xF0 ? 3
	             : p[0] < 0xF5 ? 4
	                           : 0;

	if (!len || len > n)
		return 0;
	*cp = len == 1 ? p[0] : p[0] & (0x7Fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		*cp = *cp << 6 | (p[i] & 0x3Fu);
	}
	if (*cp < least[len] || *cp > 0x10FFFF || (*cp >= 0xD800 && *cp < 0xE000))
		return 0;
	return len;
}

static bool is_dangerous(uint32_t cp)
{
	return cp < 0x20 || cp == '\\' || (cp >= 0x7F && cp < 0xA0) ||
	       (cp >= 0x2028 && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069);
}

/* Most names are nothing but harmless ASCII. Returns how many bytes of the beginning are. */
static size_t copy_plain(const unsigned char *p, size_t n, char *out)
{
	size_t i = 0;

	for (; i < n && p[i] >= 0x20 && p[i] < 0x7F && p[i] != '\\'; i++)
		out[i] = (char)p[i];
	return i;
}

const char *escape(const void *data, size_t n, char *out, size_t room)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = data;
	size_t used = 0;

	if (room > ESCAPE_ROOM)
		room = ESCAPE_ROOM;
	room -= 4; /* "…" and NUL */
	used = copy_plain(p, n < room ? n : room, out);
	for (size_t i = used; i < n;) {
		uint32_t cp = 0;
		size_t len = utf8_sequence(p + i, n - i, &cp);
		bool plain = len && !is_dangerous(cp);
		size_t bytes = len ? len : 1, need = plain ? bytes : 4 * bytes;

		if (used + need > room) {
			memcpy(out + used, "\xE2\x80\xA6", 3);
			used += 3;
			break;
		}
		for (size_t k = 0; k < bytes; k++, i++) {
			if (plain) {
				out[used++] = (char)p[i];
				continue;
			}
			out[used++] = '\\';
			out[used++] = 'x';
			out[used++] = hex[p[i] >> 4];
			out[used++] = hex[p[i] & 15];
		}
	}
	out[used] = '\0';
	return out;
}

const char *escape_name(const char *name, struct escaped *tmp)
{
	return escape(name, strlen(name), tmp->text, sizeof(tmp->text));
}

bool escape_is_utf8(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint32_t cp;

	for (size_t i = 0, len; i < n; i += len) {
		len = utf8_sequence(p + i, n - i, &cp);
		if (!len)
			return false;
	}
	return true;
}
