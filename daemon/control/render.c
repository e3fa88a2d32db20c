#include "daemon/control/render.h"

#include <inttypes.h>

#include "daemon/control/shown.h"

/* A list of a few kinds of item, as the daemon sends them. */
#define for_each_item(item, items, kind)                                         \
	for (size_t item##_i = 0; item##_i < json_array_size(items); item##_i++) \
		for (const json_t *item = json_array_get(items, item##_i);       \
		     item && strcmp(json_text(item, "kind"), kind) == 0; item = NULL)

/* "held 3, done 12034"; states without jobs are left out. */
static void add_counts(struct buf *out, const json_t *counts)
{
	const char *gap = "", *state;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)counts, state, value)
	{
		if (json_integer_value(value) == 0)
			continue;
		(void)buf_printf(out, "%s", gap);
		shown_again(out, state);
		(void)buf_printf(out, " %" PRId64, (int64_t)json_integer_value(value));
		gap = ", ";
	}
	if (*gap == '\0')
		(void)buf_add_text(out, "none");
}

/* ---- status -------------------------------------------------------------------------------- */

static void add_head(const json_t *s, struct buf *out)
{
	const json_t *config = json_object_get(s, "config");
	char value[VALUE_BYTES];

	(void)buf_add_text(out, "ferryd ");
	shown_again(out, json_text(s, "version"));
	(void)buf_printf(out, ", up %s%s\n", value_duration(json_number(s, "uptime_ms"), value),
	                 json_truth(s, "draining") ? ", STOPPING: running transfers are finished"
	                                           : "");
	(void)buf_add_text(out, "config  ");
	shown_again(out, json_text(config, "file"));
	(void)buf_printf(
	        out, ", loaded %s\n",
	        value_age(json_object_get(config, "loaded_ms"), json_number(s, "now_ms"), value));
}

static void add_disk(const json_t *s, const struct style *style, struct buf *out)
{
	const json_t *disk = json_object_get(s, "disk");
	char free_text[VALUE_BYTES], total_text[VALUE_BYTES];

	(void)buf_printf(out, "disk    %s of %s free\n",
	                 value_bytes(json_number(disk, "free_bytes"), free_text),
	                 value_bytes(json_number(disk, "total_bytes"), total_text));
	if (json_truth(disk, "low"))
		tint_text(out, style, TINT_BAD,
		          "DISK LOW: nothing new is taken until there is more room\n");
}

static void add_refused_reload(const json_t *s, const struct style *style, struct buf *out)
{
	const json_t *config = json_object_get(s, "config");
	const char *line = json_text(config, "reload_error");
	char value[VALUE_BYTES];

	if (!*line)
		return;
	tint_text(out, style, TINT_BAD, "RELOAD REFUSED");
	(void)buf_printf(out, " %s; the configuration before goes on:\n",
	                 value_age(json_object_get(config, "reload_error_ms"),
	                           json_number(s, "now_ms"), value));
	while (*line) {
		size_t n = strcspn(line, "\n");
		char *one = strndup(line, n);

		(void)buf_add_text(out, "  ");
		shown_again(out, one ? one : "");
		(void)buf_add_text(out, "\n");
		free(one);
		line += n + (line[n] == '\n');
	}
}

/* What waits for a route or destination that is not in the configuration: nothing of it goes on. */
static void add_orphans(const struct answered *a, const struct style *style, struct buf *out)
{
	bool first = true;

	for_each_item(o, a->items, "orphan")
	{
		if (first) {
			tint_text(out, style, TINT_BAD, "ORPHANED");
			(void)buf_add_text(out, ": nothing of this goes on by itself\n");
		}
		first = false;
		render_error(out, json_text(o, "route"), json_object_get(o, "error"));
	}
}

