/* Lists of algorithms with signs and wildcards, as tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "adapters/sftp/algorithm_list.h"

#define OURS "b-ctr,a-ctr,a-gcm"
#define CAN  OURS ",a-cbc,b-cbc,old-sha1"

struct row {
	const char *items[4];
	const char *want; /* NULL: refused, ... */
	const char *told; /* ... with these words */
};

static const struct row rows[] = {
        {{NULL}, OURS, NULL},
        {{"a-cbc"}, "a-cbc", NULL},
        {{"a-cbc", "a-ctr"}, "a-cbc,a-ctr", NULL},
        {{"a-cbc,a-ctr"}, "a-cbc,a-ctr", NULL},
        {{"a-cbc", "a-cbc"}, "a-cbc", NULL},
        {{"+a-cbc"}, OURS ",a-cbc", NULL},
        {{"+a-cbc", "b-cbc"}, OURS ",a-cbc,b-cbc", NULL},
        {{"+a-cbc,b-cbc"}, OURS ",a-cbc,b-cbc", NULL},
        {{"+a-ctr"}, OURS, NULL},
        {{"-a-ctr"}, "b-ctr,a-gcm", NULL},
        {{"-a-*"}, "b-ctr", NULL},
        {{"-?-ctr"}, "a-gcm", NULL},
        {{"-*sha1*"}, OURS, NULL},
        {{"-nothing*"}, OURS, NULL},
        {{"^a-gcm"}, "a-gcm,b-ctr,a-ctr", NULL},
        {{"^a-gcm,a-cbc"}, "a-gcm,a-cbc,b-ctr,a-ctr", NULL},
        {{"^*cbc"}, "a-cbc,b-cbc," OURS, NULL},
        {{"+*"}, CAN, NULL},
        {{"*"}, CAN, NULL},
        {{"*-ctr"}, "b-ctr,a-ctr", NULL},
        {{"*", "-*cbc"}, OURS ",old-sha1", NULL},
        {{"^a-gcm", "-a-ctr", "+a-cbc"}, "a-gcm,b-ctr,a-cbc", NULL},
        {{"-a-gcm", "+a-gcm"}, "b-ctr,a-ctr,a-gcm", NULL},
        {{"a-cbc", ",,"}, "a-cbc", NULL},
        {{"nothing"}, NULL, "names \"nothing\", which the SSH library here does not know"},
        {{"a-ctr", "nothing"}, NULL, "names \"nothing\""},
        {{"+nothing"}, NULL, "it knows: " CAN},
        {{"-nothing"}, NULL, "names \"nothing\""},
        {{"^nothing*"}, NULL, "names \"nothing*\""},
        {{"a-CTR"}, NULL, "names \"a-CTR\""},
        {{"-*"}, NULL, "leaves nothing to offer"},
        {{"a-ctr", "-a-ctr"}, NULL, "leaves nothing to offer"},
        {{"no\x1b[2J"}, NULL, "names \"no\\x1b[2J\""},
};

static void check_row(const struct row *r)
{
	struct algorithm_rule rule = {.items = r->items, .ours = OURS, .can = CAN};
	struct algorithm_mistake bad = {""};
	struct buf out;
	int result;

	while (rule.count < 4 && r->items[rule.count])
		rule.count++;
	buf_init(&out, ALGORITHM_LIST_BYTES);
	result = algorithm_list(&rule, &out, &bad);
	if (r->want) {
		assert_string_equal(bad.words, "");
		assert_int_equal(result, 0);
		assert_string_equal(buf_text(&out), r->want);
	} else {
		assert_int_equal(result, -1);
		if (!strstr(bad.words, r->told))
			fail_msg("%s lacks %s", bad.words, r->told);
	}
	buf_release(&out);
}

static void test_algorithms__lists_as_openssh_reads_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

static void test_algorithms__know_whose_order_it_is(void **state)
{
	static const char *const plain[] = {"a", "+b"}, *const plus[] = {"+a"},
	                         *const minus[] = {"-a"}, *const first[] = {"^a"};

	(void)state;
	assert_false(algorithm_list_is_ordered(NULL, 0));
	assert_true(algorithm_list_is_ordered(plain, 2));
	assert_false(algorithm_list_is_ordered(plus, 1));
	assert_false(algorithm_list_is_ordered(minus, 1));
	assert_true(algorithm_list_is_ordered(first, 1));
}

/* A pattern of many stars against a long name: no time without end. */
static void test_algorithms__patterns_end(void **state)
{
	char stars[2001], name[2001];
	const char *items[] = {stars};
	struct algorithm_rule rule = {.items = items, .count = 1, .ours = name, .can = name};
	struct algorithm_mistake bad;
	struct buf out;

	(void)state;
	for (size_t i = 0; i < 2000; i += 2)
		memcpy(stars + i, "*a", 2);
	stars[1999] = 'b';
	stars[2000] = '\0';
	memset(name, 'a', 2000);
	name[2000] = '\0';
	buf_init(&out, ALGORITHM_LIST_BYTES);
	assert_int_equal(algorithm_list(&rule, &out, &bad), -1);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_algorithms__lists_as_openssh_reads_them),
	        cmocka_unit_test(test_algorithms__know_whose_order_it_is),
	        cmocka_unit_test(test_algorithms__patterns_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
