/*
 * Is a file complete at its source? Two equal observations (size, mtime, identity) at least
 * `stable_for` apart on our own clock. Pure but for its memory.
 *
 *	struct ready r;
 *	ready_init(&r);
 *	ready_begin(&r);				// a listing starts
 *	v = ready_observe(&r, &file, stable_for_ms, now_ms);	// for each file not taken yet
 *	ready_end(&r);					// forgets what was not seen
 *	ready_next_ms(&r): when the next one may become ready
 *
 * Remembered per path, only while it is waiting; after a restart observation starts again.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/route/select.h"

struct observation;

struct ready {
	struct observation *last; /* of the previous listing, sorted by path */
	size_t last_count;
	struct observation *now; /* of the listing under way */
	size_t now_count, now_room;
	int64_t next_ms; /* earliest moment one may become ready, monotonic; INT64_MAX = none */
};

void ready_init(struct ready *r);
void ready_release(struct ready *r);
void ready_begin(struct ready *r);
bool ready_observe(struct ready *r, const struct candidate *c, int64_t stable_for_ms,
                   int64_t now_mono_ms);
void ready_end(struct ready *r);
/* Files seen in the last listing that are not ready yet. */
size_t ready_waiting(const struct ready *r);