static void add_workers(const struct answered *a, const struct style *style, struct buf *out)
{
	static const struct column columns[] = {{"WORKER", ALIGN_LEFT, false},
	                                        {"FIBERS", ALIGN_RIGHT, false},
	                                        {"LAG", ALIGN_RIGHT, false},
	                                        {"STALLS", ALIGN_RIGHT, false},
	                                        {"LAST TURN", ALIGN_RIGHT, false}};
	char value[VALUE_BYTES];
	struct table t;

	table_init(&t, columns, 5);
	for_each_item(w, a->items, "worker")
	{
		int64_t stalls = json_number(w, "stalls"), silent = json_number(w, "silent_ms");

		table_cell(&t, json_text(w, "name"), TINT_NONE);
		table_number(&t, json_number(w, "fibers"), TINT_NONE);
		table_cell(&t, value_duration(json_number(w, "lag_ms"), value), TINT_NONE);
		table_number(&t, stalls, stalls ? TINT_WARN : TINT_NONE);
		table_cell(&t, value_duration(silent, value), silent > 5000 ? TINT_BAD : TINT_NONE);
	}
	(void)buf_add_text(out, "\n");
	table_write(&t, style, out);
	table_release(&t);
}

static enum tint endpoint_tint(const char *state)
{
	if (strcmp(state, "stopped") == 0)
		return TINT_BAD;
	if (strcmp(state, "retrying") == 0)
		return TINT_WARN;
	return strcmp(state, "up") == 0 ? TINT_GOOD : TINT_NONE;
}

/* "2", or "2 of 2" where the server lets us have fewer than are configured. */
static void connections_cell(struct table *t, const json_t *p)
{
	int64_t allowed = json_number(p, "connections_allowed");
	char value[VALUE_BYTES];

	if (allowed >= json_number(p, "connections_configured")) {
		table_number(t, json_number(p, "connections"), TINT_NONE);
		return;
	}
	(void)snprintf(value, sizeof(value), "%lld of %lld",
	               (long long)json_number(p, "connections"), (long long)allowed);
	table_cell(t, value, TINT_WARN);
}

static void endpoint_row(struct table *t, const json_t *p)
{
	const char *state = json_text(p, "state");
	char value[VALUE_BYTES] = "";

	if (strcmp(state, "retrying") == 0)
		(void)value_duration(json_number(p, "next_attempt_in_ms"), value);
	table_cell(t, json_text(p, "name"), TINT_NONE);
	table_cell(t, state, endpoint_tint(state));
	connections_cell(t, p);
	table_number(t, json_number(p, "leases"), TINT_NONE);
	table_number(t, json_number(p, "waiting"), TINT_NONE);
	table_cell(t, value, TINT_NONE);
}

/* Of the trouble above it, or of one that is over. */
static void failure_trace(struct buf *out, const json_t *p)
{
	const char *trace = json_text(p, "trace");

	if (!*trace)
		return;
	if (!json_is_object(json_object_get(p, "error"))) {
		(void)buf_add_text(out, "  ");
		shown_again(out, json_text(p, "name"));
		(void)buf_add_text(out, " works; something failed there before:\n");
	}
	(void)buf_add_text(out, "    trace: ");
	shown_again(out, trace);
	(void)buf_add_text(out, "\n");
}

static void endpoint_trouble(struct buf *out, const json_t *p)
{
	const json_t *error = json_object_get(p, "error");
	int64_t allowed = json_number(p, "connections_allowed"),
	        configured = json_number(p, "connections_configured");

	if (json_is_object(error))
		render_error(out, json_text(p, "name"), error);
	failure_trace(out, p);
	if (allowed < configured)
		(void)buf_printf(
		        out,
		        "    the server allows %lld of the %lld connections: the work goes "
		        "on, one more is tried now and then\n",
		        (long long)allowed, (long long)configured);
	if (json_is_object(json_object_get(p, "tracing"))) {
		(void)buf_add_text(out, "  ");
		shown_again(out, json_text(p, "name"));
		(void)buf_add_text(out, " is traced: ");
		render_order(out, json_object_get(p, "tracing"));
		(void)buf_add_text(out, "\n");
	}
	if (strcmp(json_text(p, "state"), "stopped") == 0)
		(void)buf_add_text(out, "    nothing is tried until this is mended: then ferryctl "
		                        "reload, or resume a route of it\n");
}

