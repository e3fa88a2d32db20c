/* Logging in: keys in every format, passwords both ways, and each thing that can be wrong. */
#include <sys/stat.h>

#include "adapters/trace.h"
#include "tests/runtime/ssh_peers.h"

static bool library_has_rsa_sha2(void)
{
	return strcmp(session_library(), "libssh2 1.11") >= 0;
}

/* ---- keys ---------------------------------------------------------------------------------- */

static void logs_in_with(const char *key, const char *passphrase)
{
	struct partner p;

	partner_init(&p, "sshd");
	partner_key(&p, key, passphrase);
	session_close(partner_opens(&p));
}

static void all_formats(struct worker *w)
{
	(void)w;
	logs_in_with("ed25519", NULL);
	logs_in_with("ecdsa", NULL);
	logs_in_with("ecdsa_pem", NULL);
	logs_in_with("ed25519_pkcs8", NULL);
	logs_in_with("ed25519_enc", "secret words");
	logs_in_with("ecdsa_pem_enc", "secret words");
	logs_in_with("ecdsa_pkcs8_enc", "secret words");
	if (!library_has_rsa_sha2())
		return;
	logs_in_with("rsa", NULL);
	logs_in_with("rsa_pem", NULL);
}

static void test_login__takes_every_key_format(void **state)
{
	(void)state;
	rig_run(all_formats);
}

static void encrypted_keeps_pace(struct worker *w)
{
	struct pace pace;

	pace_start(&pace, w);
	logs_in_with("ed25519_enc", "secret words");
	check(pace_stop(&pace) < 250); /* decrypting takes longer, off the loop */
}

static void test_login__decrypts_keys_beside_the_loop(void **state)
{
	(void)state;
	rig_run(encrypted_keeps_pace);
}

static void write_file(struct partner *p, const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/keys/%s", peers.folder, name);
	f = fopen(path, "w");
	check(f && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, mode) == 0);
	partner_init(p, "sshd");
	partner_key(p, name, NULL);
}

static void key_faults(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_init(&p, "sshd");
	partner_key(&p, "nowhere", NULL);
	check_code(&p, &e, "SSH-KEY-MISSING");
	check(e.kind == ERR_CONFIG && says(&e, "nowhere"));

	write_file(&p, "open", "x", 0644);
	check_code(&p, &e, "SSH-KEY-MODE");
	check(says(&e, "mode 0644") && says(&e, "chmod 0600"));

	partner_init(&p, "sshd");
	partner_key(&p, "ed25519_enc", NULL);
	check_code(&p, &e, "SSH-KEY-ENCRYPTED");
	partner_init(&p, "sshd");
	partner_key(&p, "ecdsa_pem_enc", NULL);
	check_code(&p, &e, "SSH-KEY-ENCRYPTED");

	partner_init(&p, "sshd");
	partner_key(&p, "ed25519_enc", "wrong");
	check_code(&p, &e, "SSH-KEY-PASSPHRASE");
	partner_init(&p, "sshd");
	partner_key(&p, "ecdsa_pem_enc", "wrong");
	check_code(&p, &e, "SSH-KEY-PASSPHRASE");
}

static void test_login__names_what_is_wrong_with_a_key_file(void **state)
{
	(void)state;
	rig_run(key_faults);
}

static void key_formats_refused(struct worker *w)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
	        {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== me\n", "public key"},
	        {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "public key"},
	        {"PuTTY-User-Key-File-3: ssh-ed25519\n", "puttygen"},
	        {"", "is empty"},
	        {"hello\n", "not a private key"},
	        {"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "damaged"},
	        {"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
	         "damaged"},
	        {"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
	         "damaged"},
	};
	struct partner p;
	struct err e;

	(void)w;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_file(&p, "odd", cases[i].text, 0600);
		check_code(&p, &e, "SSH-KEY-FORMAT");
		check(says(&e, cases[i].words));
	}
}

