/*
 * A loop with fibers for a test: rig_run(body) runs `body` as the first fiber of a fresh worker on
 * this thread, stops the worker when it returns, and comes back when the loop has closed clean
 * (worker_run asserts it).
 *
 * cmocka's assertions jump out of the test's frame and must not be used on a fiber's stack: there,
 * check() prints and aborts.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/base/clock.h"
#include "daemon/runtime/fiber.h"
#include "daemon/runtime/worker.h"

#define check(what)                                                                            \
	do {                                                                                   \
		if (!(what)) {                                                                 \
			(void)fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, \
			              #what);                                                  \
			abort();                                                               \
		}                                                                              \
	} while (0)

struct rig {
	struct worker *worker;
	void (*body)(struct worker *w);
};

static void rig_body(void *arg)
{
	struct rig *rig = arg;

	rig->body(rig->worker);
	worker_stop(rig->worker);
}

static inline void rig_run(void (*body)(struct worker *w))
{
	struct err e;
	struct rig rig = {.worker = worker_new("test", &e), .body = body};

	check(rig.worker);
	(void)fiber_start(rig.worker, "test", rig_body, &rig);
	worker_run(rig.worker);
	worker_free(rig.worker);
}

/* Lets everything that is ready run, `turns` times. */
static inline void rig_turns(int turns)
{
	struct err e;

	while (turns-- > 0)
		check(fiber_yield(&e) == 0);
}

/* Waits, bounded, until *flag is set by another fiber of this worker. */
static inline void rig_await(const bool *flag)
{
	int64_t until = clock_mono_ms() + 10000;
	struct err e;

	while (!*flag) {
		check(clock_mono_ms() < until);
		check(fiber_sleep(1, "a flag of the test", &e) == 0);
	}
}
