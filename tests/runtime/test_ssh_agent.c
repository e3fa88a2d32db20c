/* Keys that an agent holds, default identities, and certificates; agents that hang or lie. */
#include <sys/stat.h>

#include "adapters/sftp/key_file.h"
#include "tests/runtime/ssh_peers.h"

static bool library_is_new(void)
{
	return strcmp(session_library(), "libssh2 1.11.1") >= 0;
}

/* ---- partners ------------------------------------------------------------------------------ */

struct agent_partner {
	struct partner partner;
	char socket[128], fingerprint[FINGERPRINT_BYTES];
	const char *only[1];
};

static void agent_partner(struct agent_partner *a, const char *peer, const char *agent)
{
	memset(a, 0, sizeof(*a));
	partner_init(&a->partner, peer);
	(void)snprintf(a->socket, sizeof(a->socket), "%s/%s", peers.folder, agent);
	a->partner.auth[0].kind = AUTH_AGENT;
	a->partner.auth[0].agent_socket = a->socket;
	a->partner.endpoint.auth_count = 1;
}

static void only(struct agent_partner *a, const char *name)
{
	struct private_key key;
	char path[128];
	struct err e;

	(void)snprintf(path, sizeof(path), "%s/keys/%s", peers.folder, name);
	check(key_file_read(path, NULL, &key, &e) == 0);
	(void)snprintf(a->fingerprint, sizeof(a->fingerprint), "%s", key.fingerprint);
	private_key_wipe(&key);
	a->only[0] = a->fingerprint;
	a->partner.auth[0].agent_only = a->only;
	a->partner.auth[0].agent_only_count = 1;
}

/* ---- agents -------------------------------------------------------------------------------- */

static void real_agent(struct worker *w)
{
	struct agent_partner a;

	(void)w;
	agent_partner(&a, "sshd", "agent"); /* its first key is refused */
	session_close(partner_opens(&a.partner));
	agent_partner(&a, "sshd", "agent");
	only(&a, "ecdsa");
	session_close(partner_opens(&a.partner));
	agent_partner(&a, "sshd_two", "agent"); /* two of its keys */
	session_close(partner_opens(&a.partner));
	agent_partner(&a, "sshd_certs", "agent_certified");
	session_close(partner_opens(&a.partner));
}

static void test_agent__signs_with_its_keys_and_certificates(void **state)
{
	(void)state;
	rig_run(real_agent);
}

static void rsa_agent(struct worker *w)
{
	struct agent_partner a;
	struct err e;

	(void)w;
	agent_partner(&a, "sshd", "agent_rsa");
	if (library_is_new()) {
		session_close(partner_opens(&a.partner));
		return;
	}
	check_code(&a.partner, &e, "SSH-AUTH-REFUSED");
	check(says(&e, "the agent's ") && says(&e, "ssh-rsa SHA256:") && says(&e, "SHA-1"));
}

static void test_agent__signs_rsa_with_sha2_where_the_library_can(void **state)
{
	(void)state;
	rig_run(rsa_agent);
}

static void no_key(struct worker *w)
{
	struct agent_partner a;
	struct err e;

	(void)w;
	agent_partner(&a, "sshd", "agent");
	only(&a, "rsa");
	check_code(&a.partner, &e, "SSH-AGENT-EMPTY");
	check(says(&e, "only:") && says(&e, "ssh-add"));
	agent_partner(&a, "sshd", "agent_empty");
	check_code(&a.partner, &e, "SSH-AGENT-EMPTY");
	agent_partner(&a, "sshd", "agent");
	only(&a, "stranger");
	check_code(&a.partner, &e, "SSH-AUTH-REFUSED");
	check(says(&e, a.fingerprint) && !strstr(e.message, "ecdsa"));
}

static void too_many_keys(struct worker *w)
{
	struct agent_partner a;
	struct err e;

	(void)w;
	agent_partner(&a, "sshd_tries", "agent"); /* one attempt, and its first key is refused */
	check_code(&a.partner, &e, "SSH-AUTH-REFUSED");
	check(says(&e, "Too many") && says(&e, "keys/stranger (") && says(&e, "`only:`"));
	only(&a, "ecdsa");
	session_close(partner_opens(&a.partner));
}

static void test_agent__with_more_keys_than_attempts_is_told(void **state)
{
	(void)state;
	rig_run(too_many_keys);
}

static void test_agent__uses_only_the_keys_named(void **state)
{
	(void)state;
	rig_run(no_key);
}

