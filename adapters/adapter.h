/*
 * THE contract between ferryd and a protocol.
 *
 * An adapter does whole operations on one connection, as straight fiber code:
 *
 *	struct connection *c;
 *	if (adapter->connect(&target, &c, e) < 0) ...	// resolved, connected, trusted,
 *authenticated adapter->list(c, "/out", &opts, on_entry, arg, e); adapter->get(c, "/out/a.xml",
 *&get, e); adapter->close(c);
 *
 * Threads: a connection belongs to the worker it was made on. As many operations may run at once
 * on it, from different fibers, as capabilities->concurrent_operations says.
 *
 * Paths are bytes, NUL-terminated, '/'-separated; relative paths start at the login directory, or,
 * for local directories, at the endpoint's root (and can never leave it: openat2 RESOLVE_BENEATH).
 * Names from outside must have passed the name gate (names.h) before they are joined to a path:
 * adapters report raw names in `list` and refuse NUL only.
 *
 * Errors. Kinds as in err.h. An operation error about one object (ERR_OBJECT, ERR_POLICY, ERR_BUSY,
 * ERR_LOCAL, ERR_CANCELED) leaves the connection usable unless is_alive() says otherwise;
 *ERR_NETWORK, ERR_PROTOCOL, ERR_BUG mean the connection is dead: every other operation on it fails
 *too, at once. Codes every adapter uses for objects, because the scheduler and the recovery tables
 *read them: OBJ-MISSING	no such file or directory OBJ-DENIED	permission refused
 *	OBJ-EXISTS	target name is taken
 *	OBJ-NOT-DIR	not a directory (or not a file)
 *	OBJ-NO-SPACE	disk or quota full at the peer (kind ERR_BUSY)
 *	OBJ-FAILED	the peer says only that it failed; its words are in the message
 * Data that does not agree with what was announced: ERR_INTEGRITY "DATA-SHORT", "DATA-LONG",
 * "DATA-CHANGED".
 *
 * Every operation has its deadlines from the endpoint's timeouts: a total for small requests, "no
 * progress for timeouts.stall_ms" for data. No call hangs.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/buf.h"
#include "daemon/base/checksum.h"
#include "daemon/base/err.h"
#include "daemon/base/told.h"
#include "daemon/runtime/deadline.h"

struct command;
struct command_result;
struct endpoint_config;
struct forwarding;
struct identity;
struct trace;
struct connection; /* each adapter's own */

enum entry_type { ENTRY_FILE, ENTRY_DIR, ENTRY_LINK, ENTRY_OTHER, ENTRY_UNKNOWN };

enum { MTIME_UNKNOWN = -1 };
#define SIZE_UNKNOWN UINT64_MAX

/* What a listing or a stat tells about one object. */
struct entry {
	const char *name; /* raw bytes, name_bytes long, also NUL-terminated; borrowed */
	size_t name_bytes;
	enum entry_type type;
	uint64_t size;    /* bytes, SIZE_UNKNOWN */
	int64_t mtime_ms; /* Unix ms UTC, MTIME_UNKNOWN; precision of the protocol (SFTP v3: 1 s) */
	int64_t mtime_precision_ms; /* of a server that tells less of it (told.h); 0: exact */
	uint64_t identity;          /* inode or the like, 0 = unknown */
};

/* Called for each entry, "." and ".." left out; returns 0 to go on or a negative kind, which ends
 * the listing with that error. May await. */
typedef int list_fn(const struct entry *entry, void *arg, struct err *e);

struct list_limits {
	size_t names; /* more: ERR_POLICY "LIST-TOO-LONG" */
	size_t bytes; /* sum of name bytes */
};

/*
 * Where fetched bytes go. write() is called strictly in order of offset, without holes, from the
 * getting fiber; it may await. It returns 0 or a negative kind, which ends the get.
 * `data` is borrowed until write returns.
 */
struct sink {
	int (*write)(void *arg, const void *data, size_t n, struct err *e);
	void *arg;
};

