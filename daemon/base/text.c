#include "daemon/base/text.h"

#include <string.h>

enum { WORD_MAX = 48, EDITS_MAX = 2 };

bool text_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix)
{
	size_t n = strlen(text), m = strlen(suffix);

	return n >= m && memcmp(text + n - m, suffix, m) == 0;
}

void text_drop_cut(char *text)
{
	size_t n = strlen(text), tail = 0;
	unsigned char lead;

	while (tail < 3 && tail < n && ((unsigned char)text[n - tail - 1] & 0xC0) == 0x80)
		tail++;
	if (tail == n)
		return;
	lead = (unsigned char)text[n - tail - 1];
	if (lead >= 0xC0 && tail < (lead >= 0xF0 ? 3u : lead >= 0xE0 ? 2u : 1u))
		text[n - tail - 1] = '\0';
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment distance; both words at most WORD_MAX bytes. */
static size_t edits(const char *a, size_t n, const char *b, size_t m)
{
	size_t row[3][WORD_MAX + 1];

	for (size_t j = 0; j <= m; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *now = row[i % 3], *last = row[(i + 2) % 3], *older = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			now[j] = least(least(last[j], now[j - 1]) + 1,
			               last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], older[j - 2] + 1);
		}
	}
	return row[n % 3][m];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t count)
{
	const char *best = NULL;
	size_t best_edits = EDITS_MAX + 1, n = strlen(word);

	if (n > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t m = strlen(candidates[i]), d;

		if (m > WORD_MAX)
			continue;
		d = edits(word, n, candidates[i], m);
		if (d < best_edits && 2 * d < n + 1) {
			best = candidates[i];
			best_edits = d;
		}
	}
	return best;
}
