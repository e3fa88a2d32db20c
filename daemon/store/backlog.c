/*
 * What is still to be done, by where it belongs: for whoever knows which routes and destinations
 * there are. Small beside the history: the tally has a row for each route and state, a call one
 * while it is under way.
 */
#include <stdlib.h>

#include "daemon/base/mem.h"
#include "daemon/store/rows.h"

static int read_routes(struct store *s, struct store_backlog *b, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_BACKLOG_ROUTES);
	int r;

	b->route_count = 0;
	while ((r = sql_row(s, q, e)) > 0) {
		struct store_route_backlog *w;

		b->routes = mem_room(b->routes, b->route_count, sizeof(*b->routes));
		w = &b->routes[b->route_count++];
		sql_copy(q, 0, w->route, sizeof(w->route));
		w->jobs = sqlite3_column_int64(q, 1);
		w->held = sqlite3_column_int64(q, 2);
	}
	return r;
}

static int read_calls(struct store *s, struct store_backlog *b, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_BACKLOG_CALLS);
	int r;

	b->call_count = 0;
	while ((r = sql_row(s, q, e)) > 0) {
		struct store_call_backlog *w;

		b->calls = mem_room(b->calls, b->call_count, sizeof(*b->calls));
		w = &b->calls[b->call_count++];
		sql_copy(q, 0, w->route, sizeof(w->route));
		sql_copy(q, 1, w->dest, sizeof(w->dest));
		w->commands = sqlite3_column_int64(q, 2);
		w->leftovers = sqlite3_column_int64(q, 3);
	}
	return r;
}

static int run_backlog(struct store *s, void *arg, struct err *e)
{
	int r = read_routes(s, arg, e);

	return r < 0 ? r : read_calls(s, arg, e);
}

int store_backlog(struct store *s, struct store_backlog *out, struct err *e)
{
	struct store_backlog b = {0};
	int r = store_ask(s, REQUEST_READ, run_backlog, &b, e);

	if (r == 0)
		*out = b;
	else
		store_backlog_release(&b);
	return r;
}

void store_backlog_release(struct store_backlog *b)
{
	free(b->routes);
	free(b->calls);
}

/* ---- jobs of one destination's calls ------------------------------------------------------- */

struct call_jobs {
	const struct store_call_backlog *of;
	int64_t *ids; /* the caller's: a failed call leaves them undefined */
	size_t room, count;
};

static int run_call_jobs(struct store *s, void *arg, struct err *e)
{
	struct call_jobs *a = arg;
	sqlite3_stmt *q = sql_begin(s, SQL_BACKLOG_CALL_JOBS);
	int r;

	a->count = 0;
	sql_text(q, 1, a->of->route);
	sql_text(q, 2, a->of->dest);
	sql_int(q, 3, (int64_t)a->room);
	while ((r = sql_row(s, q, e)) > 0)
		a->ids[a->count++] = sqlite3_column_int64(q, 0);
	return r;
}

int store_call_jobs(struct store *s, const struct store_call_backlog *of, int64_t *ids, size_t room,
                    size_t *count, struct err *e)
{
	struct call_jobs a = {of, ids, room, 0};
	int r = store_ask(s, REQUEST_READ, run_call_jobs, &a, e);

	if (r == 0)
		*count = a.count;
	return r;
}
