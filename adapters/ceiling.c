#include "adapters/ceiling.h"

#include <stdbool.h>

void ceiling_init(struct ceiling *c, int most)
{
	*c = (struct ceiling){.most = most > 0 ? most : 1};
	ceiling_reset(c);
}

void ceiling_reset(struct ceiling *c)
{
	c->allowed = c->most;
	c->probe_ms = 0;
	c->wait_ms = CEILING_FIRST_MS;
	c->last = (struct err){0};
}

int ceiling_room(const struct ceiling *c, int64_t now_ms)
{
	if (c->allowed < c->most && now_ms >= c->probe_ms)
		return c->allowed + 1;
	return c->allowed;
}

void ceiling_refused(struct ceiling *c, int live, int64_t now_ms, const struct err *e)
{
	int before = c->allowed;
	const bool was_probe = before < c->most && now_ms >= c->probe_ms;

	c->allowed = live < 1 ? 1 : live < before ? live : before;
	if (c->allowed == c->most) /* one connection is configured: there is nothing to lower */
		return;
	c->last = *e;
	if (was_probe && c->wait_ms < CEILING_MOST_MS)
		c->wait_ms = c->wait_ms * 2 < CEILING_MOST_MS ? c->wait_ms * 2 : CEILING_MOST_MS;
	c->probe_ms = now_ms + c->wait_ms;
}

void ceiling_connected(struct ceiling *c, int live)
{
	if (live <= c->allowed)
		return;
	c->allowed = live < c->most ? live : c->most;
	if (c->allowed == c->most)
		ceiling_reset(c);
	else
		c->wait_ms = CEILING_FIRST_MS;
}
