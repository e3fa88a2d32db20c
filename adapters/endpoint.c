#include "adapters/endpoint.h"

#include <assert.h>

#include "adapters/endpoint_state.h"
#include "adapters/logins.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

/* In the frame of endpoint_lease. Leaves the list when it is served or failed. */
struct waiter {
	struct link link;
	struct signal served;
	struct slot *slot;
	struct err *failure; /* the caller's, filled when `result` is set */
	int result;
};

/* ---- connections: from connected to closed ------------------------------------------------- */

static void close_fiber(void *arg)
{
	struct slot *s = arg;
	struct endpoint *p = s->endpoint;
	struct err why;

	fiber_shield_begin();
	if (s->ended_idle && p->adapter->ping(s->connection, &why) < 0) /* fails at once */
		slot_tell_idle_end(s, &why);
	p->adapter->close(s->connection);
	trace_free(s->trace);
	fiber_shield_end();
	p->closing--;
	p->closed_ms = clock_mono_ms();
	free(s);
	endpoint_pump(p); /* `connections` has room again */
}

static void close_when_unused(struct slot *s)
{
	if (s->leases == 0)
		group_start(&s->endpoint->fibers, "close connection", close_fiber, s);
}

void slot_retire(struct slot *s)
{
	struct endpoint *p = s->endpoint;

	if (s->is_dead)
		return;
	s->is_dead = true;
	list_remove(&s->link);
	p->closing++;
	if (--p->live == 0)
		signal_raise(&p->tend); /* nothing left for the keeper */
	if (s->leases > 0)
		p->adapter->abort(s->connection);
	close_when_unused(s);
}

static bool explains_itself(const struct err *e)
{
	return e->kind == ERR_CANCELED || e->kind == ERR_POLICY ||
	       (e->code &&
	        (strcmp(e->code, "OBJ-MISSING") == 0 || strcmp(e->code, "OBJ-EXISTS") == 0));
}

static void note_failure(struct slot *s, const struct err *e)
{
	if (!e || explains_itself(e))
		return;
	trace_failed(s->trace, e);
	endpoint_trace_remember(s->endpoint, s->trace);
}

static bool is_fatal(int result)
{
	return result == ERR_NETWORK || result == ERR_PROTOCOL || result == ERR_BUG;
}

/* Even "no such file" proves a server that works, also where the adapter drops the connection after
 * it (FTP). What is wrong with one file must not keep others waiting, nor be told as their reason. */
static bool proves_a_server(int result)
{
	switch (result) {
	case ERR_BUSY:
	case ERR_OBJECT:
	case ERR_POLICY:
	case ERR_INTEGRITY:
	case ERR_LOCAL:
		return true;
	default:
		return false;
	}
}

void slot_judge(struct slot *s, int result, const struct err *e)
{
	struct endpoint *p = s->endpoint;
	bool is_gone = is_fatal(result) || !p->adapter->is_alive(s->connection);

	if (s->is_dead)
		return;
	if (result < 0)
		note_failure(s, e);
	if (!s->has_worked && result != ERR_CANCELED) {
		s->has_worked = !is_gone || proves_a_server(result);
		if (s->has_worked)
			breaker_succeeded(&p->breaker);
		else if (result < 0 && e)
			breaker_failed(&p->breaker, clock_mono_ms(), e);
	}
	if (is_gone)
		slot_retire(s);
}

void slot_give_back(struct slot *s)
{
	struct endpoint *p = s->endpoint;

	assert(s->leases > 0);
	s->leases--;
	if (s->is_dead)
		close_when_unused(s);
	else if (s->leases == 0 && slot_is_worn(s))
		slot_retire(s);
	endpoint_pump(p);
}

/* ---- who waits ----------------------------------------------------------------------------- */

static void serve(struct waiter *w, struct slot *s)
{
	list_remove(&w->link);
	s->leases++;
	s->has_served = true;
	w->slot = s;
	signal_raise(&w->served);
}

void endpoint_fail_waiters(struct endpoint *p, const struct err *cause, const char *context)
{
	struct link *l;

	while ((l = list_take_first(&p->waiters))) {
		struct waiter *w = list_item(l, struct waiter, link);

		*w->failure = *cause;
		w->result = err_wrap(w->failure, "%s", context);
		signal_raise(&w->served);
	}
}

