/*
 * What a crash left on disk and the store does not own any more. Open jobs need no recovery: every
 * lane finds its own in the store (lane.h).
 *
 * Spool: a file whose job is finished is removed; one whose job the store does not know (a store
 * restored from a backup) is moved to spool/lost+found and said: ferryd never deletes a file it
 * cannot account for.
 *
 * Claim folders of local sources: a file whose job does not own it any more (skipped, canceled,
 * unknown) goes back to where it was taken from. What a canceled job had stays known there, under
 * its own name only, and is not taken again; while a newer file has that name it stays in the
 * folder. Files of other routes' jobs are left to those routes, while the configuration has them.
 * What a route that is gone may have delivered to one destination already stays in the folder, too:
 * under its name another route would deliver it once more.
 *
 * Deliveries to a destination that the route does not have any more are held: no lane asks for
 * them, and a job that waits for nothing must be seen by the operator.
 *
 * All may be repeated at any time; a second run changes nothing.
 */
#pragma once
#include "daemon/route/route.h"

/* From a fiber, once at the start, before routes run. */
void recover_spool(struct shard *s);
/* From the route's poll fiber, before its first poll. */
void recover_strays(struct route *r);
void recover_claims(struct route *r);
/* Of a job: one of them has ended well, or may have and nobody could tell. */
bool recover_may_be_delivered(const struct store_delivery *all, size_t n);
/* Why such a delivery is held: ERR_CONFIG "DELIVER-NO-DESTINATION". */
void recover_no_destination(const char *route, const char *dest, struct err *out);
/* The claimed file of one job, which has ended; of this route, or of one that the configuration does
 * not have any more and that took from the same directory. 1: it is put back; 0: there is none, or
 * it is not let go. ERR_OBJECT "OBJ-EXISTS": a newer file has its name. From a fiber of the home
 * shard. */
int recover_claim_of(struct route *r, int64_t job, struct err *e);
