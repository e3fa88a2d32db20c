#include <assert.h>
#include <string.h>

#include "adapters/sftp/client_state.h"
#include "adapters/sftp/errors.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

const struct sftp_op_row sftp_ops[] = {
#define OP_ROW(name, packet, reply, verb, extension)         \
	[SFTP_##name] = {WIRE_##packet, WIRE_##reply, #name, \
	                 verb,          extension,    "the server's answer to " #name},
        SFTP_OPS(OP_ROW)
#undef OP_ROW
};

enum { EXTENDED_REPLY_MOST = 4096, WORDS_KEPT = 512, PATH_SHOWN = 300 };

void sftp_request_init(struct sftp_request *rq, struct sftp_client *c, enum sftp_op op,
                       const char *path)
{
	*rq = (struct sftp_request){.client = c, .op = op, .path = path};
	signal_init(&rq->answered);
}

/* "open /out/a.xml" in front of what went wrong with it. */
static int wrap(const struct sftp_request *rq, struct err *e)
{
	char path[PATH_SHOWN];

	if (!rq->path)
		return err_wrap(e, "%s", sftp_ops[rq->op].verb);
	return err_wrap(e, "%s %s", sftp_ops[rq->op].verb,
	                escape(rq->path, strlen(rq->path), path, sizeof(path)));
}

/* ---- ask ----------------------------------------------------------------------------------- */

static bool is_room(const struct sftp_client *c)
{
	return c->slots.used < SLOTS_REQUESTS && buf_len(&c->out) < OUT_ENOUGH;
}

bool sftp_request_has_room(const struct sftp_client *c)
{
	return c->failure.kind == 0 && c->waiting_for_room == 0 && is_room(c);
}

static bool moved_within(const struct sftp_client *c, int64_t ms)
{
	return clock_mono_ms() - c->moved_ms < ms;
}

/* A wait is over its time: is it the connection that has died, or is it only our turn that has not
 * come? The latter only so often. */
static bool may_wait_on(const struct sftp_client *c, int64_t timeout_ms, int *patience)
{
	return c->failure.kind == 0 && (*patience)-- > 0 && moved_within(c, timeout_ms);
}

static int wait_for_room(struct sftp_client *c, struct err *e)
{
	int64_t stall_ms = c->settings.stall_ms;
	struct deadline d = deadline_in(stall_ms);
	int patience = SFTP_PATIENCE - 1, r = 0;

	c->waiting_for_room++;
	do {
		r = signal_wait(&c->room, "room for an SFTP request", d, e);
		if (r == ERR_NETWORK && may_wait_on(c, stall_ms, &patience)) {
			d = deadline_in(stall_ms);
			r = 0;
		}
	} while (r == 0 && c->failure.kind == 0 && !is_room(c));
	c->waiting_for_room--;
	if (r == ERR_NETWORK)
		sftp_client_fail(c, e);
	else if (is_room(c))
		signal_raise_one(&c->room); /* one wake may make room for several */
	return r;
}

int sftp_request_begin(struct sftp_request *rq, struct err *e)
{
	struct sftp_client *c = rq->client;
	const struct sftp_op_row *op = &sftp_ops[rq->op];
	int r = 0;

	assert(rq->state == SFTP_IDLE);
	if (c->failure.kind == 0 && !sftp_request_has_room(c))
		r = wait_for_room(c, e);
	if (r < 0)
		return wrap(rq, e);
	if (c->failure.kind != 0) {
		*e = c->failure;
		return wrap(rq, e);
	}
	if (!slots_take(&c->slots, rq, &rq->id))
		return err_set(e, ERR_BUSY, "SFTP-SLOTS", 0, "too many unanswered requests");
	rq->built_at = wire_begin(&c->out, op->packet, rq->id);
	if (op->extension)
		wire_put_text(&c->out, op->extension);
	rq->state = SFTP_BUILDING;
	return 0;
}

struct buf *sftp_client_out(struct sftp_client *c)
{
	return &c->out;
}

void sftp_request_send(struct sftp_request *rq)
{
	struct sftp_client *c = rq->client;
	struct slot *slot = slots_find(&c->slots, rq->id);

	assert(rq->state == SFTP_BUILDING && slot);
	wire_end(&c->out, rq->built_at);
	slot->op = (uint16_t)rq->op;
	slot->asked_us = clock_mono_us();
	rq->state = SFTP_PENDING;
	sftp_trace_request(rq);
	signal_raise(&c->out_filled);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static void keep_body(struct sftp_request *rq, const void *data, size_t n)
{
	rq->body = (unsigned char *)mem_dup_bytes(data, n);
	rq->body_bytes = n;
}

static int breach(struct err *e, const struct sftp_request *rq, const char *code, const char *what)
{
	err_set(e, ERR_PROTOCOL, code, 0, "the server breaks the protocol: %s", what);
	return wrap(rq, e);
}

/* draft §7; old servers leave text and language out. */
static int fill_status(struct sftp_request *rq, struct wire_in *in, struct err *e)
{
	struct wire_bytes words = {NULL, 0};

	rq->status = wire_u32(in);
	if (in->left > 0)
		words = wire_string(in);
	if (in->is_broken)
		return 0;
	if (rq->status == SFTP_FX_OK && sftp_ops[rq->op].reply != WIRE_STATUS)
		return breach(e, rq, "SFTP-NO-DATA", "it says OK but sends nothing");
	if (rq->status != SFTP_FX_OK && words.n > 0)
		keep_body(rq, words.data, words.n < WORDS_KEPT ? words.n : WORDS_KEPT);
	return 0;
}

static int fill_data(struct sftp_request *rq, struct wire_in *in, struct err *e)
{
	struct wire_bytes data = wire_string(in);

	if (data.n > rq->length)
		return breach(e, rq, "SFTP-TOO-MUCH", "it sends more bytes than were asked for");
	if (data.n > 0)
		memcpy(rq->data, data.data, data.n);
	rq->data_bytes = data.n;
	return 0;
}

static int fill_handle(struct sftp_request *rq, struct wire_in *in, struct err *e)
{
	struct wire_bytes handle = wire_string(in);

	if (handle.n > WIRE_HANDLE_MOST)
		return breach(e, rq, "SFTP-HANDLE", "its handle is too long");
	if (!in->is_broken)
		keep_body(rq, handle.data, handle.n);
	return 0;
}

static int fill_expected(struct sftp_request *rq, struct wire_in *in, struct err *e)
{
	switch (rq->reply) {
	case WIRE_HANDLE:
		return fill_handle(rq, in, e);
	case WIRE_DATA:
		return fill_data(rq, in, e);
	case WIRE_ATTRS:
		rq->attrs = wire_attrs(in);
		return 0;
	case WIRE_EXTENDED_REPLY:
		if (in->left > EXTENDED_REPLY_MOST)
			return breach(e, rq, "SFTP-EXTENDED", "its extended reply is too long");
		keep_body(rq, in->at, in->left);
		return 0;
	default: /* NAME: taken apart by the listing */
		keep_body(rq, in->at, in->left);
		return 0;
	}
}

int sftp_request_fill(struct sftp_request *rq, unsigned type, struct wire_in *in, struct err *e)
{
	int r;

	if (type != WIRE_STATUS && type != sftp_ops[rq->op].reply)
		return breach(e, rq, "SFTP-WRONG-REPLY", "the answer is of the wrong kind");
	rq->reply = (enum wire_type)type;
	r = type == WIRE_STATUS ? fill_status(rq, in, e) : fill_expected(rq, in, e);
	if (r < 0)
		return r;
	if (in->is_broken)
		return breach(e, rq, "SFTP-TRUNCATED", "the answer ends within a field");
	rq->state = SFTP_ANSWERED;
	signal_raise(&rq->answered);
	return 0;
}

/* ---- wait ---------------------------------------------------------------------------------- */

/* The slot stays until the late answer comes. */
static void abandon(struct sftp_request *rq)
{
	struct slot *slot = slots_find(&rq->client->slots, rq->id);

	if (slot)
		slot->rq = NULL;
	rq->state = SFTP_LOST;
}

static int no_answer(struct sftp_request *rq, int64_t timeout_ms, struct err *e)
{
	err_set(e, ERR_NETWORK, "SFTP-TIMEOUT", 0,
	        "the server has not answered %s for %lld s; it hangs, or the connection is dead",
	        sftp_ops[rq->op].name, (long long)(timeout_ms + 999) / 1000);
	abandon(rq);
	sftp_client_fail(rq->client, e);
	return wrap(rq, e);
}

int sftp_request_await(struct sftp_request *rq, int64_t timeout_ms, struct err *e)
{
	struct deadline d = deadline_in(timeout_ms);
	int patience = SFTP_PATIENCE - 1;

	while (rq->state == SFTP_PENDING) {
		int r = signal_wait(&rq->answered, sftp_ops[rq->op].label, d, e);

		if (r == 0 || rq->state != SFTP_PENDING)
			continue;
		if (r == ERR_CANCELED) {
			abandon(rq);
			return wrap(rq, e);
		}
		if (!may_wait_on(rq->client, timeout_ms, &patience))
			return no_answer(rq, timeout_ms, e);
		d = deadline_in(timeout_ms);
	}
	if (rq->state == SFTP_ANSWERED)
		return 0;
	*e = rq->client->failure;
	return wrap(rq, e);
}

int sftp_request_check(const struct sftp_request *rq, struct err *e)
{
	struct sftp_failure f = {.verb = sftp_ops[rq->op].verb, .path = rq->path};
	int r;

	assert(rq->state == SFTP_ANSWERED);
	if (rq->reply != WIRE_STATUS || rq->status == SFTP_FX_OK)
		return 0;
	f.status = rq->status;
	f.words = rq->body;
	f.words_bytes = rq->body_bytes;
	r = sftp_err(e, &f);
	if (r == ERR_NETWORK) /* what stands behind the server is gone: start anew */
		sftp_client_fail(rq->client, e);
	return r;
}

int sftp_request_finish(struct sftp_request *rq, int64_t timeout_ms, struct err *e)
{
	int r = sftp_request_await(rq, timeout_ms, e);

	return r < 0 ? r : sftp_request_check(rq, e);
}

bool sftp_request_is_eof(const struct sftp_request *rq)
{
	return rq->reply == WIRE_STATUS && rq->status == SFTP_FX_EOF;
}

void sftp_request_release(struct sftp_request *rq)
{
	assert(rq->state != SFTP_BUILDING);
	if (rq->state == SFTP_PENDING)
		abandon(rq);
	else if (rq->state == SFTP_ANSWERED && rq->reply == WIRE_HANDLE && rq->body)
		sftp_client_close_late(rq->client, rq->body, rq->body_bytes);
	free(rq->body);
	rq->body = NULL;
	rq->state = SFTP_IDLE;
}

/* ---- handles ------------------------------------------------------------------------------- */

void sftp_handle_take(struct sftp_handle *h, struct sftp_request *open)
{
	assert(open->state == SFTP_ANSWERED && open->reply == WIRE_HANDLE && open->body);
	*h = (struct sftp_handle){open->client, open->body, open->body_bytes};
	open->body = NULL;
}

void sftp_handle_put(const struct sftp_handle *h)
{
	wire_put_string(&h->client->out, h->bytes, h->n);
}

void sftp_handle_forget(struct sftp_handle *h)
{
	free(h->bytes);
	h->bytes = NULL;
}

void sftp_handle_drop(struct sftp_handle *h)
{
	if (!h->bytes)
		return;
	sftp_client_close_late(h->client, h->bytes, h->n);
	sftp_handle_forget(h);
}
