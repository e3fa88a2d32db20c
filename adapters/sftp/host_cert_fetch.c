#include "adapters/sftp/host_cert_fetch.h"

#include <stdio.h>

#include "adapters/sftp/host_cert.h"
#include "adapters/sftp/host_cert_talk.h"
#include "adapters/sftp/reach.h"
#include "daemon/base/clock.h"

enum { PIECE_BYTES = 8 * 1024 };

/* ---- asking the server --------------------------------------------------------------------- */

static int refused(enum cert_talk_state s, struct err *e)
{
	switch (s) {
	case CERT_TALK_NONE:
		return err_set(e, ERR_TRUST, "SSH-HOSTKEY-CERT", 0,
		               "the server has no host certificate");
	case CERT_TALK_NO_KEX:
		return err_set(e, ERR_TRUST, "SSH-HOSTKEY-CERT", 0,
		               "the server knows no key exchange in which ferryd can ask for its "
		               "certificate");
	default:
		return err_set(e, ERR_PROTOCOL, "SSH-HOSTKEY-CERT", 0,
		               "the server broke off when it was asked for its certificate");
	}
}

/* A carrier has no deadlines: one fiber more cuts it off. */
struct watch {
	struct carrier *carrier;
	struct deadline deadline;
	bool is_late;
};

static void watch_deadline(void *arg)
{
	struct watch *w = arg;
	struct err ignored; /* cancelled: in time */

	if (fiber_sleep(deadline_left_ms(w->deadline), "the host certificate", &ignored) < 0)
		return;
	w->is_late = true;
	w->carrier->ops->abort(w->carrier);
}

static int send_all(struct carrier *c, struct buf *out, struct err *e)
{
	while (buf_len(out)) {
		ssize_t n = c->ops->try_write(c, buf_data(out), buf_len(out), e);

		if (n > 0)
			buf_consume(out, (size_t)n);
		else if (n < 0 ||
		         c->ops->wait(c, IO_WRITABLE, "asking for the host certificate", e) < 0)
			return e->kind;
	}
	return 0;
}

static ssize_t receive(struct carrier *c, void *data, size_t room, struct err *e)
{
	ssize_t n;

	while ((n = c->ops->try_read(c, data, room, e)) == 0)
		if (c->ops->wait(c, IO_READABLE, "the host certificate", e) < 0)
			return e->kind;
	return n;
}

static int talk(struct carrier *c, struct cert_talk *t, struct err *e)
{
	enum cert_talk_state s = CERT_TALK_MORE;
	unsigned char piece[PIECE_BYTES];

	while (s == CERT_TALK_MORE) {
		ssize_t n;

		if (send_all(c, &t->out, e) < 0)
			return e->kind;
		n = receive(c, piece, sizeof(piece), e);
		if (n < 0)
			return (int)n;
		s = cert_talk_feed(t, piece, (size_t)n);
	}
	return s == CERT_TALK_DONE ? 0 : refused(s, e);
}

static int talk_in_time(struct watch *w, struct cert_talk *t, struct err *e)
{
	struct group group;
	int r;

	group_init(&group, fiber_worker());
	group_start(&group, "certificate deadline", watch_deadline, w);
	r = talk(w->carrier, t, e);
	group_cancel(&group);
	group_wait(&group, "the end of a deadline");
	if (r < 0 && w->is_late)
		return err_set(e, ERR_NETWORK, "TIMEOUT", 0,
		               "timed out waiting for the host certificate");
	return r;
}

/* t->blob is the certificate. */
static int fetch(const struct endpoint_config *endpoint, struct trace *trace, struct cert_talk *t,
                 struct err *e)
{
	struct watch w = {0};
	int r;

	TRACE(trace, TRACE_KEX,
	      "asking for the server's host certificate, on a connection of its "
	      "own");
	if (reach_open(endpoint, trace, &w.carrier, e) < 0)
		return e->kind;
	w.deadline = deadline_in(endpoint->timeouts.handshake_ms);
	r = talk_in_time(&w, t, e);
	w.carrier->ops->close(w.carrier);
	return r;
}

/* ---- learning ------------------------------------------------------------------------------ */

static void take_certificate(struct trace *trace, struct known_keys *known,
                             const struct cert_talk *t)
{
	const struct known_key *authority;
	enum host_cert_verdict v;
	struct host_cert cert;

	if (host_cert_parse(t->blob, t->blob_bytes, &cert) < 0) {
		(void)snprintf(known->no_certificate, sizeof(known->no_certificate),
		               "the server's certificate is malformed");
		return;
	}
	v = host_cert_judge(&cert, known, clock_wall_ms() / 1000, &authority);
	(void)host_cert_text(&cert, v, known->no_certificate);
	TRACE(trace, TRACE_KEX, "host %s", known->no_certificate);
	if (v == CERT_OK) {
		known->no_certificate[0] = '\0';
		known_keys_certify(known, authority, cert.key, cert.key_bytes);
	}
	host_cert_release(&cert);
}

int host_cert_learn(const struct endpoint_config *endpoint, struct trace *trace,
                    struct known_keys *known, struct err *e)
{
	struct cert_talk t;
	struct err why;
	int r;

	if (endpoint->pin_count || !known_keys_authority(known, NULL))
		return 0;
	cert_talk_init(&t);
	r = fetch(endpoint, trace, &t, &why);
	if (r == 0)
		take_certificate(trace, known, &t);
	else
		(void)snprintf(known->no_certificate, sizeof(known->no_certificate), "%.190s",
		               why.message);
	if (r == ERR_NETWORK || r == ERR_BUSY)
		known->unasked = why;
	cert_talk_release(&t);
	if (known->no_certificate[0])
		TRACE(trace, TRACE_KEX, "no certified host key: %s", known->no_certificate);
	if (r == ERR_CANCELED)
		*e = why;
	return r == ERR_CANCELED ? r : 0;
}
