/*
 * Servers that are none, that lie, flood, stop or go: each ends in its code within its time, while
 * another fiber of the worker keeps its pace, and nothing is left behind.
 */
#include "tests/runtime/ssh_peers.h"

enum { SHORT_MS = 300, PACE_MS = 250, STALL_MS = 1500, LONG_MS = 20000 };

struct hostile {
	const char *peer, *code;
	int kind;
	const char *words;
};

static const struct hostile cases[] = {
        {"silence", "SSH-BANNER-TIMEOUT", ERR_NETWORK, "within 0.3 s"},
        {"close", "SSH-BANNER-REFUSED", ERR_BUSY, "without a word"},
        {"ftp", "SSH-NOT-SSH", ERR_CONFIG, "protocol: ftps"},
        {"http", "SSH-NOT-SSH", ERR_CONFIG, "web server"},
        {"tls", "SSH-NOT-SSH", ERR_CONFIG, "TLS"},
        {"garbage", "SSH-NOT-SSH", ERR_PROTOCOL, "\\x00\\x01"},
        {"maxstartups", "SSH-BANNER-REFUSED", ERR_BUSY, "Exceeded MaxStartups"},
        {"notallowed", "SSH-BANNER-REFUSED", ERR_BUSY, "PerSourcePenalties"},
        {"flood", "SSH-BANNER-FLOOD", ERR_PROTOCOL, "hello"},
        {"flood_line", "SSH-BANNER-FLOOD", ERR_PROTOCOL, "xxx"},
        {"flood_packets", "SSH-BANNER-FLOOD", ERR_PROTOCOL, NULL},
        {"version1", "SSH-NOT-SSH", ERR_PROTOCOL, "SSH-1.5-old"},
        {"long_version", "SSH-NOT-SSH", ERR_PROTOCOL, NULL},
        {"identified_close", "SSH-LOST", ERR_NETWORK, "key exchange"},
        {"identified_silence", "SSH-KEX-TIMEOUT", ERR_NETWORK, "handshake"},
        {"half_kexinit", "SSH-KEX-TIMEOUT", ERR_NETWORK, NULL},
        {"half_kexinit_close", "SSH-LOST", ERR_NETWORK, "Hostile"},
        {"kexinit_silence", "SSH-KEX-TIMEOUT", ERR_NETWORK, NULL},
        {"kexinit_no_kex", "SSH-KEX-NO-KEX", ERR_CONFIG, "rsa1024-sha1"},
        {"kexinit_no_cipher", "SSH-KEX-NO-CIPHER", ERR_CONFIG, "3des-cbc"},
        {"kexinit_garbage", "SSH-KEX-FAILED", ERR_PROTOCOL, NULL},
        {"huge_packet", "SSH-KEX-FAILED", ERR_PROTOCOL, NULL},
        {"disconnect", "SSH-LOST", ERR_NETWORK, "go away, \\x1b[2Jplease"},
        {"drip", "SSH-KEX-TIMEOUT", ERR_NETWORK, NULL},
};

static void hostile_partner(struct partner *p, const char *peer)
{
	partner_init(p, peer);
	partner_trust_any(p);
	partner_password(p, "pass word");
	p->endpoint.timeouts.handshake_ms = strcmp(peer, "drip") == 0 ? 4000 : SHORT_MS;
}

static void meet(const struct hostile *h, struct worker *w)
{
	int64_t began = clock_mono_ms();
	struct partner p;
	struct pace pace;
	struct err e;

	hostile_partner(&p, h->peer);
	pace_start(&pace, w);
	if (strcmp(partner_fails(&p, &e), h->code) != 0 || e.kind != h->kind)
		(void)fprintf(stderr, "%s: %s (%s): %s\n", h->peer, e.code, err_kind_name(e.kind),
		              e.message);
	check(strcmp(e.code, h->code) == 0 && e.kind == h->kind && says(&e, h->words));
	check(clock_mono_ms() - began < p.endpoint.timeouts.handshake_ms + 1000);
	check(pace_stop(&pace) < PACE_MS);
}

static void meet_all(struct worker *w)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		meet(&cases[i], w);
}

static void test_hostile__each_ends_in_its_code(void **state)
{
	(void)state;
	rig_run(meet_all);
}

/* ---- refusals of a real sshd --------------------------------------------------------------- */

static void no_common(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_init(&p, "sshd_cbc");
	partner_key(&p, "ed25519", NULL);
	check_code(&p, &e, "SSH-KEX-NO-CIPHER");
	check(says(&e, "OpenSSH") && says(&e, "offers: aes256-cbc") && says(&e, "libssh2 1."));
	partner_init(&p, "sshd_sha1");
	partner_key(&p, "ed25519", NULL);
	check_code(&p, &e, "SSH-KEX-NO-MAC");
	check(says(&e, "offers: hmac-sha1;"));
	partner_init(&p, "sshd_sntrup");
	partner_key(&p, "ed25519", NULL);
	check_code(&p, &e, "SSH-KEX-NO-KEX");
	partner_init(&p, "sshd_rsa");
	partner_key(&p, "ed25519", NULL);
	if (strcmp(session_library(), "libssh2 1.11") >= 0) {
		session_close(partner_opens(&p));
		return;
	}
	check_code(&p, &e, "SSH-KEX-NO-HOSTKEY");
	check(says(&e, "1.11") && says(&e, "Ed25519"));
}

