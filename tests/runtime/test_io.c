#include "tests/runtime/rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/mem.h"
#include "daemon/runtime/io.h"
#include "daemon/runtime/work.h"

/* ---- sockets to play with ------------------------------------------------------------------ */

struct pair {
	struct io *near, *far;
};

static struct pair make_pair(void)
{
	struct pair p;
	struct err e;
	int fd[2];

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0);
	check(io_adopt(fd[0], &p.near, &e) == 0 && io_adopt(fd[1], &p.far, &e) == 0);
	return p;
}

static void close_pair(struct pair *p)
{
	io_close(p->near);
	io_close(p->far);
}

/* A listener on loopback that nobody accepts from, unless the test does. */
static int listen_on_loopback(struct sockaddr_in *at, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*at);

	*at = (struct sockaddr_in){.sin_family = AF_INET};
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(fd, (struct sockaddr *)at, len) == 0);
	check(getsockname(fd, (struct sockaddr *)at, &len) == 0);
	check(listen(fd, backlog) == 0);
	return fd;
}

static int connect_to(const struct sockaddr_in *at, struct deadline d, struct io **out,
                      struct err *e)
{
	return io_connect((const struct sockaddr *)at, sizeof(*at), d, out, e);
}

/* ---- connecting ---------------------------------------------------------------------------- */

