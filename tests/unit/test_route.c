/*
 * A whole route against fake partners: every operation of a partner fails once, and every one is
 * the moment at which ferryd is stopped. Nothing may be lost, doubled, left half or left over.
 */
#include "tests/unit/route_rig.h"

/* ---- what must hold ------------------------------------------------------------------------ */

static void check_world(const struct ferryd *d)
{
	assert_int_equal(count_files(), FILES); /* nothing left at the source, no temporary name */
	assert_int_equal(world.doubled, 0);
	for (int i = 0; i < FILES; i++) {
		char path[32], content[32];

		(void)snprintf(path, sizeof(path), "in/f%d", i);
		(void)snprintf(content, sizeof(content), "content of %d", i);
		check_file(path, content);
	}
	check_spool_is_empty(d);
}

/* One life with the fault at its n-th operation, then one that must finish what is left; then one
 * that changes nothing. False when that moment never came. */
static bool survives(int *fault_at, int n)
{
	struct ferryd d;
	bool came;

	setup(&d, &usual);
	begin_world();
	*fault_at = n;
	run(&d);
	came = world.operations >= n;
	*fault_at = 0;
	run(&d);
	assert_int_equal(d.done, FILES);
	check_world(&d);
	run(&d);
	check_world(&d);
	teardown(&d);
	return came;
}

static void survives_everywhere(int *fault_at)
{
	int n = 1;

	while (n < STEPS_MAX && survives(fault_at, n))
		n++;
	assert_in_range(n, 15, STEPS_MAX - 1); /* at least five operations a file */
}

static void test_route__carries_files_and_settles_their_source(void **state)
{
	(void)state;
	assert_true(survives(&world.fail_at, 0));
}

static void test_route__survives_every_operation_failing_once(void **state)
{
	(void)state;
	survives_everywhere(&world.fail_at);
}

static void test_route__survives_every_operation_being_aborted_once(void **state)
{
	(void)state;
	survives_everywhere(&world.abort_at);
}

static void test_route__survives_every_answer_being_lost_once(void **state)
{
	(void)state;
	survives_everywhere(&world.lose_at);
}

static void test_route__survives_being_stopped_at_every_operation(void **state)
{
	(void)state;
	survives_everywhere(&world.stop_at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_route__carries_files_and_settles_their_source),
	        cmocka_unit_test(test_route__survives_every_operation_failing_once),
	        cmocka_unit_test(test_route__survives_every_operation_being_aborted_once),
	        cmocka_unit_test(test_route__survives_every_answer_being_lost_once),
	        cmocka_unit_test(test_route__survives_being_stopped_at_every_operation),
	};

	work_setup();
	log_setup(LOG_LEVEL_ERROR, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
