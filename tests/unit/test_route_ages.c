/*
 * A whole route whose source lists the time of one file differently from day to day, as FTP's LIST
 * does: nothing is fetched twice, and nothing that is new is taken for old.
 */
#include "tests/unit/route_rig.h"

enum { POLLS = 3 };

static const int64_t noon_ms = INT64_C(1600000000000) / TOLD_DAY_MS * TOLD_DAY_MS +
                               12 * (int64_t)TOLD_HOUR_MS + 34 * (int64_t)TOLD_MINUTE_MS + 56000;

static const struct plan kept = {.from = FROM_KEPT, .to = TO_REPLACING};

/* All files have been taken, listed to `precision_ms`. */
static void begin_taken(struct ferryd *d, int64_t precision_ms)
{
	setup(d, &kept);
	begin_world();
	for (int i = 0; i < FILES; i++)
		world.files[i].mtime_ms = noon_ms;
	world.tells_mtime = true;
	world.listed_precision_ms = precision_ms;
	run(d);
	assert_int_equal(d->done, FILES);
	world.least_lists = POLLS + 1;
	world.asked_mtime = 0;
}

/* The source is polled several times by a ferryd that starts anew: what has been taken then. */
static int64_t taken_after_polls(struct ferryd *d)
{
	run(d);
	return d->done;
}

static void test_ages__the_day_of_a_known_minute_is_asked_for_once(void **state)
{
	static const int64_t shifts[] = {0, 14 * (int64_t)TOLD_HOUR_MS,
	                                 -12 * (int64_t)TOLD_HOUR_MS};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct ferryd d;

		begin_taken(&d, TOLD_MINUTE_MS);
		world.listed_precision_ms = TOLD_DAY_MS;
		world.listed_shift_ms = shifts[i];
		assert_int_equal(taken_after_polls(&d), FILES);
		assert_int_equal(world.asked_mtime, FILES);
		assert_int_equal(taken_after_polls(&d), FILES);
		assert_int_equal(world.asked_mtime, FILES);
		teardown(&d);
	}
}

/* Every precision a file may have been taken with, and every one it may be listed with later. */
static void test_ages__the_same_file_is_fetched_once_however_it_is_listed(void **state)
{
	static const int64_t all[] = {0, TOLD_SECOND_MS, TOLD_MINUTE_MS, TOLD_HOUR_MS, TOLD_DAY_MS};

	(void)state;
	for (size_t i = 0; i < 25; i++) {
		struct ferryd d;

		begin_taken(&d, all[i / 5]);
		world.listed_precision_ms = all[i % 5];
		assert_int_equal(taken_after_polls(&d), FILES);
		teardown(&d);
	}
}

static void test_ages__who_cannot_be_asked_is_judged_by_size_and_day(void **state)
{
	struct ferryd d;

	(void)state;
	begin_taken(&d, TOLD_MINUTE_MS);
	world.listed_precision_ms = TOLD_DAY_MS;
	world.tells_mtime = false;
	assert_int_equal(taken_after_polls(&d), FILES);
	world.files[0].mtime_ms += 4 * (int64_t)TOLD_DAY_MS;
	assert_int_equal(taken_after_polls(&d), FILES + 1);
	world.files[1].size--;
	assert_int_equal(taken_after_polls(&d), FILES + 2);
	teardown(&d);
}

static void test_ages__a_new_version_of_the_same_day_is_fetched(void **state)
{
	struct ferryd d;

	(void)state;
	begin_taken(&d, TOLD_MINUTE_MS);
	world.listed_precision_ms = TOLD_DAY_MS;
	world.files[0].mtime_ms += 2 * (int64_t)TOLD_HOUR_MS;
	assert_int_equal(taken_after_polls(&d), FILES + 1);
	assert_int_equal(world.asked_mtime, FILES);
	assert_int_equal(taken_after_polls(&d), FILES + 1);
	teardown(&d);
}

static void test_ages__a_zone_that_moves_changes_no_file(void **state)
{
	struct ferryd d;

	(void)state;
	begin_taken(&d, TOLD_MINUTE_MS);
	world.listed_shift_ms = TOLD_HOUR_MS;
	assert_int_equal(taken_after_polls(&d), FILES);
	assert_int_equal(world.asked_mtime, FILES);
	world.listed_shift_ms = 0;
	assert_int_equal(taken_after_polls(&d), FILES);
	assert_int_equal(world.asked_mtime, FILES);
	teardown(&d);
}