static void connect_and_talk(struct worker *w)
{
	struct sockaddr_in at;
	int listener = listen_on_loopback(&at, 5), value = 0;
	socklen_t size = sizeof(value);
	struct io *client, *server;
	char got[8];
	struct err e;

	(void)w;
	check(connect_to(&at, deadline_in(5000), &client, &e) == 0);
	check(io_adopt(accept(listener, NULL, NULL), &server, &e) == 0);
	check(io_write_all(client, "hello", 5, "greeting", deadline_in(5000), &e) == 0);
	check(io_read(server, got, sizeof(got), "greeting", deadline_in(5000), &e) == 5);
	check(memcmp(got, "hello", 5) == 0);
	check(getsockopt(io_fd(client), IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0 && value);
	check(getsockopt(io_fd(client), SOL_SOCKET, SO_KEEPALIVE, &value, &size) == 0 && value);
	io_close(client);
	check(io_read(server, got, sizeof(got), "more", deadline_in(5000), &e) == ERR_NETWORK);
	check(strcmp(e.code, "NET-EOF") == 0 && strncmp(e.message, "more: ", 6) == 0);
	io_close(server);
	close(listener);
}

static void resolve_and_connect(struct worker *w)
{
	struct sockaddr_in at;
	int listener = listen_on_loopback(&at, 5);
	struct addrinfo *found;
	struct io *io;
	struct err e;

	(void)w;
	check(work_resolve("127.0.0.1", ntohs(at.sin_port), deadline_in(5000), &found, &e) == 0);
	check(io_connect(found->ai_addr, found->ai_addrlen, deadline_in(5000), &io, &e) == 0);
	freeaddrinfo(found);
	io_close(io);
	close(listener);
}

static void test_connect__to_what_a_lookup_found(void **state)
{
	(void)state;
	rig_run(resolve_and_connect);
}

static void test_connect__then_bytes_then_end_of_stream(void **state)
{
	(void)state;
	rig_run(connect_and_talk);
}

static void connect_to_nobody(struct worker *w)
{
	struct sockaddr_in at;
	struct io *io = NULL;
	struct err e;

	(void)w;
	close(listen_on_loopback(&at, 1));
	check(connect_to(&at, deadline_in(5000), &io, &e) == ERR_NETWORK && !io);
	check(strcmp(e.code, "NET-REFUSED") == 0 && e.native == ECONNREFUSED);
	check(strncmp(e.message, "connect to 127.0.0.1 port ", 26) == 0);
}

static void test_connect__is_refused(void **state)
{
	(void)state;
	rig_run(connect_to_nobody);
}

/* Linux drops the SYN of who comes when the backlog is full: the connection hangs. */
struct full_listener {
	struct sockaddr_in at;
	int fd, filler[4];
};

static void fill_listener(struct full_listener *l)
{
	l->fd = listen_on_loopback(&l->at, 0);
	for (int i = 0; i < 4; i++) {
		l->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(l->filler[i], (struct sockaddr *)&l->at, sizeof(l->at));
	}
}

static void empty_listener(struct full_listener *l)
{
	for (int i = 0; i < 4; i++)
		close(l->filler[i]);
	close(l->fd);
}

static void connect_in_vain(struct worker *w)
{
	struct full_listener l;
	struct io *io = NULL;
	struct err e;

	(void)w;
	fill_listener(&l);
	check(connect_to(&l.at, deadline_in(40), &io, &e) == ERR_NETWORK && !io);
	check(strcmp(e.code, "NET-TIMEOUT") == 0);
	check(strstr(e.message, "waiting for connect to 127.0.0.1 port "));
	empty_listener(&l);
}

static void test_connect__deadline(void **state)
{
	(void)state;
	rig_run(connect_in_vain);
}

struct attempt {
	struct sockaddr_in at;
	struct io *io;
	const char *bytes;
	size_t len;
	struct deadline deadline;
	struct err err;
	ssize_t result;
	bool ended;
};

static void connect_body(void *arg)
{
	struct attempt *a = arg;

	a->result = connect_to(&a->at, deadline_in(10000), &a->io, &a->err);
	a->ended = true;
}

static void cancel_a_connect(struct worker *w)
{
	struct attempt a = {0};
	struct full_listener l;
	struct fiber *f;

	fill_listener(&l);
	a.at = l.at;
	f = fiber_start(w, "connecting", connect_body, &a);
	rig_turns(3);
	check(!a.ended);
	fiber_cancel(f);
	rig_await(&a.ended);
	check(a.result == ERR_CANCELED && !a.io);
	empty_listener(&l);
}

static void test_connect__cancelled(void **state)
{
	(void)state;
	rig_run(cancel_a_connect);
}

/* ---- reading and writing ------------------------------------------------------------------- */

static void read_body(void *arg)
{
	struct attempt *a = arg;
	char got[64];

	a->result = io_read(a->io, got, sizeof(got), "a reply", a->deadline, &a->err);
	a->ended = true;
}

static void write_body(void *arg)
{
	struct attempt *a = arg;

	a->result = io_write_all(a->io, a->bytes, a->len, "a request", a->deadline, &a->err);
	a->ended = true;
}

static void check_read_ends(struct worker *w, int kind, const char *code)
{
	struct pair p = make_pair();
	struct attempt a = {.io = p.near,
	                    .deadline = deadline_in(kind == ERR_CANCELED ? 10000 : 20)};
	struct fiber *f = fiber_start(w, "reader", read_body, &a);

	rig_turns(3);
	if (kind == ERR_CANCELED)
		fiber_cancel(f);
	rig_await(&a.ended);
	check(a.result == kind && strcmp(a.err.code, code) == 0);
	check(strstr(a.err.message, "a reply"));
	close_pair(&p);
}

static void check_write_ends(struct worker *w, int kind, const char *code)
{
	enum { MUCH = 8 * 1024 * 1024 };
	struct pair p = make_pair();
	char *bytes _cleanup_free_ = mem_new(MUCH);
	struct attempt a = {.io = p.near, .bytes = bytes, .len = MUCH};
	struct fiber *f;

	a.deadline = deadline_in(kind == ERR_CANCELED ? 10000 : 50);
	f = fiber_start(w, "writer", write_body, &a);
	rig_turns(30);
	if (kind == ERR_CANCELED)
		fiber_cancel(f);
	rig_await(&a.ended);
	check(a.result == kind && strcmp(a.err.code, code) == 0);
	check(strstr(a.err.message, "a request"));
	close_pair(&p);
}

static void end_reads_and_writes(struct worker *w)
{
	check_read_ends(w, ERR_NETWORK, "TIMEOUT");
	check_read_ends(w, ERR_CANCELED, "CANCELED");
	check_write_ends(w, ERR_NETWORK, "TIMEOUT");
	check_write_ends(w, ERR_CANCELED, "CANCELED");
}

static void test_io__reads_and_writes_end_by_deadline_and_cancel(void **state)
{
	(void)state;
	rig_run(end_reads_and_writes);
}

static void echo(void *arg)
{
	struct io *io = arg;
	char got[4000];
	struct err e;
	ssize_t n;

	while ((n = io_read(io, got, sizeof(got), "bytes", deadline_in(10000), &e)) > 0)
		check(io_write_all(io, got, (size_t)n, "echo", deadline_in(10000), &e) == 0);
	check(strcmp(e.code, "NET-EOF") == 0);
	check(shutdown(io_fd(io), SHUT_WR) == 0);
}

struct sender {
	struct io *io;
	const unsigned char *bytes;
	size_t len;
};

static void send_all(void *arg)
{
	struct sender *s = arg;
	struct err e;

	check(io_write_all(s->io, s->bytes, s->len, "bytes", deadline_in(10000), &e) == 0);
	check(shutdown(io_fd(s->io), SHUT_WR) == 0);
}

static void read_back(struct io *io, const unsigned char *want, size_t len)
{
	unsigned char got[5000];
	size_t at = 0;
	struct err e;
	ssize_t n;

	while ((n = io_read(io, got, sizeof(got), "echo", deadline_in(10000), &e)) > 0) {
		check(at + (size_t)n <= len && memcmp(got, want + at, (size_t)n) == 0);
		at += (size_t)n;
	}
	check(at == len);
}

/* One fiber writes and another reads the same descriptor, with back-pressure both ways. */
static void send_and_receive(struct worker *w)
{
	enum { MUCH = 3 * 1000 * 1000 };
	struct pair p = make_pair();
	unsigned char *bytes = mem_new(MUCH);
	struct sender s = {.io = p.near, .bytes = bytes, .len = MUCH};
	struct group g;

	for (size_t i = 0; i < MUCH; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 251);
	group_init(&g, w);
	group_start(&g, "echo", echo, p.far);
	group_start(&g, "sender", send_all, &s);
	read_back(p.near, bytes, MUCH);
	group_wait(&g, "both");
	close_pair(&p);
	free(bytes);
}

static void test_io__carries_megabytes_both_ways_at_once(void **state)
{
	(void)state;
	rig_run(send_and_receive);
}

static void try_without_waiting(struct worker *w)
{
	struct pair p = make_pair();
	char got[8];
	struct err e;

	(void)w;
	check(io_try_read(p.near, got, sizeof(got), &e) == 0); /* would block */
	check(io_try_write(p.far, "ab", 2, &e) == 2);
	check(io_wait(p.near, IO_READABLE, "two bytes", deadline_in(5000), &e) == 0);
	check(io_try_read(p.near, got, sizeof(got), &e) == 2);
	check(io_wait(p.near, IO_READABLE | IO_WRITABLE, "either", deadline_in(5000), &e) == 0);
	io_close(p.far);
	check(io_try_read(p.near, got, sizeof(got), &e) == ERR_NETWORK);
	check(strcmp(e.code, "NET-EOF") == 0);
	check(io_try_write(p.near, "ab", 2, &e) == ERR_NETWORK); /* and no SIGPIPE */
	check(strcmp(e.code, "NET-RESET") == 0);
	io_close(p.near);
}

static void test_io__tries_without_waiting(void **state)
{
	(void)state;
	rig_run(try_without_waiting);
}

/* ---- errors -------------------------------------------------------------------------------- */

static void meet_a_reset(struct worker *w)
{
	struct sockaddr_in at;
	int listener = listen_on_loopback(&at, 5), server;
	struct linger hard = {.l_onoff = 1, .l_linger = 0};
	struct attempt a = {.deadline = deadline_in(10000)};

	check(connect_to(&at, deadline_in(5000), &a.io, &a.err) == 0);
	server = accept(listener, NULL, NULL);
	(void)fiber_start(w, "reader", read_body, &a);
	rig_turns(3);
	check(setsockopt(server, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)) == 0);
	close(server); /* sends RST */
	rig_await(&a.ended);
	check(a.result == ERR_NETWORK && strcmp(a.err.code, "NET-RESET") == 0);
	check(a.err.native == ECONNRESET);
	io_close(a.io);
	close(listener);
}

