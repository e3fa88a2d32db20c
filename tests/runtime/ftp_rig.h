/*
 * FTP servers for the tests of this room: tests/lib/ftp_peers.py; see peers.h.
 *
 *	partner_of(&p, "proftpd_explicit");	// an endpoint for it
 *	struct connection *c = opens(&p);
 */
#pragma once
#include "adapters/adapter.h"
#include "config/config.h"
#include "tests/runtime/peers.h"

struct ftp_peer {
	char name[32], path[256], home[256], ca[256];
	int port;
};

static struct {
	struct ftp_peer all[160];
	int count;
} ftp_peers;

static void ftp_peers_add(const char *line)
{
	struct ftp_peer *p = &ftp_peers.all[ftp_peers.count++];

	check(ftp_peers.count <= (int)(sizeof(ftp_peers.all) / sizeof(ftp_peers.all[0])));
	check(sscanf(line, "%31s %d %255s %255s %255s", p->name, &p->port, p->path, p->home,
	             p->ca) == 5);
}

static inline void peers_start(const char *groups)
{
	peers_start_with("ftp_peers.py", groups, ftp_peers_add);
}

static inline const struct ftp_peer *ftp_peer(const char *name)
{
	for (int i = 0; i < ftp_peers.count; i++)
		if (strcmp(ftp_peers.all[i].name, name) == 0)
			return &ftp_peers.all[i];
	return NULL;
}

/* ---- an endpoint for a peer ---------------------------------------------------------------- */

struct partner {
	const struct ftp_peer *peer;
	struct endpoint_config endpoint;
	struct auth_method auth[1];
	struct trace_config traces;
};

/* Times are short enough for a test that waits for one, and long enough for a slow machine. */
static inline void partner_of(struct partner *p, const char *name)
{
	bool is_plain = strstr(name, "plain") || (strstr(name, "evil") && !strstr(name, "tls"));

	memset(p, 0, sizeof(*p));
	p->peer = ftp_peer(name);
	check(p->peer);
	p->auth[0].kind = AUTH_PASSWORD;
	p->auth[0].password = (struct secret_ref){.kind = SECRET_VALUE, .text = "pass word"};
	p->endpoint = (struct endpoint_config){
	        .name = "partner",
	        .protocol = is_plain ? PROTOCOL_FTP : PROTOCOL_FTPS,
	        .host = "127.0.0.1",
	        .port = p->peer->port,
	        .user = strstr(name, "vsftpd") ? "anonymous" : "ferry",
	        .auth = p->auth,
	        .auth_count = 1,
	        .tls = {.ca = p->peer->ca,
	                .mode = strstr(name, "implicit") ? TLS_IMPLICIT : TLS_EXPLICIT,
	                .session_reuse = true},
	        .connections = 1,
	        .timeouts = {.connect_ms = 10000,
	                     .handshake_ms = 10000,
	                     .auth_ms = 10000,
	                     .request_ms = 10000,
	                     .stall_ms = 10000},
	};
}

static inline struct connection *opens(struct partner *p)
{
	struct connection *c;
	struct err e;

	if (adapter_ftps.connect(&p->endpoint, NULL, &c, &e) < 0) {
		(void)fprintf(stderr, "%s: %s: %s\n", p->peer->name, e.code, e.message);
		abort();
	}
	return c;
}

#define must(call, e)                                                                           \
	do {                                                                                    \
		if ((call) < 0) {                                                               \
			(void)fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, (e)->code, \
			              (e)->message);                                            \
			abort();                                                                \
		}                                                                               \
	} while (0)

/* The call must fail with that code. */
#define must_fail(call, e, want)                                                              \
	do {                                                                                  \
		memset(e, 0, sizeof(*(e)));                                                   \
		if ((call) >= 0 || strcmp((e)->code, want) != 0) {                            \
			(void)fprintf(stderr, "%s:%d: %s, not %s: %s\n", __FILE__, __LINE__,  \
			              (e)->code ? (e)->code : "success", want, (e)->message); \
			abort();                                                              \
		}                                                                             \
	} while (0)

static inline const char *at(const struct partner *p, const char *name, char out[512])
{
	(void)snprintf(out, 512, "%s%s%s", p->peer->path,
	               strcmp(p->peer->path, "/") == 0 ? "" : "/", name);
	return out;
}

/* ---- content: byte i of file `seed` -------------------------------------------------------- */

struct content {
	uint64_t seed, at, size;
	bool is_wrong;
};

static inline unsigned char content_byte(uint64_t seed, uint64_t i)
{
	return (unsigned char)((i * 2654435761u + seed * 40503u) >> 7);
}

static inline int content_check(void *arg, const void *data, size_t n, struct err *e)
{
	struct content *c = arg;
	const unsigned char *p = data;

	(void)e;
	for (size_t i = 0; i < n; i++)
		c->is_wrong |= p[i] != content_byte(c->seed, c->at + i);
	c->at += n;
	return 0;
}

static inline int64_t content_make(void *arg, void *data, size_t room, struct err *e)
{
	struct content *c = arg;
	unsigned char *p = data;
	size_t n = c->size - c->at < room ? (size_t)(c->size - c->at) : room;

	(void)e;
	for (size_t i = 0; i < n; i++)
		p[i] = content_byte(c->seed, c->at + i);
	c->at += n;
	return (int64_t)n;
}

static inline int sends(struct connection *c, const char *path, uint64_t seed, uint64_t size,
                        struct err *e)
{
	struct content content = {.seed = seed, .size = size};
	struct put_options o = {.source = {content_make, &content, size}, .mode = -1};
	enum verification level = VERIFIED_NONE;
	int r = adapter_ftps.put(c, path, &o, &level, e);

	check(r < 0 || level == VERIFIED_SIZE);
	return r;
}

/* From `offset` on. */
static inline int fetches_rest(struct connection *c, const char *path, struct content content,
                               struct err *e)
{
	uint64_t size = content.size;
	struct get_options o = {.sink = {content_check, &content},
	                        .expect_size = size,
	                        .expect_mtime_ms = MTIME_UNKNOWN,
	                        .max_size = UINT64_MAX,
	                        .offset = content.at};
	int r = adapter_ftps.get(c, path, &o, e);

	check(r < 0 || (content.at == size && !content.is_wrong));
	return r;
}

static inline int fetches(struct connection *c, const char *path, uint64_t seed, uint64_t size,
                          struct err *e)
{
	return fetches_rest(c, path, (struct content){.seed = seed, .size = size}, e);
}

/* What the evil servers have, from `offset` on; what comes of it is not looked at. */
static inline int get_a(struct connection *c, uint64_t offset, struct err *e)
{
	struct content ignored = {0};
	struct get_options o = {.sink = {content_check, &ignored},
	                        .expect_size = 100000,
	                        .expect_mtime_ms = MTIME_UNKNOWN,
	                        .max_size = UINT64_MAX,
	                        .offset = offset};

	return adapter_ftps.get(c, "/a.txt", &o, e);
}
