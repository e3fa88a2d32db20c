/*
 * Opening a channel (RFC 4254 §5.1): the one place where it is done.
 *
 *	opening_run(s, &(struct opening){.type = "session", ...}, turn, &lib, e);
 *
 * libssh2 keeps one half-opened channel a session and hands it to whoever asks next. So openings
 * take turns, and one that does not come to its end takes the connection with it. That is why it has
 * the endpoint's `request` timeout, counted from its turn on, whatever its caller's time is: a
 * command's own `timeout`, or the wait for others, must not break a connection that others work on.
 * Where they do, it is not canceled half-way either. Who has no turn yet has sent nothing, and fails
 * alone.
 */
#pragma once
#include "adapters/sftp/ssh.h"

struct buf;

enum opening_cancel {
	OPENING_CUTS,  /* a cancel ends it at once, and the connection */
	OPENING_STAYS, /* a cancel waits for its end */
};

struct opening {
	const char *type, *label; /* label: of the wait */
	enum ssh_phase phase;     /* in errors */
	enum opening_cancel cancel;
	unsigned window, packet;
	const void *message; /* what the type says about it; NULL: nothing */
	size_t message_bytes;
};

/* 0, LIBSSH2_ERROR_CHANNEL_FAILURE when the server refuses (nothing is told then, libssh2 has the
 * server's words), or a kind: ERR_NETWORK/"TIMEOUT" when its turn had not come by `turn`, with a
 * connection that lives; any other breaks it. The channel goes with the session, or with
 * libssh2_channel_free. */
int opening_run(struct ssh *s, const struct opening *o, struct deadline turn, LIBSSH2_CHANNEL **out,
                struct err *e);
/* The server's words about a refusal; until the next call to libssh2. */
const char *opening_words(const struct ssh *s);

/* The message of a "direct-tcpip" (RFC 4254 §7.2): where the server connects to, for whom: a port of
 * ours, or 0. */
void opening_put_target(struct buf *message, const char *host, int port, int from_port);
