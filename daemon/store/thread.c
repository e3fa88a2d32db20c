/*
 * The store's thread and its group commit.
 *
 *	fibers:   ask ─┐   ask ─┐ ask ─┐            (wait)        ▲ ▲ ▲ answered
 *	thread:        └ group 1: BEGIN … COMMIT ┐ └─┴ group 2: BEGIN … COMMIT ┐ checkpoint
 *
 * While one group is being flushed the next one gathers, so the flush (about 1 ms) is shared by
 * all who wait, and one who is alone pays for one flush and no delay.
 *
 * Reads of a group run first, outside the transaction, and are answered at once: they must not see
 * rows that may yet fail to be committed. Copying the log into the database file (checkpoint) is
 * done after the answers, so nobody waits for it.
 */
#include "daemon/store/inside.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/runtime/fiber.h"
#include "daemon/runtime/worker.h"

enum {
	GROUP_MAX = 1024, /* bounds how long the first of a group waits for the last */
	CHECKPOINT_PAGES = 1000,
	CHECKPOINT_IDLE_PAGES = 256, /* a new log costs the next commit a second flush */
	IDLE_MS = 1000,
};

/* Lives in the frame of who asks. */
struct request {
	struct link link;
	request_fn *run;
	void *arg;
	enum request_kind kind;
	int result;
	struct err *e;

	struct worker *worker; /* NULL: asked by a plain thread */
	struct signal changed;
	bool answered; /* the worker's, or under the mutex for a plain thread */
};

/* ---- asking -------------------------------------------------------------------------------- */

static void submit(struct store *s, struct request *rq)
{
	pthread_mutex_lock(&s->mutex);
	assert(!s->stopping);
	list_append(&s->queue, &rq->link);
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->mutex);
}

/* What was asked will happen; a cancel can only be obeyed once it is known how it went. */
static void await_in_fiber(struct request *rq)
{
	struct err ignored;

	fiber_shield_begin();
	while (!rq->answered)
		(void)signal_wait(&rq->changed, "the database", deadline_never(), &ignored);
	fiber_shield_end();
}

static void await_in_thread(struct store *s, struct request *rq)
{
	pthread_mutex_lock(&s->mutex);
	while (!rq->answered)
		pthread_cond_wait(&s->answered, &s->mutex);
	pthread_mutex_unlock(&s->mutex);
}

int store_ask(struct store *s, enum request_kind kind, request_fn *run, void *arg, struct err *e)
{
	struct request rq = {.run = run, .arg = arg, .kind = kind, .e = e};

	list_init(&rq.link);
	signal_init(&rq.changed);
	rq.worker = fiber_self() ? fiber_worker() : NULL;
	submit(s, &rq);
	if (rq.worker)
		await_in_fiber(&rq);
	else
		await_in_thread(s, &rq);
	return rq.result;
}

/* ---- answering ----------------------------------------------------------------------------- */

static void wake(void *arg)
{
	struct request *rq = arg;

	rq->answered = true;
	signal_raise(&rq->changed);
}

/* The request is gone once it is answered. */
static void answer(struct store *s, struct request *rq)
{
	atomic_store(&s->last_turn_ms, clock_mono_ms());
	if (rq->worker) {
		worker_post(rq->worker, wake, rq);
		return;
	}
	pthread_mutex_lock(&s->mutex);
	rq->answered = true;
	pthread_cond_broadcast(&s->answered);
	pthread_mutex_unlock(&s->mutex);
}

static struct request *take(struct link *from)
{
	struct link *l = list_take_first(from);

	return l ? list_item(l, struct request, link) : NULL;
}

/* ---- a group ------------------------------------------------------------------------------- */

static int plain(struct store *s, enum sql which, struct err *e)
{
	return sql_run(s, sql_begin(s, which), e);
}

static void run_reads(struct store *s, struct link *reads)
{
	struct request *rq;

	while ((rq = take(reads))) {
		rq->result = rq->run(s, rq->arg, rq->e);
		answer(s, rq);
	}
}

static bool is_group_lost(const struct store *s, const struct request *rq)
{
	return sqlite3_get_autocommit(s->db) || rq->result == ERR_LOCAL;
}

enum { GROUP_SPOILT = 1 };

/*
 * Without a savepoint: it would copy every page a request touches, and hardly any request fails
 * once it has changed something. One that does spoils the group, which is taken back and run again
 * with savepoints; a request may therefore run twice, and its output is what the last run wrote.
 */
static int run_plainly(struct store *s, struct request *rq, struct err *why)
{
	sqlite3_int64 before = sqlite3_total_changes64(s->db);

	rq->result = rq->run(s, rq->arg, rq->e);
	if (rq->result == 0)
		return 0;
	if (is_group_lost(s, rq)) {
		*why = *rq->e;
		return why->kind;
	}
	return sqlite3_total_changes64(s->db) == before ? 0 : GROUP_SPOILT;
}

/*
 * A request that fails takes back its own rows only. Where SQLite has already taken back the
 * whole transaction (a full disk, an I/O error may do that), or where the storage itself failed,
 * there is nothing left to commit: negative, and the group fails with why.
 */
