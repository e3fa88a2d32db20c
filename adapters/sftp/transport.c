#include "adapters/sftp/transport.h"

#include <assert.h>
#include <errno.h>

#include "adapters/sftp/packet_dump.h"
#include "adapters/trace.h"
#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

enum {
	READ_BYTES = 128 * 1024,
	IN_MAX = 512 * 1024, /* the reader stops above; the kernel's buffer does the rest */
};

struct transport {
	struct carrier *carrier;
	struct trace *trace;
	struct group pumps;
	struct buf in, out;
	struct signal arrived;    /* bytes came or were consumed, or the end */
	struct signal in_room;    /* the reader may go on */
	struct signal out_filled; /* the writer has work */
	struct signal out_room;   /* below the mark for writers */

	bool dead, ended, trusted, flooded, spinning;
	struct err cause;     /* of death */
	struct err end_cause; /* of the stream's end; kind 0: the peer closed it in order */

	/* of the running call */
	size_t call_bytes, refusals;

	uint64_t received, consumed, sent;
	int64_t heard_ms; /* when something last came; clock_mono_ms() */
	struct identification identification;
	enum identification_state identification_state;
	struct kex_tap ours, theirs;
};

/* ---- the two pumps ------------------------------------------------------------------------- */

/* No more will come. What did come is still handed out: a reset often follows last words. */
static void end_stream(struct transport *t, const struct err *cause)
{
	if (!t->ended && cause->kind != ERR_CANCELED && strcmp(cause->code, "NET-EOF") != 0)
		t->end_cause = *cause;
	t->ended = true;
	signal_raise(&t->arrived);
	signal_raise(&t->out_room);
}

static bool is_full(const struct transport *t)
{
	return buf_len(&t->in) + READ_BYTES > IN_MAX;
}

/* Reads what is there. The room is reserved and filled without a wait between. */
static int read_some(struct transport *t, struct err *e)
{
	while (!is_full(t)) {
		unsigned char *room = buf_reserve(&t->in, READ_BYTES);
		ssize_t n = t->carrier->ops->try_read(t->carrier, room, READ_BYTES, e);

		if (n <= 0)
			return (int)n;
		buf_added(&t->in, (size_t)n);
		t->received += (uint64_t)n;
		t->heard_ms = clock_mono_ms();
		TRACE(t->trace, TRACE_SOCKET, "received %zd bytes", n);
		signal_raise(&t->arrived);
		if (n < READ_BYTES && t->carrier->short_is_all)
			return 0;
	}
	return 0;
}

/* Tries before it waits: a channel that carries us may hold bytes of which no news will come. */
static void pump_in(void *arg)
{
	struct transport *t = arg;
	struct err e = {0};
	int r = 0;

	while (r == 0 && !t->dead) {
		if (is_full(t)) {
			r = signal_wait(&t->in_room, "room for received bytes", deadline_never(),
			                &e);
			continue;
		}
		r = read_some(t, &e);
		if (r == 0 && !is_full(t))
			r = t->carrier->ops->wait(t->carrier, IO_READABLE, "bytes from the server",
			                          &e);
	}
	if (t->dead)
		return;
	TRACE(t->trace, TRACE_SOCKET, "receiving ended: %s", e.message);
	end_stream(t, &e);
}

static int write_some(struct transport *t, struct err *e)
{
	while (buf_len(&t->out)) {
		ssize_t n = t->carrier->ops->try_write(t->carrier, buf_data(&t->out),
		                                       buf_len(&t->out), e);

		if (n <= 0)
			return (int)n;
		buf_consume(&t->out, (size_t)n);
		t->sent += (uint64_t)n;
		TRACE(t->trace, TRACE_SOCKET, "sent %zd bytes", n);
		if (buf_len(&t->out) < TRANSPORT_OUT_HIGH)
			signal_raise(&t->out_room);
	}
	return 0;
}

static void pump_out(void *arg)
{
	struct transport *t = arg;
	struct err e = {0};
	int r = 0;

	while (r == 0 && !t->dead) {
		if (!buf_len(&t->out)) {
			r = signal_wait(&t->out_filled, "something to send", deadline_never(), &e);
			continue;
		}
		r = write_some(t, &e);
		if (r == 0 && buf_len(&t->out))
			r = t->carrier->ops->wait(t->carrier, IO_WRITABLE, "room in the socket",
			                          &e);
	}
	if (t->dead)
		return;
	TRACE(t->trace, TRACE_SOCKET, "sending ended: %s", e.message);
	end_stream(t, &e);
}

