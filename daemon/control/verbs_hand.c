/* The operator's hand on jobs: retry, hold, cancel, and many at once. */
#include "daemon/control/verbs.h"

#include "daemon/base/mem.h"
#include "daemon/base/text.h"

/* ---- one ----------------------------------------------------------------------------------- */

int verb_retry(struct call *c, struct err *e)
{
	int64_t job = call_number(c, "job", 0);

	if (c->engine->retry(c->engine->arg, job, e) < 0)
		return e->kind;
	c->result = json_pack("{sI}", "retried", (json_int_t)1);
	return 0;
}

static json_t *reason_json(const struct err *why)
{
	if (!why->kind)
		return json_null();
	return json_pack("{ss so}", "code", why->code, "message", answer_text(why->message));
}

static json_t *halt_json(const char *done, const struct control_halt *h)
{
	return json_pack("{sI sI sb sb sI so}", done, (json_int_t)!h->had_ended, "interrupted",
	                 (json_int_t)h->interrupted, "running", (int)h->is_running, "put_back",
	                 (int)h->is_put_back, "dropped", (json_int_t)h->dropped, "trouble",
	                 reason_json(&h->trouble));
}

int verb_hold(struct call *c, struct err *e)
{
	struct control_halt halt = {0};

	if (c->engine->hold(c->engine->arg, call_number(c, "job", 0), &halt, e) < 0)
		return e->kind;
	c->result = halt_json("held", &halt);
	return 0;
}

int verb_cancel(struct call *c, struct err *e)
{
	struct control_halt halt = {0};

	if (c->engine->cancel(c->engine->arg, call_number(c, "job", 0), &halt, e) < 0)
		return e->kind;
	c->result = halt_json("canceled", &halt);
	return 0;
}

/* ---- many ---------------------------------------------------------------------------------- */

struct many {
	struct call *call;
	int (*each)(struct many *m, int64_t job, struct err *e);
	bool (*wants)(const struct store_job_info *i); /* NULL: all of them */
	int64_t done, refused, interrupted;
	struct err reason; /* of the first one that was refused */
};

static int retry_one(struct many *m, int64_t job, struct err *e)
{
	return m->call->engine->retry(m->call->engine->arg, job, e);
}

static int hold_one(struct many *m, int64_t job, struct err *e)
{
	struct control_halt halt = {0};
	int r = m->call->engine->hold(m->call->engine->arg, job, &halt, e);

	m->interrupted += (int64_t)halt.interrupted;
	return r;
}

/* Of a held job there may be destinations for which work goes on. */
static bool is_under_way(const struct store_job_info *i)
{
	return i->job.state != JOB_HELD || i->delivered + i->held < i->deliveries;
}

/* No lane works on it, and a retry is refused. */
static bool is_orphan(const struct store_job_info *i)
{
	return strcmp(i->code, "ROUTE-GONE") == 0;
}

/* A job that left its state since it was listed needs nothing any more. */
static void note_refused(struct many *m, const struct err *why)
{
	if (text_starts(why->code, "STORE-"))
		return;
	if (m->refused++ == 0)
		m->reason = *why;
}

static int do_page(struct many *m, const struct store_job_info *page, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		if (m->wants && !m->wants(&page[i]))
			continue;
		if (m->each(m, page[i].job.id, e) == 0)
			m->done++;
		else if (e->kind != ERR_OBJECT)
			return e->kind;
		else
			note_refused(m, e);
	}
	return 0;
}

/* All jobs of the route (of every one where it is not given) that are in the state. */
static int do_all(struct many *m, enum job_state state, struct err *e)
{
	const struct control_engine *engine = m->call->engine;
	struct store_job_info *page = mem_new_array(VERBS_JOB_PAGE, sizeof(*page));
	struct store_filter f = {
	        .route = call_text(m->call, "route"), .state = (int)state, .limit = VERBS_JOB_PAGE};
	size_t count = 0;
	int r;

	do {
		r = engine->jobs(engine->arg, &f, page, &count, e);
		if (r == 0 && count > 0)
			f.before_id = page[count - 1].job.id;
		if (r == 0)
			r = do_page(m, page, count, e);
	} while (r == 0 && count == f.limit);
	free(page);
	return r;
}

/* The held ones; and those of a route that is gone wait as well, whatever their state. */
int verb_retry_all(struct call *c, struct err *e)
{
	static const enum job_state waiting[] = {JOB_CLAIMED, JOB_STORED, JOB_DELIVERED};
	struct many m = {.call = c, .each = retry_one};
	int r = do_all(&m, JOB_HELD, e);

	m.wants = is_orphan;
	for (size_t i = 0; r == 0 && i < sizeof(waiting) / sizeof(waiting[0]); i++)
		r = do_all(&m, waiting[i], e);
	c->result = json_pack("{sI sI so}", "retried", (json_int_t)m.done, "refused",
	                      (json_int_t)m.refused, "reason", reason_json(&m.reason));
	return r;
}

/* In the order of a job's life: where it goes next while we are at it is still to be looked at. */
int verb_hold_all(struct call *c, struct err *e)
{
	static const enum job_state open[] = {JOB_CLAIMED, JOB_STORED, JOB_HELD, JOB_DELIVERED};
	struct many m = {.call = c, .each = hold_one, .wants = is_under_way};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(open) / sizeof(open[0]); i++)
		r = do_all(&m, open[i], e);
	c->result = json_pack("{sI sI}", "held", (json_int_t)m.done, "interrupted",
	                      (json_int_t)m.interrupted);
	return r;
}
