#include "daemon/route/retry.h"

static int64_t backoff(const struct retry_config *c, int attempts)
{
	int64_t wait = c->first_ms;

	for (int i = 1; i < attempts && wait < c->most_ms; i++)
		wait *= 2;
	return wait < c->most_ms ? wait : c->most_ms;
}

static int64_t spread(int64_t wait, uint32_t dice)
{
	return wait - wait / 5 + (int64_t)((double)wait * 0.4 * ((double)dice / UINT32_MAX));
}

/* 0 = without end */
static int attempts_allowed(const struct retry_config *c, const struct err *why)
{
	if (why->kind == ERR_BUSY)
		return 0; /* "not now" is no failure of the file's */
	if (err_retry_class(why->kind) == RETRY_LIMITED && !c->attempts)
		return RETRY_LIMITED_ATTEMPTS;
	return c->attempts;
}

struct retry_decision retry_next(const struct retry_config *c, const struct err *why, int attempts,
                                 int64_t now_ms, uint32_t dice)
{
	int allowed = attempts_allowed(c, why);

	switch (why->kind) {
	case ERR_AUTH:
	case ERR_TRUST:
	case ERR_CONFIG:
		return (struct retry_decision){RETRY_AT, now_ms + spread(c->most_ms, dice)};
	default:
		break;
	}
	if (err_retry_class(why->kind) == RETRY_NO || (allowed && attempts >= allowed))
		return (struct retry_decision){.verdict = RETRY_HOLD};
	return (struct retry_decision){RETRY_AT, now_ms + spread(backoff(c, attempts), dice)};
}
