/* What a route that is gone may have delivered is not put back for another one to deliver again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/adapter.h"
#include "daemon/route/recover.h"

static void check_may(const struct store_delivery *all, size_t n, bool want)
{
	if (recover_may_be_delivered(all, n) != want)
		fail_msg("%s, verified %d%s: %s", n ? delivery_state_name(all[n - 1].state) : "-",
		         n ? all[n - 1].verification : 0,
		         n && all[n - 1].is_appending ? ", appending" : "",
		         want ? "may be delivered" : "cannot be delivered");
}

/* Once the rename was asked for, or bytes were added, only an end that is known tells. */
static void test_recover__may_be_delivered_by_state(void **state)
{
	(void)state;
	for (int s = 0; s < DELIVERY_STATE_COUNT; s++) {
		struct store_delivery d = {.state = (enum delivery_state)s};

		check_may(&d, 1, s == DELIVERY_DONE);
		d.verification = VERIFIED_CLOSED;
		check_may(&d, 1, s != DELIVERY_SKIPPED);
		d.verification = VERIFIED_NONE;
		d.is_appending = true;
		check_may(&d, 1, s != DELIVERY_SKIPPED);
	}
}

static void test_recover__one_destination_is_enough(void **state)
{
	struct store_delivery all[3] = {{.state = DELIVERY_CANCELED},
	                                {.state = DELIVERY_SKIPPED},
	                                {.state = DELIVERY_DONE}};

	(void)state;
	check_may(all, 0, false);
	check_may(all, 2, false);
	check_may(all, 3, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_recover__may_be_delivered_by_state),
	        cmocka_unit_test(test_recover__one_destination_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
