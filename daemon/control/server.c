#include "daemon/control/server.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/buf.h"
#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/control/answer.h"
#include "daemon/control/request.h"
#include "daemon/control/verbs.h"
#include "daemon/runtime/io.h"

struct control_server {
	struct control_listener listener;
	struct control_engine engine;
	struct io *io; /* the listening socket */
	struct group fibers;
	size_t operators;
	int reserve; /* a descriptor to give up when there is no other; -1: given up */
};

/* One operator's. */
struct conversation {
	struct control_server *server;
	struct io *io;
	struct peer peer;
	struct buf in;
	struct deadline message; /* by when the message begun must be complete */
	struct answer answer;
};

/* ---- one conversation ---------------------------------------------------------------------- */

static int write_out(void *arg, const void *data, size_t n, struct err *e)
{
	struct conversation *c = arg;

	if (fiber_breathe(e) < 0) /* an operator who reads fast never makes us wait */
		return e->kind;
	return io_write_all(c->io, data, n, "answer to an operator", deadline_in(CONTROL_WRITE_MS),
	                    e);
}

/* A refusal after which the conversation is over, whether it could be told or not. */
static int hang_up(struct conversation *c, struct err *why)
{
	struct err unsaid;

	(void)answer_end(&c->answer, NULL, why, &unsaid);
	return why->kind;
}

static int read_more(struct conversation *c, struct err *e)
{
	struct deadline d = deadline_in(CONTROL_REST_MS);
	char piece[4096];
	ssize_t n;

	if (buf_len(&c->in) > 0)
		d = c->message;
	n = io_read(c->io, piece, sizeof(piece), "an operator's request", d, e);
	if (n < 0)
		return (int)n;
	if (buf_len(&c->in) == 0)
		c->message = deadline_in(CONTROL_MESSAGE_MS);
	(void)buf_add(&c->in, piece, (size_t)n); /* its limit is a line and a piece */
	return 0;
}

/* A whole line is at the front of o->in; *n is its length without the newline. */
static int read_line(struct conversation *c, size_t *n, struct err *e)
{
	for (;;) {
		const char *from = buf_len(&c->in) ? (const char *)buf_data(&c->in) : NULL;
		const char *end = from ? memchr(from, '\n', buf_len(&c->in)) : NULL;
		size_t length = end ? (size_t)(end - from) : buf_len(&c->in);

		if (length >= CONTROL_LINE_BYTES) {
			(void)err_set(e, ERR_PROTOCOL, "CONTROL-TOO-LONG", 0,
			              "the request is longer than %d bytes", CONTROL_LINE_BYTES);
			return hang_up(c, e);
		}
		if (end) {
			*n = length;
			return 0;
		}
		if (read_more(c, e) < 0)
			return e->kind;
	}
}

static void note_change(const struct conversation *c, const struct request *r)
{
	char *args = json_dumps(r->args, JSON_COMPACT);
	struct escaped shown;

	if (verbs_is_change(r->verb))
		log_info("an operator asks for a change", "verb=%s args=%s uid=%u pid=%d", r->verb,
		         args ? escape(args, strlen(args), shown.text, 256) : "{}",
		         (unsigned)c->peer.uid, (int)c->peer.pid);
	free(args);
}

static int answer_line(struct conversation *c, enum peer_right right, size_t n, struct err *e)
{
	struct request request;
	struct err why;
	int r;

	if (request_parse((const char *)buf_data(&c->in), n, &request, &why) < 0) {
		r = answer_end(&c->answer, NULL, &why, e);
	} else {
		note_change(c, &request);
		r = verbs_run(&request, right, &c->server->engine, &c->answer, e);
		request_release(&request);
	}
	buf_consume(&c->in, n + 1);
	if (buf_len(&c->in) > 0)
		c->message = deadline_in(CONTROL_MESSAGE_MS);
	return r;
}

/* NONE: refused, with words. */
static enum peer_right greet(struct conversation *c)
{
	struct control_listener *l = &c->server->listener;
	enum peer_right right = RIGHT_NONE;
	struct err e;

