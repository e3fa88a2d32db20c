#include "config/problems.h"

#include <stdio.h>
#include <string.h>

#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

enum { REPORT_BYTES = 1024 * 1024 };

struct problem {
	enum problem_severity severity;
	struct place at;
	size_t serial;
	char *text;
};

void config_report_init(struct config_report *r)
{
	*r = (struct config_report){0};
	buf_init(&r->text, REPORT_BYTES);
}

void config_report_release(struct config_report *r)
{
	buf_release(&r->text);
}

void problems_init(struct problems *p)
{
	*p = (struct problems){0};
}

void problems_release(struct problems *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->items[i].text);
	free(p->items);
	problems_init(p);
}

void problem_add(struct problems *p, enum problem_severity severity, const struct place *at,
                 const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	*(severity == PROBLEM_ERROR ? &p->errors : &p->warnings) += 1;
	if (p->count >= PROBLEMS_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* a cut sentence is still one */
	va_end(ap);
	p->items = mem_grow(p->items, (p->count + 1) * sizeof(*p->items));
	p->items[p->count] = (struct problem){severity, *at, p->count, mem_dup(text)};
	p->count++;
}

static int compare(long long a, long long b)
{
	return (a > b) - (a < b);
}

static int by_place(const void *left, const void *right)
{
	const struct problem *a = left, *b = right;
	int r = compare(a->severity, b->severity);

	r = r ? r : compare(a->at.source->order, b->at.source->order);
	r = r ? r : compare(a->at.line, b->at.line);
	r = r ? r : compare(a->at.col, b->at.col);
	return r ? r : compare((long long)a->serial, (long long)b->serial);
}

static void write_one(const struct problem *p, struct buf *out)
{
	const char *severity = p->severity == PROBLEM_WARNING ? "warning: " : "";
	struct escaped tmp;
	const char *file = escape_name(p->at.source->name, &tmp);

	/* 200 lines of at most 3 KiB stay below the report's limit */
	if (p->at.line)
		(void)buf_printf(out, "%s:%d:%d: %s%s\n", file, p->at.line, p->at.col, severity,
		                 p->text);
	else
		(void)buf_printf(out, "%s: %s%s\n", file, severity, p->text);
}

void problems_write(struct problems *p, struct config_report *r)
{
	size_t all = p->errors + p->warnings;

	if (p->count)
		qsort(p->items, p->count, sizeof(*p->items), by_place);
	for (size_t i = 0; i < p->count; i++)
		write_one(&p->items[i], &r->text);
	if (all > p->count)
		(void)buf_printf(&r->text, "... and %zu more\n", all - p->count);
	r->errors += p->errors;
	r->warnings += p->warnings;
}
