/*
 * Tunnels through one session, until it ends.
 *
 *	here	a client connects to our listening socket -> direct-tcpip -> the server connects
 *	server	a client connects at the server -> forwarded-tcpip -> we connect
 *
 *	client <--socket--> [up: socket to channel, down: channel to socket] <--channel--> target
 *
 * Each connection is a fiber with one of its own for the way up. The end of one direction is passed
 * on alone (half-close), a broken one ends both. Nothing is read from either side before the other
 * has taken what came: a slow reader slows its writer, and no one else.
 */
#pragma once
#include "adapters/sftp/ssh.h"
#include "adapters/tunnel.h"

/* Always fails: with what ended it. From a fiber; ends at once when that is canceled. */
int forward_run(struct ssh *s, struct forwarding *f, struct err *e);
