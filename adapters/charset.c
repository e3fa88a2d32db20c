#include "adapters/charset.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

/* U+0080..U+00FF are two bytes in UTF-8, C2 or C3 first. */
static char *to_latin_1(const char *path, struct err *e)
{
	char *out = mem_new(strlen(path) + 1), *to = out;
	struct escaped tmp;

	for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
		if (*p < 0x80) {
			*to++ = (char)*p;
		} else if ((*p == 0xC2 || *p == 0xC3) && (p[1] & 0xC0) == 0x80) {
			*to++ = (char)((*p << 6 | (p[1] & 0x3F)) & 0xFF);
			p++;
		} else {
			free(out);
			(void)err_set(e, ERR_POLICY, "NAME-CHARSET", *p,
			              "the server's names are Latin-1 (charset:), which has no "
			              "place for %s",
			              escape_name(path, &tmp));
			return NULL;
		}
	}
	return out;
}

static char *from_latin_1(const char *name, size_t *n)
{
	char *out, *to;

	to = out = mem_new(*n * 2 + 1);
	for (size_t i = 0; i < *n; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c >= 0x80) {
			*to++ = (char)(0xC0 | c >> 6);
			c = 0x80 | (c & 0x3F);
		}
		*to++ = (char)c;
	}
	*n = (size_t)(to - out);
	return out;
}

char *charset_encode(enum charset charset, const char *path, struct err *e)
{
	return charset == CHARSET_LATIN_1 ? to_latin_1(path, e) : mem_dup(path);
}

char *charset_decode(enum charset charset, const char *name, size_t *n)
{
	return charset == CHARSET_LATIN_1 ? from_latin_1(name, n) : mem_dup_bytes(name, *n);
}
