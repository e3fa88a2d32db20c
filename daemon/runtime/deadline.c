#include "daemon/runtime/deadline.h"

#include "daemon/base/clock.h"

struct deadline deadline_in(int64_t ms)
{
	int64_t now = clock_mono_ms();

	if (ms >= INT64_MAX - now)
		return deadline_never();
	return (struct deadline){.at_ms = now + (ms > 0 ? ms : 0)};
}

struct deadline deadline_never(void)
{
	return (struct deadline){.at_ms = INT64_MAX};
}

struct deadline deadline_sooner(struct deadline a, struct deadline b)
{
	return a.at_ms < b.at_ms ? a : b;
}

int64_t deadline_left_ms(struct deadline d)
{
	int64_t now;

	if (d.at_ms == INT64_MAX)
		return INT64_MAX;
	now = clock_mono_ms();
	return d.at_ms > now ? d.at_ms - now : 0;
}