static void add_endpoints(const struct answered *a, const struct style *style, struct buf *out)
{
	static const struct column columns[] = {
	        {"ENDPOINT", ALIGN_LEFT, true},      {"STATE", ALIGN_LEFT, false},
	        {"CONNECTIONS", ALIGN_RIGHT, false}, {"BUSY", ALIGN_RIGHT, false},
	        {"WAITING", ALIGN_RIGHT, false},     {"NEXT TRY IN", ALIGN_RIGHT, false}};
	struct table t;

	table_init(&t, columns, 6);
	for_each_item(p, a->items, "endpoint") endpoint_row(&t, p);
	if (t.cell_count > 0)
		(void)buf_add_text(out, "\n");
	table_write(&t, style, out);
	table_release(&t);
	for_each_item(p, a->items, "endpoint") endpoint_trouble(out, p);
}

static void tunnel_row(struct table *t, const json_t *p)
{
	const char *state = json_text(p, "state");
	int64_t refused = json_number(p, "refused");

	table_cell(t, json_text(p, "listen"), TINT_NONE);
	table_cell(t, json_text(p, "side"), TINT_NONE);
	table_cell(t, json_text(p, "to"), TINT_NONE);
	table_cell(t, json_text(p, "endpoint"), TINT_NONE);
	table_cell(t, state, endpoint_tint(state));
	table_number(t, json_number(p, "connections"), TINT_NONE);
	table_number(t, json_number(p, "opened"), TINT_NONE);
	table_number(t, refused, refused ? TINT_WARN : TINT_NONE);
}

static void tunnel_trouble(struct buf *out, const json_t *p)
{
	const json_t *error = json_object_get(p, "error"),
	             *own = json_object_get(p, "tunnel_error");

	if (json_is_object(error))
		render_error(out, json_text(p, "listen"), error);
	if (json_is_object(own))
		render_error(out, json_text(p, "listen"), own);
}

static void add_tunnels(const struct answered *a, const struct style *style, struct buf *out)
{
	static const struct column columns[] = {
	        {"TUNNEL", ALIGN_LEFT, true},   {"AT", ALIGN_LEFT, false},
	        {"TO", ALIGN_LEFT, true},       {"ENDPOINT", ALIGN_LEFT, true},
	        {"STATE", ALIGN_LEFT, false},   {"OPEN", ALIGN_RIGHT, false},
	        {"OPENED", ALIGN_RIGHT, false}, {"REFUSED", ALIGN_RIGHT, false}};
	struct table t;

	table_init(&t, columns, 8);
	for_each_item(p, a->items, "tunnel") tunnel_row(&t, p);
	if (t.cell_count > 0) {
		(void)buf_add_text(out, "\n");
		table_write(&t, style, out);
	}
	table_release(&t);
	for_each_item(p, a->items, "tunnel") tunnel_trouble(out, p);
}

void render_status(const struct answered *a, const struct style *style, struct buf *out)
{
	add_head(a->result, out);
	(void)buf_add_text(out, "jobs    ");
	add_counts(out, json_object_get(a->result, "jobs"));
	(void)buf_add_text(out, "\n");
	add_disk(a->result, style, out);
	add_refused_reload(a->result, style, out);
	add_orphans(a, style, out);
	add_workers(a, style, out);
	add_endpoints(a, style, out);
	add_tunnels(a, style, out);
}

/* ---- routes -------------------------------------------------------------------------------- */

static void join(struct buf *out, const json_t *texts)
{
	for (size_t i = 0; i < json_array_size(texts); i++) {
		const char *text = json_string_value(json_array_get(texts, i));

		(void)buf_add_text(out, i ? ", " : "");
		(void)buf_add_text(out, text ? text : "");
	}
}

static const char *route_state(const json_t *r, enum tint *tint)
{
	const json_t *poll = json_object_get(r, "poll");

	*tint = TINT_WARN;
	if (!json_truth(r, "enabled"))
		return "disabled";
	if (json_truth(r, "paused"))
		return "paused";
	*tint = TINT_BAD;
	if (json_is_object(json_object_get(poll, "error")))
		return "failing";
	*tint = TINT_GOOD;
	return json_truth(poll, "running") ? "polling" : "ok";
}

