#include "adapters/sftp/channel.h"

#include <stddef.h>

#include "adapters/diagnosis.h"
#include "adapters/sftp/opening.h"
#include "adapters/sftp/rekey.h"
#include "adapters/trace_step.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

enum { BREATHE_BYTES = 1024 * 1024 };

struct channel {
	struct stream stream;
	struct ssh *ssh;
	LIBSSH2_CHANNEL *lib;
	size_t since_breath; /* bytes moved since others had their turn */
	bool ended;
};

static struct channel *channel_of(struct stream *s)
{
	return (struct channel *)(void *)((char *)s - offsetof(struct channel, stream));
}

/* ---- opening ------------------------------------------------------------------------------- */

/* RFC 4254 §5.2: how much each side may send before the other makes room. */
static void trace_windows(const struct channel *c, const char *when)
{
	unsigned long initial = 0;
	unsigned long left = libssh2_channel_window_read_ex(c->lib, NULL, &initial);

	TRACE(c->ssh->trace, TRACE_CONNECTION,
	      "%s: the server may send %lu bytes (window %lu), we may send %lu", when, left,
	      initial, libssh2_channel_window_write_ex(c->lib, NULL));
}

static struct deadline request_time(const struct channel *c)
{
	return deadline_in(c->ssh->endpoint->timeouts.request_ms);
}

static int open_session(struct channel *c, struct err *e)
{
	static const struct opening session = {.type = "session",
	                                       .label = "the session channel",
	                                       .phase = SSH_CHANNEL,
	                                       .window = CHANNEL_WINDOW,
	                                       .packet = CHANNEL_PACKET};
	int r = opening_run(c->ssh, &session, request_time(c), &c->lib, e);

	if (r != LIBSSH2_ERROR_CHANNEL_FAILURE)
		return r;
	return diagnosis_no_channel(c->ssh->endpoint->user, opening_words(c->ssh), r, e);
}

static int start_subsystem(struct channel *c, const char *name, struct err *e)
{
	struct deadline d = request_time(c);
	struct ssh *s = c->ssh;
	int rc;

	do {
		transport_begin(s->transport);
		rc = libssh2_channel_process_startup(c->lib, "subsystem", sizeof("subsystem") - 1,
		                                     name, (unsigned)strlen(name));
	} while (rc == LIBSSH2_ERROR_EAGAIN &&
	         transport_await(s->transport, "the SFTP subsystem", d, e) == 0);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return ssh_interrupted(s, SSH_CHANNEL, s->endpoint->timeouts.request_ms, e);
	if (rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED)
		return diagnosis_no_subsystem(s->endpoint->user, name, e);
	return rc ? ssh_failed(s, SSH_CHANNEL, rc, e) : 0;
}

/* ---- the stream ---------------------------------------------------------------------------- */

/* What a subsystem that could not start has to say goes to standard error. */
static void trace_end(struct channel *c)
{
	char words[512], text[ESCAPE_ROOM];
	ssize_t n;

	if (c->ended)
		return;
	c->ended = true;
	trace_windows(c, "at the channel's end");
	transport_begin(c->ssh->transport);
	n = libssh2_channel_read_ex(c->lib, SSH_EXTENDED_DATA_STDERR, words, sizeof(words));
	TRACE(c->ssh->trace, TRACE_CONNECTION, "channel ended by the server, status %d: %s",
	      libssh2_channel_get_exit_status(c->lib),
	      n > 0 ? escape(words, (size_t)n, text, sizeof(text)) : "no words");
}

/* Others get their turn about every MiB. A cancel that arrives here is left to the next await: what
 * was moved must be told. */
static void breathe(struct channel *c, size_t moved)
{
	struct err ignored;

	c->since_breath += moved;
	if (c->since_breath < BREATHE_BYTES)
		return;
	c->since_breath = 0;
	(void)fiber_breathe(&ignored);
}

/* libssh2 returns 0 also after a packet that was not for us: only eof tells the end, and it is
 * looked at after "again" too, because libssh2 does not. */
