/* Fingerprints as people write them, by tables; and that a key is found by each of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/sftp/key_blob.h"
#include "config/pin.h"

#define ED_A "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
/* of that key, as ssh-keygen -l -E … shows them */
#define SHA256    "ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"
#define SHA256HEX "66402c9468c58941dd19ffd650bf2b42f9226f83d3bd06ad515d0e5104a77020"
#define SHA1      "Vovoeg+7YjqReTrdzlKf9MJUq9M"
#define SHA1HEX   "568be87a0fbb623a91793addce529ff4c254abd3"
#define MD5       "0f:a2:0a:d7:38:3e:65:45:08:6b:63:84:1c:ff:dc:ba"
#define MD5HEX    "0fa20ad7383e6545086b63841cffdcba"

static void test_pin__every_form(void **state)
{
	static const struct {
		const char *text;
		enum pin_strength strength;
		const char *made;
	} rows[] = {
	        {"SHA256:" SHA256, PIN_STRONG, "SHA256:" SHA256},
	        {"sha256:" SHA256, PIN_STRONG, "SHA256:" SHA256},
	        {"SHA256:" SHA256HEX, PIN_STRONG, "SHA256:" SHA256HEX},
	        {SHA256HEX, PIN_STRONG, "SHA256:" SHA256HEX},
	        {"SHA1:" SHA1, PIN_WEAK, "SHA1:" SHA1},
	        {SHA1HEX, PIN_WEAK, "SHA1:" SHA1HEX},
	        {"MD5:" MD5, PIN_WEAK, "MD5:" MD5HEX},
	        {MD5, PIN_WEAK, "MD5:" MD5HEX},
	        {MD5HEX, PIN_WEAK, "MD5:" MD5HEX},
	};
	unsigned char blob[64];
	long n = base64_decode(ED_A, strlen(ED_A), blob, sizeof(blob));

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[PIN_BYTES];
		const char *complaint;

		assert_int_equal(pin_read(rows[i].text, out, &complaint), rows[i].strength);
		assert_string_equal(out, rows[i].made);
		assert_true(key_matches_pin(blob, (size_t)n, out));
		assert_false(key_matches_pin(blob, (size_t)n - 1, out));
	}
}

static void test_pin__tells_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *complaint;
	} rows[] = {
	        {"", "wants SHA256: and 43"},
	        {"x", "wants SHA256: and 43"},
	        {SHA256, "wants SHA256: and 43"},
	        {"SHA256:", "wants 43 characters of base64 or 64"},
	        {"SHA256:" SHA256 "=", "drop the \"=\""},
	        {"SHA256:" SHA256 "A", "wants 43"},
	        {"SHA256:" SHA256HEX "0", "wants 43"},
	        {SHA256HEX "00", "wants SHA256:"},
	        {"MD5:", "wants 32 hex"},
	        {"MD5:" SHA256, "wants 32 hex"},
	        {":" MD5, "wants SHA256:"},
	        {MD5 ":", "wants SHA256:"},
	        {"SHA1:" MD5, "wants 27"},
	        {"SHA512:" SHA256, "wants SHA256:"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[PIN_BYTES];
		const char *complaint = NULL;

		assert_int_equal(pin_read(rows[i].text, out, &complaint), PIN_WRONG);
		assert_non_null(complaint);
		if (!strstr(complaint, rows[i].complaint))
			fail_msg("%s: %s", rows[i].text, complaint);
	}
}

static void test_pin__weak_forms_of_another_key_do_not_match(void **state)
{
	(void)state;
	assert_false(key_matches_pin("x", 1, "MD5:" MD5HEX));
	assert_false(key_matches_pin("x", 1, "SHA256:" SHA256));
	assert_false(key_matches_pin("x", 1, "SHA512:abc"));
	assert_false(key_matches_pin("x", 1, ""));
}

static void test_pin__shown_as_ssh_keygen_does(void **state)
{
	unsigned char blob[64];
	char out[FINGERPRINT_MD5_BYTES];
	long n = base64_decode(ED_A, strlen(ED_A), blob, sizeof(blob));

	(void)state;
	assert_string_equal(key_fingerprint_md5(blob, (size_t)n, out), "MD5:" MD5);
	assert_int_equal(key_blob_bits(blob, (size_t)n), 256);
	assert_int_equal(key_blob_bits("\0\0\0\7ssh-rsa\0\0\0\3\1\0\1\0\0\0\3\0\xFF\xFF", 25), 16);
	assert_int_equal(key_blob_bits("\0\0\0\7ssh-rsa\0\0\0\3\1\0\1\0\0\0\4\0\xFF\xFF", 25), 0);
	assert_int_equal(key_blob_bits("\0\0\0\7ssh-dss\0\0\0\2\1\0", 17), 9);
	assert_int_equal(key_blob_bits("\0\0\0\4what", 8), 0);
	assert_int_equal(key_blob_bits("", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_pin__every_form),
	        cmocka_unit_test(test_pin__tells_what_is_wrong),
	        cmocka_unit_test(test_pin__weak_forms_of_another_key_do_not_match),
	        cmocka_unit_test(test_pin__shown_as_ssh_keygen_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
