/*
 * Which versions are ours already. A version is known while a row of it may still be at the source
 * (unique index job_version), and stays known to listings that are older than its leaving
 * (job_left): a slow listing must not bring back what we have just deleted. A version that listings
 * tell with another time than it was taken with is known by that one, too (job_listed).
 */
#include "daemon/base/mem.h"
#include "daemon/store/rows.h"

enum {
	PATH_MAX_BYTES = 4096,
	READ_CHUNK = 2048, /* files a request looks up: others shall not wait for 100,000 */
};

struct files {
	const char *route;
	const struct store_file *files;
	size_t n;
	int64_t listed_at_ms;
};

static int check_files(const struct files *f, struct err *e)
{
	for (size_t i = 0; i < f->n; i++)
		if (!f->files[i].path_bytes || f->files[i].path_bytes > PATH_MAX_BYTES ||
		    memchr(f->files[i].path, 0, f->files[i].path_bytes))
			return err_set(e, ERR_BUG, "STORE-ARGUMENT", 0,
			               "a path that has not passed the name gate was offered");
	return 0;
}

static void bind_version(sqlite3_stmt *q, const char *route, const struct store_file *f)
{
	sql_text(q, 1, route);
	sql_bytes(q, 2, f->path, f->path_bytes);
	sql_int(q, 3, (int64_t)f->size);
	sql_int(q, 4, f->mtime_ms);
	sql_int(q, 5, (int64_t)f->identity);
}

/* ---- unknown ------------------------------------------------------------------------------- */

struct unknown {
	struct files in;
	bool *is_new; /* the caller's: a failed call leaves it undefined */
};

static int is_known(struct store *s, const struct files *in, size_t i, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_IS_KNOWN);
	int r;

	bind_version(q, in->route, &in->files[i]);
	sql_int(q, 6, in->listed_at_ms);
	r = sql_row(s, q, e);
	if (r > 0) {
		r = sqlite3_column_int(q, 0);
		sql_end(q);
	}
	return r;
}

static int run_unknown(struct store *s, void *arg, struct err *e)
{
	struct unknown *a = arg;

	for (size_t i = 0; i < a->in.n; i++) {
		int r = is_known(s, &a->in, i, e);

		if (r < 0)
			return r;
		a->is_new[i] = r == 0;
	}
	return 0;
}

int store_unknown(struct store *s, const char *route, const struct store_file *files, size_t n,
                  int64_t listed_at_ms, bool *is_new, struct err *e)
{
	struct files all = {route, files, n, listed_at_ms};
	int r = check_files(&all, e);

	for (size_t at = 0; r == 0 && at < n; at += READ_CHUNK) {
		struct unknown a = {all, is_new + at};

		a.in.files = files + at;
		a.in.n = n - at < READ_CHUNK ? n - at : READ_CHUNK;
		r = store_ask(s, REQUEST_READ, run_unknown, &a, e);
	}
	return r;
}

/* ---- claim --------------------------------------------------------------------------------- */

struct claim {
	struct files in;
	int64_t *ids;
};

/* Adds 1 to *made where the version was not known. */
static int insert_claim(struct store *s, const struct claim *a, size_t i, int64_t *made,
                        struct err *e)
{
	sqlite3_stmt *q;
	int r = is_known(s, &a->in, i, e);

	a->ids[i] = 0;
	if (r)
		return r < 0 ? r : 0;
	q = sql_begin(s, SQL_CLAIM);
	bind_version(q, a->in.route, &a->in.files[i]);
	sql_int(q, 6, s->now_ms);
	sql_int(q, 7, a->in.files[i].precision_ms);
	if (a->in.files[i].listed_ms) /* else NULL, as sql_end leaves it */
		sql_int(q, 8, a->in.files[i].listed_ms);
	r = sql_run(s, q, e);
	a->ids[i] = sqlite3_last_insert_rowid(s->db);
	*made += 1;
	return r;
}

static int run_claim(struct store *s, void *arg, struct err *e)
{
	struct claim *a = arg;
	int64_t made = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->in.n; i++)
		r = insert_claim(s, a, i, &made, e);
	return r < 0 || !made ? r : tally_add(s, a->in.route, JOB_CLAIMED, made, e);
}

int store_claim(struct store *s, const char *route, const struct store_file *files, size_t n,
                int64_t listed_at_ms, int64_t *ids, struct err *e)
{
	struct claim a = {.in = {route, files, n, listed_at_ms}};
	int r = check_files(&a.in, e);

	if (r < 0 || !n)
		return r;
	a.ids = mem_new_array(n, sizeof(*a.ids)); /* not the caller's until committed */
	r = store_ask(s, REQUEST_WRITE, run_claim, &a, e);
	if (r == 0)
		memcpy(ids, a.ids, n * sizeof(*ids));
	free(a.ids);
	return r;
}

/* ---- quarantine ---------------------------------------------------------------------------- */

struct quarantine {
	const char *route, *code, *sentence;
	struct store_file file;
	bool first_time;
};

static int run_quarantine(struct store *s, void *arg, struct err *e)
{
	struct quarantine *a = arg;
	sqlite3_stmt *q = sql_begin(s, SQL_QUARANTINE);
	int r;

	bind_version(q, a->route, &a->file);
	sql_int(q, 6, s->now_ms);
	sql_text(q, 7, a->code);
	sql_text(q, 8, a->sentence);
	sql_int(q, 9, a->file.precision_ms);
	r = sql_run(s, q, e);
	a->first_time = r == 0 && sqlite3_changes(s->db) > 0;
	return a->first_time ? tally_add(s, a->route, JOB_QUARANTINED, 1, e) : r;
}

int store_quarantine(struct store *s, const char *route, const struct store_file *file,
                     const char *code, const char *sentence, bool *first_time, struct err *e)
{
	struct quarantine a = {route, code, sentence, *file, false};
	int r;

	if (a.file.path_bytes > PATH_MAX_BYTES)
		a.file.path_bytes = PATH_MAX_BYTES; /* refused anyway; enough to recognise it */
	r = store_ask(s, REQUEST_WRITE, run_quarantine, &a, e);
	if (r == 0)
		*first_time = a.first_time;
	return r;
}
