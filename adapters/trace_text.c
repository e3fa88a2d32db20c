#include "adapters/trace_text.h"

#include <string.h>

enum { DIGITS_MOST = 20 };

static void add_bytes(struct trace_text *line, const char *text, size_t n)
{
	size_t room = sizeof(line->text) - line->n;

	n = n < room ? n : room;
	memcpy(line->text + line->n, text, n);
	line->n += n;
}

void trace_text_add(struct trace_text *line, const char *text)
{
	add_bytes(line, text, strlen(text));
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

void trace_text_put(struct trace *t, unsigned bit, const struct trace_text *line)
{
	trace_bytes(t, bit, line->text, line->n);
}
