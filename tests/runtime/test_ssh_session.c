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

/* ---- a session ----------------------------------------------------------------------------- */

static void greets_sftp(struct worker *w)
{
	struct partner p;
	struct session *s = open_peer(&p, "sshd");

	(void)w;
	check(session_is_alive(s) && strncmp(session_server(s), "SSH-2.0-OpenSSH", 15) == 0);
	check(strncmp(session_host_key(s), "ssh-ed25519 SHA256:", 19) == 0);
	greet_sftp(s);
	session_close(s);
}

static void test_session__opens_an_sftp_stream(void **state)
{
	(void)state;
	rig_run(greets_sftp);
}

/* ---- bytes both ways ----------------------------------------------------------------------- */

static void echo_bulk(struct worker *w, const char *peer, size_t total)
{
	struct partner partner;
	struct session *s = open_peer(&partner, peer);
	struct pace pace;

	pace_start(&pace, w);
	pump_both_ways(w, s, total);
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

/* ---- how streams end ----------------------------------------------------------------------- */

static void last_words(struct worker *w)
{
	struct partner p;
	struct session *s = open_peer(&p, "sshd_sink");
	struct stream *stream;
	char text[64] = "";
	struct err e;
	size_t n = 0;
	ssize_t got;

	(void)w;
	check(session_open_subsystem(s, "sftp", &stream, &e) == 0);
	while ((got = stream->ops->read(stream, text + n, sizeof(text) - 1 - n, "words",
	                                deadline_in(5000), &e)) > 0)
		n += (size_t)got;
	check(got == 0 && strcmp(text, "last words\n") == 0);
	check(stream->ops->read(stream, text, 1, "after the end", deadline_in(5000), &e) == 0);
	session_close(s);
}

static void test_session__hands_out_last_words_before_the_end(void **state)
{
	(void)state;
	rig_run(last_words);
}

static void silent_peer(struct worker *w)
{
	struct partner p;
	struct session *s = open_peer(&p, "sshd_cat");
	struct stream *stream;
	char text[8];
	struct err e;

	(void)w;
	check(session_open_subsystem(s, "sftp", &stream, &e) == 0);
	check(stream->ops->read(stream, text, 8, "an answer", deadline_in(50), &e) == ERR_NETWORK);
	check(strcmp(e.code, "TIMEOUT") == 0 && session_is_alive(s));
	/* a read that timed out took nothing: the stream goes on */
	check(stream->ops->write(stream, "hello", 5, "hello", deadline_in(5000), &e) == 0);
	check(stream->ops->read(stream, text, 8, "an answer", deadline_in(5000), &e) == 5);
	session_close(s);
}

static void test_session__a_read_may_time_out(void **state)
{
	(void)state;
	rig_run(silent_peer);
}

static void aborted(struct worker *w)
{
	struct partner partner;
	struct session *s = open_peer(&partner, "sshd_cat");

	abort_a_reader(w, s);
	session_close(s);
}

static void test_session__abort_wakes_the_reader(void **state)
{
	(void)state;
	rig_run(aborted);
}

/* The peer echoes but we never read: its window, its pipe and ours fill up, and the writer waits.
 */
static void writer_waits(struct worker *w)
{
	struct partner p;
	struct session *s = open_peer(&p, "sshd_cat");
	unsigned char *part = mem_new(MIB);
	struct stream *stream;
	struct err e = {0};
	int r = 0;

	(void)w;
	check(session_open_subsystem(s, "sftp", &stream, &e) == 0);
	for (int i = 0; i < 200 && r == 0; i++)
		r = stream->ops->write(stream, part, MIB, "bulk", deadline_in(300), &e);
	check(r == ERR_NETWORK && strcmp(e.code, "TIMEOUT") == 0);
	check(!session_is_alive(s)); /* a part of a write may have gone: no way on */
	session_close(s);
	free(part);
}

static void test_session__a_writer_waits_for_the_window(void **state)
{
	(void)state;
	rig_run(writer_waits);
}

static void peer_dies_idle(struct worker *w)
{
	int64_t until = clock_mono_ms() + 5000;
	struct partner p;
	struct session *s;
	struct err e;

	(void)w;
	(void)peers_ask("cut 6000");
	partner_init(&p, "cutter");
	partner_trust_any(&p);
	partner_key(&p, "ed25519", NULL);
	s = partner_opens(&p);
	(void)peers_ask("drop");
	while (session_is_alive(s)) {
		check(clock_mono_ms() < until);
		check(fiber_sleep(5, "the news", &e) == 0);
	}
	session_close(s);
}

static void test_session__notices_a_lost_peer_while_idle(void **state)
{
	(void)state;
	rig_run(peer_dies_idle);
}

static void no_such_subsystem(struct worker *w)
{
	struct partner p;
	struct session *s = open_peer(&p, "sshd");
	struct stream *stream;
	struct err e;

	(void)w;
	check(session_open_subsystem(s, "nothing", &stream, &e) == ERR_CONFIG);
	check(strcmp(e.code, "SSH-NO-SFTP") == 0 && strstr(e.message, "nothing"));
	check(session_open_subsystem(s, "sftp", &stream, &e) == 0);
	session_close(s);
}

static void test_session__a_refused_subsystem_says_so(void **state)
{
	(void)state;
	rig_run(no_such_subsystem);
}

static void no_session_channel(struct worker *w)
{
	struct partner p;
	struct session *s = open_peer(&p, "sshd_none");
	struct stream *stream;
	struct err e;

	(void)w;
	check(session_open_subsystem(s, "sftp", &stream, &e) == ERR_BUSY);
	check(strcmp(e.code, "SSH-CHANNEL-REFUSED") == 0);
	session_close(s);
}

static void test_session__a_refused_channel_says_so(void **state)
{
	(void)state;
	rig_run(no_session_channel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_session__opens_an_sftp_stream),
	        cmocka_unit_test(test_session__carries_bytes_both_ways_at_once),
	        cmocka_unit_test(test_session__survives_new_keys_under_load),
	        cmocka_unit_test(test_session__hands_out_last_words_before_the_end),
	        cmocka_unit_test(test_session__a_read_may_time_out),
	        cmocka_unit_test(test_session__abort_wakes_the_reader),
	        cmocka_unit_test(test_session__a_writer_waits_for_the_window),
	        cmocka_unit_test(test_session__notices_a_lost_peer_while_idle),
	        cmocka_unit_test(test_session__a_refused_subsystem_says_so),
	        cmocka_unit_test(test_session__a_refused_channel_says_so),
	};

	return peers_run("sshd", tests);
}
