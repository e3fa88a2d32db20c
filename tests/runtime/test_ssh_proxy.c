/*
 * Proxies on the way: those that connect carry a real session, those that refuse, lie or are silent
 * end in a code that blames the proxy, within the connect timeout.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/runtime/ssh_peers.h"

#define COMMAND SOURCE_DIR "/tests/lib/stdio_connect.py"

/* ---- partners behind something ------------------------------------------------------------- */

static void behind(struct partner *p, const char *proxy)
{
	partner_init(p, "plain");
	partner_key(p, "reach", NULL);
	p->endpoint.timeouts.connect_ms = 2000;
	p->endpoint.proxy = (struct proxy_settings){
	        .kind = strncmp(proxy, "http", 4) == 0 ? PROXY_HTTP : PROXY_SOCKS5,
	        .host = "127.0.0.1",
	        .port = peers_port(proxy),
	};
}

static void with_login(struct partner *p, const char *user, const char *password)
{
	p->endpoint.proxy.user = user;
	p->endpoint.proxy.password = (struct secret_ref){.kind = SECRET_VALUE, .text = password};
}

static void greets(struct partner *p)
{
	struct session *s = partner_opens(p);

	greet_sftp(s);
	session_close(s);
}

/* ---- those that connect -------------------------------------------------------------------- */

static void good_proxies(struct worker *w)
{
	static const char *const open[] = {"socks5_open", "socks5_named", "http_open"};
	struct partner p;

	(void)w;
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
		behind(&p, open[i]);
		greets(&p);
		with_login(&p, "ferry", "pass word"); /* not asked for */
		greets(&p);
	}
	behind(&p, "socks5_login");
	with_login(&p, "ferry", "pass word");
	greets(&p);
	behind(&p, "http_login");
	with_login(&p, "ferry", "pass word");
	greets(&p);
}

static void test_proxy__carries_a_session(void **state)
{
	(void)state;
	rig_run(good_proxies);
}

/* A name that no resolver knows. */
static void names_go_to_the_proxy(struct worker *w)
{
	static const char *const proxies[] = {"socks5_no_names", "http_open"};
	struct partner p;

	(void)w;
	for (size_t i = 0; i < 2; i++) {
		behind(&p, proxies[i]);
		p.endpoint.host = "partner.invalid";
		partner_trust_any(&p);
		greets(&p);
	}
}

static void test_proxy__looks_names_up_itself(void **state)
{
	(void)state;
	rig_run(names_go_to_the_proxy);
}

/* A proxy before the first jump host: the server's own way begins behind both. */
static void proxy_and_jump_host(struct worker *w)
{
	const struct endpoint_config *list[1];
	struct partner server, hop;
	struct err e;

	(void)w;
	partner_init(&server, "plain");
	partner_key(&server, "reach", NULL);
	behind(&hop, "http_open");
	hop.endpoint.port = peers_port("bastion");
	hop.known_hosts_list[0] = NULL;
	partner_trust_any(&hop);
	list[0] = &hop.endpoint;
	server.endpoint.via = list;
	server.endpoint.via_count = 1;
	greets(&server);
	hop.endpoint.proxy.port = 1;
	check_code(&server, &e, "PROXY-DOWN");
	check(says(&e, "jump host partner: proxy: "));
}

static void test_proxy__stands_before_a_jump_host(void **state)
{
	(void)state;
	rig_run(proxy_and_jump_host);
}

/* ---- those that do not --------------------------------------------------------------------- */

struct refusal {
	const char *proxy, *code;
	int kind;
	const char *words;
};

