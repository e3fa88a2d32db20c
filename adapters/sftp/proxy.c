#include "adapters/sftp/proxy.h"

#include <string.h>

#include "adapters/sftp/http_connect.h"
#include "config/secret.h"
#include "daemon/runtime/work.h"

struct talk {
	struct io *io;
	struct trace *trace;
	struct deadline deadline;
	struct proxy_target target;
};

/* ---- the secret ---------------------------------------------------------------------------- */

struct reading {
	const struct secret_ref *ref;
	struct secret *out;
};

static int read_secret(void *arg, struct err *e)
{
	struct reading *r = arg;

	return secret_read(r->ref, r->out, e);
}

/* ---- bytes --------------------------------------------------------------------------------- */

/* What went wrong on the wire is told of the proxy. */
static int blame(struct err *e)
{
	if (e->kind == ERR_CANCELED)
		return e->kind;
	if (strcmp(e->code, "TIMEOUT") == 0)
		return err_set(
		        e, ERR_NETWORK, "PROXY-TIMEOUT", 0,
		        "the proxy does not answer in time. It may be no proxy, or be waiting "
		        "for the server itself; raise timeouts: {connect: ...} if that is normal");
	e->code = "PROXY-LOST";
	return err_wrap(e, "the proxy hung up");
}

static int send_all(const struct talk *t, const struct buf *out, struct err *e)
{
	if (io_write_all(t->io, buf_data(out), buf_len(out), "words to the proxy", t->deadline, e) <
	    0)
		return blame(e);
	return 0;
}

static int read_exactly(const struct talk *t, unsigned char *data, size_t n, struct err *e)
{
	for (size_t have = 0; have < n;) {
		ssize_t got =
		        io_read(t->io, data + have, n - have, "the proxy's answer", t->deadline, e);

		if (got < 0)
			return blame(e);
		have += (size_t)got;
	}
	return 0;
}

/* ---- the two dialogues --------------------------------------------------------------------- */

static int talk_socks5(const struct talk *t, struct err *e)
{
	unsigned char words[SOCKS5_WANTS_MOST];
	struct socks5 s;
	int r;

	socks5_begin(&s, &t->target);
	r = send_all(t, &s.out, e);
	while (r == 0 && s.wants) {
		r = read_exactly(t, words, s.wants, e);
		if (r == 0)
			r = socks5_take(&s, words, e);
		if (r == 0)
			r = send_all(t, &s.out, e);
	}
	socks5_end(&s);
	return r;
}

static int talk_http(const struct talk *t, struct err *e)
{
	struct http_reply reply = {0};
	struct buf out;
	unsigned char byte;
	int r;

	buf_init(&out, 4096);
	http_connect_request(&t->target, &out);
	r = send_all(t, &out, e);
	if (out.mem)
		explicit_bzero(out.mem, out.cap);
	buf_release(&out);
	while (r == 0) {
		r = read_exactly(t, &byte, 1, e);
		if (r == 0)
			r = http_connect_take(&reply, byte, e);
	}
	return r < 0 ? r : 0;
}

static int talk(const struct talk *t, enum proxy_kind kind, struct err *e)
{
	int r = kind == PROXY_SOCKS5 ? talk_socks5(t, e) : talk_http(t, e);

	TRACE(t->trace, TRACE_TRANSPORT, "proxy: %s",
	      r < 0 ? e->message : "connected to the server");
	return r;
}

int proxy_negotiate(const struct endpoint_config *endpoint, struct trace *trace, struct io *io,
                    struct err *e)
{
	const struct proxy_settings *p = &endpoint->proxy;
	struct secret password = {0};
	struct reading reading = {&p->password, &password};
	struct talk t = {
	        .io = io,
	        .trace = trace,
	        .deadline = deadline_in(endpoint->timeouts.connect_ms),
	        .target = {.host = endpoint->host, .port = endpoint->port, .user = p->user},
	};
	int r;

	if (p->password.kind != SECRET_NONE &&
	    work_run(read_secret, &reading, "the proxy's password", e) < 0)
		return err_wrap(e, "proxy");
	t.target.password = password.bytes;
	t.target.password_bytes = password.len;
	r = talk(&t, p->kind, e);
	secret_wipe(&password);
	return r < 0 ? err_wrap(e, "proxy %s port %d", p->host, p->port) : 0;
}
