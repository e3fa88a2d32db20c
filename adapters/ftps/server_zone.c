#include "adapters/ftps/server_zone.h"

enum { QUARTER_MS = 15 * 60 * 1000, MOST_MS = 15 * 3600 * 1000, WEEK_MS = 7 * 24 * 3600 * 1000 };

/* 4 January 1970 was the first Sunday. */
static int64_t week_of(int64_t listed_ms)
{
	static const int64_t begin_ms = INT64_C(3) * 24 * 3600 * 1000 + 4 * 3600 * 1000;
	int64_t since = listed_ms - begin_ms;

	return since >= 0 ? since / WEEK_MS : -1;
}

static size_t held(const struct server_zone *z)
{
	return z->count < SERVER_ZONE_WEEKS ? z->count : SERVER_ZONE_WEEKS;
}

static const struct zone_week *nearest(const struct server_zone *z, int64_t week)
{
	const struct zone_week *best = NULL;
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < held(z); i++) {
		int64_t apart = z->weeks[i].week - week;

		apart = apart < 0 ? -apart : apart;
		if (apart < least) {
			least = apart;
			best = &z->weeks[i];
		}
	}
	return best;
}

bool server_zone_knows(const struct server_zone *z, int64_t listed_ms)
{
	const struct zone_week *w = nearest(z, week_of(listed_ms));

	return w && w->week == week_of(listed_ms);
}

bool server_zone_learn(struct server_zone *z, int64_t listed_ms, int64_t real_ms)
{
	int64_t ahead = listed_ms - real_ms;

	ahead = (ahead + (ahead < 0 ? -1 : 1) * QUARTER_MS / 2) / QUARTER_MS * QUARTER_MS;
	if (ahead > MOST_MS || ahead < -MOST_MS)
		return false;
	z->weeks[z->count++ % SERVER_ZONE_WEEKS] = (struct zone_week){week_of(listed_ms), ahead};
	return true;
}

int64_t server_zone_ahead(const struct server_zone *z, int64_t listed_ms)
{
	const struct zone_week *w = nearest(z, week_of(listed_ms));

	return w ? w->ahead_ms : 0;
}