/* Nothing is lost where nothing can be asked: written an hour later looks the same. */
static void test_ages__a_file_that_is_written_hourly_is_fetched_each_time(void **state)
{
	(void)state;
	for (int tells = 0; tells < 2; tells++) {
		struct ferryd d;

		begin_taken(&d, TOLD_MINUTE_MS);
		world.tells_mtime = tells;
		for (int i = 1; i <= 3; i++) {
			world.files[0].mtime_ms += TOLD_HOUR_MS;
			assert_int_equal(taken_after_polls(&d), FILES + i);
		}
		teardown(&d);
	}
}

/* One that was written just now may be written again within the hour: its time is never learnt. */
static void test_ages__a_young_time_is_not_learnt(void **state)
{
	struct ferryd d;
	int64_t minute =
	        clock_wall_ms() / TOLD_MINUTE_MS * TOLD_MINUTE_MS - 2 * (int64_t)TOLD_HOUR_MS;

	(void)state;
	begin_taken(&d, TOLD_MINUTE_MS);
	world.files[0].mtime_ms = minute;
	assert_int_equal(taken_after_polls(&d), FILES + 1);
	world.listed_shift_ms = TOLD_HOUR_MS; /* a server that lists it wrongly for a while */
	assert_int_equal(taken_after_polls(&d), FILES + 1);
	world.listed_shift_ms = 0;
	world.files[0].mtime_ms = minute + TOLD_HOUR_MS;
	assert_int_equal(taken_after_polls(&d), FILES + 2);
	teardown(&d);
}

static void check_time(struct ferryd *d)
{
	struct store_filter filter = {.route = "r", .state = -1, .limit = FILES};
	struct store_job_info *jobs = mem_new_array(FILES, sizeof(*jobs));
	size_t n = 0;
	struct err e;

	check(store_jobs(d->store, &filter, jobs, &n, &e) == 0 && n == FILES);
	for (size_t i = 0; i < n; i++)
		check(jobs[i].job.mtime_ms == noon_ms);
	free(jobs);
}

static void test_ages__an_old_file_is_taken_with_its_exact_time(void **state)
{
	struct ferryd d;

	(void)state;
	setup(&d, &kept);
	begin_world();
	for (int i = 0; i < FILES; i++)
		world.files[i].mtime_ms = noon_ms;
	world.tells_mtime = true;
	world.listed_precision_ms = TOLD_DAY_MS;
	world.least_lists = POLLS + 1;
	d.look = check_time;
	assert_int_equal(taken_after_polls(&d), FILES);
	assert_int_equal(world.asked_mtime, FILES);
	assert_int_equal(taken_after_polls(&d), FILES);
	assert_int_equal(world.asked_mtime, FILES);
	teardown(&d);
}

static void test_ages__a_source_of_which_less_is_told_is_settled(void **state)
{
	struct ferryd d;

	(void)state;
	setup(&d, &usual);
	begin_world();
	for (int i = 0; i < FILES; i++)
		world.files[i].mtime_ms = noon_ms;
	world.listed_precision_ms = TOLD_DAY_MS;
	run(&d);
	assert_int_equal(d.done, FILES);
	assert_int_equal(count_files(), FILES); /* at the destination; the source is gone */
	check_file("in/f0", "content of 0");
	teardown(&d);
}

/* Of a poll that asks for three files, fetches one and delivers it. */
static void test_ages__survive_every_operation_failing_once(void **state)
{
	enum { OPERATIONS = 20 };

	(void)state;
	for (int n = 1; n <= OPERATIONS; n++) {
		struct ferryd d;

		begin_taken(&d, TOLD_MINUTE_MS);
		world.listed_precision_ms = TOLD_DAY_MS;
		world.files[0].mtime_ms += 2 * (int64_t)TOLD_HOUR_MS;
		world.fail_at = n;
		world.least_lists = 2;
		run(&d);
		world.fail_at = 0;
		world.least_lists = POLLS + 1;
		assert_int_equal(taken_after_polls(&d), FILES + 1);
		teardown(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_ages__the_day_of_a_known_minute_is_asked_for_once),
	        cmocka_unit_test(test_ages__the_same_file_is_fetched_once_however_it_is_listed),
	        cmocka_unit_test(test_ages__who_cannot_be_asked_is_judged_by_size_and_day),
	        cmocka_unit_test(test_ages__a_new_version_of_the_same_day_is_fetched),
	        cmocka_unit_test(test_ages__a_zone_that_moves_changes_no_file),
	        cmocka_unit_test(test_ages__a_file_that_is_written_hourly_is_fetched_each_time),
	        cmocka_unit_test(test_ages__a_young_time_is_not_learnt),
	        cmocka_unit_test(test_ages__an_old_file_is_taken_with_its_exact_time),
	        cmocka_unit_test(test_ages__a_source_of_which_less_is_told_is_settled),
	        cmocka_unit_test(test_ages__survive_every_operation_failing_once),
	};

	work_setup();
	log_setup(LOG_LEVEL_ERROR, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
