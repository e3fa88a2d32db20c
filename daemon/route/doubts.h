/*
 * Files that look new only because a server tells their time in another way than before: FTP's LIST
 * tells the minute of a young file and the day of an old one, in a zone that has to be learnt
 * (daemon/base/told.h). Two steps of a poll, both for servers that can do so only:
 *
 *	store_unknown -> doubts_drop_known -> ready -> doubts_refine -> store_claim
 *
 *	drop_known	who is like a version we have (store_alike) is asked for its exact time, one
 *			round trip; a version that is ours is dropped, and the store learns by which
 *			time it is listed now. Where the server does not tell, size and day decide,
 *			and the log tells so once.
 *	refine		what is new and told without its hour is asked likewise, so that the version
 *			that is claimed has an exact time
 *
 * What the store learns is only a time from before yesterday: no version that is written from now on
 * can be listed with it. A younger one is asked again at each poll.
 */
#pragma once
#include "daemon/route/route.h"
#include "daemon/route/select.h"

/* Those that are new are moved to the front; *count tells how many. */
int doubts_drop_known(struct route *r, struct candidate *files, size_t *count, struct err *e);
int doubts_refine(struct route *r, struct candidate *files, size_t n, struct err *e);

void candidate_for_store(const struct candidate *c, size_t n, struct store_file *out);
