/*
 * Job state, durable. The only room that knows SQLite; everyone else speaks in verbs of the domain.
 *
 *	struct store *s;
 *	if (store_open("/var/lib/ferryd", &s, e) < 0) ...	// blocking: lock, migrate, check
 *	store_claim(s, "acme-in", files, n, listed_at, ids, e);	// from any fiber of any worker
 *	store_close(s);						// after the last fiber
 *
 * One thread owns the one connection (WAL, synchronous=FULL). Requests of many fibers share one
 * transaction (group commit): a verb returns 0 only when its rows are on disk. Verbs await and
 * cannot be cancelled: what was asked is known when they return. Each request is atomic; one that
 * fails does not take down the others in its group.
 *
 * Errors: ERR_LOCAL "STORE-…" (disk full: ERR_BUSY "STORE-FULL"); after a failed commit nothing of
 * that group is acknowledged. ERR_OBJECT "STORE-NO-JOB", "STORE-STATE" for operator verbs that do
 * not fit. Opening: ERR_CONFIG "STORE-LOCKED" (a second ferryd; says its pid), "STORE-NEWER"
 * (schema from a newer ferryd), ERR_LOCAL "STORE-CORRUPT" (what to do is in the message).
 *
 * A job is one version of one source file: (route, path, size, mtime, identity). Its row is also
 * the ledger entry that keeps the version from being taken again, as long as it may still be at
 * the source (at_source). All states and legal steps: schema/README.md; a step that is not legal
 * is ERR_BUG "STORE-STEP" and changes nothing. Where the operator held or canceled the job while it
 * was worked on, the next step is refused with ERR_CANCELED "STORE-STOPPED" instead: let go of it;
 * but what has become a fact (delivered, source done) is still recorded.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/digest.h"
#include "daemon/base/err.h"
#include "daemon/base/told.h"

struct store;

/*	  enum	      word (in the database and for the operator)  final? */
#define JOB_STATES(X)                                                                              \
	X(JOB_CLAIMED, "claimed", 0)         /* recorded; being fetched */                         \
	X(JOB_STORED, "stored", 0)           /* ours, on disk; being delivered */                  \
	X(JOB_DELIVERED, "delivered", 0)     /* all destinations have it; source not settled */    \
	X(JOB_DONE, "done", 1)               /* source settled (or kept) */                        \
	X(JOB_HELD, "held", 0)               /* gave up; waits for the operator; nothing lost */   \
	X(JOB_SKIPPED, "skipped", 1)         /* needs nothing: vanished, policy skip */            \
	X(JOB_QUARANTINED, "quarantined", 1) /* refused (name gate, limits); left at the source */ \
	X(JOB_CANCELED, "canceled", 1)       /* by the operator */

#define DELIVERY_STATES(X)                                                                \
	X(DELIVERY_SENDING, "sending", 0)   /* to be sent; a temp file may exist there */ \
	X(DELIVERY_RENAMING, "renaming", 0) /* temp complete; final name may exist */     \
	X(DELIVERY_DONE, "delivered", 1)                                                  \
	X(DELIVERY_SKIPPED, "skipped", 1) /* exists: skip */                              \
	X(DELIVERY_HELD, "held", 0)       /* gave up; waits for the operator */           \
	X(DELIVERY_CANCELED, "canceled", 1)

#define STORE_ENUM(id, word, final) id,
enum job_state { JOB_STATES(STORE_ENUM) JOB_STATE_COUNT };
enum delivery_state { DELIVERY_STATES(STORE_ENUM) DELIVERY_STATE_COUNT };
#undef STORE_ENUM

const char *job_state_name(enum job_state s);
const char *delivery_state_name(enum delivery_state s);
int job_state_parse(const char *word); /* -1: no such state */

/* ---- life ---------------------------------------------------------------------------------- */

/* Creates state_dir/ferryd.db (0600) where missing, takes state_dir/lock, migrates from the
 * embedded schema, sets the hardening pragmas, quick_checks, starts the thread. */
int store_open(const char *state_dir, struct store **out, struct err *e);
void store_close(struct store *s); /* answers what is queued, checkpoints, joins */
/* "SQLite 3.40.1" as linked. */
const char *store_library(void);
/* A short word that no other database has, for names in places that are shared; may be "". */
const char *store_instance(const struct store *s);
int64_t store_silent_ms(const struct store *s); /* any thread: since its thread last answered */

