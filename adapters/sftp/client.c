#include "adapters/sftp/client.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "adapters/diagnosis.h"
#include "adapters/sftp/client_state.h"
#include "adapters/trace_step.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

enum {
	READ_ROOM = 128 * 1024,
	READ_IDLE = 4096, /* room for what comes first after a silence */
	IN_MOST = WIRE_NAME_PACKET_MOST + 2 * READ_ROOM,
	WRITE_PIECE = 256 * 1024, /* one stall deadline each */
	IN_FLIGHT_MOST = 16 * 1024 * 1024,
	SHARE_LEAST = 64 * 1024,
	KEEP_IDLE = 16 * 1024, /* buffers beyond this are given back when nothing is under way */
	SHOWN = 200,
};

/* ---- the end ------------------------------------------------------------------------------- */

void sftp_client_fail(struct sftp_client *c, const struct err *e)
{
	if (c->failure.kind != 0)
		return;
	c->failure = *e;
	TRACE(c->settings.trace, TRACE_SFTP, "session over: %s", e->message);
	c->stream->ops->abort(c->stream);
	for (size_t i = 0; i < c->slots.count; i++) {
		struct sftp_request *rq = c->slots.table[i].rq;

		if (!rq)
			continue;
		c->slots.table[i].rq = NULL;
		if (rq->state != SFTP_PENDING)
			continue;
		rq->state = SFTP_LOST;
		signal_raise(&rq->answered);
	}
	signal_raise(&c->out_filled);
	signal_raise(&c->room);
}

int sftp_client_breach(struct sftp_client *c, struct err *e, const char *code, const char *fmt, ...)
{
	char what[SHOWN];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap); /* a cut sentence is still one */
	va_end(ap);
	err_set(e, ERR_PROTOCOL, code, 0, "the server breaks the protocol: %s", what);
	sftp_client_fail(c, e);
	return ERR_PROTOCOL;
}

void sftp_client_abort(struct sftp_client *c)
{
	struct err e = {0};

	err_set(&e, ERR_CANCELED, "CANCELED", 0, "the SFTP session was stopped");
	sftp_client_fail(c, &e);
}

int sftp_client_failure(const struct sftp_client *c, struct err *e)
{
	if (c->failure.kind != 0)
		*e = c->failure;
	return c->failure.kind;
}

bool sftp_client_is_alive(const struct sftp_client *c)
{
	return c->failure.kind == 0;
}

/* ---- answers ------------------------------------------------------------------------------- */

void sftp_client_close_late(struct sftp_client *c, const void *handle, size_t n)
{
	struct slot *slot;
	uint32_t id;
	size_t at;
	struct err e = {0};

	if (c->failure.kind != 0)
		return; /* the server closes what a dead session had open */
	if (!buf_reserve(&c->out, n + 64) || !slots_take(&c->slots, NULL, &id)) {
		err_set(&e, ERR_PROTOCOL, "SFTP-NO-CLOSE", 0,
		        "the server leaves too many requests unanswered");
		sftp_client_fail(c, &e);
		return;
	}
	at = wire_begin(&c->out, WIRE_CLOSE, id);
	wire_put_string(&c->out, handle, n);
	wire_end(&c->out, at);
	slot = slots_find(&c->slots, id);
	slot->op = SFTP_CLOSE;
	slot->asked_us = clock_mono_us();
	TRACE(c->settings.trace, TRACE_SFTP, "> %u CLOSE (not waited for)", id);
	signal_raise(&c->out_filled);
}

void sftp_client_slot_done(struct sftp_client *c, struct slot *slot)
{
	slots_free(&c->slots, slot);
	if (c->waiting_for_room)
		signal_raise_one(&c->room);
}

/* The answer to a request whose fiber has gone: only a handle needs care. */
static void throw_away(struct sftp_client *c, const struct slot *slot, unsigned type,
                       struct wire_in *in)
{
	enum sftp_op op = (enum sftp_op)slot->op;
	struct wire_bytes handle;

	if (type != WIRE_HANDLE || sftp_ops[op].reply != WIRE_HANDLE)
		return;
	handle = wire_string(in);
	if (!in->is_broken && handle.n <= WIRE_HANDLE_MOST)
		sftp_client_close_late(c, handle.data, handle.n);
}

static void note_round_trip(struct sftp_client *c, const struct slot *slot)
{
	int64_t took_us = clock_mono_us() - slot->asked_us;

	if (took_us < c->round_trip_us)
		c->round_trip_us = took_us;
}

