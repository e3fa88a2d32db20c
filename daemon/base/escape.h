/*
 * The one escaper. Everything that came from outside (file names, server texts, prompts) goes
 * through it before it reaches a log, a trace, a terminal or an error message.
 *
 * C0, DEL, C1, backslash, bidirectional controls (U+202A-E, U+2066-9), line separators (U+2028-9)
 * and bytes that are not valid UTF-8 become \xNN; the rest passes. Output longer than the room
 * given (at most ESCAPE_MAX) is cut at a character and ends in "…".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { ESCAPE_MAX = 1024, ESCAPE_ROOM = ESCAPE_MAX + 8 };

/* Writes NUL-terminated text into out[room], room >= 16; returns out. */
const char *escape(const void *data, size_t n, char *out, size_t room);

/* A name of up to 255 bytes, ready for a format: escape_name(name, &tmp). */
struct escaped {
	char text[ESCAPE_ROOM];
};
const char *escape_name(const char *name, struct escaped *tmp);

/* RFC 3629 §4: whole characters, the shortest form of each, no surrogates. */
bool escape_is_utf8(const void *data, size_t n);
