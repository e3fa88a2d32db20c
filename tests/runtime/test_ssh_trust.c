/* No byte of a login leaves before the host key is trusted; each distrust has its code. */
#include "adapters/adapter.h"
#include "adapters/identity.h"
#include "adapters/sftp/trust_rules.h"
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
	check(says(&e, "ferryctl trust partner SHA256:"));
	write_known_hosts("other.example %s\n", host_key());
	refuses(&p, "SSH-HOSTKEY-UNKNOWN", &e);
	write_known_hosts("# one\n[127.0.0.1]:%d %s\n", p.endpoint.port, other_key);
	refuses(&p, "SSH-HOSTKEY-CHANGED", &e);
	check(says(&e, "trust_known_hosts:2") && strlen(e.message) < ERR_MESSAGE_BYTES - 1);
	check(says(&e, "ferryctl trust partner SHA256:"));
	write_known_hosts("[127.0.0.1]:%d %s\n", p.endpoint.port, ecdsa_key);
	refuses(&p, "SSH-HOSTKEY-CHANGED", &e);
	write_known_hosts("* %s\n@revoked * %s\n", host_key(), host_key());
	refuses(&p, "SSH-HOSTKEY-REVOKED", &e);
	check(says(&e, "trust_known_hosts:2"));
	p.endpoint.host_key_check = HOST_KEY_OFF;
	refuses(&p, "SSH-HOSTKEY-REVOKED", &e);
	p.endpoint.host_key_check = HOST_KEY_ACCEPT_NEW;
	refuses(&p, "SSH-HOSTKEY-REVOKED", &e);
}

static void test_trust__refuses_before_any_login(void **state)
{
	(void)state;
	rig_run(distrusts);
}

/* ---- every cell of the table ---------------------------------------------------------------- */

static void make_state(struct partner *p, enum known_state s)
{
	p->known_hosts_list[0] = file;
	(void)unlink(file);
	switch (s) {
	case KNOWN_OK:
		write_known_hosts("[127.0.0.1]:%d %s\n", p->endpoint.port, host_key());
		break;
	case KNOWN_CHANGED:
		write_known_hosts("[127.0.0.1]:%d %s\n", p->endpoint.port, other_key);
		break;
	case KNOWN_OTHER:
		write_known_hosts("[127.0.0.1]:%d %s\n", p->endpoint.port, ecdsa_key);
		break;
	case KNOWN_UNKNOWN:
		write_known_hosts("other.example %s\n", host_key());
		break;
	case KNOWN_ERROR:
		p->known_hosts_list[0] = peers.folder;
		break;
	case KNOWN_REVOKED:
		write_known_hosts("* %s\n@revoked * %s\n", host_key(), host_key());
		break;
	default:
		break; /* not found: no file */
	}
}

/* How often the server was asked for a login, of which this one either comes or does not. */
static int logins_of(struct partner *p)
{
	int before = peers_ask("attempts password");
	struct session *s = NULL;
	struct err e;

	if (session_open(&p->endpoint, NULL, &s, &e) == 0)
		session_close(s);
	return peers_ask("attempts password") - before;
}

static void check_cell(enum known_state s, enum host_key_check how, enum trust_login login)
{
	struct partner p;
	bool refused = trust_decide(s, how, login) == TRUST_REFUSE;

	partner_with_file(&p);
	if (login == LOGIN_BY_KEY) { /* refused by this server, which takes passwords */
		(void)snprintf(p.key[0], sizeof(p.key[0]), "%s/password_host_key", peers.folder);
		p.auth[0] = (struct auth_method){.kind = AUTH_PUBLICKEY, .key_file = p.key[0]};
	}
	p.endpoint.host_key_check = how;
	make_state(&p, s);
	if ((logins_of(&p) == 0) == refused)
		return;
	(void)fprintf(stderr, "state %s, check %d, login %d\n", known_state_name(s), (int)how,
	              (int)login);
	abort();
}

static void cells(struct worker *w)
{
	(void)w;
	for (int s = 0; s < KNOWN_STATE_COUNT; s++)
		for (int how = HOST_KEY_STRICT; how <= HOST_KEY_OFF; how++)
			for (int login = LOGIN_BY_KEY; login <= LOGIN_BY_PASSWORD; login++)
				check_cell((enum known_state)s, (enum host_key_check)how,
				           (enum trust_login)login);
}