struct get_options {
	struct sink sink;
	uint64_t expect_size;    /* listed size, SIZE_UNKNOWN; one more byte is ERR_INTEGRITY
	                          * DATA-LONG,    an earlier end DATA-SHORT */
	int64_t expect_mtime_ms; /* checked against a stat after the last byte (DATA-CHANGED) unless
	                          * MTIME_UNKNOWN */
	int64_t expect_precision_ms; /* of expect_mtime_ms, as entry.mtime_precision_ms */
	uint64_t max_size;           /* more: ERR_POLICY "FILE-TOO-LARGE" */
	/* Bytes the caller has already: the sink gets what follows them. Sizes are the whole file's
	 * all the same. A server that cannot begin there: ERR_OBJECT, most often "DATA-NO-RESUME";
	 * one that begins at the start instead is found out by the size, DATA-LONG. */
	uint64_t offset;
};

/*
 * Where sent bytes come from. read() fills up to `room` bytes at the running offset and returns how
 * many (0 = end) or a negative kind. It may await.
 */
struct source {
	int64_t (*read)(void *arg, void *data, size_t room, struct err *e);
	void *arg;
	uint64_t size; /* bytes that will come, exactly */
};

struct put_options {
	struct source source;
	int mode;         /* permission bits to set at the open file, -1 = leave to the server */
	bool durable;     /* ask the server to flush to disk where it can (fsync@openssh.com) */
	int64_t mtime_ms; /* to set when all is written; 0 = leave to the server. Where it cannot be
	                     * set, the put fails. append leaves it alone. */
	uint64_t append_at; /* append: the size the file has now */
};

/* How sure we are that what we sent is there. The highest that was reached. */
enum verification { VERIFIED_NONE, VERIFIED_CLOSED, VERIFIED_SIZE, VERIFIED_DIGEST };

enum rename_mode {
	RENAME_FAIL_IF_EXISTS, /* OBJ-EXISTS if the new name is taken; atomic where
	                        * capabilities say so */
	RENAME_REPLACE,        /* replaces an existing file; atomic where capabilities say so */
};

/* A server's own hash of a file. */
struct server_hash {
	enum checksum_kind kind;
	unsigned char bytes[CHECKSUM_BYTES_MOST];
};

struct capabilities {
	int concurrent_operations; /* 64 for SFTP, 256 for local, 1 for FTP */
	bool atomic_replace;       /* rename onto an existing name swaps in one step */
	bool exact_mtime;          /* mtime from list and stat are comparable for equality */
	bool remote_sync;          /* put can flush to the peer's disk */
	bool is_local;             /* paths are this machine's */
	int64_t doubtful_after_ms; /* idle for longer, the peer may be about to end it: ping before
	                            * an operation; 0: never */
};

struct adapter {
	const char *protocol; /* "sftp" */

	/* The libraries under it and what they can do, lines that end in '\n'; NULL: nothing to
	 * tell. */
	void (*describe)(struct buf *out);

	/* NULL, or what this build cannot do of an endpoint's settings; *key is then the key that
	 * is told, as "algorithms.ciphers". The text is good until the thread's next call. NULL:
	 * nothing to say. */
	const char *(*judge)(const struct endpoint_config *endpoint, const char **key);

	/* `trace` is borrowed for the life of the connection. */
	int (*connect)(const struct endpoint_config *endpoint, struct trace *trace,
	               struct connection **out, struct err *e);
	/* Connects just far enough to see who answers, without a login, and goes again. `pin`
	 * NULL: only looks. Else a SHA-256 fingerprint in the form of config/pin.h: the key is put on
	 * record when it has that one, in place of others; ERR_TRUST "TRUST-MISMATCH" when it has
	 * not. NULL where servers have no host keys (identity.h). */
	int (*trust)(const struct endpoint_config *endpoint, struct trace *trace, const char *pin,
	             struct identity *out, struct err *e);
	/* Ends without waiting for the peer; NULL allowed; may await our own loop. All operations
	 * on it must have returned (they do at once after abort). */
	void (*close)(struct connection *c);
	/* Makes every running and later operation fail at once with ERR_CANCELED/ERR_NETWORK. */
	void (*abort)(struct connection *c);
	/* False once the connection is known to be dead. */
	bool (*is_alive)(const struct connection *c);
	/* Bytes on the wire so far, both ways; NULL: not known. */
	uint64_t (*traffic)(const struct connection *c);
	const struct capabilities *(*capabilities)(const struct connection *c);