static int take_packet(struct sftp_client *c, const unsigned char *data, size_t n, struct err *e)
{
	struct wire_in in = {data, n, false};
	unsigned type = wire_u8(&in);
	uint32_t id = wire_u32(&in);
	struct slot *slot;

	if (in.is_broken)
		return sftp_client_breach(c, e, "SFTP-TRUNCATED", "a packet of %zu bytes", n);
	slot = slots_find(&c->slots, id);
	if (!slot)
		return sftp_client_breach(c, e, "SFTP-UNKNOWN-ID",
		                          "it answers (%s %u) request %u, which was never asked or "
		                          "is answered already",
		                          wire_type_name(type), type, id);
	note_round_trip(c, slot);
	if (!slot->rq) {
		sftp_trace_answer(c, slot, id, type);
		throw_away(c, slot, type, &in);
		slot = slots_find(&c->slots, id); /* a late CLOSE may have grown the table */
	} else if (sftp_request_fill(slot->rq, type, &in, e) < 0) {
		return ERR_PROTOCOL;
	} else {
		sftp_trace_answer(c, slot, id, type);
	}
	sftp_client_slot_done(c, slot);
	return 0;
}

/* A login shell that prints into the stream is the commonest cause by far. */
int sftp_client_bad_frame(struct sftp_client *c, enum wire_frame frame, struct err *e)
{
	const unsigned char *p = buf_data(&c->in);
	size_t n = buf_len(&c->in), text = 0;
	char shown[SHOWN];

	while (text < n && text < 60 &&
	       ((p[text] >= ' ' && p[text] < 127) || p[text] == '\n' || p[text] == '\r' ||
	        p[text] == '\t' || p[text] == 27))
		text++;
	if (text < 4)
		return sftp_client_breach(c, e, "SFTP-LENGTH",
		                          frame == WIRE_FRAME_EMPTY
		                                  ? "a packet of no bytes"
		                                  : "a packet longer than any packet may be");
	if (diagnosis_account(p, text, e) < 0) {
		sftp_client_fail(c, e);
		return e->kind;
	}
	err_set(e, ERR_PROTOCOL, "SFTP-GARBAGE", 0,
	        "the server sends text where SFTP packets belong: \"%s\"; the partner must stop "
	        "the account's login scripts (such as ~/.bashrc) from printing",
	        escape(p, text, shown, sizeof(shown)));
	sftp_client_fail(c, e);
	return ERR_PROTOCOL;
}

/* ---- the two fibers ------------------------------------------------------------------------ */

enum wire_frame sftp_client_next_frame(struct sftp_client *c, size_t *bytes)
{
	if (buf_len(&c->in) == 0)
		return WIRE_FRAME_PART; /* there may be no memory yet */
	return wire_frame(buf_data(&c->in), buf_len(&c->in), bytes);
}

static int take_packets(struct sftp_client *c, struct err *e)
{
	while (c->failure.kind == 0) {
		size_t n = 0;
		enum wire_frame frame = sftp_client_next_frame(c, &n);

		if (frame == WIRE_FRAME_PART)
			return 0;
		if (frame != WIRE_FRAME_WHOLE)
			return sftp_client_bad_frame(c, frame, e);
		if (take_packet(c, buf_data(&c->in) + 4, n, e) < 0)
			return ERR_PROTOCOL;
		buf_consume(&c->in, n + 4);
	}
	return 0;
}

static int ended(struct sftp_client *c, struct err *e)
{
	return err_set(e, ERR_NETWORK, "SFTP-ENDED", 0, "the server has ended the SFTP session%s",
	               buf_len(&c->in) ? " in the middle of an answer" : "");
}

int sftp_client_read_more(struct sftp_client *c, struct deadline d, struct err *e)
{
	size_t most = c->slots.used > 0 ? READ_ROOM : READ_IDLE;
	unsigned char *room = buf_reserve(&c->in, most);
	ssize_t n;

	assert(room); /* a longer packet than IN_MOST was refused by its length */
	n = c->stream->ops->read(c->stream, room, most, "SFTP answers", d, e);
	if (n == 0)
		return ended(c, e);
	if (n < 0)
		return (int)n;
	buf_added(&c->in, (size_t)n);
	c->moved_ms = clock_mono_ms();
	return 0;
}

static void give_back(struct buf *b)
{
	if (buf_len(b) == 0 && b->cap > KEEP_IDLE)
		buf_release(b);
}

/* A thousand idle connections should not hold a thousand windows' worth of memory. */
static void give_back_memory(struct sftp_client *c)
{
	if (c->slots.used > 0)
		return;
	give_back(&c->in);
	give_back(&c->out);
	give_back(&c->sending);
}