static void test_trust__no_byte_of_a_login_in_every_refusing_cell(void **state)
{
	(void)state;
	rig_run(cells);
}

/* ---- files that cannot be read: each in its own words --------------------------------------- */

static void write_bytes(size_t n)
{
	FILE *f = fopen(file, "w");

	check(f && ftruncate(fileno(f), (off_t)n) == 0 && fclose(f) == 0);
}

static void unreadable_files(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_with_file(&p);
	p.known_hosts_list[0] = peers.folder;
	refuses(&p, "SSH-HOSTKEY-NOT-FILE", &e);
	check(says(&e, "is a directory"));
	p.known_hosts_list[0] = "/dev/null";
	refuses(&p, "SSH-HOSTKEY-NOT-FILE", &e);
	check(says(&e, "a pipe or a device"));
	p.known_hosts_list[0] = file;
	write_bytes(16 * 1024 * 1024 + 1);
	refuses(&p, "SSH-HOSTKEY-TOO-LONG", &e);
	write_bytes(16 * 1024 * 1024);
	refuses(&p, "SSH-HOSTKEY-UNKNOWN", &e);
	p.known_hosts_list[0] = "/proc/self/mem"; /* is there, and reading it fails */
	refuses(&p, "SSH-HOSTKEY-UNREADABLE", &e);
	p.endpoint.host_key_check = HOST_KEY_ACCEPT_NEW;
	refuses(&p, "SSH-HOSTKEY-UNREADABLE", &e);
	p.endpoint.host_key_check = HOST_KEY_OFF;
	session_close(partner_opens(&p));
}

static void test_trust__tells_files_that_cannot_be_read_apart(void **state)
{
	(void)state;
	rig_run(unreadable_files);
}

static void revoked_keys(struct worker *w)
{
	char list[128];
	struct partner p;
	struct err e;
	FILE *f;

	(void)w;
	partner_with_file(&p);
	(void)snprintf(list, sizeof(list), "%s/revoked_keys", peers.folder);
	write_known_hosts("[127.0.0.1]:%d %s\n", p.endpoint.port, host_key());
	p.endpoint.revoked_keys = list;
	(void)unlink(list);
	refuses(&p, "SSH-HOSTKEY-UNREADABLE", &e); /* a list that is missing is not an empty one */
	f = fopen(list, "w");
	check(f && fprintf(f, "# nobody\n%s\n", other_key) > 0 && fclose(f) == 0);
	session_close(partner_opens(&p));
	f = fopen(list, "w");
	check(f && fprintf(f, "\n%s me\n", host_key()) > 0 && fclose(f) == 0);
	refuses(&p, "SSH-HOSTKEY-REVOKED", &e);
	check(says(&e, "revoked_keys:2"));
	f = fopen(list, "w");
	check(f && fputs("SSHKRL\n", f) >= 0 && fclose(f) == 0);
	refuses(&p, "SSH-HOSTKEY-KRL", &e);
	check(unlink(list) == 0);
}

static void test_trust__obeys_a_list_of_revoked_keys(void **state)
{
	(void)state;
	rig_run(revoked_keys);
}

/* ---- accept-new, off ------------------------------------------------------------------------ */

static bool file_has(const char *text)
{
	char content[1024] = "";
	FILE *f = fopen(file, "r");

	if (!f)
		return false;
	content[fread(content, 1, sizeof(content) - 1, f)] = '\0';
	(void)fclose(f);
	return strstr(content, text) != NULL;
}

