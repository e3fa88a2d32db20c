/*
 * What is said to a SOCKS5 proxy (RFC 1928; login RFC 1929), without any I/O:
 *
 *	struct socks5 s;
 *	socks5_begin(&s, &target);
 *	... send s.out; read exactly s.wants bytes; then, until s.wants is 0:
 *	if (socks5_take(&s, data, e) < 0) ...
 *	... send s.out (may be empty), read s.wants bytes
 *
 * Names go to the proxy as they are: it looks them up. Not a byte more is asked for than belongs to
 * the proxy's replies: what follows is the partner's.
 *
 * Errors: ERR_AUTH "PROXY-AUTH", ERR_CONFIG "PROXY-REFUSED", ERR_NETWORK "PROXY-UNREACHABLE",
 * ERR_PROTOCOL "PROXY-PROTOCOL". Pure; takes any bytes.
 */
#pragma once
#include <stddef.h>

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

enum { SOCKS5_LOGIN_MOST = 255, SOCKS5_WANTS_MOST = 257 };

struct proxy_target {
	const char *host; /* name, IPv4, IPv6 without brackets; at most 255 bytes */
	int port;
	const char *user, *password; /* of the proxy's login; user NULL: none */
	size_t password_bytes;
};

enum socks5_step { SOCKS5_METHOD, SOCKS5_LOGIN, SOCKS5_REPLY, SOCKS5_NAME, SOCKS5_ADDRESS };

struct socks5 {
	const struct proxy_target *target;
	enum socks5_step step;
	struct buf out; /* to send; holds the password for a while */
	size_t wants;   /* bytes of the proxy's next words; 0: the way is free */
};

void socks5_begin(struct socks5 *s, const struct proxy_target *target);
/* `data`: s->wants bytes. Replaces s->out and s->wants. */
int socks5_take(struct socks5 *s, const unsigned char *data, struct err *e);
void socks5_end(struct socks5 *s); /* wipes */
