/*
 * One connection through a tunnel.
 */
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "adapters/sftp/forward_state.h"
#include "adapters/sftp/opening.h"
#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/race.h"
#include "daemon/runtime/work.h"

enum { PIECE_BYTES = 32 * 1024, CLOSE_MS = 5000 };

struct link_task {
	struct forward *forward;
	struct tunnel_state *tunnel;
	struct io *io;
	LIBSSH2_CHANNEL *lib;
	struct group way_up;
	struct fiber *way_down;
};

void forward_tell(struct forward *f, struct tunnel_state *t, const struct err *e)
{
	if (!t->last.kind || strcmp(t->last.code, e->code) != 0)
		log_warn("tunnel does not carry a connection",
		         "endpoint=%s listen=%s port=%d code=%s error=\"%s\"",
		         f->ssh->endpoint->name, t->settings->listen_host, t->port, e->code,
		         e->message);
	TRACE(f->ssh->trace, TRACE_CONNECTION, "tunnel %s port %d: %s: %s",
	      t->settings->listen_host, t->port, e->code, e->message);
	t->last = *e;
}

/* ---- the server's side --------------------------------------------------------------------- */

static int refused_by_server(const struct link_task *l, int rc, const char *words, struct err *e)
{
	const struct tunnel_config *c = l->tunnel->settings;
	char host[ESCAPE_ROOM], said[ESCAPE_ROOM];

	(void)escape(c->to_host, strlen(c->to_host), host, 80);
	(void)escape(words, strlen(words), said, 120);
	if (strstr(words, "prohibited"))
		return err_set(e, ERR_POLICY, "TUNNEL-REFUSED", rc,
		               "the server does not allow tunnels to %s port %d for this account: "
		               "ask the partner for AllowTcpForwarding and PermitOpen, or take the "
		               "tunnel out",
		               host, c->to_port);
	return err_set(e, ERR_NETWORK, "TUNNEL-TARGET", rc,
	               "the server cannot connect to %s port %d: %s", host, c->to_port, said);
}

/* Others had their turn for all of our time. Nothing was sent for this one. */
static int has_no_turn(const struct link_task *l, struct err *e)
{
	const struct tunnel_config *c = l->tunnel->settings;
	char host[ESCAPE_ROOM];

	(void)escape(c->to_host, strlen(c->to_host), host, 80);
	return err_set(e, ERR_BUSY, "TUNNEL-BUSY", 0,
	               "no turn within %.1f s for a connection to %s port %d: the connections of "
	               "these tunnels are opened one after another, and the server is slow to open "
	               "those before it. See which tunnel's target answers slowly",
	               (double)l->forward->ssh->endpoint->timeouts.request_ms / 1000.0, host,
	               c->to_port);
}

/* The connection is gone: libssh2 cannot take an opening back. */
static int is_slow(const struct link_task *l, struct err *e)
{
	const struct tunnel_config *c = l->tunnel->settings;
	char host[ESCAPE_ROOM];

	(void)escape(c->to_host, strlen(c->to_host), host, 80);
	(void)err_set(e, ERR_NETWORK, "TUNNEL-SLOW", 0,
	              "the server had not connected the tunnel at %s port %d to %s port %d within "
	              "%.1f s. See from the server whether anything answers there (a firewall that "
	              "drops?); where it needs longer raise `timeouts: {request: ...}`",
	              c->listen_host, l->tunnel->port, host, c->to_port,
	              (double)l->forward->ssh->endpoint->timeouts.request_ms / 1000.0);
	l->forward->slow = *e;
	l->forward->what->slow = l->tunnel;
	return e->kind;
}

static int no_channel(const struct link_task *l, int r, struct err *e)
{
	if (r == LIBSSH2_ERROR_CHANNEL_FAILURE)
		return refused_by_server(l, r, opening_words(l->forward->ssh), e);
	if (r != ERR_CANCELED && l->forward->what->slow)
		*e = l->forward->slow; /* it took this one with it */
	else if (strcmp(e->code, "TIMEOUT") == 0)
		return has_no_turn(l, e);
	else if (strcmp(e->code, "TUNNEL-SLOW") == 0)
		return is_slow(l, e);
	return e->kind;
}

