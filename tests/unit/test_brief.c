/* Three lines for cause and cure, whatever length what came from outside has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "adapters/brief.h"
#include "daemon/base/mem.h"

/* ---- lines --------------------------------------------------------------------------------- */

/* `n` words of `width` letters. */
static const char *words(size_t n, size_t width, const char *letter)
{
	static char text[4096];
	size_t used = 0;

	for (size_t i = 0; i < n * width + (n - 1); i++) {
		const char *c = i % (width + 1) == width ? " " : letter;

		memcpy(text + used, c, strlen(c));
		used += strlen(c);
	}
	text[used] = '\0';
	return text;
}

static void test_brief__counts_lines(void **state)
{
	(void)state;
	assert_int_equal(brief_lines(""), 0);
	assert_int_equal(brief_lines("a"), 1);
	assert_int_equal(brief_lines(words(1, BRIEF_COLUMNS, "x")), 1);
	assert_int_equal(brief_lines(words(1, BRIEF_COLUMNS + 1, "x")), 2);
	assert_int_equal(brief_lines(words(1, 2 * BRIEF_COLUMNS, "x")), 2);
	assert_int_equal(brief_lines(words(2, 79, "x")), 1);
	assert_int_equal(brief_lines(words(2, 80, "x")), 2);
	assert_int_equal(brief_lines(words(6, 79, "x")), 3);
	assert_int_equal(brief_lines(words(7, 79, "x")), 4);
	assert_int_equal(brief_lines(words(1, BRIEF_COLUMNS, "\xC3\xA4")), 1); /* characters */
}

/* ---- texts and lists ----------------------------------------------------------------------- */

static void check_text(const char *text, size_t room, const char *want)
{
	char out[BRIEF_ROOM_MOST];

	assert_string_equal(brief_text(text, out, room), want);
	assert_true(strlen(out) < room);
}

static void test_brief__leaves_the_middle_of_a_text_out(void **state)
{
	char out[64];

	(void)state;
	check_text(NULL, 72, "(unknown)");
	check_text("", 72, "(unknown)");
	check_text("0123456789012345678901234567890", 32, "0123456789012345678901234567890");
	check_text("01234567890123456789012345678901", 32,
	           "01234567890123\xE2\x80\xA6"
	           "89012345678901");
	check_text("\x1b[0m", 32, "\\x1b[0m");
	/* neither an escape nor a character is torn */
	check_text("012345678901\x1b 23456789\x1b"
	           "01234567890",
	           32,
	           "012345678901\xE2\x80\xA6"
	           "01234567890");
	check_text("0123456789012\xC3\xA4 3456789012\xC3\xA4"
	           "0123456789012",
	           32,
	           "0123456789012\xE2\x80\xA6"
	           "0123456789012");
	assert_string_equal(brief_words("a\\x1b", out, sizeof(out)), "a\\x1b");
}

static void check_list(const char *list, size_t room, const char *want)
{
	static const struct brief_items names = {",", ", ", false};
	char out[BRIEF_ROOM_MOST];

	assert_string_equal(brief_list(list, &names, out, room), want);
	assert_true(strlen(out) < room);
}

static void test_brief__shows_whole_items_and_counts_the_rest(void **state)
{
	(void)state;
	check_list(NULL, 72, "(unknown)");
	check_list("", 72, "(unknown)");
	check_list(",,", 72, "(unknown)");
	check_list("one", 72, "one");
	check_list("one,two,three", 72, "one, two, three");
	check_list("aaaaaaaaaaaaaaaaaaaa,bbbbbb,c,d", 72, "aaaaaaaaaaaaaaaaaaaa, bbbbbb, c, d");
	check_list("aaaaaaaaaaaaaaaaaaaa,bbbbbbb,c,d", 72,
	           "aaaaaaaaaaaaaaaaaaaa, bbbbbbb and 2 more, all in the trace");
	check_list("a\x1b,b", 72, "a\\x1b, b");
}

static void test_brief__shows_the_ends_of_an_item_without_end(void **state)
{
	char *list = mem_printf("%0100d,next,last", 0);

	(void)state;
	check_list(list, 72,
	           "00000000000000\xE2\x80\xA6"
	           "00000000000000 and 2 more, all in the trace");
	free(list);
}

static void test_brief__items_may_be_escaped_already(void **state)
{
	static const struct brief_items steps = {"; ", "; ", true};
	char out[72];

	(void)state;
	assert_string_equal(brief_list("a\\x1b; b", &steps, out, sizeof(out)), "a\\x1b; b");
}

/* ---- messages ------------------------------------------------------------------------------ */

static void compose(const void *what, size_t room, struct err *e)
{
	static const struct brief_items names = {",", ", ", false};
	char list[BRIEF_ROOM_MOST];

	(void)err_set(e, ERR_CONFIG, "X", 7, "%s: cure", brief_list(what, &names, list, room));
}

/* `n` algorithms. */
static char *many(size_t n)
{
	char *list = mem_dup("algorithm-0000@example.com");

	for (size_t i = 1; i < n; i++) {
		char *longer = mem_printf("%s,algorithm-%04zu@example.com", list, i);

		free(list);
		list = longer;
	}
	return list;
}

static size_t fit(size_t n, const char *words)
{
	char *list = many(n);
	struct err e;

	assert_int_equal(brief_fit(compose, list, &e), ERR_CONFIG);
	free(list);
	assert_true(brief_lines(e.message) <= BRIEF_LINES);
	assert_non_null(strstr(e.message, words));
	assert_non_null(strstr(e.message, ": cure")); /* never what is left out */
	return strlen(e.message);
}

static void test_brief__fits_a_message_into_three_lines(void **state)
{
	(void)state;
	assert_int_equal(fit(2, "algorithm-0001@example.com: cure"), 60);
	assert_true(fit(13, "algorithm-0012@example.com: cure") < BRIEF_ROOM_MOST);
	(void)fit(20, " more, all in the trace: cure");
	(void)fit(1000, " more, all in the trace: cure");
}

static void compose_without_end(const void *what, size_t room, struct err *e)
{
	(void)room;
	(void)err_set(e, ERR_CONFIG, "X", 7, "%s", (const char *)what);
}

static void test_brief__cuts_what_cannot_be_shortened(void **state)
{
	struct err e;

	(void)state;
	(void)brief_fit(compose_without_end, words(6, 79, "x"), &e);
	assert_string_equal(e.message, words(6, 79, "x"));
	(void)brief_fit(compose_without_end, words(9, 79, "x"), &e);
	assert_int_equal(brief_lines(e.message), BRIEF_LINES);
	assert_string_equal(e.message + strlen(e.message) - 3, "\xE2\x80\xA6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_brief__counts_lines),
	        cmocka_unit_test(test_brief__leaves_the_middle_of_a_text_out),
	        cmocka_unit_test(test_brief__shows_whole_items_and_counts_the_rest),
	        cmocka_unit_test(test_brief__shows_the_ends_of_an_item_without_end),
	        cmocka_unit_test(test_brief__items_may_be_escaped_already),
	        cmocka_unit_test(test_brief__fits_a_message_into_three_lines),
	        cmocka_unit_test(test_brief__cuts_what_cannot_be_shortened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
