/* known_hosts by tables: which lines speak of a host, and what they say about a key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/sftp/known_hosts.h"
#include "daemon/base/mem.h"

/* Two Ed25519 keys and one that calls itself ECDSA: type, then bytes. */
#define ED_A "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
#define ED_B "AAAAC3NzaC1lZDI1NTE5AAAAIP/+/fz7+vn49/b19PPy8fDv7u3s6+rp6Ofm5eTj4uHg"
#define EC   "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAABBA=="
#define A    "ssh-ed25519 " ED_A
#define B    "ssh-ed25519 " ED_B
#define C    "ecdsa-sha2-nistp256 " EC

struct judged {
	enum known_state verdict;
	size_t line;
	char warnings[512];
};

static struct judged judge(const char *text, const char *host, int port)
{
	unsigned char blob[128];
	long n = base64_decode(ED_A, strlen(ED_A), blob, sizeof(blob));
	const struct known_key *which;
	struct judged out = {0};
	struct known_keys keys;
	struct buf warnings;

	assert_true(n > 0);
	buf_init(&warnings, sizeof(out.warnings) - 1);
	known_keys_init(&keys, host, port);
	known_keys_read(&keys, "kh", text, strlen(text), &warnings);
	out.verdict = known_keys_judge(&keys, blob, (size_t)n, &which);
	out.line = which ? which->line : 0;
	(void)snprintf(out.warnings, sizeof(out.warnings), "%s", buf_text(&warnings));
	known_keys_release(&keys);
	buf_release(&warnings);
	return out;
}

struct row {
	const char *text, *host;
	int port;
	enum known_state verdict;
	size_t line;
};

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct judged j = judge(rows[i].text, rows[i].host, rows[i].port);

		if (j.verdict != rows[i].verdict || j.line != rows[i].line)
			fail_msg("row %zu: verdict %d line %zu for:\n%s", i, j.verdict, j.line,
			         rows[i].text);
	}
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(rows[0]))

