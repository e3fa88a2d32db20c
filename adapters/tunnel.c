#include "adapters/tunnel.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "adapters/adapter.h"
#include "adapters/breaker.h"
#include "adapters/logins.h"
#include "adapters/proofs.h"
#include "adapters/trace.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/fiber.h"
#include "daemon/runtime/work.h"

enum { LOOK_EVERY_MS = 1000 };

/* One connection and what it carries: the first all that are not refused, each of those its own. */
struct carrier {
	struct tunnels *tunnels;
	struct tunnel_state *carried[TUNNELS_MAX];
	size_t count;
	struct breaker breaker;
	bool is_up;
	uint64_t proofs; /* what the last login was made of */
	bool has_turn;   /* logins.h */
};

struct tunnels {
	const struct config *config; /* a reference, or NULL */
	const struct endpoint_config *settings;
	const struct adapter *adapter;
	struct group fibers;
	struct tunnel_state states[TUNNELS_MAX];
	size_t count;
	const struct carrier *carrier_of[TUNNELS_MAX]; /* by state */
	struct carrier carriers[TUNNELS_MAX + 1];
	size_t carrier_count;
	atomic_int stopped; /* carriers that a refused login has stopped */
};

static void supervise(void *arg);

static struct carrier *add_carrier(struct tunnels *t)
{
	struct carrier *c = &t->carriers[t->carrier_count++];

	c->tunnels = t;
	breaker_init(&c->breaker, (uint64_t)clock_mono_ms() + t->carrier_count);
	return c;
}

static void start_carrier(struct carrier *c)
{
	char name[96];

	(void)snprintf(name, sizeof(name), "tunnels %s", c->tunnels->settings->name);
	group_start(&c->tunnels->fibers, name, supervise, c);
}

/* ---- one connection's life ----------------------------------------------------------------- */

/* A password that was refused to the files of this endpoint is not sent again by its tunnels. */
static int begin_turn(struct carrier *c, struct err *e)
{
	const struct endpoint_config *settings = c->tunnels->settings;
	int r;

	c->proofs = proofs_look(settings);
	r = logins_await(settings->fingerprint, c->proofs, e);
	c->has_turn = r == 0;
	return r;
}

static void end_turn(struct carrier *c, int result, const struct err *e)
{
	if (c->has_turn)
		logins_end(c->tunnels->settings->fingerprint, c->proofs, result, e);
	c->has_turn = false;
}

static void take(struct carrier *c, struct tunnel_state *s)
{
	c->carried[c->count++] = s;
	c->tunnels->carrier_of[s - c->tunnels->states] = c;
}

static void let_go(struct carrier *c, const struct tunnel_state *s)
{
	size_t left = 0;

	for (size_t i = 0; i < c->count; i++)
		if (c->carried[i] != s)
			c->carried[left++] = c->carried[i];
	c->count = left;
}

/* The tunnel is tried again by itself; that it was refused is the first failure of its connection. */
static void on_refused(void *arg, struct tunnel_state *s, const struct err *e)
{
	struct carrier *c = arg, *own = add_carrier(c->tunnels);

	log_warn("tunnel is down, the others are not",
	         "endpoint=%s listen=%s port=%d code=%s outcome=\"tried again\" error=\"%s\"",
	         c->tunnels->settings->name, s->settings->listen_host, s->settings->listen_port,
	         e->code, e->message);
	let_go(c, s);
	s->last = (struct err){0}; /* the connection's says it */
	take(own, s);
	breaker_failed(&own->breaker, clock_mono_ms(), e);
	start_carrier(own);
}

static void on_up(void *arg)
{
	struct carrier *c = arg;

	c->is_up = true;
	breaker_succeeded(&c->breaker);
	end_turn(c, 0, NULL);
	for (size_t i = 0; i < c->count; i++)
		log_info("tunnel is open", "endpoint=%s listen=%s port=%d side=%s",
		         c->tunnels->settings->name, c->carried[i]->settings->listen_host,
		         c->carried[i]->port,
		         c->carried[i]->settings->side == TUNNEL_HERE ? "here" : "server");
}

static struct trace *begin_trace(const struct carrier *c)
{
	static const struct trace_config nowhere = {.when = TRACE_NEVER};
	const struct tunnels *t = c->tunnels;
	struct trace *trace = trace_new(t->config ? &t->config->trace : &nowhere, t->settings->name,
	                                t->settings->trace_mask, t->settings->trace_when);

	trace_about(trace, "host", "%s port %d", t->settings->host, t->settings->port);
	trace_about(trace, "for", "%zu tunnels", c->count);
	return trace;
}

/* What it may break from now on is its own. */
static void set_apart(struct carrier *c, struct tunnel_state *slow, const struct err *e)
{
	struct carrier *own = add_carrier(c->tunnels);

	log_warn("tunnels are down by a slow one",
	         "endpoint=%s listen=%s port=%d code=%s outcome=\"tried again, the slow one on a "
	         "connection of its own\" error=\"%s\"",
	         c->tunnels->settings->name, slow->settings->listen_host, slow->port, e->code,
	         e->message);
	let_go(c, slow);
	take(own, slow);
	breaker_failed(&own->breaker, clock_mono_ms(), e);
	start_carrier(own);
}