static void route_row(struct table *t, const json_t *r, int64_t now)
{
	const json_t *poll = json_object_get(r, "poll"), *jobs = json_object_get(r, "jobs");
	int64_t held = json_number(jobs, "held");
	char value[VALUE_BYTES];
	enum tint tint;
	struct buf to;

	const char *state = route_state(r, &tint);

	buf_init(&to, 64 * 1024);
	join(&to, json_object_get(r, "to"));
	table_cell(t, json_text(r, "name"), TINT_NONE);
	table_cell(t, state, tint);
	table_cell(t, json_text(r, "from"), TINT_NONE);
	table_cell(t, buf_text(&to), TINT_NONE);
	table_number(t,
	             json_number(jobs, "claimed") + json_number(jobs, "stored") +
	                     json_number(jobs, "delivered"),
	             TINT_NONE);
	table_number(t, held, held ? TINT_BAD : TINT_NONE);
	table_number(t, json_number(jobs, "done"), TINT_NONE);
	table_cell(t, value_age(json_object_get(poll, "last_ms"), now, value), TINT_NONE);
	table_number(t, json_number(poll, "seen"), TINT_NONE);
	table_cell(t, value_age(json_object_get(poll, "next_ms"), now, value), TINT_NONE);
	buf_release(&to);
}

void render_routes(const struct answered *a, const struct style *style, struct buf *out)
{
	static const struct column columns[] = {
	        {"ROUTE", ALIGN_LEFT, false},      {"STATE", ALIGN_LEFT, false},
	        {"FROM", ALIGN_LEFT, true},        {"TO", ALIGN_LEFT, true},
	        {"UNDER WAY", ALIGN_RIGHT, false}, {"HELD", ALIGN_RIGHT, false},
	        {"DONE", ALIGN_RIGHT, false},      {"LAST POLL", ALIGN_LEFT, false},
	        {"SEEN", ALIGN_RIGHT, false},      {"NEXT POLL", ALIGN_LEFT, false}};
	int64_t now = json_number(a->result, "now_ms");
	struct table t;

	table_init(&t, columns, 10);
	for_each_item(r, a->items, "route") route_row(&t, r, now);
	if (t.cell_count == 0)
		(void)buf_add_text(out, "There are no routes.\n");
	table_write(&t, style, out);
	table_release(&t);
	for_each_item(r, a->items, "route")
	{
		const json_t *error = json_object_get(json_object_get(r, "poll"), "error");

		if (json_is_object(error))
			render_error(out, json_text(r, "name"), error);
	}
}

/* ---- ps ------------------------------------------------------------------------------------ */

void render_ps(const struct answered *a, const struct style *style, struct buf *out)
{
	static const struct column columns[] = {{"WORKER", ALIGN_LEFT, false},
	                                        {"FIBER", ALIGN_LEFT, true},
	                                        {"WAITS FOR", ALIGN_LEFT, true},
	                                        {"SINCE", ALIGN_RIGHT, false},
	                                        {"AT MOST", ALIGN_RIGHT, false}};
	char value[VALUE_BYTES];
	struct table t;

	table_init(&t, columns, 5);
	for_each_item(f, a->items, "fiber")
	{
		const json_t *left = json_object_get(f, "deadline_in_ms");
		bool canceled = json_truth(f, "canceled");

		table_cell(&t, json_text(f, "worker"), TINT_NONE);
		table_cell(&t, json_text(f, "name"), canceled ? TINT_DIM : TINT_NONE);
		table_cell(&t, json_text(f, "waits_for"), TINT_NONE);
		table_cell(&t, value_duration(json_number(f, "since_ms"), value), TINT_NONE);
		table_cell(&t,
		           json_is_integer(left) ? value_duration(json_integer_value(left), value)
		                                 : "",
		           TINT_NONE);
	}
	table_write(&t, style, out);
	table_release(&t);
}

void render(const struct answered *a, const struct style *style, struct buf *out)
{
	static const struct {
		const char *verb;
		render_fn *fn;
	} all[] = {{"status", render_status},
	           {"routes", render_routes},
	           {"ps", render_ps},
	           {"jobs", render_jobs},
	           {"show", render_show},
	           {"reload", render_reload},
	           {"trace", render_trace},
	           {"traces", render_traces},
	           {"test", render_test},
	           {"trust", render_trust},
	           {"hold", render_halt},
	           {"cancel", render_halt},
	           {"retry-all", render_retry_all}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].verb, a->verb) == 0) {
			all[i].fn(a, style, out);
			return;
		}
	}
	render_done(a, style, out);
}
