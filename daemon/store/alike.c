/*
 * Versions that may be the same as one that is listed, though their times were told differently
 * (daemon/base/told.h).
 */
#include "daemon/base/mem.h"
#include "daemon/store/rows.h"

/* ---- which one ----------------------------------------------------------------------------- */

struct alike {
	const char *route;
	const struct store_file *files;
	size_t n;
	struct store_like *out; /* the caller's: a failed call leaves it undefined */
};

static void consider(struct store_like *best, sqlite3_stmt *q, struct told told)
{
	struct told known = {sqlite3_column_int64(q, 1), sqlite3_column_int64(q, 2)};
	enum told_likeness likeness = told_compare(told, known);

	if (likeness > best->likeness)
		*best = (struct store_like){likeness, sqlite3_column_int64(q, 0), known};
}

/* The finest time comes first, and of these the newest version. */
static int find_alike(struct store *s, const struct alike *a, size_t i, struct err *e)
{
	const struct store_file *f = &a->files[i];
	sqlite3_stmt *q;
	int r;

	a->out[i] = (struct store_like){.likeness = TOLD_OTHER};
	if (f->mtime_ms == TOLD_UNKNOWN)
		return 0;
	q = sql_begin(s, SQL_ALIKE);
	sql_text(q, 1, a->route);
	sql_bytes(q, 2, f->path, f->path_bytes);
	sql_int(q, 3, (int64_t)f->size);
	sql_int(q, 4, f->mtime_ms);
	sql_int(q, 5, (int64_t)f->identity);
	sql_int(q, 6, TOLD_REACH_MS);
	while ((r = sql_row(s, q, e)) > 0)
		consider(&a->out[i], q, (struct told){f->mtime_ms, f->precision_ms});
	return r;
}

static int run_alike(struct store *s, void *arg, struct err *e)
{
	const struct alike *a = arg;
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->n; i++)
		r = find_alike(s, a, i, e);
	return r;
}

int store_alike(struct store *s, const char *route, const struct store_file *files, size_t n,
                struct store_like *out, struct err *e)
{
	struct alike a = {route, files, n, out};

	return n ? store_ask(s, REQUEST_READ, run_alike, &a, e) : 0;
}

/* ---- it is that one ------------------------------------------------------------------------ */

struct listed_as {
	int64_t job, listed_ms;
	const char *note;
};

static int run_listed_as(struct store *s, void *arg, struct err *e)
{
	const struct listed_as *a = arg;
	const struct event_note note = {"listed", "", a->note};
	sqlite3_stmt *q = sql_begin(s, SQL_LISTED_AS);
	int r;

	sql_int(q, 1, a->job);
	sql_int(q, 2, a->listed_ms);
	r = sql_run(s, q, e);
	if (r < 0 || sqlite3_changes(s->db) == 0)
		return r;
	return event_add(s, a->job, note, e);
}

int store_listed_as(struct store *s, int64_t job, int64_t listed_ms, const char *note,
                    struct err *e)
{
	struct listed_as a = {job, listed_ms, note};

	return store_ask(s, REQUEST_WRITE, run_listed_as, &a, e);
}
