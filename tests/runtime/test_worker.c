#include "tests/runtime/rig.h"

#include <stdatomic.h>

static struct worker *start_worker(const char *name)
{
	struct err e;
	struct worker *w = worker_new(name, &e);

	check(w && worker_start(w, &e) == 0);
	return w;
}

/* ---- calls from worker to worker ----------------------------------------------------------- */

struct sum {
	struct worker *expected;
	int a, b, result;
};

static int add(void *arg, struct err *e)
{
	struct sum *s = arg;

	check(fiber_worker() == s->expected);
	if (s->a < 0)
		return err_set(e, ERR_POLICY, "TEST-NEGATIVE", 0, "negative");
	s->result = s->a + s->b;
	return 0;
}

static struct worker *other;

static void call_and_look(struct worker *w)
{
	struct sum good = {.expected = other, .a = 1, .b = 2}, bad = {.expected = other, .a = -1};
	struct err e = {0};

	check(worker_call(other, "sum", add, &good, &e) == 0);
	check(good.result == 3 && e.kind == 0);
	check(worker_call(other, "sum", add, &bad, &e) == ERR_POLICY);
	check(strcmp(e.code, "TEST-NEGATIVE") == 0);
	good.expected = w;
	check(worker_call(w, "at home", add, &good, &e) == 0);
}

static void test_call__runs_there_and_brings_the_answer_home(void **state)
{
	(void)state;
	other = start_worker("other");
	rig_run(call_and_look);
	worker_free(other);
}

static atomic_int sleeping, interrupted;

static int sleep_long(void *arg, struct err *e)
{
	int r;

	(void)arg;
	atomic_store(&sleeping, 1);
	r = fiber_sleep(60000, "a long night there", e);
	atomic_store(&interrupted, r == ERR_CANCELED);
	return r;
}

static void call_long(void *arg)
{
	struct err e;

	check(worker_call(other, "long call", sleep_long, NULL, &e) == ERR_CANCELED);
	check(atomic_load(&interrupted));
	check(worker_call(other, "another", sleep_long, NULL, &e) == ERR_CANCELED);
	*(bool *)arg = true;
}

static void await_atomic(atomic_int *flag)
{
	int64_t until = clock_mono_ms() + 10000;
	struct err e;

	while (!atomic_load(flag)) {
		check(clock_mono_ms() < until);
		check(fiber_sleep(1, "the other worker", &e) == 0);
	}
}

static void cancel_a_caller(struct worker *w)
{
	bool ended = false;
	struct fiber *f = fiber_start(w, "caller", call_long, &ended);

	await_atomic(&sleeping);
	check(!ended);
	fiber_cancel(f);
	rig_await(&ended);
}

static void test_call__passes_a_cancel_to_the_other_side(void **state)
{
	(void)state;
	other = start_worker("other");
	rig_run(cancel_a_caller);
	worker_free(other);
}

static void cancel_at_once(struct worker *w)
{
	bool ended = false;
	struct fiber *f = fiber_start(w, "caller", call_long, &ended);

	rig_turns(1); /* the call is on its way; where it is, is a race every run decides anew */
	fiber_cancel(f);
	rig_await(&ended);
}

static void test_call__may_be_cancelled_before_it_arrives(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		other = start_worker("other");
		rig_run(cancel_at_once);
		worker_free(other);
	}
}

static void call_the_stopped(struct worker *w)
{
	int64_t until = clock_mono_ms() + 10000;
	struct sum s = {0};
	struct err e;
	int r;

	(void)w;
	s.expected = other;
	worker_stop(other);
	do {
		r = worker_call(other, "too late", add, &s, &e);
	} while (r == 0 && clock_mono_ms() < until);
	check(r == ERR_CANCELED && strstr(e.message, "has stopped"));
	check(!worker_post(other, free, NULL));
	check(!worker_spawn(other, "too late", free, NULL));
}

static void test_call__fails_when_the_other_worker_has_ended(void **state)
{
	(void)state;
	other = start_worker("other");
	rig_run(call_the_stopped);
	worker_free(other);
}

/* ---- stopping ------------------------------------------------------------------------------ */

