/*
 * The trace of one connection: a bounded flight recorder, written to a file by its `when`.
 *
 *	struct trace *t = trace_new(&settings, "acme");
 *	TRACE(t, TRACE_KEX, "server offers %s", list);
 *	trace_failed(t, &err);		// marks it: will be written
 *	trace_free(t);			// writes if due (blocking I/O goes to the work pool)
 *
 * Each record: monotonic offset, bit name, one escaped line. Below the endpoint's mask nothing is
 * formatted. The ring keeps the last TRACE_RING_BYTES (plus the first 8 KiB: how it began).
 * when: always writes through at each flush; failure writes the ring when trace_failed was called;
 * never writes nothing. Files: dir/<endpoint>/<time>-<serial>.trace, 0640, at most max_bytes.
 *
 * Never pass a secret or file content. Names and server texts go through escape() by the caller.
 * A trace belongs to one worker.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "daemon/base/err.h"

/* libssh2's numbers, so that masks carry over. X(name, bit, word) */
#define TRACE_BITS(X)                                                                             \
	X(TRANSPORT, 2, "transport")                                                              \
	X(KEX, 4, "kex")                                                                          \
	X(AUTH, 8, "auth")                                                                        \
	X(CONNECTION, 16, "connection")                                                           \
	X(SCP, 32, "scp")                                                                         \
	X(SFTP, 64, "sftp")                                                                       \
	X(ERROR, 128, "error")                                                                    \
	X(PUBLICKEY, 256, "publickey")                                                            \
	X(SOCKET, 512, "socket")

enum trace_bit {
#define TRACE_ENUM(name, bit, word) TRACE_##name = bit,
	TRACE_BITS(TRACE_ENUM)
#undef TRACE_ENUM
};

enum { TRACE_RING_BYTES = 56 * 1024, TRACE_MASK_DEFAULT = 511, TRACE_MASK_ALL = 1023 };

struct trace;

/* `settings` is copied. */
struct trace *trace_new(const struct trace_config *settings, const char *endpoint, unsigned mask,
			enum trace_when when);
void trace_free(struct trace *t); /* NULL allowed; from a fiber */
bool trace_wants(const struct trace *t, unsigned bit); /* NULL: false */
void trace_line(struct trace *t, unsigned bit, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Records the error and makes the ring due. */
void trace_failed(struct trace *t, const struct err *e);
/* The file written, for error texts and job records; NULL so far. */
const char *trace_file(const struct trace *t);

#define TRACE(t, bit, ...)                                                                        \
	do {                                                                                      \
		if (trace_wants(t, bit))                                                          \
			trace_line(t, bit, __VA_ARGS__);                                          \
	} while (0)