static ssize_t read_once(struct channel *c, void *data, size_t room)
{
	ssize_t n;

	do {
		transport_begin(c->ssh->transport);
		n = libssh2_channel_read_ex(c->lib, 0, data, room);
	} while (n == 0 && libssh2_channel_eof(c->lib) == 0);
	if (n == LIBSSH2_ERROR_EAGAIN && libssh2_channel_eof(c->lib) == 1)
		return 0;
	return n;
}

static ssize_t stream_read(struct stream *stream, void *data, size_t room, const char *label,
                           struct deadline d, struct err *e)
{
	struct channel *c = channel_of(stream);
	ssize_t n;

	if (c->ended)
		return 0;
	while ((n = read_once(c, data, room)) == LIBSSH2_ERROR_EAGAIN)
		if (transport_await(c->ssh->transport, label, d, e) < 0)
			return ssh_interrupted(c->ssh, SSH_OPEN, 0, e);
	if (n < 0)
		return ssh_failed(c->ssh, SSH_OPEN, (int)n, e);
	if (rekey_look(c->ssh, e) < 0)
		return e->kind;
	if (n == 0)
		trace_end(c);
	else
		breathe(c, (size_t)n);
	return n;
}

/* Some bytes, 0 = try again at once, or libssh2's code. */
static ssize_t write_once(struct channel *c, const unsigned char *data, size_t n)
{
	transport_begin(c->ssh->transport);
	return libssh2_channel_write_ex(c->lib, 0, (const char *)data, n);
}

/* Once per stop: the server has not made room for what we want to send. */
static void trace_full(struct channel *c)
{
	if (trace_wants(c->ssh->trace, TRACE_CONNECTION) &&
	    libssh2_channel_window_write_ex(c->lib, NULL) == 0)
		trace_windows(c, "waiting for the server's window");
}

static int write_all(struct channel *c, const unsigned char *data, size_t n, const char *label,
                     struct deadline d, struct err *e)
{
	struct transport *t = c->ssh->transport;

	while (n) {
		ssize_t took = write_once(c, data, n);

		if (took == LIBSSH2_ERROR_EAGAIN) {
			if (libssh2_channel_eof(c->lib) == 1)
				return ssh_failed(c->ssh, SSH_OPEN, LIBSSH2_ERROR_CHANNEL_CLOSED,
				                  e);
			trace_full(c);
			if (transport_await(t, label, d, e) < 0)
				return ssh_interrupted(c->ssh, SSH_OPEN, 0, e);
			continue;
		}
		if (took < 0)
			return ssh_failed(c->ssh, SSH_OPEN, (int)took, e);
		data += took;
		n -= (size_t)took;
		breathe(c, (size_t)took);
	}
	return 0;
}

static int stream_write(struct stream *stream, const void *data, size_t n, const char *label,
                        struct deadline d, struct err *e)
{
	struct channel *c = channel_of(stream);

	if (transport_check(c->ssh->transport, e) < 0)
		return ssh_interrupted(c->ssh, SSH_OPEN, 0, e);
	if (transport_await_room(c->ssh->transport, label, d, e) < 0)
		return ssh_interrupted(c->ssh, SSH_OPEN, 0, e);
	if (write_all(c, data, n, label, d, e) == 0)
		return 0;
	/* a part may have gone: the peer would take what follows for the rest of it */
	transport_kill(c->ssh->transport, e);
	return e->kind;
}

static void stream_abort(struct stream *stream)
{
	struct err e;

	(void)err_set(&e, ERR_CANCELED, "SSH-CLOSED", 0, "the connection was closed");
	transport_kill(channel_of(stream)->ssh->transport, &e);
}

static const struct stream_ops channel_ops = {
        .read = stream_read,
        .write = stream_write,
        .abort = stream_abort,
};

