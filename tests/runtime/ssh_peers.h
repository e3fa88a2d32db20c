/*
 * SSH servers for the tests of this room: tests/lib/ssh_peers.py; see peers.h.
 *
 *	peers_port("sshd_cat");
 *
 * and what these tests share: an endpoint for a peer, bytes that go both ways, and a second fiber
 * that watches that the worker keeps its pace.
 */
#pragma once
#include "adapters/sftp/session.h"
#include "tests/runtime/peers.h"

static struct {
	struct {
		char name[32];
		int port;
	} all[128];
	int count;
} peers_ports;

static void peers_add_port(const char *line)
{
	int i = peers_ports.count++;

	check(i < (int)(sizeof(peers_ports.all) / sizeof(peers_ports.all[0])));
	check(sscanf(line, "%31s %d", peers_ports.all[i].name, &peers_ports.all[i].port) == 2);
}

static inline void peers_start(const char *groups)
{
	peers_start_with("ssh_peers.py", groups, peers_add_port);
}

static inline int peers_port(const char *name)
{
	for (int i = 0; i < peers_ports.count; i++)
		if (strcmp(peers_ports.all[i].name, name) == 0)
			return peers_ports.all[i].port;
	(void)fprintf(stderr, "no peer %s\n", name);
	abort();
}

/* ---- an endpoint for a peer ---------------------------------------------------------------- */

struct partner {
	struct endpoint_config endpoint;
	struct auth_method auth[3];
	char key[3][128], known_hosts[128];
	const char *known_hosts_list[1], *pins[2];
};

static inline void partner_init(struct partner *p, const char *peer)
{
	memset(p, 0, sizeof(*p));
	(void)snprintf(p->known_hosts, sizeof(p->known_hosts), "%s/%s/known_hosts", peers.folder,
	               peer);
	p->known_hosts_list[0] = p->known_hosts;
	p->endpoint = (struct endpoint_config){
	        .name = "partner",
	        .protocol = PROTOCOL_SFTP,
	        .host = "127.0.0.1",
	        .port = peers_port(peer),
	        .user = "root",
	        .auth = p->auth,
	        .known_hosts = p->known_hosts_list,
	        .known_hosts_count = 1,
	        .connections = 1,
	        .timeouts = {.connect_ms = 5000,
	                     .handshake_ms = 5000,
	                     .auth_ms = 5000,
	                     .request_ms = 5000,
	                     .stall_ms = 5000},
	};
}

static inline void partner_key(struct partner *p, const char *name, const char *passphrase)
{
	size_t i = p->endpoint.auth_count++;

	(void)snprintf(p->key[i], sizeof(p->key[i]), "%s/keys/%s", peers.folder, name);
	p->auth[i].kind = AUTH_PUBLICKEY;
	p->auth[i].key_file = p->key[i];
	if (passphrase)
		p->auth[i].passphrase =
		        (struct secret_ref){.kind = SECRET_VALUE, .text = passphrase};
}

static inline void partner_password(struct partner *p, const char *password)
{
	size_t i = p->endpoint.auth_count++;

	p->auth[i].kind = AUTH_PASSWORD;
	p->auth[i].password = (struct secret_ref){.kind = SECRET_VALUE, .text = password};
}

/* Does not check the host key: for tests of what comes before or after. */
static inline void partner_trust_any(struct partner *p)
{
	p->endpoint.host_key_check = HOST_KEY_OFF;
	p->endpoint.known_hosts_count = 0;
}

/* The session must open; closed by the caller, while `p` lives. */
static inline struct session *partner_opens(struct partner *p)
{
	struct session *s;
	struct err e;

	if (session_open(&p->endpoint, NULL, &s, &e) < 0) {
		(void)fprintf(stderr, "%s: %s\n", e.code, e.message);
		abort();
	}
	return s;
}

/* The session must not open; returns the code. */
static inline const char *partner_fails(struct partner *p, struct err *e)
{
	struct session *s = NULL;

	memset(e, 0, sizeof(*e));
	if (session_open(&p->endpoint, NULL, &s, e) == 0) {
		session_close(s);
		return "OPENED";
	}
	check(e->kind < 0 && e->code && e->message[0]);
	return e->code;
}

#define check_same_code(got, want, e)                                                        \
	do {                                                                                 \
		const char *got_code = got;                                                  \
		if (strcmp(got_code, want) != 0) {                                           \
			(void)fprintf(stderr, "%s:%d: %s, not %s: %s\n", __FILE__, __LINE__, \
			              got_code, want, (e)->message);                         \
			abort();                                                             \
		}                                                                            \
	} while (0)
#define check_code(p, e, want) check_same_code(partner_fails(p, e), want, e)

/* The message has these words; any words, if NULL. */
static inline bool says(const struct err *e, const char *words)
{
	if (!words || strstr(e->message, words))
		return true;
	(void)fprintf(stderr, "\"%s\" is not in: %s\n", words, e->message);
	return false;
}