static void dump_ours(void *arg, const unsigned char *packet, size_t n)
{
	packet_dump(((struct transport *)arg)->trace, "we send", packet, n);
}

static void dump_theirs(void *arg, const unsigned char *packet, size_t n)
{
	packet_dump(((struct transport *)arg)->trace, "the server sends", packet, n);
}

struct transport *transport_new(struct carrier *carrier, struct trace *trace)
{
	struct transport *t = mem_new_of(struct transport);

	t->carrier = carrier;
	t->trace = trace;
	t->heard_ms = clock_mono_ms();
	buf_init(&t->in, IN_MAX + READ_BYTES);
	buf_init(&t->out, TRANSPORT_OUT_MAX);
	signal_init(&t->arrived);
	signal_init(&t->in_room);
	signal_init(&t->out_filled);
	signal_init(&t->out_room);
	kex_tap_init(&t->ours);
	kex_tap_init(&t->theirs);
	t->ours.on_packet = dump_ours;
	t->theirs.on_packet = dump_theirs;
	t->ours.arg = t->theirs.arg = t;
	group_init(&t->pumps, fiber_worker());
	group_start(&t->pumps, "ssh receive", pump_in, t);
	group_start(&t->pumps, "ssh send", pump_out, t);
	return t;
}

void transport_free(struct transport *t)
{
	struct err closed;

	if (!t)
		return;
	fiber_shield_begin();
	(void)err_set(&closed, ERR_CANCELED, "SSH-CLOSED", 0, "the connection was closed");
	transport_kill(t, &closed);
	group_cancel(&t->pumps);
	group_wait(&t->pumps, "end of an SSH connection");
	t->carrier->ops->close(t->carrier);
	fiber_shield_end();
	buf_release(&t->in);
	buf_release(&t->out);
	kex_tap_release(&t->ours);
	kex_tap_release(&t->theirs);
	free(t);
}

void transport_kill(struct transport *t, const struct err *cause)
{
	if (t->dead)
		return;
	t->dead = true;
	t->cause = *cause;
	t->carrier->ops->abort(t->carrier);
	signal_raise(&t->arrived);
	signal_raise(&t->in_room);
	signal_raise(&t->out_filled);
	signal_raise(&t->out_room);
}

bool transport_is_over(const struct transport *t)
{
	return t->dead || t->ended;
}

/* ---- around libssh2 calls ------------------------------------------------------------------ */

void transport_begin(struct transport *t)
{
	t->call_bytes = 0;
	t->refusals = 0;
}

static int failed_already(const struct transport *t, struct err *e)
{
	*e = t->cause;
	return e->kind;
}

static int lost(struct transport *t, struct err *e)
{
	if (carrier_is_blamed(&t->end_cause))
		*e = t->end_cause;
	else if (t->end_cause.kind)
		err_set(e, ERR_NETWORK, "SSH-LOST", t->end_cause.native, "connection lost: %s",
		        t->end_cause.message);
	else
		err_set(e, ERR_NETWORK, "SSH-LOST", 0, "the server closed the connection");
	transport_kill(t, e);
	return e->kind;
}

static int timed_out(const char *label, struct err *e)
{
	return err_set(e, ERR_NETWORK, "TIMEOUT", 0, "timed out waiting for %s", label);
}

int transport_await(struct transport *t, const char *label, struct deadline d, struct err *e)
{
	if (t->dead)
		return failed_already(t, e);
	if (buf_len(&t->in)) /* held back from the last call, for the others' sake */
		return deadline_left_ms(d) ? fiber_yield(e) : timed_out(label, e);
	if (t->ended)
		return lost(t, e);
	if (signal_wait(&t->arrived, label, d, e) < 0)
		return e->kind;
	return t->dead ? failed_already(t, e) : 0;
}

int transport_check(struct transport *t, struct err *e)
{
	if (t->dead)
		return failed_already(t, e);
	return t->ended ? lost(t, e) : 0;
}