static void accept_new(struct worker *w)
{
	struct partner p;
	struct err e;
	char line[512];

	(void)w;
	partner_with_file(&p);
	p.endpoint.host_key_check = HOST_KEY_ACCEPT_NEW;
	(void)unlink(file);
	session_close(partner_opens(&p));
	(void)snprintf(line, sizeof(line), "[127.0.0.1]:%d %s ferryd accept-new", p.endpoint.port,
	               host_key());
	check(file_has(line));
	p.endpoint.host_key_check = HOST_KEY_STRICT; /* known from now on */
	session_close(partner_opens(&p));
	p.endpoint.host_key_check = HOST_KEY_ACCEPT_NEW;
	write_known_hosts("[127.0.0.1]:%d %s\n", p.endpoint.port, other_key);
	refuses(&p, "SSH-HOSTKEY-CHANGED", &e);
	write_known_hosts("[127.0.0.1]:%d %s\n", p.endpoint.port, ecdsa_key); /* another type */
	refuses(&p, "SSH-HOSTKEY-CHANGED", &e);
	check(!file_has(host_key()));
	write_known_hosts("%s", "");
	p.endpoint.hash_known_hosts = true;
	session_close(partner_opens(&p));
	check(file_has("|1|") && !file_has("127.0.0.1"));
	session_close(partner_opens(&p));
}

static void test_trust__accept_new_stores_the_first_key_only(void **state)
{
	(void)state;
	rig_run(accept_new);
}

static void accept_new_without_a_place(struct worker *w)
{
	char own[128];
	struct partner p;
	struct err e;
	int before = peers_ask("attempts password");

	(void)w;
	partner_with_file(&p);
	(void)unlink(file);
	(void)snprintf(own, sizeof(own), "%s/own_known_hosts", peers.folder);
	p.endpoint.host_key_check = HOST_KEY_ACCEPT_NEW;
	p.known_hosts_list[0] = "/proc/1/known_hosts"; /* nobody makes a file there */
	check_code(&p, &e, "SSH-HOSTKEY-NOT-STORED");
	check(e.kind == ERR_LOCAL && peers_ask("attempts password") == before);
	p.endpoint.own_known_hosts = own;
	session_close(partner_opens(&p));
	p.endpoint.host_key_check = HOST_KEY_STRICT; /* read, too */
	session_close(partner_opens(&p));
	check(unlink(own) == 0);
}

static void test_trust__accept_new_needs_a_place_to_store(void **state)
{
	(void)state;
	rig_run(accept_new_without_a_place);
}

/* With a key alone the login goes on (and is refused by this server, which takes passwords). */
static void off(struct worker *w)
{
	struct partner p;
	struct err e;
	int before;

	(void)w;
	partner_with_file(&p);
	p.endpoint.host_key_check = HOST_KEY_OFF;
	write_known_hosts("[127.0.0.1]:%d %s\n", p.endpoint.port, other_key);
	refuses(&p, "SSH-HOSTKEY-CHANGED", &e);
	check(says(&e, "although check is off: it holds a password"));
	write_known_hosts("[127.0.0.1]:%d %s\n", p.endpoint.port, ecdsa_key);
	refuses(&p, "SSH-HOSTKEY-CHANGED", &e);
	write_known_hosts("%s", "");
	session_close(partner_opens(&p));
	write_known_hosts("[127.0.0.1]:%d %s\n", p.endpoint.port, other_key);
	(void)snprintf(p.key[0], sizeof(p.key[0]), "%s/password_host_key", peers.folder);
	p.auth[0] = (struct auth_method){.kind = AUTH_PUBLICKEY, .key_file = p.key[0]};
	before = peers_ask("attempts password");
	check_code(&p, &e, "SSH-AUTH-REFUSED");
	check(peers_ask("attempts password") > before);
}

static void test_trust__off_sends_no_password_to_a_changed_key(void **state)
{
	(void)state;
	rig_run(off);
}

static void alias(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_with_file(&p);
	p.endpoint.host_key_alias = "Acme-SFTP";
	write_known_hosts("[127.0.0.1]:%d %s\n", p.endpoint.port, host_key());
	refuses(&p, "SSH-HOSTKEY-UNKNOWN", &e);
	write_known_hosts("acme-sftp %s\n", host_key());
	session_close(partner_opens(&p));
}

static void test_trust__looks_up_the_alias(void **state)
{
	(void)state;
	rig_run(alias);
}

