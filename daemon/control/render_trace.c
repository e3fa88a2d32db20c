/* What is recorded of whom (render.h). */
#include "daemon/control/render.h"

#include <inttypes.h>

#include "daemon/control/shown.h"

void render_order(struct buf *out, const json_t *order)
{
	const json_t *left = json_object_get(order, "left_ms");
	const char *file = json_text(order, "file");
	char value[VALUE_BYTES];

	(void)buf_printf(out, "mask %" PRId64 " (", json_number(order, "mask"));
	shown_again(out, json_text(order, "words"));
	(void)buf_add_text(out, "), ");
	if (json_is_integer(left))
		(void)buf_printf(out, "%s left", value_duration(json_integer_value(left), value));
	else
		(void)buf_add_text(out, "until told otherwise");
	if (*file) {
		(void)buf_add_text(out, ", into ");
		shown_again(out, file);
	}
}

void render_traces(const struct answered *a, const struct style *style, struct buf *out)
{
	(void)style;
	if (json_array_size(a->items) == 0)
		(void)buf_add_text(out, "No trace is ordered: what is configured is in force.\n");
	for (size_t i = 0; i < json_array_size(a->items); i++) {
		const json_t *t = json_array_get(a->items, i);

		shown_again(out, json_text(t, "endpoint"));
		(void)buf_add_text(out, ": ");
		render_order(out, t);
		(void)buf_add_text(out, "\n");
	}
}

void render_trace(const struct answered *a, const struct style *style, struct buf *out)
{
	const json_t *order = json_object_get(a->result, "tracing");

	(void)style;
	shown_again(out, json_text(a->args, "endpoint"));
	(void)buf_add_text(out,
	                   json_is_object(order) ? " is traced: " : " is traced as configured.");
	if (json_is_object(order))
		render_order(out, order);
	(void)buf_add_text(out, "\n");
}