int transport_await_room(struct transport *t, const char *label, struct deadline d, struct err *e)
{
	while (!t->dead && buf_len(&t->out) >= TRANSPORT_OUT_HIGH) {
		if (t->ended)
			return lost(t, e);
		if (signal_wait(&t->out_room, label, d, e) < 0)
			return e->kind;
	}
	return t->dead ? failed_already(t, e) : 0;
}

bool transport_has_room(const struct transport *t)
{
	return buf_len(&t->out) < TRANSPORT_OUT_HIGH;
}

void transport_trust(struct transport *t)
{
	t->trusted = true;
}

void transport_flush_now(struct transport *t)
{
	struct err ignored;

	if (!t->dead)
		(void)write_some(t, &ignored); /* the peer may be gone: nothing depends on it */
}

/* ---- libssh2's callbacks ------------------------------------------------------------------- */

static ssize_t refuse(struct transport *t)
{
	if (++t->refusals <= TRANSPORT_REFUSALS)
		return -EAGAIN;
	t->spinning = true;
	return -ECONNABORTED;
}

/* How many bytes the running call may still have. */
static size_t allowance(struct transport *t)
{
	size_t most = t->trusted ? TRANSPORT_CALL_BYTES : TRANSPORT_EARLY_CALL_BYTES;

	return t->call_bytes < most ? most - t->call_bytes : 0;
}

ssize_t transport_recv(struct transport *t, void *data, size_t room)
{
	size_t n = buf_len(&t->in), allowed = allowance(t);

	if (t->dead)
		return -ECONNRESET;
	if (t->identification_state != IDENTIFICATION_FOUND)
		return refuse(t);
	/* The end is told by transport_await, not here: an error would make libssh2 forget the
	 * packets it has queued for others. */
	if (!n || !allowed)
		return refuse(t);
	if (!t->trusted && t->consumed >= TRANSPORT_EARLY_BYTES) {
		t->flooded = true;
		return -ECONNABORTED;
	}
	n = n < room ? n : room;
	n = n < allowed ? n : allowed;
	memcpy(data, buf_data(&t->in), n);
	if (!t->trusted)
		kex_tap_feed(&t->theirs, data, n);
	buf_consume(&t->in, n);
	t->call_bytes += n;
	t->consumed += n;
	t->refusals = 0;
	signal_raise(&t->in_room);
	signal_raise(&t->arrived);
	return (ssize_t)n;
}

ssize_t transport_send(struct transport *t, const void *data, size_t n)
{
	if (t->dead)
		return (ssize_t)n;
	if (buf_add(&t->out, data, n) < 0)
		return -ENOBUFS;
	if (!t->trusted)
		kex_tap_feed(&t->ours, data, n);
	signal_raise(&t->out_filled);
	return (ssize_t)n;
}

/* ---- what went over the wire --------------------------------------------------------------- */

int transport_await_identification(struct transport *t, struct deadline d, struct err *e)
{
	for (;;) {
		t->identification_state = identification_scan(&t->identification, &t->in);
		if (t->identification_state == IDENTIFICATION_FOUND)
			return 0;
		if (t->identification_state != IDENTIFICATION_WANTS_MORE ||
		    identification_is_binary(&t->identification, &t->in))
			return err_set(e, ERR_PROTOCOL, "SSH-NOT-SSH", 0,
			               "no SSH identification came");
		if (t->dead)
			return failed_already(t, e);
		if (t->ended)
			return lost(t, e);
		signal_raise(&t->in_room);
		if (signal_wait(&t->arrived, "the server's identification", d, e) < 0)
			return e->kind;
	}
}

void transport_evidence(const struct transport *t, struct transport_evidence *out)
{
	*out = (struct transport_evidence){
	        .identification = &t->identification,
	        .identification_state = t->identification_state,
	        .pending = buf_data(&t->in),
	        .pending_bytes = buf_len(&t->in),
	        .unsent_bytes = buf_len(&t->out),
	        .silent_ms = clock_mono_ms() - t->heard_ms,
	        .ours = &t->ours,
	        .theirs = &t->theirs,
	        .ended = t->ended,
	        .flooded = t->flooded,
	        .spinning = t->spinning,
	        .received = t->received,
	        .sent = t->sent,
	        .cause = t->cause,
	};
}