static void pause_after(struct carrier *c, const struct err *e)
{
	bool needs_a_person;

	breaker_failed(&c->breaker, clock_mono_ms(), e);
	needs_a_person = c->breaker.state == BREAKER_STOPPED;
	log_write(needs_a_person ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "tunnels are down",
	          "endpoint=%s code=%s outcome=\"%s\" error=\"%s\"", c->tunnels->settings->name,
	          e->code,
	          needs_a_person ? "stopped until keys, secrets or settings change" : "tried again",
	          e->message);
}

static void on_end(struct carrier *c, struct trace *trace, struct tunnel_state *slow,
                   const struct err *e)
{
	c->is_up = false;
	for (size_t i = 0; i < c->count; i++)
		c->carried[i]->is_listening = false;
	end_turn(c, e->kind, e);
	if (fiber_is_canceled())
		return;
	trace_failed(trace, e);
	if (slow && c->count > 1)
		set_apart(c, slow, e);
	else
		pause_after(c, e);
}

/* Comes back when the connection is over. */
static void run_once(struct carrier *c)
{
	struct forwarding f = {.count = c->count, .refused = on_refused, .up = on_up, .arg = c};
	struct tunnels *t = c->tunnels;
	struct trace *trace = begin_trace(c);
	struct err e;

	memcpy(f.tunnels, c->carried, sizeof(f.tunnels));
	if (begin_turn(c, &e) == 0)
		(void)t->adapter->forward(t->settings, trace, &f, &e); /* it always ends with one */
	on_end(c, trace, f.slow, &e);
	fiber_shield_begin();
	trace_free(trace);
	fiber_shield_end();
}

/* A login or host key was refused: until it is made of something else, or works for files. */
static void await_change(struct carrier *c)
{
	const struct endpoint_config *settings = c->tunnels->settings;
	struct err e;

	if (c->breaker.state != BREAKER_STOPPED)
		return;
	c->tunnels->stopped++;
	while (fiber_sleep(LOOK_EVERY_MS, "keys or secrets to change", &e) == 0) {
		uint64_t now = proofs_look(settings);

		if (now && (now != c->proofs || logins_work(settings->fingerprint)))
			break;
	}
	breaker_reset(&c->breaker);
	c->tunnels->stopped--;
}

static void supervise(void *arg)
{
	struct carrier *c = arg;
	struct err e;

	/* canceled: it ends */
	while (fiber_sleep(breaker_left_ms(&c->breaker, clock_mono_ms()), "the next attempt", &e) ==
	       0) {
		run_once(c);
		await_change(c);
	}
}

/* ---- starting and stopping ----------------------------------------------------------------- */

struct tunnels *tunnels_start(const struct config *config, const struct endpoint_config *settings,
                              struct worker *w)
{
	struct tunnels *t = mem_new_of(struct tunnels);
	struct carrier *first = add_carrier(t);

	t->config = config ? config_ref(config) : NULL;
	t->settings = settings;
	t->adapter = adapter_for((int)settings->protocol);
	t->count = settings->tunnel_count < TUNNELS_MAX ? settings->tunnel_count : TUNNELS_MAX;
	for (size_t i = 0; i < t->count; i++) {
		t->states[i].settings = &settings->tunnels[i];
		t->states[i].port = settings->tunnels[i].listen_port;
		take(first, &t->states[i]);
	}
	group_init(&t->fibers, w);
	start_carrier(first);
	return t;
}

void tunnels_stop(struct tunnels *t)
{
	if (!t)
		return;
	group_cancel(&t->fibers);
	group_wait(&t->fibers, "tunnels to end");
	config_unref(t->config);
	free(t);
}

/* ---- how they are -------------------------------------------------------------------------- */

static void write_place(char out[300], const char *host, int port)
{
	(void)snprintf(out, 300, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
}

static void describe_carrier(const struct carrier *c, struct tunnel_place *out)
{
	int64_t now = clock_mono_ms();

	out->state = c->is_up                              ? TUNNELS_UP
	             : c->breaker.state == BREAKER_STOPPED ? TUNNELS_STOPPED
	             : !breaker_may_try(&c->breaker, now)  ? TUNNELS_RETRYING
	                                                   : TUNNELS_CONNECTING;
	if (out->state == TUNNELS_RETRYING)
		out->next_attempt_ms = breaker_left_ms(&c->breaker, now);
	if (!c->is_up)
		out->last = c->breaker.last;
}

void tunnels_status(const struct tunnels *t, struct tunnels_status *out)
{
	memset(out, 0, sizeof(*out));
	(void)snprintf(out->endpoint, sizeof(out->endpoint), "%s", t->settings->name);
	out->count = t->count;
	for (size_t i = 0; i < t->count; i++) {
		const struct tunnel_config *c = t->states[i].settings;

		out->tunnels[i] = t->states[i];
		out->tunnels[i].settings = NULL;
		out->places[i].side = c->side;
		write_place(out->places[i].listen, c->listen_host, t->states[i].port);
		write_place(out->places[i].to, c->to_host, c->to_port);
		describe_carrier(t->carrier_of[i], &out->places[i]);
	}
}

const struct endpoint_config *tunnels_settings(const struct tunnels *t)
{
	return t->settings;
}

bool tunnels_have_stopped(const struct tunnels *t)
{
	return t->stopped > 0;
}
