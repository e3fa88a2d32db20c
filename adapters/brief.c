#include "adapters/brief.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/escape.h"
#include "daemon/base/text.h"

#define ELLIPSIS "\xE2\x80\xA6" /* … */

enum {
	STEP = 8,
	TAIL_BYTES = 40, /* " and 12345 more, all in the trace" */
};

/* ---- lines --------------------------------------------------------------------------------- */

static bool begins_character(char c)
{
	return ((unsigned char)c & 0xC0) != 0x80;
}

static size_t columns_of(const char *p, size_t n)
{
	size_t columns = 0;

	for (size_t i = 0; i < n; i++)
		columns += begins_character(p[i]);
	return columns;
}

size_t brief_lines(const char *text)
{
	size_t lines = *text != '\0', used = 0;

	while (*text) {
		size_t n = strcspn(text, " "), width = columns_of(text, n);

		if (used && used + 1 + width > BRIEF_COLUMNS) {
			lines++;
			used = 0;
		}
		used += (used > 0) + width;
		for (; used > BRIEF_COLUMNS; used -= BRIEF_COLUMNS)
			lines++;
		text += n + (text[n] == ' ');
	}
	return lines;
}

/* ---- one text ------------------------------------------------------------------------------ */

/* `at` moved to where neither a character nor an escape (\xNN) is torn. */
static size_t whole_before(const char *text, size_t at)
{
	while (at && !begins_character(text[at]))
		at--;
	for (size_t back = 1; back <= 3 && back <= at; back++)
		if (text[at - back] == '\\')
			return at - back;
	return at;
}

static size_t whole_after(const char *text, size_t at)
{
	while (text[at] && !begins_character(text[at]))
		at++;
	for (size_t back = 1; back <= 3 && back <= at; back++)
		if (text[at - back] == '\\')
			return at - back + strnlen(text + at - back, 4);
	return at;
}

/* `text` is escaped; `room` holds the mark at least. */
static const char *leave_middle_out(const char *text, char *out, size_t room)
{
	size_t length = strlen(text), keep = (room - sizeof(ELLIPSIS)) / 2;

	if (length < room)
		(void)snprintf(out, room, "%s", text);
	else
		(void)snprintf(out, room, "%.*s" ELLIPSIS "%s", (int)whole_before(text, keep), text,
		               text + whole_after(text, length - keep));
	return out;
}

const char *brief_words(const char *text, char *out, size_t room)
{
	return leave_middle_out(text && *text ? text : "(unknown)", out, room);
}

const char *brief_text(const char *text, char *out, size_t room)
{
	char whole[ESCAPE_ROOM];

	return brief_words(text ? escape(text, strlen(text), whole, sizeof(whole)) : NULL, out,
	                   room);
}

/* ---- lists --------------------------------------------------------------------------------- */

static size_t item_bytes(const char *list, const char *divider)
{
	const char *end = strstr(list, divider);

	return end ? (size_t)(end - list) : strlen(list);
}

static const char *next_item(const char *list, const char *divider)
{
	list += item_bytes(list, divider);
	return *list ? list + strlen(divider) : list;
}

static size_t count_items(const char *list, const char *divider)
{
	size_t n = 0;

	for (; *list; list = next_item(list, divider))
		n++;
	return n;
}

/* The first item of `list`, escaped. */
static const char *first_item(const char *list, const struct brief_items *items,
                              char out[ESCAPE_ROOM])
{
	size_t n = item_bytes(list, items->divider);

	if (!items->is_escaped)
		return escape(list, n, out, ESCAPE_ROOM);
	(void)snprintf(out, ESCAPE_ROOM, "%.*s", (int)n, list);
	return out;
}

const char *brief_list(const char *list, const struct brief_items *items, char *out, size_t room)
{
	size_t left = list ? count_items(list, items->divider) : 0, used = 0;
	char item[ESCAPE_ROOM];

	if (!left)
		return brief_words(NULL, out, room);
	for (; left; left--, list = next_item(list, items->divider)) {
		size_t end = left > 1 ? room - TAIL_BYTES : room; /* what is left out is told */
		const char *between = used ? items->between : "";
		size_t need = strlen(first_item(list, items, item)) + strlen(between);

		if (used && used + need >= end)
			break;
		if (used) /* fits */
			(void)snprintf(out + used, room - used, "%s%s", between, item);
		else
			(void)leave_middle_out(item, out, end);
		used += strlen(out + used);
	}
	if (left)
		(void)snprintf(out + used, room - used, " and %zu more, all in the trace", left);
	return used ? out : brief_words(NULL, out, room); /* nothing but dividers */
}

/* ---- a message ----------------------------------------------------------------------------- */

static void cut_end(char message[ERR_MESSAGE_BYTES])
{
	size_t n = strlen(message);

	while (n > STEP && brief_lines(message) > BRIEF_LINES) {
		n = whole_before(message, n - STEP);
		(void)snprintf(message + n, ERR_MESSAGE_BYTES - n, ELLIPSIS);
	}
}

int brief_fit(brief_compose *compose, const void *what, struct err *e)
{
	for (size_t room = BRIEF_ROOM_MOST; room >= BRIEF_ROOM_LEAST; room -= STEP) {
		compose(what, room, e);
		if (brief_lines(e->message) <= BRIEF_LINES)
			return e->kind;
	}
	cut_end(e->message);
	return e->kind;
}
