/*
 * What the operator may do to a job or a route.
 */
#include "daemon/store/jobs.h"

#include "daemon/base/mem.h"
#include "daemon/store/steps.h"

struct operation {
	int64_t job;
	const struct store_stray *strays; /* retry: stay held */
	size_t stray_count;
};

/* ERR_OBJECT: the operator asked for something that does not fit, nobody made a mistake. */
static int does_not_fit(const struct job_row *job, const char *verb, struct err *e)
{
	return err_set(
	        e, ERR_OBJECT, "STORE-STATE", 0,
	        "job %lld is %s: it cannot be %s (ferryctl show %lld tells how it got there)",
	        (long long)job->id, job_state_name(job->state), verb, (long long)job->id);
}

static int load(struct store *s, int64_t id, struct job_row *job, struct err *e)
{
	int r = job_load(s, id, job, e);

	if (r == 0)
		return err_set(e, ERR_OBJECT, "STORE-NO-JOB", 0, "there is no job %lld",
		               (long long)id);
	return r < 0 ? r : 0;
}

static int change_deliveries(struct store *s, enum sql which, int64_t job, struct event_note note,
                             struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, which);

	sql_int(q, 1, job);
	if (which == SQL_RETRY_DELIVERIES) {
		sql_int(q, 2, s->now_ms);
		return sql_run(s, q, e);
	}
	sql_text(q, 2, note.code);
	sql_text(q, 3, note.text);
	sql_int(q, 4, s->now_ms);
	return sql_run(s, q, e);
}

/* ---- retry --------------------------------------------------------------------------------- */

static int reset_job(struct store *s, struct job_row *job, enum job_state to, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_OPERATOR_JOB);
	int r;

	sql_int(q, 1, job->id);
	sql_text(q, 2, job_state_name(to));
	sql_text(q, 4, "");
	sql_text(q, 5, "");
	sql_int(q, 6, s->now_ms);
	r = sql_run(s, q, e);
	return r < 0 ? r : tally_step(s, job, to, e);
}

static int hold_strays(struct store *s, const struct operation *a, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->stray_count; i++)
		r = delivery_give_up(s, a->strays[i].delivery, &a->strays[i].why, e);
	return r;
}

static int run_retry(struct store *s, void *arg, struct err *e)
{
	const struct operation *a = arg;
	struct event_note note = {"retried", OPERATOR_RETRY, "the operator asked for it"};
	struct job_row job;
	enum job_state to;
	int r = load(s, a->job, &job, e);

	if (r < 0)
		return r;
	to = job.state == JOB_HELD ? (enum job_state)job.resume : job.state;
	if (!job_step_is_legal(job.state, to))
		return does_not_fit(&job, "retried", e);
	r = reset_job(s, &job, to, e);
	if (r == 0)
		r = change_deliveries(s, SQL_RETRY_DELIVERIES, a->job, note, e);
	if (r == 0)
		r = event_add(s, a->job, note, e);
	return r < 0 ? r : hold_strays(s, a, e);
}

int store_retry(struct store *s, int64_t job, const struct store_stray *strays, size_t n,
                struct err *e)
{
	struct operation a = {.job = job, .strays = strays, .stray_count = n};

	return store_ask(s, REQUEST_WRITE, run_retry, &a, e);
}

/* ---- hold ---------------------------------------------------------------------------------- */

/* A held job, of which one delivery gave up, while others are still under way. */
static int has_open_deliveries(struct store *s, const struct job_row *job, struct err *e)
{
	struct delivery_sums sums;
	int r = delivery_add_up(s, job->id, &sums, e);

	return r < 0 ? r : sums.open > 0;
}

static int may_be_held(struct store *s, const struct job_row *job, struct err *e)
{
	int r = 1;

	if (job->state == JOB_HELD)
		r = has_open_deliveries(s, job, e);
	if (r < 0)
		return r;
	return r && job_step_is_legal(job->state, JOB_HELD) ? 0 : does_not_fit(job, "held", e);
}

