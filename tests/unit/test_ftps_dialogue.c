/*
 * Commands and replies as libcurl shows them, and paths on their way to the server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/charset.h"
#include "adapters/ftps/dialogue.h"
#include "adapters/ftps/hash.h"
#include "adapters/ftps/path.h"
#include "adapters/ftps/stamp.h"

static bool hears(struct dialogue *d, const char *line)
{
	return dialogue_heard(d, line, strlen(line), 5000);
}

static void says(struct dialogue *d, const char *line)
{
	dialogue_sent(d, line, strlen(line), 1000);
}

static void test_dialogue__pairs_commands_and_replies(void **state)
{
	struct dialogue d;
	size_t n;

	(void)state;
	dialogue_init(&d);
	assert_true(hears(&d, "220 hello\r\n"));
	says(&d, "SIZE /a\r\n");
	assert_true(hears(&d, "213 5\r\n"));
	says(&d, "retr /a\r\n");
	assert_false(hears(&d, "150 here\r\n"));
	assert_int_equal(dialogue_last(&d)->code, 0);
	assert_true(hears(&d, "226 done\r\n"));
	assert_int_equal(dialogue_reply_to(&d, "SIZE")->code, 213);
	assert_int_equal(dialogue_reply_to(&d, "RETR")->code, 226);
	assert_int_equal(dialogue_reply_to(&d, "RETR")->preliminary, 150);
	assert_null(dialogue_reply_to(&d, "STOR"));
	assert_memory_equal(dialogue_lines(&d, dialogue_reply_to(&d, "SIZE"), &n), "213 5\n", 6);
	assert_int_equal(n, 6);
	dialogue_begin(&d);
	assert_null(dialogue_last(&d));
	dialogue_release(&d);
}

static void test_dialogue__replies_of_many_lines(void **state)
{
	struct dialogue d;
	size_t n;

	(void)state;
	dialogue_init(&d);
	says(&d, "FEAT\r\n");
	assert_false(hears(&d, "211-Features:\r\n"));
	assert_false(hears(&d, " SIZE\r\n"));
	assert_false(hears(&d, "226 is not the end, as its code is another\r\n"));
	assert_false(hears(&d, "211-nor is this\r\n"));
	assert_true(hears(&d, "211 End\r\n"));
	(void)dialogue_lines(&d, dialogue_last(&d), &n);
	assert_int_equal(n, strlen("211-Features:\n SIZE\n226 is not the end, as its code is "
	                           "another\n211-nor is this\n211 End\n"));
	dialogue_release(&d);
}

static void test_dialogue__shows_no_secret(void **state)
{
	struct dialogue d;

	(void)state;
	dialogue_init(&d);
	says(&d, "PASS hunter2\r\n");
	says(&d, "acct hunter2\r\n");
	says(&d, "DELE a\x1b[2J\r\n");
	assert_null(strstr(buf_text(&d.trace), "hunter2"));
	assert_null(strchr(buf_text(&d.trace), 0x1b));
	assert_string_equal(dialogue_last(&d)->verb, "DELE");
	dialogue_release(&d);
}

static void test_dialogue__bounds_what_a_server_may_say(void **state)
{
	struct dialogue d;

	(void)state;
	dialogue_init(&d);
	says(&d, "FEAT\r\n");
	for (int i = 0; i < REPLY_LINES; i++)
		assert_false(hears(&d, "211-more\r\n"));
	assert_false(d.is_flood);
	assert_false(hears(&d, "211-more\r\n"));
	assert_true(d.is_flood);
	dialogue_release(&d);
}

static void test_dialogue__takes_odd_lines(void **state)
{
	static const char *const lines[] = {"",      "\r\n", "2",    "22",    "220",
	                                    "999 x", "x",    "220-", " 220 x"};
	struct dialogue d;

	(void)state;
	dialogue_init(&d);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		(void)hears(&d, lines[i]);
	for (int i = 0; i < 3 * DIALOGUE_EXCHANGES; i++)
		says(&d, "NOOP\r\n");
	assert_int_equal(d.count, DIALOGUE_EXCHANGES);
	dialogue_release(&d);
}

/* ---- paths --------------------------------------------------------------------------------- */

