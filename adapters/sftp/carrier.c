#include "adapters/sftp/carrier.h"

#include "daemon/base/mem.h"
#include "daemon/base/text.h"

struct socket_carrier {
	struct carrier carrier; /* first */
	struct io *io;
};

static struct io *io_of(struct carrier *c)
{
	return ((struct socket_carrier *)(void *)c)->io;
}

static ssize_t try_read(struct carrier *c, void *data, size_t room, struct err *e)
{
	return io_try_read(io_of(c), data, room, e);
}

static ssize_t try_write(struct carrier *c, const void *data, size_t n, struct err *e)
{
	return io_try_write(io_of(c), data, n, e);
}

static int await(struct carrier *c, int want, const char *label, struct err *e)
{
	return io_wait(io_of(c), want, label, deadline_never(), e);
}

static void abort_socket(struct carrier *c)
{
	io_abort(io_of(c));
}

static void close_socket(struct carrier *c)
{
	io_close(io_of(c));
	free(c);
}

static const struct carrier_ops socket_ops = {
        .try_read = try_read,
        .try_write = try_write,
        .wait = await,
        .abort = abort_socket,
        .close = close_socket,
};

struct carrier *carrier_socket(struct io *io)
{
	struct socket_carrier *c = mem_new_of(struct socket_carrier);

	c->carrier.ops = &socket_ops;
	c->carrier.fd = io_fd(io);
	c->carrier.short_is_all = true;
	c->io = io;
	return &c->carrier;
}

bool carrier_is_blamed(const struct err *e)
{
	return e->code && (text_starts(e->code, "SSH-VIA-") || text_starts(e->code, "PROXY-"));
}
