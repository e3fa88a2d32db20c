/*
 * Steps of a job: stored, skipped, settled, failed.
 */
#include "daemon/store/jobs.h"

#include "daemon/base/mem.h"

/* ---- claimed -> stored --------------------------------------------------------------------- */

struct stored {
	int64_t job;
	uint64_t size;
	const unsigned char *sha256;
	const struct store_new_delivery *to;
	size_t n;
	int64_t *ids;
};

static int check_deliveries(const struct stored *a, struct err *e)
{
	for (size_t i = 0; i < a->n; i++)
		if (!a->to[i].final_bytes || a->to[i].final_bytes > 255 || !*a->to[i].dest ||
		    strlen(a->to[i].dest) > 511 ||
		    memchr(a->to[i].final_name, 0, a->to[i].final_bytes))
			return err_set(e, ERR_BUG, "STORE-ARGUMENT", 0,
			               "a delivery of job %lld has no usable destination or name",
			               (long long)a->job);
	if (!a->n) /* nothing would ever end it */
		return err_set(e, ERR_BUG, "STORE-ARGUMENT", 0, "job %lld has no destination",
		               (long long)a->job);
	return 0;
}

static int add_delivery(struct store *s, const struct stored *a, const char *route, size_t i,
                        struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_DELIVERY_ADD);
	int r;

	sql_int(q, 1, a->job);
	sql_text(q, 2, route);
	sql_text(q, 3, a->to[i].dest);
	sql_bytes(q, 4, a->to[i].final_name, a->to[i].final_bytes);
	sql_int(q, 5, s->now_ms);
	r = sql_run(s, q, e);
	a->ids[i] = sqlite3_last_insert_rowid(s->db);
	return r;
}

static int run_stored(struct store *s, void *arg, struct err *e)
{
	const struct stored *a = arg;
	struct job_row job;
	sqlite3_stmt *q;
	int r = job_step(s, a->job, JOB_STORED, &job, e);

	if (r == 0 && job.state != JOB_CLAIMED)
		r = job_step_refused(&job, JOB_STORED, e);
	if (r < 0)
		return r;
	q = sql_begin(s, SQL_JOB_STORED);
	sql_int(q, 1, a->job);
	sql_int(q, 2, (int64_t)a->size);
	if (a->sha256)
		sql_bytes(q, 3, a->sha256, DIGEST_BYTES);
	sql_int(q, 4, s->now_ms);
	r = sql_run(s, q, e);
	if (r == 0)
		r = tally_step(s, &job, JOB_STORED, e);
	for (size_t i = 0; r == 0 && i < a->n; i++)
		r = add_delivery(s, a, job.route, i, e);
	return r;
}

int store_stored(struct store *s, int64_t job, uint64_t size, const unsigned char *sha256,
                 const struct store_new_delivery *to, size_t n, int64_t *ids, struct err *e)
{
	struct stored a = {job, size, sha256, to, n, NULL};
	int r = check_deliveries(&a, e);

	if (r < 0)
		return r;
	a.ids = mem_new_array(n, sizeof(*a.ids));
	r = store_ask(s, REQUEST_WRITE, run_stored, &a, e);
	if (r == 0)
		memcpy(ids, a.ids, n * sizeof(*ids));
	free(a.ids);
	return r;
}

/* ---- ends ---------------------------------------------------------------------------------- */

int job_end(struct store *s, struct job_row *job, const struct job_ending *end, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_JOB_END);

	int r;

	sql_int(q, 1, job->id);
	sql_text(q, 2, job_state_name(end->state));
	sql_int(q, 3, end->at_source);
	sql_int(q, 4, s->now_ms);
	sql_text(q, 5, end->code ? end->code : "");
	sql_text(q, 6, end->text ? end->text : "");
	r = sql_run(s, q, e);
	return r < 0 ? r : tally_step(s, job, end->state, e);
}

struct ending {
	int64_t job;
	enum job_state from; /* also legal when held from there, where `late` */
	bool late;
	struct job_ending end;
};

static int run_ending(struct store *s, void *arg, struct err *e)
{
	const struct ending *a = arg;
	struct job_row job;
	int r = job_step(s, a->job, a->end.state, &job, e);

	if (r < 0)
		return r;
	if (job.state != a->from &&
	    !(a->late && job.state == JOB_HELD && job.resume == (int)a->from))
		return job_step_refused(&job, a->end.state, e);
	return job_end(s, &job, &a->end, e);
}

int store_skipped(struct store *s, int64_t job, const char *code, const char *sentence,
                  bool still_at_source, struct err *e)
{
	struct ending a = {job, JOB_CLAIMED, false, {JOB_SKIPPED, still_at_source, code, sentence}};

	return store_ask(s, REQUEST_WRITE, run_ending, &a, e);
}

int store_source_done(struct store *s, int64_t job, bool at_source, const char *note, struct err *e)
{
	struct ending a = {job, JOB_DELIVERED, true, {JOB_DONE, at_source, NULL, note}};

	return store_ask(s, REQUEST_WRITE, run_ending, &a, e);
}

/* ---- failures ------------------------------------------------------------------------------ */

int job_wait(struct store *s, struct job_row *job, const struct job_waiting *w, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_JOB_WAIT);

	int r;

	sql_int(q, 1, job->id);
	sql_text(q, 2, job_state_name(w->state));
	if (w->state == JOB_HELD)
		sql_text(q, 3, job_state_name(w->resume));
	sql_int(q, 4, w->add_attempts);
	sql_int(q, 5, w->next_at_ms);
	sql_text(q, 6, w->code);
	sql_text(q, 7, w->text);
	sql_int(q, 8, s->now_ms);
	r = sql_run(s, q, e);
	return r < 0 ? r : tally_step(s, job, w->state, e);
}

struct failed {
	int64_t job;
	enum job_state from;
	const struct store_failure *f;
};

static int run_failed(struct store *s, void *arg, struct err *e)
{
	const struct failed *a = arg;
	const struct err *why = a->f->why;
	bool held = a->f->next_at_ms <= 0;
	struct job_waiting w = {held ? JOB_HELD : a->from,   a->from,   1,
	                        held ? 0 : a->f->next_at_ms, why->code, why->message};
	struct event_note note = {held ? "held" : "retry", why->code, why->message};
	struct job_row job;
	int r = job_step(s, a->job, w.state, &job, e);

	if (r == 0 && job.state != a->from)
		r = job_step_refused(&job, w.state, e);
	if (r == 0)
		r = job_wait(s, &job, &w, e);
	return r < 0 ? r : event_add(s, a->job, note, e);
}

int store_fetch_failed(struct store *s, int64_t job, const struct store_failure *f, struct err *e)
{
	struct failed a = {job, JOB_CLAIMED, f};

	return store_ask(s, REQUEST_WRITE, run_failed, &a, e);
}

int store_settle_failed(struct store *s, int64_t job, const struct store_failure *f, struct err *e)
{
	struct failed a = {job, JOB_DELIVERED, f};

	return store_ask(s, REQUEST_WRITE, run_failed, &a, e);
}
