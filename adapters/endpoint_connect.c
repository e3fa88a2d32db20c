#include "adapters/endpoint_state.h"
#include "adapters/logins.h"
#include "adapters/proofs.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

enum { AGAIN_FIRST_MS = 100 }; /* after "too many", while the server may not have noticed an end */

static void add_slot(struct endpoint *p, struct connection *c, struct trace *t)
{
	struct slot *s = mem_new_of(struct slot);

	s->endpoint = p;
	s->connection = c;
	s->trace = t;
	s->born_ms = s->used_ms = s->pinged_ms = clock_mono_ms();
	s->room = p->adapter->capabilities(c)->concurrent_operations;
	p->room_each = s->room;
	endpoint_trace_obey(p, t); /* an order may have come or ended while it connected */
	list_append(&p->slots, &s->link);
	ceiling_connected(&p->ceiling, ++p->live);
	if (!p->has_keeper) {
		p->has_keeper = true;
		group_start(&p->fibers, "keep connections", endpoint_keep, p);
	}
}

/* Once all who tried have their answer: how many connections does the server take? */
static void tell_ceiling(struct endpoint *p)
{
	const struct ceiling *c = &p->ceiling;

	if (p->connecting > 0 || c->allowed == p->told_allowed)
		return;
	p->told_allowed = c->allowed;
	if (c->last.kind)
		log_warn("the server allows fewer connections than configured, going on with those",
		         "endpoint=%s allowed=%d configured=%d code=%s error=\"%s\"",
		         p->settings->name, c->allowed, c->most, c->last.code, c->last.message);
	else
		log_info("the server allows all connections again", "endpoint=%s configured=%d",
		         p->settings->name, c->most);
}

static void connect_failed(struct endpoint *p, struct trace *t, const struct err *e)
{
	char context[128];

	(void)snprintf(context, sizeof(context), "connect to %s", p->settings->name);
	if (e->kind == ERR_CANCELED) {
		endpoint_fail_waiters(p, e, context);
		return;
	}
	trace_failed(t, e);
	endpoint_trace_remember(p, t);
	if (e->kind == ERR_BUSY && p->live + p->connecting > 0) {
		ceiling_refused(&p->ceiling, p->live, clock_mono_ms(), e);
		return; /* those serve who waits */
	}
	breaker_failed(&p->breaker, clock_mono_ms(), e);
	if (p->live == 0 || p->breaker.state == BREAKER_STOPPED)
		endpoint_fail_waiters(p, e, context);
}

/* The server may still count a connection of ours that has ended. */
static bool may_linger(const struct endpoint *p)
{
	return p->closed_ms && clock_mono_ms() - p->closed_ms < CEILING_LINGER_MS;
}

static int connect_patiently(struct endpoint *p, struct trace *t, struct connection **c,
                             struct err *e)
{
	int64_t wait_ms = AGAIN_FIRST_MS;
	int r = p->adapter->connect(p->settings, t, c, e);

	while (r == ERR_BUSY && may_linger(p)) {
		TRACE(t, TRACE_ERROR, "%s: %s", e->code, e->message);
		r = fiber_sleep(wait_ms, "the server to notice that a connection has ended", e);
		if (r == 0)
			r = p->adapter->connect(p->settings, t, c, e);
		wait_ms *= 2;
	}
	return r;
}

void endpoint_connect(void *endpoint)
{
	struct endpoint *p = endpoint;
	struct trace *t = endpoint_trace_begin(p);
	uint64_t proofs = proofs_look(p->settings);
	struct connection *c = NULL;
	struct err e;
	int r = logins_await(p->settings->fingerprint, proofs, &e);

	if (r == 0) {
		r = connect_patiently(p, t, &c, &e);
		logins_end(p->settings->fingerprint, proofs, r, &e);
	}
	p->connecting--;
	if (r < 0) {
		p->refused_proofs = proofs;
		connect_failed(p, t, &e);
	} else
		add_slot(p, c, t);
	tell_ceiling(p);
	endpoint_pump(p);
	if (r < 0)
		trace_free(t);
}
