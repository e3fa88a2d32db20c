/* Evidence in, code, cause and cure out: nothing is cut off, nothing from outside comes raw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/brief.h"
#include "adapters/diagnosis.h"

static void check_err(const struct err *e, const char *code, int kind, const char *words)
{
	assert_string_equal(e->code, code);
	assert_int_equal(e->kind, kind);
	if (brief_lines(e->message) > BRIEF_LINES)
		fail_msg("more than three lines: %s", e->message);
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
	        {"Not allowed at this time\r\n", "SSH-BANNER-REFUSED", ERR_BUSY, "time\"."},
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
		check_err(&e, codes[i], ERR_CONFIG, " more, all in the trace; we (libssh2");
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
	char cure[128];
	struct err e;

	(void)state;
	(void)snprintf(cure, sizeof(cure), "ferryctl trust acme %s", k.fingerprint);
	(void)diagnosis_host_key_unknown(&k, &e);
	check_err(&e, "SSH-HOSTKEY-UNKNOWN", ERR_TRUST, cure);
	(void)diagnosis_host_key_changed(&k, &e);
	check_err(&e, "SSH-HOSTKEY-CHANGED", ERR_TRUST, k.known_fingerprint);
	check_err(&e, "SSH-HOSTKEY-CHANGED", ERR_TRUST, k.fingerprint);
	check_err(&e, "SSH-HOSTKEY-CHANGED", ERR_TRUST, ":123456");
	check_err(&e, "SSH-HOSTKEY-CHANGED", ERR_TRUST, cure);
	(void)diagnosis_host_key_uncertified(&k, "it has expired", &e);
	check_err(&e, "SSH-HOSTKEY-CERT", ERR_TRUST, "it has expired");
	check_err(&e, "SSH-HOSTKEY-CERT", ERR_TRUST, cure);
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
	l.user = l.offered = long_text();
	l.tried = "publickey 1 refused; publickey 2 refused";
	(void)diagnosis_login_refused(&l, &e);
	check_err(&e, "SSH-AUTH-PARTIAL", ERR_AUTH, "missing method");
	check_err(&e, "SSH-AUTH-PARTIAL", ERR_AUTH, l.tried);
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

/* What the linked library has already is no cure. */
static void test_diagnosis__a_newer_library_is_told_where_it_helps(void **state)
{
	struct diagnosis_algorithms a = {.which = DIAGNOSIS_CIPHER,
	                                 .ours = "aes128-ctr",
	                                 .theirs = "x",
	                                 .library = "libssh2 1.10.0"};
	struct err e;

	(void)state;
	(void)diagnosis_no_common(&a, &e);
	check_err(&e, "SSH-KEX-NO-CIPHER", ERR_CONFIG, "with libssh2 1.11.1, which has AES-GCM");
	a.ours = "aes128-ctr,aes128-gcm@openssh.com";
	(void)diagnosis_no_common(&a, &e);
	check_err(&e, "SSH-KEX-NO-CIPHER", ERR_CONFIG, "or aes256-gcm@openssh.com; the server");
	a.which = DIAGNOSIS_MAC;
	(void)diagnosis_no_common(&a, &e);
	check_err(&e, "SSH-KEX-NO-MAC", ERR_CONFIG, "which has the -etm forms");
	a.ours = "hmac-sha2-256-etm@openssh.com";
	(void)diagnosis_no_common(&a, &e);
	check_err(&e, "SSH-KEX-NO-MAC", ERR_CONFIG, "or hmac-sha2-512; the server");
}

/* Thirty keys of an agent. */
static void test_diagnosis__shows_the_first_of_many_logins(void **state)
{
	static const char key[] = "publickey the agent's acme@host (ssh-ed25519 "
	                          "SHA256:0123456789012345678901234567890123456789012) refused";
	char tried[30 * (sizeof(key) + 2)] = "";
	struct diagnosis_login l = {.user = "u", .tried = tried, .offered = "publickey"};
	struct err e;

	(void)state;
	for (size_t used = 0; used + sizeof(key) + 2 < sizeof(tried); used = strlen(tried))
		(void)snprintf(tried + used, sizeof(tried) - used, "%s%s", used ? "; " : "", key);
	(void)diagnosis_login_refused(&l, &e);
	check_err(&e, "SSH-AUTH-REFUSED", ERR_AUTH, " refused and ");
	check_err(&e, "SSH-AUTH-REFUSED", ERR_AUTH, "is installed for this user");
	(void)err_set(&e, ERR_AUTH, "SSH-AUTH-REFUSED", 2, "the server ended the login");
	(void)diagnosis_add_tried(tried, ". Name the right key", &e);
	check_err(&e, "SSH-AUTH-REFUSED", ERR_AUTH, "the server ended the login. Tried: publickey");
	check_err(&e, "SSH-AUTH-REFUSED", ERR_AUTH, " more, all in the trace. Name the right key");
	assert_int_equal(e.native, 2);
	(void)err_set(&e, ERR_AUTH, "SSH-AUTH-REFUSED", 2, "the server ended the login: %s", tried);
	(void)diagnosis_add_tried(tried, ". Name the right key", &e);
	check_err(&e, "SSH-AUTH-REFUSED", ERR_AUTH, "all in the trace. Name the right key");
}

