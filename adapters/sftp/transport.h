/*
 * The bytes of one SSH connection, between its carrier (carrier.h: a socket, mostly) and libssh2.
 *
 *	carrier --reader fiber--> in --LIBSSH2_CALLBACK_RECV--> libssh2
 *	carrier <--writer fiber-- out <-LIBSSH2_CALLBACK_SEND-- libssh2
 *
 * libssh2 never touches the socket. SEND takes everything at once and never says "again", so no
 * packet is ever half sent and libssh2's calls may be mixed freely; what many calls send leaves in
 * one system call. RECV gives what has arrived. All libssh2 calls are made like this:
 *
 *	do {
 *		transport_begin(t);
 *		rc = libssh2_...(...);
 *	} while (rc == LIBSSH2_ERROR_EAGAIN && transport_await(t, label, deadline, e) == 0);
 *	if (rc == LIBSSH2_ERROR_EAGAIN)
 *		return e->kind;		// timeout, cancel, connection lost
 *
 * Several fibers may do so at once: whoever consumes bytes wakes the others, because one call
 * reads and queues packets that another waits for.
 *
 * What a hostile server can do is bounded: bytes handed to one call (the rest comes with the next,
 * after others had their turn), bytes in all before login, refused reads in a row within one call
 * (libssh2 spins on some truncated packets), and bytes queued to send. Past a bound the transport
 *is dead: RECV fails and SEND swallows, so that libssh2 is torn down in one pass without waiting.
 *
 * All on one worker's loop.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "adapters/sftp/carrier.h"
#include "adapters/sftp/identification.h"
#include "adapters/sftp/kexinit.h"
#include "daemon/base/err.h"
#include "daemon/runtime/fiber.h"

struct transport;
struct trace;

enum {
	TRANSPORT_CALL_BYTES = 256 * 1024,     /* received by one call, after login */
	TRANSPORT_EARLY_CALL_BYTES = 8 * 1024, /* before login */
	TRANSPORT_EARLY_BYTES = 256 * 1024,    /* received before login in all */
	TRANSPORT_REFUSALS = 2000,           /* "again" in a row in one call; 36 is the most seen */
	TRANSPORT_OUT_HIGH = 1024 * 1024,    /* writers wait above */
	TRANSPORT_OUT_MAX = 8 * 1024 * 1024, /* a peer that makes us answer but never reads */
};

/* Takes the carrier. From a fiber. `trace` is borrowed and may be NULL. */
struct transport *transport_new(struct carrier *carrier, struct trace *trace);
/* Kills it if need be, ends its fibers, closes the carrier. From a fiber; not cancelable. */
void transport_free(struct transport *t);

/* ---- around libssh2 calls ------------------------------------------------------------------ */

void transport_begin(struct transport *t);
/* After "again": returns 0 when the call is worth repeating. */
int transport_await(struct transport *t, const char *label, struct deadline d, struct err *e);
/* Waits until the bytes queued to send are below the mark for writers. */
int transport_await_room(struct transport *t, const char *label, struct deadline d, struct err *e);
bool transport_has_room(const struct transport *t);
/* After the server has accepted a login: the bounds of strangers no longer apply. */
void transport_trust(struct transport *t);
/* Tries to push out what is queued, without waiting (a last word before the end). */
void transport_flush_now(struct transport *t);

/* Everything fails from now on, with `cause`; the first cause stays. From any fiber. */
void transport_kill(struct transport *t, const struct err *cause);
/* Killed, or ended by the peer (bytes received before may still be handed out). */
bool transport_is_over(const struct transport *t);
/* Fails with the cause when nothing can be sent any more. */
int transport_check(struct transport *t, struct err *e);

/* ---- libssh2's callbacks ------------------------------------------------------------------- */

/* Bytes or -errno; -EAGAIN at the end of the stream too: transport_await tells of it. */
ssize_t transport_recv(struct transport *t, void *data, size_t room);
ssize_t transport_send(struct transport *t, const void *data, size_t n);

/* ---- what went over the wire --------------------------------------------------------------- */

/* Waits for the server's identification; before, RECV gives nothing. The state tells why not. */
int transport_await_identification(struct transport *t, struct deadline d, struct err *e);

struct transport_evidence {
	const struct identification *identification;
	enum identification_state identification_state;
	const unsigned char *pending; /* came, was not taken */
	size_t pending_bytes;
	size_t unsent_bytes; /* of ours, still in the queue */
	int64_t silent_ms;   /* since the last byte came, or since the beginning */
	const struct kex_tap *ours, *theirs;
	bool ended;    /* the peer closed its side */
	bool flooded;  /* too many bytes before login */
	bool spinning; /* libssh2 was stopped in an endless loop */
	uint64_t received, sent;
	struct err cause; /* kind 0: alive */
};
void transport_evidence(const struct transport *t, struct transport_evidence *out);
