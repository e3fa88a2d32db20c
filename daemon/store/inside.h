/*
 * What the files of this room share: the store itself, requests, and the way to run a statement.
 *
 * A verb (store.h) packs its arguments into a struct on its own frame and asks:
 *
 *	struct pause a = {.route = route, .paused = paused};
 *	return store_ask(s, REQUEST_WRITE, run_pause, &a, e);
 *
 * run_pause(s, &a, e) then runs on the store's thread, inside the group's transaction, and is
 * complete before store_ask returns. It may run twice: the second time in a savepoint of its own,
 * when a request of its group failed after it had changed something. So it takes nothing from what
 * an earlier run wrote. It writes results into `a` only; the verb copies them out once store_ask
 * said 0, so that a failed commit leaves no output behind.
 *
 * Statements are prepared once, at open:
 *
 *	sqlite3_stmt *q = sql_begin(s, SQL_PAUSE);
 *	sql_text(q, 1, a->route);
 *	return sql_run(s, q, e);			// no rows expected
 *
 *	while ((r = sql_row(s, q, e)) > 0) ...		// 1 = a row, 0 = no more, negative = error
 *	sql_end(q);					// needed only when leaving before the 0
 *
 * Bound text and bytes are borrowed until the statement ends.
 */
#pragma once
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "daemon/base/list.h"
#include "daemon/store/statements.h"
#include "daemon/store/store.h"

struct store {
	/* the store thread's own (before it starts and after it ended: the opener's) */
	sqlite3 *db;
	sqlite3_stmt *statements[SQL_COUNT];
	int64_t now_ms; /* wall clock of the group that runs */
	int wal_pages;  /* not yet copied into the database file */
	bool checkpoint_fails;

	/* constant while open */
	char *path;     /* state_dir/ferryd.db */
	char *instance; /* its row */
	int lock_fd;
	pthread_t thread;

	pthread_mutex_t mutex;   /* guards the rest but the atomic */
	pthread_cond_t work;     /* queue or stopping changed */
	pthread_cond_t answered; /* for threads that are not fibers */
	struct link queue;
	bool stopping;
	atomic_llong last_turn_ms; /* monotonic */
};

/* ---- requests (thread.c) ------------------------------------------------------------------- */

enum request_kind { REQUEST_READ, REQUEST_WRITE };
typedef int request_fn(struct store *s, void *arg, struct err *e);

int store_ask(struct store *s, enum request_kind kind, request_fn *run, void *arg, struct err *e);
int thread_start(struct store *s, struct err *e);
void thread_stop(struct store *s); /* after the last request has been answered */

/* ---- statements (statements.c) ------------------------------------------------------------- */

int statements_prepare(struct store *s, struct err *e);
void statements_release(struct store *s);

sqlite3_stmt *sql_begin(struct store *s, enum sql which);
void sql_int(sqlite3_stmt *q, int at, int64_t value);
void sql_text(sqlite3_stmt *q, int at, const char *text);
void sql_bytes(sqlite3_stmt *q, int at, const void *data, size_t n);
int sql_row(struct store *s, sqlite3_stmt *q, struct err *e);
int sql_run(struct store *s, sqlite3_stmt *q, struct err *e);
void sql_end(sqlite3_stmt *q);

/* Copies a column, NUL-terminated and cut to room; NULL gives "". */
void sql_copy(sqlite3_stmt *q, int column, char *out, size_t room);

/* ---- errors (errors.c) --------------------------------------------------------------------- */

/* From SQLite's last error on this connection; rc is its extended code. */
int store_err(struct err *e, sqlite3 *db, const char *path, int rc);
/* The whole STORE-CORRUPT message with its ways out; `what` was found. */
int store_err_corrupt(struct err *e, const char *path, const char *what);
