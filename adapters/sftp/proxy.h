/*
 * Proxies on the way to a server: SOCKS5, HTTP CONNECT, and a command whose standard input and
 * output carry the bytes.
 *
 * The network proxies are spoken to over the connection that then carries SSH, within the endpoint's
 * connect timeout. The command is started without a shell, in a process group of its own; it ends
 * with the connection, and what it last said to standard error is part of the error when it ends by
 * itself.
 *
 * Errors, all about the proxy and not about the partner:
 *	PROXY-DOWN		the proxy itself cannot be reached
 *	PROXY-TIMEOUT		it does not answer
 *	PROXY-LOST		it hung up before the way was free
 *	PROXY-AUTH -REFUSED -UNREACHABLE -PROTOCOL	its answers (socks5.h, http_connect.h)
 *	PROXY-COMMAND		cannot be started, or ended
 */
#pragma once
#include "adapters/sftp/carrier.h"
#include "adapters/trace.h"
#include "config/config.h"
#include "daemon/runtime/deadline.h"

/* The io is connected to the proxy; afterwards to the endpoint's server. Reads the secret. */
int proxy_negotiate(const struct endpoint_config *endpoint, struct trace *trace, struct io *io,
                    struct err *e);

/* Starts the endpoint's proxy command. */
int proxy_command_open(const struct endpoint_config *endpoint, struct trace *trace,
                       struct carrier **out, struct err *e);
/* "%h" and its like in one argument; the caller frees it. h host, p port, r user, n endpoint. */
char *proxy_command_expand(const char *argument, const struct endpoint_config *endpoint);
