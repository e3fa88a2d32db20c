#include "adapters/trace_mask.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/trace.h"
#include "daemon/base/escape.h"
#include "daemon/base/text.h"

enum { WORD_BYTES = 32, SHOWN = 64 };

static const struct {
	const char *word;
	unsigned mask;
} words[] = {
#define TRACE_ROW(name, bit, word) {word, bit},
        TRACE_BITS(TRACE_ROW)
#undef TRACE_ROW
                {"on", TRACE_MASK_DEFAULT},
        {"all", TRACE_MASK_ALL},
        {"off", 0},
};
enum { WORDS = sizeof(words) / sizeof(words[0]) };

static int unknown(const char *text, struct err *e)
{
	const char *names[WORDS], *nearest;
	char shown[SHOWN];

	for (size_t i = 0; i < WORDS; i++)
		names[i] = words[i].word;
	nearest = text_nearest(text, names, WORDS);
	(void)escape(text, strlen(text), shown, sizeof(shown));
	return err_set(e, ERR_POLICY, "TRACE-MASK", 0,
	               "\"%s\" is no trace mask%s%s%s. Give a number from 0 to %d (511 is all but "
	               "socket), on, off, all, or words divided by commas: transport, kex, auth, "
	               "connection, scp, sftp, error, publickey, socket",
	               shown, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
	               nearest ? "\"?" : "", TRACE_MASK_ALL);
}

static bool is_number(const char *text, unsigned *mask)
{
	char *end;
	unsigned long n;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	n = strtoul(text, &end, text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10);
	if (*end || errno || n > TRACE_MASK_ALL)
		return false;
	*mask = (unsigned)n;
	return true;
}

static bool add_word(const char *word, size_t n, unsigned *mask)
{
	for (size_t i = 0; i < WORDS; i++) {
		if (strlen(words[i].word) != n || strncasecmp(words[i].word, word, n) != 0)
			continue;
		*mask |= words[i].mask;
		return true;
	}
	return false;
}

int trace_mask_parse(const char *text, unsigned *mask, struct err *e)
{
	unsigned sum = 0;
	const char *p = text;

	if (is_number(text, mask))
		return 0;
	while (*p) {
		size_t n = strcspn(p, ",");
		char word[WORD_BYTES];

		if (!add_word(p, n, &sum)) {
			(void)snprintf(word, sizeof(word), "%.*s", (int)(n < 24 ? n : 24), p);
			return unknown(n == strlen(p) ? p : word, e);
		}
		p += n + (p[n] == ',' && p[n + 1]);
		if (*p == ',')
			return unknown(text, e);
	}
	if (p == text)
		return unknown(text, e);
	*mask = sum;
	return 0;
}

const char *trace_mask_text(unsigned mask, char out[TRACE_MASK_TEXT_BYTES])
{
	size_t used = 0;

	if ((mask | 1) == TRACE_MASK_ALL || (mask | 1) == TRACE_MASK_DEFAULT || !(mask & ~1u)) {
		(void)snprintf(out, TRACE_MASK_TEXT_BYTES, "%s",
		               !(mask & ~1u)                  ? "off"
		               : (mask | 1) == TRACE_MASK_ALL ? "all"
		                                              : "all but socket");
		return out;
	}
	out[0] = '\0';
	for (size_t i = 0; i < WORDS - 3; i++)
		if (mask & words[i].mask)
			used += (size_t)snprintf(out + used, TRACE_MASK_TEXT_BYTES - used, "%s%s",
			                         used ? "," : "", words[i].word);
	return out;
}
