/* Refused channels that the server does not close: as many as there is room for, and no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/sftp/refusals.h"
#include "daemon/base/mem.h"

/* A server that has closed what it was told to. */
struct server {
	bool has_closed[REFUSALS_MOST + 1];
	size_t asked;
};

static bool is_freed(void *arg, void *channel)
{
	struct server *s = arg;

	s->asked++;
	return *(bool *)channel;
}

static struct refusals *refusals_of(struct server *s)
{
	struct refusals *r = mem_new_of(struct refusals);

	*r = (struct refusals){.is_freed = is_freed, .arg = s};
	return r;
}

static void add(struct refusals *r, size_t first, size_t count)
{
	struct server *s = r->arg;

	for (size_t i = first; i < first + count; i++) {
		assert_true(refusals_have_room(r));
		refusals_add(r, &s->has_closed[i]);
	}
}

static void test_refusals__have_room_up_to_the_limit_and_not_for_one_more(void **state)
{
	struct server s = {0};
	struct refusals *r _cleanup_free_ = refusals_of(&s);

	(void)state;
	add(r, 0, REFUSALS_MOST - 1);
	assert_true(refusals_have_room(r));
	add(r, REFUSALS_MOST - 1, 1);
	assert_false(refusals_have_room(r));
	refusals_collect(r); /* nothing was closed */
	assert_false(refusals_have_room(r));
	s.has_closed[500] = true;
	refusals_collect(r);
	add(r, REFUSALS_MOST, 1);
	assert_false(refusals_have_room(r));
	assert_int_equal(r->count, REFUSALS_MOST);
}

static void test_refusals__keep_the_others_in_their_order(void **state)
{
	struct server s = {0};
	struct refusals *r _cleanup_free_ = refusals_of(&s);

	(void)state;
	add(r, 0, 5);
	s.has_closed[0] = s.has_closed[2] = s.has_closed[4] = true;
	refusals_collect(r);
	assert_int_equal(r->count, 2);
	assert_ptr_equal(r->waiting[0], &s.has_closed[1]);
	assert_ptr_equal(r->waiting[1], &s.has_closed[3]);
	s.asked = 0;
	refusals_collect(r); /* who is freed is not asked again */
	assert_int_equal(s.asked, 2);
}

static void test_refusals__that_are_closed_at_once_take_no_room(void **state)
{
	struct server s = {.has_closed[0] = true};
	struct refusals *r _cleanup_free_ = refusals_of(&s);

	(void)state;
	add(r, 0, 1);
	assert_int_equal(r->count, 0);
	assert_int_equal(s.asked, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_refusals__have_room_up_to_the_limit_and_not_for_one_more),
	        cmocka_unit_test(test_refusals__keep_the_others_in_their_order),
	        cmocka_unit_test(test_refusals__that_are_closed_at_once_take_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
