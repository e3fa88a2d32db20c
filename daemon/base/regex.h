/*
 * Regular expressions (PCRE2), bounded: what an operator writes cannot stall a loop, whatever text
 * a server sends to be matched.
 *
 *	const char *wrong = regex_check(pattern);	// NULL, or what is wrong with it
 *	struct regex *r = regex_new(pattern);		// NULL when something is
 *	if (regex_find(r, text, n) == REGEX_FOUND) ...
 *	regex_free(r);
 *
 * Patterns and texts are bytes; ASCII letters match in both cases. A match that takes more than
 * REGEX_STEPS steps of the matcher is given up: REGEX_GIVEN_UP, never "not found".
 */
#pragma once
#include <stddef.h>

struct regex;

enum { REGEX_PATTERN_MAX = 1000, REGEX_STEPS = 100 * 1000 };

enum regex_result { REGEX_FOUND, REGEX_NOT_FOUND, REGEX_GIVEN_UP };

/* The sentence lives until this thread's next call. */
const char *regex_check(const char *pattern);
struct regex *regex_new(const char *pattern);
void regex_free(struct regex *r); /* NULL allowed */
/* Anywhere in the text. */
enum regex_result regex_find(const struct regex *r, const char *text, size_t n);