	int (*ping)(struct connection *c, struct err *e);
	/* What only this protocol can find out about the server, by trace_fact(); NULL: nothing. */
	int (*examine)(struct connection *c, struct trace *trace, struct err *e);
	/* Streams the entries of one directory (not recursive). 0 only if the listing is complete.
	 */
	int (*list)(struct connection *c, const char *path, const struct list_limits *limits,
	            list_fn *each, void *arg, struct err *e);
	/* Does not follow a symbolic link: out->type tells. out->name is NULL. */
	int (*stat)(struct connection *c, const char *path, struct entry *out, struct err *e);
	/* The exact time of a file of which listings tell less; 1: the server does not tell. NULL
	 * where listings always tell it exactly, and always the same. */
	int (*mtime)(struct connection *c, const char *path, int64_t *mtime_ms, struct err *e);
	int (*get)(struct connection *c, const char *path, const struct get_options *o,
	           struct err *e);
	/* Creates or truncates `path`, writes all bytes, closes, checks every status and the size
	 * (*level tells what was verified). The caller gives a temporary name. */
	int (*put)(struct connection *c, const char *path, const struct put_options *o,
	           enum verification *level, struct err *e);
	/* Adds all bytes to the end of `path`, a file that is there and has o->append_at bytes (it is
	 * not made: OBJ-MISSING; mode is not set), checks every status and the size afterwards:
	 * DATA-LONG when somebody else added to it meanwhile. After a failure any beginning of the
	 * bytes may be there. */
	int (*append)(struct connection *c, const char *path, const struct put_options *o,
	              enum verification *level, struct err *e);
	/* The best hash of the whole file that the server computes itself; ERR_OBJECT, most often
	 * "OBJ-NO-HASH": it does not. NULL where none ever does. */
	int (*hash)(struct connection *c, const char *path, struct server_hash *out, struct err *e);
	int (*rename)(struct connection *c, const char *from, const char *to, enum rename_mode mode,
	              struct err *e);
	int (*remove)(struct connection *c, const char *path, struct err *e); /* a file */
	/* Parents too; an existing directory is success. */
	int (*mkdir)(struct connection *c, const char *path, struct err *e);

	/* Runs a command at the server and waits for its end: EXEC-… (sftp/exec.h). NULL where the
	 * protocol cannot. `result` is the caller's, made with command_result_init(), and is filled
	 * as far as the command came. */
	int (*execute)(struct connection *c, const struct command *command,
	               struct command_result *result, struct err *e);

	/* Carries tunnels over a connection of their own until it ends, and tells with what: it
	 * never returns 0. NULL where the protocol cannot. */
	int (*forward)(const struct endpoint_config *endpoint, struct trace *trace,
	               struct forwarding *tunnels, struct err *e);

	/* ---- only where the source or destination is this machine, else NULL ---- */

	/* Takes the source away from its writers: renames `path` to `claimed` (same connection)
	 * without replacing, then checks that it is still the file `expect` describes (identity,
	 * size, mtime); if not, puts it back: ERR_INTEGRITY "DATA-CHANGED". A file that somebody
	 * has open for writing, as far as that can be known, is refused: ERR_BUSY
	 * "LOCAL-WRITING". `claimed` is NAME_CLAIM_DIR "/<name>"; the directory is made. */
	int (*claim)(struct connection *c, const char *path, const char *claimed,
	             const struct entry *expect, struct err *e);
	/* Moves a file of this machine (absolute path, same filesystem) to `to`, durably, with
	 * `mode` (-1: 0640, as put makes it). Its content must be on disk already (a spool file's
	 * is). ERR_LOCAL "OBJ-CROSS-DEVICE" when it cannot be a rename. */
	int (*adopt)(struct connection *c, const char *file, const char *to, int mode,
	             enum rename_mode rename, struct err *e);
	/* Calls changed(arg) on this worker's loop when something may have appeared below the root;
	 * only a hint. Ends with close. depth: levels below the root that are watched. */
	int (*watch)(struct connection *c, int depth, void (*changed)(void *arg), void *arg,
	             struct err *e);
	/* True when somebody is known to have `path` open for writing (a watch saw it opened or
	 * written and not yet closed): not ready, changed() comes when it is closed. False also
	 * means "not known". Never waits; NULL where there is no watch. */
	bool (*is_busy)(struct connection *c, const char *path);
};

/* The adapter that speaks `protocol`, NULL if this build has none (enum protocol of config.h). */
const struct adapter *adapter_for(int protocol);

extern const struct adapter adapter_sftp;
extern const struct adapter adapter_ftps; /* PROTOCOL_FTP too */
extern const struct adapter adapter_local;
