#include "daemon/runtime/fiber.h"

#include <assert.h>

#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/scheduler.h"
#include "daemon/runtime/worker.h"

static struct fiber *running(void)
{
	struct fiber *f = fiber_self();

	assert(f); /* awaiting calls are for fibers, never for the loop's callbacks */
	return f;
}

/* Copies what fits, whole characters only; a copy of every label, so it must be cheap. */
static void copy_text(char out[64], const char *text)
{
	size_t n = strnlen(text, 64);

	if (n == 64)
		for (n = 63; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
			;
	memcpy(out, text, n);
	out[n] = '\0';
}

struct fiber *fiber_start(struct worker *w, const char *name, fiber_fn *fn, void *arg)
{
	struct scheduler *s = worker_scheduler(w);
	struct fiber *f = mem_new_of(struct fiber);

	assert(!scheduler_here() || scheduler_here() == s); /* elsewhere: worker_spawn() */
	f->scheduler = s;
	f->fn = fn;
	f->arg = arg;
	copy_text(f->label, "its start");
	f->canceled = s->stopping;
	copy_text(f->name, name);
	list_init(&f->place);
	list_append(&s->fibers, &f->all);
	atomic_fetch_add_explicit(&s->pulse->fibers, 1, memory_order_relaxed);
	fiber_make_ready(f, WAKE_RAISED);
	return f;
}

struct fiber *fiber_self(void)
{
	struct scheduler *s = scheduler_here();

	return s ? s->running : NULL;
}

struct worker *fiber_worker(void)
{
	struct scheduler *s = scheduler_here();

	return s ? s->worker : NULL;
}

/* ---- cancel -------------------------------------------------------------------------------- */

static bool cancel_is_due(const struct fiber *f)
{
	return f->canceled && f->shields == 0;
}

void fiber_cancel(struct fiber *f)
{
	f->canceled = true;
	if (f->state == FIBER_WAITING && f->shields == 0)
		fiber_make_ready(f, WAKE_CANCELED);
}

bool fiber_is_canceled(void)
{
	return cancel_is_due(running());
}

void fiber_shield_begin(void)
{
	running()->shields++;
}

void fiber_shield_end(void)
{
	assert(running()->shields > 0);
	running()->shields--;
}

int fiber_canceled_error(const char *label, struct err *e)
{
	return err_set(e, ERR_CANCELED, "CANCELED", 0, "cancelled while waiting for %s", label);
}

/* ---- waiting ------------------------------------------------------------------------------- */

enum wake fiber_await(struct signal *s, const char *label, struct deadline d)
{
	struct fiber *f = running();

	if (cancel_is_due(f))
		return WAKE_CANCELED;
	if (deadline_left_ms(d) == 0)
		return WAKE_TIMEOUT;
	copy_text(f->label, label);
	f->deadline = d;
	f->since_ms = clock_mono_ms();
	f->state = FIBER_WAITING;
	list_append(&s->waiters, &f->place);
	if (d.at_ms != INT64_MAX)
		alarms_add(&f->scheduler->alarms, &f->alarm, d.at_ms);
	fiber_suspend();
	return f->wake;
}

int fiber_yield(struct err *e)
{
	struct fiber *f = running();

	if (cancel_is_due(f))
		return fiber_canceled_error("its next turn", e);
	fiber_make_ready(f, WAKE_RAISED);
	fiber_suspend();
	return cancel_is_due(f) ? fiber_canceled_error("its next turn", e) : 0;
}

int fiber_breathe(struct err *e)
{
	struct fiber *f = running();

	if (cancel_is_due(f))
		return fiber_canceled_error("its next turn", e);
	if (clock_mono_us() - f->resumed_us < BUDGET_US)
		return 0;
	return fiber_yield(e);
}

int fiber_sleep(int64_t ms, const char *label, struct err *e)
{
	struct signal never;

	if (ms <= 0)
		return fiber_yield(e);
	signal_init(&never);
	if (fiber_await(&never, label, deadline_in(ms)) == WAKE_CANCELED)
		return fiber_canceled_error(label, e);
	return 0;
}

/* ---- looking on ---------------------------------------------------------------------------- */

static const char *state_label(const struct fiber *f)
{
	switch (f->state) {
	case FIBER_READY:
		return "ready";
	case FIBER_RUNNING:
		return "running";
	case FIBER_WAITING:
		return f->label;
	}
	return "";
}

static void describe(const struct fiber *f, struct fiber_info *out)
{
	bool has_deadline = f->state == FIBER_WAITING && f->deadline.at_ms != INT64_MAX;

	*out = (struct fiber_info){.canceled = f->canceled, .deadline_ms = -1};
	copy_text(out->name, f->name);
	copy_text(out->label, state_label(f));
	if (f->state != FIBER_RUNNING)
		out->waiting_ms = clock_mono_ms() - f->since_ms;
	if (has_deadline)
		out->deadline_ms = deadline_left_ms(f->deadline);
}

void fiber_each(struct worker *w, void (*each)(const struct fiber_info *, void *arg), void *arg)
{
	struct fiber_info info;

	list_for_each(l, &worker_scheduler(w)->fibers)
	{
		describe(list_item(l, struct fiber, all), &info);
		each(&info, arg);
	}
}