/* The server has no certificate: nobody but the authority says who it is. */
static void authorities(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_with_file(&p);
	for (int how = HOST_KEY_STRICT; how <= HOST_KEY_OFF; how++) {
		p.endpoint.host_key_check = (enum host_key_check)how;
		write_known_hosts("@cert-authority [127.0.0.1]:%d %s\n", p.endpoint.port,
		                  other_key);
		refuses(&p, "SSH-HOSTKEY-CERT", &e);
		check(says(&e, "no host certificate") && says(&e, "trust_known_hosts:1"));
	}
	p.endpoint.host_key_check = HOST_KEY_STRICT;
	write_known_hosts("@cert-authority * %s\n[127.0.0.1]:%d %s\n", other_key, p.endpoint.port,
	                  host_key());
	session_close(partner_opens(&p));
}

static void test_trust__wants_a_certificate_of_the_authority(void **state)
{
	(void)state;
	rig_run(authorities);
}

/* ---- looking and trusting without a login ---------------------------------------------------- */

static void trusts(struct worker *w)
{
	struct partner p;
	struct identity id;
	struct err e;
	char pin[64];
	int before = peers_ask("attempts password");

	(void)w;
	partner_with_file(&p);
	write_known_hosts("# ours\n[127.0.0.1]:%d %s\n", p.endpoint.port, other_key);
	check(adapter_sftp.trust(&p.endpoint, NULL, NULL, &id, &e) == 0);
	check(strcmp(id.type, "ssh-ed25519") == 0 && id.bits == 256);
	check(strcmp(id.state, "changed") == 0 && id.record.line == 2 && !id.stored.file[0]);
	(void)snprintf(pin, sizeof(pin), "%s", id.sha256);
	check(adapter_sftp.trust(&p.endpoint, NULL, "SHA256:x", &id, &e) == ERR_TRUST);
	check(strcmp(e.code, "TRUST-MISMATCH") == 0 && says(&e, pin) && !file_has("ferryctl"));
	check(adapter_sftp.trust(&p.endpoint, NULL, pin, &id, &e) == 0);
	check(strcmp(id.stored.file, file) == 0 && id.stored.line == 3 && !id.was_there);
	check(id.replaced_count == 1 && id.replaced[0].place.line == 2 && !id.replaced[0].is_left);
	check(file_has("# replaced, ferryctl trust"));
	check(adapter_sftp.trust(&p.endpoint, NULL, pin, &id, &e) == 0 && id.was_there);
	check(peers_ask("attempts password") == before); /* not one byte of a login */
	session_close(partner_opens(&p));
	write_known_hosts("@revoked * %s\n", host_key());
	check(adapter_sftp.trust(&p.endpoint, NULL, pin, &id, &e) == ERR_TRUST);
	check(strcmp(e.code, "SSH-HOSTKEY-REVOKED") == 0);
	p.known_hosts_list[0] = peers.folder;
	p.endpoint.host_key_check = HOST_KEY_OFF;
	check(adapter_sftp.trust(&p.endpoint, NULL, pin, &id, &e) == ERR_TRUST);
	check(strcmp(e.code, "SSH-HOSTKEY-UNREADABLE") == 0);
}

static void test_trust__looks_and_stores_without_a_login(void **state)
{
	(void)state;
	rig_run(trusts);
}

/* ---- pins and records ----------------------------------------------------------------------- */

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
	p.pins[0] = "MD5:00112233445566778899aabbccddeeff"; /* while a server changes its key */
	p.pins[1] = pin;
	p.endpoint.pin_count = 2;
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
	        cmocka_unit_test(test_trust__no_byte_of_a_login_in_every_refusing_cell),
	        cmocka_unit_test(test_trust__tells_files_that_cannot_be_read_apart),
	        cmocka_unit_test(test_trust__obeys_a_list_of_revoked_keys),
	        cmocka_unit_test(test_trust__accept_new_stores_the_first_key_only),
	        cmocka_unit_test(test_trust__accept_new_needs_a_place_to_store),
	        cmocka_unit_test(test_trust__off_sends_no_password_to_a_changed_key),
	        cmocka_unit_test(test_trust__looks_up_the_alias),
	        cmocka_unit_test(test_trust__wants_a_certificate_of_the_authority),
	        cmocka_unit_test(test_trust__looks_and_stores_without_a_login),
	        cmocka_unit_test(test_trust__pins_decide_alone),
	        cmocka_unit_test(test_trust__knows_every_form_of_record),
	};

	return peers_run("password", tests);
}
