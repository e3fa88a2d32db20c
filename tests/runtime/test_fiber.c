#include "tests/runtime/rig.h"

/* ---- a fiber that waits on a signal and notes what came ------------------------------------ */

struct sleeper {
	struct signal *signal;
	struct deadline deadline;
	struct fiber *fiber;
	struct err err;
	int result;
	int order;
	bool ended;
};

static int ended_so_far;

static void wait_once(void *arg)
{
	struct sleeper *s = arg;

	s->result = signal_wait(s->signal, "the bell", s->deadline, &s->err);
	s->order = ++ended_so_far;
	s->ended = true;
}

static void sleeper_start(struct sleeper *s, struct worker *w, struct signal *on)
{
	s->signal = on;
	s->deadline = deadline_never();
	s->fiber = fiber_start(w, "sleeper", wait_once, s);
}

/* ---- starting and waking ------------------------------------------------------------------- */

static void raise_and_look(struct worker *w)
{
	struct sleeper a = {0};
	struct signal bell;

	signal_init(&bell);
	sleeper_start(&a, w, &bell);
	check(a.order == 0); /* not inside fiber_start() */
	rig_turns(1);
	signal_raise(&bell);
	check(!a.ended); /* not inside signal_raise() */
	rig_turns(1);
	check(a.ended && a.result == 0);
}

static void test_fiber__never_runs_inside_the_call_that_woke_it(void **state)
{
	(void)state;
	rig_run(raise_and_look);
}

static void raise_one_of_three(struct worker *w)
{
	struct sleeper s[3] = {0};
	struct signal bell;

	ended_so_far = 0;
	signal_init(&bell);
	for (int i = 0; i < 3; i++)
		sleeper_start(&s[i], w, &bell);
	rig_turns(1);
	signal_raise_one(&bell);
	rig_turns(2);
	check(s[0].ended && !s[1].ended && !s[2].ended);
	signal_raise(&bell);
	rig_turns(1);
	check(s[1].order == 2 && s[2].order == 3);
}

static void test_signal__wakes_in_order_of_waiting(void **state)
{
	(void)state;
	rig_run(raise_one_of_three);
}

/* ---- deadlines ----------------------------------------------------------------------------- */

static void wait_in_vain(struct worker *w)
{
	int64_t began = clock_mono_ms();
	struct signal bell;
	struct err e;

	(void)w;
	signal_init(&bell);
	check(signal_wait(&bell, "a reply", deadline_in(30), &e) == ERR_NETWORK);
	check(clock_mono_ms() - began >= 30);
	check(strcmp(e.code, "TIMEOUT") == 0);
	check(strncmp(e.message, "timed out after ", 16) == 0);
	check(strstr(e.message, " ms waiting for a reply"));
	check(list_is_empty(&bell.waiters));
	check(signal_wait(&bell, "a reply", deadline_in(0), &e) == ERR_NETWORK);
}

static void test_signal__deadline_passes_and_names_what_was_awaited(void **state)
{
	(void)state;
	rig_run(wait_in_vain);
}

static void nap(void *arg)
{
	int64_t *ms = arg, began = clock_mono_ms();
	struct err e;

	check(fiber_sleep(*ms, "a nap", &e) == 0);
	check(clock_mono_ms() - began >= *ms);
	*ms = 0;
}

static void sleep_in_any_order(struct worker *w)
{
	int64_t ms[200];
	struct group g;

	group_init(&g, w);
	for (int i = 0; i < 200; i++) {
		ms[i] = 1 + i * 37 % 50;
		group_start(&g, "napper", nap, &ms[i]);
	}
	group_wait(&g, "200 naps");
	for (int i = 0; i < 200; i++)
		check(ms[i] == 0);
}

static void test_sleep__many_sleepers_each_wake_in_their_time(void **state)
{
	(void)state;
	rig_run(sleep_in_any_order);
}

/* ---- cancel -------------------------------------------------------------------------------- */

static void cancel_a_waiter(struct worker *w)
{
	struct sleeper s = {0};
	struct signal bell;

	signal_init(&bell);
	sleeper_start(&s, w, &bell);
	rig_turns(1);
	fiber_cancel(s.fiber);
	check(!s.ended);
	rig_turns(1);
	check(s.result == ERR_CANCELED && strcmp(s.err.code, "CANCELED") == 0);
	check(list_is_empty(&bell.waiters));
}

static void test_cancel__ends_a_signal_wait(void **state)
{
	(void)state;
	rig_run(cancel_a_waiter);
}

static void cancel_before_first_run(struct worker *w)
{
	struct sleeper s = {0};
	struct signal bell;

	signal_init(&bell);
	sleeper_start(&s, w, &bell);
	fiber_cancel(s.fiber);
	rig_turns(1);
	check(s.ended && s.result == ERR_CANCELED);
}

static void test_cancel__meets_a_fiber_that_has_not_begun(void **state)
{
	(void)state;
	rig_run(cancel_before_first_run);
}

static void raise_then_cancel(struct worker *w)
{
	struct sleeper s = {0};
	struct signal bell;

	signal_init(&bell);
	sleeper_start(&s, w, &bell);
	rig_turns(1);
	signal_raise_one(&bell);
	fiber_cancel(s.fiber);
	rig_turns(1);
	check(s.result == 0); /* the raise is not lost; the next await would say cancelled */
}

static void test_cancel__does_not_swallow_a_raise(void **state)
{
	(void)state;
	rig_run(raise_then_cancel);
}

