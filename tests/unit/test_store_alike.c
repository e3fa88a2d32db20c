/* Versions whose time was told differently: found, and known by both times from then on. */
#include "tests/unit/store_fixture.h"

static const int64_t day_0 = INT64_C(1699920000000); /* of a_file()'s time, 0 o'clock */

static struct store_like alike(struct scene *t, const struct store_file *f)
{
	struct store_like like;

	check_ok(store_alike(t->store, "r", f, 1, &like, &last));
	return like;
}

static int64_t take(struct scene *t, const struct store_file *f)
{
	int64_t id;

	check_ok(store_claim(t->store, "r", f, 1, clock_wall_ms(), &id, &last));
	assert_true(id > 0);
	return id;
}

static bool is_new(struct scene *t, const struct store_file *f, int64_t listed_at_ms)
{
	bool answer;

	check_ok(store_unknown(t->store, "r", f, 1, listed_at_ms, &answer, &last));
	return answer;
}

static void test_alike__finds_the_version_that_was_told_with_more(void **state)
{
	struct scene *t = *state;
	struct store_file f = a_file("a");
	int64_t job = claim(t, "r", "a");

	f.mtime_ms = day_0;
	f.precision_ms = TOLD_DAY_MS;
	assert_int_equal(alike(t, &f).likeness, TOLD_LIKELY);
	assert_int_equal(alike(t, &f).job, job);
	assert_int_equal(alike(t, &f).time.ms, a_file("a").mtime_ms);
	f.mtime_ms -= 3 * (int64_t)TOLD_DAY_MS;
	assert_int_equal(alike(t, &f).likeness, TOLD_OTHER);
}

static void test_alike__takes_the_rest_of_the_version_seriously(void **state)
{
	struct scene *t = *state;
	struct store_file taken = {"a", 1, 100, day_0 + 5000, 7, 0, 0};
	struct store_file f = {"a", 1, 101, day_0, 7, TOLD_DAY_MS, 0};

	(void)take(t, &taken);
	assert_int_equal(alike(t, &f).likeness, TOLD_OTHER);
	f = (struct store_file){"b", 1, 100, day_0, 7, TOLD_DAY_MS, 0};
	assert_int_equal(alike(t, &f).likeness, TOLD_OTHER);
	f = (struct store_file){"a", 1, 100, day_0, 8, TOLD_DAY_MS, 0};
	assert_int_equal(alike(t, &f).likeness, TOLD_OTHER);
	f.identity = 0; /* LIST tells none */
	assert_int_equal(alike(t, &f).likeness, TOLD_LIKELY);
	f.mtime_ms = TOLD_UNKNOWN;
	assert_int_equal(alike(t, &f).likeness, TOLD_OTHER);
}

static void test_alike__prefers_the_version_that_says_more(void **state)
{
	struct scene *t = *state;
	struct store_file f = {"a", 1, 100, day_0, 0, TOLD_DAY_MS, 0};
	int64_t whole_day = take(t, &f), minute;

	f.mtime_ms = day_0 + TOLD_HOUR_MS;
	f.precision_ms = TOLD_MINUTE_MS;
	minute = take(t, &f);
	f.precision_ms = TOLD_SECOND_MS;
	assert_int_equal(alike(t, &f).likeness, TOLD_SAME);
	assert_int_equal(alike(t, &f).job, minute);
	f.mtime_ms += TOLD_MINUTE_MS;
	assert_int_equal(alike(t, &f).likeness, TOLD_SAME);
	assert_int_equal(alike(t, &f).job, whole_day);
}

static void test_alike__knows_only_what_may_still_be_at_the_source(void **state)
{
	struct scene *t = *state;
	struct store_file f = a_file("a");
	int64_t job;

	(void)delivered(t, one_delivery(t, "a", &job), true);
	f.mtime_ms = day_0;
	f.precision_ms = TOLD_DAY_MS;
	assert_int_equal(alike(t, &f).job, job);
	check_ok(store_source_done(t->store, job, false, NULL, &last));
	assert_int_equal(alike(t, &f).likeness, TOLD_OTHER);
}

static void test_listed_as__is_known_by_both_times(void **state)
{
	struct scene *t = *state;
	struct store_file old = a_file("a"), f = a_file("a");
	int64_t before = clock_wall_ms() - 1000, job;

	(void)delivered(t, one_delivery(t, "a", &job), true);
	f.mtime_ms = day_0;
	f.precision_ms = TOLD_DAY_MS;
	assert_true(is_new(t, &f, before));
	check_ok(store_listed_as(t->store, job, day_0, "as a day", &last));
	assert_false(is_new(t, &f, before));
	reopen(t);
	assert_false(is_new(t, &f, before));
	assert_false(is_new(t, &old, before));
	check_ok(store_source_done(t->store, job, false, NULL, &last));
	assert_false(is_new(t, &f, before)); /* a listing from before it left */
	assert_true(is_new(t, &f, clock_wall_ms() + 1000));
	check_ok(store_listed_as(t->store, job, day_0 + 1, "too late", &last));
	f.mtime_ms++;
	assert_true(is_new(t, &f, before));
}

static void test_claim__keeps_how_the_time_was_told(void **state)
{
	struct scene *t = *state;
	struct store_file f = {"a", 1, 100, day_0 + 5000, 0, TOLD_SECOND_MS, day_0};
	struct store_file listed = {"a", 1, 100, day_0, 0, TOLD_DAY_MS, 0};
	int64_t job = take(t, &f);

	assert_int_equal(look(t, job).job.mtime_ms, day_0 + 5000);
	assert_int_equal(look(t, job).job.precision_ms, TOLD_SECOND_MS);
	assert_false(is_new(t, &listed, clock_wall_ms()));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scene, drop_scene)
	const struct CMUnitTest tests[] = {
	        TEST(test_alike__finds_the_version_that_was_told_with_more),
	        TEST(test_alike__takes_the_rest_of_the_version_seriously),
	        TEST(test_alike__prefers_the_version_that_says_more),
	        TEST(test_alike__knows_only_what_may_still_be_at_the_source),
	        TEST(test_listed_as__is_known_by_both_times),
	        TEST(test_claim__keeps_how_the_time_was_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