static const struct refusal refusals[] = {
        {"socks5_login", "PROXY-AUTH", ERR_AUTH, "wants a login: set user and password"},
        {"socks5_no_method", "PROXY-AUTH", ERR_AUTH, "wants a login"},
        {"socks5_odd_method", "PROXY-PROTOCOL", ERR_PROTOCOL, "is no SOCKS5 proxy"},
        {"socks5_denied", "PROXY-REFUSED", ERR_CONFIG, "127.0.0.1 port "},
        {"socks5_refused", "PROXY-UNREACHABLE", ERR_NETWORK, "connection refused there"},
        {"socks5_undefined", "PROXY-UNREACHABLE", ERR_NETWORK, "reply 200"},
        {"socks5_half", "PROXY-LOST", ERR_NETWORK, "the proxy hung up"},
        {"http_login", "PROXY-AUTH", ERR_AUTH, "407 Proxy Authentication Required"},
        {"http_403", "PROXY-REFUSED", ERR_CONFIG, "403 Forbidden by \\x1b[2Jpolicy"},
        {"http_502", "PROXY-UNREACHABLE", ERR_NETWORK, "502 Bad Gateway"},
        {"http_garbage", "PROXY-PROTOCOL", ERR_PROTOCOL, "is no HTTP proxy (\"S\")"},
        {"http_endless", "PROXY-PROTOCOL", ERR_PROTOCOL, "no end within 8192 bytes"},
        {"proxy_silent", "PROXY-TIMEOUT", ERR_NETWORK, "does not answer in time"},
        {"proxy_closes", "PROXY-LOST", ERR_NETWORK, "the proxy hung up"},
};

static void bad_proxies(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];

		behind(&p, r->proxy);
		check_code(&p, &e, r->code);
		check(e.kind == r->kind && says(&e, r->words));
		check(says(&e, "proxy 127.0.0.1 port "));
	}
	behind(&p, "http_open");
	p.endpoint.proxy.kind = PROXY_SOCKS5; /* the wrong kind at the right place */
	check_code(&p, &e, "PROXY-TIMEOUT");
	behind(&p, "socks5_open");
	p.endpoint.proxy.port = 1;
	check_code(&p, &e, "PROXY-DOWN");
	check(says(&e, "proxy: connect to 127.0.0.1 port 1: "));
}

static void test_proxy__refusals_blame_the_proxy(void **state)
{
	(void)state;
	rig_run(bad_proxies);
}

static void wrong_logins(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	behind(&p, "socks5_login");
	with_login(&p, "ferry", "wrong");
	check_code(&p, &e, "PROXY-AUTH");
	check(says(&e, "refused user or password") && !strstr(e.message, "wrong"));
	behind(&p, "http_login");
	with_login(&p, "ferry", "wrong");
	check_code(&p, &e, "PROXY-AUTH");
	behind(&p, "socks5_no_method");
	with_login(&p, "ferry", "wrong");
	check_code(&p, &e, "PROXY-AUTH");
	check(says(&e, "takes no user and password"));
}

static void test_proxy__a_wrong_login_is_told(void **state)
{
	(void)state;
	rig_run(wrong_logins);
}

/* ---- commands ------------------------------------------------------------------------------ */

struct commanded {
	struct partner partner;
	const char *argv[5];
};

static void by_command(struct commanded *c, const char *mode)
{
	partner_init(&c->partner, "plain");
	partner_key(&c->partner, "reach", NULL);
	c->argv[0] = "/usr/bin/python3";
	c->argv[1] = COMMAND;
	c->argv[2] = "%h";
	c->argv[3] = "%p";
	c->argv[4] = mode;
	c->partner.endpoint.proxy = (struct proxy_settings){
	        .kind = PROXY_COMMAND,
	        .command = {.items = c->argv, .count = mode ? 5 : 4},
	};
}

static void command_carries(struct worker *w)
{
	struct commanded c;

	(void)w;
	by_command(&c, NULL);
	greets(&c.partner);
	by_command(&c, "talk");
	greets(&c.partner);
}

static void test_proxy__a_command_carries_a_session(void **state)
{
	(void)state;
	rig_run(command_carries);
}

