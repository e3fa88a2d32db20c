/*
 * Any bytes over the real control socket, cut at any place (the first byte chooses the pieces),
 * then the operator hangs up his half. Every line is answered once and in whole lines, nothing
 * comes after a conversation that was ended, and server and loop end clean.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/buf.h"
#include "daemon/base/log.h"
#include "daemon/control/server.h"
#include "daemon/runtime/io.h"
#include "daemon/runtime/work.h"
#include "tests/fuzz/nothing.h"

#include <jansson.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { WAIT_MS = 4000, INPUT_MOST = 80 * 1024 };

struct scene {
	struct worker *worker;
	struct io *operator;
	const uint8_t *data;
	size_t size;
	uint8_t cuts;
	int changes;
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	work_setup();
	log_setup(LOG_LEVEL_ERROR, 0); /* each change would be noted */
	return 0;
}

/* A socket without a file: nothing is left behind, and many may run at once. */
static void listen_somewhere(struct control_listener *l, struct sockaddr_un *at, socklen_t *n)
{
	*at = (struct sockaddr_un){.sun_family = AF_UNIX};
	*n = sizeof(sa_family_t); /* the kernel chooses an abstract name: unix(7), autobind */
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	must(l->fd >= 0 && bind(l->fd, (struct sockaddr *)at, *n) == 0 && listen(l->fd, 4) == 0);
	*n = sizeof(*at);
	must(getsockname(l->fd, (struct sockaddr *)at, n) == 0);
	l->rules = (struct peer_rules){getuid(), (gid_t)PEER_NO_GROUP, (gid_t)PEER_NO_GROUP};
}

/* ---- the operator -------------------------------------------------------------------------- */

static void talk(void *arg)
{
	struct scene *s = arg;
	struct err e;

	for (size_t at = 0; at < s->size;) {
		size_t left = s->size - at, n = s->cuts ? 1 + s->cuts * 7u : left;

		if (n > left)
			n = left;
		if (io_write_all(s->operator, s->data + at, n, "asking", deadline_in(WAIT_MS), &e) <
		    0)
			break; /* hung up on, as after a line that is too long */
		at += n;
		(void)fiber_yield(&e);
	}
	(void)shutdown(io_fd(s->operator), SHUT_WR);
}

/* Takes whole lines away. Returns how many of them end an answer. */
static size_t take_answers(struct buf *in)
{
	size_t ends = 0, n;
	const unsigned char *end;

	while ((end = memchr(buf_data(in), '\n', buf_len(in)))) {
		json_t *line;

		n = (size_t)(end - buf_data(in));
		line = json_loadb((const char *)buf_data(in), n, 0, NULL);
		must(line && n < CONTROL_LINE_BYTES);
		ends += !json_object_get(line, "item");
		json_decref(line);
		buf_consume(in, n + 1);
	}
	return ends;
}

static size_t hear(struct scene *s)
{
	static char piece[16 * 1024];
	size_t ends = 0;
	struct buf in;
	struct err e;
	ssize_t n;

	buf_init(&in, 1 << 20);
	while ((n = io_read(s->operator, piece, sizeof(piece), "answers", deadline_in(WAIT_MS),
	                    &e)) > 0) {
		must(buf_add(&in, piece, (size_t)n) == 0);
		ends += take_answers(&in);
	}
	must(n < 0 && strcmp(e.code, "NET-TIMEOUT") != 0);
	must(buf_len(&in) == 0 || strcmp(e.code, "NET-EOF") != 0); /* else it was reset */
	buf_release(&in);
	return ends;
}

/* ---- both ---------------------------------------------------------------------------------- */

/* What must be answered: the whole lines, and a line that is too long once, as the last. */
static size_t count_lines(const uint8_t *data, size_t size, bool *is_cut)
{
	size_t lines = 0, length = 0;

	for (size_t i = 0; i < size; i++) {
		if (++length == CONTROL_LINE_BYTES && data[i] != '\n') {
			*is_cut = true;
			return lines + 1;
		}
		if (data[i] == '\n') {
			lines++;
			length = 0;
		}
	}
	return lines;
}

static void play(void *arg)
{
	struct scene *s = arg;
	struct control_engine engine = engine_of_nothing(&s->changes);
	struct control_listener l = {.fd = -1};
	struct control_server *server;
	struct sockaddr_un at;
	struct group talking;
	bool is_cut = false;
	size_t lines = count_lines(s->data, s->size, &is_cut), heard;
	socklen_t n;
	struct err e;

	listen_somewhere(&l, &at, &n);
	must(control_server_start(&l, &engine, &server, &e) == 0);
	must(io_connect((struct sockaddr *)&at, n, deadline_in(WAIT_MS), &s->operator, & e) == 0);
	group_init(&talking, s->worker);
	group_start(&talking, "operator", talk, s);
	heard = hear(s);
	must(heard == lines || (is_cut && heard < lines));
	group_wait(&talking, "the operator");
	io_close(s->operator);
	control_server_stop(server);
	worker_stop(s->worker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scene s = {.data = data + 1, .size = size - 1};
	struct err e;

	if (size < 1 || size > INPUT_MOST)
		return 0;
	s.cuts = data[0];
	s.worker = worker_new("fuzz", &e);
	must(s.worker);
	(void)fiber_start(s.worker, "scene", play, &s);
	worker_run(s.worker);
	worker_free(s.worker);
	return 0;
}