static void no_agent(struct worker *w)
{
	struct agent_partner a;
	struct err e;

	(void)w;
	agent_partner(&a, "sshd", "agent_nowhere");
	check_code(&a.partner, &e, "SSH-AGENT-MISSING");
	check(e.kind == ERR_LOCAL && says(&e, "agent_nowhere: No such file"));
	memset(a.socket, '/', 107);
	a.socket[107] = '\0'; /* as long as a socket's name can be */
	check_code(&a.partner, &e, "SSH-AGENT-MISSING");
	check(e.kind == ERR_LOCAL);
	a.socket[107] = 'x';
	a.socket[108] = '\0';
	check_code(&a.partner, &e, "SSH-AGENT-MISSING");
	check(e.kind == ERR_CONFIG && says(&e, "longer than 107"));
	check(unsetenv("SSH_AUTH_SOCK") == 0);
	a.partner.auth[0].agent_socket = NULL;
	check_code(&a.partner, &e, "SSH-AGENT-MISSING");
	check(e.kind == ERR_CONFIG && says(&e, "SSH_AUTH_SOCK"));
}

static void test_agent__that_is_not_there_is_told(void **state)
{
	(void)state;
	rig_run(no_agent);
}

static void hostile_agents(struct worker *w)
{
	static const struct {
		const char *agent, *code;
	} cases[] = {
	        {"agent_closes", "SSH-AGENT-PROTOCOL"},  {"agent_garbage", "SSH-AGENT-PROTOCOL"},
	        {"agent_huge", "SSH-AGENT-PROTOCOL"},    {"agent_zero", "SSH-AGENT-PROTOCOL"},
	        {"agent_refuses", "SSH-AGENT-PROTOCOL"}, {"agent_many", "SSH-AGENT-PROTOCOL"},
	        {"agent_cut", "SSH-AGENT-PROTOCOL"},     {"agent_will_not", "SSH-AUTH-REFUSED"},
	        {"agent_lies", "SSH-AGENT-PROTOCOL"},    {"agent_forges", "SSH-AUTH-REFUSED"},
	        {"agent_half", "SSH-AGENT-PROTOCOL"},
	};
	struct agent_partner a;
	struct err e;

	(void)w;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		agent_partner(&a, "sshd", cases[i].agent);
		check_code(&a.partner, &e, cases[i].code);
	}
}

static void test_agent__that_lies_is_told(void **state)
{
	(void)state;
	rig_run(hostile_agents);
}

static void hanging_agents(struct worker *w)
{
	struct agent_partner a;
	struct pace pace;
	struct err e;

	agent_partner(&a, "sshd", "agent_sleeps");
	a.partner.endpoint.timeouts.auth_ms = 1500;
	pace_start(&pace, w);
	check_code(&a.partner, &e, "SSH-AGENT-TIMEOUT");
	check(e.kind == ERR_LOCAL && says(&e, "agent_sleeps") && says(&e, "confirm"));
	agent_partner(&a, "sshd", "agent_silent"); /* before there is a connection */
	a.partner.endpoint.timeouts.auth_ms = 1500;
	check_code(&a.partner, &e, "SSH-AGENT-TIMEOUT");
	check(pace_stop(&pace) < 300);
}

static void test_agent__that_hangs_stops_no_loop(void **state)
{
	(void)state;
	rig_run(hanging_agents);
}

/* ---- publickey: auto ----------------------------------------------------------------------- */

static void put_identity(const char *key, const char *name)
{
	static const char *const suffixes[] = {"", "-cert.pub"};
	char from[160], to[160];

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(from, sizeof(from), "%s/keys/%s%s", peers.folder, key, suffixes[i]);
		(void)snprintf(to, sizeof(to), "%s/home/.ssh/%s%s", peers.folder, name,
		               suffixes[i]);
		(void)unlink(to);
		check(link(from, to) == 0 || i == 1); /* not all have a certificate */
	}
}

static void make_home(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/home", peers.folder);
	check(mkdir(path, 0700) == 0 && setenv("HOME", path, 1) == 0);
	(void)snprintf(path, sizeof(path), "%s/home/.ssh", peers.folder);
	check(mkdir(path, 0700) == 0 && unsetenv("SSH_AUTH_SOCK") == 0);
}

static void auto_partner(struct partner *p, const char *peer)
{
	partner_init(p, peer);
	p->auth[0].kind = AUTH_PUBLICKEY;
	p->endpoint.auth_count = 1;
}

static void identities(struct worker *w)
{
	char path[128];
	struct partner p;
	struct err e;

	(void)w;
	make_home();
	auto_partner(&p, "sshd");
	check_code(&p, &e, "SSH-KEY-MISSING");
	check(says(&e, "id_ed25519") && says(&e, "/home/.ssh"));
	put_identity("stranger", "id_ed25519");
	put_identity("ecdsa", "id_ecdsa");
	session_close(partner_opens(&p)); /* the second one */
	put_identity("good", "id_ecdsa");
	auto_partner(&p, "sshd_certs"); /* which knows the key by its certificate only */
	session_close(partner_opens(&p));
	(void)snprintf(path, sizeof(path), "%s/agent", peers.folder);
	put_identity("stranger", "id_ecdsa");
	check(setenv("SSH_AUTH_SOCK", path, 1) == 0);
	auto_partner(&p, "sshd");
	session_close(partner_opens(&p)); /* the agent's */
	check(setenv("SSH_AUTH_SOCK", "/nowhere", 1) == 0);
	check_code(&p, &e, "SSH-AUTH-REFUSED"); /* an agent that is gone is passed over */
	check(unsetenv("SSH_AUTH_SOCK") == 0);
}

