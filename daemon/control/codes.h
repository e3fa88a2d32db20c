/*
 * Every stable code of ferryd, at length: what it means, what usually causes it, what to do.
 *
 *	const struct code_text *c = codes_find("SSH-KEX-NO-HOSTKEY");
 *	codes_explain("ssh-kex", EXPLAIN_TEXT, out);		// what `ferryctl explain` shows
 *	codes_markdown(out);				// docs/codes.md
 *
 * A message tells the case at hand; this tells the kind of case, for a person at night who has only
 * the code. tests/lint proves that each code in the sources has a row here and that no row is left
 * over, so who adds a code adds its row: {code, kind, what it means, usual causes, cure}, in the
 * codes_….c of its family. `kind` is the usual one (err.h); it decides whether it is tried again.
 *
 * Pure; linked into ferryctl too, which needs no daemon for it.
 */
#pragma once
#include <stddef.h>

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

struct code_text {
	const char *code;
	enum err_kind kind;
	const char *means, *causes, *cure;
};

/* X(file): codes_….c */
#define CODE_FAMILIES(X) \
	X(ssh)           \
	X(net)           \
	X(reach)         \
	X(files)         \
	X(remote)        \
	X(daemon)

#define CODE_DECLARE(family)                            \
	extern const struct code_text codes_##family[]; \
	extern const size_t codes_##family##_count;
CODE_FAMILIES(CODE_DECLARE)
#undef CODE_DECLARE

/* Upper or lower case; NULL: there is none. */
const struct code_text *codes_find(const char *code);
/* Is it tried again, and by whom? A sentence. */
const char *codes_retry(enum err_kind kind);

enum explain_form { EXPLAIN_TEXT, EXPLAIN_JSON };
/* One code, or all that begin with `what` ("" for all) as a list. -1: nothing does; `out` then says
 * so, with the nearest code. JSON: lines as of the control protocol. */
int codes_explain(const char *what, enum explain_form form, struct buf *out);

void codes_markdown(struct buf *out);
