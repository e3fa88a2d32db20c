#include "adapters/sftp/socks5.h"

#include <arpa/inet.h>
#include <string.h>

#include "daemon/base/escape.h"

enum { VERSION = 5, NO_LOGIN = 0, BY_PASSWORD = 2, NONE_FITS = 0xFF, CONNECT = 1 };
enum { BY_IPV4 = 1, BY_NAME = 3, BY_IPV6 = 4 };

static void put(struct buf *b, unsigned value)
{
	unsigned char byte = (unsigned char)value;

	(void)buf_add(b, &byte, 1); /* far below the limit */
}

/* Length in one byte, then the bytes. */
static void put_short(struct buf *b, const void *data, size_t n)
{
	put(b, (unsigned)n);
	(void)buf_add(b, data, n);
}

static void wipe(struct buf *b)
{
	if (b->mem)
		explicit_bzero(b->mem, b->cap);
	buf_clear(b);
}

void socks5_begin(struct socks5 *s, const struct proxy_target *target)
{
	*s = (struct socks5){.target = target, .step = SOCKS5_METHOD, .wants = 2};
	buf_init(&s->out, 2048);
	put(&s->out, VERSION);
	put(&s->out, target->user ? 2 : 1);
	put(&s->out, NO_LOGIN);
	if (target->user)
		put(&s->out, BY_PASSWORD);
}

void socks5_end(struct socks5 *s)
{
	wipe(&s->out);
	buf_release(&s->out);
}

/* ---- what we ask --------------------------------------------------------------------------- */

/* RFC 1928 §4 and §5 */
static void ask_for_target(struct socks5 *s)
{
	const struct proxy_target *t = s->target;
	unsigned char address[sizeof(struct in6_addr)];

	put(&s->out, VERSION);
	put(&s->out, CONNECT);
	put(&s->out, 0);
	if (inet_pton(AF_INET, t->host, address) == 1) {
		put(&s->out, BY_IPV4);
		(void)buf_add(&s->out, address, 4);
	} else if (inet_pton(AF_INET6, t->host, address) == 1) {
		put(&s->out, BY_IPV6);
		(void)buf_add(&s->out, address, 16);
	} else {
		put(&s->out, BY_NAME);
		put_short(&s->out, t->host, strnlen(t->host, 255));
	}
	put(&s->out, (unsigned)t->port >> 8);
	put(&s->out, (unsigned)t->port & 0xFF);
	s->step = SOCKS5_REPLY;
	s->wants = 4;
}

/* RFC 1929 §2 */
static int log_in(struct socks5 *s, struct err *e)
{
	const struct proxy_target *t = s->target;
	size_t n = strlen(t->user);

	if (n == 0 || n > SOCKS5_LOGIN_MOST || t->password_bytes > SOCKS5_LOGIN_MOST)
		return err_set(
		        e, ERR_CONFIG, "PROXY-AUTH", 0,
		        "SOCKS5 takes a user name of 1 to 255 bytes and a password of at most "
		        "255");
	put(&s->out, 1);
	put_short(&s->out, t->user, n);
	put_short(&s->out, t->password ? t->password : "", t->password_bytes);
	s->step = SOCKS5_LOGIN;
	s->wants = 2;
	return 0;
}

/* ---- what it answers ----------------------------------------------------------------------- */

static int no_socks(const unsigned char *data, size_t n, struct err *e)
{
	char shown[64];

	return err_set(e, ERR_PROTOCOL, "PROXY-PROTOCOL", 0,
	               "what answers is no SOCKS5 proxy (\"%s\"); correct host and port, or try "
	               "proxy: {http: ...}",
	               escape(data, n, shown, sizeof(shown)));
}

