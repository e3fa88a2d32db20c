#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/trace_ring.h"

enum { LIMIT = 5000, MODEL_BYTES = 4000 * 80 };

/* What it must hold: the same lines one behind the other, of which the first are gone. */
struct model {
	char text[MODEL_BYTES];
	size_t from, to;
};

static void add_to_both(struct trace_ring *r, struct model *m, const char *line, size_t n)
{
	while (trace_ring_add(r, line, n) < 0) {
		assert_true(m->to - m->from + n > r->limit);
		trace_ring_drop(r);
		m->from = (size_t)((char *)memchr(m->text + m->from, '\n', MODEL_BYTES) - m->text) +
		          1;
	}
	memcpy(m->text + m->to, line, n);
	m->to += n;
	assert_true(r->used == m->to - m->from && r->cap <= r->limit);
}

static void check_same(struct trace_ring *r, struct model *m)
{
	struct buf out;

	buf_init(&out, LIMIT);
	trace_ring_move(r, &out);
	assert_true(buf_len(&out) == m->to - m->from);
	assert_true(memcmp(buf_data(&out), m->text + m->from, buf_len(&out)) == 0);
	assert_true(r->used == 0);
	m->from = m->to;
	buf_release(&out);
}

static void test_trace_ring__holds_the_last_lines(void **state)
{
	struct model *m = calloc(1, sizeof(*m));
	struct trace_ring r;

	(void)state;
	assert_true(m != NULL);
	srandom(7);
	trace_ring_init(&r, LIMIT);
	for (int i = 0; i < 4000; i++) {
		char line[80];
		int n = snprintf(
		        line, sizeof(line), "%d %.*s\n", i, (int)(random() % 60),
		        "................................................................");

		add_to_both(&r, m, line, (size_t)n);
		if (i % 1234 == 1233)
			check_same(&r, m);
	}
	check_same(&r, m);
	trace_ring_release(&r);
	free(m);
}

static void test_trace_ring__its_limit_is_met_to_the_byte(void **state)
{
	struct trace_ring r;
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	trace_ring_init(&r, 8);
	assert_int_equal(trace_ring_add(&r, "abcdefgh\n", 9), -1);
	assert_int_equal(trace_ring_add(&r, "abc\n", 4), 0);
	assert_int_equal(trace_ring_add(&r, "defg\n", 5), -1);
	assert_int_equal(trace_ring_add(&r, "def\n", 4), 0);
	assert_int_equal(trace_ring_add(&r, "\n", 1), -1);
	trace_ring_drop(&r);
	assert_int_equal(trace_ring_add(&r, "ghi\n", 4), 0); /* around the end */
	trace_ring_move(&r, &out);
	assert_string_equal(buf_text(&out), "def\nghi\n");
	buf_release(&out);
	trace_ring_release(&r);
}

static void test_trace_ring__another_limit_keeps_what_is_there(void **state)
{
	struct trace_ring r;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	trace_ring_init(&r, 3000);
	for (int i = 0; i < 1500; i++)
		while (trace_ring_add(&r, i % 2 ? "odd\n" : "even\n", i % 2 ? 4 : 5) < 0)
			trace_ring_drop(&r);
	while (r.used > 9)
		trace_ring_drop(&r);
	trace_ring_limit(&r, 9);
	assert_true(r.cap <= 9);
	assert_int_equal(trace_ring_add(&r, "\n", 1), -1);
	trace_ring_limit(&r, 10);
	assert_int_equal(trace_ring_add(&r, "\n", 1), 0);
	trace_ring_move(&r, &out);
	assert_string_equal(buf_text(&out), "even\nodd\n\n");
	buf_release(&out);
	trace_ring_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_trace_ring__holds_the_last_lines),
	        cmocka_unit_test(test_trace_ring__its_limit_is_met_to_the_byte),
	        cmocka_unit_test(test_trace_ring__another_limit_keeps_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
