/* The pure parts of SFTP: packets, the slot table, the pace of a transfer, the words of errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/sftp/errors.h"
#include "adapters/sftp/pace.h"
#include "adapters/sftp/slots.h"
#include "adapters/sftp/wire.h"

/* ---- packets ------------------------------------------------------------------------------- */

static void test_wire__builds_what_the_draft_says(void **state)
{
	static const unsigned char want[] = {0, 0,  0, 26,  3,   1,    2,    3,   4, 0,
	                                     0, 0,  5, '/', 'a', 0xff, '\n', 'x', 0, 0,
	                                     0, 26, 0, 0,   0,   4,    0,    0,   1, 0xa0};
	struct wire_attrs attrs = {.flags = WIRE_ATTR_PERMISSIONS, .permissions = 0640};
	struct buf b;
	size_t at;

	(void)state;
	buf_init(&b, 1024);
	at = wire_begin(&b, WIRE_OPEN, 0x01020304);
	wire_put_text(&b, "/a\xff\nx");
	wire_put_u32(&b, WIRE_OPEN_WRITE | WIRE_OPEN_CREAT | WIRE_OPEN_TRUNC);
	wire_put_attrs(&b, &attrs);
	wire_end(&b, at);
	assert_int_equal(buf_len(&b), sizeof(want));
	assert_memory_equal(buf_data(&b), want, sizeof(want));
	buf_release(&b);
}

static void test_wire__reads_back_what_it_wrote(void **state)
{
	struct wire_attrs attrs = {.flags = WIRE_ATTR_SIZE | WIRE_ATTR_PERMISSIONS,
	                           .size = 1ull << 40,
	                           .permissions = 0100644};
	struct wire_in in;
	struct wire_bytes text;
	struct buf b;
	size_t at;

	(void)state;
	buf_init(&b, 1024);
	(void)buf_add(&b, "before", 6);
	at = wire_begin(&b, WIRE_STATUS, 7);
	wire_put_u64(&b, UINT64_MAX - 1);
	wire_put_string(&b, "a\0b", 3);
	wire_put_attrs(&b, &attrs);
	wire_end(&b, at);
	in = (struct wire_in){buf_data(&b) + 6, buf_len(&b) - 6, false};
	assert_int_equal(wire_u32(&in), buf_len(&b) - 6 - 4);
	assert_int_equal(wire_u8(&in), WIRE_STATUS);
	assert_int_equal(wire_u32(&in), 7);
	assert_true(wire_u64(&in) == UINT64_MAX - 1);
	text = wire_string(&in);
	assert_int_equal(text.n, 3);
	assert_memory_equal(text.data, "a\0b", 3);
	attrs = wire_attrs(&in);
	assert_true(attrs.size == 1ull << 40 && attrs.permissions == 0100644);
	assert_true(in.left == 0 && !in.is_broken);
	buf_release(&b);
}

/* Cut anywhere, a packet breaks its reader and nothing else. */
static void test_wire__breaks_at_every_cut(void **state)
{
	static const unsigned char name[] = {
	        0, 0, 0, 1, 'a', 0, 0, 0, 2, 'b', 'c', 0x80, 0, 0,   0x0f, 1, 2, 3, 4,
	        5, 6, 7, 8, 0,   0, 0, 1, 0, 0,   0,   2,    0, 0,   1,    2, 0, 0, 0,
	        3, 0, 0, 0, 4,   0, 0, 0, 1, 0,   0,   0,    1, 'k', 0,    0, 0, 1, 'v'};
	struct wire_in in = {name, sizeof(name), false};
	struct wire_name n = wire_name(&in);

	(void)state;
	assert_false(in.is_broken);
	assert_int_equal(in.left, 0);
	assert_int_equal(n.longname.n, 2);
	assert_int_equal(n.attrs.permissions, 0x102);
	assert_int_equal(n.attrs.mtime, 4);
	for (size_t cut = 0; cut < sizeof(name); cut++) {
		in = (struct wire_in){name, cut, false};
		n = wire_name(&in);
		assert_true(in.is_broken);
		assert_int_equal(n.attrs.flags, 0);
		assert_int_equal(wire_u32(&in), 0);
	}
}

