/*
 * A line of the trace put together by hand: where one is made for every request, printf would cost
 * more than the request.
 *
 *	struct trace_text line = {0};
 *	trace_text_add(&line, "> ");
 *	trace_text_number(&line, id);
 *	trace_text_put(t, TRACE_SFTP, &line);
 *
 * What does not fit is left out. The same rule as everywhere: what came from outside is escaped by
 * the caller.
 */
#pragma once
#include <stdint.h>

#include "adapters/trace.h"

enum { TRACE_TEXT_BYTES = 1024 };

struct trace_text {
	size_t n;
	char text[TRACE_TEXT_BYTES];
};

void trace_text_add(struct trace_text *line, const char *text);
void trace_text_number(struct trace_text *line, uint64_t number);
void trace_text_octal(struct trace_text *line, uint32_t number);
/* " 1.5 ms" */
void trace_text_ms(struct trace_text *line, int64_t us);
void trace_text_put(struct trace *t, unsigned bit, const struct trace_text *line);
