/*
 * The queue is the database: what is due, when the next thing becomes due, wake.
 */
#include "daemon/store/rows.h"

struct due {
	enum store_queue queue;
	const char *route, *dest;
	int64_t now_ms;
	struct store_task *out; /* the caller's: a failed call leaves it undefined */
	size_t room, count;
	int64_t next_at_ms;
};

static const struct {
	enum sql due, next;
	int state; /* enum job_state; -1: asked for by destination */
} queues[] = {
        [QUEUE_FETCH] = {SQL_DUE_JOBS, SQL_NEXT_JOB, JOB_CLAIMED},
        [QUEUE_DELIVER] = {SQL_DUE_DELIVERIES, SQL_NEXT_DELIVERY, -1},
        [QUEUE_CALL] = {SQL_DUE_CALLS, SQL_NEXT_CALL, -1},
        [QUEUE_SETTLE] = {SQL_DUE_JOBS, SQL_NEXT_JOB, JOB_DELIVERED},
};

static bool has_dest(enum store_queue q)
{
	return queues[q].state < 0;
}

static const char *first_key(const struct due *a)
{
	if (has_dest(a->queue))
		return a->dest;
	return job_state_name((enum job_state)queues[a->queue].state);
}

static sqlite3_stmt *bind_due(struct store *s, const struct due *a, enum sql which)
{
	sqlite3_stmt *q = sql_begin(s, which);

	sql_text(q, 1, first_key(a));
	sql_text(q, 2, a->route);
	sql_int(q, 3, a->now_ms);
	return q;
}

static int read_task(struct store *s, sqlite3_stmt *q, const struct due *a, struct err *e)
{
	struct store_task *t = &a->out[a->count];
	int r = job_read(s, q, &t->job, e);

	if (has_dest(a->queue))
		return r < 0 ? r : delivery_read(s, q, JOB_COLUMN_COUNT, &t->delivery, e);
	memset(&t->delivery, 0, sizeof(t->delivery));
	return r;
}

static int read_due(struct store *s, struct due *a, struct err *e)
{
	sqlite3_stmt *q = bind_due(s, a, queues[a->queue].due);
	int r;

	sql_int(q, 4, (int64_t)a->room);
	while ((r = sql_row(s, q, e)) > 0) {
		r = read_task(s, q, a, e);
		if (r < 0) {
			sql_end(q);
			return r;
		}
		a->count++;
	}
	return r;
}

static int run_due(struct store *s, void *arg, struct err *e)
{
	struct due *a = arg;
	int r = read_due(s, a, e);
	sqlite3_stmt *q;

	if (r < 0)
		return r;
	q = bind_due(s, a, queues[a->queue].next);
	r = sql_row(s, q, e);
	if (r < 0)
		return r;
	a->next_at_ms = sqlite3_column_int64(q, 0); /* NULL, none waits: 0 */
	sql_end(q);
	return 0;
}

int store_due(struct store *s, enum store_queue q, const char *route, const char *dest,
              int64_t now_ms, struct store_task *out, size_t room, size_t *count,
              int64_t *next_at_ms, struct err *e)
{
	struct due a = {q, route, dest, now_ms, out, room, 0, 0};
	int r;

	if (has_dest(q) && !dest)
		return err_set(e, ERR_BUG, "STORE-ARGUMENT", 0,
		               "deliveries of route %s were asked for without a destination",
		               route);
	r = store_ask(s, REQUEST_READ, run_due, &a, e);
	if (r < 0)
		return r;
	*count = a.count;
	*next_at_ms = a.next_at_ms;
	return 0;
}

/* ---- destinations -------------------------------------------------------------------------- */

struct destinations {
	const char *route;
	char (*out)[STORE_DEST_BYTES]; /* the caller's: a failed call leaves it undefined */
	size_t room, count;
};

static int run_destinations(struct store *s, void *arg, struct err *e)
{
	struct destinations *a = arg;
	sqlite3_stmt *q = sql_begin(s, SQL_OPEN_DESTINATIONS);
	int r;

	sql_text(q, 1, a->route);
	sql_int(q, 2, (int64_t)a->room);
	while ((r = sql_row(s, q, e)) > 0)
		sql_copy(q, 0, a->out[a->count++], STORE_DEST_BYTES);
	return r;
}

int store_destinations(struct store *s, const char *route, char (*out)[STORE_DEST_BYTES],
                       size_t room, size_t *count, struct err *e)
{
	struct destinations a = {route, out, room, 0};
	int r = store_ask(s, REQUEST_READ, run_destinations, &a, e);

	if (r == 0)
		*count = a.count;
	return r;
}

/* ---- wake ---------------------------------------------------------------------------------- */

static int wake_table(struct store *s, enum sql which, const char *route, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, which);

	sql_text(q, 1, route);
	return sql_run(s, q, e);
}

static int run_wake(struct store *s, void *arg, struct err *e)
{
	const char *const *route = arg;
	int r = wake_table(s, SQL_WAKE_JOBS, *route, e);

	if (r == 0)
		r = wake_table(s, SQL_WAKE_DELIVERIES, *route, e);
	return r < 0 ? r : wake_table(s, SQL_WAKE_CALLS, *route, e);
}

int store_wake(struct store *s, const char *route, struct err *e)
{
	return store_ask(s, REQUEST_WRITE, run_wake, &route, e);
}
