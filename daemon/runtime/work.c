#include "daemon/runtime/work.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "daemon/runtime/scheduler.h"
#include "daemon/runtime/worker.h"

void work_setup(void)
{
	char threads[16];

	(void)snprintf(threads, sizeof(threads), "%d", WORK_THREADS); /* always fits */
	if (setenv("UV_THREADPOOL_SIZE", threads, 1) != 0)
		abort(); /* out of memory before anything has begun */
	/* libuv 1.45 to 1.48 batch epoll_ctl() through io_uring; be the same on every version. */
	if (setenv("UV_USE_IO_URING", "0", 0) != 0)
		abort();
}

struct work {
	uv_work_t request;
	int (*fn)(void *arg, struct err *e);
	void *arg;
	struct err *err;
	int result;
	bool has_ended;
	struct signal done;
};

static void on_pool(uv_work_t *request)
{
	struct work *k = request->data;

	k->result = k->fn(k->arg, k->err);
}

static void on_loop(uv_work_t *request, int status)
{
	struct work *k = request->data;

	if (status < 0)
		k->result = fiber_canceled_error("a free thread", k->err);
	k->has_ended = true;
	signal_raise(&k->done);
}

static void await_end(struct work *k, const char *label)
{
	if (fiber_await(&k->done, label, deadline_never()) == WAKE_CANCELED)
		(void)uv_cancel((uv_req_t *)&k->request); /* refused when fn runs: then it ends */
	fiber_shield_begin();
	while (!k->has_ended)
		(void)fiber_await(&k->done, label, deadline_never()); /* shielded: raised only */
	fiber_shield_end();
}

int work_run(int (*fn)(void *arg, struct err *e), void *arg, const char *label, struct err *e)
{
	struct work k = {.fn = fn, .arg = arg, .err = e};
	int r;

	if (fiber_is_canceled())
		return fiber_canceled_error(label, e);
	k.request.data = &k;
	signal_init(&k.done);
	r = uv_queue_work(worker_loop(fiber_worker()), &k.request, on_pool, on_loop);
	assert(r == 0); /* refuses a missing function only (libuv 1.44 and 1.50, threadpool.c) */
	await_end(&k, label);
	return k.result;
}
