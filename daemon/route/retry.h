/*
 * When to try again. Pure: the clock and the dice are arguments.
 */
#pragma once
#include <stdint.h>

#include "config/config.h"
#include "daemon/base/err.h"

enum retry_verdict { RETRY_AT, RETRY_HOLD };

struct retry_decision {
	enum retry_verdict verdict;
	int64_t at_ms; /* RETRY_AT: wall */
};

enum { RETRY_LIMITED_ATTEMPTS = 10 }; /* object errors without `attempts:`, then held */

/*
 * `attempts` so far, this failed one included (>= 1). Waits first * 2^(attempts-1), at most `most`,
 * +-20 % (`dice`: 0 .. UINT32_MAX, evenly). Held when the kind says that waiting is no cure, or
 * when the attempts are used up; a peer or disk that says "not now" (ERR_BUSY) uses up none. Credentials and trust wait at `most`: the endpoint itself stops
 * and wakes the route when something has changed.
 */
struct retry_decision retry_next(const struct retry_config *c, const struct err *why, int attempts,
                                 int64_t now_ms, uint32_t dice);