/* Who has ended it, if anybody. */
static void test_diagnosis__an_idle_connection_is_over(void **state)
{
	static const struct {
		int kind;
		const char *code, *want;
	} rows[] = {
	        {ERR_NETWORK, "SSH-LOST", "NET-IDLE-END"},
	        {ERR_NETWORK, "SSH-VIA-LOST", "NET-IDLE-END"},
	        {ERR_NETWORK, "FTP-LOST", "NET-IDLE-END"},
	        {ERR_NETWORK, "NET-RESET", "NET-IDLE-END"},
	        {ERR_NETWORK, "FTP-TIMEOUT", "FTP-TIMEOUT"},
	        {ERR_PROTOCOL, "FTP-REPLY", "FTP-REPLY"},
	};
	struct err why, e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)err_set(&why, rows[i].kind, rows[i].code, 0, "said \"a. b\" at last");
		(void)diagnosis_idle_end(2000, &why, &e);
		check_err(&e, rows[i].want, rows[i].kind, "said \"a. b\" at last");
		check_err(&e, rows[i].want, rows[i].kind, "a new one is made");
		assert_int_equal(strstr(e.message, "the other side ended") != NULL,
		                 strcmp(rows[i].want, "NET-IDLE-END") == 0);
	}
}

/* What is said of a text without end, and of none. */
static void test_diagnosis__the_rest_is_brief_too(void **state)
{
	const char *text = long_text();
	struct diagnosis_host_key k = {.host = text, .port = 65535};
	struct diagnosis_loss loss = {.where = "key exchange", .disconnect_code = 2};
	char word[400];
	struct err e;

	(void)state;
	(void)diagnosis_host_key_weak(&k, 1024, 2048, &e);
	check_err(&e, "SSH-HOSTKEY-WEAK", ERR_TRUST, "rsa_min_bits: 1024");
	(void)diagnosis_flood(1000, 100000, text, strlen(text), &e);
	check_err(&e, "SSH-BANNER-FLOOD", ERR_PROTOCOL, "ask the partner");
	(void)snprintf(word, sizeof(word), "%0150dExceeded MaxStartups%0150d", 0, 0);
	(void)diagnosis_not_ssh(word, strlen(word), &e);
	check_err(&e, "SSH-BANNER-REFUSED", ERR_BUSY, "ask the partner to unblock our address");
	loss.disconnect_text = word;
	(void)diagnosis_lost(&loss, &e);
	check_err(&e, "SSH-BANNER-REFUSED", ERR_BUSY, "ask the partner to unblock our address");
	(void)diagnosis_silence(86400000, &e);
	check_err(&e, "SSH-BANNER-TIMEOUT", ERR_NETWORK, "protocol: ftps");
	(void)diagnosis_timeout("SSH-KEX-TIMEOUT", "key exchange", 86400000, "handshake", &e);
	check_err(&e, "SSH-KEX-TIMEOUT", ERR_NETWORK, "timeouts: {handshake");
	(void)diagnosis_no_subsystem(text, text, &e);
	check_err(&e, "SSH-NO-SFTP", ERR_CONFIG, "or to another service");
	(void)diagnosis_no_channel(text, text, -1, &e);
	check_err(&e, "SSH-CHANNEL-REFUSED", ERR_BUSY, "lower `connections:`");
	(void)diagnosis_no_forward(text, 65535, text, &e);
	check_err(&e, "SSH-VIA-REFUSED", ERR_BUSY, "for its log");
	(void)diagnosis_no_forward(text, 65535, "connect failed", &e);
	check_err(&e, "SSH-VIA-UNREACHABLE", ERR_NETWORK, "65535` there");
	(void)diagnosis_no_forward(text, 65535, "prohibited", &e);
	check_err(&e, "SSH-VIA-REFUSED", ERR_CONFIG, "authorized_keys");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_diagnosis__names_what_answers_instead),
	        cmocka_unit_test(test_diagnosis__shows_both_lists),
	        cmocka_unit_test(test_diagnosis__host_key_messages_hold_everything),
	        cmocka_unit_test(test_diagnosis__login_and_loss),
	        cmocka_unit_test(test_diagnosis__a_newer_library_is_told_where_it_helps),
	        cmocka_unit_test(test_diagnosis__shows_the_first_of_many_logins),
	        cmocka_unit_test(test_diagnosis__the_rest_is_brief_too),
	        cmocka_unit_test(test_diagnosis__an_idle_connection_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