static void test_login__tells_what_the_key_file_is_instead(void **state)
{
	(void)state;
	rig_run(key_formats_refused);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void stranger_is_refused(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_init(&p, "sshd");
	partner_key(&p, "stranger", NULL);
	check_code(&p, &e, "SSH-AUTH-REFUSED");
	check(e.kind == ERR_AUTH && says(&e, "user root") && says(&e, "ssh-ed25519 SHA256:"));
	check(says(&e, "accepts: publickey"));
}

static void test_login__names_the_refused_key(void **state)
{
	(void)state;
	rig_run(stranger_is_refused);
}

static void rsa_gets_its_hint(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	if (library_has_rsa_sha2())
		return;
	partner_init(&p, "sshd");
	partner_key(&p, "rsa", NULL);
	check_code(&p, &e, "SSH-AUTH-REFUSED");
	check(says(&e, "SHA-1") && says(&e, "Ed25519"));
}

static void test_login__explains_rsa_with_an_old_library(void **state)
{
	(void)state;
	rig_run(rsa_gets_its_hint);
}

static void two_keys_wanted(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_init(&p, "sshd_two");
	partner_key(&p, "ed25519", NULL);
	partner_key(&p, "ecdsa", NULL);
	session_close(partner_opens(&p));
	partner_init(&p, "sshd_two");
	partner_key(&p, "ed25519", NULL);
	check_code(&p, &e, "SSH-AUTH-PARTIAL");
	check(says(&e, "keys/ed25519 (ssh-ed25519 SHA256:") && says(&e, " accepted") &&
	      says(&e, "wants more: publickey"));
}

static void test_login__goes_on_to_the_second_key_where_two_are_wanted(void **state)
{
	(void)state;
	rig_run(two_keys_wanted);
}

static void no_rsa_signature(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_init(&p, "sshd_picky");
	partner_key(&p, "ed25519", NULL);
	partner_key(&p, "rsa", NULL);
	session_close(partner_opens(&p));
	partner_init(&p, "sshd_picky");
	partner_key(&p, "rsa", NULL);
	partner_key(&p, "ed25519", NULL);
	if (!library_has_rsa_sha2()) {
		session_close(partner_opens(&p));
		return;
	}
	check_code(&p, &e, "SSH-AUTH-REFUSED");
	check(says(&e, "takes no RSA signature") &&
	      says(&e, "not sent (name it before the RSA key)"));
}

static void test_login__tells_where_an_rsa_key_hides_the_others(void **state)
{
	(void)state;
	rig_run(no_rsa_signature);
}

static void too_many_tries(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_init(&p, "sshd_tries");
	partner_key(&p, "stranger", NULL);
	partner_key(&p, "ed25519", NULL);
	check_code(&p, &e, "SSH-AUTH-REFUSED");
	check(e.kind == ERR_AUTH && says(&e, "Too many authentication failures"));
	check(says(&e, "keys/stranger (ssh-ed25519 SHA256:"));
}

static void test_login__knows_the_servers_last_words(void **state)
{
	(void)state;
	rig_run(too_many_tries);
}

/* ---- passwords ----------------------------------------------------------------------------- */

static void password_partner(struct partner *p, const char *peer, const char *password)
{
	partner_init(p, peer);
	partner_trust_any(p);
	p->endpoint.user = "partner";
	partner_password(p, password);
}

static void passwords(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	password_partner(&p, "password", "pass word");
	session_close(partner_opens(&p));
	password_partner(&p, "password", "wrong");
	check_code(&p, &e, "SSH-AUTH-REFUSED");
	check(says(&e, "password refused") && !strstr(e.message, "wrong;"));
	password_partner(&p, "password", "old");
	check_code(&p, &e, "SSH-AUTH-EXPIRED");
	check(e.kind == ERR_AUTH && says(&e, "expired") && says(&e, "choose a new one"));
}

static void test_login__by_password(void **state)
{
	(void)state;
	rig_run(passwords);
}

static void prompts(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	password_partner(&p, "keyboard", "pass word");
	session_close(partner_opens(&p));
	password_partner(&p, "keyboard", "wrong");
	check_code(&p, &e, "SSH-AUTH-REFUSED");
	check(says(&e, "keyboard-interactive"));
}

static void test_login__answers_a_prompt_with_the_password(void **state)
{
	(void)state;
	rig_run(prompts);
}

static void password_is_not_offered(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_init(&p, "sshd");
	partner_password(&p, "pass word");
	check_code(&p, &e, "SSH-AUTH-REFUSED");
	check(says(&e, "not sent") && says(&e, "accepts: publickey"));
}

static void test_login__keeps_a_password_the_server_does_not_want(void **state)
{
	(void)state;
	rig_run(password_is_not_offered);
}

static void open_account(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	password_partner(&p, "password", "anything");
	p.endpoint.user = "open";
	check_code(&p, &e, "SSH-AUTH-OPEN");
	check(e.kind == ERR_AUTH && says(&e, "user open") && says(&e, "add `none`"));
	p.auth[p.endpoint.auth_count++].kind = AUTH_NONE;
	session_close(partner_opens(&p));
	p.endpoint.user = "partner"; /* who needs a password: asked for nothing, then for it */
	check_code(&p, &e, "SSH-AUTH-REFUSED");
	check(says(&e, "Tried: none refused; password refused"));
}

static void test_login__takes_an_account_without_a_proof_only_when_told(void **state)
{
	(void)state;
	rig_run(open_account);
}

/* ---- a server that thinks too long --------------------------------------------------------- */

static void read_trace(const char *file, char *out, size_t room)
{
	FILE *f = fopen(file, "r");

	check(f);
	out[fread(out, 1, room - 1, f)] = '\0';
	check(fclose(f) == 0);
}

static void silent_server(struct worker *w)
{
	struct trace_config settings = {.mask = TRACE_MASK_DEFAULT,
	                                .when = TRACE_FAILURE,
	                                .max_bytes = 1 << 20,
	                                .keep_ms = 60000};
	struct session *s = NULL;
	struct partner p;
	struct trace *t;
	char folder[128], file[TRACE_FILE_BYTES], text[16 * 1024];
	const char *end;
	size_t unsent = 1, unread = 1;
	struct err e;

	(void)w;
	(void)snprintf(folder, sizeof(folder), "%s/traces", peers.folder);
	settings.dir = folder;
	password_partner(&p, "password", "pass word");
	p.endpoint.user = "slow";
	p.endpoint.timeouts.auth_ms = 400;
	t = trace_new(&settings, "partner", TRACE_MASK_DEFAULT, TRACE_FAILURE);
	check(session_open(&p.endpoint, t, &s, &e) == ERR_NETWORK);
	check(strcmp(e.code, "SSH-AUTH-TIMEOUT") == 0 && says(&e, "within 0.4 s"));
	trace_failed(t, &e);
	check(trace_file(t));
	(void)snprintf(file, sizeof(file), "%s", trace_file(t));
	trace_free(t);
	read_trace(file, text, sizeof(text));
	check(strstr(text, "trying none, to learn"));
	end = strstr(text, " waiting for the login methods of the server: nothing came for ");
	check(end && sscanf(strchr(end, ';'), "; %zu bytes are not sent yet, %zu not read", &unsent,
	                    &unread) == 2);
	check(unsent == 0 && unread == 0);
}

static void test_login__tells_who_was_silent_when_it_takes_too_long(void **state)
{
	(void)state;
	rig_run(silent_server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_login__takes_every_key_format),
	        cmocka_unit_test(test_login__decrypts_keys_beside_the_loop),
	        cmocka_unit_test(test_login__names_what_is_wrong_with_a_key_file),
	        cmocka_unit_test(test_login__tells_what_the_key_file_is_instead),
	        cmocka_unit_test(test_login__names_the_refused_key),
	        cmocka_unit_test(test_login__explains_rsa_with_an_old_library),
	        cmocka_unit_test(test_login__goes_on_to_the_second_key_where_two_are_wanted),
	        cmocka_unit_test(test_login__tells_where_an_rsa_key_hides_the_others),
	        cmocka_unit_test(test_login__knows_the_servers_last_words),
	        cmocka_unit_test(test_login__by_password),
	        cmocka_unit_test(test_login__answers_a_prompt_with_the_password),
	        cmocka_unit_test(test_login__keeps_a_password_the_server_does_not_want),
	        cmocka_unit_test(test_login__takes_an_account_without_a_proof_only_when_told),
	        cmocka_unit_test(test_login__tells_who_was_silent_when_it_takes_too_long),
	};

	return peers_run("sshd password", tests);
}
