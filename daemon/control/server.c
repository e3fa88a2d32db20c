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

/* One conversation. */
struct operator
{
	struct control_server *server;
	struct io *io;
	struct peer peer;
	struct buf in;
	struct deadline message; /* by when the message begun must be complete */
	struct answer answer;
};

/* ---- one conversation -------------------------------------------------------------------------
 */

static int write_out(void *arg, const void *data, size_t n, struct err *e)
{
	struct operator* o = arg;

	return io_write_all(o->io, data, n, "answer to an operator", deadline_in(CONTROL_WRITE_MS),
	                    e);
}

/* A refusal after which the conversation is over, whether it could be told or not. */
static int hang_up(struct operator* o, struct err *why)
{
	struct err unsaid;

	(void)answer_end(&o->answer, NULL, why, &unsaid);
	return why->kind;
}

static int read_more(struct operator* o, struct err *e)
{
	struct deadline d = deadline_in(CONTROL_REST_MS);
	char piece[4096];
	ssize_t n;

	if (buf_len(&o->in) > 0)
		d = o->message;
	n = io_read(o->io, piece, sizeof(piece), "an operator's request", d, e);
	if (n < 0)
		return (int)n;
	if (buf_len(&o->in) == 0)
		o->message = deadline_in(CONTROL_MESSAGE_MS);
	(void)buf_add(&o->in, piece, (size_t)n); /* its limit is a line and a piece */
	return 0;
}

/* A whole line is at the front of o->in; *n is its length without the newline. */
static int read_line(struct operator* o, size_t *n, struct err *e)
{
	for (;;) {
		const char *from = buf_len(&o->in) ? (const char *)buf_data(&o->in) : NULL;
		const char *end = from ? memchr(from, '\n', buf_len(&o->in)) : NULL;
		size_t length = end ? (size_t)(end - from) : buf_len(&o->in);

		if (length >= CONTROL_LINE_BYTES) {
			(void)err_set(e, ERR_PROTOCOL, "CONTROL-TOO-LONG", 0,
			              "the request is longer than %d bytes", CONTROL_LINE_BYTES);
			return hang_up(o, e);
		}
		if (end) {
			*n = length;
			return 0;
		}
		if (read_more(o, e) < 0)
			return e->kind;
	}
}

static void note_change(const struct operator* o, const struct request *r)
{
	char *args = json_dumps(r->args, JSON_COMPACT);
	struct escaped shown;

	if (verbs_is_change(r->verb))
		log_info("an operator asks for a change", "verb=%s args=%s uid=%u pid=%d", r->verb,
		         args ? escape(args, strlen(args), shown.text, 256) : "{}",
		         (unsigned)o->peer.uid, (int)o->peer.pid);
	free(args);
}

static int answer_line(struct operator* o, enum peer_right right, size_t n, struct err *e)
{
	struct request request;
	struct err why;
	int r;

	if (request_parse((const char *)buf_data(&o->in), n, &request, &why) < 0) {
		r = answer_end(&o->answer, NULL, &why, e);
	} else {
		note_change(o, &request);
		r = verbs_run(&request, right, &o->server->engine, &o->answer, e);
		request_release(&request);
	}
	buf_consume(&o->in, n + 1);
	if (buf_len(&o->in) > 0)
		o->message = deadline_in(CONTROL_MESSAGE_MS);
	return r;
}

/* NONE: refused, with words. */
static enum peer_right greet(struct operator* o)
{
	struct control_listener *l = &o->server->listener;
	enum peer_right right = RIGHT_NONE;
	struct err e;

	if (peer_of(io_fd(o->io), &o->peer, &e) == 0) {
		right = peer_right(&o->peer, &l->rules);
		if (right != RIGHT_NONE)
			return right;
		(void)err_set(&e, ERR_AUTH, "CONTROL-NOT-PERMITTED", 0,
		              "user %u may not use this ferryd: root, user %u and members of "
		              "group %s may; join the group (usermod -aG %s), then log in again",
		              (unsigned)o->peer.uid, (unsigned)l->rules.daemon, l->group, l->group);
		log_warn("a stranger was turned away from the control socket", "uid=%u pid=%d",
		         (unsigned)o->peer.uid, (int)o->peer.pid);
	}
	(void)hang_up(o, &e);
	return RIGHT_NONE;
}

static void converse(void *arg)
{
	struct operator* o = arg;
	enum peer_right right = greet(o);
	struct err e;
	size_t n = 0;

	while (right != RIGHT_NONE && !fiber_is_canceled())
		if (read_line(o, &n, &e) < 0 || answer_line(o, right, n, &e) < 0)
			break; /* gone, silent, or no longer listening */
	io_close(o->io);
	o->server->operators--;
	answer_release(&o->answer);
	buf_release(&o->in);
	free(o);
}

static void begin(struct control_server *s, int fd)
{
	struct operator* o = mem_new_of(struct operator);
	struct err e;

	if (io_adopt(fd, &o->io, &e) < 0) {
		log_warn("an operator could not be served, ignoring", "why=\"%s\"", e.message);
		(void)close(fd);
		free(o);
		return;
	}
	o->server = s;
	buf_init(&o->in, CONTROL_LINE_BYTES + 4096);
	answer_init(&o->answer, CONTROL_LINE_BYTES);
	o->answer.write = write_out;
	o->answer.arg = o;
	s->operators++;
	group_start(&s->fibers, "operator", converse, o);
}

/* ---- accepting --------------------------------------------------------------------------------
 */

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
