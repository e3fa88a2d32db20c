/* What workers tell each other about a login: one tries first, a refused one is not repeated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/logins.h"

static void end(const char *name, uint64_t proofs, enum err_kind kind)
{
	struct err e = {0};

	if (kind)
		(void)err_set(&e, kind, "TEST", 0, "the server said no");
	logins_end(name, proofs, kind, &e);
}

static void test_logins__one_tries_first_then_all_may(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(logins_begin("a", 1, &e), LOGIN_GO);
	assert_int_equal(logins_begin("a", 1, &e), LOGIN_WAIT);
	assert_int_equal(logins_begin("b", 1, &e), LOGIN_GO); /* another login */
	assert_false(logins_work("a"));
	end("a", 1, 0);
	assert_true(logins_work("a"));
	assert_int_equal(logins_begin("a", 1, &e), LOGIN_GO);
	assert_int_equal(logins_begin("a", 1, &e), LOGIN_GO);
	end("b", 1, ERR_NETWORK);
	assert_int_equal(logins_begin("b", 1, &e), LOGIN_GO); /* nothing is known of it */
	assert_int_equal(logins_begin("b", 1, &e), LOGIN_WAIT);
	end("b", 1, ERR_CANCELED);
}

static void test_logins__a_refused_one_is_not_repeated_with_the_same_proofs(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(logins_begin("c", 1, &e), LOGIN_GO);
	end("c", 1, ERR_AUTH);
	assert_int_equal(logins_begin("c", 1, &e), LOGIN_REFUSED);
	assert_int_equal(e.kind, ERR_AUTH);
	assert_string_equal(e.message, "the server said no");
	assert_int_equal(logins_begin("c", 2, &e), LOGIN_GO); /* the key has changed */
	end("c", 2, ERR_AUTH);
	assert_int_equal(logins_begin("c", 2, &e), LOGIN_REFUSED);
	logins_forget("c"); /* the operator */
	assert_int_equal(logins_begin("c", 2, &e), LOGIN_GO);
	end("c", 2, 0);
	logins_forget("c");
	assert_true(logins_work("c"));
	end("c", 2, ERR_TRUST);
	assert_false(logins_work("c"));
}

static void test_logins__without_a_name_or_proofs_are_let_go(void **state)
{
	struct err e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(logins_begin(NULL, 1, &e), LOGIN_GO);
		assert_int_equal(logins_begin("d", 0, &e), LOGIN_GO);
	}
	end(NULL, 1, ERR_AUTH);
	end("d", 0, ERR_AUTH);
	logins_forget(NULL);
	assert_false(logins_work(NULL));
	assert_int_equal(logins_begin("d", 0, &e), LOGIN_GO);
}

static void test_logins__under_way_are_never_forgotten(void **state)
{
	struct err e;
	char name[32];

	(void)state;
	assert_int_equal(logins_begin("busy", 1, &e), LOGIN_GO);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "many-%d", i);
		assert_int_equal(logins_begin(name, 1, &e), LOGIN_GO);
		end(name, 1, 0);
	}
	assert_false(logins_work("many-0"));
	assert_true(logins_work("many-4999"));
	assert_int_equal(logins_begin("busy", 1, &e), LOGIN_WAIT);
	end("busy", 1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_logins__one_tries_first_then_all_may),
	        cmocka_unit_test(test_logins__a_refused_one_is_not_repeated_with_the_same_proofs),
	        cmocka_unit_test(test_logins__without_a_name_or_proofs_are_let_go),
	        cmocka_unit_test(test_logins__under_way_are_never_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
