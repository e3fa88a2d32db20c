/*
 * The SFTP client: many requests in flight, from many fibers, over one stream.
 *
 *	struct sftp_client *c;
 *	if (sftp_client_open(stream, &settings, &c, e) < 0) ...	// INIT, VERSION, limits
 *
 *	struct sftp_request rq;
 *	sftp_request_init(&rq, c, SFTP_LSTAT, path);
 *	if (sftp_request_begin(&rq, e) == 0) {			// may wait for room
 *		wire_put_text(sftp_client_out(c), path);	// no await between begin and send
 *		sftp_request_send(&rq);				// leaves with others of this turn
 *		r = sftp_request_finish(&rq, timeout_ms, e);	// reply here, status checked
 *	}
 *	sftp_request_release(&rq);				// always; from any state
 *
 *	fibers -- begin, send --> [ out buffer ] -- writer fiber --> stream
 *	fibers <-- wake by id --- [ slot table ] <-- reader fiber --- stream
 *
 * Ids are a slot number and a generation, so an answer finds its request without a search and an
 * answer to nothing is noticed. A request whose fiber has gone (cancel, deadline, the file was
 * refused midway) is abandoned: its slot waits for the late answer and throws it away; a handle
 * that comes late is closed. So a cancel leaves the connection usable.
 *
 * Whatever the peer breaks (a length that cannot be, an unknown id, the wrong kind of answer, more
 * data than asked for) ends the connection, never the daemon: the first cause is kept and every
 * running and later request fails with it.
 *
 * Everything on one worker. The client borrows the stream and the trace; close ends its two fibers.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/sftp/stream.h"
#include "adapters/sftp/wire.h"
#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/runtime/fiber.h"

struct trace;
struct sftp_client;

/* ---- the connection ------------------------------------------------------------------------ */

struct sftp_settings {
	int64_t request_ms; /* one small request and its answer */
	int64_t stall_ms;   /* no progress of a transfer */
	struct trace *trace;

	/* The i-th further session on the same connection (i < SFTP_SIBLINGS), opened when first
	 * asked for; NULL: not to be had. May await. NULL function: there are none. */
	struct sftp_client *(*sibling)(void *arg, size_t i);
	void *sibling_arg;
	int64_t far_us; /* from this round trip on they are worth their while */
};
enum { SFTP_SIBLINGS = 3 };

/* X(enum, name on the wire): what a server may offer in its VERSION */
#define SFTP_EXTENSIONS(X)                          \
	X(POSIX_RENAME, "posix-rename@openssh.com") \
	X(FSYNC, "fsync@openssh.com")               \
	X(STATVFS, "statvfs@openssh.com")           \
	X(LIMITS, "limits@openssh.com")             \
	X(LSETSTAT, "lsetstat@openssh.com")         \
	X(HARDLINK, "hardlink@openssh.com")         \
	X(COPY_DATA, "copy-data")

enum sftp_extension {
#define SFTP_ENUM(name, text) SFTP_EXT_##name,
	SFTP_EXTENSIONS(SFTP_ENUM)
#undef SFTP_ENUM
	        SFTP_EXT_COUNT
};

/* Awaits the server's VERSION and, where offered, its limits. ERR_PROTOCOL with "SFTP-…" codes;
 * a login shell that prints text into the stream is named as such. */
int sftp_client_open(struct stream *s, const struct sftp_settings *settings,
                     struct sftp_client **out, struct err *e);
/* Ends without waiting for the peer; awaits the two fibers. All requests must be released. NULL
 * allowed. */
void sftp_client_close(struct sftp_client *c);
/* Every running and later request fails with ERR_CANCELED. */
void sftp_client_abort(struct sftp_client *c);
/* 0, or why it is dead. */
int sftp_client_failure(const struct sftp_client *c, struct err *e);
bool sftp_client_is_alive(const struct sftp_client *c);

bool sftp_client_offers(const struct sftp_client *c, enum sftp_extension x);
/* The server said it has it, and then could not do it. */
void sftp_client_drop_extension(struct sftp_client *c, enum sftp_extension x);
/* For what only a caller can see is wrong in an answer: fills e (ERR_PROTOCOL) and ends the
 * connection with it. */
