#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/inotify.h>

#include "adapters/local/writers.h"

static struct writers w;

static int setup(void **state)
{
	(void)state;
	writers_init(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	writers_release(&w);
	assert_int_equal(w.count, 0);
	assert_int_equal(w.newborn, 0);
	return 0;
}

static void note(uint32_t mask)
{
	writers_note(&w, mask, "a", 1000);
}

static void test_writers__busy_from_creation_to_close(void **state)
{
	(void)state;
	assert_false(writers_has(&w, "a", 1000));
	note(IN_CREATE);
	assert_true(writers_has(&w, "a", 1000));
	note(IN_OPEN);
	note(IN_MODIFY);
	assert_true(writers_has(&w, "a", 999999999));
	note(IN_CLOSE_WRITE);
	assert_false(writers_has(&w, "a", 1000));
	assert_int_equal(w.count, 0);
}

static void test_writers__readers_make_nothing_busy(void **state)
{
	(void)state;
	note(IN_OPEN);
	assert_false(writers_has(&w, "a", 1000));
	note(IN_CLOSE_NOWRITE);
	assert_int_equal(w.count, 0);
}

static void test_writers__an_existing_file_is_busy_once_written(void **state)
{
	(void)state;
	note(IN_OPEN);
	note(IN_MODIFY);
	note(IN_OPEN); /* a reader comes and goes */
	note(IN_CLOSE_NOWRITE);
	assert_true(writers_has(&w, "a", 1000));
	note(IN_CLOSE_WRITE);
	assert_false(writers_has(&w, "a", 1000));
}

static void test_writers__the_second_of_two_writers_keeps_it_busy(void **state)
{
	(void)state;
	note(IN_CREATE);
	note(IN_OPEN);
	note(IN_OPEN);
	note(IN_CLOSE_WRITE);
	note(IN_MODIFY);
	assert_true(writers_has(&w, "a", 1000));
	note(IN_CLOSE_WRITE);
	assert_false(writers_has(&w, "a", 1000));
}

static void test_writers__who_wrote_before_we_watched_has_a_grace(void **state)
{
	(void)state;
	note(IN_MODIFY);
	assert_true(writers_has(&w, "a", 1000 + WRITERS_GRACE_MS - 1));
	assert_false(writers_has(&w, "a", 1000 + WRITERS_GRACE_MS));
	note(IN_CLOSE_WRITE);
	assert_int_equal(w.count, 0);
}

static void test_writers__a_linked_file_is_whole_after_a_moment(void **state)
{
	(void)state;
	note(IN_CREATE);
	assert_int_equal(writers_settle(&w, 1000 + WRITERS_NEWBORN_MS - 1), 0);
	assert_true(writers_has(&w, "a", 1000));
	assert_int_equal(writers_settle(&w, 1000 + WRITERS_NEWBORN_MS), 1);
	assert_false(writers_has(&w, "a", 1000));
}

static void test_writers__a_deleted_file_is_forgotten(void **state)
{
	(void)state;
	note(IN_CREATE);
	note(IN_OPEN);
	note(IN_DELETE);
	assert_int_equal(w.count, 0);
}

static void test_writers__a_rename_takes_the_writer_along(void **state)
{
	struct writers there;

	(void)state;
	writers_init(&there);
	note(IN_CREATE);
	note(IN_OPEN);
	writers_note(&there, IN_MODIFY, "b", 1000);
	assert_true(writers_rename(&w, "a", &there, "b"));
	assert_false(writers_has(&w, "a", 1000));
	assert_true(writers_has(&there, "b", 1000));
	assert_int_equal(there.count, 1);
	writers_note(&there, IN_CLOSE_WRITE, "b", 1000);
	assert_false(writers_has(&there, "b", 1000));
	assert_false(writers_rename(&w, "a", &there, "c"));
	writers_release(&there);
}

static void test_writers__remembers_so_many_and_no_more(void **state)
{
	char name[16];

	(void)state;
	for (int i = 0; i < WRITERS_MOST; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		writers_note(&w, IN_MODIFY, name, 1000);
	}
	assert_int_equal(w.forgotten, 0);
	note(IN_MODIFY);
	assert_int_equal(w.forgotten, 1);
	assert_false(writers_has(&w, "a", 1000));
	writers_note(&w, IN_CLOSE_WRITE, "7", 1000);
	note(IN_MODIFY);
	assert_true(writers_has(&w, "a", 1000));
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        test(test_writers__busy_from_creation_to_close),
	        test(test_writers__readers_make_nothing_busy),
	        test(test_writers__an_existing_file_is_busy_once_written),
	        test(test_writers__the_second_of_two_writers_keeps_it_busy),
	        test(test_writers__who_wrote_before_we_watched_has_a_grace),
	        test(test_writers__a_linked_file_is_whole_after_a_moment),
	        test(test_writers__a_deleted_file_is_forgotten),
	        test(test_writers__a_rename_takes_the_writer_along),
	        test(test_writers__remembers_so_many_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
