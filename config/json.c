#include "config/json.h"

#include <string.h>

/* The output's limit is the caller's business: what passes it is missing there, and noticed. */
static void add(struct json *j, const char *text)
{
	(void)buf_add_text(j->out, text);
}

static void add_quoted(struct json *j, const char *text)
{
	add(j, "\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			(void)buf_printf(j->out, "\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			(void)buf_printf(j->out, "\\u%04x", (unsigned)*text);
		else
			(void)buf_add(j->out, text, 1);
	}
	add(j, "\"");
}

static void new_line(struct json *j)
{
	add(j, "\n");
	for (int i = 0; i < j->depth; i++)
		add(j, "\t");
}

static void start_member(struct json *j, const char *key)
{
	if (!j->fresh)
		add(j, ",");
	new_line(j);
	j->fresh = false;
	if (!key)
		return;
	add_quoted(j, key);
	add(j, ": ");
}

void json_begin(struct json *j, struct buf *out)
{
	*j = (struct json){out, 1, true};
	add(j, "{");
}

void json_end(struct json *j)
{
	add(j, "\n}\n");
}

void json_open(struct json *j, const char *key, char bracket)
{
	start_member(j, key);
	(void)buf_add(j->out, &bracket, 1);
	j->depth++;
	j->fresh = true;
}

void json_close(struct json *j, char bracket)
{
	j->depth--;
	if (!j->fresh)
		new_line(j);
	(void)buf_add(j->out, &bracket, 1);
	j->fresh = false;
}

void json_text(struct json *j, const char *key, const char *text)
{
	start_member(j, key);
	add_quoted(j, text);
}

void json_number(struct json *j, const char *key, long long n)
{
	start_member(j, key);
	(void)buf_printf(j->out, "%lld", n);
}

void json_word(struct json *j, const char *key, const char *word)
{
	start_member(j, key);
	add(j, word);
}
