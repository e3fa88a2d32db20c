#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/names.h"

static void fill(char *out, char c, size_t n)
{
	memset(out, c, n);
	out[n] = '\0';
}

#define ROW(text, verdict)                      \
	{                                       \
		text, sizeof(text) - 1, verdict \
	}
static const struct {
	const char *name;
	size_t n;
	enum name_verdict want;
} rows[] = {
        ROW("a", NAME_OK),
        ROW("-rf", NAME_OK),
        ROW(".hidden", NAME_OK),
        ROW("...", NAME_OK),
        ROW(" ", NAME_OK),
        ROW("a\\b", NAME_OK),
        ROW("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", NAME_OK),
        ROW("\xf4\x8f\xbf\xbf", NAME_OK),
        ROW("\xed\x9f\xbf\xee\x80\x80", NAME_OK),
        ROW("", NAME_EMPTY),
        ROW("\0", NAME_CONTROL),
        ROW("a\0b", NAME_CONTROL),
        ROW("a\nb", NAME_CONTROL),
        ROW("\x1f", NAME_CONTROL),
        ROW("a\x7f", NAME_CONTROL),
        ROW("/", NAME_SLASH),
        ROW("../../etc/passwd", NAME_SLASH),
        ROW(".", NAME_DOTS),
        ROW("..", NAME_DOTS),
        ROW("\x80", NAME_ENCODING),
        ROW("\xbf", NAME_ENCODING),
        ROW("\xc0\xaf", NAME_ENCODING),
        ROW("\xc1\xbf", NAME_ENCODING),
        ROW("a\xc3", NAME_ENCODING),
        ROW("\xc3(", NAME_ENCODING),
        ROW("\xe0\x80\xaf", NAME_ENCODING),
        ROW("\xe2\x82", NAME_ENCODING),
        ROW("\xe2(\xa1", NAME_ENCODING),
        ROW("\xed\xa0\x80", NAME_ENCODING),
        ROW("\xed\xbf\xbf", NAME_ENCODING),
        ROW("\xf0\x80\x80\xaf", NAME_ENCODING),
        ROW("\xf4\x90\x80\x80", NAME_ENCODING),
        ROW("\xf5\x80\x80\x80", NAME_ENCODING),
        ROW("\xff", NAME_ENCODING),
        ROW(".ferryd-claim", NAME_OURS),
        ROW(".ferryd-claim2", NAME_OK),
        ROW("a.name.as.lng", NAME_OK),
        ROW("ferryd-claim", NAME_OK),
        ROW(".a.xml.12-0.ferryd-part", NAME_OURS),
        ROW("a.xml.12-0.ferryd-part", NAME_OK),
        ROW(".ferryd-part", NAME_OK),
        ROW(".x.ferryd-part.xml", NAME_OK),
};
#undef ROW

static void test_names__gate(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (name_gate(rows[i].name, rows[i].n) != rows[i].want)
			fail_msg("row %zu: %s", i,
			         name_verdict_code(name_gate(rows[i].name, rows[i].n)));
	}
}

static void test_names__gate_measures_bytes(void **state)
{
	char name[300];

	(void)state;
	fill(name, 'x', 255);
	assert_int_equal(name_gate(name, 255), NAME_OK);
	fill(name, 'x', 256);
	assert_int_equal(name_gate(name, 256), NAME_LONG);
	fill(name, '\n', 256);
	assert_int_equal(name_gate(name, 256), NAME_LONG);
}

static void test_names__verdicts_have_words(void **state)
{
	(void)state;
	assert_string_equal(name_verdict_code(NAME_OURS), "NAME-OURS");
	assert_string_equal(name_verdict_text(NAME_DOTS), "the name is . or ..");
}

static void check_temp(const char *final_name, size_t most)
{
	char out[256];

	name_temp(final_name, "0a1b2c3d", 9223372036854775807, 31, out);
	assert_true(strlen(out) <= most);
	assert_true(name_is_ours(out, strlen(out)));
	assert_int_equal(name_gate(out, strlen(out)), NAME_OURS);
}

static void test_names__temporary_names_fit_and_are_ours(void **state)
{
	char name[300], out[256];

	(void)state;
	name_temp("a.xml", "0a1b2c3d", 12, 0, out);
	assert_string_equal(out, ".a.xml.0a1b2c3d-12-0.ferryd-part");
	name_temp("a.xml", "", 12, 0, out);
	assert_string_equal(out, ".a.xml.12-0.ferryd-part");
	check_temp("a.xml", 255);
	check_temp("", 255);
	fill(name, 'x', 255);
	check_temp(name, 255);
	for (size_t shift = 0; shift < 4; shift++) { /* cut before, in and behind a character */
		fill(name, 'x', shift);
		while (strlen(name) + 4 <= 255)
			memcpy(name + strlen(name), "\xf0\x9f\x98\x80", 5);
		check_temp(name, 255);
	}
	fill(name, '\x80', 255); /* not UTF-8 at all: cut somewhere, never out of bounds */
	name_temp(name, "0a1b2c3d", 1, 1, out);
	assert_int_equal(strlen(out), 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_names__gate),
	        cmocka_unit_test(test_names__gate_measures_bytes),
	        cmocka_unit_test(test_names__verdicts_have_words),
	        cmocka_unit_test(test_names__temporary_names_fit_and_are_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
