#include "adapters/sftp/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapters/sftp/forward_state.h"
#include "adapters/sftp/opening.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

enum {
	KEEPALIVE_LEAST_MS = 2000, /* libssh2 counts seconds, and takes one for two */
	PUMP_WINDOW = 64 * 1024,
};

struct listeners {
	struct forward forward;
	struct {
		struct io *io;         /* here */
		LIBSSH2_LISTENER *lib; /* at the server */
	} of[TUNNELS_MAX];
	LIBSSH2_CHANNEL *pump;
	int64_t asked_ms; /* keepalive: when, and how much had come by then */
	uint64_t asked_received;
};

/* ---- listening here ------------------------------------------------------------------------ */

static void set_port(struct sockaddr *a, int port)
{
	if (a->sa_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)a)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)(void *)a)->sin_port = htons((uint16_t)port);
}

static int bind_socket(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* or bind tells */
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, FORWARD_BACKLOG) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static int port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = {.v6 = {0}};
	socklen_t n = sizeof(a);

	if (getsockname(fd, &a.any, &n) < 0)
		return 0;
	return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

static int no_own_address(const struct tunnel_config *c, struct err *e)
{
	char words[ERR_MESSAGE_BYTES];

	if (e->kind == ERR_CANCELED)
		return e->kind;
	(void)snprintf(words, sizeof(words), "%s", e->message);
	return err_set(e, ERR_LOCAL, "TUNNEL-LISTEN", e->native,
	               "cannot listen on %s port %d for a tunnel: %s", c->listen_host,
	               c->listen_port, words);
}

static int listen_here(struct listeners *l, size_t i, struct err *e)
{
	struct tunnel_state *t = l->forward.what->tunnels[i];
	const struct tunnel_config *c = t->settings;
	struct addrinfo *all;
	int fd = -1;

	/* the resolver takes no port 0 */
	if (work_resolve(c->listen_host, 1, deadline_in(10000), &all, e) < 0)
		return no_own_address(c, e);
	for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next) {
		set_port(a->ai_addr, c->listen_port);
		fd = bind_socket(a);
	}
	if (fd < 0)
		(void)err_errno(e, ERR_LOCAL, "TUNNEL-LISTEN",
		                "cannot listen on %s port %d for a tunnel", c->listen_host,
		                c->listen_port);
	freeaddrinfo(all);
	if (fd < 0)
		return e->kind;
	t->port = port_of(fd);
	return io_adopt(fd, &l->of[i].io, e);
}

struct accepting {
	struct listeners *listeners;
	size_t i;
};

static void accept_fiber(void *arg)
{
	struct accepting *a = arg;
	struct listeners *l = a->listeners;
	struct tunnel_state *t = l->forward.what->tunnels[a->i];
	struct io *io = l->of[a->i].io, *client;
	struct err e;

	free(a);
	while (io_wait(io, IO_READABLE, "clients of a tunnel", deadline_never(), &e) >= 0) {
		int fd = accept4(io_fd(io), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0 && io_adopt(fd, &client, &e) == 0)
			forward_link_start(&l->forward, t, client, NULL);
		else if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR &&
		         fiber_sleep(100, "free descriptors", &e) < 0)
			break;
	}
}

/* ---- listening at the server --------------------------------------------------------------- */

static int listen_refused(struct tunnel_state *t, int rc, struct err *e)
{
	const struct tunnel_config *c = t->settings;

	return err_set(e, ERR_NETWORK, "TUNNEL-REFUSED", rc,
	               "the server does not listen on %s port %d for us: the port is taken there, "
	               "or AllowTcpForwarding, PermitListen or GatewayPorts forbid it (ask the "
	               "partner), or it is below 1024",
	               c->listen_host, c->listen_port);
}

