#include "adapters/trace_step.h"

#include <stdarg.h>
#include <stdio.h>

#include "daemon/base/text.h"

enum { VALUE_BYTES = 1024 };

static const struct {
	const char *word, *text;
} steps[] = {
#define TRACE_STEP_ROW(id, word, text) [TRACE_STEP_##id] = {word, text},
        TRACE_STEPS(TRACE_STEP_ROW)
#undef TRACE_STEP_ROW
};

const char *trace_step_word(enum trace_step step)
{
	return steps[step].word;
}

const char *trace_step_text(enum trace_step step)
{
	return steps[step].text;
}

void trace_hop(struct trace *t, const char *endpoint)
{
	const struct trace_listener *l = trace_listener(t);

	if (l)
		l->hop(l->arg, endpoint);
}

void trace_step(struct trace *t, enum trace_step step)
{
	const struct trace_listener *l = trace_listener(t);

	if (l)
		l->step(l->arg, step);
}

void trace_fact(struct trace *t, const char *name, const char *fmt, ...)
{
	const struct trace_listener *l = trace_listener(t);
	char value[VALUE_BYTES];
	va_list ap;

	if (!l)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(value, sizeof(value), fmt, ap); /* a cut fact is still one */
	va_end(ap);
	text_drop_cut(value);
	l->fact(l->arg, name, value);
}
