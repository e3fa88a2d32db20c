#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/runtime/io.h"
#include "daemon/runtime/net_error.h"

/* A silent death of the peer is noticed within KEEP_IDLE_S + KEEP_PROBES * KEEP_EVERY_S. */
enum { KEEP_IDLE_S = 30, KEEP_EVERY_S = 10, KEEP_PROBES = 3 };

struct place {
	char text[96]; /* "connect to 192.0.2.7 port 22" */
};

static void describe(const struct sockaddr *addr, socklen_t len, struct place *out)
{
	char host[64], port[8];

	if (getnameinfo(addr, len, host, sizeof(host), port, sizeof(port),
	                NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		(void)snprintf(out->text, sizeof(out->text), "connect to %s port %s", host, port);
	else /* a unix socket; its path is known to the caller, who wraps the error */
		(void)snprintf(out->text, sizeof(out->text), "connect");
}

static void set_option(int fd, int level, int option, int value)
{
	/* Refused by sockets that are not TCP, which need none of it. */
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

static void tune(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EVERY_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES);
}

static int silent(struct err *e)
{
	char words[ERR_MESSAGE_BYTES];

	memcpy(words, e->message, sizeof(words));
	return err_set(
	        e, ERR_NETWORK, "NET-TIMEOUT", 0,
	        "%.600s: no answer. The machine is down, or a firewall drops what we send: ask "
	        "the partner whether our address is allowed",
	        words);
}

/* Writing nothing tells the outcome, with the error the loop may have taken out of the socket. */
static int outcome(struct io *io, const struct place *p, struct deadline d, struct err *e)
{
	int error = 0;
	socklen_t size = sizeof(error);
	struct err inner;

	if (io_wait(io, IO_WRITABLE, p->text, d, e) < 0) {
		if (e->kind == ERR_NETWORK)
			return silent(e);
		return e->kind;
	}
	if (io_try_write(io, "", 0, &inner) < 0)
		return net_error(inner.native, p->text, e);
	if (getsockopt(io_fd(io), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error)
		return net_error(error, p->text, e);
	return 0;
}

/* The port is chosen with the connection, so that one address of ours has room for all partners. */
static int bind_source(int fd, const struct io_ends *ends, const struct place *p, struct err *e)
{
	char host[64] = "?";
	int error;

	if (!ends->local)
		return 0;
	set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	if (bind(fd, ends->local, ends->local_bytes) == 0)
		return 0;
	error = errno;
	(void)getnameinfo(ends->local, ends->local_bytes, host, sizeof(host), NULL, 0,
	                  NI_NUMERICHOST); /* "?" where it fails */
	if (error == EADDRNOTAVAIL)
		return err_set(e, ERR_CONFIG, "NET-SOURCE", error,
		               "%s: this machine has no address %s; correct bind_address (`ip "
		               "address` lists what there is)",
		               p->text, host);
	return net_error(error, p->text, e);
}

static int open_socket(const struct io_ends *ends, const struct place *p, struct err *e)
{
	int fd = socket(ends->remote->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0)
		return net_error(errno, p->text, e);
	tune(fd);
	if (bind_source(fd, ends, p, e) < 0) {
		(void)close(fd); /* never connected: nothing can be lost */
		return e->kind;
	}
	if (connect(fd, ends->remote, ends->remote_bytes) == 0 || errno == EINPROGRESS)
		return fd;
	error = errno;
	(void)close(fd); /* never connected: nothing can be lost */
	return net_error(error, p->text, e);
}

int io_connect_from(const struct io_ends *ends, struct deadline d, struct io **out, struct err *e)
{
	struct place p;
	struct io *io;
	int fd;

	if (fiber_is_canceled())
		return err_set(e, ERR_CANCELED, "CANCELED", 0, "cancelled before connecting");
	describe(ends->remote, ends->remote_bytes, &p);
	fd = open_socket(ends, &p, e);
	if (fd < 0)
		return e->kind;
	if (io_adopt(fd, &io, e) < 0) {
		(void)close(fd); /* never used: nothing can be lost */
		return e->kind;
	}
	if (outcome(io, &p, d, e) < 0) {
		io_close(io);
		return e->kind;
	}
	*out = io;
	return 0;
}

int io_connect(const struct sockaddr *addr, socklen_t len, struct deadline d, struct io **out,
               struct err *e)
{
	return io_connect_from(&(struct io_ends){.remote = addr, .remote_bytes = len}, d, out, e);
}
