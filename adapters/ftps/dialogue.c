#include "adapters/ftps/dialogue.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/escape.h"

enum { TRACE_LIMIT = 64 * 1024 };

void dialogue_init(struct dialogue *d)
{
	memset(d, 0, sizeof(*d));
	buf_init(&d->said, REPLY_BYTES);
	buf_init(&d->trace, TRACE_LIMIT);
}

void dialogue_release(struct dialogue *d)
{
	buf_release(&d->said);
	buf_release(&d->trace);
}

void dialogue_begin(struct dialogue *d)
{
	d->count = 0;
	d->lines = 0;
	d->multi = 0;
	buf_clear(&d->said);
}

static size_t without_line_end(const char *line, size_t n)
{
	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	return n;
}

/* A line of the trace; when nobody fetched them for long, newer ones are left out. */
static void note(struct dialogue *d, const char *arrow, const char *text, size_t n, int64_t us)
{
	char shown[ESCAPE_ROOM];

	escape(text, n, shown, 600);
	if (us < 0)
		(void)buf_printf(&d->trace, "%s %s\n", arrow, shown);
	else
		(void)buf_printf(&d->trace, "%s %s (%lld.%03lld ms)\n", arrow, shown,
		                 (long long)us / 1000, (long long)us % 1000);
}

/* ---- commands ------------------------------------------------------------------------------ */

static bool is_secret(const char *verb)
{
	return strcmp(verb, "PASS") == 0 || strcmp(verb, "ACCT") == 0;
}

static void copy_verb(char out[12], const char *line, size_t n)
{
	size_t i = 0;

	for (; i < n && i < 11 && line[i] != ' '; i++)
		out[i] = (char)toupper((unsigned char)line[i]);
	out[i] = '\0';
}

static struct exchange *next_exchange(struct dialogue *d)
{
	struct exchange *x;

	if (d->count < DIALOGUE_EXCHANGES)
		d->count++;
	x = &d->exchanges[d->count - 1];
	*x = (struct exchange){0};
	return x;
}

void dialogue_sent(struct dialogue *d, const char *line, size_t n, int64_t now_us)
{
	struct exchange *x = next_exchange(d);

	n = without_line_end(line, n);
	copy_verb(x->verb, line, n);
	if (strcmp(x->verb, "TYPE") == 0 && n > 5)
		x->type = line[5];
	x->sent_us = now_us;
	d->sent_us = now_us;
	if (is_secret(x->verb))
		(void)snprintf(d->command, sizeof(d->command), "%s ***", x->verb);
	else
		(void)snprintf(d->command, sizeof(d->command), "%.*s", (int)n, line);
	note(d, ">", d->command, strlen(d->command), -1);
}

/* ---- replies ------------------------------------------------------------------------------- */

static int code_of(const char *line, size_t n)
{
	if (n < 3 || !isdigit((unsigned char)line[0]) || !isdigit((unsigned char)line[1]) ||
	    !isdigit((unsigned char)line[2]))
		return 0;
	return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

static void keep(struct dialogue *d, const char *line, size_t n)
{
	d->lines++;
	if (d->lines > REPLY_LINES || buf_add(&d->said, line, n) < 0 ||
	    buf_add(&d->said, "\n", 1) < 0)
		d->is_flood = true;
}

static struct exchange *answered(struct dialogue *d)
{
	if (d->count == 0) /* the greeting, or a word nobody asked for */
		return next_exchange(d);
	return &d->exchanges[d->count - 1];
}

static bool finish(struct dialogue *d, int code, int64_t now_us)
{
	struct exchange *x = answered(d);

	d->lines = 0;
	d->multi = 0;
	d->last_code = code;
	d->has_greeting = true;
	if (code < 200) {
		x->preliminary = code;
		x->at = buf_len(&d->said);
		return false;
	}
	if (!x->sent_us)
		x->sent_us = now_us;
	x->code = code;
	x->n = buf_len(&d->said) - x->at;
	return true;
}

bool dialogue_heard(struct dialogue *d, const char *line, size_t n, int64_t now_us)
{
	struct exchange *x = answered(d);
	int code;
	bool is_last;

	n = without_line_end(line, n);
	code = code_of(line, n);
	is_last = code && (n == 3 || line[3] == ' ') && (!d->multi || code == d->multi);
	if (!d->multi && d->lines == 0 && !x->preliminary)
		x->at = buf_len(&d->said);
	if (d->lines < 50) /* enough to see what it is */
		note(d, "<", line, n, is_last && d->sent_us ? now_us - d->sent_us : -1);
	keep(d, line, n);
	if (!is_last) {
		if (!d->multi && code && n > 3 && line[3] == '-')
			d->multi = code;
		return false;
	}
	(void)snprintf(d->words, sizeof(d->words), "%.*s", (int)n, line);
	return finish(d, code, now_us);
}

const struct exchange *dialogue_last(const struct dialogue *d)
{
	return d->count ? &d->exchanges[d->count - 1] : NULL;
}

const struct exchange *dialogue_reply_to(const struct dialogue *d, const char *verb)
{
	for (size_t i = d->count; i > 0; i--)
		if (strcmp(d->exchanges[i - 1].verb, verb) == 0)
			return &d->exchanges[i - 1];
	return NULL;
}

const char *dialogue_lines(const struct dialogue *d, const struct exchange *x, size_t *n)
{
	*n = x->n;
	return (const char *)buf_data(&d->said) + x->at;
}
