/*
 * How a session begins: INIT and VERSION, before the two fibers run, then the server's limits.
 */
#include <string.h>

#include "adapters/sftp/client_state.h"
#include "adapters/trace_step.h"
#include "daemon/base/escape.h"

enum { DATA_BEST = 128 * 1024, DATA_LEAST = 1024, SHOWN = 200 };

/* ---- the beginning ------------------------------------------------------------------------- */

static int say_init(struct sftp_client *c, struct err *e)
{
	static const unsigned char init[] = {0, 0, 0, 5, WIRE_INIT, 0, 0, 0, WIRE_VERSION_OURS};

	return c->stream->ops->write(c->stream, init, sizeof(init), "SFTP INIT",
	                             deadline_in(c->settings.request_ms), e);
}

static void note_extension(struct sftp_client *c, struct wire_bytes name, struct wire_bytes data)
{
	static const char *const known[] = {
#define EXTENSION_TEXT(name, text) [SFTP_EXT_##name] = text,
	        SFTP_EXTENSIONS(EXTENSION_TEXT)
#undef EXTENSION_TEXT
	};
	char shown[SHOWN], value[SHOWN];

	for (size_t i = 0; i < SFTP_EXT_COUNT; i++) {
		if (strlen(known[i]) == name.n && memcmp(known[i], name.data, name.n) == 0)
			c->offers[i] = true;
	}
	(void)escape(name.data, name.n, shown, sizeof(shown));
	(void)escape(data.data, data.n, value, sizeof(value));
	TRACE(c->settings.trace, TRACE_SFTP, "server offers %s \"%s\"", shown, value);
	trace_fact(c->settings.trace, "extension", "%s %s", shown, value);
}

/* draft §4: the lower of both versions is spoken; extension pairs follow. */
static int take_version(struct sftp_client *c, const unsigned char *data, size_t n, struct err *e)
{
	struct wire_in in = {data, n, false};
	unsigned type = wire_u8(&in);
	uint32_t version = wire_u32(&in);

	if (in.is_broken || type != WIRE_VERSION)
		return sftp_client_breach(c, e, "SFTP-NO-VERSION",
		                          "its first packet is not its VERSION");
	TRACE(c->settings.trace, TRACE_SFTP, "server speaks SFTP version %u", version);
	trace_fact(c->settings.trace, "SFTP version", "%u", version);
	if (version != WIRE_VERSION_OURS)
		return sftp_client_breach(c, e, "SFTP-VERSION",
		                          "it speaks SFTP version %u; ferryd needs version 3",
		                          version);
	while (in.left > 0 && !in.is_broken) {
		struct wire_bytes name = wire_string(&in), value = wire_string(&in);

		if (!in.is_broken)
			note_extension(c, name, value);
	}
	if (in.is_broken)
		return sftp_client_breach(c, e, "SFTP-TRUNCATED", "its VERSION ends in a field");
	return 0;
}

int sftp_handshake_version(struct sftp_client *c, struct err *e)
{
	struct deadline d = deadline_in(c->settings.request_ms);
	enum wire_frame frame;
	size_t n = 0;
	int r = say_init(c, e);

	while (r == 0) {
		frame = sftp_client_next_frame(c, &n);
		if (frame == WIRE_FRAME_WHOLE)
			break;
		if (frame != WIRE_FRAME_PART)
			return sftp_client_bad_frame(c, frame, e);
		r = sftp_client_read_more(c, d, e);
	}
	if (r < 0 && strcmp(e->code, "SFTP-ENDED") == 0)
		return err_set(
		        e, ERR_NETWORK, "SFTP-ENDED", 0,
		        "the server ended the session before it began; it may not offer SFTP "
		        "to this user, its SFTP program does not start, or the password has "
		        "expired "
		        "(then a login by hand, `ssh`, says so)");
	if (r < 0)
		return r;
	r = take_version(c, buf_data(&c->in) + 4, n, e);
	buf_consume(&c->in, n + 4);
	return r;
}

static size_t sane_size(uint64_t offered)
{
	if (offered < DATA_LEAST)
		return SFTP_DATA_DEFAULT; /* 0 = not said */
	return offered < DATA_BEST ? (size_t)offered : DATA_BEST;
}

/* OpenSSH PROTOCOL §4.8: max packet, max read, max write, max handles. */
int sftp_handshake_limits(struct sftp_client *c, struct err *e)
{
	struct sftp_request rq;
	struct wire_in in;
	int r;

	sftp_request_init(&rq, c, SFTP_LIMITS, NULL);
	r = sftp_request_begin(&rq, e);
	if (r == 0) {
		sftp_request_send(&rq);
		r = sftp_request_await(&rq, c->settings.request_ms, e);
	}
	if (r == 0 && rq.reply == WIRE_EXTENDED_REPLY) {
		in = (struct wire_in){rq.body, rq.body_bytes, false};
		(void)wire_u64(&in); /* max packet: never near it */
		c->read_most = sane_size(wire_u64(&in));
		c->write_most = sane_size(wire_u64(&in));
		c->handles_most = (size_t)wire_u64(&in);
		trace_fact(c->settings.trace, "limits",
		           "reads of %zu, writes of %zu bytes, %zu handles", c->read_most,
		           c->write_most, c->handles_most);
		TRACE(c->settings.trace, TRACE_SFTP,
		      "reads of %zu, writes of %zu bytes, %zu handles", c->read_most, c->write_most,
		      c->handles_most);
	}
	sftp_request_release(&rq);
	return r;
}