static void test_auto__takes_the_agent_then_the_users_identities(void **state)
{
	(void)state;
	rig_run(identities);
}

/* ---- certificates -------------------------------------------------------------------------- */

struct certified {
	struct partner partner;
	char certificate[128];
};

static void certified(struct certified *c, const char *name, const char *certificate)
{
	partner_init(&c->partner, "sshd_certs");
	partner_key(&c->partner, name, NULL);
	(void)snprintf(c->certificate, sizeof(c->certificate), "%s/keys/%s-cert.pub", peers.folder,
	               certificate);
	c->partner.auth[0].certificate = c->certificate;
}

static void certificates(struct worker *w)
{
	struct certified c;
	struct err e;

	(void)w;
	certified(&c, "good", "good");
	session_close(partner_opens(&c.partner));
	certified(&c, "good_ed25519", "good_ed25519");
	if (library_is_new()) {
		session_close(partner_opens(&c.partner));
		certified(&c, "good_rsa", "good_rsa");
		session_close(partner_opens(&c.partner));
		return;
	}
	check_code(&c.partner, &e, "SSH-CERT-LIBRARY");
	check(e.kind == ERR_CONFIG && says(&e, "1.11.1") && says(&e, "ecdsa"));
}

static void test_certificate__logs_in_with_the_kinds_the_library_can(void **state)
{
	(void)state;
	rig_run(certificates);
}

static void refused_certificates(struct worker *w)
{
	static const struct {
		const char *name, *words;
	} cases[] = {
	        {"expired", "certificate \"id of expired\" for root, expired 2020-0"},
	        {"early", "not valid before 20"},
	        {"elsewhere", "\"id of elsewhere\" for somebody refused"},
	        {"unsigned", "\"id of unsigned\" for root refused"},
	};
	struct certified c;
	struct err e;

	(void)w;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		certified(&c, cases[i].name, cases[i].name);
		check_code(&c.partner, &e, "SSH-AUTH-REFUSED");
		check(says(&e, cases[i].words) && says(&e, "never say why"));
	}
}

static void test_certificate__says_itself_why_it_may_be_refused(void **state)
{
	(void)state;
	rig_run(refused_certificates);
}

static void wrong_certificates(struct worker *w)
{
	struct certified c;
	struct err e;

	(void)w;
	certified(&c, "good", "host");
	check_code(&c.partner, &e, "SSH-CERT-KEY");
	check(says(&e, "for a host"));
	certified(&c, "ed25519", "good");
	check_code(&c.partner, &e, "SSH-CERT-KEY");
	check(says(&e, "another key"));
	certified(&c, "good", "nowhere");
	check_code(&c.partner, &e, "SSH-CERT-MISSING");
	certified(&c, "good", "good");
	(void)snprintf(c.certificate, sizeof(c.certificate), "%s/keys/good.pub", peers.folder);
	check_code(&c.partner, &e, "SSH-CERT-FORMAT");
	check(e.kind == ERR_CONFIG && says(&e, "ssh-keygen -L"));
}

static void test_certificate__that_does_not_fit_costs_no_login(void **state)
{
	(void)state;
	rig_run(wrong_certificates);
}

static void weak_key(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_init(&p, "sshd");
	partner_key(&p, "rsa", NULL); /* 3072 bits, as ssh-keygen makes it */
	p.auth[0].rsa_min_bits = 3073;
	check_code(&p, &e, "SSH-KEY-WEAK");
	check(e.kind == ERR_CONFIG && says(&e, "RSA of 3072 bits, less than 3073"));
	p.auth[0].rsa_min_bits = 3072;
	if (library_is_new())
		session_close(partner_opens(&p));
	else
		check_code(&p, &e, "SSH-AUTH-REFUSED"); /* by the server, for its SHA-1 */
}

static void test_key__with_too_few_bits_is_refused(void **state)
{
	(void)state;
	rig_run(weak_key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_agent__signs_with_its_keys_and_certificates),
	        cmocka_unit_test(test_agent__signs_rsa_with_sha2_where_the_library_can),
	        cmocka_unit_test(test_agent__uses_only_the_keys_named),
	        cmocka_unit_test(test_agent__with_more_keys_than_attempts_is_told),
	        cmocka_unit_test(test_agent__that_is_not_there_is_told),
	        cmocka_unit_test(test_agent__that_lies_is_told),
	        cmocka_unit_test(test_agent__that_hangs_stops_no_loop),
	        cmocka_unit_test(test_auto__takes_the_agent_then_the_users_identities),
	        cmocka_unit_test(test_certificate__logs_in_with_the_kinds_the_library_can),
	        cmocka_unit_test(test_certificate__says_itself_why_it_may_be_refused),
	        cmocka_unit_test(test_certificate__that_does_not_fit_costs_no_login),
	        cmocka_unit_test(test_key__with_too_few_bits_is_refused),
	};

	return peers_run("sshd agents", tests);
}
