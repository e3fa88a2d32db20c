/*
 * Small questions about text.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);

/* Takes away a UTF-8 character at the end of which only the beginning is there, as a bounded printf
 * leaves it. */
void text_drop_cut(char *text);

/* The candidate closest to `word` for "did you mean": at most two edits (insert, delete, replace,
 * swap of neighbours), and fewer than half of the word; NULL if none is near. */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);
