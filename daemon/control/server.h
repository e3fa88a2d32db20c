/*
 * The control socket: a unix stream socket on which operators ask and the daemon answers.
 *
 *	control_listen("/run/ferryd/control.sock", &listener, e);	// blocking, before the loop
 *	control_server_start(&listener, &engine, &server, e);		// from a fiber of the main
 *worker
 *	...
 *	control_server_stop(server);					// from a fiber of the same
 *worker
 *
 * A fiber accepts, one fiber per operator reads a line, carries it out (verbs.h) and writes the
 * answer (protocol.md). What an operator can take from the daemon is bounded:
 *
 *	CONTROL_CLIENTS	     operators at once; the next one is told so and closed
 *	CONTROL_LINE_BYTES   per message, both ways
 *	CONTROL_MESSAGE_MS   from a message's first byte to its end
 *	CONTROL_REST_MS	     between messages
 *	CONTROL_WRITE_MS     until the operator takes the next piece of an answer
 *
 * One descriptor is kept in reserve, so that the socket still answers when all are used up.
 */
#pragma once
#include "daemon/base/err.h"
#include "daemon/control/control.h"
#include "daemon/control/listener.h"

enum {
	CONTROL_CLIENTS = 32,
	CONTROL_LINE_BYTES = 64 * 1024,
	CONTROL_MESSAGE_MS = 5000,
	CONTROL_REST_MS = 60000,
	CONTROL_WRITE_MS = 10000,
};

struct control_server;

/* Takes the listener; copies the engine's table. On failure the listener stays the caller's. */
int control_server_start(struct control_listener *l, const struct control_engine *engine,
                         struct control_server **out, struct err *e);
/* Ends all conversations, waits for their fibers, removes the socket file. NULL allowed. */
void control_server_stop(struct control_server *s);