static void test_io__tells_a_reset_as_one(void **state)
{
	(void)state;
	rig_run(meet_a_reset);
}

static void abort_a_reader(struct worker *w)
{
	struct pair p = make_pair();
	struct attempt a = {.io = p.near, .deadline = deadline_never()};
	struct err e;

	(void)fiber_start(w, "reader", read_body, &a);
	rig_turns(3);
	io_abort(p.near);
	rig_await(&a.ended);
	check(a.result == ERR_NETWORK && strcmp(a.err.code, "NET-ABORTED") == 0);
	check(io_wait(p.near, IO_READABLE, "more", deadline_never(), &e) == ERR_NETWORK);
	close_pair(&p);
}

static void test_io__abort_wakes_whoever_waits(void **state)
{
	(void)state;
	rig_run(abort_a_reader);
}

/* An event nobody waits for must not keep the loop spinning. */
static void leave_bytes_unread(struct worker *w)
{
	struct pair p = make_pair();
	struct attempt a = {.io = p.near, .deadline = deadline_in(5000)};
	int64_t turns;
	struct err e;

	(void)fiber_start(w, "reader", read_body, &a);
	check(io_write_all(p.far, "a", 1, "one byte", deadline_in(5000), &e) == 0);
	rig_await(&a.ended);
	check(io_write_all(p.far, "b", 1, "another", deadline_in(5000), &e) == 0);
	turns = worker_stats(w).turns;
	check(fiber_sleep(30, "nothing", &e) == 0);
	check(worker_stats(w).turns - turns < 10);
	check(io_wait(p.near, IO_READABLE, "the byte", deadline_in(5000), &e) == 0);
	close_pair(&p);
}

static void test_io__unread_bytes_do_not_spin_the_loop(void **state)
{
	(void)state;
	rig_run(leave_bytes_unread);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_connect__then_bytes_then_end_of_stream),
	        cmocka_unit_test(test_connect__to_what_a_lookup_found),
	        cmocka_unit_test(test_connect__is_refused),
	        cmocka_unit_test(test_connect__deadline),
	        cmocka_unit_test(test_connect__cancelled),
	        cmocka_unit_test(test_io__reads_and_writes_end_by_deadline_and_cancel),
	        cmocka_unit_test(test_io__carries_megabytes_both_ways_at_once),
	        cmocka_unit_test(test_io__tries_without_waiting),
	        cmocka_unit_test(test_io__tells_a_reset_as_one),
	        cmocka_unit_test(test_io__abort_wakes_whoever_waits),
	        cmocka_unit_test(test_io__unread_bytes_do_not_spin_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