static int listen_there(struct listeners *l, size_t i, struct err *e)
{
	struct ssh *s = l->forward.ssh;
	struct tunnel_state *t = l->forward.what->tunnels[i];
	struct deadline d = deadline_in(s->endpoint->timeouts.request_ms);
	int rc, port = 0;

	do {
		transport_begin(s->transport);
		l->of[i].lib = libssh2_channel_forward_listen_ex(s->lib, t->settings->listen_host,
		                                                 t->settings->listen_port, &port,
		                                                 FORWARD_QUEUE);
		rc = l->of[i].lib ? 0 : libssh2_session_last_errno(s->lib);
	} while (rc == LIBSSH2_ERROR_EAGAIN &&
	         transport_await(s->transport, "a listener at the server", d, e) == 0);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return ssh_interrupted(s, SSH_TUNNEL, s->endpoint->timeouts.request_ms, e);
	if (rc == LIBSSH2_ERROR_REQUEST_DENIED)
		return listen_refused(t, rc, e);
	if (rc)
		return ssh_failed(s, SSH_TUNNEL, rc, e);
	t->port = port ? port : t->settings->listen_port;
	return 0;
}

/* Reads what the server sends as a side effect. */
static void accept_there(struct listeners *l, size_t i)
{
	struct tunnel_state *t = l->forward.what->tunnels[i];
	LIBSSH2_CHANNEL *lib;

	do {
		transport_begin(l->forward.ssh->transport);
		lib = libssh2_channel_forward_accept(l->of[i].lib);
		if (lib)
			forward_link_start(&l->forward, t, NULL, lib);
	} while (lib && forward_may_refuse(&l->forward));
}

/* ---- the session while nobody uses it ------------------------------------------------------ */

/* libssh2 answers the server's requests only while somebody reads. Where nothing listens at the
 * server, a channel on which nothing is started is read; an account without sessions has none, and
 * its connection may be cut when idle, and is made again. */
static int open_pump(struct listeners *l, struct err *e)
{
	static const struct opening session = {.type = "session",
	                                       .label = "a session channel",
	                                       .phase = SSH_TUNNEL,
	                                       .window = PUMP_WINDOW,
	                                       .packet = FORWARD_PACKET};
	int r;

	for (size_t i = 0; i < l->forward.what->count; i++)
		if (l->of[i].lib)
			return 0;
	r = opening_run(l->forward.ssh, &session, deadline_never(), &l->pump, e);
	return r == LIBSSH2_ERROR_CHANNEL_FAILURE ? 0 : r;
}

static void read_pump(struct listeners *l)
{
	char byte[256];

	transport_begin(l->forward.ssh->transport);
	if (l->pump)
		(void)libssh2_channel_read_ex(l->pump, 0, byte, sizeof(byte)); /* says nothing */
}

static uint64_t received(const struct listeners *l)
{
	struct transport_evidence seen;

	transport_evidence(l->forward.ssh->transport, &seen);
	return seen.received;
}

/* Whoever has sent something since we asked is there. The answer itself stays with libssh2, some
 * hundred bytes a minute; that is why nothing is requested after the listeners. */
static int ask_for_life(struct listeners *l, struct err *e)
{
	struct ssh *s = l->forward.ssh;
	int64_t now = clock_mono_ms(), every = s->endpoint->keepalive_ms;
	int next;

	if (!every || now - l->asked_ms < (every < KEEPALIVE_LEAST_MS ? KEEPALIVE_LEAST_MS : every))
		return 0;
	if (l->asked_ms && received(l) == l->asked_received) {
		(void)err_set(e, ERR_NETWORK, "SSH-LOST", 0,
		              "the server does not answer any more: nothing came for %lld s",
		              (long long)((now - l->asked_ms) / 1000));
		transport_kill(s->transport, e);
		return e->kind;
	}
	l->asked_ms = now;
	l->asked_received = received(l);
	transport_begin(s->transport);
	(void)libssh2_keepalive_send(s->lib, &next); /* a failure shows at the next look */
	return 0;
}

static int serve(struct listeners *l, struct err *e)
{
	struct ssh *s = l->forward.ssh;
	int64_t every = s->endpoint->keepalive_ms;

	if (every < KEEPALIVE_LEAST_MS)
		every = KEEPALIVE_LEAST_MS;
	libssh2_keepalive_config(s->lib, 1, (unsigned)(every / 1000));
	for (;;) {
		forward_collect(&l->forward);
		for (size_t i = 0; i < l->forward.what->count; i++)
			if (l->of[i].lib && forward_may_refuse(&l->forward))
				accept_there(l, i);
		read_pump(l);
		if (transport_check(s->transport, e) < 0 || ask_for_life(l, e) < 0)
			return e->kind;
		if (transport_await(s->transport, "connections of tunnels", deadline_in(every), e) <
		            0 &&
		    strcmp(e->code, "TIMEOUT") != 0)
			return e->kind;
	}
}

