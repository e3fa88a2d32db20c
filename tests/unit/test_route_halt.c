/*
 * The operator holds or cancels every job at every operation of a life, against fake partners: the
 * work ends at once, nothing is lost or doubled, and nothing of ours stays anywhere.
 */
#include "tests/unit/route_rig.h"

#include "daemon/route/halt.h"

/* ---- the operator -------------------------------------------------------------------------- */

static struct hand {
	enum halt_kind kind;
	bool retries; /* in this life, at its beginning */
	struct route *route;
	int stopped, interrupted;
} hand;

static void remember(struct route *r)
{
	struct err e;

	hand.route = r;
	for (int64_t job = 1; hand.retries && job <= FILES; job++)
		(void)store_retry(r->home->store, job, NULL, 0,
		                  &e); /* one that is done needs none */
	if (hand.retries)
		route_resume(r);
	hand.retries = false;
}

static void halt(struct ferryd *d, int64_t job)
{
	struct halt h;
	struct err e;
	int r = hand.kind == HALT_HELD ? store_hold(d->store, job, &e)
	                               : store_cancel(d->store, job, &e);

	if (r < 0) {
		check(strcmp(e.code, "STORE-NO-JOB") == 0 || strcmp(e.code, "STORE-STATE") == 0);
		return;
	}
	route_halt(hand.route, job, hand.kind, &h);
	check(h.is_over && h.trouble.kind == 0);
	hand.stopped++;
	hand.interrupted += (int)h.interrupted;
}

static void halt_all(struct ferryd *d)
{
	if (!hand.route || !world.is_stopped)
		return;
	for (int64_t job = 1; job <= FILES; job++)
		halt(d, job);
}

/* ---- what must hold ------------------------------------------------------------------------ */

static void check_no_temporary_file(void)
{
	for (int i = 0; i < FILES_MAX; i++) {
		const struct fake_file *f = &world.files[i];
		const char *name = route_basename(f->path);

		if (f->is_there && name_is_ours(name, strlen(name)))
			fail_msg("%s was left behind", f->path);
	}
}

static int count_arrived(void)
{
	int n = 0;

	for (int i = 0; i < FILES; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "in/f%d", i);
		if (!find(path))
			continue;
		check_arrived(i);
		n++;
	}
	return n;
}

static int count_sources(const struct ferryd *d, const struct plan *plan)
{
	int n = 0;

	if (strcmp(plan->from, FROM_DROP) == 0)
		return count_dropped(d, "");
	for (int i = 0; i < FILES; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "out/f%d", i);
		n += find(path) != NULL;
	}
	return n;
}

/* Each file is at its source or at its destination; at both where the rename came first. */
static void check_all(const struct ferryd *d, const struct plan *plan)
{
	int arrived = count_arrived(), sources = count_sources(d, plan);

	assert_int_equal(world.doubled, 0);
	check_no_temporary_file();
	check_spool_is_empty(d);
	assert_int_equal(count_dropped(d, NAME_CLAIM_DIR), 0);
	assert_int_equal(d->done + d->canceled, FILES);
	if (hand.kind == HALT_HELD) {
		assert_int_equal(arrived, FILES);
		assert_int_equal(sources, 0);
		return;
	}
	assert_true(arrived >= d->done);
	assert_true(sources >= d->canceled);
	assert_true(arrived + sources >= FILES);
}

/* One life with the operator's word at its n-th operation, one that finishes, one that finds
 * nothing to do. */
static bool survives(const struct plan *plan, int n)
{
	struct ferryd d;
	bool came;
	int puts;

	setup(&d, plan);
	if (strcmp(plan->from, FROM_DROP) == 0)
		begin_dropped_world(&d);
	else
		begin_world();
	hand.route = NULL;
	world.stop_at = n;
	d.look = halt_all;
	run(&d);
	came = world.is_stopped;
	world.stop_at = 0;
	d.look = NULL;
	hand.retries = hand.kind == HALT_HELD;
	run(&d);
	puts = world.puts;
	run(&d);
	assert_int_equal(world.puts, puts);
	check_all(&d, plan);
	teardown(&d);
	return came;
}

static void halt_everywhere(enum halt_kind kind, const char *from)
{
	const struct plan plan = {
	        .from = from, .to = TO_THERE, .may_hold = true, .meanwhile = remember};
	int n = 1;

	hand = (struct hand){.kind = kind};
	while (n < STEPS_MAX && survives(&plan, n))
		n++;
	assert_in_range(n, 2 * FILES, STEPS_MAX - 1);
	if (hand.stopped < 2 * FILES || hand.interrupted < FILES)
		fail_msg("%d jobs stopped, %d interrupted", hand.stopped, hand.interrupted);
}

static void test_halt__cancels_at_every_operation(void **state)
{
	(void)state;
	halt_everywhere(HALT_CANCELED, FROM_HERE);
}

static void test_halt__cancels_dropped_files_at_every_operation(void **state)
{
	(void)state;
	halt_everywhere(HALT_CANCELED, FROM_DROP);
}

static void test_halt__holds_at_every_operation(void **state)
{
	(void)state;
	halt_everywhere(HALT_HELD, FROM_HERE);
}

static void test_halt__holds_dropped_files_at_every_operation(void **state)
{
	(void)state;
	halt_everywhere(HALT_HELD, FROM_DROP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_halt__cancels_at_every_operation),
	        cmocka_unit_test(test_halt__cancels_dropped_files_at_every_operation),
	        cmocka_unit_test(test_halt__holds_at_every_operation),
	        cmocka_unit_test(test_halt__holds_dropped_files_at_every_operation),
	};

	work_setup();
	log_setup(LOG_LEVEL_ERROR, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