/* How many connections should be on their way for those who wait. Until the first one tells how
 * much it carries, and while the breaker tries whether the peer is back, one is enough. */
static int wanted(const struct endpoint *p)
{
	int waiting = 0;

	if (!p->room_each || p->breaker.state != BREAKER_CLOSED)
		return 1;
	list_for_each(l, &p->waiters) waiting++;
	return (waiting + p->room_each - 1) / p->room_each;
}

static bool may_open(const struct endpoint *p)
{
	int64_t now = clock_mono_ms();

	return !p->is_ending &&
	       p->live + p->connecting + p->closing < ceiling_room(&p->ceiling, now) &&
	       breaker_may_try(&p->breaker, now);
}

/* ---- the pool ------------------------------------------------------------------------------ */

/* The live connection with the fewest leases that has room; dead ones found on the way go, and worn
 * ones that nobody uses. */
static struct slot *pick(struct endpoint *p)
{
	struct slot *best = NULL;

	list_for_each(l, &p->slots)
	{
		struct slot *s = list_item(l, struct slot, link);

		if (!p->adapter->is_alive(s->connection))
			slot_found_dead(s);
		else if (slot_is_worn(s) && s->leases == 0)
			slot_retire(s);
		else if (!slot_is_worn(s) && s->leases < s->room &&
		         (!best || s->leases < best->leases))
			best = s;
	}
	return best;
}

static void refuse(struct endpoint *p)
{
	char context[192];
	int64_t left = breaker_left_ms(&p->breaker, clock_mono_ms());

	if (p->breaker.state == BREAKER_STOPPED)
		(void)snprintf(context, sizeof(context),
		               "%.64s is stopped until its settings, keys or secrets change, or a "
		               "route to it is "
		               "resumed",
		               p->settings->name);
	else
		(void)snprintf(context, sizeof(context), "%.64s, next attempt in %lld s",
		               p->settings->name, (long long)(left + 999) / 1000);
	endpoint_fail_waiters(p, &p->breaker.last, context);
}

void endpoint_pump(struct endpoint *p)
{
	struct slot *s;

	if (p->breaker.state == BREAKER_STOPPED && !list_is_empty(&p->waiters)) {
		if (endpoint_looks_again(p))
			return;
		refuse(p);
	}
	while (!list_is_empty(&p->waiters) && (s = pick(p)))
		serve(list_item(p->waiters.next, struct waiter, link), s);
	if (list_is_empty(&p->waiters))
		return;
	while (may_open(p) && p->connecting < wanted(p)) {
		p->connecting++;
		group_start(&p->fibers, "connect", endpoint_connect, p);
	}
	if (!p->live && !p->connecting && !p->closing)
		refuse(p);
}

static int wait_served(struct endpoint *p, struct waiter *w, struct deadline d, struct err *e)
{
	struct err why;
	int r = 0;

	while (!w->slot && !w->result && r == 0)
		r = signal_wait(&w->served, "a connection to the endpoint", d, &why);
	if (w->result)
		return w->result;
	if (r == 0)
		return 0;
	if (w->slot)
		slot_give_back(w->slot); /* came together with the cancel */
	else
		list_remove(&w->link);
	*e = why;
	return err_wrap(e, "waiting for a connection to %s (%d open)", p->settings->name, p->live);
}

static int wait_for_slot(struct endpoint *p, struct slot **out, struct deadline d, struct err *e)
{
	struct waiter w = {.failure = e};
	int r;

	signal_init(&w.served);
	list_append(&p->waiters, &w.link);
	endpoint_pump(p);
	r = wait_served(p, &w, d, e);
	*out = w.slot;
	return r;
}

static bool is_doubtful(const struct slot *s)
{
	int64_t after = s->endpoint->adapter->capabilities(s->connection)->doubtful_after_ms;
	int64_t last = s->used_ms > s->pinged_ms ? s->used_ms : s->pinged_ms;

	return after && s->has_worked && clock_mono_ms() - last > after;
}

/* False: it was gone, which after some idle time is nobody's failure. */
static bool is_still_there(struct slot *s)
{
	struct err why;
	int r;

	if (!is_doubtful(s))
		return true;
	r = s->endpoint->adapter->ping(s->connection, &why);
	s->pinged_ms = clock_mono_ms();
	if (r == 0 || !is_fatal(r))
		return true;
	slot_tell_idle_end(s, &why);
	slot_retire(s);
	slot_give_back(s);
	return false;
}

