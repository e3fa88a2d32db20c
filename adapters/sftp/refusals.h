/*
 * Channels that were refused, until they are free: told at once, freed when the server has closed
 * its half, which it may never do. So there are REFUSALS_MOST of them at the most; whoever has no
 * room for one more accepts nothing.
 *
 *	if (refusals_have_room(&r))
 *		refusals_add(&r, channel);
 *	refusals_collect(&r);		// from time to time
 *
 * What a channel is, and how it is freed, is the owner's: nothing here waits or knows libssh2.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { REFUSALS_MOST = 1024 };

struct refusals {
	bool (*is_freed)(void *arg, void *channel); /* frees it if it can be */
	void *arg;
	void *waiting[REFUSALS_MOST]; /* in the order in which they came */
	size_t count;
};

bool refusals_have_room(const struct refusals *r);
/* There is room: to ask for it is the caller's duty. One that is free at once takes none. */
void refusals_add(struct refusals *r, void *channel);
void refusals_collect(struct refusals *r);
