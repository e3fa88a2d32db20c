/*
 * A line of the trace under construction. TRACE() prints; where a line is made for every request,
 * printf would cost more than the request, and it is put together by hand.
 *
 *	struct trace_text line;
 *	if (!trace_text_begin(&line, t, TRACE_SFTP))
 *		return;					// nobody wants it
 *	trace_text_add(&line, "> ");
 *	trace_text_number(&line, id);
 *	trace_text_escaped(&line, path, strlen(path));
 *	trace_text_put(&line, t);
 *
 * A line that is too long is cut, and says so.
 */
#pragma once
#include <stdint.h>
#include <string.h>

#include "adapters/trace.h"

enum { TRACE_LINE_BYTES = 2048, TRACE_ESCAPED_BYTES = 300 };

struct trace_text {
	size_t n, head; /* bytes of `text` so far; those before what is said */
	unsigned bit;
	int64_t at_us; /* monotonic */
	char text[TRACE_LINE_BYTES];
};

/* False when it is not wanted. NULL trace allowed. */
bool trace_text_begin(struct trace_text *line, const struct trace *t, unsigned bit);
/* Records it. */
void trace_text_put(struct trace_text *line, struct trace *t);

/* Words of our own: what came from outside goes through trace_text_escaped(). */
static inline void trace_text_add(struct trace_text *line, const char *text)
{
	size_t n = strlen(text), room = sizeof(line->text) - line->n;

	if (n <= room) /* constant for most, so that no call is left */
		memcpy(line->text + line->n, text, n);
	else
		memcpy(line->text + line->n, text, n = room);
	line->n += n;
}

void trace_text_number(struct trace_text *line, uint64_t number);
void trace_text_octal(struct trace_text *line, uint32_t number);
/* " 1.5 ms" */
void trace_text_ms(struct trace_text *line, int64_t us);
/* At most TRACE_ESCAPED_BYTES of text. */
void trace_text_escaped(struct trace_text *line, const void *data, size_t n);

/* ---- the trace's own ----------------------------------------------------------------------- */

/* Begins with "+1.234567 sftp       ", `us` being the time since the trace's begin. */
void trace_text_head(struct trace_text *line, unsigned bit, uint64_t us);
/* Makes it one line that ends in '\n': a control character becomes \xNN. */
void trace_text_seal(struct trace_text *line);
