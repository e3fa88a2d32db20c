#include "adapters/sftp/opening.h"

#include <string.h>

#include "adapters/sftp/wire.h"

static int begin_turn(struct ssh *s, struct deadline d, struct err *e)
{
	int r = 0;

	while (r == 0 && s->is_opening)
		r = signal_wait(&s->opened, "a channel that another one opens", d, e);
	if (r == 0)
		s->is_opening = true;
	return r;
}

static void end_turn(struct ssh *s)
{
	s->is_opening = false;
	signal_raise_one(&s->opened);
}

static int open_alone(struct ssh *s, const struct opening *o, LIBSSH2_CHANNEL **out, struct err *e)
{
	int64_t most_ms = s->endpoint->timeouts.request_ms;
	struct deadline d = deadline_in(most_ms);
	LIBSSH2_CHANNEL *lib;
	int rc;

	do {
		transport_begin(s->transport);
		lib = libssh2_channel_open_ex(s->lib, o->type, (unsigned)strlen(o->type), o->window,
		                              o->packet, o->message, (unsigned)o->message_bytes);
		rc = lib ? 0 : libssh2_session_last_errno(s->lib);
	} while (rc == LIBSSH2_ERROR_EAGAIN && transport_await(s->transport, o->label, d, e) == 0);
	if (rc == LIBSSH2_ERROR_EAGAIN) {
		(void)ssh_interrupted(s, o->phase, most_ms, e);
		transport_kill(s->transport, e); /* the next to open would be given this one */
		return e->kind;
	}
	if (rc == LIBSSH2_ERROR_CHANNEL_FAILURE)
		return rc;
	if (rc)
		return ssh_failed(s, o->phase, rc, e);
	*out = lib;
	return 0;
}

int opening_run(struct ssh *s, const struct opening *o, struct deadline turn, LIBSSH2_CHANNEL **out,
                struct err *e)
{
	int r = begin_turn(s, turn, e);

	if (r < 0)
		return r;
	if (o->cancel == OPENING_STAYS)
		fiber_shield_begin();
	r = open_alone(s, o, out, e);
	if (o->cancel == OPENING_STAYS)
		fiber_shield_end();
	end_turn(s);
	return r;
}

const char *opening_words(const struct ssh *s)
{
	char *words = NULL;

	(void)libssh2_session_last_error(s->lib, &words, NULL, 0);
	return words ? words : "";
}

/* string host, uint32 port, string and uint32 of whoever asks, which is us */
void opening_put_target(struct buf *message, const char *host, int port, int from_port)
{
	wire_put_text(message, host);
	wire_put_u32(message, (uint32_t)port);
	wire_put_text(message, "127.0.0.1");
	wire_put_u32(message, (uint32_t)from_port);
}