int channel_open(struct ssh *s, const char *subsystem, struct channel **out, struct err *e)
{
	struct channel *c = mem_new_of(struct channel);

	c->stream.ops = &channel_ops;
	c->ssh = s;
	trace_step(s->trace, TRACE_STEP_SUBSYSTEM);
	if (open_session(c, e) < 0 || start_subsystem(c, subsystem, e) < 0) {
		/* what libssh2 has of it goes with the session */
		free(c);
		return e->kind;
	}
	TRACE(s->trace, TRACE_CONNECTION, "subsystem %s is open", subsystem);
	trace_windows(c, "channel");
	*out = c;
	return 0;
}

/* ---- forwarded connections ----------------------------------------------------------------- */

static int open_forward(struct channel *c, const char *host, int port, struct err *e)
{
	struct buf message;
	int r;

	buf_init(&message, 1024);
	opening_put_target(&message, host, port, 0);
	r = opening_run(c->ssh,
	                &(struct opening){.type = "direct-tcpip",
	                                  .label = "the forwarded connection",
	                                  .phase = SSH_CHANNEL,
	                                  .window = CHANNEL_WINDOW,
	                                  .packet = CHANNEL_PACKET,
	                                  .message = buf_data(&message),
	                                  .message_bytes = buf_len(&message)},
	                request_time(c), &c->lib, e);
	buf_release(&message);
	if (r != LIBSSH2_ERROR_CHANNEL_FAILURE)
		return r;
	return diagnosis_no_forward(host, port, opening_words(c->ssh), e);
}

int channel_open_forward(struct ssh *s, const char *host, int port, struct channel **out,
                         struct err *e)
{
	struct channel *c = mem_new_of(struct channel);

	c->stream.ops = &channel_ops;
	c->ssh = s;
	if (open_forward(c, host, port, e) < 0) {
		free(c); /* what libssh2 has of it goes with the session */
		return e->kind;
	}
	TRACE(s->trace, TRACE_CONNECTION, "forwarded connection to %s port %d is open", host, port);
	*out = c;
	return 0;
}

/* ---- without waiting ----------------------------------------------------------------------- */

ssize_t channel_try_read(struct channel *c, void *data, size_t room, struct err *e)
{
	ssize_t n = c->ended ? 0 : read_once(c, data, room);

	if (n == LIBSSH2_ERROR_EAGAIN)
		return transport_check(c->ssh->transport, e) < 0
		               ? ssh_interrupted(c->ssh, SSH_OPEN, 0, e)
		               : 0;
	if (n < 0)
		return ssh_failed(c->ssh, SSH_OPEN, (int)n, e);
	if (n == 0) {
		trace_end(c);
		return err_set(e, ERR_NETWORK, "NET-EOF", 0,
		               "the other side closed the connection");
	}
	return n;
}

ssize_t channel_try_write(struct channel *c, const void *data, size_t n, struct err *e)
{
	ssize_t took;

	if (transport_check(c->ssh->transport, e) < 0)
		return ssh_interrupted(c->ssh, SSH_OPEN, 0, e);
	if (!transport_has_room(c->ssh->transport))
		return 0;
	do {
		took = write_once(c, data, n);
	} while (took == 0 && n);
	if (took == LIBSSH2_ERROR_EAGAIN && libssh2_channel_eof(c->lib) == 1)
		took = LIBSSH2_ERROR_CHANNEL_CLOSED;
	if (took == LIBSSH2_ERROR_EAGAIN)
		return 0;
	if (took < 0)
		return ssh_failed(c->ssh, SSH_OPEN, (int)took, e);
	return took;
}

int channel_wait(struct channel *c, int want, const char *label, struct err *e)
{
	struct transport *t = c->ssh->transport;
	int r;

	if ((want & IO_WRITABLE) && !transport_has_room(t))
		r = transport_await_room(t, label, deadline_never(), e);
	else
		r = transport_await(t, label, deadline_never(), e);
	return r < 0 ? ssh_interrupted(c->ssh, SSH_OPEN, 0, e) : 0;
}

/* ---- as a stream --------------------------------------------------------------------------- */

struct stream *channel_stream(struct channel *c)
{
	return &c->stream;
}

void channel_free(struct channel *c)
{
	free(c);
}
