/*
 * worker_call: one fiber waits while another runs for it on a different worker.
 *
 *	caller's thread			callee's thread
 *	post begin ───────────────────► start the callee, run fn
 *	(cancelled: post pass_cancel ─► cancel the callee, if still alive)
 *	ended, raise done ◄──────────── post answer
 *
 * The call is on the heap with a count of who still holds it (caller, callee, a cancel on its
 * way): a cancel may arrive when the callee has answered and the caller is long gone.
 */
#include <stdatomic.h>

#include "daemon/base/mem.h"
#include "daemon/runtime/scheduler.h"
#include "daemon/runtime/worker.h"

struct call {
	atomic_int holders;
	struct worker *home, *there;
	const char *name; /* the caller's: it waits until the callee has ended */
	int (*fn)(void *arg, struct err *e);
	void *arg;
	int result;
	struct err err;
	struct fiber *callee; /* on `there` only */
	struct signal done;   /* at home only, as is: */
	bool has_ended;
};

static void call_drop(struct call *c)
{
	if (atomic_fetch_sub(&c->holders, 1) == 1)
		free(c);
}

static void answer(void *arg)
{
	struct call *c = arg;

	c->has_ended = true;
	signal_raise(&c->done);
	call_drop(c);
}

static void callee_body(void *arg)
{
	struct call *c = arg;

	c->result = c->fn(c->arg, &c->err);
	c->callee = NULL;
	(void)worker_post(c->home, answer, c); /* home lives: its fiber is waiting */
}

static void begin(void *arg)
{
	struct call *c = arg;

	c->callee = fiber_start(c->there, c->name, callee_body, c);
}

static void pass_cancel(void *arg)
{
	struct call *c = arg;

	if (c->callee)
		fiber_cancel(c->callee);
	call_drop(c);
}

static void await_end(struct call *c)
{
	while (!c->has_ended) {
		if (fiber_await(&c->done, c->name, deadline_never()) != WAKE_CANCELED)
			continue;
		atomic_fetch_add(&c->holders, 1);
		if (!worker_post(c->there, pass_cancel, c))
			call_drop(c); /* it has stopped, so the answer is on its way */
		fiber_shield_begin();
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it cannot follow the count */
		while (!c->has_ended)
			(void)fiber_await(&c->done, c->name, deadline_never()); /* raised only */
		fiber_shield_end();
	}
}

int worker_call(struct worker *there, const char *name, int (*fn)(void *arg, struct err *e),
                void *arg, struct err *e)
{
	struct call *c;
	int r;

	if (fiber_is_canceled())
		return fiber_canceled_error(name, e);
	c = mem_new_of(struct call);
	*c = (struct call){
	        .home = fiber_worker(), .there = there, .name = name, .fn = fn, .arg = arg};
	atomic_init(&c->holders, 2);
	signal_init(&c->done);
	if (!worker_post(there, begin, c)) {
		free(c);
		return err_set(e, ERR_CANCELED, "CANCELED", 0, "%s: worker %s has stopped", name,
		               worker_name(there));
	}
	await_end(c);
	r = c->result;
	if (r < 0)
		*e = c->err;
	call_drop(c);
	return r;
}
