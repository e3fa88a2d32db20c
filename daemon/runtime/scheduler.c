#include "daemon/runtime/scheduler.h"

#include <assert.h>

#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

static _Thread_local struct scheduler *here;

struct scheduler *scheduler_here(void)
{
	return here;
}

void scheduler_enter_thread(struct scheduler *s)
{
	assert(!s || !here);
	here = s;
}

/* ---- running fibers ------------------------------------------------------------------------ */

static void fiber_body(void *arg)
{
	struct fiber *f = arg;

	f->fn(f->arg);
	assert(f->shields == 0);
}

static void fiber_bury(struct scheduler *s, struct fiber *f)
{
	coroutine_give_back(&s->pool, f->coroutine);
	list_remove(&f->all);
	atomic_fetch_sub_explicit(&s->pulse->fibers, 1, memory_order_relaxed);
	free(f);
}

static void report_stall(struct scheduler *s, const struct fiber *f, int64_t took_us)
{
	struct escaped name, label;

	atomic_fetch_add_explicit(&s->pulse->stalls, 1, memory_order_relaxed);
	log_warn("a fiber held its loop without waiting", "fiber=\"%s\" after=\"%s\" ms=%lld",
	         escape_name(f->name, &name), escape_name(f->label, &label),
	         (long long)(took_us / 1000));
}

/* `began_us` is when the one before it ended: one look at the clock per fiber. */
static int64_t run_fiber(struct scheduler *s, struct fiber *f, int64_t began_us)
{
	int64_t ended_us;

	if (!f->coroutine) {
		f->coroutine = coroutine_take(&s->pool);
		coroutine_begin(f->coroutine, fiber_body, f);
	}
	f->state = FIBER_RUNNING;
	f->resumed_us = began_us;
	s->running = f;
	coroutine_resume(f->coroutine);
	s->running = NULL;
	ended_us = clock_mono_us();
	if (ended_us - began_us > STALL_US)
		report_stall(s, f, ended_us - began_us);
	if (coroutine_has_ended(f->coroutine))
		fiber_bury(s, f);
	return ended_us;
}

static void take_turn(struct scheduler *s, struct link *turn)
{
	struct link *first = s->ready.next, *last = s->ready.prev;

	list_init(turn);
	if (list_is_empty(&s->ready))
		return;
	turn->next = first;
	turn->prev = last;
	first->prev = last->next = turn;
	list_init(&s->ready);
}

static void note_turn(struct scheduler *s, int64_t now_us)
{
	atomic_store_explicit(&s->pulse->turned_ms, now_us / 1000, memory_order_relaxed);
}

static void on_check(uv_check_t *check)
{
	struct scheduler *s = check->data;
	int64_t now_us = clock_mono_us();
	struct link turn, *l;

	note_turn(s, now_us);
	take_turn(s, &turn);
	if (list_is_empty(&turn))
		return;
	if (!s->busy_us)
		s->busy_us = now_us;
	while ((l = list_take_first(&turn)) != NULL)
		now_us = run_fiber(s, list_item(l, struct fiber, place), now_us);
	if (list_is_empty(&s->ready))
		(void)uv_idle_stop(&s->idle);
	if (list_is_empty(&s->fibers))
		s->emptied(s->worker);
}

static void on_idle(uv_idle_t *idle)
{
	(void)idle; /* being active is its whole work: poll does not block */
}

/* ---- time ---------------------------------------------------------------------------------- */

void scheduler_note_work(struct scheduler *s)
{
	if (!s->busy_us)
		s->busy_us = clock_mono_us();
}

static void note_lag(struct scheduler *s, int64_t now_us)
{
	long long lag_ms = s->busy_us ? (now_us - s->busy_us) / 1000 : 0;
	long long seen = atomic_load_explicit(&s->pulse->lag_max_ms, memory_order_relaxed);

	s->busy_us = 0;
	while (lag_ms > seen &&
	       !atomic_compare_exchange_weak_explicit(&s->pulse->lag_max_ms, &seen, lag_ms,
	                                              memory_order_relaxed, memory_order_relaxed))
		;
}

