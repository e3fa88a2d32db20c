/*
 * How many connections of ours a server takes, as far as it has shown. Pure: time is an argument.
 *
 *	ceiling_init(&c, settings->connections);
 *	if (open < ceiling_room(&c, now_ms)) ... connect ...
 *	ceiling_connected(&c, live);			// it was let in
 *	ceiling_refused(&c, live, now_ms, &e);		// "not now", while `live` others lived
 *
 *	   most --refused while n live--> n --due: one more is tried--+
 *	                                  ^                           |
 *	                                  +--- refused: wait twice as long
 *	                                  +--- let in: n + 1, at `most` all is forgotten
 *
 * A server that limits clients per user or address tells so only by turning one away ("421 too many
 * connections", MaxStartups). What is live goes on and does the work; asking for more each time
 * would fill the partner's log and may have us banned. One more is tried after 1 min, then 2, 4 ...
 * up to an hour, because somebody else may have used the room. Never below one.
 *
 * A server may also not have noticed yet that a connection of ours has ended: within
 * CEILING_LINGER_MS of that, a refusal says nothing about its limit.
 */
#pragma once
#include <stdint.h>

#include "daemon/base/err.h"

enum {
	CEILING_FIRST_MS = 60 * 1000,
	CEILING_MOST_MS = 3600 * 1000,
	CEILING_LINGER_MS = 5000,
};

struct ceiling {
	int most;    /* configured */
	int allowed; /* 1 … most */
	int64_t probe_ms, wait_ms;
	struct err last; /* why it is below `most`; kind 0: it is not */
};

void ceiling_init(struct ceiling *c, int most);
/* So many may be open, being opened and being closed together. */
int ceiling_room(const struct ceiling *c, int64_t now_ms);
/* `live`: the others. */
void ceiling_refused(struct ceiling *c, int live, int64_t now_ms, const struct err *e);
/* `live` with the new one. */
void ceiling_connected(struct ceiling *c, int live);
void ceiling_reset(struct ceiling *c);