static int connect_there(struct link_task *l, struct err *e)
{
	const struct tunnel_config *c = l->tunnel->settings;
	struct ssh *s = l->forward->ssh;
	struct deadline turn = deadline_in(s->endpoint->timeouts.request_ms);
	struct buf message;
	int r;

	buf_init(&message, 1024);
	opening_put_target(&message, c->to_host, c->to_port, l->tunnel->port);
	r = opening_run(s,
	                &(struct opening){.type = "direct-tcpip",
	                                  .label = "a channel for a tunnel",
	                                  .phase = SSH_TARGET,
	                                  .cancel = OPENING_STAYS,
	                                  .window = FORWARD_WINDOW,
	                                  .packet = FORWARD_PACKET,
	                                  .message = buf_data(&message),
	                                  .message_bytes = buf_len(&message)},
	                turn, &l->lib, e);
	buf_release(&message);
	return r == 0 ? 0 : no_channel(l, r, e);
}

/* Closes and frees; a server that does not answer in time loses the connection. */
static void free_channel(struct forward *f, LIBSSH2_CHANNEL *lib)
{
	struct transport *t = f->ssh->transport;
	struct deadline d = deadline_in(CLOSE_MS);
	struct err e;
	int rc;

	fiber_shield_begin();
	do {
		transport_begin(t);
		rc = libssh2_channel_free(lib);
	} while (rc == LIBSSH2_ERROR_EAGAIN &&
	         transport_await(t, "the close of a tunnel's channel", d, &e) == 0);
	fiber_shield_end();
	if (rc == LIBSSH2_ERROR_EAGAIN && !transport_is_over(t)) {
		(void)err_set(&e, ERR_NETWORK, "SSH-CHANNEL-TIMEOUT", 0,
		              "the server does not close a tunnel's channel");
		transport_kill(t, &e);
	}
}

/* ---- our side ------------------------------------------------------------------------------ */

static int connect_here(struct link_task *l, struct err *e)
{
	const struct tunnel_config *c = l->tunnel->settings;
	struct deadline d = deadline_in(l->forward->ssh->endpoint->timeouts.connect_ms);
	const struct race how = {.family = AF_UNSPEC};
	struct addrinfo *all;
	char words[ERR_MESSAGE_BYTES];
	int r = work_resolve(c->to_host, c->to_port, d, &all, e);

	if (r == 0) {
		r = race_connect(all, &how, d, &l->io, e);
		freeaddrinfo(all);
	}
	if (r == 0 || r == ERR_CANCELED)
		return r;
	(void)snprintf(words, sizeof(words), "%s", e->message);
	return err_set(e, ERR_NETWORK, "TUNNEL-TARGET", e->native,
	               "this machine cannot connect to %s port %d: %s", c->to_host, c->to_port,
	               words);
}

/* ---- bytes --------------------------------------------------------------------------------- */

static int write_channel(struct link_task *l, const char *data, size_t n, struct err *e)
{
	struct ssh *s = l->forward->ssh;

	while (n) {
		ssize_t took;

		if (transport_await_room(s->transport, "room for a tunnel", deadline_never(), e) <
		    0)
			return e->kind;
		transport_begin(s->transport);
		took = libssh2_channel_write_ex(l->lib, 0, data, n);
		if (took == LIBSSH2_ERROR_EAGAIN) {
			if (transport_await(s->transport, "the tunnel's other end",
			                    deadline_never(), e) < 0)
				return e->kind;
			continue;
		}
		if (took < 0)
			return err_set(e, ERR_NETWORK, "TUNNEL-CUT", (int)took,
			               "the channel was closed");
		data += took;
		n -= (size_t)took;
		l->tunnel->sent += (uint64_t)took;
	}
	return fiber_breathe(e);
}

/* Socket to channel, until the client has no more to say. Whoever is left waits without an end, as
 * the two programs do whose connection it is; cancel and the end of the session wake him. */
static int pump_up(struct link_task *l, char *piece, struct err *e)
{
	ssize_t n;

	while ((n = io_read(l->io, piece, PIECE_BYTES, "a tunnel's client", deadline_never(), e)) >
	       0)
		if (write_channel(l, piece, (size_t)n, e) < 0)
			return e->kind;
	if (n < 0 && strcmp(e->code, "NET-EOF") != 0)
		return (int)n;
	transport_begin(l->forward->ssh->transport);
	(void)libssh2_channel_send_eof(l->lib); /* a dead channel ends the way down too */
	return 0;
}