static void on_timer(uv_timer_t *timer)
{
	struct scheduler *s = timer->data;
	int64_t now_ms = clock_mono_ms();
	struct alarm *a;

	s->armed_ms = INT64_MAX;
	while ((a = alarms_take_due(&s->alarms, now_ms)) != NULL)
		fiber_make_ready(list_item(a, struct fiber, alarm), WAKE_TIMEOUT);
}

/* uv_now() and clock_mono_ms() read the same clock, uv_now() as of the turn's beginning; a timer
 * runs out at uv_now() + timeout, so the difference sets it to the alarm's time exactly. */
static void arm_timer(struct scheduler *s)
{
	int64_t next_ms = alarms_next_ms(&s->alarms), now_ms = (int64_t)uv_now(s->loop);

	if (next_ms == s->armed_ms)
		return;
	s->armed_ms = next_ms;
	if (next_ms == INT64_MAX)
		(void)uv_timer_stop(&s->timer);
	else
		(void)uv_timer_start(&s->timer, on_timer,
		                     next_ms > now_ms ? (uint64_t)(next_ms - now_ms) : 0, 0);
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct scheduler *s = prepare->data;
	int64_t now_us = clock_mono_us();

	atomic_fetch_add_explicit(&s->pulse->turns, 1, memory_order_relaxed);
	note_turn(s, now_us);
	note_lag(s, now_us);
	arm_timer(s);
}

/* ---- beginning and end --------------------------------------------------------------------- */

void scheduler_init(struct scheduler *s, uv_loop_t *loop, struct worker *w)
{
	s->loop = loop;
	s->worker = w;
	s->armed_ms = INT64_MAX;
	s->pulse = mem_new_of(struct pulse);
	atomic_init(&s->pulse->turned_ms, clock_mono_ms());
	list_init(&s->fibers);
	list_init(&s->ready);
	alarms_init(&s->alarms);
	coroutine_pool_init(&s->pool, FIBER_STACK_BYTES);
	/* None of these can fail: they only link structures (libuv 1.44 and 1.50, loop-watcher.c).
	 */
	(void)uv_prepare_init(loop, &s->prepare);
	(void)uv_check_init(loop, &s->check);
	(void)uv_idle_init(loop, &s->idle);
	(void)uv_timer_init(loop, &s->timer);
	s->prepare.data = s->check.data = s->idle.data = s->timer.data = s;
	(void)uv_prepare_start(&s->prepare, on_prepare);
	(void)uv_check_start(&s->check, on_check);
}

void scheduler_close(struct scheduler *s)
{
	assert(list_is_empty(&s->fibers));
	uv_close((uv_handle_t *)&s->prepare, NULL);
	uv_close((uv_handle_t *)&s->check, NULL);
	uv_close((uv_handle_t *)&s->idle, NULL);
	uv_close((uv_handle_t *)&s->timer, NULL);
}

void scheduler_release(struct scheduler *s)
{
	alarms_release(&s->alarms);
	coroutine_pool_release(&s->pool);
}

void scheduler_cancel_all(struct scheduler *s)
{
	s->stopping = true;
	list_for_each(l, &s->fibers) fiber_cancel(list_item(l, struct fiber, all));
}

void fiber_make_ready(struct fiber *f, enum wake why)
{
	struct scheduler *s = f->scheduler;

	list_remove(&f->place);
	alarms_remove(&s->alarms, &f->alarm);
	f->wake = why;
	f->state = FIBER_READY;
	f->since_ms = (int64_t)uv_now(s->loop);
	if (list_is_empty(&s->ready))
		(void)uv_idle_start(&s->idle, on_idle);
	list_append(&s->ready, &f->place);
}

void fiber_suspend(void)
{
	coroutine_suspend(here->running->coroutine);
}