static void test_hostile__no_common_algorithm_shows_both_lists(void **state)
{
	(void)state;
	rig_run(no_common);
}

static void no_address(struct worker *w)
{
	struct partner p;
	struct err e;

	(void)w;
	partner_init(&p, "cutter");
	partner_key(&p, "ed25519", NULL);
	p.endpoint.port = 1;
	check_code(&p, &e, "NET-REFUSED");
	check(says(&e, "127.0.0.1 port 1"));
}

static void test_hostile__nobody_there(void **state)
{
	(void)state;
	rig_run(no_address);
}

/* ---- connections that end or stop at every byte -------------------------------------------- */

static struct session *open_through_cutter(struct partner *p, int64_t patience_ms, struct err *e)
{
	struct session *s;

	partner_init(p, "cutter");
	partner_trust_any(p);
	partner_key(p, "ed25519", NULL);
	p->endpoint.timeouts.handshake_ms = p->endpoint.timeouts.auth_ms = patience_ms;
	p->endpoint.timeouts.request_ms = patience_ms;
	return session_open(&p->endpoint, NULL, &s, e) < 0 ? NULL : s;
}

/* From connect to the subsystem; whatever fails must do so in time and with a code. */
static bool whole_way(const char *command, int64_t patience_ms, struct err *e)
{
	int64_t began = clock_mono_ms();
	struct stream *stream;
	struct session *s;
	struct partner p;
	bool arrived;

	(void)peers_ask(command);
	s = open_through_cutter(&p, patience_ms, e);
	arrived = s && session_open_subsystem(s, "sftp", &stream, e) == 0;
	session_close(s);
	check(clock_mono_ms() - began < 4 * patience_ms);
	if (!arrived)
		check(e->kind == ERR_NETWORK);
	return arrived;
}

static void cut_everywhere(struct worker *w)
{
	char command[32];
	bool arrived = false;
	struct err e;

	(void)w;
	for (int at = 1; at < 4000 && !arrived; at += 131) {
		(void)snprintf(command, sizeof(command), "cut %d", at);
		arrived = whole_way(command, LONG_MS, &e);
		if (!arrived)
			check(strcmp(e.code, "SSH-LOST") == 0);
	}
	check(arrived);
}

static void test_hostile__cut_at_every_step(void **state)
{
	(void)state;
	rig_run(cut_everywhere);
}

static void stall_everywhere(struct worker *w)
{
	char command[32];
	bool arrived = false;
	struct err e;

	(void)w;
	for (int at = 1; at < 4000 && !arrived; at += 307) {
		(void)snprintf(command, sizeof(command), "stall %d", at);
		arrived = whole_way(command, STALL_MS, &e);
		if (!arrived)
			check(strstr(e.code, "-TIMEOUT") != NULL);
	}
	check(arrived);
}

static void test_hostile__stalled_at_every_step(void **state)
{
	(void)state;
	rig_run(stall_everywhere);
}

/* ---- cancel -------------------------------------------------------------------------------- */

struct attempt {
	const char *peer;
	bool ended;
	int result;
};

static void attempt_open(void *arg)
{
	struct attempt *a = arg;
	struct partner p;
	struct session *s = NULL;
	struct err e;

	partner_init(&p, a->peer);
	partner_trust_any(&p);
	partner_key(&p, "ed25519", NULL);
	a->result = session_open(&p.endpoint, NULL, &s, &e);
	if (a->result == 0)
		session_close(s);
	a->ended = true;
}

/* Cancels after so many turns of the loop: every await on the way is met by some number. */
static bool cancel_after(struct worker *w, const char *peer, int turns)
{
	struct attempt a = {.peer = peer};
	struct fiber *f = fiber_start(w, "attempt", attempt_open, &a);
	struct err e;

	for (int i = 0; i < turns && !a.ended; i++)
		check(fiber_sleep(1, "a turn", &e) == 0);
	if (a.ended)
		return true;
	fiber_cancel(f);
	rig_await(&a.ended);
	check(a.result == ERR_CANCELED || a.result == 0);
	return false;
}

static void cancel_everywhere(struct worker *w)
{
	int turns = 0;

	while (turns < 200 && !cancel_after(w, "sshd", turns))
		turns++;
	check(turns > 3 && turns < 200);
	check(!cancel_after(w, "silence", 20));
	check(!cancel_after(w, "half_kexinit", 20));
}

static void test_hostile__cancel_at_every_step(void **state)
{
	(void)state;
	rig_run(cancel_everywhere);
}

/*
 * libssh2 forgets the server's host key, an object of OpenSSL's, when a connection ends between the
 * reply of the key exchange and NEWKEYS: the cuts above may hit that place.
 */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libcrypto.so";
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_hostile__each_ends_in_its_code),
	        cmocka_unit_test(test_hostile__no_common_algorithm_shows_both_lists),
	        cmocka_unit_test(test_hostile__nobody_there),
	        cmocka_unit_test(test_hostile__cut_at_every_step),
	        cmocka_unit_test(test_hostile__stalled_at_every_step),
	        cmocka_unit_test(test_hostile__cancel_at_every_step),
	};

	return peers_run("bytes sshd", tests);
}
