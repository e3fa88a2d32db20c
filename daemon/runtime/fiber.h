/*
 * Fibers: stackful coroutines on a worker's libuv loop.
 *
 * A connection, a poll, a file's fetch, a delivery is one function that reads from top to bottom.
 * Calls that wait are ordinary calls; they return 0 or a negative kind and a struct err:
 *
 *	static void greet(void *arg)
 *	{
 *		struct err e;
 *
 *		if (fiber_sleep(1000, "pause before greeting", &e) < 0)
 *			return;			// cancelled: e says so
 *		...
 *	}
 *	struct fiber *f = fiber_start(worker, "greet acme", greet, arg);
 *
 * Everything here is called on the worker's own thread. A fiber never moves to another worker.
 *
 * Waiting. Every await takes a label (a literal or text that outlives the wait; `ferryctl ps`
 * shows it) and a deadline. An await returns only when no callback can touch the fiber's frame any
 * more. A fiber made ready runs on the next turn of the loop, never inside the call that woke it.
 *
 * Cancel. fiber_cancel() makes the current await, or the next one, return ERR_CANCELED once the
 * awaited thing no longer touches the frame; later awaits return it too, at once, unless the fiber
 * is inside fiber_shield_begin()/fiber_shield_end() (for clean-up code, which may await with its
 * own deadlines).
 *
 * Stacks: FIBER_STACK_BYTES, mmap'ed with a guard page, pooled per worker. Keep frames small: no
 * buffer over 16 KiB on the stack.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/base/list.h"
#include "daemon/runtime/deadline.h"

enum { FIBER_STACK_BYTES = 128 * 1024 };

struct worker;
struct fiber;
typedef void fiber_fn(void *arg);

/* Copies `name` (at most 63 bytes). The fiber frees itself when fn returns. It first runs on the
 * next turn of the loop. */
struct fiber *fiber_start(struct worker *w, const char *name, fiber_fn *fn, void *arg);

/* The running fiber; NULL when called from the loop itself. */
struct fiber *fiber_self(void);
/* The worker of the running fiber, or of this thread's loop. */
struct worker *fiber_worker(void);

/* The fiber must still be alive: whoever cancels knows it through a group or its own flag. */
void fiber_cancel(struct fiber *f);
bool fiber_is_canceled(void);
void fiber_shield_begin(void);
void fiber_shield_end(void);

/* Let others run; resumes on the next turn of the loop. */
int fiber_yield(struct err *e);
/* Yields only if this fiber has run for longer than its budget (10 ms) since it last waited.
 * Call it in loops that may never wait. */
int fiber_breathe(struct err *e);
int fiber_sleep(int64_t ms, const char *label, struct err *e);

/* ---- signals: the one waiting primitive all others are made of ----------------------------- */

/*
 * A signal is where fibers of one worker wait for a condition. As with a condition variable the
 * waiter re-checks:
 *
 *	while (!c->ready)
 *		if (signal_wait(&c->changed, "handshake", deadline, e) < 0)
 *			return ERR_...;
 */
struct signal {
	struct link waiters;
};

void signal_init(struct signal *s);
/* Wake all that wait now; may be called from fibers and from callbacks of the same worker. */
void signal_raise(struct signal *s);
/* Wake the one that has waited longest. */
void signal_raise_one(struct signal *s);
/* 0 when raised; ERR_NETWORK/"TIMEOUT" when the deadline passed (message: "timed out after N s
 * waiting for <label>"); ERR_CANCELED/"CANCELED". */
int signal_wait(struct signal *s, const char *label, struct deadline d, struct err *e);

/* ---- groups: start several fibers and wait for all ----------------------------------------- */

/*
 *	struct group g;
 *	group_init(&g, worker);
 *	group_start(&g, "copy a", copy, &a);
 *	group_start(&g, "copy b", copy, &b);
 *	(void)group_cancel(&g);			// optional: cancels those still alive
 *	group_wait(&g, "two copies");		// always before the frame ends; not cancelable itself,
 *						// but a cancel of the waiter is passed on to the group
 */
struct group {
	struct worker *worker;
	struct link members;
	struct signal ended;
	size_t alive;
};

void group_init(struct group *g, struct worker *w);
void group_start(struct group *g, const char *name, fiber_fn *fn, void *arg);
void group_cancel(struct group *g);
void group_wait(struct group *g, const char *label);

/* ---- what `ferryctl ps` shows -------------------------------------------------------------- */

struct fiber_info {
	char name[64];
	char label[64];	      /* what it waits for; "running" or "ready" */
	int64_t waiting_ms;   /* since when */
	int64_t deadline_ms;  /* left until the deadline; -1 = none */
	bool canceled;
};
/* Calls `each` for every fiber of the worker; call on the worker's thread. */
void fiber_each(struct worker *w, void (*each)(const struct fiber_info *, void *arg), void *arg);
