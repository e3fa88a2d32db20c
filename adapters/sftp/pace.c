#include "adapters/sftp/pace.h"

enum { FLAT_MOST = 2, REST_ROUNDS = 16 };

static size_t bounded(double bytes, size_t share)
{
	if (bytes > (double)share)
		return share > PACE_LEAST ? share : PACE_LEAST;
	return bytes < (double)PACE_LEAST ? PACE_LEAST : (size_t)bytes;
}

void pace_init(struct pace *p, size_t share, int64_t now_us)
{
	*p = (struct pace){.window = bounded(PACE_FIRST, share), .round_began_us = now_us};
}

/* One round is over: what came of it? */
static void judge(struct pace *p, double rate, size_t share)
{
	const double first = (double)PACE_FIRST;
	double next = (double)p->window;

	if (rate > p->best * 1.1) {
		p->flat = 0;
		p->paid = p->window;
	} else if (++p->flat > REST_ROUNDS) {
		p->flat = 0; /* the line may have changed: try once more */
		p->best = 0;
	}
	if (rate > p->best)
		p->best = rate;
	if (p->flat < FLAT_MOST)
		next *= 2;
	else if (next > 2 * (double)p->paid)
		next = 2 * (double)p->paid; /* what did not pay is given back */
	if (next > rate && next > first)
		next = rate > first ? rate : first;
	if (rate < first / 2)
		next = rate * 2; /* a slow line: two seconds' worth at most */
	p->window = bounded(next, share);
}

void pace_moved(struct pace *p, size_t bytes, size_t share, int64_t now_us)
{
	int64_t took_us = now_us - p->round_began_us;

	p->round_bytes += bytes;
	if (p->window > share)
		p->window = bounded((double)p->window, share);
	if (p->round_bytes < p->window || took_us <= 0)
		return;
	judge(p, (double)p->round_bytes * 1e6 / (double)took_us, share);
	p->round_bytes = 0;
	p->round_began_us = now_us;
}
