/* One-time codes: RFC 6238's own numbers, base32, and that no code serves twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/sftp/totp.h"
#include "adapters/sftp/totp_steps.h"

/* RFC 6238 appendix B; the secrets of SHA-256 and SHA-512 are longer, by its erratum 2866. */
static void test_totp__has_the_standards_codes(void **state)
{
	static const char digits[] = "1234567890123456789012345678901234567890"
	                             "123456789012345678901234";
	static const struct {
		int64_t time_s;
		enum totp_algorithm algorithm;
		const char *code;
	} cases[] = {
	        {59, TOTP_SHA1, "94287082"},
	        {59, TOTP_SHA256, "46119246"},
	        {59, TOTP_SHA512, "90693936"},
	        {1111111109, TOTP_SHA1, "07081804"},
	        {1111111109, TOTP_SHA256, "68084774"},
	        {1111111109, TOTP_SHA512, "25091201"},
	        {1111111111, TOTP_SHA1, "14050471"},
	        {1111111111, TOTP_SHA256, "67062674"},
	        {1111111111, TOTP_SHA512, "99943326"},
	        {1234567890, TOTP_SHA1, "89005924"},
	        {1234567890, TOTP_SHA256, "91819424"},
	        {1234567890, TOTP_SHA512, "93441116"},
	        {2000000000, TOTP_SHA1, "69279037"},
	        {2000000000, TOTP_SHA256, "90698825"},
	        {2000000000, TOTP_SHA512, "38618901"},
	        {20000000000, TOTP_SHA1, "65353130"},
	        {20000000000, TOTP_SHA256, "77737706"},
	        {20000000000, TOTP_SHA512, "47863826"},
	};
	static const size_t bytes[] = {[TOTP_SHA1] = 20, [TOTP_SHA256] = 32, [TOTP_SHA512] = 64};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct totp t = {cases[i].algorithm, 8, 30000};
		char code[TOTP_CODE_BYTES];
		int64_t step = totp_step(cases[i].time_s * 1000, t.period_ms);

		totp_code(&t, (const unsigned char *)digits, bytes[t.algorithm], step, code);
		assert_string_equal(code, cases[i].code);
		t.digits = 6;
		totp_code(&t, (const unsigned char *)digits, bytes[t.algorithm], step, code);
		assert_string_equal(code, cases[i].code + 2);
	}
}

static void test_totp__steps_begin_and_end_where_they_should(void **state)
{
	(void)state;
	assert_int_equal(totp_step(0, 30000), 0);
	assert_int_equal(totp_step(-1, 30000), 0);
	assert_int_equal(totp_step(29999, 30000), 0);
	assert_int_equal(totp_step(30000, 30000), 1);
	assert_int_equal(totp_step(59999, 60000), 0);
}

static void test_base32__has_the_standards_texts(void **state)
{
	static const struct {
		const char *text, *bytes;
	} cases[] = {
	        {"", ""},
	        {"MY======", "f"},
	        {"MZXQ====", "fo"},
	        {"MZXW6===", "foo"},
	        {"MZXW6YQ=", "foob"},
	        {"MZXW6YTB", "fooba"},
	        {"MZXW6YTBOI======", "foobar"},
	        {"mzxw 6ytb-oi", "foobar"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char out[8];
		long n = base32_decode(cases[i].text, strlen(cases[i].text), out, sizeof(out));

		assert_int_equal(n, strlen(cases[i].bytes));
		assert_memory_equal(out, cases[i].bytes, (size_t)n);
	}
}

static void test_base32__refuses_what_is_none(void **state)
{
	static const char *const wrong[] = {"M",  "MZX", "MZXW6Y", "M0", "M1",
	                                    "M8", "=MY", "MY=A",   "M\n"};
	unsigned char out[3];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(base32_decode(wrong[i], strlen(wrong[i]), out, sizeof(out)), -1);
	assert_int_equal(base32_decode("MZXW6===", 8, out, 3), 3); /* just fits */
	assert_int_equal(base32_decode("MZXW6YQ=", 8, out, 3), -1);
}

static void test_steps__serve_once(void **state)
{
	static const unsigned char a[PROMPT_ID_BYTES] = "a", b[PROMPT_ID_BYTES] = "b";

	(void)state;
	assert_true(totp_steps_claim(a, 100));
	assert_false(totp_steps_claim(a, 100));
	assert_true(totp_steps_is_used(a, 100));
	assert_false(totp_steps_is_used(a, 101));
	assert_false(totp_steps_is_used(b, 100));
	assert_true(totp_steps_claim(b, 100)); /* another secret */
	assert_true(totp_steps_claim(a, 101));
	assert_true(totp_steps_claim(a, 99));
	assert_false(totp_steps_claim(a, 100));
	assert_int_equal(totp_steps_skew(a), 0);
	totp_steps_worked(a, -1);
	assert_int_equal(totp_steps_skew(a), -1);
	assert_int_equal(totp_steps_skew(b), 0);
}

static void test_steps__of_the_secret_used_longest_ago_are_forgotten_first(void **state)
{
	unsigned char id[PROMPT_ID_BYTES] = "many";

	(void)state;
	for (int i = 0; i < 256; i++) {
		memcpy(id + 8, &i, sizeof(i));
		assert_true(totp_steps_claim(id, 7));
	}
	for (int i = 255; i >= 0; i--) {
		memcpy(id + 8, &i, sizeof(i));
		assert_false(totp_steps_claim(id, 7));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_totp__has_the_standards_codes),
	        cmocka_unit_test(test_totp__steps_begin_and_end_where_they_should),
	        cmocka_unit_test(test_base32__has_the_standards_texts),
	        cmocka_unit_test(test_base32__refuses_what_is_none),
	        cmocka_unit_test(test_steps__serve_once),
	        cmocka_unit_test(test_steps__of_the_secret_used_longest_ago_are_forgotten_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