static void up_fiber(void *arg)
{
	struct link_task *l = arg;
	char *piece = mem_new(PIECE_BYTES);
	struct err e;
	int r = pump_up(l, piece, &e);

	if (r < 0)
		io_abort(l->io);
	/* the way down may be waiting for a target that has nothing to say to a client that is gone */
	if (r < 0 && r != ERR_CANCELED)
		fiber_cancel(l->way_down);
	free(piece);
}

/* > 0 bytes, 0 = the end, negative. */
static ssize_t read_channel(struct link_task *l, char *piece, struct err *e)
{
	struct transport *t = l->forward->ssh->transport;
	ssize_t n;

	for (;;) {
		transport_begin(t);
		n = libssh2_channel_read_ex(l->lib, 0, piece, PIECE_BYTES);
		if (n > 0)
			return n;
		if (libssh2_channel_eof(l->lib) == 1)
			return 0;
		if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
			return err_set(e, ERR_NETWORK, "TUNNEL-CUT", (int)n,
			               "the channel was closed");
		if (n == LIBSSH2_ERROR_EAGAIN &&
		    transport_await(t, "a tunnel's target", deadline_never(), e) < 0)
			return e->kind;
	}
}

/* Channel to socket, until the channel is closed: after the end of its bytes the client may still
 * send. */
static int pump_down(struct link_task *l, char *piece, struct err *e)
{
	struct transport *t = l->forward->ssh->transport;
	ssize_t n;
	int rc;

	while ((n = read_channel(l, piece, e)) > 0) {
		l->tunnel->received += (uint64_t)n;
		if (io_write_all(l->io, piece, (size_t)n, "a tunnel's client", deadline_never(),
		                 e) < 0 ||
		    fiber_breathe(e) < 0)
			return e->kind;
	}
	if (n < 0)
		return (int)n;
	(void)shutdown(io_fd(l->io), SHUT_WR); /* it may be gone: then reading tells */
	do {
		transport_begin(t);
		rc = libssh2_channel_wait_closed(l->lib);
	} while (rc == LIBSSH2_ERROR_EAGAIN &&
	         transport_await(t, "the end of a tunnel's client", deadline_never(), e) == 0);
	return rc;
}

static void carry(struct link_task *l)
{
	char *piece = mem_new(PIECE_BYTES);
	struct err e;

	l->way_down = fiber_self();
	group_init(&l->way_up, l->forward->fibers.worker);
	group_start(&l->way_up, "tunnel up", up_fiber, l);
	(void)pump_down(l, piece, &e); /* however it ended: both ends see their half of it */
	group_cancel(&l->way_up);
	group_wait(&l->way_up, "the way up");
	free(piece);
}

/* ---- its life ------------------------------------------------------------------------------ */

static void link_fiber(void *arg)
{
	struct link_task *l = arg;
	struct err e;
	int r = l->io ? connect_there(l, &e) : connect_here(l, &e);

	if (r == 0) {
		l->tunnel->opened++;
		carry(l);
	} else if (r != ERR_CANCELED) {
		l->tunnel->refused++;
		forward_tell(l->forward, l->tunnel, &e);
	}
	if (l->lib)
		free_channel(l->forward, l->lib);
	io_close(l->io);
	l->tunnel->open--;
	free(l);
}

static void tell_full(struct forward *f, struct tunnel_state *t)
{
	struct err e;

	t->refused++;
	(void)err_set(&e, ERR_BUSY, "TUNNEL-FULL", 0,
	              "%d connections are open, as many as the tunnel may have: raise its "
	              "`connections` if that is right",
	              t->open);
	forward_tell(f, t, &e);
}

void forward_link_start(struct forward *f, struct tunnel_state *t, struct io *io,
                        LIBSSH2_CHANNEL *lib)
{
	struct link_task *l;
	char name[96];

	if (t->open >= t->settings->connections) {
		tell_full(f, t);
		if (lib)
			forward_refuse(f, lib);
		io_close(io);
		return;
	}
	l = mem_new_of(struct link_task);
	*l = (struct link_task){.forward = f, .tunnel = t, .io = io, .lib = lib};
	t->open++;
	(void)snprintf(name, sizeof(name), "tunnel %s %d", f->ssh->endpoint->name, t->port);
	group_start(&f->fibers, name, link_fiber, l);
}
