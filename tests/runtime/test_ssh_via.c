/* Jump hosts: sessions that carry sessions, against real sshds; every error names its hop. */
#include <string.h>

#include "tests/runtime/ssh_peers.h"

enum { HOPS = 2, MIB = 1024 * 1024 };

struct chain {
	struct partner server, hops[HOPS];
	const struct endpoint_config *list[HOPS];
	char names[HOPS][32];
};

static void chain_init(struct chain *c, const char *server)
{
	partner_init(&c->server, server);
	partner_key(&c->server, "reach", NULL);
}

static void chain_add(struct chain *c, const char *peer)
{
	size_t i = c->server.endpoint.via_count++;

	partner_init(&c->hops[i], peer);
	partner_key(&c->hops[i], "reach", NULL);
	(void)snprintf(c->names[i], sizeof(c->names[i]), "%s", peer);
	c->hops[i].endpoint.name = c->names[i];
	c->hops[i].endpoint.via = c->list; /* those before it, as the configuration has it */
	c->hops[i].endpoint.via_count = i;
	c->list[i] = &c->hops[i].endpoint;
	c->server.endpoint.via = c->list;
}

/* ---- hops ---------------------------------------------------------------------------------- */

static void one_and_two_hops(struct worker *w)
{
	struct chain c;
	struct session *s;

	(void)w;
	chain_init(&c, "plain");
	chain_add(&c, "bastion");
	s = partner_opens(&c.server);
	greet_sftp(s);
	session_close(s);
	chain_add(&c, "inner");
	s = partner_opens(&c.server);
	greet_sftp(s);
	check(session_is_alive(s) && strncmp(session_server(s), "SSH-2.0-OpenSSH", 15) == 0);
	session_close(s);
}

static void test_via__one_and_two_hops(void **state)
{
	(void)state;
	rig_run(one_and_two_hops);
}

/* The hop asks for new keys every MiB, in both directions, while bytes of the inner session run. */
static void echo_through(struct worker *w, const char *first, const char *second)
{
	struct chain c;
	struct session *s;

	chain_init(&c, "cat");
	chain_add(&c, first);
	chain_add(&c, second);
	s = partner_opens(&c.server);
	pump_both_ways(w, s, 12 * MIB);
	session_close(s);
}

static void echo_two_hops(struct worker *w)
{
	echo_through(w, "bastion", "inner");
}

static void test_via__carries_bytes_both_ways_at_once(void **state)
{
	(void)state;
	rig_run(echo_two_hops);
}

static void echo_rekeying(struct worker *w)
{
	echo_through(w, "rekeying", "bastion");
}

