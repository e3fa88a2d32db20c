/*
 * Words of a route's commands: what they may say, what they become, and how an end is noted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/base/mem.h"
#include "daemon/route/command.h"

static const unsigned char digest[DIGEST_BYTES] = {0xab, 0x01};

static const struct command_values values = {.path = "/in/sub/it's.xml",
                                             .name = "it's.xml",
                                             .dir = "/in/sub",
                                             .route = "r",
                                             .job = 42,
                                             .size = 4096,
                                             .sha256 = digest};

static void check_word(const char *word, const char *want)
{
	struct buf out;
	struct err e;

	buf_init(&out, COMMAND_LINE_BYTES);
	assert_null(command_judge(word));
	assert_int_equal(command_expand(word, &values, &out, &e), 0);
	assert_string_equal(buf_text(&out), want);
	buf_release(&out);
}

static void test_command__puts_in_what_is_known(void **state)
{
	(void)state;
	check_word("plain", "plain");
	check_word("", "");
	check_word("{path}", "/in/sub/it's.xml");
	check_word("--file={name} of {dir}", "--file=it's.xml of /in/sub");
	check_word("{route}-{job}-{size}", "r-42-4096");
	check_word("{{{job}}}", "{42}");
	check_word("{{}}", "{}");
	check_word("{sha256}", "ab01000000000000000000000000000000000000000000000000000000000000");
}

static void test_command__refuses_other_braces(void **state)
{
	static const char *const wrong[] = {"{",  "}",   "a}b",     "{nothing}", "{path",
	                                    "{}", "{{}", "{pa{th}", "{{{"};
	struct buf out;
	struct err e;

	(void)state;
	buf_init(&out, COMMAND_LINE_BYTES);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_non_null(command_judge(wrong[i]));
		assert_int_equal(command_expand(wrong[i], &values, &out, &e), ERR_CONFIG);
		assert_string_equal(e.code, "COMMAND-WORD");
	}
	buf_release(&out);
}

static void test_command__bounds_a_word(void **state)
{
	char *word _cleanup_free_ = mem_new(COMMAND_LINE_BYTES + 2);
	struct buf out;
	struct err e;

	(void)state;
	buf_init(&out, COMMAND_LINE_BYTES);
	memset(word, 'x', COMMAND_LINE_BYTES);
	assert_int_equal(command_expand(word, &values, &out, &e), 0);
	word[COMMAND_LINE_BYTES] = 'x';
	assert_int_equal(command_expand(word, &values, &out, &e), ERR_POLICY);
	assert_string_equal(e.code, "COMMAND-WORD");
	buf_release(&out);
}

static void check_note(const char *out_text, const char *err_text, const char *want)
{
	struct command_result r;
	struct buf note;

	command_result_init(&r);
	command_output_add(&r.out, out_text, strlen(out_text));
	command_output_add(&r.err, err_text, strlen(err_text));
	buf_init(&note, STORE_NOTE_BYTES);
	command_note(&r, &note);
	assert_string_equal(buf_text(&note), want);
	buf_release(&note);
	command_result_release(&r);
}

static void test_command__notes_an_end_in_one_line(void **state)
{
	char big[1101], want[1200];

	(void)state;
	check_note("", "", "status 0");
	check_note("done\n", "", "status 0; stdout: done");
	check_note("a\nb\n", "careful\x1b[2J\n",
	           "status 0; stderr: careful\\x1b[2J; stdout: a\\x0ab");
	memset(big, 'x', 1100);
	big[0] = 'y';
	big[1100] = '\0';
	(void)snprintf(want, sizeof(want), "status 0; stdout: …%s", big + 100);
	check_note(big, "", want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_command__puts_in_what_is_known),
	        cmocka_unit_test(test_command__refuses_other_braces),
	        cmocka_unit_test(test_command__bounds_a_word),
	        cmocka_unit_test(test_command__notes_an_end_in_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
