#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/codes.h"

static void each_row(void (*check)(const struct code_text *))
{
#define EACH(family)                                        \
	for (size_t i = 0; i < codes_##family##_count; i++) \
		check(&codes_##family[i]);
	CODE_FAMILIES(EACH)
#undef EACH
}

static bool is_sentence(const char *text)
{
	size_t n = strlen(text);

	return n > 5 && n < 400 && text[n - 1] == '.' && text[0] != ' ' && !strstr(text, "  ");
}

static void check_row(const struct code_text *c)
{
	if (!is_sentence(c->means) || !is_sentence(c->causes) || !is_sentence(c->cure))
		fail_msg("%s: not three sentences", c->code);
	if (strcmp(err_kind_name((int)c->kind), "NONE") == 0)
		fail_msg("%s: no kind", c->code);
	assert_ptr_equal(codes_find(c->code), c);
	assert_true(strlen(codes_retry(c->kind)) > 10);
}

static void test_codes__each_has_meaning_causes_and_cure(void **state)
{
	(void)state;
	each_row(check_row);
}

static void check_told(const char *what, int want, const char *words)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	assert_int_equal(codes_explain(what, EXPLAIN_TEXT, &out), want);
	if (!strstr(buf_text(&out), words))
		fail_msg("%s: \"%s\" is not in %s", what, words, buf_text(&out));
	buf_release(&out);
}

static void test_explain__one_some_all_or_the_nearest(void **state)
{
	(void)state;
	check_told("SSH-HOSTKEY-CHANGED", 0, "Usual causes");
	check_told("ssh-hostkey-changed", 0, "No: the endpoint stops");
	check_told("SSH-KEX", 0, "SSH-KEX-NO-CIPHER");
	check_told("", 0, "STORE-NEWER");
	check_told("SSH-HOSTKEY-CHANGEDD", -1, "did you mean SSH-HOSTKEY-CHANGED?");
	check_told("no\x1b[2Jthing", -1, "no\\x1b[2Jthing");
}

static void test_explain__json_is_lines_of_the_protocol(void **state)
{
	char *text, *rest, *line;
	int items = 0, ends = 0;
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	assert_int_equal(codes_explain("SSH-KEX-NO", EXPLAIN_JSON, &out), 0);
	text = rest = strdup(buf_text(&out));
	while ((line = strsep(&rest, "\n")) && *line) {
		json_t *said = json_loads(line, 0, NULL);
		const json_t *item = json_object_get(said, "item");

		assert_non_null(said);
		items += item != NULL;
		ends += json_is_true(json_object_get(said, "ok"));
		if (item)
			assert_string_equal(json_string_value(json_object_get(item, "retried")),
			                    "no");
		json_decref(said);
	}
	assert_int_equal(items, 5);
	assert_int_equal(ends, 1);
	free(text);
	buf_release(&out);
}

static void test_codes__page_is_the_one_in_the_tree(void **state)
{
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen(SOURCE_DIR "/docs/codes.md", "r");
	struct buf out;

	(void)state;
	assert_non_null(text);
	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	assert_int_equal(fclose(f), 0);
	buf_init(&out, 1 << 20);
	codes_markdown(&out);
	if (strcmp(buf_text(&out), text) != 0)
		fail_msg("docs/codes.md is older than the table: ferryd --print-codes > "
		         "docs/codes.md");
	buf_release(&out);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_codes__each_has_meaning_causes_and_cure),
	        cmocka_unit_test(test_explain__one_some_all_or_the_nearest),
	        cmocka_unit_test(test_explain__json_is_lines_of_the_protocol),
	        cmocka_unit_test(test_codes__page_is_the_one_in_the_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