int endpoint_lease(struct endpoint *p, struct lease *out, struct deadline d, struct err *e)
{
	struct slot *s;

	assert(!p->is_ending);
	do {
		int r = wait_for_slot(p, &s, d, e);

		if (r < 0)
			return r;
	} while (!is_still_there(s));
	*out = (struct lease){
	        .endpoint = p,
	        .adapter = p->adapter,
	        .connection = s->connection,
	        .trace = s->trace,
	        .slot = s,
	};
	return 0;
}

void lease_release(struct lease *l, int result, const struct err *e)
{
	struct slot *s = l->slot;

	if (result == ERR_CANCELED && e)
		TRACE(l->trace, TRACE_ERROR, "ended by us: %s", e->message);
	*l = (struct lease){0};
	s->used_ms = clock_mono_ms();
	slot_judge(s, result, e);
	slot_give_back(s);
}

/* ---- the endpoint -------------------------------------------------------------------------- */

/* FNV-1a of the name, and the time: two daemons with equal names draw differently */
static uint64_t seed_of(const char *name)
{
	uint64_t h = 0xCBF29CE484222325u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001B3u;
	return h ^ (uint64_t)clock_mono_us();
}

struct endpoint *endpoint_new_with(const struct config *config,
                                   const struct endpoint_config *settings, struct worker *w,
                                   const struct adapter *adapter)
{
	struct endpoint *p = mem_new_of(struct endpoint);

	assert(adapter); /* config refuses protocols that have none */
	p->config = config ? config_ref(config) : NULL;
	p->settings = settings;
	p->adapter = adapter;
	list_init(&p->slots);
	list_init(&p->waiters);
	breaker_init(&p->breaker, seed_of(settings->name));
	ceiling_init(&p->ceiling, settings->connections);
	p->told_allowed = p->ceiling.allowed;
	group_init(&p->fibers, w);
	signal_init(&p->tend);
	signal_init(&p->order_changed);
	return p;
}

void endpoint_free(struct endpoint *p)
{
	if (!p)
		return;
	assert(list_is_empty(&p->waiters));
	p->is_ending = true;
	fiber_shield_begin();
	group_cancel(&p->fibers);
	group_wait(&p->fibers, "the endpoint's fibers");
	list_for_each(l, &p->slots)
	{
		struct slot *s = list_item(l, struct slot, link);

		assert(s->leases == 0);
		slot_retire(s);
	}
	group_wait(&p->fibers, "closing connections");
	fiber_shield_end();
	if (p->config)
		config_unref(p->config);
	free(p);
}

void endpoint_login_refused(struct endpoint *p, const struct err *e)
{
	breaker_failed(&p->breaker, clock_mono_ms(), e);
	endpoint_pump(p);
}

void endpoint_reset(struct endpoint *p)
{
	logins_forget(p->settings->fingerprint);
	breaker_reset(&p->breaker);
	ceiling_reset(&p->ceiling);
	p->told_allowed = p->ceiling.allowed;
	endpoint_pump(p);
}

void endpoint_status(const struct endpoint *p, struct endpoint_status *out)
{
	*out = (struct endpoint_status){
	        .name = p->settings->name,
	        .connections = p->live,
	        .allowed = p->ceiling.allowed,
	        .configured = p->ceiling.most,
	        .last = p->breaker.last.kind ? p->breaker.last : p->ceiling.last,
	        .has_order = p->has_order,
	        .order = p->order,
	        .next_attempt_ms = breaker_left_ms(&p->breaker, clock_mono_ms()),
	        .state = p->breaker.state == BREAKER_STOPPED ? ENDPOINT_STOPPED
	                 : p->live > 0                       ? ENDPOINT_UP
	                 : p->breaker.failures > 0           ? ENDPOINT_RETRYING
	                                                     : ENDPOINT_IDLE,
	};
	list_for_each(l, &p->slots) out->leases += list_item(l, struct slot, link)->leases;
	list_for_each(l, &p->waiters) out->waiting++;
	(void)snprintf(out->trace_file, sizeof(out->trace_file), "%s", p->trace_file);
}

const struct endpoint_config *endpoint_settings(const struct endpoint *p)
{
	return p->settings;
}