static int take_method(struct socks5 *s, const unsigned char *data, struct err *e)
{
	if (data[0] != VERSION)
		return no_socks(data, 2, e);
	if (data[1] == NO_LOGIN) {
		ask_for_target(s);
		return 0;
	}
	if (data[1] == BY_PASSWORD && s->target->user)
		return log_in(s, e);
	if (data[1] != NONE_FITS && data[1] != BY_PASSWORD) /* not offered, yet some ask */
		return no_socks(data, 2, e);
	return err_set(e, ERR_AUTH, "PROXY-AUTH", 0,
	               s->target->user ? "the proxy takes no user and password, and nothing else "
	                                 "that ferryd can offer"
	                               : "the proxy wants a login: set user and password of proxy");
}

/* Any status but 0 is a failure: RFC 1929 §2. The version is 1, but some answer with 5. */
static int take_login(struct socks5 *s, const unsigned char *data, struct err *e)
{
	if (data[1] != 0)
		return err_set(e, ERR_AUTH, "PROXY-AUTH", data[1],
		               "the proxy refused user or password");
	ask_for_target(s);
	return 0;
}

/* RFC 1928 §6 */
static int refused(unsigned reply, const struct proxy_target *t, struct err *e)
{
	static const struct {
		enum err_kind kind;
		const char *code, *words;
	} replies[] = {
	        [1] = {ERR_NETWORK, "PROXY-UNREACHABLE", "general failure"},
	        [2] = {ERR_CONFIG, "PROXY-REFUSED", "its rules do not allow it; ask its operator"},
	        [3] = {ERR_NETWORK, "PROXY-UNREACHABLE", "network unreachable"},
	        [4] = {ERR_NETWORK, "PROXY-UNREACHABLE", "host unreachable, or no such name"},
	        [5] = {ERR_NETWORK, "PROXY-UNREACHABLE", "connection refused there"},
	        [6] = {ERR_NETWORK, "PROXY-UNREACHABLE", "too many hops, or no answer"},
	        [7] = {ERR_CONFIG, "PROXY-REFUSED", "it does not know the command CONNECT"},
	        [8] = {ERR_CONFIG, "PROXY-REFUSED", "it does not know this kind of address"},
	};
	char host[128];

	(void)escape(t->host, strlen(t->host), host, sizeof(host));
	if (reply >= sizeof(replies) / sizeof(replies[0]))
		return err_set(e, ERR_NETWORK, "PROXY-UNREACHABLE", (int)reply,
		               "it does not connect to %s port %d: reply %u, which nobody defined",
		               host, t->port, reply);
	return err_set(e, replies[reply].kind, replies[reply].code, (int)reply,
	               "it does not connect to %s port %d: %s", host, t->port,
	               replies[reply].words);
}

/* Version, reply, reserved, kind of address; then the address, of which only the length matters. */
static int take_reply(struct socks5 *s, const unsigned char *data, struct err *e)
{
	if (data[0] != VERSION)
		return no_socks(data, 4, e);
	if (data[1] != 0)
		return refused(data[1], s->target, e);
	s->step = SOCKS5_ADDRESS;
	switch (data[3]) {
	case BY_IPV4:
		s->wants = 4 + 2;
		return 0;
	case BY_IPV6:
		s->wants = 16 + 2;
		return 0;
	case BY_NAME:
		s->step = SOCKS5_NAME;
		s->wants = 1;
		return 0;
	}
	return no_socks(data, 4, e);
}

int socks5_take(struct socks5 *s, const unsigned char *data, struct err *e)
{
	wipe(&s->out);
	s->wants = 0;
	switch (s->step) {
	case SOCKS5_METHOD:
		return take_method(s, data, e);
	case SOCKS5_LOGIN:
		return take_login(s, data, e);
	case SOCKS5_REPLY:
		return take_reply(s, data, e);
	case SOCKS5_NAME:
		s->wants = (size_t)data[0] + 2;
		s->step = SOCKS5_ADDRESS;
		return 0;
	case SOCKS5_ADDRESS:
		break;
	}
	return 0;
}