/* ---- the whole ----------------------------------------------------------------------------- */

static bool is_of_one_tunnel(const struct err *e)
{
	return strcmp(e->code, "TUNNEL-LISTEN") == 0 || strcmp(e->code, "TUNNEL-REFUSED") == 0;
}

/* Those that cannot listen keep their error in `why`; fails with the connection. */
static int listen_all(struct listeners *l, struct err *why, struct err *e)
{
	const struct forwarding *f = l->forward.what;

	for (size_t i = 0; i < f->count; i++) {
		int r = f->tunnels[i]->settings->side == TUNNEL_HERE ? listen_here(l, i, e)
		                                                     : listen_there(l, i, e);

		if (r < 0 && !is_of_one_tunnel(e))
			return r;
		if (r < 0)
			why[i] = *e;
	}
	return 0;
}

/* Each with its own reason; the connection's is that of the first. */
static int none_listens(struct listeners *l, const struct err *why, struct err *e)
{
	const struct forwarding *f = l->forward.what;

	for (size_t i = 0; f->count > 1 && i < f->count; i++)
		f->tunnels[i]->last = why[i];
	*e = why[0];
	if (f->count == 1)
		return e->kind;
	return err_set(e, why[0].kind, why[0].code, why[0].native,
	               "none of %zu tunnels can listen; of the first: %s", f->count,
	               why[0].message);
}

static void start_listener(struct listeners *l, size_t i)
{
	struct tunnel_state *t = l->forward.what->tunnels[i];
	struct accepting *a;

	t->is_listening = true;
	t->last = (struct err){0};
	if (!l->of[i].io)
		return;
	a = mem_new_of(struct accepting);
	*a = (struct accepting){l, i};
	group_start(&l->forward.fibers, "tunnel listener", accept_fiber, a);
}

static int start(struct listeners *l, const struct err *why, struct err *e)
{
	struct forwarding *f = l->forward.what;
	size_t refused = 0;

	for (size_t i = 0; i < f->count; i++)
		refused += why[i].kind != 0;
	if (refused == f->count)
		return none_listens(l, why, e);
	if (open_pump(l, e) < 0)
		return e->kind;
	for (size_t i = 0; i < f->count; i++)
		if (why[i].kind)
			f->refused(f->arg, f->tunnels[i], &why[i]);
		else
			start_listener(l, i);
	f->up(f->arg);
	return 0;
}

static int begin(struct listeners *l, struct err *e)
{
	struct err *why _cleanup_free_ = mem_new_array(TUNNELS_MAX, sizeof(*why));
	int r = listen_all(l, why, e);

	return r < 0 ? r : start(l, why, e);
}

/* What libssh2 has of listeners and the pump goes with the session. */
static void end(struct listeners *l)
{
	struct err e;

	(void)err_set(&e, ERR_CANCELED, "SSH-CLOSED", 0, "the tunnels end");
	transport_kill(l->forward.ssh->transport, &e);
	group_cancel(&l->forward.fibers);
	group_wait(&l->forward.fibers, "connections of tunnels to end");
	for (size_t i = 0; i < l->forward.what->count; i++)
		io_close(l->of[i].io);
}

int forward_run(struct ssh *s, struct forwarding *f, struct err *e)
{
	struct listeners *l = mem_new_of(struct listeners);
	int r;

	l->forward.ssh = s;
	l->forward.what = f;
	group_init(&l->forward.fibers, fiber_worker());
	forward_refuse_init(&l->forward);
	r = begin(l, e);
	if (r == 0)
		r = serve(l, e);
	if (strcmp(e->code, "SSH-LOST") == 0)
		r = ssh_interrupted(s, SSH_TUNNEL, 0, e);
	if (f->slow) {
		*e = l->forward.slow;
		r = e->kind;
	}
	end(l);
	free(l);
	return r;
}