static int run_hold(struct store *s, void *arg, struct err *e)
{
	const struct operation *a = arg;
	struct event_note note = {"held", OPERATOR_HELD, "held by the operator"};
	struct job_waiting w = {JOB_HELD, JOB_CLAIMED, 0, 0, note.code, note.text};
	struct job_row job;
	int r = load(s, a->job, &job, e);

	if (r == 0)
		r = may_be_held(s, &job, e);
	if (r < 0)
		return r;
	w.resume = job.state == JOB_HELD ? (enum job_state)job.resume : job.state;
	r = job_wait(s, &job, &w, e);
	if (r == 0)
		r = change_deliveries(s, SQL_HOLD_DELIVERIES, a->job, note, e);
	return r < 0 ? r : event_add(s, a->job, note, e);
}

int store_hold(struct store *s, int64_t job, struct err *e)
{
	struct operation a = {.job = job};

	return store_ask(s, REQUEST_WRITE, run_hold, &a, e);
}

/* ---- cancel -------------------------------------------------------------------------------- */

/* Everything has been delivered: what is canceled is the settling, and the record says delivered.
 */
static bool is_delivered_everywhere(const struct job_row *job)
{
	return job->state == JOB_DELIVERED ||
	       (job->state == JOB_HELD && job->resume == (int)JOB_DELIVERED);
}

/* Each of them may have left a temporary file at its destination. */
static int add_sweeps(struct store *s, int64_t job, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_CALL_ADD_SWEEPS);

	sql_int(q, 1, job);
	return sql_run(s, q, e);
}

static int run_cancel(struct store *s, void *arg, struct err *e)
{
	const struct operation *a = arg;
	struct event_note note = {"canceled", OPERATOR_CANCELED,
	                          "canceled by the operator; the source was left as it is"};
	struct job_ending end = {JOB_CANCELED, true, note.code, note.text};
	struct job_row job;
	int r = load(s, a->job, &job, e);

	if (r < 0)
		return r;
	if (is_delivered_everywhere(&job))
		end.state = JOB_DONE;
	if (!job_step_is_legal(job.state, end.state))
		return does_not_fit(&job, "canceled", e);
	r = job_end(s, &job, &end, e);
	if (r == 0)
		r = add_sweeps(s, a->job, e);
	if (r == 0)
		r = change_deliveries(s, SQL_CANCEL_DELIVERIES, a->job, note, e);
	return r < 0 ? r : event_add(s, a->job, note, e);
}

int store_cancel(struct store *s, int64_t job, struct err *e)
{
	struct operation a = {.job = job};

	return store_ask(s, REQUEST_WRITE, run_cancel, &a, e);
}

/* ---- pause --------------------------------------------------------------------------------- */

struct pause {
	const char *route;
	bool paused;
};

static int run_pause(struct store *s, void *arg, struct err *e)
{
	const struct pause *a = arg;
	sqlite3_stmt *q = sql_begin(s, SQL_PAUSE);

	sql_text(q, 1, a->route);
	sql_int(q, 2, a->paused);
	sql_int(q, 3, s->now_ms);
	return sql_run(s, q, e);
}

int store_pause(struct store *s, const char *route, bool paused, struct err *e)
{
	struct pause a = {route, paused};

	return store_ask(s, REQUEST_WRITE, run_pause, &a, e);
}

static int run_is_paused(struct store *s, void *arg, struct err *e)
{
	struct pause *a = arg;
	sqlite3_stmt *q = sql_begin(s, SQL_IS_PAUSED);
	int r;

	sql_text(q, 1, a->route);
	r = sql_row(s, q, e);
	a->paused = r > 0 && sqlite3_column_int(q, 0) != 0;
	if (r > 0)
		sql_end(q);
	return r < 0 ? r : 0;
}

int store_is_paused(struct store *s, const char *route, bool *paused, struct err *e)
{
	struct pause a = {route, false};
	int r = store_ask(s, REQUEST_READ, run_is_paused, &a, e);

	if (r == 0)
		*paused = a.paused;
	return r;
}
