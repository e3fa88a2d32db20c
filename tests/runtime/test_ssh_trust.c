/* No byte of a login leaves before the host key is trusted; each distrust has its code. */
#include "tests/runtime/ssh_peers.h"

static void write_known_hosts(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char file[128];

static void write_known_hosts(const char *fmt, ...)
{
	va_list ap;
	FILE *f = fopen(file, "w");

	check(f);
	va_start(ap, fmt);
	check(vfprintf(f, fmt, ap) >= 0 && fclose(f) == 0);
	va_end(ap);
}

/* "type base64" of the password server. */
static const char *host_key(void)
{
	static char line[256];
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/password_host_key.pub", peers.folder);
	f = fopen(path, "r");
	check(f && fgets(line, sizeof(line), f) && fclose(f) == 0);
	line[strcspn(line, "\n")] = '\0';
	*strrchr(line, ' ') = '\0'; /* the comment */
	return line;
}

static const char other_key[] =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
static const char ecdsa_key[] =
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAABBA==";

static void partner_with_file(struct partner *p)
{
	(void)snprintf(file, sizeof(file), "%s/trust_known_hosts", peers.folder);
	partner_init(p, "password");
	p->known_hosts_list[0] = file;
	p->endpoint.user = "partner";
	partner_password(p, "pass word");
}

static bool says(const struct err *e, const char *words)
{
	if (strstr(e->message, words))
		return true;
	(void)fprintf(stderr, "\"%s\" is not in: %s\n", words, e->message);
	return false;
}

/* Fails with `code`, and the server has seen no request to log in. */
static void refuses(struct partner *p, const char *code, struct err *e)
{
	int before = peers_ask("attempts password");

	check_code(p, e, code);
	check(e->kind == ERR_TRUST);
	check(peers_ask("attempts password") == before);
}

static void distrusts(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_with_file(&p);
	(void)unlink(file);
	refuses(&p, "SSH-HOSTKEY-UNKNOWN", &e);
	check(says(&e, "ssh-ed25519 SHA256:") && says(&e, file) && says(&e, "telephone"));
	write_known_hosts("other.example %s\n", host_key());
	refuses(&p, "SSH-HOSTKEY-UNKNOWN", &e);
	write_known_hosts("# one\n[127.0.0.1]:%d %s\n", p.endpoint.port, other_key);
	refuses(&p, "SSH-HOSTKEY-CHANGED", &e);
	check(says(&e, "trust_known_hosts:2") && strlen(e.message) < ERR_MESSAGE_BYTES - 1);
	write_known_hosts("[127.0.0.1]:%d %s\n", p.endpoint.port, ecdsa_key);
	refuses(&p, "SSH-HOSTKEY-CHANGED", &e);
	write_known_hosts("* %s\n@revoked * %s\n", host_key(), host_key());
	refuses(&p, "SSH-HOSTKEY-REVOKED", &e);
	check(says(&e, "trust_known_hosts:2"));
	p.endpoint.host_key_check = HOST_KEY_OFF;
	refuses(&p, "SSH-HOSTKEY-REVOKED", &e);
}

static void test_trust__refuses_before_any_login(void **state)
{
	(void)state;
	rig_run(distrusts);
}

static void unreadable_file(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_with_file(&p);
	p.known_hosts_list[0] = peers.folder; /* a folder cannot be read */
	refuses(&p, "SSH-HOSTKEY-UNREADABLE", &e);
}

static void test_trust__needs_to_read_the_file(void **state)
{
	(void)state;
	rig_run(unreadable_file);
}

static void pins(struct worker *w)
{
	char pin[64] = "";
	struct partner p;
	struct session *s;
	struct err e;
	int before;

	(void)w;
	partner_with_file(&p);
	write_known_hosts("[127.0.0.1]:%d %s\n", p.endpoint.port, host_key());
	p.pins[0] = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
	p.endpoint.pins = p.pins;
	p.endpoint.pin_count = 1;
	refuses(&p, "SSH-HOSTKEY-CHANGED", &e);
	check(says(&e, "pins:") && says(&e, p.pins[0]));
	(void)sscanf(strstr(e.message, "shows ssh-ed25519 ") + 18, "%50s", pin);
	pin[50] = '\0';
	p.pins[0] = pin;
	write_known_hosts("%s", "");
	before = peers_ask("attempts password");
	s = partner_opens(&p);
	check(peers_ask("attempts password") == before + 1); /* the count does count */
	check(strstr(session_host_key(s), pin) != NULL);
	session_close(s);
}

static void test_trust__pins_decide_alone(void **state)
{
	(void)state;
	rig_run(pins);
}

static void known_forms(struct worker *w)
{
	struct partner p;
	const char *key = host_key();

	(void)w;
	partner_with_file(&p);
	write_known_hosts("garbage\n[127.0.0.1]:%d %s\n", p.endpoint.port, key);
	session_close(partner_opens(&p));
	write_known_hosts("127.0.0.1 %s comment\r\n", key); /* without the port, as in OpenSSH */
	session_close(partner_opens(&p));
	write_known_hosts("!10.*,[127.0.0.?]:* %s", key);
	session_close(partner_opens(&p));
	write_known_hosts("* %s\n* %s\n", ecdsa_key, key);
	session_close(partner_opens(&p));
}

static void test_trust__knows_every_form_of_record(void **state)
{
	(void)state;
	rig_run(known_forms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_trust__refuses_before_any_login),
	        cmocka_unit_test(test_trust__needs_to_read_the_file),
	        cmocka_unit_test(test_trust__pins_decide_alone),
	        cmocka_unit_test(test_trust__knows_every_form_of_record),
	};
	int failed;

	work_setup();
	peers_start("password");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	peers_stop();
	return failed;
}
