/* The verbs that tell how the daemon is: status, routes, ps. */
#include "daemon/control/verbs.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

static json_t *counts_json(const int64_t *counts)
{
	json_t *all = json_object();

	for (int i = 0; i < JOB_STATE_COUNT; i++)
		(void)json_object_set_new(all, job_state_name((enum job_state)i),
		                          json_integer(counts[i]));
	return all;
}

/* null where nothing went wrong. */
static json_t *error_json(const struct err *e)
{
	if (e->kind == 0)
		return json_null();
	return json_pack("{ss ss so}", "kind", err_kind_name(e->kind), "code",
	                 e->code ? e->code : "", "message", answer_text(e->message));
}

/* ---- status -------------------------------------------------------------------------------- */

static json_t *worker_json(const struct control_worker *w)
{
	return json_pack("{ss so sI sI sI sI sI}", "kind", "worker", "name", answer_name(w->name),
	                 "fibers", (json_int_t)w->stats.fibers, "turns", (json_int_t)w->stats.turns,
	                 "lag_ms", (json_int_t)w->stats.lag_max_ms, "stalls",
	                 (json_int_t)w->stats.stalls, "silent_ms", (json_int_t)w->silent_ms);
}

static const char *endpoint_word(const struct endpoint_status *s)
{
	static const char *const words[] = {
	        [ENDPOINT_IDLE] = "idle",
	        [ENDPOINT_UP] = "up",
	        [ENDPOINT_RETRYING] = "retrying",
	        [ENDPOINT_STOPPED] = "stopped",
	};

	return words[s->state];
}

static json_t *endpoint_json(const struct control_endpoint *p)
{
	const struct endpoint_status *s = &p->status;

	return json_pack("{ss so so ss si si si si si sI so so so}", "kind", "endpoint", "name",
	                 answer_name(p->name), "worker", answer_name(p->worker), "state",
	                 endpoint_word(s), "connections", s->connections, "connections_allowed",
	                 s->allowed, "connections_configured", s->configured, "leases", s->leases,
	                 "waiting", s->waiting, "next_attempt_in_ms",
	                 (json_int_t)s->next_attempt_ms, "error", error_json(&s->last), "trace",
	                 s->trace_file[0] ? answer_name(s->trace_file) : json_null(), "tracing",
	                 verbs_order(s->has_order, &s->order));
}

static json_t *tunnel_json(const struct tunnels_status *s, size_t i)
{
	static const char *const words[] = {
	        [TUNNELS_CONNECTING] = "connecting",
	        [TUNNELS_UP] = "up",
	        [TUNNELS_RETRYING] = "retrying",
	        [TUNNELS_STOPPED] = "stopped",
	};
	const struct tunnel_state *t = &s->tunnels[i];
	const struct tunnel_place *p = &s->places[i];

	return json_pack("{ss so ss ss so so si si sI sI sI sI sI so so}", "kind", "tunnel",
	                 "endpoint", answer_name(s->endpoint), "state", words[p->state], "side",
	                 p->side == TUNNEL_HERE ? "here" : "server", "listen",
	                 answer_name(p->listen), "to", answer_name(p->to), "port",
	                 t->is_listening ? t->port : 0, "connections", t->open, "opened",
	                 (json_int_t)t->opened, "refused", (json_int_t)t->refused, "received",
	                 (json_int_t)t->received, "sent", (json_int_t)t->sent, "next_attempt_in_ms",
	                 (json_int_t)p->next_attempt_ms, "error", error_json(&p->last),
	                 "tunnel_error", error_json(&t->last));
}

static json_t *orphan_json(const struct control_orphan *o)
{
	json_t *jobs = json_array();

	for (size_t i = 0; i < o->job_count; i++)
		(void)json_array_append_new(jobs, json_integer(o->jobs[i]));
	return json_pack("{ss so so sI sI sI sI so sb so}", "kind", "orphan", "route",
	                 answer_name(o->route), "to", *o->dest ? answer_name(o->dest) : json_null(),
	                 "files", (json_int_t)o->files, "held", (json_int_t)o->held, "commands",
	                 (json_int_t)o->commands, "leftovers", (json_int_t)o->leftovers, "jobs",
	                 jobs, "more", (int)o->has_more, "error", error_json(&o->what));
}

/* A report can be longer than a message: its first lines, then where the rest is. */
static json_t *report_json(const char *text)
{
	enum { REPORT_BYTES = 8 * 1024 };
	size_t n = strlen(text);
	json_t *made;
	char *cut;

	if (n <= REPORT_BYTES)
		return answer_text(text);
	for (n = REPORT_BYTES; n > 0 && text[n - 1] != '\n'; n--)
		;
	cut = mem_printf("%.*sand more: ferryctl reload shows all\n", (int)n, text);
	made = answer_text(cut);
	free(cut);
	return made;
}