/* ---- claiming ------------------------------------------------------------------------------ */

struct store_file {
	const void *path; /* relative to the route's source directory; bytes */
	size_t path_bytes;
	uint64_t size;
	int64_t mtime_ms;     /* MTIME_UNKNOWN allowed */
	uint64_t identity;    /* 0 = unknown */
	int64_t precision_ms; /* of mtime_ms (daemon/base/told.h) */
	int64_t listed_ms;    /* the time the listing tells, if mtime_ms is a better one; else 0 */
};

/* is_new[i]: no live ledger row for that version, nor one that was settled at or after
 * listed_at_ms (wall; a listing older than our own delete must not bring the file back). */
int store_unknown(struct store *s, const char *route, const struct store_file *files, size_t n,
                  int64_t listed_at_ms, bool *is_new, struct err *e);
/* One transaction: a job `claimed` for each file that is new; ids[i] its job id, 0 if not new. */
int store_claim(struct store *s, const char *route, const struct store_file *files, size_t n,
                int64_t listed_at_ms, int64_t *ids, struct err *e);

/* The version we have that is most like one that is new to store_unknown; only of times that are
 * told. Asked for servers that tell one file's time in several ways. */
struct store_like {
	enum told_likeness likeness; /* TOLD_OTHER: there is none */
	int64_t job;
	struct told time; /* as it was taken */
};
int store_alike(struct store *s, const char *route, const struct store_file *files, size_t n,
                struct store_like *out, struct err *e);
/* Listings tell `listed_ms` of that version from now on: store_unknown knows it by that, too. `note`
 * goes into the job's record. A version that has left meanwhile stays as it is. */
int store_listed_as(struct store *s, int64_t job, int64_t listed_ms, const char *note,
                    struct err *e);
/* A file that will not be taken: a row `quarantined` with its reason, once per version. */
int store_quarantine(struct store *s, const char *route, const struct store_file *file,
                     const char *code, const char *sentence, bool *first_time, struct err *e);

/* ---- steps of a job ------------------------------------------------------------------------ */

enum { STORE_CODE_BYTES = 48, STORE_TEXT_BYTES = 768, STORE_NOTE_BYTES = 3072 };

struct store_failure {
	const struct err *why;
	int64_t next_at_ms; /* wall; 0 = no further attempt: held */
};

struct store_new_delivery {
	const char *dest;       /* route_dest.id */
	const void *final_name; /* expanded template, bytes */
	size_t final_bytes;
};

/* claimed -> stored: THE acknowledgement. sha256 NULL when it becomes known on delivery (a claimed
 * local file). Creates the deliveries in `sending`; ids[] receives their ids. */
int store_stored(struct store *s, int64_t job, uint64_t size, const unsigned char *sha256,
                 const struct store_new_delivery *to, size_t n, int64_t *ids, struct err *e);
/* claimed stays claimed with next_at, or becomes held. attempts + 1. */
int store_fetch_failed(struct store *s, int64_t job, const struct store_failure *f, struct err *e);
/* claimed -> skipped (the source vanished or changed before we had it; it will be listed anew). */
int store_skipped(struct store *s, int64_t job, const char *code, const char *sentence,
                  bool still_at_source, struct err *e);

struct store_rename {
	int verification;
	const unsigned char *sha256; /* NULL: as known from store_stored */
	const void *final_name;
	size_t final_bytes;
	const char *site; /* where it is asked for, NULL: this machine */
};
/* sending -> renaming; records what was verified and is asked for. Again from `renaming` when another
 * final name was chosen. */
int store_renaming(struct store *s, int64_t delivery, const struct store_rename *how,
                   struct err *e);
/* exists: append, `sending` stays: the file has `at` bytes, and from now on there may be more. To be
 * committed before the first byte leaves. ERR_BUSY "STORE-APPEND-TURN" while another delivery that
 * has said so for the same file has not ended. */
int store_appending(struct store *s, int64_t delivery, uint64_t at, const char *site,
                    struct err *e);
/* renaming -> sending: it was looked, and the file must be sent again. To be committed before
 * anything is written under the temporary name: a crash in the middle of that must not find
 * `renaming` and take a half-written file for a complete one. */
