/*
 * What the daemon says back: any number of item lines, then one line that ends it.
 *
 *	answer_item(a, json_pack("{ss}", "kind", "route"), e);	// takes the JSON; may await
 *	answer_end(a, result, NULL, e);				// takes it; NULL is {}
 *
 * Lines are gathered and written by pieces of ANSWER_PIECE_BYTES, so an answer of any length needs
 * little memory, and an operator who stops reading stops the verb.
 *
 * Values made here are fit for a terminal: names and server texts go in through answer_name().
 */
#pragma once
#include <jansson.h>
#include <stdint.h>

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

enum { ANSWER_PIECE_BYTES = 32 * 1024 };

struct answer {
	/* Takes the gathered bytes away; 0 or a negative kind. */
	int (*write)(void *arg, const void *data, size_t n, struct err *e);
	void *arg;
	size_t line_bytes; /* at most, per line */
	struct buf out;
};

void answer_init(struct answer *a, size_t line_bytes);
void answer_release(struct answer *a);

int answer_item(struct answer *a, json_t *item, struct err *e);
/* failure NULL: ok, and there is always a result then. Writes everything out. */
int answer_end(struct answer *a, json_t *result, const struct err *failure, struct err *e);

/* Raw bytes of a name or a server's text, escaped whatever their length. */
json_t *answer_name(const char *raw);
/* Text that is safe already (messages); repaired where it was cut inside a character. */
json_t *answer_text(const char *text);
/* null for 0: never, none, unknown. */
json_t *answer_time(int64_t ms);