static void test_known_hosts__finds_the_host(void **state)
{
	static const struct row rows[] = {
	        {"a.example " A, "a.example", 22, KNOWN_OK, 1},
	        {"a.example " A, "A.Example", 22, KNOWN_OK, 1},
	        {"A.EXAMPLE " A, "a.example", 22, KNOWN_OK, 1},
	        {"b.example " A, "a.example", 22, KNOWN_UNKNOWN, 0},
	        {"a.example.evil " A, "a.example", 22, KNOWN_UNKNOWN, 0},
	        {"x,a.example,y " A, "a.example", 22, KNOWN_OK, 1},
	        {"[a.example]:2222 " A, "a.example", 2222, KNOWN_OK, 1},
	        {"[a.example]:22 " A, "a.example", 22, KNOWN_OK, 1},
	        {"[a.example]:2222 " A, "a.example", 22, KNOWN_UNKNOWN, 0},
	        {"[a.example]:2222 " A, "a.example", 2223, KNOWN_UNKNOWN, 0},
	        {"a.example " A, "a.example", 2222, KNOWN_OK, 1},
	        {"a.example " B, "a.example", 2222, KNOWN_UNKNOWN, 0},
	        {"a.example " A "\n[a.example]:2222 " B, "a.example", 2222, KNOWN_CHANGED, 2},
	        {"::1 " A, "::1", 22, KNOWN_OK, 1},
	        {"[::1]:2222 " A, "::1", 2222, KNOWN_OK, 1},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void test_known_hosts__knows_wildcards_and_negation(void **state)
{
	static const struct row rows[] = {
	        {"*.example " A, "a.example", 22, KNOWN_OK, 1},
	        {"*.example " A, "example", 22, KNOWN_UNKNOWN, 0},
	        {"a.exampl? " A, "a.example", 22, KNOWN_OK, 1},
	        {"* " A, "anything", 22, KNOWN_OK, 1},
	        {"[*]:2222 " A, "a.example", 2222, KNOWN_OK, 1},
	        {"*.example,!a.example " A, "a.example", 22, KNOWN_UNKNOWN, 0},
	        {"!a.example,*.example " A, "b.example", 22, KNOWN_OK, 1},
	        {"!b.example " A, "a.example", 22, KNOWN_UNKNOWN, 0},
	        {"**a*a*a*a*a*a*a*a*b " A, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 22,
	         KNOWN_UNKNOWN, 0},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void test_known_hosts__weighs_several_keys(void **state)
{
	static const struct row rows[] = {
	        {"h " B, "h", 22, KNOWN_CHANGED, 1},
	        {"h " C, "h", 22, KNOWN_OTHER, 1},
	        {"h " C "\nh " B, "h", 22, KNOWN_CHANGED, 2},
	        {"h " B "\nh " A, "h", 22, KNOWN_OK, 2},
	        {"h " A "\nh " B, "h", 22, KNOWN_OK, 1},
	        {"@revoked h " A "\nh " A, "h", 22, KNOWN_REVOKED, 1},
	        {"h " A "\n@revoked * " A, "h", 22, KNOWN_REVOKED, 2},
	        {"@revoked h " B "\nh " A, "h", 22, KNOWN_OK, 2},
	        {"@revoked h " B, "h", 22, KNOWN_UNKNOWN, 0},
	        {"@revoked h " A, "h", 2222, KNOWN_REVOKED, 1},
	        {"@cert-authority h " A, "h", 22, KNOWN_OTHER, 1},
	        {"@cert-authority h " A, "h", 2222, KNOWN_UNKNOWN, 0},
	        {"@cert-authority [h]:2222 " A, "h", 2222, KNOWN_OTHER, 1},
	        {"@cert-authority h " A "\nh " A, "h", 22, KNOWN_OK, 2},
	        {"@cert-authority h " A "\nh " B, "h", 22, KNOWN_CHANGED, 2},
	        {"@cert-authority h " A "\n@revoked h " A, "h", 22, KNOWN_REVOKED, 2},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void test_known_hosts__reads_hashed_names(void **state)
{
	/* made by ssh-keygen -H */
	static const struct row rows[] = {
	        {"|1|E+a6Ub2dU9Xr3w3/68HNAikrQKg=|vjd2Qv1LFy0nPgd5maCA2SJ87XM= " A, "h", 22,
	         KNOWN_OK, 1},
	        {"|1|E+a6Ub2dU9Xr3w3/68HNAikrQKg=|vjd2Qv1LFy0nPgd5maCA2SJ87XM= " A, "i", 22,
	         KNOWN_UNKNOWN, 0},
	        {"|1|IiqVziG1kHN259qgD+1uT6BvGcQ=|jQMLpUn/z27qMqo9k3jf9lkrGzM= " A, "H", 2222,
	         KNOWN_OK, 1},
	        {"|1|IiqVziG1kHN259qgD+1uT6BvGcQ=|jQMLpUn/z27qMqo9k3jf9lkrGzM= " A, "h", 22,
	         KNOWN_UNKNOWN, 0},
	        {"|1|| " A, "h", 22, KNOWN_UNKNOWN, 0},
	        {"|1|x " A, "h", 22, KNOWN_UNKNOWN, 0},
	        {"|1|!!!!|!!!! " A, "h", 22, KNOWN_UNKNOWN, 0},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void test_known_hosts__passes_over_bad_lines_and_says_which(void **state)
{
	static const struct {
		const char *line, *warning;
	} rows[] = {
	        {"garbage", "kh:1: not \"host key-type base64-key\""},
	        {"h ssh-ed25519", "kh:1: not"},
	        {"h ssh-ed25519 ***", "kh:1: the key is not base64"},
	        {"h ssh-rsa " ED_A, "kh:1: the key is not of the type named"},
	        {"h ssh-ed25519 AAAA", "kh:1: the key is not of the type named"},
	        {"@unknown h " A, "kh:1: unknown marker"},
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct judged j;

		(void)snprintf(text, sizeof(text), "%s\r\n\n# comment\n\t h\t" A " me\r\n",
		               rows[i].line);
		j = judge(text, "h", 22);
		assert_int_equal(j.verdict, KNOWN_OK);
		assert_int_equal(j.line, 4);
		assert_non_null(strstr(j.warnings, rows[i].warning));
	}
}

static void test_known_hosts__tells_no_file_from_no_record(void **state)
{
	unsigned char blob[128];
	long n = base64_decode(ED_A, strlen(ED_A), blob, sizeof(blob));
	const struct known_key *which;
	struct known_keys keys;

	(void)state;
	known_keys_init(&keys, "h", 22);
	assert_int_equal(known_keys_judge(&keys, blob, (size_t)n, &which), KNOWN_NOT_FOUND);
	known_keys_read(&keys, "kh", "", 0, NULL);
	assert_int_equal(known_keys_judge(&keys, blob, (size_t)n, &which), KNOWN_UNKNOWN);
	known_keys_release(&keys);
}

static void test_known_hosts__reads_a_list_of_revoked_keys(void **state)
{
	static const char list[] = "# none\n" B "\nssh-ed25519\n" A " a.example\n";
	unsigned char blob[128];
	long n = base64_decode(ED_A, strlen(ED_A), blob, sizeof(blob));
	const struct known_key *which;
	struct known_keys keys;
	struct buf warnings;

	(void)state;
	buf_init(&warnings, 512);
	known_keys_init(&keys, "h", 2222);
	known_keys_read(&keys, "kh", "[h]:2222 " A "\n", strlen("[h]:2222 " A "\n"), NULL);
	known_keys_read_revoked(&keys, "list", list, strlen(list), &warnings);
	assert_int_equal(known_keys_judge(&keys, blob, (size_t)n, &which), KNOWN_REVOKED);
	assert_string_equal(which->file, "list");
	assert_int_equal(which->line, 4);
	assert_non_null(strstr(buf_text(&warnings), "list:3: not \"key-type base64-key\""));
	known_keys_release(&keys);
	buf_release(&warnings);
}

/* 256 keys of a host, then no more; revoked ones are not dropped in silence. */
static void test_known_hosts__has_limits(void **state)
{
	struct known_keys keys;
	struct buf text;

	(void)state;
	buf_init(&text, 16 * 1024 * 1024);
	for (int i = 0; i < KNOWN_KEYS_MAX + 1; i++)
		assert_int_equal(buf_add_text(&text, "h " A "\n"), 0);
	known_keys_init(&keys, "h", 22);
	known_keys_read(&keys, "kh", buf_data(&text), buf_len(&text), NULL);
	assert_int_equal(keys.count, KNOWN_KEYS_MAX);
	assert_false(keys.is_incomplete);
	buf_clear(&text);
	for (int i = KNOWN_KEYS_MAX; i < KNOWN_REVOKED_MAX; i++)
		assert_int_equal(buf_add_text(&text, B "\n"), 0);
	known_keys_read_revoked(&keys, "list", buf_data(&text), buf_len(&text), NULL);
	assert_int_equal(keys.count, KNOWN_REVOKED_MAX);
	assert_false(keys.is_incomplete);
	known_keys_read_revoked(&keys, "list", B, strlen(B), NULL);
	assert_true(keys.is_incomplete);
	known_keys_release(&keys);
	buf_release(&text);
}

static void test_known_hosts__passes_over_a_line_without_end(void **state)
{
	size_t room = 200 * 1024, used = 100 * 1024;
	char *text = mem_new(room);
	struct judged j;

	(void)state;
	memset(text, 'x', used);
	(void)snprintf(text + used, room - used, "\nh %s", A);
	j = judge(text, "h", 22);
	assert_int_equal(j.verdict, KNOWN_OK);
	assert_int_equal(j.line, 2);
	assert_non_null(strstr(j.warnings, "longer than 64 KiB"));
	free(text);
}

static void test_known_hosts__prints_fingerprints_as_ssh_keygen_does(void **state)
{
	unsigned char blob[128];
	char out[FINGERPRINT_BYTES];
	long n = base64_decode(ED_A, strlen(ED_A), blob, sizeof(blob));

	(void)state;
	assert_string_equal(key_fingerprint(blob, (size_t)n, out),
	                    "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA");
	assert_string_equal(key_fingerprint("", 0, out),
	                    "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_known_hosts__finds_the_host),
	        cmocka_unit_test(test_known_hosts__knows_wildcards_and_negation),
	        cmocka_unit_test(test_known_hosts__weighs_several_keys),
	        cmocka_unit_test(test_known_hosts__reads_hashed_names),
	        cmocka_unit_test(test_known_hosts__passes_over_bad_lines_and_says_which),
	        cmocka_unit_test(test_known_hosts__passes_over_a_line_without_end),
	        cmocka_unit_test(test_known_hosts__tells_no_file_from_no_record),
	        cmocka_unit_test(test_known_hosts__reads_a_list_of_revoked_keys),
	        cmocka_unit_test(test_known_hosts__has_limits),
	        cmocka_unit_test(test_known_hosts__prints_fingerprints_as_ssh_keygen_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