static void check_path(const char *entry, const char *path, const char *want)
{
	struct endpoint_config endpoint = {.name = "p"};
	struct ftp_session s = {.endpoint = &endpoint, .entry = (char *)(uintptr_t)entry};
	struct err e;
	char *got = ftp_path(&s, path, &e);

	assert_string_equal(got, want);
	free(got);
}

static void test_path__is_absolute_where_that_can_be_known(void **state)
{
	(void)state;
	check_path("/home/u", "a/b", "/home/u/a/b");
	check_path("/home/u", "./a/", "/home/u/a");
	check_path("/home/u", "", "/home/u");
	check_path("/home/u", ".", "/home/u");
	check_path("/home/u", "/a//b/", "/a//b");
	check_path("/", "a", "/a");
	check_path("/", ".hidden", "/.hidden");
	check_path(NULL, "a", "a");
	check_path(NULL, ".", "");
}

static void check_refused(enum charset charset, const char *path, const char *code)
{
	struct endpoint_config endpoint = {.name = "p", .charset = charset};
	struct ftp_session s = {.endpoint = &endpoint};
	struct err e;

	assert_null(ftp_path(&s, path, &e));
	assert_string_equal(e.code, code);
	assert_int_equal(e.kind, ERR_POLICY);
}

static void test_path__lets_no_command_through(void **state)
{
	(void)state;
	check_refused(CHARSET_UTF_8, "a\r\nDELE b", "FTP-PATH-CONTROL");
	check_refused(CHARSET_UTF_8, "a\nb", "FTP-PATH-CONTROL");
	check_refused(CHARSET_UTF_8, "a\x7f", "FTP-PATH-CONTROL");
	check_refused(CHARSET_LATIN_1, "\xe6\x97\xa5", "NAME-CHARSET");
	check_refused(CHARSET_LATIN_1, "\xc2", "NAME-CHARSET");
}

static void test_path__latin_1_both_ways(void **state)
{
	struct endpoint_config endpoint = {.name = "p", .charset = CHARSET_LATIN_1};
	struct ftp_session s = {.endpoint = &endpoint, .entry = (char *)(uintptr_t) "/"};
	struct err e;
	char *there = ftp_path(&s,
	                       "Gr\xc3\xbc\xc3\x9f"
	                       "e",
	                       &e),
	     *back;
	size_t n = strlen(there + 1);

	(void)state;
	assert_string_equal(there, "/Gr\xfc\xdf"
	                           "e");
	back = charset_decode(CHARSET_LATIN_1, there + 1, &n);
	assert_string_equal(back, "Gr\xc3\xbc\xc3\x9f"
	                          "e");
	assert_int_equal(n, strlen(back));
	free(there);
	free(back);
}

static void test_path__becomes_a_url(void **state)
{
	struct endpoint_config endpoint = {.name = "p"};
	struct ftp_session s = {.endpoint = &endpoint,
	                        .host_url = (char *)(uintptr_t) "ftp://h:21/"};
	char *file = ftp_path_url(&s, "/a b/%#?;type=a\xff", PATH_IS_FILE);
	char *dir = ftp_path_url(&s, "/a", PATH_IS_DIR), *root = ftp_path_url(&s, "/", PATH_IS_DIR);

	(void)state;
	assert_string_equal(file, "ftp://h:21//a%20b/%25%23%3F%3Btype%3Da%FF");
	assert_string_equal(dir, "ftp://h:21//a/");
	assert_string_equal(root, "ftp://h:21//");
	free(file);
	free(dir);
	free(root);
}

/* ---- times --------------------------------------------------------------------------------- */

