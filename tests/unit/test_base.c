#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/base/buf.h"
#include "daemon/base/checksum.h"
#include "daemon/base/digest.h"
#include "daemon/base/err.h"
#include "daemon/base/escape.h"
#include "daemon/base/text.h"

static void check_escape(const char *in, size_t n, const char *want)
{
	char out[ESCAPE_ROOM];

	assert_string_equal(escape(in, n, out, sizeof(out)), want);
}

static void test_escape__makes_every_dangerous_byte_visible(void **state)
{
	(void)state;
	check_escape("plain.xml", 9, "plain.xml");
	check_escape("a\nb\0c", 5, "a\\x0ab\\x00c");
	check_escape("\x1b[2J", 4, "\\x1b[2J");
	check_escape("gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f");
	check_escape("\xff\xc3", 2, "\\xff\\xc3");
	check_escape("\xe2\x80\xae", 3, "\\xe2\\x80\\xae");
	check_escape("\xc2\x85", 2, "\\xc2\\x85");
	check_escape("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");
	check_escape("a\\b", 3, "a\\x5cb");
}

static void test_escape__cuts_long_input_at_a_character(void **state)
{
	char out[20];

	(void)state;
	assert_string_equal(escape("0123456789abcdefgh", 18, out, 16), "0123456789ab\xe2\x80\xa6");
}

static void test_buf__has_bytes_even_when_empty(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	assert_non_null(buf_data(&b));
	assert_null(memchr(buf_data(&b), 'x', buf_len(&b)));
	buf_release(&b);
	assert_non_null(buf_data(&b));
}

static void test_buf__refuses_what_would_pass_its_limit(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	assert_int_equal(buf_add(&b, "abcd", 4), 0);
	assert_int_equal(buf_add(&b, "e", 1), -1);
	buf_consume(&b, 2);
	assert_int_equal(buf_add(&b, "ef", 2), 0);
	assert_string_equal(buf_text(&b), "cdef");
	buf_release(&b);
}

static void check_drop_cut(const char *in, const char *want)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%s", in);
	text_drop_cut(text);
	assert_string_equal(text, want);
}

static void test_text__drops_the_half_of_a_character(void **state)
{
	(void)state;
	check_drop_cut("", "");
	check_drop_cut("abc", "abc");
	check_drop_cut("a\xc3\xbc", "a\xc3\xbc");
	check_drop_cut("a\xc3", "a");
	check_drop_cut("a\xe2\x82\xac", "a\xe2\x82\xac");
	check_drop_cut("a\xe2\x82", "a");
	check_drop_cut("a\xf0\x9f\x98", "a");
	check_drop_cut("a\xf0\x9f\x98\x80", "a\xf0\x9f\x98\x80");
	check_drop_cut("\x80\x80\x80\x80", "\x80\x80\x80\x80"); /* never was one */
}

static void test_err__is_cut_between_characters(void **state)
{
	char euros[3 * 300 + 1];
	struct err e;

	(void)state;
	for (int i = 0; i < 300; i++)
		memcpy(euros + 3 * i, "\xe2\x82\xac", 4);
	err_set(&e, ERR_LOCAL, "TEST", 0, "%s", euros);
	assert_int_equal(strlen(e.message) % 3, 0);
	err_wrap(&e, "x");
	assert_int_equal((strlen(e.message) - 3) % 3, 0);
}

static void test_err__wraps_outermost_first(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, ERR_OBJECT, "OBJ-MISSING", 2, "no such file"), ERR_OBJECT);
	assert_int_equal(err_wrap(&e, "fetch %s", "a.xml"), ERR_OBJECT);
	assert_string_equal(e.message, "fetch a.xml: no such file");
	assert_string_equal(e.code, "OBJ-MISSING");
}

static void test_text__finds_the_nearest_word(void **state)
{
	static const char *const words[] = {"match", "exclude", "recurse"};

	(void)state;
	assert_string_equal(text_nearest("macth", words, 3), "match");
	assert_string_equal(text_nearest("exlude", words, 3), "exclude");
	assert_null(text_nearest("password", words, 3));
}

static void test_digest__is_sha256(void **state)
{
	unsigned char sum[DIGEST_BYTES];
	char hex[DIGEST_TEXT_BYTES];
	struct digest d;

	(void)state;
	digest_init(&d);
	digest_update(&d, "abc", 3);
	digest_final(&d, sum);
	assert_string_equal(digest_text(sum, hex), /* FIPS 180-2, appendix B.1 */
	                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void check_sum(enum checksum_kind kind, const char *text, const char *want)
{
	unsigned char sum[CHECKSUM_BYTES_MOST];
	char hex[2 * CHECKSUM_BYTES_MOST + 1];
	struct checksum c;
	size_t n;

	checksum_init(&c, kind);
	checksum_update(&c, text, 1);
	checksum_update(&c, text + 1, strlen(text + 1));
	n = checksum_final(&c, sum);
	assert_int_equal(n, checksum_bytes(kind));
	for (size_t i = 0; i < n; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	assert_string_equal(hex, want);
}

static void test_checksum__knows_what_servers_tell(void **state)
{
	(void)state;
	check_sum(CHECKSUM_CRC32, "123456789", "cbf43926"); /* the check value of ISO 3309 */
	check_sum(CHECKSUM_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72");
	check_sum(CHECKSUM_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
	check_sum(CHECKSUM_SHA256, "abc",
	          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_sum(CHECKSUM_SHA512, "abc",
	          "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	          "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_escape__makes_every_dangerous_byte_visible),
	        cmocka_unit_test(test_escape__cuts_long_input_at_a_character),
	        cmocka_unit_test(test_buf__has_bytes_even_when_empty),
	        cmocka_unit_test(test_buf__refuses_what_would_pass_its_limit),
	        cmocka_unit_test(test_text__drops_the_half_of_a_character),
	        cmocka_unit_test(test_err__is_cut_between_characters),
	        cmocka_unit_test(test_err__wraps_outermost_first),
	        cmocka_unit_test(test_text__finds_the_nearest_word),
	        cmocka_unit_test(test_digest__is_sha256),
	        cmocka_unit_test(test_checksum__knows_what_servers_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