static void clean_up_slowly(void *arg)
{
	struct err e;

	check(fiber_sleep(60000, "a long night", &e) == ERR_CANCELED);
	fiber_shield_begin();
	check(fiber_sleep(20, "clean-up", &e) == 0);
	fiber_shield_end();
	atomic_fetch_add((atomic_int *)arg, 1);
}

static void test_stop__cancels_fibers_and_waits_for_their_clean_up(void **state)
{
	struct worker *w = start_worker("stopper");
	atomic_int cleaned = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		check(worker_spawn(w, "sleeper", clean_up_slowly, &cleaned));
	worker_stop(w);
	worker_stop(w); /* twice is once */
	worker_free(w);
	assert_int_equal(atomic_load(&cleaned), 10);
}

static void test_free__takes_a_worker_that_never_ran(void **state)
{
	struct err e;

	(void)state;
	worker_free(worker_new("idle", &e));
	worker_free(NULL);
}

static void test_start__names_the_worker_and_counts_its_turns(void **state)
{
	struct worker *w = start_worker("a worker with a rather long name");
	int64_t until = clock_mono_ms() + 10000;

	(void)state;
	while (worker_stats(w).turns == 0 && clock_mono_ms() < until)
		;
	assert_true(worker_stats(w).turns > 0);
	assert_true(worker_silent_ms(w) < 5000);
	assert_string_equal(worker_name(w), "a worker with a rather long nam");
	worker_free(w);
}

/* ---- messages under load ------------------------------------------------------------------- */

enum { RUNNERS = 4, LAPS = 500, BATONS = 8 };

/* A baton goes round the workers; each message is the baton itself, handed over whole. */
struct baton {
	struct worker *const *runners;
	int laps;
	atomic_int *arrived;
};

static void pass_on(void *arg)
{
	struct baton *b = arg;

	if (++b->laps < LAPS) {
		check(worker_post(b->runners[b->laps % RUNNERS], pass_on, b));
		return;
	}
	atomic_fetch_add(b->arrived, 1);
	free(b);
}

static void start_batons(struct worker *const *runners, atomic_int *arrived)
{
	for (int i = 0; i < BATONS; i++) {
		struct baton *b = calloc(1, sizeof(*b));

		check(b);
		*b = (struct baton){.runners = runners, .arrived = arrived};
		check(worker_post(runners[i % RUNNERS], pass_on, b));
	}
}

static void test_messages__none_is_lost_under_load(void **state)
{
	struct worker *runners[RUNNERS];
	atomic_int arrived = 0;
	int64_t until = clock_mono_ms() + 30000;

	(void)state;
	for (int i = 0; i < RUNNERS; i++)
		runners[i] = start_worker("runner");
	start_batons(runners, &arrived);
	while (atomic_load(&arrived) < BATONS && clock_mono_ms() < until)
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* polls */
	assert_int_equal(atomic_load(&arrived), BATONS);
	for (int i = 0; i < RUNNERS; i++)
		worker_free(runners[i]);
}

static void call_often(void *arg)
{
	struct sum s = {.expected = other};
	struct err e;

	for (s.a = 0; s.a < 100; s.a++) {
		check(worker_call(other, "sum", add, &s, &e) == 0);
		check(s.result == s.a);
	}
	++*(int *)arg;
}

static void many_callers(struct worker *w)
{
	struct group g;
	int ended = 0;

	group_init(&g, w);
	for (int i = 0; i < 20; i++)
		group_start(&g, "caller", call_often, &ended);
	group_wait(&g, "all callers");
	check(ended == 20);
}

static void test_call__many_at_once(void **state)
{
	(void)state;
	other = start_worker("other");
	rig_run(many_callers);
	worker_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_call__runs_there_and_brings_the_answer_home),
	        cmocka_unit_test(test_call__passes_a_cancel_to_the_other_side),
	        cmocka_unit_test(test_call__may_be_cancelled_before_it_arrives),
	        cmocka_unit_test(test_call__fails_when_the_other_worker_has_ended),
	        cmocka_unit_test(test_stop__cancels_fibers_and_waits_for_their_clean_up),
	        cmocka_unit_test(test_free__takes_a_worker_that_never_ran),
	        cmocka_unit_test(test_start__names_the_worker_and_counts_its_turns),
	        cmocka_unit_test(test_messages__none_is_lost_under_load),
	        cmocka_unit_test(test_call__many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
