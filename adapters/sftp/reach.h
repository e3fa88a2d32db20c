/*
 * The way to a server: from what the configuration says to a carrier of bytes (carrier.h).
 *
 *	direct			name lookup, a race of the addresses (race.h)
 *	proxy			the same to the proxy, which connects on; or a command (proxy.h)
 *	jump host		a session to it is opened, by its own way; a channel of that session
 *				(via.h)
 *
 *	if (reach_open(endpoint, trace, &carrier, e) < 0) ...
 *	... session.c speaks SSH over it, and owns it ...
 *
 * Each address that was tried has a line in the trace. What goes wrong at a jump host is told with
 * its name in front.
 */
#pragma once
#include "adapters/sftp/carrier.h"
#include "adapters/trace.h"
#include "config/config.h"

/* Within the endpoint's connect timeout, and all timeouts of its jump hosts. From a fiber. */
int reach_open(const struct endpoint_config *endpoint, struct trace *trace, struct carrier **out,
               struct err *e);
