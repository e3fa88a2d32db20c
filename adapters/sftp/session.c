#include "adapters/sftp/session.h"

#include "adapters/diagnosis.h"
#include "adapters/sftp/algorithms.h"
#include "adapters/sftp/auth.h"
#include "adapters/sftp/channel.h"
#include "adapters/sftp/exec.h"
#include "adapters/sftp/forward.h"
#include "adapters/sftp/host_key.h"
#include "adapters/sftp/kex.h"
#include "adapters/sftp/reach.h"
#include "adapters/sftp/rekey.h"
#include "adapters/sftp/ssh.h"
#include "adapters/sftp/ssh_memory.h"
#include "adapters/sftp/words.h"
#include "adapters/trace_step.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

struct session {
	struct ssh ssh;
	struct channel *channels[SESSION_STREAMS];
	size_t channel_count;
	int fd;
	char host_key[KEY_TYPE_BYTES + FINGERPRINT_BYTES];
	char agreed[KEX_AGREED_BYTES];
};

/* ---- libssh2's callbacks ------------------------------------------------------------------- */

static ssize_t on_recv(libssh2_socket_t fd, void *data, size_t room, int flags, void **abstract)
{
	struct ssh *s = *abstract;

	(void)fd;
	(void)flags;
	return transport_recv(s->transport, data, room);
}

static ssize_t on_send(libssh2_socket_t fd, const void *data, size_t n, int flags, void **abstract)
{
	struct ssh *s = *abstract;

	(void)fd;
	(void)flags;
	return transport_send(s->transport, data, n);
}

static void on_disconnect(LIBSSH2_SESSION *lib, int reason, const char *message, int n,
                          const char *language, int language_n, void **abstract)
{
	struct ssh *s = *abstract;
	char text[ESCAPE_ROOM];

	(void)lib;
	(void)language;
	(void)language_n;
	if (n < 0)
		n = 0;
	s->disconnect_code = reason > 0 ? (unsigned)reason : 11; /* BY_APPLICATION */
	(void)snprintf(s->disconnect_text, sizeof(s->disconnect_text), "%.*s", n,
	               message ? message : "");
	TRACE(s->trace, TRACE_TRANSPORT, "server disconnects, reason %d: %s", reason,
	      message ? escape(message, (size_t)n, text, sizeof(text)) : "");
}

/* libssh2 1.11.1 gave the function a new name and type. */
static void set_callbacks(LIBSSH2_SESSION *lib)
{
#if LIBSSH2_VERSION_NUM >= 0x010b01
	(void)libssh2_session_callback_set2(lib, LIBSSH2_CALLBACK_RECV,
	                                    (libssh2_cb_generic *)on_recv);
	(void)libssh2_session_callback_set2(lib, LIBSSH2_CALLBACK_SEND,
	                                    (libssh2_cb_generic *)on_send);
	(void)libssh2_session_callback_set2(lib, LIBSSH2_CALLBACK_DISCONNECT,
	                                    (libssh2_cb_generic *)on_disconnect);
#else
	(void)libssh2_session_callback_set(lib, LIBSSH2_CALLBACK_RECV, (void *)on_recv);
	(void)libssh2_session_callback_set(lib, LIBSSH2_CALLBACK_SEND, (void *)on_send);
	(void)libssh2_session_callback_set(lib, LIBSSH2_CALLBACK_DISCONNECT, (void *)on_disconnect);
#endif
}

/* ---- trust --------------------------------------------------------------------------------- */

/* Before it may be put on record. */
static int check_strength(const struct ssh *s, const void *blob, size_t n, struct err *e)
{
	int least = s->endpoint->algorithms.rsa_min_bits, bits;
	char type[KEY_TYPE_BYTES];

	if (!key_blob_type(blob, n, type) || strcmp(type, "ssh-rsa") != 0)
		return 0;
	bits = key_blob_bits(blob, n);
	if (bits >= least)
		return 0;
	return diagnosis_host_key_weak(
	        &(struct diagnosis_host_key){.host = s->endpoint->host, .port = s->endpoint->port},
	        bits, least, e);
}