int sftp_client_breach(struct sftp_client *c, struct err *e, const char *code, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
const struct sftp_settings *sftp_client_settings(const struct sftp_client *c);
/* Bytes to ask for in one READ, to send in one WRITE. */
size_t sftp_client_read_most(const struct sftp_client *c);
size_t sftp_client_write_most(const struct sftp_client *c);

/* Handles that may be open at once; 0 = the server did not say. */
size_t sftp_client_handles_most(const struct sftp_client *c);

/* Bytes one transfer may have in flight now: a share of what the connection may. */
size_t sftp_client_share(const struct sftp_client *c);
void sftp_client_transfer_begins(struct sftp_client *c);
void sftp_client_transfer_ends(struct sftp_client *c);

/* The fastest answer so far; INT64_MAX before the first. */
int64_t sftp_client_round_trip_us(const struct sftp_client *c);
/* Requests still unanswered, abandoned ones too. */
size_t sftp_client_in_flight(const struct sftp_client *c);

/* ---- requests ------------------------------------------------------------------------------ */

/* X(enum, packet, expected reply, verb in messages, extension name) */
#define SFTP_OPS(X)                                                                        \
	X(OPEN_READ, OPEN, HANDLE, "open", NULL)                                           \
	X(OPEN_WRITE, OPEN, HANDLE, "create", NULL)                                        \
	X(CLOSE, CLOSE, STATUS, "close", NULL)                                             \
	X(READ, READ, DATA, "read", NULL)                                                  \
	X(WRITE, WRITE, STATUS, "write", NULL)                                             \
	X(LSTAT, LSTAT, ATTRS, "look at", NULL)                                            \
	X(STAT, STAT, ATTRS, "look at", NULL)                                              \
	X(REALPATH, REALPATH, NAME, "resolve", NULL)                                        \
	X(FSTAT, FSTAT, ATTRS, "look at the open file", NULL)                              \
	X(FSETSTAT, FSETSTAT, STATUS, "set the mode of", NULL)                             \
	X(OPENDIR, OPENDIR, HANDLE, "list", NULL)                                          \
	X(READDIR, READDIR, NAME, "list", NULL)                                            \
	X(REMOVE, REMOVE, STATUS, "remove", NULL)                                          \
	X(MKDIR, MKDIR, STATUS, "make directory", NULL)                                    \
	X(RENAME, RENAME, STATUS, "rename", NULL)                                          \
	X(POSIX_RENAME, EXTENDED, STATUS, "rename", "posix-rename@openssh.com")            \
	X(FSYNC, EXTENDED, STATUS, "flush", "fsync@openssh.com")                           \
	X(STATVFS, EXTENDED, EXTENDED_REPLY, "look at the disk of", "statvfs@openssh.com") \
	X(LIMITS, EXTENDED, EXTENDED_REPLY, "ask for limits", "limits@openssh.com")

enum sftp_op {
#define SFTP_ENUM(name, packet, reply, verb, extension) SFTP_##name,
	SFTP_OPS(SFTP_ENUM)
#undef SFTP_ENUM
};

enum sftp_request_state { SFTP_IDLE, SFTP_BUILDING, SFTP_PENDING, SFTP_ANSWERED, SFTP_LOST };

struct sftp_request {
	struct sftp_client *client;
	const char *path; /* for messages and traces; must outlive the request; may be NULL */
	struct signal answered;
	enum sftp_op op;
	enum sftp_request_state state;
	uint32_t id;
	size_t built_at;     /* where its packet begins in the out buffer */
	uint64_t offset;     /* READ, WRITE: for the trace */
	size_t length;       /* READ: bytes asked for; `data` has room for them */
	unsigned char *data; /* READ: borrowed from the caller, filled at the answer */

	/* the answer */
	enum wire_type reply;
	uint32_t status;         /* STATUS */
	struct wire_attrs attrs; /* ATTRS */
	size_t data_bytes;       /* DATA */
	unsigned char *body;     /* HANDLE, NAME, EXTENDED_REPLY, the words of a STATUS; owned */
	size_t body_bytes;
};

void sftp_request_init(struct sftp_request *rq, struct sftp_client *c, enum sftp_op op,
                       const char *path);
/* True when begin would not wait. */
bool sftp_request_has_room(const struct sftp_client *c);
/* Waits for a free slot and room in the out buffer. */
int sftp_request_begin(struct sftp_request *rq, struct err *e);
struct buf *sftp_client_out(struct sftp_client *c);
void sftp_request_send(struct sftp_request *rq);

/* Awaits the answer, whatever it says. Errors: ERR_CANCELED (the request is abandoned), or the end
 * of the connection; no answer within timeout_ms ends the connection, unless others are being
 * answered meanwhile: then it waits up to SFTP_PATIENCE times as long. */
enum { SFTP_PATIENCE = 4 };
int sftp_request_await(struct sftp_request *rq, int64_t timeout_ms, struct err *e);
/* The answer as an error unless it is the expected one (or STATUS OK where STATUS is expected). */
int sftp_request_check(const struct sftp_request *rq, struct err *e);
/* await, then check */
int sftp_request_finish(struct sftp_request *rq, int64_t timeout_ms, struct err *e);
bool sftp_request_is_eof(const struct sftp_request *rq);
/* Abandons it if it is under way, frees what it owns; the request may be initialised again. */
void sftp_request_release(struct sftp_request *rq);

/* ---- handles ------------------------------------------------------------------------------- */

/* A server's handle, taken from the answer of an OPEN. */
struct sftp_handle {
	struct sftp_client *client;
	unsigned char *bytes;
	size_t n;
};

void sftp_handle_take(struct sftp_handle *h, struct sftp_request *open);
void sftp_handle_put(const struct sftp_handle *h); /* into the out buffer, as a field */
/* Sends CLOSE without waiting for its answer, if the handle is still open. Never waits. */
void sftp_handle_drop(struct sftp_handle *h);
/* The CLOSE was sent by a request of its own. */
void sftp_handle_forget(struct sftp_handle *h);