int store_resend(struct store *s, int64_t delivery, struct err *e);
/* sending|renaming -> delivered or skipped. inferred: decided after a crash by the table, flagged.
 * When it was the job's last open delivery the job becomes `delivered` (settle) or, where
 * settle_source is false, `done`, in the same transaction; *job_complete tells. */
struct store_delivered {
	enum delivery_state state; /* DELIVERY_DONE, DELIVERY_SKIPPED */
	bool inferred;
	bool settle_source;
	const char *note;            /* NULL or a sentence for the record */
	int verification;            /* reached without renaming; else 0 */
	const unsigned char *sha256; /* NULL: as known */
	bool calls; /* a command is to be run there from now on: QUEUE_CALL has it */
};
int store_delivered(struct store *s, int64_t delivery, const struct store_delivered *how,
                    bool *job_complete, struct err *e);
/* The command after a delivery ended well; `note` is what came of it. It takes no part in the states
 * of job and delivery: these are facts. */
int store_called(struct store *s, int64_t delivery, const char *note, struct err *e);
/* What a canceled delivery may have left at its destination (QUEUE_CALL, the delivery's state is
 * DELIVERY_CANCELED) is gone, or cannot be removed: `note` tells, NULL where there is nothing to
 * tell. Failures as those of a command. */
int store_swept(struct store *s, int64_t delivery, const char *note, struct err *e);
/* To be run again at next_at, or given up: then it is only a note in the job's record. */
int store_call_failed(struct store *s, int64_t delivery, const struct store_failure *f,
                      struct err *e);
/* Waits until next_at, or held; attempts + 1. From `sending`: back to sending. From `renaming`: a
 * failure that leaves open whether the rename happened (every kind but POLICY, INTEGRITY, LOCAL:
 * a lost reply, a directory that cannot be read, a login that is refused) stays `renaming`, so that
 * the next attempt, or the one after the operator's retry, looks before it sends; the others are
 * answers and go back to sending. A job with a held delivery is held itself, also while others are
 * tried: what waits for the operator is one list. */
int store_delivery_failed(struct store *s, int64_t delivery, const struct store_failure *f,
                          struct err *e);

/* delivered -> done. at_source: whether this version may still be there (kept, or newer version
 * found in its place). note as above. */
int store_source_done(struct store *s, int64_t job, bool at_source, const char *note,
                      struct err *e);
int store_settle_failed(struct store *s, int64_t job, const struct store_failure *f, struct err *e);

/* ---- what is to be done: the queue is the database ----------------------------------------- */

struct store_job {
	int64_t id;
	char route[64];
	char path[4097]; /* NUL-terminated; gated names hold no NUL */
	uint64_t size;
	int64_t mtime_ms;
	uint64_t identity;
	enum job_state state;
	int attempts;
	int64_t next_at_ms; /* wall, 0 = now */
	bool has_sha256;
	unsigned char sha256[DIGEST_BYTES];
	int64_t precision_ms; /* of mtime_ms (daemon/base/told.h) */
};

struct store_delivery {
	int64_t id, job;
	char dest[512];
	char final_name[256];
	enum delivery_state state;
	int attempts;
	int64_t next_at_ms;
	int verification;
	bool inferred;
	bool is_appending; /* store_appending: at */
	uint64_t append_at;
	char site[512]; /* of store_renaming, store_appending; "" */
	char code[STORE_CODE_BYTES], text[STORE_TEXT_BYTES]; /* last failure or note, "" */
};

/* A delivery with its job: all that a deliver fiber needs. */
struct store_task {
	struct store_job job;
	struct store_delivery delivery; /* id 0 for fetch and settle */
};

/* QUEUE_CALL: what is to be done at the destination when a delivery has ended: a command where it
 * is delivered, the removal of a temporary file where it was canceled. */
enum store_queue { QUEUE_FETCH, QUEUE_DELIVER, QUEUE_CALL, QUEUE_SETTLE };

/* Open tasks of a queue with next_at <= now, oldest first, at most `room`; dest only for DELIVER.
 * *next_at_ms: when the earliest not yet due one becomes due, 0 = none. `out` is the caller's. */
