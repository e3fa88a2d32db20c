/*
 * How many bytes of one transfer to keep in flight. Pure: time is an argument.
 *
 *	pace_init(&p, share, now_us);
 *	while (in_flight < p.window) ask();
 *	pace_moved(&p, n, share, now_us);	// n bytes were delivered in order
 *
 * The window doubles as long as that pays: after each window's worth of bytes the throughput of the
 * round is compared with the best so far. When two rounds in a row brought nothing it goes back to
 * twice the window that last paid, rests, and tries again after some rounds. It never holds more
 * than a second's worth of bytes beyond its beginning, so that on a slow line small requests do not
 * wait behind it for long, nor more than the share the connection gives.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { PACE_FIRST = 256 * 1024, PACE_LEAST = 64 * 1024 };

struct pace {
	size_t window;
	size_t paid; /* the largest that brought more throughput than any before */
	int64_t round_began_us;
	uint64_t round_bytes;
	double best;   /* bytes per second of the best round */
	unsigned flat; /* rounds that brought nothing, in a row */
};

void pace_init(struct pace *p, size_t share, int64_t now_us);
void pace_moved(struct pace *p, size_t bytes, size_t share, int64_t now_us);
