/*
 * One uv_poll_t per descriptor.
 *
 * Changing what a uv_poll_t watches costs two epoll_ctl() calls (libuv 1.44 and 1.50, poll.c), so
 * interest is sticky: it is added when somebody first waits, and dropped only when an event comes
 * that nobody waits for; that event is remembered in `ready` for the next one who asks.
 */
#include "daemon/runtime/io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/base/mem.h"
#include "daemon/runtime/net_error.h"
#include "daemon/runtime/scheduler.h"
#include "daemon/runtime/worker.h"

struct io {
	uv_poll_t poll;
	int fd;
	bool is_socket;
	bool aborted;
	bool has_closed;
	int error;           /* taken out of the socket; SO_ERROR tells it only once */
	int watched, ready;  /* IO_ bits */
	struct link waiters; /* struct waiter, in the frames of those who wait */
	struct signal closed;
};

struct waiter {
	struct link link;
	int want;
	bool woken;
	struct signal wake;
};

/* ---- the loop's side ----------------------------------------------------------------------- */

static int wake_waiters(struct io *io, int events)
{
	int served = 0;

	list_for_each(l, &io->waiters)
	{
		struct waiter *w = list_item(l, struct waiter, link);

		if (!(w->want & events))
			continue;
		served |= w->want & events;
		w->woken = true;
		signal_raise(&w->wake);
	}
	return served;
}

static void take_socket_error(struct io *io)
{
	socklen_t size = sizeof(io->error);

	if (io->error == 0 && io->is_socket)
		(void)getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &io->error,
		                 &size); /* 0 if refused */
}

static void on_event(uv_poll_t *poll, int status, int events);

static void watch(struct io *io, int bits)
{
	int r;

	if (bits == io->watched)
		return;
	io->watched = bits;
	r = uv_poll_start(&io->poll,
	                  (bits & IO_READABLE ? UV_READABLE : 0) |
	                          (bits & IO_WRITABLE ? UV_WRITABLE : 0),
	                  on_event);
	assert(r == 0); /* refuses only a descriptor watched twice on one loop: our mistake */
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct io *io = poll->data;
	int bits =
	        (events & UV_READABLE ? IO_READABLE : 0) | (events & UV_WRITABLE ? IO_WRITABLE : 0);

	scheduler_note_work(scheduler_here());
	if (status < 0) { /* libuv says EBADF whatever it was, and has stopped watching */
		take_socket_error(io);
		io->watched = 0;
		bits = IO_READABLE | IO_WRITABLE;
	}
	io->ready |= bits & ~wake_waiters(io, bits);
	watch(io, io->watched & ~io->ready);
}

/* ---- waiting ------------------------------------------------------------------------------- */

static int aborted_error(const char *what, struct err *e)
{
	return net_error(ECONNABORTED, what, e);
}

static int await_event(struct io *io, struct waiter *w, const char *label, struct deadline d,
                       struct err *e)
{
	int r = 0;

	signal_init(&w->wake);
	list_append(&io->waiters, &w->link);
	watch(io, io->watched | w->want);
	while (!w->woken && r == 0)
		r = signal_wait(&w->wake, label, d, e);
	list_remove(&w->link);
	return r;
}

int io_wait(struct io *io, int want, const char *label, struct deadline d, struct err *e)
{
	struct waiter w = {.want = want};

	if (io->aborted)
		return aborted_error(label, e);
	if (io->ready & want) {
		io->ready &= ~want;
		return fiber_breathe(e);
	}
	if (await_event(io, &w, label, d, e) < 0)
		return e->kind;
	return io->aborted ? aborted_error(label, e) : 0;
}

/* ---- moving bytes -------------------------------------------------------------------------- */

static bool is_would_block(int error)
{
	return error == EAGAIN || error == EINTR;
}

static int end_of_stream(struct err *e)
{
	return err_set(e, ERR_NETWORK, "NET-EOF", 0, "the other side closed the connection");
}