static int run_guarded(struct store *s, struct request *rq, struct err *why)
{
	if (plain(s, SQL_SAVEPOINT, why) < 0)
		return why->kind;
	rq->result = rq->run(s, rq->arg, rq->e);
	if (rq->result == 0)
		return plain(s, SQL_RELEASE, why);
	if (is_group_lost(s, rq)) {
		*why = *rq->e;
		return why->kind;
	}
	if (plain(s, SQL_UNDO, why) < 0)
		return why->kind;
	return plain(s, SQL_RELEASE, why);
}

typedef int run_fn(struct store *s, struct request *rq, struct err *why);

static int run_all(struct store *s, struct link *writes, run_fn *run, struct err *why)
{
	int r = plain(s, SQL_BEGIN, why);

	list_for_each(l, writes)
	{
		if (r)
			return r;
		r = run(s, list_item(l, struct request, link), why);
	}
	return r;
}

static int run_transaction(struct store *s, struct link *writes, struct err *why)
{
	int r = run_all(s, writes, run_plainly, why);

	if (r == GROUP_SPOILT) {
		r = plain(s, SQL_ROLLBACK, why);
		if (r == 0)
			r = run_all(s, writes, run_guarded, why);
	}
	return r < 0 ? r : plain(s, SQL_COMMIT, why);
}

static void run_writes(struct store *s, struct link *writes)
{
	struct err why, ignored;
	struct request *rq;
	int r;

	if (list_is_empty(writes))
		return;
	r = run_transaction(s, writes, &why);
	if (r < 0 && !sqlite3_get_autocommit(s->db))
		(void)plain(s, SQL_ROLLBACK, &ignored); /* `why` is what matters */
	while ((rq = take(writes))) {
		if (r < 0 && rq->result == 0) {
			*rq->e = why;
			rq->result = r;
		}
		answer(s, rq);
	}
}

static void run_group(struct store *s, struct link *group)
{
	struct link reads, writes;
	struct request *rq;

	list_init(&reads);
	list_init(&writes);
	while ((rq = take(group)))
		list_append(rq->kind == REQUEST_READ ? &reads : &writes, &rq->link);
	s->now_ms = clock_wall_ms();
	run_reads(s, &reads);
	run_writes(s, &writes);
}

/* ---- checkpoint ---------------------------------------------------------------------------- */

static int count_pages(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct store *s = arg;

	(void)db;
	(void)name;
	s->wal_pages = pages;
	return SQLITE_OK;
}

/* Nothing is lost when it fails: the rows are in the log, which only grows meanwhile. */
static void checkpoint(struct store *s)
{
	int left = 0;
	int rc = sqlite3_wal_checkpoint_v2(s->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, &left);
	struct err e;

	s->wal_pages = 0;
	if (rc == SQLITE_OK) {
		s->checkpoint_fails = false;
		return;
	}
	(void)store_err(&e, s->db, s->path, rc);
	if (!s->checkpoint_fails)
		log_warn("database log could not be folded back, ignoring", "code=%s error=\"%s\"",
		         e.code, e.message);
	s->checkpoint_fails = true;
}

/* ---- the thread ---------------------------------------------------------------------------- */

static bool wait_for_work(struct store *s)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_MS / 1000;
	while (list_is_empty(&s->queue) && !s->stopping && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&s->work, &s->mutex, &until);
	return !list_is_empty(&s->queue);
}

/* false: stopping and nothing left. An empty group: idle. */
static bool gather(struct store *s, struct link *group)
{
	bool go_on;
	struct link *l;

	pthread_mutex_lock(&s->mutex);
	go_on = wait_for_work(s) || !s->stopping;
	for (int n = 0; n < GROUP_MAX && (l = list_take_first(&s->queue)); n++)
		list_append(group, l);
	pthread_mutex_unlock(&s->mutex);
	return go_on;
}

static void *thread_main(void *arg)
{
	struct store *s = arg;
	struct link group;
	bool idle;

	list_init(&group);
	while (gather(s, &group)) {
		idle = list_is_empty(&group);
		run_group(s, &group);
		if (s->wal_pages >= (idle ? CHECKPOINT_IDLE_PAGES : CHECKPOINT_PAGES))
			checkpoint(s);
		atomic_store(&s->last_turn_ms, clock_mono_ms());
	}
	return NULL;
}

static int start_without_signals(struct store *s)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&s->thread, NULL, thread_main, s);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

int thread_start(struct store *s, struct err *e)
{
	pthread_condattr_t monotonic;
	int rc;

	list_init(&s->queue);
	pthread_mutex_init(&s->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&s->work, &monotonic);
	pthread_cond_init(&s->answered, NULL);
	pthread_condattr_destroy(&monotonic);
	atomic_store(&s->last_turn_ms, clock_mono_ms());
	(void)sqlite3_wal_hook(s->db, count_pages, s); /* replaces SQLite's own checkpoints */
	rc = start_without_signals(s);
	if (rc) {
		errno = rc;
		return err_errno(e, ERR_LOCAL, "STORE-THREAD", "start the database's thread");
	}
	return 0;
}

void thread_stop(struct store *s)
{
	pthread_mutex_lock(&s->mutex);
	s->stopping = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->mutex);
	(void)pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->answered);
	pthread_mutex_destroy(&s->mutex);
}

int64_t store_silent_ms(const struct store *s)
{
	return clock_mono_ms() - atomic_load(&((struct store *)(uintptr_t)s)->last_turn_ms);
}
