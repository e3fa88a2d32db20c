/* What the operator asks the store: pages, one job's story, counts, pause. */
#include "tests/unit/store_fixture.h"

#include <sqlite3.h>

/* ---- pages --------------------------------------------------------------------------------- */

static struct store_job_info page[1000];

static size_t list(struct scene *t, const char *route, int state, int64_t before, size_t limit)
{
	struct store_filter f = {route, state, before, limit};
	size_t n;

	check_ok(store_jobs(t->store, &f, page, &n, &last));
	return n;
}

/* Ten jobs of route "r", five of "s"; of each the first is held, the second skipped. */
static void fifteen_jobs(struct scene *t)
{
	struct store_failure end = failure(0);
	char path[16];

	for (int i = 0; i < 15; i++) {
		int64_t id;

		(void)snprintf(path, sizeof(path), "f%d", i);
		id = claim(t, i < 10 ? "r" : "s", path);
		if (i % 10 == 0)
			check_ok(store_fetch_failed(t->store, id, &end, &last));
		if (i % 10 == 1)
			check_ok(store_skipped(t->store, id, "X", "x", true, &last));
	}
}

static void test_jobs__pages_from_the_newest_without_gap_or_overlap(void **state)
{
	struct scene *t = *state;
	int64_t before = 0, expect = 15;
	size_t n;

	fifteen_jobs(t);
	while ((n = list(t, NULL, -1, before, 4)) > 0)
		for (size_t i = 0; i < n; i++, expect--) {
			assert_int_equal(page[i].job.id, expect);
			before = page[i].job.id;
		}
	assert_int_equal(expect, 0);
}

static void test_jobs__filters_by_route_and_state_each_way(void **state)
{
	struct scene *t = *state;

	fifteen_jobs(t);
	assert_int_equal(list(t, "r", -1, 0, 100), 10);
	assert_int_equal(list(t, "s", -1, 0, 100), 5);
	assert_int_equal(list(t, "nobody", -1, 0, 100), 0);
	assert_int_equal(list(t, NULL, JOB_CLAIMED, 0, 100), 11);
	assert_int_equal(list(t, "r", JOB_CLAIMED, 0, 100), 8);
	assert_int_equal(page[0].job.id, 10);
	assert_int_equal(list(t, NULL, JOB_HELD, 0, 100), 2);
	assert_int_equal(page[0].job.id, 11);
	assert_int_equal(list(t, "s", JOB_SKIPPED, 0, 100), 1);
	assert_int_equal(list(t, "s", JOB_SKIPPED, page[0].job.id, 100), 0);
	assert_int_equal(list(t, NULL, JOB_DONE, 0, 100), 0);
}

/* ---- counts -------------------------------------------------------------------------------- */

