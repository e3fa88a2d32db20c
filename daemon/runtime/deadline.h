/*
 * A point of the monotonic clock by which something must have happened.
 */
#pragma once
#include <stdint.h>

struct deadline {
	int64_t at_ms; /* clock_mono_ms() value */
};

struct deadline deadline_in(int64_t ms);
/* Only for waits that are ended by something else for certain (a queue's owner waiting for work). */
struct deadline deadline_never(void);
struct deadline deadline_sooner(struct deadline a, struct deadline b);
int64_t deadline_left_ms(struct deadline d); /* never negative; INT64_MAX for never */
