/* The pure decisions of daemon/route: retry, select, ready, publish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/route/append.h"
#include "daemon/route/publish.h"
#include "daemon/route/ready.h"
#include "daemon/route/retry.h"
#include "daemon/route/select.h"

/* ---- retry --------------------------------------------------------------------------------- */

static const struct retry_config patient = {.first_ms = 1000, .most_ms = 300000};

static struct retry_decision decide(int kind, int attempts, uint32_t dice)
{
	struct err why = {.kind = kind, .code = "X"};

	return retry_next(&patient, &why, attempts, 0, dice);
}

static void test_retry__doubles_up_to_the_most_and_jitters_by_a_fifth(void **state)
{
	(void)state;
	assert_int_equal(decide(ERR_NETWORK, 1, UINT32_MAX / 2).at_ms, 999);
	assert_int_equal(decide(ERR_NETWORK, 1, 0).at_ms, 800);
	assert_int_equal(decide(ERR_NETWORK, 1, UINT32_MAX).at_ms, 1200);
	assert_int_equal(decide(ERR_NETWORK, 3, 0).at_ms, 3200);
	assert_int_equal(decide(ERR_NETWORK, 1000000, 0).at_ms, 240000);
}

static void test_retry__holds_what_waiting_does_not_cure(void **state)
{
	(void)state;
	assert_int_equal(decide(ERR_POLICY, 1, 0).verdict, RETRY_HOLD);
	assert_int_equal(decide(ERR_BUG, 1, 0).verdict, RETRY_HOLD);
	assert_int_equal(decide(ERR_OBJECT, RETRY_LIMITED_ATTEMPTS - 1, 0).verdict, RETRY_AT);
	assert_int_equal(decide(ERR_OBJECT, RETRY_LIMITED_ATTEMPTS, 0).verdict, RETRY_HOLD);
	assert_int_equal(decide(ERR_AUTH, 1000, 0).verdict, RETRY_AT);
	assert_int_equal(decide(ERR_INTEGRITY, 1000, 0).verdict, RETRY_AT);
}

static void test_retry__counts_attempts_where_told(void **state)
{
	const struct retry_config three = {.first_ms = 10, .most_ms = 10, .attempts = 3};
	const struct err why = {.kind = ERR_NETWORK, .code = "X"};

	(void)state;
	assert_int_equal(retry_next(&three, &why, 2, 0, 0).verdict, RETRY_AT);
	assert_int_equal(retry_next(&three, &why, 3, 0, 0).verdict, RETRY_HOLD);
}

/* ---- select -------------------------------------------------------------------------------- */

static void test_select__asks_hidden_exclude_match_size_age(void **state)
{
	static const char *const match[] = {"*.xml", "*.csv"}, *const exclude[] = {"tmp*"};
	const struct route_source from = {.match = match,
	                                  .match_count = 2,
	                                  .exclude = exclude,
	                                  .exclude_count = 1,
	                                  .min_size = 10,
	                                  .max_size = 100,
	                                  .min_age_ms = 1000,
	                                  .max_age_ms = 5000};
	const struct {
		const char *name;
		uint64_t size;
		int64_t age_ms;
		enum select_verdict want;
	} table[] = {
	        {"a.xml", 50, 2000, SELECT_TAKE},       {".a.xml", 50, 2000, SELECT_HIDDEN},
	        {"tmp.xml", 50, 2000, SELECT_EXCLUDED}, {"a.txt", 50, 2000, SELECT_NO_MATCH},
	        {"a.csv", 9, 2000, SELECT_SMALL},       {"a.csv", 10, 2000, SELECT_TAKE},
	        {"a.csv", 100, 2000, SELECT_TAKE},      {"a.csv", 101, 2000, SELECT_LARGE},
	        {"a.csv", 50, 999, SELECT_YOUNG},       {"a.csv", 50, 1000, SELECT_TAKE},
	        {"a.csv", 50, 5000, SELECT_TAKE},       {"a.csv", 50, 5001, SELECT_OLD},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const struct entry entry = {.name = table[i].name,
		                            .type = ENTRY_FILE,
		                            .size = table[i].size,
		                            .mtime_ms = 100000 - table[i].age_ms};

		assert_int_equal(select_entry(&from, &entry, 100000), table[i].want);
	}
}

