/*
 * Judgement on what a get brings, the same for every protocol that cannot trust its peer.
 *
 *	struct received got;
 *	if (received_begin(&got, path, options, e) < 0) ...	// not even worth asking for
 *	received_write(&got, data, n, e);			// judges, then to the sink
 *	received_end(&got, e);					// all that was listed has come?
 *	received_unchanged(&got, &now, e);			// still the file that was listed?
 *
 * Codes: DATA-LONG, DATA-SHORT, DATA-CHANGED, FILE-TOO-LARGE, as adapter.h has them. Pure, but for
 * the sink.
 */
#pragma once
#include "adapters/adapter.h"

struct received {
	const char *path;
	const struct get_options *o;
	uint64_t total; /* of the whole file: what the caller had before, and what came */
};

int received_begin(struct received *g, const char *path, const struct get_options *o,
                   struct err *e);
/* May the file have `total` bytes? */
int received_check(const struct received *g, uint64_t total, struct err *e);
int received_write(struct received *g, const void *data, size_t n, struct err *e);
int received_end(const struct received *g, struct err *e);
/* `now` is what a look at the file tells after the last byte; what it does not tell agrees. */
int received_unchanged(const struct received *g, const struct entry *now, struct err *e);
/* A look is needed: the listing told a time to compare, or no size. */
bool received_wants_look(const struct received *g);
