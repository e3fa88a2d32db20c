/*
 * What the operator sees: pages of jobs, one job with its whole story, counts.
 */
#include "daemon/base/mem.h"
#include "daemon/store/rows.h"

/* ---- pages --------------------------------------------------------------------------------- */

enum { PAGE_MOST = 1000 };

static int read_info(struct store *s, sqlite3_stmt *q, struct store_job_info *out, struct err *e)
{
	enum { AT = JOB_COLUMN_COUNT };

	out->created_ms = sqlite3_column_int64(q, AT);
	out->updated_ms = sqlite3_column_int64(q, AT + 1);
	sql_copy(q, AT + 2, out->code, sizeof(out->code));
	sql_copy(q, AT + 3, out->text, sizeof(out->text));
	out->deliveries = sqlite3_column_int(q, AT + 4);
	out->delivered = sqlite3_column_int(q, AT + 5);
	out->held = sqlite3_column_int(q, AT + 6);
	return job_read(s, q, &out->job, e);
}

struct page {
	const struct store_filter *filter;
	struct store_job_info *out; /* the caller's: a failed call leaves it undefined */
	size_t count;
};

/* The index that has this page in order; jobs in an open state are few and get sorted. */
static enum sql pick_list(const struct store_filter *f)
{
	bool open = f->state == JOB_CLAIMED || f->state == JOB_STORED || f->state == JOB_DELIVERED;

	if (f->state < 0)
		return f->route ? SQL_LIST_ROUTE : SQL_LIST_ALL;
	if (open)
		return f->route ? SQL_LIST_OPEN_ROUTE : SQL_LIST_OPEN;
	return f->route ? SQL_LIST_REST_ROUTE : SQL_LIST_REST;
}

static sqlite3_stmt *bind_list(struct store *s, const struct store_filter *f)
{
	sqlite3_stmt *q = sql_begin(s, pick_list(f));

	sql_int(q, 1, f->before_id > 0 ? f->before_id : INT64_MAX);
	sql_int(q, 2, f->limit < PAGE_MOST ? (int64_t)f->limit : PAGE_MOST);
	if (f->route)
		sql_text(q, 3, f->route);
	if (f->state >= 0)
		sql_text(q, 4, job_state_name((enum job_state)f->state));
	return q;
}

static int run_jobs(struct store *s, void *arg, struct err *e)
{
	struct page *a = arg;
	sqlite3_stmt *q = bind_list(s, a->filter);
	int r;

	while ((r = sql_row(s, q, e)) > 0) {
		r = read_info(s, q, &a->out[a->count], e);
		if (r < 0) {
			sql_end(q);
			return r;
		}
		a->count++;
	}
	return r;
}

int store_jobs(struct store *s, const struct store_filter *f, struct store_job_info *out,
               size_t *count, struct err *e)
{
	struct page a = {f, out, 0};
	int r;

	if (f->state >= JOB_STATE_COUNT)
		return err_set(e, ERR_BUG, "STORE-ARGUMENT", 0, "no job state has the number %d",
		               f->state);
	r = store_ask(s, REQUEST_READ, run_jobs, &a, e);
	if (r == 0)
		*count = a.count;
	return r;
}

/* ---- one job ------------------------------------------------------------------------------- */

struct show {
	int64_t job;
	struct store_job_info *info;
	struct store_delivery *deliveries;
	struct store_event *events;
	size_t delivery_count, event_count;
};

static int show_job(struct store *s, struct show *a, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_SHOW_JOB);
	int r;

	sql_int(q, 1, a->job);
	r = sql_row(s, q, e);
	if (r == 0)
		return err_set(e, ERR_OBJECT, "STORE-NO-JOB", 0, "there is no job %lld",
		               (long long)a->job);
	if (r < 0)
		return r;
	r = read_info(s, q, a->info, e);
	sql_end(q);
	return r;
}

