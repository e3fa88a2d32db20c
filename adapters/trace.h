/*
 * The trace of one connection: a bounded flight recorder, written to a file by its `when`.
 *
 *	struct trace *t = trace_new(&settings, "acme", mask, when);
 *	trace_about(t, "host", "%s port %d", host, port);	// a line of the file's head
 *	TRACE(t, TRACE_KEX, "server offers %s", list);
 *	trace_failed(t, &err);		// marks it: will be written
 *	trace_free(t);			// writes what is due
 *
 * Each record is one line: monotonic offset, bit word, text. Bits outside the mask are not even
 * formatted. Kept are the first 8 KiB (how it began) and the last TRACE_RING_BYTES; between them a
 * line tells how many were dropped. What a file has got is not kept in memory any longer.
 *
 *	      first 8 KiB        dropped, counted         last 56 KiB
 *	|--------------------|.......................|-------------------|--> file
 *
 * when: always   written about twice a second, and when much is waiting (then 1 MiB is kept);
 *       failure  written soon after trace_failed, once more at trace_free if that was called;
 *       never    nothing is recorded.
 * Writing happens on the work pool, by a short-lived fiber of the trace's worker; a file is
 * dir/<endpoint>/<time>-<serial>.trace, 0640. At max_bytes it becomes <name>.1 (the one before is
 * dropped) and is begun anew, so that a connection never owns more than twice max_bytes. Files
 * older than keep_ms go when a new one is made. A directory that cannot be written costs one
 * warning and nothing else: tracing never fails a transfer.
 *
 * Never pass a secret or file content. Names and server texts go through escape() by the caller;
 * a control character that slipped through becomes \xNN here, so that a record stays one line.
 * A trace belongs to one worker; lines may come from its fibers and from its callbacks.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "daemon/base/err.h"

/* libssh2's numbers, so that masks carry over. X(name, bit, word) */
#define TRACE_BITS(X)                   \
	X(TRANSPORT, 2, "transport")    \
	X(KEX, 4, "kex")                \
	X(AUTH, 8, "auth")              \
	X(CONNECTION, 16, "connection") \
	X(SCP, 32, "scp")               \
	X(SFTP, 64, "sftp")             \
	X(ERROR, 128, "error")          \
	X(PUBLICKEY, 256, "publickey")  \
	X(SOCKET, 512, "socket")

enum trace_bit {
#define TRACE_ENUM(name, bit, word) TRACE_##name = bit,
	TRACE_BITS(TRACE_ENUM)
#undef TRACE_ENUM
};

enum { TRACE_FILE_BYTES = 512 }; /* a path */
enum { TRACE_RING_BYTES = 56 * 1024, TRACE_MASK_DEFAULT = 511, TRACE_MASK_ALL = 1023 };

struct trace;

/* `settings` is copied. */
struct trace *trace_new(const struct trace_config *settings, const char *endpoint, unsigned mask,
                        enum trace_when when);
/* NULL allowed; from a fiber (may await the pool, even when cancelled). */
void trace_free(struct trace *t);

/* A line of the head of every file of this trace: what we talk to, with which library. */
void trace_about(struct trace *t, const char *key, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

bool trace_wants(const struct trace *t, unsigned bit); /* NULL: false */
void trace_line(struct trace *t, unsigned bit, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* Records the error and makes the ring due. NULL trace allowed. */
void trace_failed(struct trace *t, const struct err *e);
/* The file that holds, or within a second will hold, what is recorded, for error texts and job
 * records; NULL while nothing is due or when it could not be written. */
const char *trace_file(const struct trace *t);

/* Whoever walks along (trace_step.h); NULL trace allowed. */
struct trace_listener;
const struct trace_listener *trace_listener(const struct trace *t);

/* While running: `ferryctl trace ENDPOINT MASK`. Counts from the next line on. */
void trace_set(struct trace *t, unsigned mask, enum trace_when when);
/* From now on into a file that an operator named and that other connections append to as well
 * (trace_file_claim); NULL: into its own again. */
void trace_into(struct trace *t, const char *file);

#define TRACE(t, bit, ...)                               \
	do {                                             \
		if (trace_wants(t, bit))                 \
			trace_line(t, bit, __VA_ARGS__); \
	} while (0)
