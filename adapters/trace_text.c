#include "adapters/trace_text.h"

#include "daemon/base/escape.h"

enum { DIGITS_MOST = 20 };

static void add_bytes(struct trace_text *line, const char *text, size_t n)
{
	size_t room = sizeof(line->text) - line->n;

	n = n < room ? n : room;
	memcpy(line->text + line->n, text, n);
	line->n += n;
}

void trace_text_number(struct trace_text *line, uint64_t number)
{
	char digits[DIGITS_MOST];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	add_bytes(line, digits + at, sizeof(digits) - at);
}

void trace_text_octal(struct trace_text *line, uint32_t number)
{
	char digits[DIGITS_MOST];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 8);
		number /= 8;
	} while (number);
	add_bytes(line, digits + at, sizeof(digits) - at);
}

void trace_text_ms(struct trace_text *line, int64_t us)
{
	uint64_t tenths = us > 0 ? (uint64_t)(us + 50) / 100 : 0;

	add_bytes(line, " ", 1);
	trace_text_number(line, tenths / 10);
	add_bytes(line, ".", 1);
	trace_text_number(line, tenths % 10);
	add_bytes(line, " ms", 3);
}

void trace_text_escaped(struct trace_text *line, const void *data, size_t n)
{
	size_t room = sizeof(line->text) - line->n;

	room = room < TRACE_ESCAPED_BYTES ? room : TRACE_ESCAPED_BYTES;
	if (room >= 16) /* what escape() wants at least */
		line->n += strlen(escape(data, n, line->text + line->n, room));
}

/* ---- its head ------------------------------------------------------------------------------ */

static const char *bit_word(unsigned bit)
{
	switch (bit) {
#define TRACE_WORD(name, number, word) \
	case number:                   \
		return word;
		TRACE_BITS(TRACE_WORD)
#undef TRACE_WORD
	default:
		return "trace";
	}
}

/* Made for every line, so by hand. */
void trace_text_head(struct trace_text *line, unsigned bit, uint64_t us)
{
	enum { WORD_WIDTH = 10, FRACTION = 6 };
	uint32_t micros = (uint32_t)(us % 1000000);
	const char *word = bit_word(bit);
	char *at;

	line->bit = bit;
	line->text[0] = '+';
	line->n = 1;
	trace_text_number(line, us / 1000000);
	at = line->text + line->n;
	*at++ = '.';
	for (size_t i = FRACTION; i-- > 0; micros /= 10)
		at[i] = (char)('0' + micros % 10);
	at += FRACTION;
	*at++ = ' ';
	for (size_t i = 0; i <= WORD_WIDTH; i++)
		*at++ = *word ? *word++ : ' ';
	line->n = line->head = (size_t)(at - line->text);
}

/* ---- its end ------------------------------------------------------------------------------- */

/* The end of a line that was too long. Returns its length. */
static size_t mark_cut(char line[TRACE_LINE_BYTES])
{
	static const char words[] = "... (cut)";
	size_t at = TRACE_LINE_BYTES - 2 * sizeof(words);

	while ((line[at] & 0xC0) == 0x80)
		at--; /* at a character of UTF-8 */
	memcpy(line + at, words, sizeof(words) - 1);
	return at + sizeof(words) - 1;
}

/* For a line that holds control characters: each becomes \xNN. */
static size_t seal_dirty(char line[TRACE_LINE_BYTES], size_t n)
{
	static const char hex[] = "0123456789abcdef";
	char raw[TRACE_LINE_BYTES];
	size_t used = 0;

	memcpy(raw, line, n);
	for (size_t i = 0; i < n && used < TRACE_LINE_BYTES - 5; i++) {
		unsigned char ch = (unsigned char)raw[i];

		if (ch >= 0x20 && ch != 0x7F) {
			line[used++] = raw[i];
			continue;
		}
		line[used++] = '\\';
		line[used++] = 'x';
		line[used++] = hex[ch >> 4];
		line[used++] = hex[ch & 15];
	}
	return used;
}

static bool is_clean(const char *line, size_t n)
{
	unsigned char dirty = 0; /* not wider: the compiler takes many bytes at once */

	for (size_t i = 0; i < n; i++)
		dirty |= ((unsigned char)line[i] < 0x20) | ((unsigned char)line[i] == 0x7F);
	return !dirty;
}

void trace_text_seal(struct trace_text *line)
{
	if (!is_clean(line->text, line->n))
		line->n = seal_dirty(line->text, line->n);
	if (line->n >= TRACE_LINE_BYTES - 5)
		line->n = mark_cut(line->text);
	line->text[line->n++] = '\n';
}
