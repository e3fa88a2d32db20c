#include "adapters/breaker.h"

void breaker_init(struct breaker *b, uint64_t seed)
{
	*b = (struct breaker){.dice = seed};
}

/* splitmix64: small, and any seed will do */
static uint64_t roll(struct breaker *b)
{
	uint64_t z = (b->dice += 0x9E3779B97F4A7C15u);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

static int64_t next_wait(struct breaker *b)
{
	int doublings = b->failures > 10 ? 9 : b->failures - 1;
	int64_t ms = (int64_t)BREAKER_FIRST_MS << doublings;

	if (ms > BREAKER_MOST_MS)
		ms = BREAKER_MOST_MS;
	return ms * (800 + (int64_t)(roll(b) % 401)) / 1000;
}

static bool is_final(int kind)
{
	return kind == ERR_AUTH || kind == ERR_TRUST || kind == ERR_CONFIG;
}

void breaker_failed(struct breaker *b, int64_t now_ms, const struct err *e)
{
	b->last = *e;
	b->failures++;
	if (is_final(e->kind) || b->state == BREAKER_STOPPED) {
		b->state = BREAKER_STOPPED;
		return;
	}
	b->state = BREAKER_WAITING;
	b->next_ms = now_ms + next_wait(b);
}

/* An operation that was under way does not undo a stop. */
void breaker_succeeded(struct breaker *b)
{
	if (b->state != BREAKER_STOPPED)
		breaker_reset(b);
}

void breaker_reset(struct breaker *b)
{
	b->state = BREAKER_CLOSED;
	b->failures = 0;
	b->next_ms = 0;
	b->last = (struct err){0};
}

bool breaker_may_try(const struct breaker *b, int64_t now_ms)
{
	return b->state == BREAKER_CLOSED || (b->state == BREAKER_WAITING && now_ms >= b->next_ms);
}

int64_t breaker_left_ms(const struct breaker *b, int64_t now_ms)
{
	return b->state == BREAKER_WAITING && b->next_ms > now_ms ? b->next_ms - now_ms : 0;
}