/* ---- streams ------------------------------------------------------------------------------- */

/* An SFTP server is there and says its version. */
static inline void greet_sftp(struct session *s)
{
	static const unsigned char init[] = {0, 0, 0, 5, 1, 0, 0, 0, 3};
	struct stream *sftp;
	unsigned char reply[512];
	struct err e;

	check(session_open_subsystem(s, "sftp", &sftp, &e) == 0);
	check(sftp->ops->write(sftp, init, sizeof(init), "init", deadline_in(5000), &e) == 0);
	check(sftp->ops->read(sftp, reply, sizeof(reply), "version", deadline_in(5000), &e) > 9);
	check(reply[4] == 2 && reply[8] == 3);
}

enum { PUMP_BYTES = 64 * 1024, PUMP_MS = 30000 };

struct pump {
	struct stream *stream;
	size_t total;
	bool done;
};

static inline unsigned char pump_byte(size_t i)
{
	return (unsigned char)(i * 31 + (i >> 9));
}

static void pump_out(void *arg)
{
	struct pump *p = arg;
	unsigned char *part = mem_new(PUMP_BYTES);
	struct err e;

	for (size_t at = 0; at < p->total; at += PUMP_BYTES) {
		for (size_t i = 0; i < PUMP_BYTES; i++)
			part[i] = pump_byte(at + i);
		check(p->stream->ops->write(p->stream, part, PUMP_BYTES, "bulk out",
		                            deadline_in(PUMP_MS), &e) == 0);
	}
	free(part);
	p->done = true;
}

static void pump_in(struct pump *p)
{
	unsigned char *part = mem_new(100000);
	size_t at = 0;
	struct err e;

	while (at < p->total) {
		ssize_t n = p->stream->ops->read(p->stream, part, 100000, "bulk in",
		                                 deadline_in(PUMP_MS), &e);

		if (n <= 0)
			(void)fprintf(stderr, "after %zu: %s %s\n", at, n < 0 ? e.code : "end",
			              n < 0 ? e.message : "");
		check(n > 0);
		for (ssize_t i = 0; i < n; i++)
			check(part[i] == pump_byte(at + (size_t)i));
		at += (size_t)n;
	}
	free(part);
}

/* `cat` at the other end: what goes out comes back, one fiber each way. */
static inline void pump_both_ways(struct worker *w, struct session *s, size_t total)
{
	struct pump p = {.total = total};
	struct err e;

	check(session_open_subsystem(s, "sftp", &p.stream, &e) == 0);
	(void)fiber_start(w, "out", pump_out, &p);
	pump_in(&p);
	rig_await(&p.done);
}

static void abort_later(void *arg)
{
	struct pump *p = arg;
	struct err e;

	check(fiber_sleep(30, "before the abort", &e) == 0);
	p->stream->ops->abort(p->stream);
	p->done = true;
}

/* Whoever waits for `cat` to say something first is woken. */
static inline void abort_a_reader(struct worker *w, struct session *s)
{
	struct pump p = {0};
	char text[8];
	struct err e;

	check(session_open_subsystem(s, "sftp", &p.stream, &e) == 0);
	(void)fiber_start(w, "abort", abort_later, &p);
	check(p.stream->ops->read(p.stream, text, 8, "never", deadline_in(20000), &e) ==
	      ERR_CANCELED);
	check(strcmp(e.code, "SSH-CLOSED") == 0 && !session_is_alive(s));
	check(p.stream->ops->write(p.stream, "x", 1, "dead", deadline_in(5000), &e) ==
	      ERR_CANCELED);
	rig_await(&p.done);
}

/* ---- the pace of the worker ---------------------------------------------------------------- */

/* How long this thread wanted a processor and had none: a busy machine is no stall of ours. 0 where
 * the kernel does not tell. proc(5), schedstat. */
static int64_t starved_ms(void)
{
	unsigned long long ran, waited = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "r");

	if (f && fscanf(f, "%llu %llu", &ran, &waited) != 2)
		waited = 0;
	if (f)
		(void)fclose(f);
	return (int64_t)(waited / 1000000);
}

struct pace {
	bool stop, stopped;
	int64_t worst_ms;
};

static void pace_watch(void *arg)
{
	struct pace *p = arg;
	struct err e;

	while (!p->stop) {
		int64_t before = clock_mono_ms() - starved_ms(), late;

		check(fiber_sleep(2, "pace", &e) == 0);
		late = clock_mono_ms() - starved_ms() - before - 2;
		if (late > p->worst_ms)
			p->worst_ms = late;
	}
	p->stopped = true;
}

static inline void pace_start(struct pace *p, struct worker *w)
{
	memset(p, 0, sizeof(*p));
	(void)fiber_start(w, "pace", pace_watch, p);
}

static inline int64_t pace_stop(struct pace *p)
{
	p->stop = true;
	rig_await(&p->stopped);
	return p->worst_ms;
}
