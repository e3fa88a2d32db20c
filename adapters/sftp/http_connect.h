/*
 * What is said to an HTTP proxy (CONNECT: RFC 9110 §9.3.6), without any I/O:
 *
 *	http_connect_request(&target, &out);
 *	... send out; read bytes, one by one, into the reply:
 *	while ((r = http_connect_take(&reply, byte, e)) == 0) ...
 *	r 1: the way is free, negative: refused
 *
 * One by one, because what follows the reply's empty line is the partner's already. A reply longer
 * than HTTP_REPLY_MOST is cut off.
 *
 * Errors: ERR_AUTH "PROXY-AUTH", ERR_CONFIG "PROXY-REFUSED", ERR_NETWORK "PROXY-UNREACHABLE",
 * ERR_PROTOCOL "PROXY-PROTOCOL". Pure; takes any bytes.
 */
#pragma once
#include <stdbool.h>

#include "adapters/sftp/socks5.h"

enum { HTTP_REPLY_MOST = 8 * 1024, HTTP_STATUS_LINE = 160 };

struct http_reply {
	char line[HTTP_STATUS_LINE]; /* the status line, cut; raw */
	size_t line_bytes, bytes;
	bool line_ended, blank; /* blank: nothing since the last line end */
};

/* With the password in it, if there is a user. */
void http_connect_request(const struct proxy_target *target, struct buf *out);
/* 1: connected; 0: more; or a negative kind. `reply` begins zeroed. */
int http_connect_take(struct http_reply *reply, unsigned char byte, struct err *e);
