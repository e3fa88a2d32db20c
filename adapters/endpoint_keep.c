#include "adapters/endpoint_state.h"

#include "adapters/diagnosis.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"

enum { TEND_LEAST_MS = 10, TEND_MOST_MS = 60 * 1000 };

/* ---- ended by the other side ---------------------------------------------------------------- */

void slot_found_dead(struct slot *s)
{
	s->ended_idle = s->leases == 0 && s->has_worked; /* else an operation tells */
	slot_retire(s);
}

/* Nothing has failed: a server that ends what is idle would fill the disk with traces of that. */
void slot_tell_idle_end(struct slot *s, const struct err *why)
{
	struct endpoint *p = s->endpoint;
	struct err e;

	if (p->is_ending)
		return;
	(void)diagnosis_idle_end(clock_mono_ms() - s->used_ms, why, &e);
	TRACE(s->trace, TRACE_ERROR, "%s", e.message);
	log_info("an idle connection is over", "endpoint=%s code=%s reason=\"%s\"",
	         p->settings->name, e.code, e.message);
}

/* ---- kept alive ----------------------------------------------------------------------------- */

static void ping_fiber(void *arg)
{
	struct slot *s = arg;
	struct err e = {0};
	int r = s->endpoint->adapter->ping(s->connection, &e);

	s->pinged_ms = clock_mono_ms();
	slot_judge(s, r, &e);
	slot_give_back(s);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Pings or closes `s` if that is due; returns when to look again, in ms. */
static int64_t tend_slot(struct slot *s, int64_t now)
{
	struct endpoint *p = s->endpoint;
	const struct endpoint_config *c = p->settings;
	int64_t idle = s->leases ? 0 : now - s->used_ms;
	int64_t quiet = s->leases ? 0 : sooner(idle, now - s->pinged_ms);
	int64_t next = TEND_MOST_MS;

	if (!p->adapter->is_alive(s->connection)) {
		slot_found_dead(s);
		return next;
	}
	if (c->idle_close_ms && idle >= c->idle_close_ms) {
		slot_retire(s);
		return next;
	}
	if (c->keepalive_ms && quiet >= c->keepalive_ms) {
		s->leases++; /* the right to run an operation, as any other */
		group_start(&p->fibers, "ping", ping_fiber, s);
		quiet = 0;
	}
	if (c->idle_close_ms)
		next = sooner(next, c->idle_close_ms - idle);
	if (c->keepalive_ms)
		next = sooner(next, c->keepalive_ms - quiet);
	return next < TEND_LEAST_MS ? TEND_LEAST_MS : next;
}

bool slot_is_worn(const struct slot *s)
{
	const struct endpoint *p = s->endpoint;
	const struct endpoint_config *c = p->settings;

	if (!s->has_served)
		return false;
	if (c->recycle_age_ms && clock_mono_ms() - s->born_ms >= c->recycle_age_ms)
		return true;
	return c->recycle_bytes && p->adapter->traffic &&
	       p->adapter->traffic(s->connection) >= c->recycle_bytes;
}

void endpoint_keep(void *arg)
{
	struct endpoint *p = arg;
	struct err e;

	/* A connection may be made just when the endpoint ends: too late to be cancelled. */
	while (p->live > 0 && !p->is_ending && !fiber_is_canceled()) {
		int64_t next = TEND_MOST_MS, now = clock_mono_ms();

		list_for_each(l, &p->slots) next =
		        sooner(next, tend_slot(list_item(l, struct slot, link), now));
		(void)signal_wait(&p->tend, "idle connections", deadline_in(next), &e);
	}
	p->has_keeper = false;
}
