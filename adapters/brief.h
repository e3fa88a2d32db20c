/*
 * How much an operator is made to read: cause and cure stand in three lines of a wide terminal.
 *
 *	if (brief_lines(e->message) > BRIEF_LINES) ...	// too long
 *	brief_list(theirs, &names, out, room)	-> "aes256-ctr, aes192-ctr and 9 more, all in the trace"
 *	brief_text(path, out, room)		-> "/srv/partners/acme/…/known_hosts"
 *
 * Texts from outside have any length: a server may offer two hundred algorithms, a login may try
 * twenty keys. What is composed of them is composed again with less room for each until it fits
 * (brief_fit), so that the cure, which stands at the end, is never what is cut off; the trace has
 * every list whole. Where even the least room is too much, the end goes.
 *
 * Pure. Texts are given raw and come out escaped, where nothing else is said.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/err.h"

enum {
	BRIEF_COLUMNS = 160,
	BRIEF_LINES = 3,
	BRIEF_ROOM_MOST = 400, /* of one text from outside */
	BRIEF_ROOM_LEAST = 72,
};

/* Lines of BRIEF_COLUMNS characters that `text` takes when it is wrapped at blanks; a longer word
 * is broken. 0 for "". */
size_t brief_lines(const char *text);

/* Writes into e->message; every text from outside gets at most `room` bytes. */
typedef void brief_compose(const void *what, size_t room, struct err *e);
/* Composes with the most room that leaves the message within BRIEF_LINES; returns e->kind. */
int brief_fit(brief_compose *compose, const void *what, struct err *e);

/* At most room - 1 bytes; of a longer text the middle is left out. Returns `out`; NULL and "" give
 * "(unknown)". */
const char *brief_text(const char *text, char *out, size_t room);
/* The same, of a text that is escaped already. */
const char *brief_words(const char *text, char *out, size_t room);

/* The items of `list`, whole ones, as many as there is room for, and how many are left out. */
struct brief_items {
	const char *divider; /* "," */
	const char *between; /* ", " */
	bool is_escaped;     /* already */
};
const char *brief_list(const char *list, const struct brief_items *items, char *out, size_t room);