/* The truth, counted by hand on the file at rest. */
static int count_mismatches(const struct scene *t)
{
	static const char sql[] =
	        "SELECT count(*) FROM (SELECT route, state, count(*) AS n FROM job "
	        "GROUP BY route, state) AS real FULL JOIN tally USING (route, state) "
	        "WHERE coalesce(real.n, 0) <> coalesce(tally.jobs, 0)";
	sqlite3_stmt *q;
	sqlite3 *db;
	int wrong;

	assert_int_equal(sqlite3_open(file_in(t, "ferryd.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	wrong = sqlite3_column_int(q, 0);
	(void)sqlite3_finalize(q);
	(void)sqlite3_close(db);
	return wrong;
}

static void test_counts__equal_the_rows_after_any_step(void **state)
{
	struct scene *t = *state;
	int64_t job;

	fifteen_jobs(t);
	(void)delivered(t, one_delivery(t, "a", &job), true);
	check_ok(store_source_done(t->store, job, false, NULL, &last));
	(void)delivered(t, one_delivery(t, "b", &job), false);
	(void)one_delivery(t, "c", &job);
	check_ok(store_hold(t->store, job, &last));
	check_ok(store_retry(t->store, job, NULL, 0, &last));
	check_ok(store_cancel(t->store, job, &last));
	check_ok(store_cancel(t->store, 1, &last));
	assert_int_equal(count_of(t, "r", JOB_DONE), 2);
	assert_int_equal(count_of(t, NULL, JOB_CLAIMED), 11);
	assert_int_equal(count_of(t, "s", JOB_CLAIMED), 3);
	assert_int_equal(count_of(t, "r", JOB_CANCELED), 2);
	assert_int_equal(count_of(t, "nobody", JOB_DONE), 0);
	close_store(t);
	assert_int_equal(count_mismatches(t), 0);
}

/* ---- one job's story ----------------------------------------------------------------------- */

static void check_story(struct scene *t, int64_t job, const char *const *steps)
{
	struct store_job_info info;
	struct store_delivery *d;
	struct store_event *v;
	size_t nd, nv, i;

	check_ok(store_show(t->store, job, &info, &d, &nd, &v, &nv, &last));
	for (i = 0; i < nv && steps[i]; i++) {
		assert_string_equal(v[i].step, steps[i]);
		assert_true(i == 0 || v[i].at_ms >= v[i - 1].at_ms);
	}
	assert_int_equal(i, nv);
	assert_null(steps[i]);
	free(d);
	free(v);
}

static void test_show__tells_the_whole_story_in_order(void **state)
{
	static const char *const story[] = {"claimed",  "retry",    "stored",
	                                    "renaming", "inferred", "delivered",
	                                    "complete", "done",     NULL};
	struct scene *t = *state;
	struct store_failure later = failure(1);
	struct store_delivered how = {
	        .state = DELIVERY_DONE, .inferred = true, .settle_source = true, .note = "gone"};
	int64_t job = claim(t, "r", "a"), id;
	bool complete;

	check_ok(store_fetch_failed(t->store, job, &later, &last));
	(void)usleep(3000); /* events and columns are told apart by their time */
	stored(t, job, &id, 1);
	renaming(t, id);
	check_ok(store_delivered(t->store, id, &how, &complete, &last));
	check_ok(store_source_done(t->store, job, false, NULL, &last));
	check_story(t, job, story);
}

static void test_show__tells_why_a_file_was_refused(void **state)
{
	static const char *const story[] = {"quarantined", NULL};
	struct scene *t = *state;
	struct store_file f = a_file("x");
	bool first;

	check_ok(store_quarantine(t->store, "r", &f, "NAME-LONG", "too long", &first, &last));
	check_story(t, 1, story);
	assert_string_equal(look(t, 1).text, "too long");
}

static void test_show__keeps_a_bounded_number_of_retries(void **state)
{
	struct scene *t = *state;
	struct store_failure later = failure(1);
	int64_t job = claim(t, "r", "a");
	struct store_job_info info;
	struct store_delivery *d;
	struct store_event *v;
	size_t nd, nv;

	for (int i = 0; i < 130; i++)
		check_ok(store_fetch_failed(t->store, job, &later, &last));
	check_ok(store_show(t->store, job, &info, &d, &nd, &v, &nv, &last));
	assert_int_equal(info.job.attempts, 130);
	assert_int_equal(nv, 101); /* and `claimed` */
	assert_int_equal(nd, 0);
	assert_null(d);
	free(v);
}

static void test_show__knows_when_there_is_no_such_job(void **state)
{
	struct scene *t = *state;
	struct store_job_info info;
	struct store_delivery *d;
	struct store_event *v;
	size_t nd, nv;

	check_refused(store_show(t->store, 7, &info, &d, &nd, &v, &nv, &last), ERR_OBJECT,
	              "STORE-NO-JOB");
}

/* ---- pause --------------------------------------------------------------------------------- */

static void test_pause__is_remembered(void **state)
{
	struct scene *t = *state;
	bool paused = true;

	check_ok(store_is_paused(t->store, "r", &paused, &last));
	assert_false(paused);
	check_ok(store_pause(t->store, "r", true, &last));
	reopen(t);
	check_ok(store_is_paused(t->store, "r", &paused, &last));
	assert_true(paused);
	check_ok(store_pause(t->store, "r", false, &last));
	check_ok(store_is_paused(t->store, "r", &paused, &last));
	assert_false(paused);
}

/* ---- words --------------------------------------------------------------------------------- */

static void test_words__are_read_back(void **state)
{
	(void)state;
	for (int i = 0; i < JOB_STATE_COUNT; i++)
		assert_int_equal(job_state_parse(job_state_name((enum job_state)i)), i);
	assert_int_equal(job_state_parse("lost"), -1);
	assert_string_equal(delivery_state_name(DELIVERY_DONE), "delivered");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scene, drop_scene)
	const struct CMUnitTest tests[] = {
	        TEST(test_jobs__pages_from_the_newest_without_gap_or_overlap),
	        TEST(test_jobs__filters_by_route_and_state_each_way),
	        TEST(test_counts__equal_the_rows_after_any_step),
	        TEST(test_show__tells_the_whole_story_in_order),
	        TEST(test_show__tells_why_a_file_was_refused),
	        TEST(test_show__keeps_a_bounded_number_of_retries),
	        TEST(test_show__knows_when_there_is_no_such_job),
	        TEST(test_pause__is_remembered),
	        cmocka_unit_test(test_words__are_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