static void sleep_until_cancelled(void *arg)
{
	struct err e;

	check(fiber_sleep(60000, "a long night", &e) == ERR_CANCELED);
	check(strstr(e.message, "a long night"));
	check(fiber_is_canceled());
	check(fiber_yield(&e) == ERR_CANCELED); /* every later await, at once */
	check(fiber_breathe(&e) == ERR_CANCELED);
	fiber_shield_begin();
	check(!fiber_is_canceled());
	check(fiber_sleep(5, "clean-up", &e) == 0);
	fiber_shield_end();
	check(fiber_sleep(5, "more", &e) == ERR_CANCELED);
	*(bool *)arg = true;
}

static void cancel_a_sleeper(struct worker *w)
{
	bool ended = false;
	struct fiber *f = fiber_start(w, "sleeper", sleep_until_cancelled, &ended);

	rig_turns(2);
	fiber_cancel(f);
	rig_await(&ended);
}

static void test_cancel__ends_a_sleep_and_spares_what_is_shielded(void **state)
{
	(void)state;
	rig_run(cancel_a_sleeper);
}

static void sleep_shielded(void *arg)
{
	struct err e;

	fiber_shield_begin();
	check(fiber_sleep(30, "an fsync", &e) == 0);
	fiber_shield_end();
	check(fiber_sleep(30, "the next step", &e) == ERR_CANCELED);
	*(bool *)arg = true;
}

static void cancel_a_shielded_wait(struct worker *w)
{
	bool ended = false;
	struct fiber *f = fiber_start(w, "shielded", sleep_shielded, &ended);

	rig_turns(2);
	fiber_cancel(f);
	rig_await(&ended);
}

static void test_cancel__waits_for_the_shield_to_end(void **state)
{
	(void)state;
	rig_run(cancel_a_shielded_wait);
}

/* ---- groups -------------------------------------------------------------------------------- */

static void wait_for_two(void *arg)
{
	bool ended[2] = {false, false};
	struct group g;

	group_init(&g, fiber_worker());
	group_start(&g, "one", sleep_until_cancelled, &ended[0]);
	group_start(&g, "two", sleep_until_cancelled, &ended[1]);
	group_wait(&g, "both");
	check(ended[0] && ended[1] && g.alive == 0);
	check(fiber_is_canceled());
	*(bool *)arg = true;
}

static void cancel_a_group_waiter(struct worker *w)
{
	bool ended = false;
	struct fiber *f = fiber_start(w, "waiter", wait_for_two, &ended);

	rig_turns(3);
	fiber_cancel(f);
	rig_await(&ended);
}

static void test_group__passes_a_cancel_on_and_still_waits(void **state)
{
	(void)state;
	rig_run(cancel_a_group_waiter);
}

/* ---- fairness and looking on --------------------------------------------------------------- */

static void burn(int64_t ms)
{
	for (int64_t until = clock_mono_ms() + ms; clock_mono_ms() < until;)
		;
}

static void breathe_while_working(void *arg)
{
	struct err e;

	for (int i = 0; i < 30; i++) {
		burn(1);
		check(fiber_breathe(&e) == 0);
	}
	*(bool *)arg = true;
}

static void share_the_loop(struct worker *w)
{
	bool ended = false;
	int turns = 0;

	(void)fiber_start(w, "worker bee", breathe_while_working, &ended);
	while (!ended) {
		rig_turns(1);
		turns++;
	}
	check(turns >= 2 && turns < 30); /* it gave way, but not every time */
}

static void test_breathe__gives_way_after_its_budget(void **state)
{
	(void)state;
	rig_run(share_the_loop);
}

static void hold_the_loop(struct worker *w)
{
	struct worker_stats before, after;

	rig_turns(1);
	before = worker_stats(w);
	burn(260);
	rig_turns(2);
	after = worker_stats(w);
	check(after.stalls == before.stalls + 1);
	check(after.lag_max_ms >= 250 && worker_stats(w).lag_max_ms < 250);
}

static void test_stall__is_counted(void **state)
{
	(void)state;
	rig_run(hold_the_loop);
}

static void note_sleeper(const struct fiber_info *info, void *arg)
{
	if (strcmp(info->name, "sleeper") == 0)
		*(struct fiber_info *)arg = *info;
}

static void look_at_a_sleeper(struct worker *w)
{
	struct fiber_info info = {0};
	bool ended = false;
	struct fiber *f = fiber_start(w, "sleeper", sleep_until_cancelled, &ended);

	fiber_each(w, note_sleeper, &info);
	check(strcmp(info.label, "ready") == 0 && info.deadline_ms == -1);
	rig_turns(2);
	fiber_each(w, note_sleeper, &info);
	check(strcmp(info.label, "a long night") == 0);
	check(info.deadline_ms > 50000 && info.deadline_ms <= 60000 && !info.canceled);
	fiber_cancel(f);
	rig_await(&ended);
}

static void test_fiber_each__shows_what_is_awaited(void **state)
{
	(void)state;
	rig_run(look_at_a_sleeper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_fiber__never_runs_inside_the_call_that_woke_it),
	        cmocka_unit_test(test_signal__wakes_in_order_of_waiting),
	        cmocka_unit_test(test_signal__deadline_passes_and_names_what_was_awaited),
	        cmocka_unit_test(test_sleep__many_sleepers_each_wake_in_their_time),
	        cmocka_unit_test(test_cancel__ends_a_signal_wait),
	        cmocka_unit_test(test_cancel__meets_a_fiber_that_has_not_begun),
	        cmocka_unit_test(test_cancel__does_not_swallow_a_raise),
	        cmocka_unit_test(test_cancel__ends_a_sleep_and_spares_what_is_shielded),
	        cmocka_unit_test(test_cancel__waits_for_the_shield_to_end),
	        cmocka_unit_test(test_group__passes_a_cancel_on_and_still_waits),
	        cmocka_unit_test(test_breathe__gives_way_after_its_budget),
	        cmocka_unit_test(test_stall__is_counted),
	        cmocka_unit_test(test_fiber_each__shows_what_is_awaited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