static int trust(struct session *s, const struct known_keys *known, struct err *e)
{
	size_t n = 0;
	int type;
	const char *blob = libssh2_session_hostkey(s->ssh.lib, &n, &type);
	char name[KEY_TYPE_BYTES] = "?", fingerprint[FINGERPRINT_BYTES];

	if (!blob)
		return err_set(e, ERR_PROTOCOL, "SSH-PROTOCOL", 0, "the server showed no host key");
	(void)key_blob_type(blob, n, name);
	(void)snprintf(s->host_key, sizeof(s->host_key), "%s %s", name,
	               key_fingerprint(blob, n, fingerprint));
	trace_fact(s->ssh.trace, "host key", "%s", s->host_key);
	if (check_strength(&s->ssh, blob, n, e) < 0)
		return e->kind;
	return host_key_check(&(struct host_key_case){.endpoint = s->ssh.endpoint,
	                                              .known = known,
	                                              .trace = s->ssh.trace,
	                                              .blob = blob,
	                                              .blob_bytes = n},
	                      e);
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* Takes the carrier. */
static struct session *new_session(const struct endpoint_config *endpoint, struct trace *trace,
                                   struct carrier *carrier)
{
	struct session *s = mem_new_of(struct session);

	ssh_library_init();
	s->fd = carrier->fd;
	s->ssh.endpoint = endpoint;
	s->ssh.trace = trace;
	signal_init(&s->ssh.command_ended);
	signal_init(&s->ssh.opened);
	s->ssh.transport = transport_new(carrier, trace);
	s->ssh.lib = ssh_memory_session(&s->ssh);
	if (!s->ssh.lib)
		abort(); /* as mem_new: out of memory is a crash */
	libssh2_session_set_blocking(s->ssh.lib, 0);
	set_callbacks(s->ssh.lib);
	words_listen(&s->ssh);
	return s;
}

/* Connected, keys exchanged; nobody is trusted yet. */
static int meet(const struct endpoint_config *endpoint, struct trace *trace,
                const struct known_keys *known, struct session **out, struct err *e)
{
	struct carrier *carrier;
	struct session *s;
	int r = reach_open(endpoint, trace, &carrier, e);

	if (r < 0)
		return r;
	s = new_session(endpoint, trace, carrier);
	algorithms_offer(&s->ssh, known);
	r = kex_run(&s->ssh, s->fd, e);
	if (r < 0) {
		session_close(s);
		return r;
	}
	kex_describe(&s->ssh, s->agreed);
	trace_step(s->ssh.trace, TRACE_STEP_HOST_KEY);
	*out = s;
	return 0;
}

static int log_in(struct session *s, const struct known_keys *known, struct auth_material *material,
                  struct err *e)
{
	int r;

	if (trust(s, known, e) < 0)
		return e->kind;
	rekey_watch(&s->ssh);
	trace_step(s->ssh.trace, TRACE_STEP_LOGIN);
	r = auth_login(&s->ssh, material, e);
	TRACE(s->ssh.trace, TRACE_SCP, "files go by SFTP; scp is never used");
	words_banner(&s->ssh);
	return r;
}

static int open_with(const struct endpoint_config *endpoint, struct trace *trace,
                     struct auth_material *material, struct session **out, struct err *e)
{
	struct known_keys known;
	struct session *s = NULL;
	int r;

	if (host_key_load(endpoint, trace, &known, e) < 0)
		return e->kind;
	r = meet(endpoint, trace, &known, &s, e);
	if (r == 0)
		r = log_in(s, &known, material, e);
	known_keys_release(&known);
	if (r < 0) {
		session_close(s);
		return r;
	}
	*out = s;
	return 0;
}

int session_open(const struct endpoint_config *endpoint, struct trace *trace, struct session **out,
                 struct err *e)
{
	struct auth_material *material = NULL;
	int r;

	trace_step(trace, TRACE_STEP_SECRETS);
	r = auth_prepare(endpoint, &material, e);

	if (r == 0)
		r = open_with(endpoint, trace, material, out, e);
	auth_free(material);
	return r; /* whoever owns the trace records the error there */
}

static int copy_key(struct session *s, struct session_look *out, struct err *e)
{
	size_t n = 0;
	int type;
	const char *blob = libssh2_session_hostkey(s->ssh.lib, &n, &type);

	if (!blob)
		return err_set(e, ERR_PROTOCOL, "SSH-PROTOCOL", 0, "the server showed no host key");
	if (check_strength(&s->ssh, blob, n, e) < 0)
		return e->kind;
	out->blob = (unsigned char *)mem_dup_bytes(blob, n);
	out->blob_bytes = n;
	return 0;
}

int session_look(const struct endpoint_config *endpoint, struct trace *trace,
                 struct session_look *out, struct err *e)
{
	struct session_look look = {0};
	struct session *s = NULL;
	int r;

	if (host_key_load(endpoint, trace, &look.known, e) < 0)
		return e->kind;
	r = meet(endpoint, trace, &look.known, &s, e);
	if (r == 0)
		r = copy_key(s, &look, e);
	session_close(s);
	if (r < 0)
		session_look_release(&look);
	else
		*out = look;
	return r;
}

void session_look_release(struct session_look *l)
{
	known_keys_release(&l->known);
	free(l->blob);
	l->blob = NULL;
}

int session_open_subsystem(struct session *s, const char *name, struct stream **out, struct err *e)
{
	struct channel *c;

	if (s->channel_count == SESSION_STREAMS)
		return err_set(e, ERR_BUG, "BUG", 0, "more than %d streams in one session",
		               SESSION_STREAMS);
	if (channel_open(&s->ssh, name, &c, e) < 0)
		return e->kind;
	s->channels[s->channel_count++] = c;
	*out = channel_stream(c);
	return 0;
}

int session_execute(struct session *s, const struct exec *x, struct command_result *result,
                    struct err *e)
{
	return exec_run(&s->ssh, x, result, e);
}

int session_open_forward(struct session *s, const char *host, int port, struct channel **out,
                         struct err *e)
{
	if (s->channel_count == SESSION_STREAMS)
		return err_set(e, ERR_BUG, "BUG", 0, "more than %d streams in one session",
		               SESSION_STREAMS);
	if (channel_open_forward(&s->ssh, host, port, out, e) < 0)
		return e->kind;
	s->channels[s->channel_count++] = *out;
	return 0;
}

int session_forward(struct session *s, struct forwarding *f, struct err *e)
{
	return forward_run(&s->ssh, f, e);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void say_goodbye(struct session *s)
{
	if (transport_is_over(s->ssh.transport))
		return;
	transport_begin(s->ssh.transport);
	(void)libssh2_session_disconnect(s->ssh.lib, "done"); /* only a courtesy */
	transport_flush_now(s->ssh.transport);
}

static void trace_traffic(const struct session *s)
{
	struct session_traffic t = session_traffic(s);

	TRACE(s->ssh.trace, TRACE_TRANSPORT,
	      "%llu bytes received, %llu sent, keys exchanged %u times",
	      (unsigned long long)t.received, (unsigned long long)t.sent,
	      (s->ssh.rekey.block != NULL) + s->ssh.rekey.count);
}

void session_close(struct session *s)
{
	size_t forgotten;
	int tries = 0;

	if (!s)
		return;
	say_goodbye(s);
	session_abort(s);
	/* in dead mode nothing is awaited; the bound is for a library that disagrees */
	do {
		transport_begin(s->ssh.transport);
	} while (libssh2_session_free(s->ssh.lib) == LIBSSH2_ERROR_EAGAIN && ++tries < 100);
	forgotten = ssh_memory_end(&s->ssh);
	trace_traffic(s);
	TRACE(s->ssh.trace, TRACE_TRANSPORT, "closed; libssh2 had forgotten %zu bytes", forgotten);
	transport_free(s->ssh.transport);
	for (size_t i = 0; i < s->channel_count; i++)
		channel_free(s->channels[i]);
	free(s);
}

void session_abort(struct session *s)
{
	struct err e;

	(void)err_set(&e, ERR_CANCELED, "SSH-CLOSED", 0, "the connection was closed");
	transport_kill(s->ssh.transport, &e);
}

void session_flush(struct session *s)
{
	transport_flush_now(s->ssh.transport);
}

bool session_is_alive(const struct session *s)
{
	return !transport_is_over(s->ssh.transport);
}

/* ---- what became known --------------------------------------------------------------------- */

const struct endpoint_config *session_endpoint(const struct session *s)
{
	return s->ssh.endpoint;
}

int session_fd(const struct session *s)
{
	return s->fd;
}

const char *session_server(const struct session *s)
{
	struct transport_evidence seen;

	transport_evidence(s->ssh.transport, &seen);
	return seen.identification->text;
}

const char *session_host_key(const struct session *s)
{
	return s->host_key;
}

const char *session_algorithms(const struct session *s)
{
	return s->agreed;
}

struct session_traffic session_traffic(const struct session *s)
{
	struct transport_evidence seen;

	transport_evidence(s->ssh.transport, &seen);
	return (struct session_traffic){.received = seen.received, .sent = seen.sent};
}

const char *session_library(void)
{
	return ssh_library();
}
