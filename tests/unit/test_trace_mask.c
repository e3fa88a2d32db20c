#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "adapters/trace.h"
#include "adapters/trace_mask.h"

static void test_trace_mask__is_a_number_or_words(void **state)
{
	static const struct {
		const char *text;
		unsigned mask;
	} rows[] = {
	        {"0", 0},
	        {"off", 0},
	        {"511", 511},
	        {"on", 511},
	        {"0x1ff", 511},
	        {"0X3FF", 1023},
	        {"1023", 1023},
	        {"all", 1023},
	        {"kex", TRACE_KEX},
	        {"kex,auth", TRACE_KEX | TRACE_AUTH},
	        {"Socket,ERROR", TRACE_SOCKET | TRACE_ERROR},
	        {"1", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned mask = 12345;
		struct err e;

		if (trace_mask_parse(rows[i].text, &mask, &e) < 0)
			fail_msg("%s: %s", rows[i].text, e.message);
		assert_int_equal(mask, rows[i].mask);
	}
}

static void test_trace_mask__anything_else_is_refused_with_words(void **state)
{
	static const char *const rows[] = {
	        "",   "1024",    "-1",   "5x",        "0x",
	        "kx", "kex,",    ",kex", "kex,,auth", "99999999999999999999",
	        " 5", "kex auth"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned mask = 12345;
		struct err e;

		assert_int_equal(trace_mask_parse(rows[i], &mask, &e), ERR_POLICY);
		assert_string_equal(e.code, "TRACE-MASK");
		assert_int_equal(mask, 12345);
		assert_non_null(strstr(e.message, "publickey"));
	}
}

static void test_trace_mask__a_slip_is_named(void **state)
{
	unsigned mask;
	struct err e;

	(void)state;
	assert_true(trace_mask_parse("kex,auht", &mask, &e) < 0);
	assert_non_null(strstr(e.message, "did you mean \"auth\"?"));
}

static void test_trace_mask__has_words(void **state)
{
	char text[TRACE_MASK_TEXT_BYTES];

	(void)state;
	assert_string_equal(trace_mask_text(0, text), "off");
	assert_string_equal(trace_mask_text(1, text), "off");
	assert_string_equal(trace_mask_text(511, text), "all but socket");
	assert_string_equal(trace_mask_text(510, text), "all but socket");
	assert_string_equal(trace_mask_text(1023, text), "all");
	assert_string_equal(trace_mask_text(12, text), "kex,auth");
	assert_string_equal(trace_mask_text(1023 & ~2u, text),
	                    "kex,auth,connection,scp,sftp,error,publickey,socket");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_trace_mask__is_a_number_or_words),
	        cmocka_unit_test(test_trace_mask__anything_else_is_refused_with_words),
	        cmocka_unit_test(test_trace_mask__a_slip_is_named),
	        cmocka_unit_test(test_trace_mask__has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