static void test_wire__frames(void **state)
{
	static const struct {
		unsigned char bytes[6];
		size_t n;
		enum wire_frame want;
	} rows[] = {
	        {{0}, 0, WIRE_FRAME_PART},
	        {{0, 0, 0}, 3, WIRE_FRAME_PART},
	        {{0, 0, 0, 0}, 4, WIRE_FRAME_EMPTY},
	        {{0, 0, 0, 1}, 4, WIRE_FRAME_PART},
	        {{0, 0, 0, 1, 101}, 5, WIRE_FRAME_WHOLE},
	        {{0, 0, 0, 2, 101}, 5, WIRE_FRAME_PART},
	        {{0, 4, 0, 0, 103}, 5, WIRE_FRAME_PART},
	        {{0, 4, 0, 1, 103}, 5, WIRE_FRAME_GIANT},
	        {{0, 4, 0, 1, 104}, 5, WIRE_FRAME_PART},
	        {{1, 0, 0, 0, 104}, 5, WIRE_FRAME_PART},
	        {{1, 0, 0, 1, 104}, 5, WIRE_FRAME_GIANT},
	        {{255, 255, 255, 255}, 4, WIRE_FRAME_GIANT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = 0;

		assert_int_equal(wire_frame(rows[i].bytes, rows[i].n, &n), rows[i].want);
	}
	assert_string_equal(wire_type_name(104), "NAME");
	assert_string_equal(wire_type_name(99), "type");
}

/* ---- slots --------------------------------------------------------------------------------- */

static void test_slots__find_only_what_is_asked(void **state)
{
	struct slots s = {0};
	uint32_t first, again;

	(void)state;
	assert_null(slots_find(&s, 0));
	assert_true(slots_take(&s, NULL, &first));
	assert_non_null(slots_find(&s, first));
	assert_null(slots_find(&s, first + 1));
	assert_null(slots_find(&s, first + SLOTS_MOST));
	slots_free(&s, slots_find(&s, first));
	assert_null(slots_find(&s, first));
	for (int i = 0; i < 100000; i++) {
		assert_true(slots_take(&s, NULL, &again));
		assert_int_not_equal(again, first);
		slots_free(&s, slots_find(&s, again));
	}
	slots_release(&s);
}

static void test_slots__are_bounded(void **state)
{
	struct slots s = {0};
	uint32_t ids[SLOTS_MOST], one;

	(void)state;
	for (size_t i = 0; i < SLOTS_MOST; i++)
		assert_true(slots_take(&s, NULL, &ids[i]));
	assert_false(slots_take(&s, NULL, &one));
	for (size_t i = 0; i < SLOTS_MOST; i++)
		slots_free(&s, slots_find(&s, ids[i]));
	assert_int_equal(s.used, 0);
	assert_true(slots_take(&s, NULL, &one));
	slots_release(&s);
}

/* ---- pace ---------------------------------------------------------------------------------- */

enum { SHARE = 16 * 1024 * 1024, KIB32 = 32 * 1024 };

/* A line of `rate` bytes a second and a round trip of rtt_us, for `seconds`. */
static size_t pace_on(double rate, double rtt_us, int seconds, size_t share)
{
	struct pace p;
	double now = 0;

	pace_init(&p, share, 0);
	while (now < seconds * 1e6) {
		double kib32 = (double)KIB32, by_line = kib32 / rate * 1e6,
		       by_window = rtt_us * kib32 / (double)p.window;

		now += by_line > by_window ? by_line : by_window;
		pace_moved(&p, KIB32, share, (int64_t)now);
	}
	return p.window;
}

static void test_pace__grows_as_long_as_it_pays(void **state)
{
	(void)state;
	/* 400 MB/s at 50 ms needs 20 MB: all it may have */
	assert_int_equal(pace_on(400e6, 50e3, 5, SHARE), SHARE);
	/* 10 MB/s at 50 ms needs 500 kB; some more is no harm */
	assert_in_range(pace_on(10e6, 50e3, 5, SHARE), 512 * 1024, 4 * 1024 * 1024);
	/* without latency the first window is enough */
	assert_in_range(pace_on(400e6, 0, 5, SHARE), PACE_FIRST, 4 * 1024 * 1024);
}

static void test_pace__stays_small_on_a_slow_line(void **state)
{
	(void)state;
	assert_in_range(pace_on(50e3, 30e3, 120, SHARE), PACE_LEAST, 128 * 1024);
	assert_in_range(pace_on(1e6, 30e3, 60, SHARE), PACE_LEAST, 1024 * 1024);
}

static void test_pace__keeps_to_its_share(void **state)
{
	(void)state;
	assert_int_equal(pace_on(400e6, 50e3, 5, 1024 * 1024), 1024 * 1024);
	assert_int_equal(pace_on(400e6, 50e3, 5, 1000), PACE_LEAST);
}

/* ---- errors -------------------------------------------------------------------------------- */

static void test_errors__say_kind_code_and_words(void **state)
{
	static const struct {
		uint32_t status;
		const char *words;
		int kind;
		const char *code, *message;
	} rows[] = {
	        {2, "No such file", ERR_OBJECT, "OBJ-MISSING",
	         "open /a\\x0ab: the server says: No such file (SSH_FX_NO_SUCH_FILE 2)"},
	        {3, "", ERR_OBJECT, "OBJ-DENIED",
	         "open /a\\x0ab: the server says: (SSH_FX_PERMISSION_DENIED 3); ask the partner to "
	         "allow it for this user"},
	        {4, "Failure", ERR_OBJECT, "OBJ-FAILED",
	         "open /a\\x0ab: the server says: Failure (SSH_FX_FAILURE 4)"},
	        {4, "write: No Space left", ERR_BUSY, "OBJ-NO-SPACE",
	         "open /a\\x0ab: the server says: write: No Space left (SSH_FX_FAILURE 4)"},
	        {7, "\x1b[2J", ERR_NETWORK, "SFTP-BACKEND",
	         "open /a\\x0ab: the server says: \\x1b[2J (SSH_FX_CONNECTION_LOST 7)"},
	        {11, "x", ERR_OBJECT, "OBJ-EXISTS",
	         "open /a\\x0ab: the server says: x (SSH_FX_FILE_ALREADY_EXISTS 11)"},
	        {4711, "x", ERR_OBJECT, "OBJ-FAILED",
	         "open /a\\x0ab: the server says: x (SSH_FX_? 4711)"},
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sftp_failure f = {"open", "/a\nb", rows[i].status, rows[i].words,
		                         strlen(rows[i].words)};

		assert_int_equal(sftp_err(&e, &f), rows[i].kind);
		assert_string_equal(e.code, rows[i].code);
		assert_string_equal(e.message, rows[i].message);
		assert_int_equal(e.native, rows[i].status);
	}
}

static void test_errors__are_refined_by_a_second_look(void **state)
{
	struct sftp_failure f = {"write", "x", 4, NULL, 0};
	struct err e;

	(void)state;
	(void)sftp_err(&e, &f);
	assert_int_equal(sftp_err_refine(&e, ERR_BUSY, "OBJ-NO-SPACE", "its disk is full"),
	                 ERR_BUSY);
	assert_string_equal(e.message,
	                    "write x: the server says: (SSH_FX_FAILURE 4); its disk is full");
	assert_string_equal(sftp_status_name(4), "SSH_FX_FAILURE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_wire__builds_what_the_draft_says),
	        cmocka_unit_test(test_wire__reads_back_what_it_wrote),
	        cmocka_unit_test(test_wire__breaks_at_every_cut),
	        cmocka_unit_test(test_wire__frames),
	        cmocka_unit_test(test_slots__find_only_what_is_asked),
	        cmocka_unit_test(test_slots__are_bounded),
	        cmocka_unit_test(test_pace__grows_as_long_as_it_pays),
	        cmocka_unit_test(test_pace__stays_small_on_a_slow_line),
	        cmocka_unit_test(test_pace__keeps_to_its_share),
	        cmocka_unit_test(test_errors__say_kind_code_and_words),
	        cmocka_unit_test(test_errors__are_refined_by_a_second_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