static void test_select__takes_files_only(void **state)
{
	const struct route_source from = {0};
	struct entry entry = {.name = "x", .type = ENTRY_LINK, .mtime_ms = MTIME_UNKNOWN};

	(void)state;
	assert_int_equal(select_entry(&from, &entry, 0), SELECT_NOT_A_FILE);
	entry.type = ENTRY_FILE;
	assert_int_equal(select_entry(&from, &entry, 0), SELECT_TAKE);
}

/* ---- ready --------------------------------------------------------------------------------- */

static bool observe(struct ready *r, uint64_t size, int64_t now_ms)
{
	struct candidate c = {.path = "a", .size = size, .mtime_ms = 7};
	bool is_ready;

	ready_begin(r);
	is_ready = ready_observe(r, &c, 100, now_ms);
	ready_end(r);
	return is_ready;
}

static void test_ready__wants_two_equal_observations_far_enough_apart(void **state)
{
	struct ready r;

	(void)state;
	ready_init(&r);
	assert_false(observe(&r, 1, 1000));
	assert_int_equal(r.next_ms, 1100);
	assert_false(observe(&r, 1, 1099));
	assert_true(observe(&r, 1, 1100));
	ready_release(&r);
}

static void test_ready__starts_again_when_the_file_changed_or_was_away(void **state)
{
	struct ready r;

	(void)state;
	ready_init(&r);
	assert_false(observe(&r, 1, 1000));
	assert_false(observe(&r, 2, 1100));
	assert_true(observe(&r, 2, 1200));
	assert_false(observe(&r, 3, 2000));
	ready_begin(&r);
	ready_end(&r);
	assert_false(observe(&r, 3, 2200));
	assert_int_equal(ready_waiting(&r), 1);
	ready_release(&r);
}

/* ---- publish ------------------------------------------------------------------------------- */

static void test_publish__decides_every_row_of_the_table(void **state)
{
	const struct found none = {0}, full = {true, 10, 5}, other = {true, 9, 5},
	                   newer = {true, 10, 6};

	(void)state;
	assert_int_equal(publish_judge(&full, &none, 10, false), PUBLISH_RENAME);
	assert_int_equal(publish_judge(&full, &newer, 10, false), PUBLISH_RENAME);
	assert_int_equal(publish_judge(&full, &full, 10, true), PUBLISH_RENAME);
	assert_int_equal(publish_judge(&full, &full, 10, false), PUBLISH_BOTH);
	assert_int_equal(publish_judge(&other, &none, 10, false), PUBLISH_RESEND);
	assert_int_equal(publish_judge(&none, &full, 10, false), PUBLISH_DONE);
	assert_int_equal(publish_judge(&none, &none, 10, false), PUBLISH_INFERRED);
	assert_int_equal(publish_judge(&none, &other, 10, true), PUBLISH_INFERRED);
}

/* ---- append -------------------------------------------------------------------------------- */

static enum append_verdict append_now(uint64_t now, uint64_t at, uint64_t size)
{
	const struct found found = {true, now, 5};

	return append_judge(&found, at, size);
}

static void test_append__decides_by_the_size_before(void **state)
{
	const struct found none = {0};

	(void)state;
	assert_int_equal(append_now(100, 100, 10), APPEND_SEND);
	assert_int_equal(append_now(109, 100, 10), APPEND_SEND);
	assert_int_equal(append_now(110, 100, 10), APPEND_COMPLETE);
	assert_int_equal(append_now(111, 100, 10), APPEND_FOREIGN);
	assert_int_equal(append_now(99, 100, 10), APPEND_FOREIGN);
	assert_int_equal(append_now(100, 100, 0), APPEND_COMPLETE);
	assert_int_equal(append_now(0, 0, 10), APPEND_SEND);
	assert_int_equal(append_now(SIZE_UNKNOWN, 100, 10), APPEND_UNKNOWN);
	assert_int_equal(append_judge(&none, 0, 10), APPEND_GONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_append__decides_by_the_size_before),
	        cmocka_unit_test(test_retry__doubles_up_to_the_most_and_jitters_by_a_fifth),
	        cmocka_unit_test(test_retry__holds_what_waiting_does_not_cure),
	        cmocka_unit_test(test_retry__counts_attempts_where_told),
	        cmocka_unit_test(test_select__asks_hidden_exclude_match_size_age),
	        cmocka_unit_test(test_select__takes_files_only),
	        cmocka_unit_test(test_ready__wants_two_equal_observations_far_enough_apart),
	        cmocka_unit_test(test_ready__starts_again_when_the_file_changed_or_was_away),
	        cmocka_unit_test(test_publish__decides_every_row_of_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
