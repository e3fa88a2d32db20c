/*
 * A worker: one thread, one libuv loop, its fibers, its mailbox.
 *
 *	struct worker *w = worker_new("sftp-1", &e);
 *	worker_start(w);			// thread runs the loop
 *	worker_post(w, fn, arg);		// any thread: fn(arg) runs on w's loop (no fiber)
 *	worker_spawn(w, "name", fn, arg);	// any thread: starts a fiber there
 *	worker_stop(w);				// any thread: cancels all fibers, ends when the last is
 *						// gone; asserts that the loop closed clean
 *	worker_free(w);				// joins the thread
 *
 * The main thread's loop is a worker too (worker_run() instead of worker_start()).
 * Messages are plain values: a heap struct handed over whole; nothing mutable is shared.
 *
 * Liveness: each worker notes every turn of its loop; worker_silent_ms() tells how long ago the
 * last one was (a timer keeps idle loops turning once a second). A fiber that runs longer than
 * 250 ms without waiting is logged with its name and last label.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/runtime/fiber.h"

typedef struct uv_loop_s uv_loop_t;

struct worker *worker_new(const char *name, struct err *e);
int worker_start(struct worker *w, struct err *e); /* signals are blocked in the new thread */
void worker_run(struct worker *w);		   /* runs here until worker_stop */
void worker_stop(struct worker *w);
void worker_free(struct worker *w); /* NULL allowed */

/* "libuv 1.44.2" as linked. */
const char *worker_library(void);

const char *worker_name(const struct worker *w);
/* Own thread only. Whoever opens a handle on it closes it in a fiber's clean-up: a handle that is
 * open when the last fiber of a stopping worker has gone would keep the thread for ever, so the
 * process ends with its type in the log. */
uv_loop_t *worker_loop(struct worker *w);
int64_t worker_silent_ms(const struct worker *w); /* any thread */

struct worker_stats {
	int64_t fibers, turns, lag_max_ms, stalls;
};
struct worker_stats worker_stats(const struct worker *w); /* any thread; lag since last asked */

/* From any thread. false: the worker has ended, fn will never run and arg stays the caller's. While
 * it is stopping messages still run, and fibers are born cancelled. */
bool worker_post(struct worker *w, void (*fn)(void *arg), void *arg);
bool worker_spawn(struct worker *w, const char *name, fiber_fn *fn, void *arg);

/* From a fiber: run fn(arg) as a fiber of `there` and wait for its end. arg may point into the
 * caller's frame. A cancel of the caller is passed on to the called fiber; the call still returns
 * only when it has ended. */
int worker_call(struct worker *there, const char *name, int (*fn)(void *arg, struct err *e),
		void *arg, struct err *e);
