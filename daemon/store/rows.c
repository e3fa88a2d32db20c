#include "daemon/store/rows.h"

#include "daemon/base/escape.h"
#include "daemon/base/text.h"
#include "daemon/store/steps.h"

/* ---- words --------------------------------------------------------------------------------- */

static int word_at(sqlite3_stmt *q, int column, int (*parse)(const char *))
{
	const char *word = (const char *)sqlite3_column_text(q, column);

	return word ? parse(word) : -1;
}

/* A word that the CHECKs of the schema do not allow: the file was damaged under us. */
static int bad_word(struct store *s, const char *table, int64_t id, struct err *e)
{
	char what[64];

	(void)snprintf(what, sizeof(what), "%s %lld has no valid state", table, (long long)id);
	return store_err_corrupt(e, s->path, what);
}

static bool is_by_operator(sqlite3_stmt *q, int column)
{
	const char *code = (const char *)sqlite3_column_text(q, column);

	return code && text_starts(code, "OPERATOR-");
}

/* ---- load ---------------------------------------------------------------------------------- */

int job_load(struct store *s, int64_t id, struct job_row *row, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_JOB_ROW);
	int r, state;

	sql_int(q, 1, id);
	r = sql_row(s, q, e);
	if (r <= 0)
		return r;
	state = word_at(q, 2, job_state_parse);
	row->id = id;
	row->state = state < 0 ? JOB_CLAIMED : (enum job_state)state;
	row->resume = word_at(q, 3, job_state_parse);
	row->by_operator = is_by_operator(q, 4);
	sql_copy(q, 1, row->route, sizeof(row->route));
	sql_end(q);
	return state < 0 ? bad_word(s, "job", id, e) : 1;
}

int delivery_load(struct store *s, int64_t id, struct delivery_row *row, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_DELIVERY_ROW);
	int r, state;

	sql_int(q, 1, id);
	r = sql_row(s, q, e);
	if (r <= 0)
		return r;
	state = word_at(q, 3, delivery_state_parse);
	row->id = id;
	row->job = sqlite3_column_int64(q, 1);
	row->state = state < 0 ? DELIVERY_SENDING : (enum delivery_state)state;
	row->resume = word_at(q, 4, delivery_state_parse);
	row->by_operator = is_by_operator(q, 5);
	sql_copy(q, 2, row->dest, sizeof(row->dest));
	sql_end(q);
	return state < 0 ? bad_word(s, "delivery", id, e) : 1;
}

int job_unknown(int64_t id, struct err *e)
{
	return err_set(e, ERR_OBJECT, "STORE-NO-JOB", 0, "there is no job %lld", (long long)id);
}

/* ---- steps --------------------------------------------------------------------------------- */

struct refused_step {
	const char *what;
	int64_t id;
	const char *from, *to;
	bool by_operator;
};

static int refuse(const struct refused_step *f, struct err *e)
{
	if (f->by_operator)
		return err_set(e, ERR_CANCELED, "STORE-STOPPED", 0,
		               "%s %lld is %s since the operator said so", f->what,
		               (long long)f->id, f->from);
	return err_set(e, ERR_BUG, "STORE-STEP", 0,
	               "%s %lld cannot go from %s to %s; nothing was changed. This is a mistake in "
	               "ferryd: please report it",
	               f->what, (long long)f->id, f->from, f->to);
}

int job_step_refused(const struct job_row *row, enum job_state to, struct err *e)
{
	struct refused_step f = {"job", row->id, job_state_name(row->state), job_state_name(to),
	                         row->by_operator};

	return refuse(&f, e);
}

int job_step(struct store *s, int64_t id, enum job_state to, struct job_row *row, struct err *e)
{
	int r = job_load(s, id, row, e);
	struct refused_step unknown = {"job", id, "nowhere", job_state_name(to), false};

	if (r < 0)
		return r;
	if (r == 0)
		return refuse(&unknown, e);
	return job_step_is_legal(row->state, to) ? 0 : job_step_refused(row, to, e);
}

int delivery_step_refused(const struct delivery_row *row, enum delivery_state to, struct err *e)
{
	struct refused_step f = {"delivery", row->id, delivery_state_name(row->state),
	                         delivery_state_name(to), row->by_operator};

	return refuse(&f, e);
}

int delivery_step(struct store *s, int64_t id, enum delivery_state to, struct delivery_row *row,
                  struct err *e)
{
	int r = delivery_load(s, id, row, e);
	struct refused_step unknown = {"delivery", id, "nowhere", delivery_state_name(to), false};

