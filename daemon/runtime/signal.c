#include <assert.h>

#include "daemon/base/clock.h"
#include "daemon/runtime/fiber.h"
#include "daemon/runtime/scheduler.h"

void signal_init(struct signal *s)
{
	list_init(&s->waiters);
}

static void wake_first(struct signal *s)
{
	fiber_make_ready(list_item(s->waiters.next, struct fiber, place), WAKE_RAISED);
}

void signal_raise(struct signal *s)
{
	while (!list_is_empty(&s->waiters))
		wake_first(s);
}

void signal_raise_one(struct signal *s)
{
	if (!list_is_empty(&s->waiters))
		wake_first(s);
}

/* As an operator says it: "250 ms", "2.5 s", "10 s". */
static int timeout_error(const char *label, int64_t waited_ms, struct err *e)
{
	long long s = (long long)(waited_ms / 1000), tenths = (long long)(waited_ms % 1000 / 100);

	if (waited_ms < 1000)
		return err_set(e, ERR_NETWORK, "TIMEOUT", 0,
		               "timed out after %lld ms waiting for %s", (long long)waited_ms,
		               label);
	if (waited_ms < 10000 && tenths)
		return err_set(e, ERR_NETWORK, "TIMEOUT", 0,
		               "timed out after %lld.%lld s waiting for %s", s, tenths, label);
	return err_set(e, ERR_NETWORK, "TIMEOUT", 0, "timed out after %lld s waiting for %s", s,
	               label);
}

int signal_wait(struct signal *s, const char *label, struct deadline d, struct err *e)
{
	int64_t began_ms = clock_mono_ms();

	switch (fiber_await(s, label, d)) {
	case WAKE_RAISED:
		return 0;
	case WAKE_TIMEOUT:
		return timeout_error(label, clock_mono_ms() - began_ms, e);
	case WAKE_CANCELED:
		return fiber_canceled_error(label, e);
	}
	return err_set(e, ERR_BUG, "BUG", 0, "unknown wake-up of %s", label);
}
