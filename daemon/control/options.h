/*
 * ferryctl's command line: what is asked for, as requests of the protocol.
 *
 *	switch (options_parse(argc, argv, &o, out)) ...	// out: help, or what is wrong
 *	options_release(&o);
 *
 * Options may stand before or after the verb. Pure, but for getopt's own state.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/buf.h"

/* X(enum, number, what it means): ferryctl's exit codes, shown by --help */
#define CTL_EXITS(X)                                     \
	X(EXIT_DONE, 0, "done")                          \
	X(EXIT_REFUSED, 1, "ferryd said no")             \
	X(EXIT_USAGE, 2, "the command line is wrong")    \
	X(EXIT_UNREACHABLE, 3, "ferryd does not answer") \
	X(EXIT_DENIED, 4, "you are not permitted")       \
	X(EXIT_PROTOCOL, 5, "what answers is not the ferryd this ferryctl came with")

enum ctl_exit {
#define CTL_ENUM(id, number, text) id = number,
	CTL_EXITS(CTL_ENUM)
#undef CTL_ENUM
};

#define CTL_SOCKET "/run/ferryd/control.sock"

struct options {
	const char *verb;   /* as typed, of the table in commands.c */
	const char *socket; /* --socket, else $FERRYD_SOCKET, else CTL_SOCKET */
	bool wants_json;
	const char *explain; /* NULL: nothing; else a code, or the beginning of some; "": all */
	json_t *requests; /* an array; one, or one for each job */
};

enum options_result { OPTIONS_RUN, OPTIONS_TOLD, OPTIONS_WRONG };

/* RUN: *o is filled. TOLD: help or version is in `out`. WRONG: the complaint is. */
enum options_result options_parse(int argc, char **argv, struct options *o, struct buf *out);
void options_release(struct options *o);