static void read_answers(void *arg)
{
	struct sftp_client *c = arg;
	struct err e;

	while (c->failure.kind == 0) {
		int r = take_packets(c, &e);

		if (r == 0)
			give_back_memory(c);
		if (r == 0)
			r = fiber_breathe(&e);
		if (r == 0)
			r = sftp_client_read_more(c, deadline_never(), &e);
		if (r < 0)
			sftp_client_fail(c, &e);
	}
}

static int write_sending(struct sftp_client *c, struct err *e)
{
	while (buf_len(&c->sending) > 0) {
		size_t n = buf_len(&c->sending);
		int r;

		if (n > WRITE_PIECE)
			n = WRITE_PIECE;
		r = c->stream->ops->write(c->stream, buf_data(&c->sending), n, "SFTP requests",
		                          deadline_in(c->settings.stall_ms), e);
		if (r < 0)
			return r;
		buf_consume(&c->sending, n);
		c->moved_ms = clock_mono_ms();
	}
	return 0;
}

/* All that was asked for in one turn of the loop leaves in one write. */
static void write_requests(void *arg)
{
	struct sftp_client *c = arg;
	struct err e;
	int r = 0;

	while (c->failure.kind == 0) {
		if (buf_len(&c->out) == 0) {
			r = signal_wait(&c->out_filled, "SFTP requests to send", deadline_never(),
			                &e);
		} else {
			struct buf filled = c->out;

			c->out = c->sending;
			c->sending = filled;
			signal_raise(&c->room);
			r = write_sending(c, &e);
		}
		if (r < 0)
			sftp_client_fail(c, &e);
	}
}

/* ---- beginning and end --------------------------------------------------------------------- */

static struct sftp_client *client_new(struct stream *s, const struct sftp_settings *settings)
{
	struct sftp_client *c = mem_new_of(struct sftp_client);

	c->stream = s;
	c->settings = *settings;
	c->read_most = c->write_most = SFTP_DATA_DEFAULT;
	c->moved_ms = clock_mono_ms();
	c->round_trip_us = INT64_MAX;
	buf_init(&c->in, IN_MOST);
	buf_init(&c->out, OUT_MOST);
	buf_init(&c->sending, OUT_MOST);
	signal_init(&c->out_filled);
	signal_init(&c->room);
	group_init(&c->fibers, fiber_worker());
	return c;
}

int sftp_client_open(struct stream *s, const struct sftp_settings *settings,
                     struct sftp_client **out, struct err *e)
{
	struct sftp_client *c = client_new(s, settings);
	int r;

	trace_step(settings->trace, TRACE_STEP_EXTENSIONS);
	r = sftp_handshake_version(c, e);

	if (r == 0) {
		group_start(&c->fibers, "sftp answers", read_answers, c);
		group_start(&c->fibers, "sftp requests", write_requests, c);
		if (c->offers[SFTP_EXT_LIMITS])
			r = sftp_handshake_limits(c, e);
	}
	if (r < 0) {
		sftp_client_close(c);
		return err_wrap(e, "start SFTP");
	}
	*out = c;
	return 0;
}

void sftp_client_close(struct sftp_client *c)
{
	if (!c)
		return;
	sftp_client_abort(c);
	group_cancel(&c->fibers);
	group_wait(&c->fibers, "end of the SFTP session");
	slots_release(&c->slots);
	buf_release(&c->in);
	buf_release(&c->out);
	buf_release(&c->sending);
	free(c);
}

/* ---- what others ask ----------------------------------------------------------------------- */

bool sftp_client_offers(const struct sftp_client *c, enum sftp_extension x)
{
	return c->offers[x];
}

void sftp_client_drop_extension(struct sftp_client *c, enum sftp_extension x)
{
	c->offers[x] = false;
}

const struct sftp_settings *sftp_client_settings(const struct sftp_client *c)
{
	return &c->settings;
}

size_t sftp_client_read_most(const struct sftp_client *c)
{
	return c->read_most;
}

size_t sftp_client_write_most(const struct sftp_client *c)
{
	return c->write_most;
}

size_t sftp_client_handles_most(const struct sftp_client *c)
{
	return c->handles_most;
}

size_t sftp_client_share(const struct sftp_client *c)
{
	size_t share = IN_FLIGHT_MOST / (c->transfers ? c->transfers : 1);

	return share > SHARE_LEAST ? share : SHARE_LEAST;
}

void sftp_client_transfer_begins(struct sftp_client *c)
{
	c->transfers++;
}

void sftp_client_transfer_ends(struct sftp_client *c)
{
	assert(c->transfers > 0);
	c->transfers--;
}

int64_t sftp_client_round_trip_us(const struct sftp_client *c)
{
	return c->round_trip_us;
}

size_t sftp_client_in_flight(const struct sftp_client *c)
{
	return c->slots.used;
}