	if (r < 0)
		return r;
	if (r == 0)
		return refuse(&unknown, e);
	return delivery_step_is_legal(row->state, to) ? 0 : delivery_step_refused(row, to, e);
}

/* ---- tally --------------------------------------------------------------------------------- */

int tally_add(struct store *s, const char *route, enum job_state state, int64_t n, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_TALLY_ADD);

	sql_text(q, 1, route);
	sql_text(q, 2, job_state_name(state));
	sql_int(q, 3, n);
	return sql_run(s, q, e);
}

int tally_step(struct store *s, struct job_row *job, enum job_state to, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_TALLY_TAKE);
	int r;

	if (job->state == to)
		return 0;
	sql_text(q, 1, job->route);
	sql_text(q, 2, job_state_name(job->state));
	r = sql_run(s, q, e);
	if (r == 0)
		r = tally_add(s, job->route, to, 1, e);
	job->state = to;
	return r;
}

/* ---- events -------------------------------------------------------------------------------- */

/* A job may be retried for weeks. */
static int trim(struct store *s, int64_t job, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_EVENT_TRIM);

	sql_int(q, 1, job);
	sql_int(q, 2, EVENT_RETRIES);
	return sql_run(s, q, e);
}

int event_add(struct store *s, int64_t job, struct event_note note, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_EVENT_ADD);
	int r;

	sql_int(q, 1, job);
	sql_int(q, 2, s->now_ms);
	sql_text(q, 3, note.step);
	sql_text(q, 4, note.code);
	sql_text(q, 5, note.text ? note.text : "");
	r = sql_run(s, q, e);
	return r < 0 || strcmp(note.step, "retry") != 0 ? r : trim(s, job, e);
}

/* ---- whole rows ---------------------------------------------------------------------------- */

/* A quarantined path may hold anything, NUL too: then it is shown escaped, not cut. */
static void copy_path(sqlite3_stmt *q, int column, char *out, size_t room)
{
	const void *data = sqlite3_column_blob(q, column);
	size_t n = (size_t)sqlite3_column_bytes(q, column);

	if (n && memchr(data, 0, n))
		escape(data, n, out, room < ESCAPE_ROOM ? room : ESCAPE_ROOM);
	else
		sql_copy(q, column, out, room);
}

int job_read(struct store *s, sqlite3_stmt *q, struct store_job *out, struct err *e)
{
	int state = word_at(q, 6, job_state_parse);

	out->id = sqlite3_column_int64(q, 0);
	sql_copy(q, 1, out->route, sizeof(out->route));
	copy_path(q, 2, out->path, sizeof(out->path));
	out->size = (uint64_t)sqlite3_column_int64(q, 3);
	out->mtime_ms = sqlite3_column_int64(q, 4);
	out->identity = (uint64_t)sqlite3_column_int64(q, 5);
	out->attempts = sqlite3_column_int(q, 7);
	out->next_at_ms = sqlite3_column_int64(q, 8);
	out->has_sha256 = sqlite3_column_bytes(q, 9) == DIGEST_BYTES;
	memset(out->sha256, 0, DIGEST_BYTES);
	if (out->has_sha256)
		memcpy(out->sha256, sqlite3_column_blob(q, 9), DIGEST_BYTES);
	out->precision_ms = sqlite3_column_int64(q, 10);
	if (state < 0)
		return bad_word(s, "job", out->id, e);
	out->state = (enum job_state)state;
	return 0;
}

int delivery_read(struct store *s, sqlite3_stmt *q, int at, struct store_delivery *out,
                  struct err *e)
{
	int state = word_at(q, at + 4, delivery_state_parse);

	out->id = sqlite3_column_int64(q, at);
	out->job = sqlite3_column_int64(q, at + 1);
	sql_copy(q, at + 2, out->dest, sizeof(out->dest));
	sql_copy(q, at + 3, out->final_name, sizeof(out->final_name));
	out->attempts = sqlite3_column_int(q, at + 5);
	out->next_at_ms = sqlite3_column_int64(q, at + 6);
	out->verification = sqlite3_column_int(q, at + 7);
	out->inferred = sqlite3_column_int(q, at + 8) != 0;
	sql_copy(q, at + 9, out->code, sizeof(out->code));
	sql_copy(q, at + 10, out->text, sizeof(out->text));
	out->is_appending = sqlite3_column_type(q, at + 11) != SQLITE_NULL;
	out->append_at = (uint64_t)sqlite3_column_int64(q, at + 11);
	sql_copy(q, at + 12, out->site, sizeof(out->site));
	if (state < 0)
		return bad_word(s, "delivery", out->id, e);
	out->state = (enum delivery_state)state;
	return 0;
}