int store_due(struct store *s, enum store_queue q, const char *route, const char *dest,
              int64_t now_ms, struct store_task *out, size_t room, size_t *count,
              int64_t *next_at_ms, struct err *e);

/* The destinations for which a route has open deliveries, whether it still knows them or not; at
 * most `room`. */
enum { STORE_DEST_BYTES = 512 };
int store_destinations(struct store *s, const char *route, char (*out)[STORE_DEST_BYTES],
                       size_t room, size_t *count, struct err *e);

/* What is still to be done, by where it belongs; a configuration may have lost its route or its
 * destination. Released by the caller. */
struct store_route_backlog {
	char route[64];
	int64_t jobs, held; /* not ended; of these, held */
};
struct store_call_backlog { /* QUEUE_CALL */
	char route[64], dest[STORE_DEST_BYTES];
	int64_t commands, leftovers; /* after a delivery; to be removed after a cancel */
};
struct store_backlog {
	struct store_route_backlog *routes;
	struct store_call_backlog *calls;
	size_t route_count, call_count;
};
int store_backlog(struct store *s, struct store_backlog *out, struct err *e);
void store_backlog_release(struct store_backlog *b);
/* The jobs of such calls, the oldest first, at most `room`. */
int store_call_jobs(struct store *s, const struct store_call_backlog *of, int64_t *ids, size_t room,
                    size_t *count, struct err *e);

/* ---- operator ------------------------------------------------------------------------------ */

struct store_filter {
	const char *route; /* NULL = all */
	int state;         /* enum job_state, -1 = all */
	int64_t before_id; /* keyset page, newest first; 0 = from the newest */
	size_t limit;      /* 1..1000 */
};

struct store_job_info {
	struct store_job job;
	int64_t created_ms, updated_ms;
	char code[STORE_CODE_BYTES], text[STORE_TEXT_BYTES];
	int deliveries, delivered, held; /* of all: ended well, wait for the operator */
};

struct store_event {
	int64_t at_ms;
	char step[24]; /* "claimed", "stored", "retry", "held", … */
	char code[STORE_CODE_BYTES], text[STORE_NOTE_BYTES];
};

int store_jobs(struct store *s, const struct store_filter *f, struct store_job_info *out,
               size_t *count, struct err *e);
/* Arrays are malloc'ed; the caller frees. */
int store_show(struct store *s, int64_t job, struct store_job_info *out,
               struct store_delivery **deliveries, size_t *delivery_count,
               struct store_event **events, size_t *event_count, struct err *e);
/* counts[JOB_STATE_COUNT] per route, whole table when route is NULL. */
int store_counts(struct store *s, const char *route, int64_t *counts, struct err *e);

/* A delivery that nobody would carry out. */
struct store_stray {
	int64_t delivery;
	struct err why;
};
/* held (and waiting for a retry) -> due now, job and deliveries, attempts 0; but the strays are held
 * in the same transaction. */
int store_retry(struct store *s, int64_t job, const struct store_stray *strays, size_t n,
                struct err *e);
/* claimed, stored, delivered -> held, with its open deliveries; retry lets it go on from there. Also
 * of a held one that has open deliveries. */
int store_hold(struct store *s, int64_t job, struct err *e);
/* Open deliveries and the job -> canceled; one that was delivered everywhere -> done. Either way
 * the source is left alone and its route does not take this version again (another one may). What
 * the deliveries may have left at their destinations is to be removed: QUEUE_CALL has it. */
int store_cancel(struct store *s, int64_t job, struct err *e);
/* What QUEUE_CALL has of the job is given up, but for what is at one of the destinations `known`:
 * the configuration has no other ones, and nobody would do it. In the job's record. */
int store_drop_calls(struct store *s, int64_t job, const char *const *known, size_t n,
                     size_t *dropped, struct err *e);
/* Everything of a route that waits for its next attempt becomes due now. */
int store_wake(struct store *s, const char *route, struct err *e);

int store_pause(struct store *s, const char *route, bool paused, struct err *e);
int store_is_paused(struct store *s, const char *route, bool *paused, struct err *e);

/* For recovery of the spool: is this job id known, and does it still need its spool file? True
 * until the job is final. (A claimed local file of a canceled job is the source itself: put it
 * back.) */
int store_needs_spool(struct store *s, int64_t job, bool *needed, struct err *e);