ssize_t io_try_read(struct io *io, void *data, size_t room, struct err *e)
{
	ssize_t n;
	int error;

	if (io->aborted)
		return aborted_error("receive", e);
	n = read(io->fd, data, room);
	error = errno;
	if (n > 0 || room == 0)
		return n;
	io->ready &= ~IO_READABLE;
	if (io->error)
		return net_error(io->error, "receive", e);
	if (n == 0)
		return end_of_stream(e);
	return is_would_block(error) ? 0 : net_error(error, "receive", e);
}

static ssize_t send_some(struct io *io, const void *data, size_t len)
{
	if (io->is_socket)
		return send(io->fd, data, len, MSG_NOSIGNAL);
	return write(io->fd, data, len);
}

ssize_t io_try_write(struct io *io, const void *data, size_t len, struct err *e)
{
	ssize_t n;
	int error;

	if (io->aborted)
		return aborted_error("send", e);
	if (io->error)
		return net_error(io->error, "send", e);
	n = send_some(io, data, len);
	error = errno;
	if (n >= 0)
		return n;
	io->ready &= ~IO_WRITABLE;
	return is_would_block(error) ? 0 : net_error(error, "send", e);
}

ssize_t io_read(struct io *io, void *data, size_t room, const char *label, struct deadline d,
                struct err *e)
{
	ssize_t n;

	if (fiber_breathe(e) < 0)
		return err_wrap(e, "%s", label);
	while ((n = io_try_read(io, data, room, e)) == 0 && room > 0)
		if (io_wait(io, IO_READABLE, label, d, e) < 0)
			return e->kind;
	return n < 0 ? err_wrap(e, "%s", label) : n;
}

int io_write_all(struct io *io, const void *data, size_t len, const char *label, struct deadline d,
                 struct err *e)
{
	const char *rest = data;
	ssize_t n;

	while (len > 0) {
		if (fiber_breathe(e) < 0)
			return err_wrap(e, "%s", label);
		n = io_try_write(io, rest, len, e);
		if (n < 0)
			return err_wrap(e, "%s", label);
		if (n == 0 && io_wait(io, IO_WRITABLE, label, d, e) < 0)
			return e->kind;
		rest += n;
		len -= (size_t)n;
	}
	return 0;
}

/* ---- beginning and end --------------------------------------------------------------------- */

static bool fd_is_socket(int fd)
{
	socklen_t size = sizeof(int);
	int type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

int io_adopt(int fd, struct io **out, struct err *e)
{
	struct io *io = mem_new_of(struct io);
	int r = uv_poll_init(worker_loop(fiber_worker()), &io->poll, fd);

	if (r < 0) {
		free(io);
		return err_set(e, ERR_LOCAL, "LOCAL-POLL", -r, "watch descriptor %d: %s", fd,
		               uv_strerror(r));
	}
	io->poll.data = io;
	io->fd = fd; /* uv_poll_init() has made it non-blocking */
	io->is_socket = fd_is_socket(fd);
	list_init(&io->waiters);
	signal_init(&io->closed);
	*out = io;
	return 0;
}

int io_fd(const struct io *io)
{
	return io->fd;
}

void io_abort(struct io *io)
{
	io->aborted = true;
	if (io->is_socket)
		(void)shutdown(io->fd, SHUT_RDWR); /* fails when it has ended already */
	(void)wake_waiters(io, IO_READABLE | IO_WRITABLE);
}

static void on_closed(uv_handle_t *h)
{
	struct io *io = h->data;

	io->has_closed = true;
	signal_raise(&io->closed);
}

void io_close(struct io *io)
{
	if (!io)
		return;
	assert(list_is_empty(&io->waiters));
	uv_close((uv_handle_t *)&io->poll, on_closed); /* stops watching at once, so that … */
	(void)close(io->fd); /* … the number may be used again; a socket's close loses nothing */
	fiber_shield_begin();
	while (!io->has_closed)
		(void)fiber_await(&io->closed, "a descriptor to close", deadline_never());
	fiber_shield_end();
	free(io);
}
