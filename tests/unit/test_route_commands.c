/*
 * Commands around deliveries, against fake partners: when they run, what their failures do to a
 * file (nothing), and that every fault and every stop leaves each file delivered once and its
 * command run at least once.
 */
#include "tests/unit/route_rig.h"

#define COMMANDS(retry)                                                                     \
	"{endpoint: there, path: in, retry: {first: 10ms, most: 10ms" retry "}, commands: " \
	"{before: {run: [before, \"{path}\"]}, after: {run: [after, \"{path}\", \"{sha256}\"]}}}"

static const struct plan plan = {.from = FROM_HERE, .to = COMMANDS("")};

/* ---- what must hold ------------------------------------------------------------------------ */

static void check_delivered(const struct ferryd *d)
{
	assert_int_equal(d->done, FILES);
	assert_int_equal(world.early_afters, 0);
	for (int i = 0; i < FILES; i++)
		assert_true(world.ran_before[i] && world.ran_after[i]);
	check_all_arrived(d);
}

/* Then a life that finds nothing to do. */
static bool survives(int *fault_at, int n)
{
	struct ferryd d;
	int afters;
	bool came;

	setup(&d, &plan);
	begin_world();
	came = live_through(&d, fault_at, n);
	check_delivered(&d);
	afters = world.afters;
	run(&d);
	assert_int_equal(world.afters, afters);
	teardown(&d);
	return came;
}

static void test_commands__run_once_where_nothing_fails(void **state)
{
	struct ferryd d;

	(void)state;
	setup(&d, &plan);
	begin_world();
	run(&d);
	check_delivered(&d);
	assert_int_equal(world.befores, FILES);
	assert_int_equal(world.afters, FILES);
	teardown(&d);
}

static void test_commands__survive_every_operation_failing_once(void **state)
{
	(void)state;
	survives_everywhere(survives, &world.fail_at, 20);
}

static void test_commands__survive_every_answer_being_lost_once(void **state)
{
	(void)state;
	survives_everywhere(survives, &world.lose_at, 20);
}

static void test_commands__survive_being_stopped_at_every_operation(void **state)
{
	(void)state;
	survives_everywhere(survives, &world.stop_at, 20);
}

static void test_commands__survive_a_crash_after_every_operation(void **state)
{
	(void)state;
	survives_everywhere(survives, &world.crash_at, 20);
}

/* ---- failures ------------------------------------------------------------------------------ */

static int count_events(struct ferryd *d, int64_t job, const char *step, const char *part)
{
	struct store_job_info info;
	struct store_delivery *deliveries;
	struct store_event *events;
	size_t delivery_count, event_count;
	int found = 0;
	struct err e;

	check(store_show(d->store, job, &info, &deliveries, &delivery_count, &events, &event_count,
	                 &e) == 0);
	for (size_t i = 0; i < event_count; i++)
		found += strcmp(events[i].step, step) == 0 && strstr(events[i].text, part);
	free(deliveries);
	free(events);
	return found;
}

static int seen_given_up, seen_retries, seen_output;

/* Looks into the open store before the life ends. */
static void look(struct ferryd *d)
{
	seen_given_up = seen_retries = seen_output = 0;
	for (int64_t job = 1; job <= FILES; job++) {
		seen_given_up += count_events(d, job, "command failed", "the partner says no");
		seen_retries += count_events(d, job, "retry", "the partner says no");
		seen_output += count_events(d, job, "command", "there:in: status 0; stdout: well");
	}
}

static void test_commands__that_fail_after_a_delivery_are_tried_again(void **state)
{
	struct ferryd d;

	(void)state;
	setup(&d, &plan);
	begin_world();
	world.fail_afters = 2 * FILES;
	d.look = look;
	run(&d);
	check_delivered(&d);
	assert_int_equal(world.afters, FILES);
	assert_int_equal(seen_retries, 2 * FILES);
	assert_int_equal(seen_output, FILES);
	assert_int_equal(seen_given_up, 0);
	teardown(&d);
}

static void test_commands__given_up_after_a_delivery_leave_a_note(void **state)
{
	static const struct plan twice = {.from = FROM_HERE, .to = COMMANDS(", attempts: 2")};
	struct ferryd d;

	(void)state;
	setup(&d, &twice);
	begin_world();
	world.fail_afters = INT32_MAX;
	d.look = look;
	run(&d);
	assert_int_equal(d.done, FILES); /* never undone */
	assert_int_equal(world.afters, 0);
	assert_int_equal(seen_retries, FILES);
	assert_int_equal(seen_given_up, FILES);
	world.fail_afters = 0;
	run(&d);
	assert_int_equal(world.afters, 0); /* and never again */
	teardown(&d);
}

static void test_commands__that_fail_before_a_delivery_fail_the_attempt(void **state)
{
	struct ferryd d;

	(void)state;
	setup(&d, &plan);
	begin_world();
	world.fail_befores = 2 * FILES;
	run(&d);
	check_delivered(&d);
	assert_int_equal(world.puts, FILES); /* nothing was sent before one had ended well */
	teardown(&d);
}

/* ---- exists: append ------------------------------------------------------------------------ */

static void add_mark(const char *path)
{
	struct fake_file *f = find(path);

	if (f)
		f->content[f->size++] = '#';
}

/* What it adds to the file that is there comes before ours, and is not taken for somebody else's. */
static void test_commands__may_write_to_a_file_before_it_is_appended_to(void **state)
{
	static const struct plan appends = {
	        .from = FROM_HERE,
	        .to = "{endpoint: there, path: in, exists: append, commands: "
	              "{before: {run: [before, \"{path}\"]}}}"};
	struct ferryd d;

	(void)state;
	setup(&d, &appends);
	begin_world();
	put_file("in/f0", "!");
	world.on_before = add_mark;
	run(&d);
	assert_int_equal(d.done, FILES);
	check_file("in/f0", "!#content of 0");
	assert_int_equal(world.befores, FILES);
	teardown(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_commands__run_once_where_nothing_fails),
	        cmocka_unit_test(test_commands__survive_every_operation_failing_once),
	        cmocka_unit_test(test_commands__survive_every_answer_being_lost_once),
	        cmocka_unit_test(test_commands__survive_being_stopped_at_every_operation),
	        cmocka_unit_test(test_commands__survive_a_crash_after_every_operation),
	        cmocka_unit_test(test_commands__that_fail_after_a_delivery_are_tried_again),
	        cmocka_unit_test(test_commands__given_up_after_a_delivery_leave_a_note),
	        cmocka_unit_test(test_commands__that_fail_before_a_delivery_fail_the_attempt),
	        cmocka_unit_test(test_commands__may_write_to_a_file_before_it_is_appended_to),
	};

	work_setup();
	log_setup(LOG_LEVEL_ERROR, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
