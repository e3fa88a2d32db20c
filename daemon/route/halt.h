/*
 * Halt: the operator has held or canceled a job, and the work on it that is under way ends now.
 *
 *	store_cancel(store, job, e);			// or store_hold: first it is on record
 *	route_halt(route, job, HALT_CANCELED, &h);	// home shard; then hands are taken off it
 *
 * The record comes first: from then on the store refuses every further step of the job, so it does
 * not matter where the work is found, and a crash between the two leaves nothing to be undone: what
 * is not halted here was ended by the crash.
 *
 *	fetch, then each destination, then settle	in the order in which they feed each other:
 *		tasks that wait are dropped		none is posted behind our back
 *		fibers that run are cancelled		the adapters end an operation at once, hung
 *							server or not (adapter.h)
 *	then, for a canceled job
 *		spool file and part			removed
 *		claimed local file			put back under its name; it stays known and
 *							is not taken again
 *		temporary files at destinations		the call lanes are told; the store has the
 *							list (sweep.c), so that a partner that
 *							cannot be reached now is swept later
 *
 * What ended late, or could not be put back, is done by the next start (recover.h).
 */
#pragma once
#include "daemon/route/route.h"

enum halt_kind { HALT_HELD, HALT_CANCELED };

struct halt {
	size_t interrupted; /* fetches, deliveries, settlements that were under way */
	bool is_over;       /* all of them have ended */
	bool is_put_back;   /* a claimed local file has its name again */
	struct err trouble; /* kind 0: none; else what could not be done, for the operator */
};

/* From a fiber of the home shard; takes at most a few seconds. */
void route_halt(struct route *r, int64_t job, enum halt_kind kind, struct halt *out);
