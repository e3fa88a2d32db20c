/* jobs and show as people read them (render.h). */
#include "daemon/control/render.h"

#include <inttypes.h>

#include "daemon/base/clock.h"
#include "daemon/control/shown.h"

/* "OBJ-EXISTS: there is already …"; "" where nothing is to be said. */
static void note_of(const json_t *o, struct buf *out)
{
	const char *code = json_text(o, "code"), *text = json_text(o, "text");

	(void)buf_printf(out, "%s%s%s", code, *code && *text ? ": " : "", text);
}

static void note_cell(struct table *t, const json_t *o)
{
	struct buf note;

	buf_init(&note, 16 * 1024);
	note_of(o, &note);
	table_cell(t, buf_text(&note), TINT_NONE);
	buf_release(&note);
}

static void state_cell(struct table *t, const json_t *o)
{
	const char *state = json_text(o, "state");

	table_cell(t, state, state_tint(state));
}

/* ---- jobs ---------------------------------------------------------------------------------- */

static void job_row(struct table *t, const json_t *j, int64_t now)
{
	char value[VALUE_BYTES];

	table_number(t, json_number(j, "id"), TINT_NONE);
	table_cell(t, json_text(j, "route"), TINT_NONE);
	state_cell(t, j);
	table_cell(t, value_bytes(json_number(j, "size"), value), TINT_NONE);
	table_cell(t, value_age(json_object_get(j, "updated_ms"), now, value), TINT_NONE);
	(void)snprintf(value, sizeof(value), "%" PRId64 "/%" PRId64, json_number(j, "delivered"),
	               json_number(j, "deliveries"));
	table_cell(t, value, TINT_NONE);
	table_cell(t, value_age(json_object_get(j, "next_ms"), now, value), TINT_NONE);
	table_cell(t, json_text(j, "path"), TINT_NONE);
	note_cell(t, j);
}

void render_jobs(const struct answered *a, const struct style *style, struct buf *out)
{
	static const struct column columns[] = {
	        {"JOB", ALIGN_RIGHT, false},     {"ROUTE", ALIGN_LEFT, true},
	        {"STATE", ALIGN_LEFT, false},    {"SIZE", ALIGN_RIGHT, false},
	        {"CHANGED", ALIGN_LEFT, false},  {"DELIVERED", ALIGN_RIGHT, false},
	        {"NEXT TRY", ALIGN_LEFT, false}, {"FILE", ALIGN_LEFT, true},
	        {"NOTE", ALIGN_LEFT, true}};
	const json_t *next = json_object_get(a->result, "next_before");
	int64_t now = json_number(a->result, "now_ms");
	struct table t;

	table_init(&t, columns, 9);
	for (size_t i = 0; i < json_array_size(a->items); i++)
		job_row(&t, json_array_get(a->items, i), now);
	if (t.cell_count == 0)
		(void)buf_add_text(out, "There are no such jobs.\n");
	table_write(&t, style, out);
	table_release(&t);
	if (json_is_integer(next))
		(void)buf_printf(out, "There may be more: --before %" PRId64 "\n",
		                 (int64_t)json_integer_value(next));
}

/* ---- show ---------------------------------------------------------------------------------- */

static void add_field(struct buf *out, const char *name, const char *text)
{
	if (!*text)
		return;
	(void)buf_printf(out, "%-9s ", name);
	shown_again(out, text);
	(void)buf_add_text(out, "\n");
}

static void add_time(struct buf *out, const char *name, const json_t *at, int64_t now)
{
	char text[CLOCK_TEXT_BYTES], age[VALUE_BYTES], both[CLOCK_TEXT_BYTES + VALUE_BYTES + 4];
	const int64_t most = INT64_C(253402300799000); /* the year 9999 */

	if (!json_is_integer(at) || json_integer_value(at) > most || json_integer_value(at) < -most)
		return;
	(void)snprintf(both, sizeof(both), "%s (%s)", clock_text(json_integer_value(at), text),
	               value_age(at, now, age));
	add_field(out, name, both);
}

static void add_job(const json_t *j, int64_t now, struct buf *out)
{
	char size[VALUE_BYTES];
	struct buf note;

	buf_init(&note, 16 * 1024);
	note_of(j, &note);
	(void)buf_printf(out, "job       %" PRId64 "\n", json_number(j, "id"));
	add_field(out, "route", json_text(j, "route"));
	add_field(out, "file", json_text(j, "path"));
	add_field(out, "size", value_bytes(json_number(j, "size"), size));
	add_time(out, "modified", json_object_get(j, "mtime_ms"), now);
	add_field(out, "state", json_text(j, "state"));
	add_field(out, "note", buf_text(&note));
	add_time(out, "next try", json_object_get(j, "next_ms"), now);
	add_field(out, "sha256", json_text(j, "sha256"));
	add_time(out, "taken", json_object_get(j, "created_ms"), now);
	add_time(out, "changed", json_object_get(j, "updated_ms"), now);
	buf_release(&note);
}

static void add_deliveries(const struct answered *a, const struct style *style, struct buf *out)
{
	static const struct column columns[] = {
	        {"TO", ALIGN_LEFT, true},         {"NAME", ALIGN_LEFT, true},
	        {"STATE", ALIGN_LEFT, false},     {"VERIFIED", ALIGN_LEFT, false},
	        {"ATTEMPTS", ALIGN_RIGHT, false}, {"NEXT TRY", ALIGN_LEFT, false},
	        {"NOTE", ALIGN_LEFT, true}};
	int64_t now = json_number(a->result, "now_ms");
	char value[VALUE_BYTES];
	struct table t;

	table_init(&t, columns, 7);
	for (size_t i = 0; i < json_array_size(a->items); i++) {
		const json_t *d = json_array_get(a->items, i);

		if (strcmp(json_text(d, "kind"), "delivery") != 0)
			continue;
		table_cell(&t, json_text(d, "to"), TINT_NONE);
		table_cell(&t, json_text(d, "name"), TINT_NONE);
		state_cell(&t, d);
		table_cell(&t, json_truth(d, "inferred") ? "inferred" : json_text(d, "verified"),
		           TINT_NONE);
		table_number(&t, json_number(d, "attempts"), TINT_NONE);
		table_cell(&t, value_age(json_object_get(d, "next_ms"), now, value), TINT_NONE);
		note_cell(&t, d);
	}
	if (t.cell_count > 0)
		(void)buf_add_text(out, "\n");
	table_write(&t, style, out);
	table_release(&t);
}

static void add_events(const struct answered *a, const struct style *style, struct buf *out)
{
	static const struct column columns[] = {{"WHEN", ALIGN_LEFT, false},
	                                        {"STEP", ALIGN_LEFT, false},
	                                        {"NOTE", ALIGN_LEFT, true}};
	char when[CLOCK_TEXT_BYTES];
	struct table t;

	table_init(&t, columns, 3);
	for (size_t i = 0; i < json_array_size(a->items); i++) {
		const json_t *v = json_array_get(a->items, i);

		if (strcmp(json_text(v, "kind"), "event") != 0)
			continue;
		table_cell(&t, clock_text(json_number(v, "at_ms"), when), TINT_NONE);
		table_cell(&t, json_text(v, "step"), TINT_NONE);
		note_cell(&t, v);
	}
	if (t.cell_count > 0)
		(void)buf_add_text(out, "\n");
	table_write(&t, style, out);
	table_release(&t);
}

void render_show(const struct answered *a, const struct style *style, struct buf *out)
{
	add_job(json_object_get(a->result, "job"), json_number(a->result, "now_ms"), out);
	add_deliveries(a, style, out);
	add_events(a, style, out);
}