	if (peer_of(io_fd(c->io), &c->peer, &e) == 0) {
		right = peer_right(&c->peer, &l->rules);
		if (right != RIGHT_NONE)
			return right;
		(void)err_set(&e, ERR_AUTH, "CONTROL-NOT-PERMITTED", 0,
		              "user %u may not use this ferryd: root, user %u and members of "
		              "group %s may; join the group (usermod -aG %s), then log in again",
		              (unsigned)c->peer.uid, (unsigned)l->rules.daemon, l->group, l->group);
		log_warn("a stranger was turned away from the control socket", "uid=%u pid=%d",
		         (unsigned)c->peer.uid, (int)c->peer.pid);
	}
	(void)hang_up(c, &e);
	return RIGHT_NONE;
}

static void converse(void *arg)
{
	struct conversation *c = arg;
	enum peer_right right = greet(c);
	struct err e;
	size_t n = 0;

	while (right != RIGHT_NONE && !fiber_is_canceled())
		if (read_line(c, &n, &e) < 0 || answer_line(c, right, n, &e) < 0)
			break; /* gone, silent, or no longer listening */
	io_close(c->io);
	c->server->operators--;
	answer_release(&c->answer);
	buf_release(&c->in);
	free(c);
}

static void begin(struct control_server *s, int fd)
{
	struct conversation *c = mem_new_of(struct conversation);
	struct err e;

	if (io_adopt(fd, &c->io, &e) < 0) {
		log_warn("an operator could not be served, ignoring", "why=\"%s\"", e.message);
		(void)close(fd);
		free(c);
		return;
	}
	c->server = s;
	buf_init(&c->in, CONTROL_LINE_BYTES + 4096);
	answer_init(&c->answer, CONTROL_LINE_BYTES);
	c->answer.write = write_out;
	c->answer.arg = c;
	s->operators++;
	group_start(&s->fibers, "operator", converse, c);
}

/* ---- accepting ----------------------------------------------------------------------------- */

/* A descriptor of its own that can be had back at once. */
static void keep_reserve(struct control_server *s)
{
	if (s->reserve < 0)
		s->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void turn_away(int fd)
{
	static const char words[] =
	        "{\"ok\":false,\"error\":{\"kind\":\"BUSY\",\"code\":\"CONTROL-BUSY\","
	        "\"message\":\"32 operators are connected already; close some or try again\"}}\n";

	(void)send(fd, words, sizeof(words) - 1, MSG_NOSIGNAL | MSG_DONTWAIT); /* courtesy */
	(void)close(fd);
}

/* -1: nobody there now, errno says why. */
static int accept_one(struct control_server *s)
{
	int fd = accept4(s->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0 || (errno != EMFILE && errno != ENFILE) || s->reserve < 0)
		return fd;
	(void)close(s->reserve);
	s->reserve = -1;
	return accept4(s->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static int accept_all(struct control_server *s, struct err *e)
{
	int fd;

	keep_reserve(s);
	while ((fd = accept_one(s)) >= 0) {
		if (s->operators < CONTROL_CLIENTS)
			begin(s, fd);
		else
			turn_away(fd);
		if (fiber_breathe(e) < 0)
			return e->kind;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED || errno == EINTR)
		return 0;
	log_warn("the control socket cannot accept now, trying again", "errno=%d", errno);
	return fiber_sleep(200, "a free descriptor", e);
}

static void serve(void *arg)
{
	struct control_server *s = arg;
	struct err e;

	while (io_wait(s->io, IO_READABLE, "operators", deadline_never(), &e) >= 0)
		if (accept_all(s, &e) < 0)
			break;
	if (!fiber_is_canceled())
		log_error("the control socket has failed; ferryctl will not be answered",
		          "path=%s why=\"%s\"", s->listener.path, e.message);
}

int control_server_start(struct control_listener *l, const struct control_engine *engine,
                         struct control_server **out, struct err *e)
{
	struct control_server *s = mem_new_of(struct control_server);

	if (io_adopt(l->fd, &s->io, e) < 0) {
		free(s);
		return err_wrap(e, "control socket");
	}
	s->listener = *l;
	s->engine = *engine;
	s->reserve = -1;
	keep_reserve(s);
	group_init(&s->fibers, fiber_worker());
	group_start(&s->fibers, "control socket", serve, s);
	*out = s;
	return 0;
}

void control_server_stop(struct control_server *s)
{
	if (!s)
		return;
	group_cancel(&s->fibers);
	group_wait(&s->fibers, "operators to leave");
	control_remove_file(&s->listener);
	io_close(s->io);
	if (s->reserve >= 0)
		(void)close(s->reserve);
	free(s);
}
