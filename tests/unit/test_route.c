/*
 * A whole route against fake partners: every operation of a partner fails once, and every one is
 * the moment at which ferryd is stopped. Nothing may be lost, doubled, left half or left over.
 */
#include "tests/unit/route_rig.h"

static bool in_pieces; /* what was fetched in part is gone on with */

/* Then a life that changes nothing. */
static bool survives(int *fault_at, int n)
{
	struct ferryd d;
	bool came;

	setup(&d, &usual);
	begin_world();
	world.in_pieces = in_pieces;
	came = live_through(&d, fault_at, n);
	assert_int_equal(d.done, FILES);
	check_all_arrived(&d);
	run(&d);
	check_all_arrived(&d);
	teardown(&d);
	return came;
}

static void test_route__carries_files_and_settles_their_source(void **state)
{
	(void)state;
	assert_true(survives(&world.fail_at, 0));
}

static void test_route__survives_every_operation_failing_once(void **state)
{
	(void)state;
	survives_everywhere(survives, &world.fail_at, 5 * FILES);
}

static void test_route__survives_every_operation_being_aborted_once(void **state)
{
	(void)state;
	survives_everywhere(survives, &world.abort_at, 5 * FILES);
}

static void test_route__survives_every_answer_being_lost_once(void **state)
{
	(void)state;
	survives_everywhere(survives, &world.lose_at, 5 * FILES);
}

static void test_route__survives_being_stopped_at_every_operation(void **state)
{
	(void)state;
	survives_everywhere(survives, &world.stop_at, 5 * FILES);
}

/* ---- the rest of a file -------------------------------------------------------------------- */

static void test_route__goes_on_with_what_was_fetched_in_part(void **state)
{
	(void)state;
	in_pieces = true;
	survives_everywhere(survives, &world.fail_at, 5 * FILES);
	survives_everywhere(survives, &world.stop_at, 5 * FILES);
	in_pieces = false;
}

/* The connection is lost between the pieces of f0, `meanwhile` happens, then it is tried again. What
 * came in all: */
static uint64_t cut_between_pieces(struct ferryd *d, void (*meanwhile)(void))
{
	setup(d, &usual);
	begin_world();
	world.in_pieces = true;
	world.cut_gets = 1;
	world.on_cut = meanwhile;
	run(d);
	assert_int_equal(d->done, FILES);
	assert_int_equal(world.cut_gets, 0);
	return world.got;
}

static void nothing(void)
{
}

static void test_route__fetches_only_the_rest_after_a_cut(void **state)
{
	struct ferryd d;

	(void)state;
	assert_int_equal(cut_between_pieces(&d, nothing), FILES * strlen("content of 0"));
	check_all_arrived(&d);
	teardown(&d);
}

/* Same size, another time: what was fetched of the old one is no part of it. */
static void rewrite_all(void)
{
	for (int i = 0; i < FILES; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "out/f%d", i);
		if (find(path))
			put_file(path, "CONTENT, NEW")->mtime_ms = 7000;
	}
}

static void test_route__fetches_a_source_that_changed_from_its_start(void **state)
{
	struct ferryd d;

	(void)state;
	setup(&d, &usual);
	begin_world();
	world.in_pieces = true;
	world.cut_gets = FILES;
	world.on_cut = rewrite_all;
	run(&d);
	for (int i = 0; i < FILES; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "in/f%d", i);
		check_file(path, "CONTENT, NEW");
	}
	teardown(&d);
}

/* A server that begins at the start whatever it is asked for. */
static void test_route__finds_out_a_server_that_ignores_the_offset(void **state)
{
	struct ferryd d;

	(void)state;
	setup(&d, &usual);
	begin_world();
	world.in_pieces = true;
	world.ignores_offset = true;
	world.cut_gets = 1;
	world.on_cut = nothing;
	run(&d);
	assert_int_equal(d.done, FILES);
	check_all_arrived(&d);
	teardown(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_route__carries_files_and_settles_their_source),
	        cmocka_unit_test(test_route__survives_every_operation_failing_once),
	        cmocka_unit_test(test_route__goes_on_with_what_was_fetched_in_part),
	        cmocka_unit_test(test_route__fetches_only_the_rest_after_a_cut),
	        cmocka_unit_test(test_route__fetches_a_source_that_changed_from_its_start),
	        cmocka_unit_test(test_route__finds_out_a_server_that_ignores_the_offset),
	        cmocka_unit_test(test_route__survives_every_operation_being_aborted_once),
	        cmocka_unit_test(test_route__survives_every_answer_being_lost_once),
	        cmocka_unit_test(test_route__survives_being_stopped_at_every_operation),
	};

	work_setup();
	log_setup(LOG_LEVEL_ERROR, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
