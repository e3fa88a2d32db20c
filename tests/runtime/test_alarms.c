#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/runtime/alarms.h"

enum { MANY = 500 };

/* A fixed linear congruential sequence (Numerical Recipes): the same order in every run. */
static uint32_t next_number(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void add_many(struct alarms *as, struct alarm *a)
{
	uint32_t seed = 7;

	for (int i = 0; i < MANY; i++)
		alarms_add(as, &a[i], next_number(&seed) % 1000);
}

static int64_t take_all_in_order(struct alarms *as)
{
	int64_t last_ms = -1, count = 0;
	struct alarm *a;

	while ((a = alarms_take_due(as, INT64_MAX - 1)) != NULL) {
		assert_true(a->at_ms >= last_ms);
		assert_int_equal(a->place, 0);
		last_ms = a->at_ms;
		count++;
	}
	return count;
}

static void test_alarms__come_soonest_first(void **state)
{
	struct alarm a[MANY] = {0};
	struct alarms as;

	(void)state;
	alarms_init(&as);
	add_many(&as, a);
	assert_int_equal(take_all_in_order(&as), MANY);
	assert_true(alarms_next_ms(&as) == INT64_MAX);
	alarms_release(&as);
}

static void test_alarms__any_can_be_removed(void **state)
{
	struct alarm a[MANY] = {0};
	struct alarms as;

	(void)state;
	alarms_init(&as);
	add_many(&as, a);
	for (int i = 0; i < MANY; i += 3)
		alarms_remove(&as, &a[i]);
	alarms_remove(&as, &a[0]); /* harmless twice */
	assert_int_equal(take_all_in_order(&as), MANY - (MANY + 2) / 3);
	alarms_release(&as);
}

static void test_alarms__are_due_from_their_time_on(void **state)
{
	struct alarm a = {0};
	struct alarms as;

	(void)state;
	alarms_init(&as);
	alarms_add(&as, &a, 100);
	assert_null(alarms_take_due(&as, 99));
	assert_ptr_equal(alarms_take_due(&as, 100), &a);
	alarms_release(&as);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_alarms__come_soonest_first),
	        cmocka_unit_test(test_alarms__any_can_be_removed),
	        cmocka_unit_test(test_alarms__are_due_from_their_time_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
