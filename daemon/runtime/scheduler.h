/*
 * What a worker's loop does with its fibers. Inside the runtime only.
 *
 * A turn of the libuv loop:
 *
 *	timers    alarms that are due make their fibers ready
 *	prepare   note the lag; set the one timer to the soonest alarm
 *	poll      descriptors and messages make fibers ready (no blocking while any is ready:
 *		  an idle handle is active exactly as long)
 *	check     every fiber that was ready when the check began runs once, until it waits
 *
 * So a fiber never runs inside the call that woke it, one that yields lets the descriptors be
 * looked at, and making ready, suspending and resuming are O(1).
 *
 * All of it belongs to the worker's thread; only struct pulse is read by others.
 */
#pragma once
#include <stdatomic.h>
#include <uv.h>

#include "daemon/base/list.h"
#include "daemon/runtime/alarms.h"
#include "daemon/runtime/coroutine.h"
#include "daemon/runtime/fiber.h"

enum { BUDGET_US = 10 * 1000, STALL_US = 250 * 1000 };

enum fiber_state { FIBER_READY, FIBER_RUNNING, FIBER_WAITING };

/* Why a wait ended. */
enum wake { WAKE_RAISED, WAKE_TIMEOUT, WAKE_CANCELED };

struct fiber {
	struct link all;   /* in scheduler.fibers */
	struct link place; /* in scheduler.ready, or among a signal's waiters */
	struct scheduler *scheduler;
	struct coroutine *coroutine; /* NULL until it first runs */
	fiber_fn *fn;
	void *arg;
	struct alarm alarm;
	struct deadline deadline; /* of the wait; for those who look */
	int64_t since_ms;         /* when the state began */
	int64_t resumed_us;
	enum fiber_state state;
	enum wake wake;
	unsigned shields;
	bool canceled;
	char name[64];
	char label[64]; /* what it waits for, or waited for last: a copy, for the caller's may go */
};

/* What other threads may look at. */
struct pulse {
	atomic_llong turned_ms; /* when the loop last turned */
	atomic_llong fibers, turns, lag_max_ms, stalls;
};

struct scheduler {
	uv_loop_t *loop;
	struct worker *worker;
	struct link fibers, ready;
	struct fiber *running;
	struct coroutine_pool pool;
	struct alarms alarms;
	struct pulse *pulse; /* made here, freed by the worker: it is read until then */
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle;
	uv_timer_t timer;
	int64_t armed_ms; /* what the timer is set to; INT64_MAX = stopped */
	int64_t busy_us;  /* since when this turn has been at work; 0 = it has not */
	bool stopping;    /* fibers are born cancelled */
	void (*emptied)(struct worker *); /* the last fiber has gone */
};

/* The scheduler of this thread's loop, NULL where there is none. */
struct scheduler *scheduler_here(void);
void scheduler_enter_thread(struct scheduler *s); /* NULL when the loop has ended */

void scheduler_init(struct scheduler *s, uv_loop_t *loop, struct worker *w);
void scheduler_close(struct scheduler *s);   /* uv_close()s its handles; no fiber is left */
void scheduler_release(struct scheduler *s); /* when the loop has closed */
void scheduler_cancel_all(struct scheduler *s);

/* A callback begins that may take time: from here on the turn counts as busy. */
void scheduler_note_work(struct scheduler *s);
struct scheduler *worker_scheduler(struct worker *w);

/* Puts the fiber into the run queue, out of whatever it waited for. */
void fiber_make_ready(struct fiber *f, enum wake why);
/* Suspends the running fiber; it must be in some list that will make it ready. */
void fiber_suspend(void);
/* signal_wait() without the words. */
enum wake fiber_await(struct signal *s, const char *label, struct deadline d);
int fiber_canceled_error(const char *label, struct err *e);
