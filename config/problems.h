/*
 * Everything that is wrong with a configuration, collected while it is read, shown at once.
 *
 *	struct problems p;
 *	problems_init(&p);
 *	problem_add(&p, PROBLEM_ERROR, &place, "unknown key %s", ...);	// any order
 *	problems_write(&p, report);		// sorted by file, line, column; errors, then
 *warnings problems_release(&p);
 *
 * A line reads "file:line:col: sentence"; warnings say "warning: " after the place. A place with
 * line 0 is the file as a whole. Text that came from the files must be escaped by the caller.
 * Beyond PROBLEMS_MAX errors are only counted: who has two hundred fixes the first ones first.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>

#include "config/config.h"

enum { PROBLEMS_MAX = 200 };

/* A file of the configuration; `order` is the order in which the files were opened. */
struct source_text {
	const char *name; /* as it is shown */
	int order;
};

struct place {
	const struct source_text *source;
	int line, col; /* from 1; line 0: the whole file */
};

enum problem_severity { PROBLEM_ERROR, PROBLEM_WARNING };

struct problem;

struct problems {
	struct problem *items;
	size_t count, errors, warnings;
};

void problems_init(struct problems *p);
void problems_release(struct problems *p);
void problem_add(struct problems *p, enum problem_severity severity, const struct place *at,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void problems_write(struct problems *p, struct config_report *r);
