#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/adapter.h"
#include "daemon/route/naming.h"
#include "daemon/route/zone.h"

/* 2026-03-29 00:59:58.007 UTC, two seconds before Berlin's clocks go forward */
enum { MARCH_MS = 7 };
#define MARCH_S INT64_C(1774745998)

static struct naming_values plain_file(const char *name)
{
	return (struct naming_values){.name = name,
	                              .mtime_ms = MARCH_S * 1000 + MARCH_MS,
	                              .now_ms = (MARCH_S + 2) * 1000,
	                              .route = "acme-in",
	                              .job = 4711};
}

static void check_name(const char *template, const char *name, const char *want)
{
	struct naming_values v = plain_file(name);
	char got[NAMING_BYTES];
	struct err e = {0};

	if (naming_expand(template, &v, got, &e) < 0)
		fail_msg("%s: %s", template, e.message);
	assert_string_equal(got, want);
}

static void check_refused(const char *template, const char *name, int kind, const char *word)
{
	struct naming_values v = plain_file(name);
	char got[NAMING_BYTES] = "untouched";
	struct err e = {0};

	assert_int_equal(naming_expand(template, &v, got, &e), kind);
	assert_string_equal(got, "untouched");
	assert_string_equal(e.code, "NAME-TEMPLATE");
	if (!strstr(e.message, word))
		fail_msg("\"%s\" does not say \"%s\"", e.message, word);
}

static void check_judged(const char *template, const char *word)
{
	const char *why = naming_judge(template);

	if (!why || !strstr(why, word))
		fail_msg("%s: \"%s\" does not say \"%s\"", template, why ? why : "(accepted)",
		         word);
}

static void test_naming__fills_in_variables(void **state)
{
	(void)state;
	check_name("{name}", "a.xml", "a.xml");
	check_name("{mtime:%Y%m%d}-{name}", "a.xml", "20260329-a.xml");
	check_name("{stem}-{job}{ext}", "a.tar.gz", "a.tar-4711.gz");
	check_name("{stem}-{job}{ext}", "README", "README-4711");
	check_name("{stem}-{job}{ext}", ".profile", ".profile-4711");
	check_name("{stem}|{ext}", "a.", "a|.");
	check_name("{route}_{now:%H%M%S}", "a", "acme-in_010000");
	check_name("{mtime}", "a", "20260329-005958");
	check_name("{{{name}}}", "a", "{a}");
	check_name("x{{y}}", "a", "x{y}");
	check_name("{mtime:%y%j_%N_%s_%u_%G-W%V%%}", "a", "26088_007_1774745998_7_2026-W13%");
	check_name("gr\xc3\xbc\xc3\x9f-{name}", "\xc3\xa4", "gr\xc3\xbc\xc3\x9f-\xc3\xa4");
	check_name("{name}{mtime:}", "a", "a");
}

static void test_naming__writes_times_in_the_zone_given(void **state)
{
	struct naming_values v = plain_file("a");
	struct zone *berlin;
	char got[NAMING_BYTES];
	struct err e;

	(void)state;
	assert_int_equal(zone_load("Europe/Berlin", &berlin, &e), 0);
	v.zone = berlin;
	assert_int_equal(naming_expand("{mtime:%H%M%S}-{now:%H%M%S}", &v, got, &e), 0);
	assert_string_equal(got, "015958-030000");
	zone_free(berlin);
}

static void test_naming__refuses_what_is_no_name(void **state)
{
	char long_name[251];

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[250] = '\0';
	check_refused("{route}-{name}", long_name, ERR_POLICY, "longer than 255 bytes");
	check_refused("{stem}/{job}", "a", ERR_POLICY, "slash");
	check_refused("{ext}", "a", ERR_POLICY, "empty");
	check_refused("{name}.", ".", ERR_POLICY, "..");
	check_refused("{name}\n", "a", ERR_POLICY, "\\x0a");
	check_refused("{nam}", "a", ERR_CONFIG, "did you mean {name}");
	check_refused("{mtime:%p}", "a", ERR_CONFIG, "%p is not a time code");
}

static void test_naming__needs_a_time_that_is_known(void **state)
{
	struct naming_values v = plain_file("a");
	char got[NAMING_BYTES];
	struct err e;

	(void)state;
	v.mtime_ms = MTIME_UNKNOWN;
	assert_int_equal(naming_expand("{name}.{mtime}", &v, got, &e), ERR_POLICY);
	assert_non_null(strstr(e.message, "use {now}"));
	assert_int_equal(naming_expand("{name}.{now:%Y}", &v, got, &e), 0);
}

static void test_naming__judges_templates_at_load(void **state)
{
	(void)state;
	assert_null(naming_judge("{name}"));
	assert_null(naming_judge("{mtime:%Y%m%d}-{stem}{ext}"));
	assert_null(naming_judge("fixed.dat"));
	check_judged("", "empty");
	check_judged("{sstem}", "did you mean {stem}");
	check_judged("{sha256}", "{job} are");
	check_judged("{}", "is not a variable");
	check_judged("{name", "without its }");
	check_judged("{na{me}", "without its }");
	check_judged("name}", "without its {");
	check_judged("{name:%Y}", "takes no format");
	check_judged("{now:%Y%}", "at the end");
	check_judged("{now:%A}", "%A is not a time code");
	check_judged("{stem}.{ext}", "its own dot");
	check_judged("in/{name}", "slash");
	check_judged("{now:%Y/%m}", "slash");
	check_judged("{\x1b}", "\\x1b");
}

static void check_numbered(const char *name, unsigned n, const char *want)
{
	char got[NAMING_BYTES];

	naming_numbered(name, n, got);
	assert_string_equal(got, want);
}

static void test_naming__numbers_before_the_extension(void **state)
{
	(void)state;
	check_numbered("a.xml", 0, "a.xml");
	check_numbered("a.xml", 1, "a-1.xml");
	check_numbered("a.xml", 2, "a-2.xml");
	check_numbered("a.tar.gz", 10, "a.tar-10.gz");
	check_numbered("README", 1, "README-1");
	check_numbered(".profile", 1, ".profile-1");
}

static void test_naming__cuts_the_stem_of_a_long_name_at_a_character(void **state)
{
	char name[NAMING_BYTES], got[NAMING_BYTES];

	(void)state;
	for (int i = 0; i < 125; i++)
		memcpy(name + 2 * i, "\xc3\xa4", 2);
	memcpy(name + 250, ".xml", 5);
	naming_numbered(name, 1234, got);
	assert_int_equal(strlen(got), 2 * 123 + 5 + 4);
	assert_string_equal(got + 2 * 123, "-1234.xml");
	naming_numbered(name, 12345, got);
	assert_int_equal(strlen(got), 2 * 122 + 6 + 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_naming__fills_in_variables),
	        cmocka_unit_test(test_naming__writes_times_in_the_zone_given),
	        cmocka_unit_test(test_naming__refuses_what_is_no_name),
	        cmocka_unit_test(test_naming__needs_a_time_that_is_known),
	        cmocka_unit_test(test_naming__judges_templates_at_load),
	        cmocka_unit_test(test_naming__numbers_before_the_extension),
	        cmocka_unit_test(test_naming__cuts_the_stem_of_a_long_name_at_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
