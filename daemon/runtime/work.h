/*
 * Blocking work off the loop: open, fsync, rename, getaddrinfo, digests of big buffers.
 *
 *	struct read_file r = {.path = path};
 *	if (work_run(read_file, &r, "reading the key", e) < 0) ...	// r is filled
 *
 * fn runs on a libuv pool thread; it must not touch fibers, loops or the worker's data. work_run
 * returns what fn returned; it comes back only when fn has ended, so arg may live in the frame.
 * A cancel before fn began returns ERR_CANCELED; one that comes later waits for fn to end and
 * then still returns fn's result (what was done must be known).
 *
 * The pool has WORK_THREADS threads (main sets UV_THREADPOOL_SIZE before anything else).
 * Name lookups use work_resolve(), of which at most WORK_LOOKUPS run at once per process, so that
 * a dead name server cannot starve the disk.
 */
#pragma once
#include <netdb.h>

#include "daemon/base/err.h"
#include "daemon/runtime/deadline.h"

enum { WORK_THREADS = 16, WORK_LOOKUPS = 4 };

/* The environment libuv reads (UV_THREADPOOL_SIZE, UV_USE_IO_URING); first thing in main and in tests. */
void work_setup(void);

int work_run(int (*fn)(void *arg, struct err *e), void *arg, const char *label, struct err *e);

/* Stream sockets for host:port; the caller frees *out with freeaddrinfo(). On deadline or cancel
 * the lookup is left behind (it owns its memory) and the error is returned at once.
 * ERR_NETWORK "DNS-…" with getaddrinfo's words; ERR_CONFIG for a name that cannot be one. */
int work_resolve(const char *host, int port, struct deadline d, struct addrinfo **out,
		 struct err *e);
