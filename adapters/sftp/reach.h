/*
 * The way to a server: from a host in the configuration to a socket that is connected to it.
 *
 *	struct io *io;
 *	if (reach_open(endpoint, trace, &io, e) < 0) ...
 *	... session.c speaks SSH over it, and owns it ...
 *
 * Each address that was tried has a line in the trace.
 */
#pragma once
#include "adapters/trace.h"
#include "config/config.h"
#include "daemon/runtime/io.h"

/* Within the endpoint's connect timeout. From a fiber. */
int reach_open(const struct endpoint_config *endpoint, struct trace *trace, struct io **out,
               struct err *e);
