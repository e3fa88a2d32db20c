/*
 * The breaker of an endpoint: when may we try to connect again? Pure: time is an argument.
 *
 *	breaker_init(&b, seed);
 *	if (breaker_may_try(&b, now_ms)) ... connect ...
 *	breaker_failed(&b, now_ms, &e);		// or
 *	breaker_succeeded(&b);
 *
 *	 closed --failed--> waiting --due, tried, failed--> waiting twice as long ...
 *	   ^                  |
 *	   +----succeeded-----+        any --AUTH, TRUST, CONFIG--> stopped --reset--> closed
 *
 * Waits are 1 s, 2 s, 4 s ... 5 min, each +-20 % so that endpoints that failed together do not
 * come back together. Credentials that were refused once are not sent again by themselves: servers
 * count such attempts and then punish every route that goes there.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"

enum { BREAKER_FIRST_MS = 1000, BREAKER_MOST_MS = 5 * 60 * 1000 };

struct breaker {
	enum { BREAKER_CLOSED, BREAKER_WAITING, BREAKER_STOPPED } state;
	int failures;
	int64_t next_ms; /* WAITING: clock_mono_ms() of the next attempt */
	uint64_t dice;
	struct err last; /* kind 0: none since the last success or reset */
};

void breaker_init(struct breaker *b, uint64_t seed);
void breaker_failed(struct breaker *b, int64_t now_ms, const struct err *e);
void breaker_succeeded(struct breaker *b);
void breaker_reset(struct breaker *b);
bool breaker_may_try(const struct breaker *b, int64_t now_ms);
int64_t breaker_left_ms(const struct breaker *b, int64_t now_ms);
