#include "daemon/runtime/worker.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <uv.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/mailbox.h"
#include "daemon/runtime/scheduler.h"

enum { TICK_MS = 1000 };

struct worker {
	char name[32];
	uv_loop_t loop;
	struct scheduler scheduler;
	struct mailbox mailbox;
	uv_timer_t tick; /* keeps an idle loop turning, for worker_silent_ms() */
	pthread_t thread;
	bool has_thread;
	bool has_run;
};

struct scheduler *worker_scheduler(struct worker *w)
{
	return &w->scheduler;
}

/* ---- the end ------------------------------------------------------------------------------- */

static void refuse_open_handle(uv_handle_t *h, void *arg)
{
	struct worker *w = arg;

	if (uv_is_closing(h))
		return;
	log_error("a loop handle outlived its worker's last fiber", "worker=%s handle=%s", w->name,
	          uv_handle_type_name(h->type));
	abort();
}

/* Called whenever the last fiber has gone and whenever messages were handled. */
static void end_if_done(struct worker *w)
{
	if (!w->scheduler.stopping || !list_is_empty(&w->scheduler.fibers))
		return;
	if (uv_is_closing((uv_handle_t *)&w->tick) || !mailbox_close(&w->mailbox))
		return;
	scheduler_close(&w->scheduler);
	uv_close((uv_handle_t *)&w->tick, NULL);
	uv_walk(&w->loop, refuse_open_handle, w);
}

static void on_messages_handled(void *arg)
{
	end_if_done(arg);
}

static void stop_here(void *arg)
{
	struct worker *w = arg;

	scheduler_cancel_all(&w->scheduler);
}

void worker_stop(struct worker *w)
{
	(void)mailbox_post(&w->mailbox, stop_here, w); /* refused: it has ended already */
}

/* ---- the life ------------------------------------------------------------------------------ */

static void on_tick(uv_timer_t *tick)
{
	(void)tick; /* the turn itself is noted by the scheduler */
}

struct worker *worker_new(const char *name, struct err *e)
{
	struct worker *w = mem_new_of(struct worker);
	int r = uv_loop_init(&w->loop);

	(void)snprintf(w->name, sizeof(w->name), "%s", name); /* may cut: it is for looking at */
	if (r < 0) {
		(void)err_set(e, ERR_LOCAL, "LOCAL-LOOP", -r,
		              "event loop of worker %s: %s (raise LimitNOFILE?)", name,
		              uv_strerror(r));
		free(w);
		return NULL;
	}
	if (mailbox_init(&w->mailbox, &w->loop, on_messages_handled, w, e) < 0) {
		(void)uv_loop_close(&w->loop); /* nothing was opened on it */
		free(w);
		return NULL;
	}
	scheduler_init(&w->scheduler, &w->loop, w);
	w->scheduler.emptied = end_if_done;
	(void)uv_timer_init(&w->loop, &w->tick); /* cannot fail, nor can the start */
	(void)uv_timer_start(&w->tick, on_tick, TICK_MS, TICK_MS);
	return w;
}

void worker_run(struct worker *w)
{
	int r;

	assert(!w->has_run);
	w->has_run = true;
	scheduler_enter_thread(&w->scheduler);
	(void)uv_run(&w->loop, UV_RUN_DEFAULT); /* returns 0: every handle has closed */
	scheduler_enter_thread(NULL);
	r = uv_loop_close(&w->loop);
	assert(r == 0);
	scheduler_release(&w->scheduler);
}

static void *thread_body(void *arg)
{
	worker_run(arg);
	return NULL;
}

int worker_start(struct worker *w, struct err *e)
{
	sigset_t all, before;
	char short_name[16];
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&w->thread, NULL, thread_body, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return err_set(e, ERR_LOCAL, "LOCAL-THREAD", r, "thread of worker %s: %s", w->name,
		               uv_strerror(-r));
	w->has_thread = true;
	(void)snprintf(short_name, sizeof(short_name), "%.15s", w->name); /* the kernel's limit */
	(void)pthread_setname_np(w->thread, short_name);                  /* for top(1) only */
	return 0;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	worker_stop(w);
	if (w->has_thread)
		pthread_join(w->thread, NULL);
	else if (!w->has_run)
		worker_run(w);
	mailbox_release(&w->mailbox);
	free(w->scheduler.pulse);
	free(w);
}

/* ---- looking on ---------------------------------------------------------------------------- */

const char *worker_name(const struct worker *w)
{
	return w->name;
}

uv_loop_t *worker_loop(struct worker *w)
{
	return &w->loop;
}

int64_t worker_silent_ms(const struct worker *w)
{
	int64_t turned_ms =
	        atomic_load_explicit(&w->scheduler.pulse->turned_ms, memory_order_relaxed);

	return clock_mono_ms() - turned_ms;
}

struct worker_stats worker_stats(const struct worker *w)
{
	struct pulse *p = w->scheduler.pulse;

	return (struct worker_stats){
	        .fibers = atomic_load_explicit(&p->fibers, memory_order_relaxed),
	        .turns = atomic_load_explicit(&p->turns, memory_order_relaxed),
	        .lag_max_ms = atomic_exchange_explicit(&p->lag_max_ms, 0, memory_order_relaxed),
	        .stalls = atomic_load_explicit(&p->stalls, memory_order_relaxed),
	};
}

/* ---- messages ------------------------------------------------------------------------------ */

bool worker_post(struct worker *w, void (*fn)(void *arg), void *arg)
{
	return mailbox_post(&w->mailbox, fn, arg);
}

struct birth {
	struct worker *worker;
	char name[64];
	fiber_fn *fn;
	void *arg;
};

static void give_birth(void *arg)
{
	struct birth *b = arg;

	(void)fiber_start(b->worker, b->name, b->fn, b->arg);
	free(b);
}

bool worker_spawn(struct worker *w, const char *name, fiber_fn *fn, void *arg)
{
	struct birth *b = mem_new_of(struct birth);

	b->worker = w;
	b->fn = fn;
	b->arg = arg;
	(void)snprintf(b->name, sizeof(b->name), "%s", name); /* may cut, as fiber_start() does */
	if (mailbox_post(&w->mailbox, give_birth, b))
		return true;
	free(b);
	return false;
}

const char *worker_library(void)
{
	static char text[32];

	(void)snprintf(text, sizeof(text), "libuv %s", uv_version_string());
	return text;
}
