/* The verbs that look at jobs: jobs, show. */
#include "daemon/control/verbs.h"

#include "adapters/adapter.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

static json_t *sha256_json(const struct store_job *j)
{
	char text[DIGEST_TEXT_BYTES];

	return j->has_sha256 ? json_string(digest_text(j->sha256, text)) : json_null();
}

static json_t *job_json(const struct store_job_info *i)
{
	const struct store_job *j = &i->job;
	json_t *mtime = j->mtime_ms == MTIME_UNKNOWN ? json_null() : json_integer(j->mtime_ms);

	return json_pack("{ss sI so so sI so ss si so so so so so so si si si}", "kind", "job",
	                 "id", (json_int_t)j->id, "route", answer_name(j->route), "path",
	                 answer_name(j->path), "size", (json_int_t)j->size, "mtime_ms", mtime,
	                 "state", job_state_name(j->state), "attempts", j->attempts, "next_ms",
	                 answer_time(j->next_at_ms), "sha256", sha256_json(j), "created_ms",
	                 answer_time(i->created_ms), "updated_ms", answer_time(i->updated_ms),
	                 "code", answer_text(i->code), "text", answer_text(i->text), "deliveries",
	                 i->deliveries, "delivered", i->delivered, "held", i->held);
}

/* ---- jobs ---------------------------------------------------------------------------------- */

static int read_filter(const struct call *c, struct store_filter *f, int64_t *limit, struct err *e)
{
	const char *state = call_text(c, "state");
	struct escaped tmp;

	*f = (struct store_filter){.route = call_text(c, "route"), .state = -1};
	f->before_id = call_number(c, "before", 0);
	*limit = call_number(c, "limit", 50);
	if (*limit < 1 || *limit > VERBS_JOB_LIMIT || f->before_id < 0)
		return err_set(e, ERR_PROTOCOL, "CONTROL-ARGUMENT", 0,
		               "limit must be from 1 to %d, before a job's number",
		               VERBS_JOB_LIMIT);
	if (!state)
		return 0;
	f->state = job_state_parse(state);
	if (f->state >= 0)
		return 0;
	(void)escape(state, strlen(state), tmp.text, 64);
	return err_set(e, ERR_PROTOCOL, "CONTROL-STATE", 0,
	               "\"%s\" is not a state of a job; claimed, stored, delivered, done, held, "
	               "skipped, quarantined and canceled are",
	               tmp.text);
}

/* One page; *count is what came. The filter moves on behind it. */
static int next_page(const struct call *c, struct store_filter *f, struct store_job_info *page,
                     size_t *count, struct err *e)
{
	int r = c->engine->jobs(c->engine->arg, f, page, count, e);

	if (r == 0 && *count > 0)
		f->before_id = page[*count - 1].job.id;
	return r;
}

static int write_pages(struct call *c, struct store_filter *f, int64_t limit,
                       struct store_job_info *page, struct err *e)
{
	size_t count = 0;

	do {
		f->limit = limit < VERBS_JOB_PAGE ? (size_t)limit : VERBS_JOB_PAGE;
		if (next_page(c, f, page, &count, e) < 0)
			return e->kind;
		for (size_t i = 0; i < count; i++)
			if (answer_item(c->answer, job_json(&page[i]), e) < 0)
				return e->kind;
		limit -= (int64_t)count;
	} while (limit > 0 && count == f->limit);
	c->result = json_pack("{sI so}", "now_ms", (json_int_t)clock_wall_ms(), "next_before",
	                      count == f->limit ? answer_time(f->before_id) : json_null());
	return 0;
}

int verb_jobs(struct call *c, struct err *e)
{
	struct store_job_info *page;
	struct store_filter f;
	int64_t limit;
	int r;

	if (read_filter(c, &f, &limit, e) < 0)
		return e->kind;
	page = mem_new_array(VERBS_JOB_PAGE, sizeof(*page));
	r = write_pages(c, &f, limit, page, e);
	free(page);
	return r;
}

/* ---- show ---------------------------------------------------------------------------------- */

static const char *verification_word(int v)
{
	static const char *const words[] = {"none", "closed", "size", "digest"};

	return v >= VERIFIED_NONE && v <= VERIFIED_DIGEST ? words[v] : "unknown";
}

static json_t *delivery_json(const struct store_delivery *d)
{
	return json_pack("{ss sI so so ss si so ss sb so so}", "kind", "delivery", "id",
	                 (json_int_t)d->id, "to", answer_name(d->dest), "name",
	                 answer_name(d->final_name), "state", delivery_state_name(d->state),
	                 "attempts", d->attempts, "next_ms", answer_time(d->next_at_ms), "verified",
	                 verification_word(d->verification), "inferred", (int)d->inferred, "code",
	                 answer_text(d->code), "text", answer_text(d->text));
}

static json_t *event_json(const struct store_event *v)
{
	return json_pack("{ss sI so so so}", "kind", "event", "at_ms", (json_int_t)v->at_ms, "step",
	                 answer_text(v->step), "code", answer_text(v->code), "text",
	                 answer_text(v->text));
}

/* All that the store tells about one job. */
struct story {
	struct store_job_info info;
	struct store_delivery *deliveries;
	struct store_event *events;
	size_t delivery_count, event_count;
};

static int write_story(struct call *c, const struct story *s, struct err *e)
{
	for (size_t i = 0; i < s->delivery_count; i++)
		if (answer_item(c->answer, delivery_json(&s->deliveries[i]), e) < 0)
			return e->kind;
	for (size_t i = 0; i < s->event_count; i++)
		if (answer_item(c->answer, event_json(&s->events[i]), e) < 0)
			return e->kind;
	c->result = json_pack("{sI so}", "now_ms", (json_int_t)clock_wall_ms(), "job",
	                      job_json(&s->info));
	return 0;
}

int verb_show(struct call *c, struct err *e)
{
	struct story *s = mem_new_of(struct story); /* too large for a fiber's stack */
	int r = c->engine->show(c->engine->arg, call_number(c, "job", 0), &s->info, &s->deliveries,
	                        &s->delivery_count, &s->events, &s->event_count, e);

	if (r == 0)
		r = write_story(c, s, e);
	free(s->deliveries);
	free(s->events);
	free(s);
	return r;
}