static json_t *status_json(const struct control_status *s)
{
	int64_t now = clock_wall_ms();
	json_t *config =
	        json_pack("{so so so so}", "file", answer_name(s->config_file), "loaded_ms",
	                  answer_time(s->config_loaded_ms), "reload_error",
	                  s->reload_error ? report_json(s->reload_error) : json_null(),
	                  "reload_error_ms", answer_time(s->reload_error ? s->reload_error_ms : 0));
	json_t *disk =
	        json_pack("{sI sI sb}", "free_bytes", (json_int_t)s->disk_free_bytes, "total_bytes",
	                  (json_int_t)s->disk_total_bytes, "low", (int)s->disk_is_low);

	return json_pack("{si ss sI sI sI sb so so so sI}", "protocol", REQUEST_VERSION, "version",
	                 FERRYD_VERSION, "now_ms", (json_int_t)now, "started_ms",
	                 (json_int_t)s->started_ms, "uptime_ms", (json_int_t)(now - s->started_ms),
	                 "draining", (int)s->is_draining, "config", config, "disk", disk, "jobs",
	                 counts_json(s->counts), "store_silent_ms", (json_int_t)s->store_silent_ms);
}

static int write_status(struct call *c, const struct control_status *s, struct err *e)
{
	for (size_t i = 0; i < s->worker_count; i++)
		if (answer_item(c->answer, worker_json(&s->workers[i]), e) < 0)
			return e->kind;
	for (size_t i = 0; i < s->endpoint_count; i++)
		if (answer_item(c->answer, endpoint_json(&s->endpoints[i]), e) < 0)
			return e->kind;
	for (size_t i = 0; i < s->tunnel_count; i++)
		for (size_t k = 0; k < s->tunnels[i].count; k++)
			if (answer_item(c->answer, tunnel_json(&s->tunnels[i], k), e) < 0)
				return e->kind;
	for (size_t i = 0; i < s->orphan_count; i++)
		if (answer_item(c->answer, orphan_json(&s->orphans[i]), e) < 0)
			return e->kind;
	c->result = status_json(s);
	return 0;
}

int verb_status(struct call *c, struct err *e)
{
	struct control_status s;
	int r;

	memset(&s, 0, sizeof(s));
	r = c->engine->status(c->engine->arg, &s, e);
	if (r == 0)
		r = write_status(c, &s, e);
	control_status_release(&s);
	return r;
}

/* ---- routes -------------------------------------------------------------------------------- */

static json_t *route_json(const struct control_route *r)
{
	json_t *to = json_array();
	json_t *poll = json_pack(
	        "{sb so sI sI sI so so}", "running", (int)r->is_polling, "last_ms",
	        answer_time(r->last_poll_ms), "took_ms", (json_int_t)r->last_poll_took_ms, "seen",
	        (json_int_t)r->files_seen, "taken", (json_int_t)r->files_taken, "next_ms",
	        answer_time(r->next_poll_ms), "error", error_json(&r->last_error));

	for (size_t i = 0; i < r->to_count; i++)
		(void)json_array_append_new(to, answer_name(r->to[i]));
	return json_pack("{ss so sb sb so so so so}", "kind", "route", "name", answer_name(r->name),
	                 "enabled", (int)r->is_enabled, "paused", (int)r->is_paused, "from",
	                 answer_name(r->source), "to", to, "jobs", counts_json(r->counts), "poll",
	                 poll);
}

int verb_routes(struct call *c, struct err *e)
{
	struct control_route *routes = NULL;
	size_t count = 0;
	int r = c->engine->routes(c->engine->arg, &routes, &count, e);

	for (size_t i = 0; r == 0 && i < count; i++)
		r = answer_item(c->answer, route_json(&routes[i]), e);
	if (r == 0)
		c->result = json_pack("{sI}", "now_ms", (json_int_t)clock_wall_ms());
	control_routes_free(routes, count);
	return r;
}

/* ---- ps ------------------------------------------------------------------------------------ */

static json_t *fiber_json(const struct control_fiber *f)
{
	const struct fiber_info *i = &f->info;

	return json_pack("{ss so so so sI so sb}", "kind", "fiber", "worker",
	                 answer_name(f->worker), "name", answer_name(i->name), "waits_for",
	                 answer_name(i->label), "since_ms", (json_int_t)i->waiting_ms,
	                 "deadline_in_ms",
	                 i->deadline_ms < 0 ? json_null() : json_integer(i->deadline_ms),
	                 "canceled", (int)i->canceled);
}

int verb_ps(struct call *c, struct err *e)
{
	struct control_fiber *fibers = NULL;
	size_t count = 0;
	int r = c->engine->fibers(c->engine->arg, &fibers, &count, e);

	for (size_t i = 0; r == 0 && i < count; i++)
		r = answer_item(c->answer, fiber_json(&fibers[i]), e);
	free(fibers);
	return r;
}
