/*
 * How far a server's local time, which LIST tells, is ahead of UTC. Pure.
 *
 *	if (!server_zone_knows(&z, listed_ms))
 *		... ask MDTM (UTC, RFC 3659 §3) ... server_zone_learn(&z, listed_ms, real_ms);
 *	real_ms = listed_ms - server_zone_ahead(&z, listed_ms);
 *
 * `listed_ms` is a listed local time taken for UTC. What was learnt holds for the week of that time
 * only: in summer another offset is right than in winter, and by which rule nothing tells. Weeks begin
 * on Sunday at 4, because that is when clocks have been changed. A file whose time were told an hour
 * wrong would look changed for ever.
 *
 * Zones differ by quarters of an hour, and listings leave out the seconds: what is learnt is rounded.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERVER_ZONE_WEEKS = 128 };

struct server_zone {
	struct zone_week {
		int64_t week, ahead_ms;
	} weeks[SERVER_ZONE_WEEKS]; /* the oldest is overwritten */
	size_t count;               /* learnt so far */
};

bool server_zone_knows(const struct server_zone *z, int64_t listed_ms);
/* False: absurd, more than any zone is ahead. */
bool server_zone_learn(struct server_zone *z, int64_t listed_ms, int64_t real_ms);
/* In ms; by the week that is nearest to it; 0: nothing is known. */
int64_t server_zone_ahead(const struct server_zone *z, int64_t listed_ms);
