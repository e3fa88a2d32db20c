/*
 * Lists of algorithms as an operator writes them, and as OpenSSH reads them (ssh_config(5), Ciphers):
 *
 *	["aes256-ctr", "aes128-ctr"]	these, in this order, instead of ours
 *	["+aes256-cbc"]			ours and then this one
 *	["-*sha1*"]			ours without those that match
 *	["^aes256-ctr"]			this one first, then ours
 *
 * A name without a sign continues what the one before it did; one text may hold several, with
 * commas between. * and ? stand for any bytes and any one byte, and are matched against what the
 * linked library can do, best first.
 *
 *	const char *ours = ..., *can = ...;		// comma lists
 *	buf_init(&out, ALGORITHM_LIST_BYTES);
 *	if (algorithm_list(&(struct algorithm_rule){items, count, ours, can}, &out, &bad) < 0)
 *		... bad.words: why ...
 *
 * Pure.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/buf.h"

enum { ALGORITHM_LIST_BYTES = 4096, ALGORITHM_WORDS = 1400 };

struct algorithm_rule {
	const char *const *items; /* as written; none: ours */
	size_t count;
	const char *ours; /* our default, less what the library cannot do */
	const char *can;  /* all that the library can do; ours come first in it */
};

struct algorithm_mistake {
	char words[ALGORITHM_WORDS]; /* a sentence, escaped */
};

/* The list to offer goes to `out`. -1: a name that the library does not know, or nothing is left;
 * `out` then holds what could be understood. */
int algorithm_list(const struct algorithm_rule *rule, struct buf *out,
                   struct algorithm_mistake *bad);

/* Is the order of the list the operator's own, so that it must not be changed? */
bool algorithm_list_is_ordered(const char *const *items, size_t count);

/* ---- comma lists --------------------------------------------------------------------------- */

bool algorithm_in(const char *list, const char *name, size_t n);
/* Adds a name that is not there yet. */
void algorithm_add(struct buf *list, const char *name, size_t n);
/* The first name of `of` that is in `among`, NULL if there is none; its length in *n. */
const char *algorithm_common(const char *of, const char *among, size_t *n);
