/*
 * Steps of a delivery, and what they mean for its job.
 */
#include "daemon/store/jobs.h"

#include "daemon/base/mem.h"

/* ---- what a job's deliveries amount to ----------------------------------------------------- */

int delivery_add_up(struct store *s, int64_t job, struct delivery_sums *out, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_DELIVERY_SUMS);
	int r;

	sql_int(q, 1, job);
	r = sql_row(s, q, e);
	if (r < 0)
		return r;
	out->open = sqlite3_column_int(q, 1);
	out->held = sqlite3_column_int(q, 2);
	return sql_run(s, q, e);
}

/* One delivery that waits for the operator is enough, whatever becomes of the others: they go on.
 * The job's reason is that of the one that gave up last, and names its destination. */
static int hold_job(struct store *s, struct job_row *job, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_DELIVERY_LAST_HELD);
	struct job_waiting w = {JOB_HELD, JOB_STORED, 0, 0, NULL, NULL};
	char code[STORE_CODE_BYTES], text[STORE_TEXT_BYTES];
	int r;

	sql_int(q, 1, job->id);
	r = sql_row(s, q, e);
	if (r < 0)
		return r;
	sql_copy(q, 0, code, sizeof(code));
	sql_copy(q, 1, text, sizeof(text));
	sql_end(q);
	w.code = code;
	w.text = text;
	return job_wait(s, job, &w, e);
}

/* The operator held it while the last delivery was under way: it stays held, in front of settling.
 */
static int complete_job(struct store *s, struct job_row *job, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_JOB_COMPLETE);
	enum job_state to = job->state == JOB_HELD ? JOB_HELD : JOB_DELIVERED;
	int r;

	sql_int(q, 1, job->id);
	sql_text(q, 2, job_state_name(to));
	if (to == JOB_HELD)
		sql_text(q, 3, job_state_name(JOB_DELIVERED));
	sql_int(q, 4, s->now_ms);
	r = sql_run(s, q, e);
	return r < 0 ? r : tally_step(s, job, to, e);
}

static bool awaits_deliveries(const struct job_row *job)
{
	return job->state == JOB_STORED ||
	       (job->state == JOB_HELD && job->resume == (int)JOB_STORED);
}

struct outcome {
	bool settle_source;
	bool complete; /* out */
};

/* After a delivery reached rest. */
static int settle_up(struct store *s, int64_t id, struct outcome *out, struct err *e)
{
	struct job_ending kept = {JOB_DONE, true, NULL, NULL};
	struct job_row job;
	struct delivery_sums sums;
	int r = job_load(s, id, &job, e);

	out->complete = false;
	if (r < 0 || !awaits_deliveries(&job))
		return r < 0 ? r : 0; /* canceled: only the delivery's fact is kept */
	r = delivery_add_up(s, id, &sums, e);
	if (r == 0 && sums.held && !job.by_operator)
		return hold_job(s, &job, e);
	if (r < 0 || sums.held || sums.open)
		return r;
	r = complete_job(s, &job, e);
	if (r == 0 && !out->settle_source)
		r = job_end(s, &job, &kept, e);
	out->complete = job.state != JOB_HELD;
	return r;
}

/* ---- sending -> renaming ------------------------------------------------------------------- */

struct renaming {
	int64_t delivery;
	const struct store_rename *how;
};

static int learn_digest(struct store *s, int64_t job, const unsigned char *sha256, struct err *e)
{
	sqlite3_stmt *q;

	if (!sha256)
		return 0;
	q = sql_begin(s, SQL_JOB_SHA256);
	sql_int(q, 1, job);
	sql_bytes(q, 2, sha256, DIGEST_BYTES);
	return sql_run(s, q, e);
}

/* Of the two that lead to `renaming`, retry of a held one is not the worker's. */
static int renaming_step(struct store *s, int64_t id, struct delivery_row *d, struct err *e)
{
	int r = delivery_step(s, id, DELIVERY_RENAMING, d, e);

	if (r < 0 || d->state != DELIVERY_HELD)
		return r;
	return delivery_step_refused(d, DELIVERY_RENAMING, e);
}

static int run_renaming(struct store *s, void *arg, struct err *e)
{
	const struct renaming *a = arg;
	struct delivery_row d;
	sqlite3_stmt *q;
	int r = renaming_step(s, a->delivery, &d, e);

	if (r < 0)
		return r;
	q = sql_begin(s, SQL_DELIVERY_RENAMING);
	sql_int(q, 1, a->delivery);
	sql_int(q, 2, a->how->verification);
	sql_bytes(q, 3, a->how->final_name, a->how->final_bytes);
	sql_int(q, 4, s->now_ms);
	if (a->how->site)
		sql_text(q, 5, a->how->site);
	r = sql_run(s, q, e);
	return r < 0 ? r : learn_digest(s, d.job, a->how->sha256, e);
}

