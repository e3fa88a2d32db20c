/* Which answer belongs to which prompt; regular expressions that cannot stall. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/sftp/prompts.h"
#include "daemon/base/mem.h"

/* ---- regular expressions ------------------------------------------------------------------- */

static enum regex_result find(const char *pattern, const char *text)
{
	struct regex *r = regex_new(pattern);
	enum regex_result result;

	assert_non_null(r);
	result = regex_find(r, text, strlen(text));
	regex_free(r);
	return result;
}

static void test_regex__finds_anywhere_in_both_cases(void **state)
{
	(void)state;
	assert_int_equal(find("password", "Your PASSWORD: "), REGEX_FOUND);
	assert_int_equal(find("^code", "the code"), REGEX_NOT_FOUND);
	assert_int_equal(find("^(otp|code)\\b", "Code: "), REGEX_FOUND);
	assert_int_equal(find("ä", "\xff\xfe ä"), REGEX_FOUND); /* bytes, valid or not */
}

static void test_regex__gives_up_what_takes_too_long(void **state)
{
	(void)state;
	assert_int_equal(find("^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"),
	                 REGEX_GIVEN_UP);
}

static void test_regex__tells_what_is_wrong_with_one(void **state)
{
	char text[REGEX_PATTERN_MAX + 2];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[REGEX_PATTERN_MAX + 1] = '\0';
	assert_non_null(strstr(regex_check(text), "at most 1000"));
	assert_null(regex_new(text));
	text[REGEX_PATTERN_MAX] = '\0';
	assert_null(regex_check(text));
	assert_non_null(strstr(regex_check("code("), "at character 6"));
	assert_non_null(regex_check("(*UTF)x"));
	assert_null(regex_new("["));
	assert_null(regex_check("(code|otp)"));
}

/* ---- prompts ------------------------------------------------------------------------------- */

static struct prompts *load(const struct auth_prompt *list, size_t count)
{
	struct auth_method *m = mem_new_of(struct auth_method);
	struct prompts *p;
	struct err e;

	m->prompts = list;
	m->prompt_count = count;
	assert_int_equal(prompts_load(m, &p, &e), 0);
	free(m); /* only the list must stay */
	return p;
}

#define SECRET(words)                                 \
	{                                             \
		.kind = SECRET_VALUE, .text = (words) \
	}
static const struct auth_prompt rules[] = {
        {.prompt = "password", .kind = PROMPT_SECRET, .secret = SECRET("one")},
        {.prompt = "code|token",
         .kind = PROMPT_TOTP,
         .secret = SECRET("JBSWY3DPEHPK3PXP"),
         .digits = 6,
         .period_ms = 30000},
        {.prompt = "password", .kind = PROMPT_SECRET, .secret = SECRET("two")},
        {.prompt = "^(a+)+$", .kind = PROMPT_SECRET, .secret = SECRET("x")},
};

static enum prompt_verdict look(const struct prompts *p, const char *text, struct prompt_rule **r)
{
	*r = NULL;
	return prompts_find(p, text, strlen(text), r);
}

static void test_prompts__are_answered_by_the_first_rule_that_fits_once(void **state)
{
	struct prompts *p = load(rules, 3);
	struct prompt_rule *r;

	(void)state;
	assert_int_equal(look(p, "root's Password: ", &r), PROMPT_KNOWN);
	assert_string_equal(r->secret.bytes, "one");
	r->uses++;
	assert_int_equal(look(p, "Password: ", &r), PROMPT_KNOWN);
	assert_string_equal(r->secret.bytes, "two");
	r->uses++;
	assert_int_equal(look(p, "Password: ", &r), PROMPT_AGAIN);
	prompts_free(p);
}

static void test_prompts__take_three_codes(void **state)
{
	struct prompts *p = load(rules, 3);
	struct prompt_rule *r;

	(void)state;
	for (int i = 0; i < PROMPT_CODES_MAX; i++) {
		assert_int_equal(look(p, "Verification code: ", &r), PROMPT_KNOWN);
		assert_ptr_equal(r, &p->rules[1]);
		assert_memory_equal(r->secret.bytes, "Hello!\xDE\xAD\xBE\xEF", 10);
		r->uses++;
	}
	assert_int_equal(look(p, "Verification code: ", &r), PROMPT_AGAIN);
	prompts_free(p);
}

static void test_prompts__that_fit_nothing_or_never_end_are_told(void **state)
{
	struct prompts *p = load(rules, 4);
	struct prompt_rule *r;

	(void)state;
	assert_int_equal(look(p, "Favourite colour?", &r), PROMPT_UNKNOWN);
	assert_int_equal(look(p, "", &r), PROMPT_UNKNOWN);
	assert_int_equal(look(p, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", &r),
	                 PROMPT_GIVEN_UP);
	assert_ptr_equal(r, &p->rules[3]);
	prompts_free(p);
}

static void test_prompts__for_a_new_password_are_seen(void **state)
{
	static const char *const demands[] = {
	        "New password: ",
	        "(current) UNIX password: ",
	        "Current password: ",
	        "Enter new UNIX password: ",
	        "Retype new password: ",
	        "You are required to change your password immediately (administrator enforced).",
	        "WARNING: Your password has expired.",
	        "Your password must be changed before you log on",
	};
	static const char *const others[] = {"Password: ", "Password for ferry@newpasswd: ",
	                                     "Enter password: ", "Verification code: ", ""};
	struct prompts *p = load(rules, 3);
	struct prompt_rule *r;

	(void)state;
	for (size_t i = 0; i < sizeof(demands) / sizeof(demands[0]); i++)
		assert_int_equal(look(p, demands[i], &r), PROMPT_CHANGE);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_not_equal(look(p, others[i], &r), PROMPT_CHANGE);
	prompts_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_regex__finds_anywhere_in_both_cases),
	        cmocka_unit_test(test_regex__gives_up_what_takes_too_long),
	        cmocka_unit_test(test_regex__tells_what_is_wrong_with_one),
	        cmocka_unit_test(test_prompts__are_answered_by_the_first_rule_that_fits_once),
	        cmocka_unit_test(test_prompts__take_three_codes),
	        cmocka_unit_test(test_prompts__that_fit_nothing_or_never_end_are_told),
	        cmocka_unit_test(test_prompts__for_a_new_password_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