/* Ignores SIGTERM and the end of its input: it is killed. */
static void stubborn_command(struct worker *w)
{
	int64_t began = clock_mono_ms();
	struct commanded c;

	(void)w;
	by_command(&c, "stubborn");
	greets(&c.partner);
	check(clock_mono_ms() - began < 30000);
	check(waitpid(-1, NULL, WNOHANG) == 0); /* only the peers are left: it was reaped */
}

static void test_proxy__a_command_ends_with_its_connection(void **state)
{
	(void)state;
	rig_run(stubborn_command);
}

static void commands_that_fail(struct worker *w)
{
	struct commanded c;
	struct err e;

	(void)w;
	by_command(&c, "die");
	check_code(&c.partner, &e, "PROXY-COMMAND");
	check(e.kind == ERR_NETWORK && says(&e, "ended with status 7. Its last words: the gate "));
	check(says(&e, "gate \\x1b[2Jis closed"));
	by_command(&c, NULL);
	c.argv[0] = "/bin/false";
	check_code(&c.partner, &e, "PROXY-COMMAND");
	check(says(&e, "/bin/false ended with status 1 without a word"));
	c.argv[0] = "/nowhere/program";
	check_code(&c.partner, &e, "PROXY-COMMAND");
	check(e.kind == ERR_CONFIG && says(&e, "/nowhere/program"));
	c.argv[0] = "/bin/sleep";
	c.argv[1] = "60";
	c.partner.endpoint.proxy.command.count = 2;
	c.partner.endpoint.timeouts.handshake_ms = 300;
	check_code(&c.partner, &e, "SSH-BANNER-TIMEOUT");
}

static void test_proxy__a_failing_command_is_quoted(void **state)
{
	(void)state;
	rig_run(commands_that_fail);
}

/* What it leaves behind holds its standard error open. */
static void command_with_offspring(struct worker *w)
{
	struct commanded c;
	struct err e;

	(void)w;
	by_command(&c, NULL);
	c.argv[0] = "/bin/sh";
	c.argv[1] = "-c";
	c.argv[2] = "sleep 60 >&2 & echo gone >&2; exec >&- <&-; exit 3";
	c.partner.endpoint.proxy.command.count = 3;
	check_code(&c.partner, &e, "PROXY-COMMAND");
	check(says(&e, "ended with status 3"));
}

static void test_proxy__a_command_that_leaves_others_behind_has_ended(void **state)
{
	(void)state;
	rig_run(command_with_offspring);
}

/* As in a container whose rules are older than the call. */
static void forbid_pidfd_open(void)
{
	struct sock_filter rules[] = {
	        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(rules) / sizeof(rules[0]), .filter = rules};

	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) ==
	      0);
}

static void unwatched_command(struct worker *w)
{
	struct commanded c;
	struct err e;

	(void)w;
	by_command(&c, NULL);
	forbid_pidfd_open(); /* for the rest of this program */
	check_code(&c.partner, &e, "PROXY-COMMAND");
	check(e.kind == ERR_LOCAL && says(&e, "cannot watch the proxy command"));
	check(waitpid(-1, NULL, WNOHANG) == 0); /* only the peers are left */
}

static void test_proxy__a_command_that_cannot_be_watched_is_ended(void **state)
{
	(void)state;
	rig_run(unwatched_command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_proxy__carries_a_session),
	        cmocka_unit_test(test_proxy__looks_names_up_itself),
	        cmocka_unit_test(test_proxy__stands_before_a_jump_host),
	        cmocka_unit_test(test_proxy__refusals_blame_the_proxy),
	        cmocka_unit_test(test_proxy__a_wrong_login_is_told),
	        cmocka_unit_test(test_proxy__a_command_carries_a_session),
	        cmocka_unit_test(test_proxy__a_command_ends_with_its_connection),
	        cmocka_unit_test(test_proxy__a_failing_command_is_quoted),
	        cmocka_unit_test(test_proxy__a_command_that_leaves_others_behind_has_ended),
	        cmocka_unit_test(test_proxy__a_command_that_cannot_be_watched_is_ended), /* last */
	};

	return peers_run("reach", tests);
}
