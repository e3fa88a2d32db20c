/*
 * The other end of the control socket: what ferryctl does instead of a fiber.
 *
 *	struct client c;
 *	if (client_open(&c, path, e) < 0) ...
 *	client_ask(&c, request, on_item, arg, &end, e);
 *	client_close(&c);
 *
 * Plain blocking sockets; no wait is longer than CLIENT_SILENCE_MS, or what the caller sets instead. Errors say what to do:
 *	ERR_NETWORK  "CTL-UNREACHABLE"	nobody answers
 *	ERR_AUTH     "CTL-DENIED"	the socket's file mode keeps us out
 *	ERR_PROTOCOL "CTL-PROTOCOL"	what came is not the protocol
 */
#pragma once
#include <jansson.h>

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

enum { CLIENT_SILENCE_MS = 60000, CLIENT_LINE_BYTES = 64 * 1024 };

struct client {
	int fd;
	const char *path; /* borrowed */
	int64_t silence_ms; /* how long an answer may take; CLIENT_SILENCE_MS unless set */
	struct buf in;
};

int client_open(struct client *c, const char *path, struct err *e);
void client_close(struct client *c);

/* `item` is borrowed until it returns. */
typedef void client_item_fn(const json_t *item, void *arg);

/* Takes `request`. 0 when the daemon has answered, be it no: *end is the line that ends the answer,
 * an object whose "ok" is true or whose "error" is an object; the caller's. */
int client_ask(struct client *c, json_t *request, client_item_fn *each, void *arg, json_t **end,
               struct err *e);
