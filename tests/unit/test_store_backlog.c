/* What is still to be done, by route and by destination, and how the operator gives it up. */
#include "tests/unit/store_fixture.h"

static struct store_backlog backlog(struct scene *t)
{
	struct store_backlog b;

	check_ok(store_backlog(t->store, &b, &last));
	return b;
}

static void check_route(const struct store_backlog *b, const char *route, int jobs, int held)
{
	for (size_t i = 0; i < b->route_count; i++)
		if (strcmp(b->routes[i].route, route) == 0) {
			assert_int_equal(b->routes[i].jobs, jobs);
			assert_int_equal(b->routes[i].held, held);
			return;
		}
	assert_int_equal(jobs, 0);
}

static void test_backlog__counts_what_has_not_ended_by_route(void **state)
{
	struct scene *t = *state;
	struct store_failure end = failure(0);
	struct store_backlog b = backlog(t);
	int64_t job;

	assert_int_equal(b.route_count + b.call_count, 0);
	store_backlog_release(&b);
	(void)claim(t, "s", "a");
	check_ok(store_fetch_failed(t->store, claim(t, "s", "b"), &end, &last));
	(void)delivered(t, one_delivery(t, "c", &job), true); /* its source is to be settled */
	(void)delivered(t, one_delivery(t, "d", &job), false);
	check_ok(store_skipped(t->store, claim(t, "gone", "e"), "X", "x", true, &last));
	b = backlog(t);
	check_route(&b, "s", 2, 1);
	check_route(&b, "r", 1, 0);
	check_route(&b, "gone", 0, 0); /* everything of it has ended */
	assert_int_equal(b.route_count, 2);
	store_backlog_release(&b);
}

/* Of one job a delivery with a command, of the other two that are canceled. */
static void three_calls(struct scene *t, int64_t jobs[2])
{
	struct store_delivered how = {.state = DELIVERY_DONE, .calls = true};
	int64_t ids[2], id = one_delivery(t, "a", &jobs[0]);
	bool complete;

	check_ok(store_delivered(t->store, id, &how, &complete, &last));
	jobs[1] = claim(t, "r", "b");
	stored(t, jobs[1], ids, 2);
	check_ok(store_cancel(t->store, jobs[1], &last));
}

static void test_backlog__tells_commands_from_leftovers(void **state)
{
	struct scene *t = *state;
	struct store_backlog b;
	int64_t jobs[2], found[2];
	size_t n;

	three_calls(t, jobs);
	reopen(t);
	b = backlog(t);
	assert_int_equal(b.call_count, 2);
	assert_string_equal(b.calls[0].dest, "bank:/inbox");
	assert_int_equal(b.calls[0].commands, 0);
	assert_int_equal(b.calls[0].leftovers, 1);
	assert_string_equal(b.calls[1].dest, "local:/srv/x");
	assert_string_equal(b.calls[1].route, "r");
	assert_int_equal(b.calls[1].commands, 1);
	assert_int_equal(b.calls[1].leftovers, 1);
	check_ok(store_call_jobs(t->store, &b.calls[1], found, 2, &n, &last));
	assert_int_equal(n, 2);
	assert_int_equal(found[0], jobs[0]);
	assert_int_equal(found[1], jobs[1]);
	check_ok(
	        store_call_jobs(t->store, &b.calls[1], found, 1, &n, &last)); /* no more than fit */
	assert_int_equal(n, 1);
	store_backlog_release(&b);
}

static size_t drop(struct scene *t, int64_t job, const char *known)
{
	size_t dropped = 99;

	check_ok(store_drop_calls(t->store, job, &known, known ? 1 : 0, &dropped, &last));
	return dropped;
}

static void test_drop__gives_up_what_is_not_known_and_nothing_else(void **state)
{
	struct scene *t = *state;
	int64_t jobs[2];

	three_calls(t, jobs);
	assert_int_equal(drop(t, jobs[0], "local:/srv/x"), 0);
	assert_int_equal(due(t, QUEUE_CALL, 0, NULL), 2);
	assert_int_equal(drop(t, jobs[1], "local:/srv/x"), 1); /* bank:/inbox */
	assert_int_equal(due(t, QUEUE_CALL, 0, NULL), 2);
	assert_int_equal(drop(t, jobs[1], NULL), 1);
	assert_int_equal(drop(t, jobs[1], NULL), 0);
	assert_int_equal(drop(t, jobs[0], "bank:/inbox"), 1);
	reopen(t);
	assert_int_equal(due(t, QUEUE_CALL, INT64_MAX, NULL), 0);
	check_state(t, jobs[0], JOB_DONE);
	check_state(t, jobs[1], JOB_CANCELED);
	assert_int_equal(drop(t, 4711, NULL), 0); /* there is no such job */
}

static void test_drop__is_in_the_record(void **state)
{
	struct scene *t = *state;
	struct store_job_info info;
	struct store_delivery *d;
	struct store_event *v;
	int64_t jobs[2];
	size_t nd, nv, told = 0;

	three_calls(t, jobs);
	assert_int_equal(drop(t, jobs[0], NULL), 1);
	check_ok(store_show(t->store, jobs[0], &info, &d, &nd, &v, &nv, &last));
	for (size_t i = 0; i < nv; i++)
		if (strcmp(v[i].step, "dropped") == 0) {
			assert_string_equal(v[i].code, "OPERATOR-CANCELED");
			assert_string_equal(v[i].text, "local:/srv/x: the command after the "
			                               "delivery was given up by the operator");
			told++;
		}
	assert_int_equal(told, 1);
	free(d);
	free(v);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scene, drop_scene)
	const struct CMUnitTest tests[] = {
	        TEST(test_backlog__counts_what_has_not_ended_by_route),
	        TEST(test_backlog__tells_commands_from_leftovers),
	        TEST(test_drop__gives_up_what_is_not_known_and_nothing_else),
	        TEST(test_drop__is_in_the_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
