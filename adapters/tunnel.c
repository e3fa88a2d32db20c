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

struct tunnels {
	const struct config *config; /* a reference, or NULL */
	const struct endpoint_config *settings;
	const struct adapter *adapter;
	struct group fibers;
	struct breaker breaker;
	bool is_up;
	struct tunnel_state states[TUNNELS_MAX];
	size_t count;
	atomic_bool has_stopped;
	uint64_t proofs; /* what the last login was made of */
	bool has_turn;   /* logins.h */
};

/* ---- one connection's life ----------------------------------------------------------------- */

/* A password that was refused to the files of this endpoint is not sent again by its tunnels. */
static int begin_turn(struct tunnels *t, struct err *e)
{
	int r;

	t->proofs = proofs_look(t->settings);
	r = logins_await(t->settings->fingerprint, t->proofs, e);
	t->has_turn = r == 0;
	return r;
}

static void end_turn(struct tunnels *t, int result, const struct err *e)
{
	if (t->has_turn)
		logins_end(t->settings->fingerprint, t->proofs, result, e);
	t->has_turn = false;
}

static void on_up(void *arg)
{
	struct tunnels *t = arg;

	t->is_up = true;
	breaker_succeeded(&t->breaker);
	end_turn(t, 0, NULL);
	for (size_t i = 0; i < t->count; i++)
		log_info("tunnel is open", "endpoint=%s listen=%s port=%d side=%s",
		         t->settings->name, t->states[i].settings->listen_host, t->states[i].port,
		         t->states[i].settings->side == TUNNEL_HERE ? "here" : "server");
}

static struct trace *begin_trace(struct tunnels *t)
{
	static const struct trace_config nowhere = {.when = TRACE_NEVER};
	struct trace *trace = trace_new(t->config ? &t->config->trace : &nowhere, t->settings->name,
	                                t->settings->trace_mask, t->settings->trace_when);

	trace_about(trace, "host", "%s port %d", t->settings->host, t->settings->port);
	trace_about(trace, "for", "%zu tunnels", t->count);
	return trace;
}

static void on_end(struct tunnels *t, struct trace *trace, const struct err *e)
{
	bool needs_a_person;

	t->is_up = false;
	for (size_t i = 0; i < t->count; i++)
		t->states[i].is_listening = false;
	end_turn(t, e->kind, e);
	if (fiber_is_canceled())
		return;
	trace_failed(trace, e);
	breaker_failed(&t->breaker, clock_mono_ms(), e);
	needs_a_person = t->breaker.state == BREAKER_STOPPED;
	t->has_stopped = needs_a_person;
	log_write(needs_a_person ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "tunnels are down",
	          "endpoint=%s code=%s outcome=\"%s\" error=\"%s\"", t->settings->name, e->code,
	          needs_a_person ? "stopped until keys, secrets or settings change" : "tried again",
	          e->message);
}

/* Comes back when the connection is over. */
static void run_once(struct tunnels *t)
{
	struct forwarding f = {t->states, t->count, on_up, t};
	struct trace *trace = begin_trace(t);
	struct err e;

	if (begin_turn(t, &e) == 0)
		(void)t->adapter->forward(t->settings, trace, &f, &e); /* it always ends with one */
	on_end(t, trace, &e);
	fiber_shield_begin();
	trace_free(trace);
	fiber_shield_end();
}

/* A login or host key was refused: until it is made of something else, or works for files. */
static void await_change(struct tunnels *t)
{
	struct err e;

	while (t->has_stopped && fiber_sleep(LOOK_EVERY_MS, "keys or secrets to change", &e) == 0) {
		uint64_t now = proofs_look(t->settings);

		if (!now || (now == t->proofs && !logins_work(t->settings->fingerprint)))
			continue;
		breaker_reset(&t->breaker);
		t->has_stopped = false;
	}
}

static void supervise(void *arg)
{
	struct tunnels *t = arg;
	struct err e;

	while (!fiber_is_canceled()) {
		run_once(t);
		await_change(t);
		/* canceled: the loop ends */
		(void)fiber_sleep(breaker_left_ms(&t->breaker, clock_mono_ms()), "the next attempt",
		                  &e);
	}
}

/* ---- starting and stopping ----------------------------------------------------------------- */

struct tunnels *tunnels_start(const struct config *config, const struct endpoint_config *settings,
                              struct worker *w)
{
	struct tunnels *t = mem_new_of(struct tunnels);
	char name[96];

	t->config = config ? config_ref(config) : NULL;
	t->settings = settings;
	t->adapter = adapter_for((int)settings->protocol);
	t->count = settings->tunnel_count < TUNNELS_MAX ? settings->tunnel_count : TUNNELS_MAX;
	for (size_t i = 0; i < t->count; i++) {
		t->states[i].settings = &settings->tunnels[i];
		t->states[i].port = settings->tunnels[i].listen_port;
	}
	breaker_init(&t->breaker, (uint64_t)clock_mono_ms());
	group_init(&t->fibers, w);
	(void)snprintf(name, sizeof(name), "tunnels %s", settings->name);
	group_start(&t->fibers, name, supervise, t);
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

void tunnels_status(const struct tunnels *t, struct tunnels_status *out)
{
	memset(out, 0, sizeof(*out));
	(void)snprintf(out->endpoint, sizeof(out->endpoint), "%s", t->settings->name);
	out->state = t->is_up                                         ? TUNNELS_UP
	             : t->breaker.state == BREAKER_STOPPED            ? TUNNELS_STOPPED
	             : !breaker_may_try(&t->breaker, clock_mono_ms()) ? TUNNELS_RETRYING
	                                                              : TUNNELS_CONNECTING;
	if (out->state == TUNNELS_RETRYING)
		out->next_attempt_ms = breaker_left_ms(&t->breaker, clock_mono_ms());
	if (!t->is_up)
		out->last = t->breaker.last;
	out->count = t->count;
	for (size_t i = 0; i < t->count; i++) {
		const struct tunnel_config *c = t->states[i].settings;

		out->tunnels[i] = t->states[i];
		out->tunnels[i].settings = NULL;
		out->places[i].side = c->side;
		write_place(out->places[i].listen, c->listen_host, t->states[i].port);
		write_place(out->places[i].to, c->to_host, c->to_port);
	}
}

const struct endpoint_config *tunnels_settings(const struct tunnels *t)
{
	return t->settings;
}

bool tunnels_have_stopped(const struct tunnels *t)
{
	return t->has_stopped;
}