static void test_via__survives_new_keys_of_a_hop(void **state)
{
	(void)state;
	rig_run(echo_rekeying);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void refusing_hops(struct worker *w)
{
	struct chain c;
	struct err e;

	(void)w;
	chain_init(&c, "plain");
	chain_add(&c, "no_forward");
	check_code(&c.server, &e, "SSH-VIA-REFUSED");
	check(e.kind == ERR_CONFIG &&
	      says(&e, "jump host no_forward: it refuses to connect us on"));
	check(says(&e, "AllowTcpForwarding"));
	chain_init(&c, "plain");
	chain_add(&c, "bastion");
	chain_add(&c, "permit_other");
	check_code(&c.server, &e, "SSH-VIA-REFUSED");
	check(says(&e, "jump host permit_other: "));
	/* nobody listens there: port 1 */
	chain_init(&c, "plain");
	chain_add(&c, "bastion");
	c.server.endpoint.port = 1;
	check_code(&c.server, &e, "SSH-VIA-UNREACHABLE");
	check(e.kind == ERR_NETWORK &&
	      says(&e, "jump host bastion: it cannot reach 127.0.0.1 port 1"));
	/* the second hop is out of the first one's reach */
	chain_add(&c, "inner");
	c.hops[1].endpoint.port = 1;
	check_code(&c.server, &e, "SSH-VIA-UNREACHABLE");
	check(says(&e, "jump host bastion: it cannot reach"));
}

static void test_via__refusals_name_the_hop(void **state)
{
	(void)state;
	rig_run(refusing_hops);
}

static void hops_have_their_own_login(struct worker *w)
{
	struct chain c;
	struct err e;

	(void)w;
	chain_init(&c, "plain");
	chain_add(&c, "bastion");
	c.hops[0].endpoint.port = 1;
	check_code(&c.server, &e, "NET-REFUSED");
	check(says(&e, "jump host bastion: connect to 127.0.0.1 port 1: "));
	chain_init(&c, "plain");
	chain_add(&c, "bastion");
	c.hops[0].endpoint.user = "nobody-here";
	check(partner_fails(&c.server, &e) && e.kind == ERR_AUTH);
	check(says(&e, "jump host bastion: "));
	/* the server's own login fails: no hop is named */
	chain_init(&c, "plain");
	chain_add(&c, "bastion");
	c.server.endpoint.user = "nobody-here";
	check(partner_fails(&c.server, &e) && e.kind == ERR_AUTH && !strstr(e.message, "jump"));
	chain_init(&c, "plain");
	chain_add(&c, "bastion");
	c.hops[0].auth[0].key_file = "/nowhere/key";
	check(partner_fails(&c.server, &e));
	check(says(&e, "jump host bastion: ") && says(&e, "/nowhere/key"));
}

static void test_via__each_hop_has_its_own_login(void **state)
{
	(void)state;
	rig_run(hops_have_their_own_login);
}

/* The server's key is looked for under the server's name, not the hop's. */
static void hops_have_their_own_trust(struct worker *w)
{
	struct chain c;
	struct err e;

	(void)w;
	chain_init(&c, "plain");
	chain_add(&c, "bastion");
	c.hops[0].known_hosts_list[0] = "/dev/null";
	check(partner_fails(&c.server, &e) && e.kind == ERR_TRUST);
	check(says(&e, "jump host bastion: "));
	chain_init(&c, "plain");
	chain_add(&c, "bastion");
	c.server.known_hosts_list[0] = c.hops[0].known_hosts;
	check(partner_fails(&c.server, &e) && e.kind == ERR_TRUST && !strstr(e.message, "jump"));
}

static void test_via__each_hop_has_its_own_trust(void **state)
{
	(void)state;
	rig_run(hops_have_their_own_trust);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void hop_dies(struct worker *w)
{
	struct stream *stream;
	struct chain c;
	struct session *s;
	char text[8];
	struct err e;

	(void)w;
	chain_init(&c, "cat");
	chain_add(&c, "doomed");
	chain_add(&c, "bastion");
	s = partner_opens(&c.server);
	check(session_open_subsystem(s, "sftp", &stream, &e) == 0);
	check(stream->ops->write(stream, "hello", 5, "hello", deadline_in(5000), &e) == 0);
	check(stream->ops->read(stream, text, 8, "an answer", deadline_in(5000), &e) == 5);
	(void)peers_ask("kill doomed");
	check(stream->ops->read(stream, text, 8, "never", deadline_in(20000), &e) == ERR_NETWORK);
	check(strcmp(e.code, "SSH-VIA-LOST") == 0 && says(&e, "jump host doomed: "));
	check(!session_is_alive(s));
	session_close(s);
	(void)peers_ask("start doomed");
}

static void test_via__a_lost_hop_is_named(void **state)
{
	(void)state;
	rig_run(hop_dies);
}

static void abort_through_hops(struct worker *w)
{
	struct chain c;
	struct session *s;

	chain_init(&c, "cat");
	chain_add(&c, "bastion");
	s = partner_opens(&c.server);
	abort_a_reader(w, s);
	session_close(s);
}

static void test_via__abort_wakes_the_reader(void **state)
{
	(void)state;
	rig_run(abort_through_hops);
}

struct opening {
	struct chain chain;
	int result;
	bool done;
};

static void open_and_tell(void *arg)
{
	struct opening *o = arg;
	struct session *s = NULL;
	struct err e;

	o->result = session_open(&o->chain.server.endpoint, NULL, &s, &e);
	session_close(o->result == 0 ? s : NULL);
	o->done = true;
}

/* Cancelled at every moment of the way: nothing is left behind (the rig and ASan look). */
static void cancel_at_any_time(struct worker *w)
{
	struct opening o;
	struct err e;

	for (int ms = 0; ms < 200; ms += 8) {
		struct fiber *f;

		memset(&o, 0, sizeof(o));
		chain_init(&o.chain, "plain");
		chain_add(&o.chain, "bastion");
		f = fiber_start(w, "open", open_and_tell, &o);
		check(fiber_sleep(ms, "some way", &e) == 0);
		if (!o.done)
			fiber_cancel(f);
		rig_await(&o.done);
		check(o.result == 0 || o.result == ERR_CANCELED);
	}
}

static void test_via__can_be_cancelled_at_any_time(void **state)
{
	(void)state;
	rig_run(cancel_at_any_time);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_via__one_and_two_hops),
	        cmocka_unit_test(test_via__carries_bytes_both_ways_at_once),
	        cmocka_unit_test(test_via__survives_new_keys_of_a_hop),
	        cmocka_unit_test(test_via__refusals_name_the_hop),
	        cmocka_unit_test(test_via__each_hop_has_its_own_login),
	        cmocka_unit_test(test_via__each_hop_has_its_own_trust),
	        cmocka_unit_test(test_via__a_lost_hop_is_named),
	        cmocka_unit_test(test_via__abort_wakes_the_reader),
	        cmocka_unit_test(test_via__can_be_cancelled_at_any_time),
	};

	return peers_run("reach", tests);
}
