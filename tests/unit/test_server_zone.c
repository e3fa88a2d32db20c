/*
 * The zone of a server that lists local times, learnt week by week.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/ftps/server_zone.h"

#define MINUTES(n) (INT64_C(60000) * (n))
#define HOURS(n)   MINUTES(60 * (n))
#define DAYS(n)    HOURS(24 * (n))

static const int64_t sunday_4 = INT64_C(1793505600000); /* 2026-11-01 04:00 */

static void test_server_zone__rounds_to_quarters(void **state)
{
	static const struct {
		int64_t listed_after_ms, ahead_ms;
	} rows[] = {
	        {HOURS(1), HOURS(1)},
	        {HOURS(1) - 59999, HOURS(1)},
	        {MINUTES(330) - 30000, MINUTES(330)},
	        {MINUTES(345), MINUTES(345)},
	        {-HOURS(3) - 59000, -HOURS(3)},
	        {HOURS(14), HOURS(14)},
	        {-59999, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server_zone z = {0};
		int64_t real = sunday_4 + DAYS(2);

		assert_true(server_zone_learn(&z, real + rows[i].listed_after_ms, real));
		assert_int_equal(server_zone_ahead(&z, real), rows[i].ahead_ms);
	}
}

static void test_server_zone__holds_for_a_week(void **state)
{
	struct server_zone z = {0};

	(void)state;
	assert_int_equal(server_zone_ahead(&z, sunday_4), 0);
	assert_true(server_zone_learn(&z, sunday_4, sunday_4 - HOURS(1)));
	assert_true(server_zone_knows(&z, sunday_4 + DAYS(7) - 1));
	assert_false(server_zone_knows(&z, sunday_4 + DAYS(7)));
	assert_false(server_zone_knows(&z, sunday_4 - 1));
	assert_true(server_zone_learn(&z, sunday_4 - 1, sunday_4 - 1 - HOURS(2)));
	assert_int_equal(server_zone_ahead(&z, sunday_4 - DAYS(3)), HOURS(2));
	assert_int_equal(server_zone_ahead(&z, sunday_4 + DAYS(3)), HOURS(1));
	assert_int_equal(server_zone_ahead(&z, sunday_4 - DAYS(300)), HOURS(2)); /* the nearest */
	assert_int_equal(server_zone_ahead(&z, sunday_4 + DAYS(300)), HOURS(1));
}

static void test_server_zone__takes_nothing_absurd(void **state)
{
	struct server_zone z = {0};

	(void)state;
	assert_true(server_zone_learn(&z, sunday_4, sunday_4 - HOURS(15)));
	assert_false(server_zone_learn(&z, sunday_4, sunday_4 - HOURS(15) - MINUTES(15)));
	assert_false(server_zone_learn(&z, sunday_4, sunday_4 + HOURS(15) + MINUTES(15)));
	assert_int_equal(server_zone_ahead(&z, sunday_4), HOURS(15));
}

static void test_server_zone__forgets_the_oldest(void **state)
{
	struct server_zone z = {0};

	(void)state;
	for (int i = 0; i <= SERVER_ZONE_WEEKS; i++) {
		int64_t listed = sunday_4 - DAYS(7 * i);

		assert_false(server_zone_knows(&z, listed));
		assert_true(server_zone_learn(&z, listed, listed - HOURS(i % 12)));
	}
	assert_false(server_zone_knows(&z, sunday_4));
	assert_true(server_zone_knows(&z, sunday_4 - DAYS(7)));
	assert_true(server_zone_knows(&z, sunday_4 - DAYS(7 * SERVER_ZONE_WEEKS)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_server_zone__rounds_to_quarters),
	        cmocka_unit_test(test_server_zone__holds_for_a_week),
	        cmocka_unit_test(test_server_zone__takes_nothing_absurd),
	        cmocka_unit_test(test_server_zone__forgets_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
