/* Evidence in, code, cause and cure out: nothing is cut off, nothing from outside comes raw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/diagnosis.h"

static void check_err(const struct err *e, const char *code, int kind, const char *words)
{
	assert_string_equal(e->code, code);
	assert_int_equal(e->kind, kind);
	assert_true(strlen(e->message) < ERR_MESSAGE_BYTES - 1); /* not cut */
	for (const char *p = e->message; *p; p++)
		assert_true((unsigned char)*p >= 0x20 && *p != 0x7F);
	if (!strstr(e->message, words))
		fail_msg("\"%s\" is not in: %s", words, e->message);
}

static void test_diagnosis__names_what_answers_instead(void **state)
{
	static const struct {
		const char *first, *code;
		int kind;
		const char *words;
	} rows[] = {
	        {"", "SSH-BANNER-REFUSED", ERR_BUSY, "without a word"},
	        {"220 ready\r\n", "SSH-NOT-SSH", ERR_CONFIG, "protocol: ftps"},
	        {"220-ready\r\n", "SSH-NOT-SSH", ERR_CONFIG, "FTP"},
	        {"220 mail.example ESMTP\r\n", "SSH-NOT-SSH", ERR_CONFIG, "a mail server"},
	        {"HTTP/1.0 400\r\n", "SSH-NOT-SSH", ERR_CONFIG, "web server"},
	        {"\x15\x03\x01", "SSH-NOT-SSH", ERR_CONFIG, "TLS"},
	        {"\x1b[2J", "SSH-NOT-SSH", ERR_PROTOCOL, "\\x1b[2J"},
	        {"Not allowed at this time\r\n", "SSH-BANNER-REFUSED", ERR_BUSY, "PerSource"},
	        {"Exceeded MaxStartups\r\n", "SSH-BANNER-REFUSED", ERR_BUSY, "MaxStartups"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e;

		assert_int_equal(diagnosis_not_ssh(rows[i].first, strlen(rows[i].first), &e),
		                 rows[i].kind);
		check_err(&e, rows[i].code, rows[i].kind, rows[i].words);
	}
}

/* A text of 2000 bytes: messages must hold all the same. */
static const char *long_text(void)
{
	static char text[2001];

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 20 == 19 ? ',' : i % 7 ? 'x' : '\x01';
	return text;
}

static void test_diagnosis__shows_both_lists(void **state)
{
	static const char *const codes[] = {"SSH-KEX-NO-KEX", "SSH-KEX-NO-HOSTKEY",
	                                    "SSH-KEX-NO-CIPHER", "SSH-KEX-NO-MAC",
	                                    "SSH-KEX-NO-COMPRESSION"};
	struct err e;

	(void)state;
	for (int i = DIAGNOSIS_KEX; i <= DIAGNOSIS_COMPRESSION; i++) {
		struct diagnosis_algorithms a = {.which = (enum diagnosis_list)i,
		                                 .ours = "ssh-rsa",
		                                 .theirs = "rsa-sha2-512",
		                                 .server = "SSH-2.0-x",
		                                 .library = "libssh2 1.10.0"};

		(void)diagnosis_no_common(&a, &e);
		check_err(&e, codes[i], ERR_CONFIG, "offers: rsa-sha2-512");
		check_err(&e, codes[i], ERR_CONFIG, "offer: ssh-rsa");
		a.ours = a.theirs = a.server = long_text();
		(void)diagnosis_no_common(&a, &e);
		check_err(&e, codes[i], ERR_CONFIG, "no common");
	}
}

static void test_diagnosis__host_key_messages_hold_everything(void **state)
{
	struct diagnosis_host_key k = {
	        .endpoint = "acme",
	        .host = long_text(),
	        .port = 65535,
	        .type = "ecdsa-sha2-nistp521",
	        .fingerprint = "SHA256:0123456789012345678901234567890123456789012",
	        .known_type = "ecdsa-sha2-nistp521",
	        .known_fingerprint = "SHA256:9876543210987654321098765432109876543210987",
	        .file = long_text(),
	        .line = 123456,
	};
	struct err e;

	(void)state;
	(void)diagnosis_host_key_unknown(&k, &e);
	check_err(&e, "SSH-HOSTKEY-UNKNOWN", ERR_TRUST, k.fingerprint);
	(void)diagnosis_host_key_changed(&k, &e);
	check_err(&e, "SSH-HOSTKEY-CHANGED", ERR_TRUST, k.known_fingerprint);
	check_err(&e, "SSH-HOSTKEY-CHANGED", ERR_TRUST, k.fingerprint);
	check_err(&e, "SSH-HOSTKEY-CHANGED", ERR_TRUST, ":123456");
	(void)diagnosis_host_key_uncertified(&k, "it has expired", &e);
	check_err(&e, "SSH-HOSTKEY-CERT", ERR_TRUST, "it has expired");
	check_err(&e, "SSH-HOSTKEY-CERT", ERR_TRUST, k.fingerprint);
	(void)diagnosis_host_key_revoked(&k, &e);
	check_err(&e, "SSH-HOSTKEY-REVOKED", ERR_TRUST, k.fingerprint);
}

static void test_diagnosis__login_and_loss(void **state)
{
	struct diagnosis_login l = {
	        .user = "u", .tried = "publickey (k) refused", .offered = "password"};
	struct diagnosis_loss loss = {
	        .where = "authentication", .server = long_text(), .words = long_text()};
	struct err e;

	(void)state;
	(void)diagnosis_login_refused(&l, &e);
	check_err(&e, "SSH-AUTH-REFUSED", ERR_AUTH, "accepts: password");
	l.partial = true;
	(void)diagnosis_login_refused(&l, &e);
	check_err(&e, "SSH-AUTH-PARTIAL", ERR_AUTH, "wants more: password");
	l.answer_refused = true;
	(void)diagnosis_login_refused(&l, &e);
	check_err(&e, "SSH-AUTH-REFUSED", ERR_AUTH, "Check the password or the answers");
	l.code_refused = true;
	(void)diagnosis_login_refused(&l, &e);
	check_err(&e, "SSH-AUTH-REFUSED", ERR_AUTH,
	          "It still wants: password. Check this machine's clock");
	l.code_refused = l.answer_refused = false;
	l.user = l.tried = l.offered = long_text();
	(void)diagnosis_login_refused(&l, &e);
	check_err(&e, "SSH-AUTH-PARTIAL", ERR_AUTH, "missing method");
	(void)diagnosis_lost(&loss, &e);
	check_err(&e, "SSH-LOST", ERR_NETWORK, "authentication");
	loss.disconnect_code = 2;
	loss.disconnect_text = "Too many authentication failures";
	(void)diagnosis_lost(&loss, &e);
	check_err(&e, "SSH-AUTH-REFUSED", ERR_AUTH, "Too many");
	loss.disconnect_text = long_text();
	(void)diagnosis_lost(&loss, &e);
	check_err(&e, "SSH-LOST", ERR_NETWORK, "reason 2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_diagnosis__names_what_answers_instead),
	        cmocka_unit_test(test_diagnosis__shows_both_lists),
	        cmocka_unit_test(test_diagnosis__host_key_messages_hold_everything),
	        cmocka_unit_test(test_diagnosis__login_and_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