static void test_stamp__is_written_as_it_is_read(void **state)
{
	static const int64_t times[] = {1000, 951782400000, 1600000001000, 253402300799000};
	char text[FTP_STAMP_ROOM];
	int64_t back, precision;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		ftp_stamp_write(times[i], text);
		assert_true(ftp_stamp_parse(text, strlen(text), &back, &precision));
		assert_int_equal(back, times[i]);
	}
	ftp_stamp_write(1600000001999, text);
	assert_string_equal(text, "20200913122641");
}

/* ---- hashes -------------------------------------------------------------------------------- */

static struct ftp_hashes feature(const char *line)
{
	struct ftp_hashes h = {0};

	ftp_hash_feature(&h, line, strlen(line));
	return h;
}

enum { SHA256 = 1 << CHECKSUM_SHA256, SHA512 = 1 << CHECKSUM_SHA512, CRC32 = 1 << CHECKSUM_CRC32 };

static void test_hash__features_of_real_servers(void **state)
{
	struct ftp_hashes h = feature(" HASH CRC32;MD5;SHA-1;SHA-256*;SHA-512\r"); /* ProFTPD */

	(void)state;
	assert_int_equal(h.hash, (1 << CHECKSUM_COUNT) - 1);
	assert_int_equal(h.chosen, SHA256);
	assert_int_equal(feature(" XCRC").commands, CRC32);
	assert_int_equal(feature(" XCRC filename;start;end").commands, CRC32); /* Serv-U */
	assert_int_equal(feature("xsha512").commands, SHA512);
	h = feature(" HASH SHA-3;WHIRLPOOL*");
	assert_true(h.hash == 0 && h.chosen == 0 && h.commands == 0);
	h = feature(" HASHES SHA-256");
	assert_int_equal(h.hash, 0);
}

static bool parses(const char *reply, enum checksum_kind kind, const char *want)
{
	unsigned char sum[CHECKSUM_BYTES_MOST];

	return ftp_hash_parse(reply, strlen(reply), kind, sum) &&
	       memcmp(sum, want, checksum_bytes(kind)) == 0;
}

static void test_hash__answers_of_real_servers(void **state)
{
	(void)state;
	assert_true(
	        parses("213 CRC32 0-9 CBF43926 /a b.txt\r\n", CHECKSUM_CRC32, "\xcb\xf4\x39\x26"));
	assert_true(parses("250 cbf43926\r\n", CHECKSUM_CRC32, "\xcb\xf4\x39\x26"));
	assert_true(
	        parses("250-Computing\r\n250 CBF43926\r\n", CHECKSUM_CRC32, "\xcb\xf4\x39\x26"));
	assert_false(parses("250 cbf4392\r\n", CHECKSUM_CRC32, ""));
	assert_false(parses("250 cbf43926ff\r\n", CHECKSUM_CRC32, ""));
	assert_false(parses("250 xbf43926\r\n", CHECKSUM_CRC32, ""));
	assert_false(parses("250", CHECKSUM_CRC32, ""));
	assert_false(parses("213 SHA-256 0-9 cbf43926 a", CHECKSUM_SHA256, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_dialogue__pairs_commands_and_replies),
	        cmocka_unit_test(test_dialogue__replies_of_many_lines),
	        cmocka_unit_test(test_dialogue__shows_no_secret),
	        cmocka_unit_test(test_dialogue__bounds_what_a_server_may_say),
	        cmocka_unit_test(test_dialogue__takes_odd_lines),
	        cmocka_unit_test(test_path__is_absolute_where_that_can_be_known),
	        cmocka_unit_test(test_path__lets_no_command_through),
	        cmocka_unit_test(test_path__latin_1_both_ways),
	        cmocka_unit_test(test_path__becomes_a_url),
	        cmocka_unit_test(test_stamp__is_written_as_it_is_read),
	        cmocka_unit_test(test_hash__features_of_real_servers),
	        cmocka_unit_test(test_hash__answers_of_real_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
