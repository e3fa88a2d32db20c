/*
 * Any bytes through the one escaper, into any room: the result is one line of valid UTF-8 without
 * anything that moves a cursor or turns the writing direction; it fits; and unless it was cut, the
 * bytes can be had back from it.
 */
#include "daemon/base/escape.h"
#include "tests/fuzz/oracle.h"

/* A second opinion, by ranges (Unicode 15, table 3-7). 0: not UTF-8. */
static size_t character(const unsigned char *p, size_t n, uint32_t *cp)
{
	static const struct {
		unsigned char first, last, low, high;
		size_t bytes;
	} rows[] = {
	        {0x00, 0x7F, 0x80, 0xBF, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2},
	        {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
	        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
	        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4},
	        {0xF4, 0xF4, 0x80, 0x8F, 4},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t bytes = rows[i].bytes;

		if (p[0] < rows[i].first || p[0] > rows[i].last || bytes > n)
			continue;
		if (bytes > 1 && (p[1] < rows[i].low || p[1] > rows[i].high))
			return 0;
		*cp = bytes == 1 ? p[0] : p[0] & (0x7Fu >> bytes);
		for (size_t k = 1; k < bytes; k++) {
			if ((p[k] & 0xC0) != 0x80)
				return 0;
			*cp = *cp << 6 | (p[k] & 0x3Fu);
		}
		return bytes;
	}
	return 0;
}

static void must_be_harmless(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text), n;
	uint32_t cp = 0;

	for (; left > 0; p += n, left -= n) {
		n = character(p, left, &cp);
		must(n > 0);
		must(cp >= 0x20 && !(cp >= 0x7F && cp < 0xA0));
		must(!(cp >= 0x2028 && cp <= 0x202E) && !(cp >= 0x2066 && cp <= 0x2069));
	}
}

static unsigned digit(char c)
{
	must((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* `shown`, without the dots at its end, is what `data` begins with. */
static void must_come_back(const char *shown, size_t n, const uint8_t *data, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < n; at++) {
		unsigned char c = (unsigned char)shown[i];

		must(at < size);
		if (c != '\\') {
			must(data[at] == c);
			i++;
			continue;
		}
		must(i + 3 < n && shown[i + 1] == 'x');
		must(data[at] == (digit(shown[i + 2]) << 4 | digit(shown[i + 3])));
		i += 4;
	}
	must(at <= size);
}

static void check_room(const uint8_t *data, size_t size, size_t room)
{
	static const char dots[] = "\xE2\x80\xA6";
	char out[ESCAPE_ROOM + 64];
	size_t n;

	memset(out, 'x', sizeof(out));
	must(escape(data, size, out, room) == out);
	n = strlen(out);
	must(n < room && n < ESCAPE_ROOM);
	for (size_t i = room; i < sizeof(out); i++)
		must(out[i] == 'x');
	must_be_harmless(out);
	if (4 * size + 4 > room && n >= 3 && memcmp(out + n - 3, dots, 3) == 0)
		n -= 3; /* may have been cut */
	must_come_back(out, n, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	check_room(data + 2, size - 2, 16 + (size_t)(data[0] << 8 | data[1]) % (ESCAPE_ROOM - 15));
	return 0;
}