int store_renaming(struct store *s, int64_t delivery, const struct store_rename *how, struct err *e)
{
	struct renaming a = {delivery, how};

	if (!how->final_bytes || how->final_bytes > 255 ||
	    memchr(how->final_name, 0, how->final_bytes))
		return err_set(e, ERR_BUG, "STORE-ARGUMENT", 0,
		               "delivery %lld has no usable final name", (long long)delivery);
	return store_ask(s, REQUEST_WRITE, run_renaming, &a, e);
}

/* ---- the end of a delivery ----------------------------------------------------------------- */

struct delivered {
	int64_t delivery;
	const struct store_delivered *how;
	struct outcome outcome;
};

static int end_delivery(struct store *s, const struct delivered *a, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_DELIVERY_END);

	sql_int(q, 1, a->delivery);
	sql_text(q, 2, delivery_state_name(a->how->state));
	sql_int(q, 3, a->how->inferred);
	sql_text(q, 4, a->how->note ? a->how->note : "");
	sql_int(q, 5, s->now_ms);
	sql_int(q, 6, a->how->verification);
	return sql_run(s, q, e);
}

/* Which destination it was is part of the text: a job may have many. */
static int note_delivery(struct store *s, const struct delivery_row *d, struct event_note note,
                         struct err *e)
{
	_cleanup_free_ char *text = mem_printf("%s: %s", d->dest, note.text);

	note.text = text;
	return event_add(s, d->job, note, e);
}

static int note_ending(struct store *s, const struct delivery_row *d,
                       const struct store_delivered *how, struct err *e)
{
	struct event_note note = {how->inferred ? "inferred" : "note", "", how->note};

	if (!how->inferred && !how->note)
		return 0;
	if (!note.text)
		note.text = "decided from what was found after an interruption";
	return note_delivery(s, d, note, e);
}

static int add_call(struct store *s, int64_t delivery, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_CALL_ADD);

	sql_int(q, 1, delivery);
	return sql_run(s, q, e);
}

static int run_delivered(struct store *s, void *arg, struct err *e)
{
	struct delivered *a = arg;
	struct delivery_row d;
	int r = delivery_step(s, a->delivery, a->how->state, &d, e);

	if (r == 0)
		r = end_delivery(s, a, e);
	if (r == 0)
		r = learn_digest(s, d.job, a->how->sha256, e);
	if (r == 0)
		r = note_ending(s, &d, a->how, e);
	if (r == 0 && a->how->calls)
		r = add_call(s, a->delivery, e);
	return r < 0 ? r : settle_up(s, d.job, &a->outcome, e);
}

int store_delivered(struct store *s, int64_t delivery, const struct store_delivered *how,
                    bool *job_complete, struct err *e)
{
	struct delivered a = {delivery, how, {how->settle_source, false}};
	int r;

	if (how->state != DELIVERY_DONE && how->state != DELIVERY_SKIPPED)
		return err_set(e, ERR_BUG, "STORE-ARGUMENT", 0,
		               "delivery %lld cannot end as %s by itself", (long long)delivery,
		               delivery_state_name(how->state));
	r = store_ask(s, REQUEST_WRITE, run_delivered, &a, e);
	if (r == 0)
		*job_complete = a.outcome.complete;
	return r;
}

/* ---- appending ----------------------------------------------------------------------------- */

struct appending {
	int64_t delivery;
	uint64_t at;
	const char *site; /* as store_rename.site */
};

static int await_turn(struct store *s, int64_t delivery, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_APPEND_TURN);
	int64_t job;
	int r;

	sql_int(q, 1, delivery);
	r = sql_row(s, q, e);
	if (r <= 0)
		return r;
	job = sqlite3_column_int64(q, 0);
	sql_end(q);
	return err_set(e, ERR_BUSY, "STORE-APPEND-TURN", 0,
	               "job %lld adds to the same file and has not ended: this one waits until it "
	               "has, see `ferryctl show %lld`",
	               (long long)job, (long long)job);
}