static int show_deliveries(struct store *s, struct show *a, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_SHOW_DELIVERIES);
	int r;

	sql_int(q, 1, a->job);
	while ((r = sql_row(s, q, e)) > 0) {
		a->deliveries = mem_room(a->deliveries, a->delivery_count, sizeof(*a->deliveries));
		r = delivery_read(s, q, 0, &a->deliveries[a->delivery_count++], e);
		if (r < 0) {
			sql_end(q);
			return r;
		}
	}
	return r;
}

static int show_events(struct store *s, struct show *a, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_SHOW_EVENTS);
	struct store_event *v;
	int r;

	sql_int(q, 1, a->job);
	while ((r = sql_row(s, q, e)) > 0) {
		a->events = mem_room(a->events, a->event_count, sizeof(*a->events));
		v = &a->events[a->event_count++];
		v->at_ms = sqlite3_column_int64(q, 0);
		sql_copy(q, 1, v->step, sizeof(v->step));
		sql_copy(q, 2, v->code, sizeof(v->code));
		sql_copy(q, 3, v->text, sizeof(v->text));
	}
	return r;
}

static int run_show(struct store *s, void *arg, struct err *e)
{
	struct show *a = arg;
	int r = show_job(s, a, e);

	if (r == 0)
		r = show_deliveries(s, a, e);
	return r < 0 ? r : show_events(s, a, e);
}

int store_show(struct store *s, int64_t job, struct store_job_info *out,
               struct store_delivery **deliveries, size_t *delivery_count,
               struct store_event **events, size_t *event_count, struct err *e)
{
	struct show a = {.job = job, .info = out};
	int r = store_ask(s, REQUEST_READ, run_show, &a, e);

	if (r < 0) {
		free(a.deliveries);
		free(a.events);
		return r;
	}
	*deliveries = a.deliveries;
	*delivery_count = a.delivery_count;
	*events = a.events;
	*event_count = a.event_count;
	return 0;
}

/* ---- counts -------------------------------------------------------------------------------- */

struct counts {
	const char *route;
	int64_t jobs[JOB_STATE_COUNT];
};

static int run_counts(struct store *s, void *arg, struct err *e)
{
	struct counts *a = arg;
	sqlite3_stmt *q = sql_begin(s, a->route ? SQL_COUNTS_ROUTE : SQL_COUNTS);
	int r, state;

	if (a->route)
		sql_text(q, 1, a->route);
	while ((r = sql_row(s, q, e)) > 0) {
		const char *word = (const char *)sqlite3_column_text(q, 0);

		state = word ? job_state_parse(word) : -1;
		if (state >= 0)
			a->jobs[state] = sqlite3_column_int64(q, 1);
	}
	return r;
}

int store_counts(struct store *s, const char *route, int64_t *counts, struct err *e)
{
	struct counts a = {.route = route};
	int r = store_ask(s, REQUEST_READ, run_counts, &a, e);

	if (r == 0)
		memcpy(counts, a.jobs, sizeof(a.jobs));
	return r;
}

/* ---- spool --------------------------------------------------------------------------------- */

struct spool {
	int64_t job;
	bool needed;
};

static int run_needs_spool(struct store *s, void *arg, struct err *e)
{
	struct spool *a = arg;
	struct job_row job;
	int r = job_load(s, a->job, &job, e);

	if (r == 0)
		return job_unknown(a->job, e);
	if (r < 0)
		return r;
#define STATE_IS_FINAL(id, word, final) [id] = final,
	static const bool is_final[] = {JOB_STATES(STATE_IS_FINAL)};
#undef STATE_IS_FINAL
	a->needed = !is_final[job.state];
	return 0;
}

int store_needs_spool(struct store *s, int64_t job, bool *needed, struct err *e)
{
	struct spool a = {job, false};
	int r = store_ask(s, REQUEST_READ, run_needs_spool, &a, e);

	if (r == 0)
		*needed = a.needed;
	return r;
}