static int run_appending(struct store *s, void *arg, struct err *e)
{
	const struct appending *a = arg;
	struct delivery_row d;
	sqlite3_stmt *q;
	int r = delivery_step(s, a->delivery, DELIVERY_SENDING, &d, e);

	if (r == 0 && d.state != DELIVERY_SENDING)
		r = delivery_step_refused(&d, DELIVERY_SENDING, e);
	if (r == 0)
		r = await_turn(s, a->delivery, e);
	if (r < 0)
		return r;
	q = sql_begin(s, SQL_DELIVERY_APPENDING);
	sql_int(q, 1, a->delivery);
	sql_int(q, 2, (int64_t)a->at);
	sql_int(q, 3, s->now_ms);
	if (a->site)
		sql_text(q, 4, a->site);
	return sql_run(s, q, e);
}

int store_appending(struct store *s, int64_t delivery, uint64_t at, const char *site, struct err *e)
{
	struct appending a = {delivery, at, site};

	if (at > INT64_MAX)
		return err_set(e, ERR_BUG, "STORE-ARGUMENT", 0,
		               "delivery %lld cannot append to a file of unknown size",
		               (long long)delivery);
	return store_ask(s, REQUEST_WRITE, run_appending, &a, e);
}

/* ---- renaming -> sending ------------------------------------------------------------------- */

static int run_resend(struct store *s, void *arg, struct err *e)
{
	const int64_t *id = arg;
	struct delivery_row d;
	sqlite3_stmt *q;
	int r = delivery_step(s, *id, DELIVERY_SENDING, &d, e);

	if (r == 0 && d.state != DELIVERY_RENAMING)
		r = delivery_step_refused(&d, DELIVERY_SENDING, e);
	if (r < 0)
		return r;
	q = sql_begin(s, SQL_DELIVERY_RESEND);
	sql_int(q, 1, *id);
	sql_int(q, 2, s->now_ms);
	return sql_run(s, q, e);
}

int store_resend(struct store *s, int64_t delivery, struct err *e)
{
	return store_ask(s, REQUEST_WRITE, run_resend, &delivery, e);
}

/* ---- failures ------------------------------------------------------------------------------ */

struct delivery_failed {
	int64_t delivery;
	const struct store_failure *f;
};

/* Nobody answered: the file may have its final name. LOCAL counts as an answer: this machine's own
 * refusals (another device, no permission) come before anything is renamed. */
static bool leaves_rename_open(int kind)
{
	return kind != ERR_POLICY && kind != ERR_INTEGRITY && kind != ERR_LOCAL;
}

static int delivery_wait(struct store *s, const struct delivery_failed *a, enum delivery_state next,
                         struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_DELIVERY_WAIT);
	bool held = a->f->next_at_ms <= 0;

	sql_int(q, 1, a->delivery);
	sql_text(q, 2, delivery_state_name(held ? DELIVERY_HELD : next));
	if (held)
		sql_text(q, 3, delivery_state_name(next));
	sql_int(q, 4, held ? 0 : a->f->next_at_ms);
	sql_text(q, 5, a->f->why->code);
	sql_text(q, 6, a->f->why->message);
	sql_int(q, 7, s->now_ms);
	return sql_run(s, q, e);
}

static int run_delivery_failed(struct store *s, void *arg, struct err *e)
{
	const struct delivery_failed *a = arg;
	bool held = a->f->next_at_ms <= 0;
	struct event_note note = {held ? "held" : "retry", a->f->why->code, a->f->why->message};
	struct outcome ignored = {true, false}; /* a failure completes nothing */
	enum delivery_state next = DELIVERY_SENDING;
	struct delivery_row d;
	int r = delivery_step(s, a->delivery, held ? DELIVERY_HELD : DELIVERY_SENDING, &d, e);

	if (r == 0 && d.state == DELIVERY_HELD) /* to sending: only by the operator's retry */
		r = delivery_step_refused(&d, next, e);
	if (r < 0)
		return r;
	if (d.state == DELIVERY_RENAMING && leaves_rename_open(a->f->why->kind))
		next = DELIVERY_RENAMING;
	r = delivery_wait(s, a, next, e);
	if (r == 0)
		r = note_delivery(s, &d, note, e);
	return r < 0 || !held ? r : settle_up(s, d.job, &ignored, e);
}

int delivery_give_up(struct store *s, int64_t delivery, const struct err *why, struct err *e)
{
	struct store_failure f = {.why = why};
	struct delivery_failed a = {delivery, &f};

	return run_delivery_failed(s, &a, e);
}

int store_delivery_failed(struct store *s, int64_t delivery, const struct store_failure *f,
                          struct err *e)
{
	struct delivery_failed a = {delivery, f};

	return store_ask(s, REQUEST_WRITE, run_delivery_failed, &a, e);
}
