/* What a verb has done, in a sentence or two (render.h). */
#include "daemon/control/render.h"

#include <inttypes.h>

#include "daemon/control/shown.h"

/* "  acme: SSH-AUTH: the server refused …" */
void render_error(struct buf *out, const char *who, const json_t *error)
{
	(void)buf_add_text(out, "  ");
	shown_again(out, who);
	(void)buf_add_text(out, ": ");
	shown_again(out, json_text(error, "code"));
	(void)buf_add_text(out, ": ");
	shown_again(out, json_text(error, "message"));
	(void)buf_add_text(out, "\n");
}

void render_reload(const struct answered *a, const struct style *style, struct buf *out)
{
	(void)style;
	for (size_t i = 0; i < json_array_size(a->items); i++) {
		shown_again(out, json_text(json_array_get(a->items, i), "text"));
		(void)buf_add_text(out, "\n");
	}
	if (a->result)
		(void)buf_add_text(out, "The configuration has been loaded.\n");
}

void render_halt(const struct answered *a, const struct style *style, struct buf *out)
{
	const json_t *trouble = json_object_get(a->result, "trouble");
	int64_t interrupted = json_number(a->result, "interrupted");
	int64_t dropped = json_number(a->result, "dropped");

	(void)style;
	if (!a->result)
		return;
	(void)buf_printf(out, "Job %" PRId64 " %s.", json_number(a->args, "job"),
	                 strcmp(a->verb, "hold") == 0         ? "is held"
	                 : json_number(a->result, "canceled") ? "is canceled"
	                                                      : "had ended");
	if (dropped)
		(void)buf_printf(out,
		                 " Given up at destinations that are gone: %" PRId64
		                 " (see ferryctl show).",
		                 dropped);
	if (interrupted)
		(void)buf_printf(out, " Running transfers interrupted: %" PRId64 ".", interrupted);
	if (json_truth(a->result, "put_back"))
		(void)buf_add_text(out, " Its source file was put back.");
	if (json_truth(a->result, "running"))
		(void)buf_add_text(out, " One has not ended yet: see ferryctl ps.");
	(void)buf_add_text(out, "\n");
	if (json_is_object(trouble))
		render_error(out, "but", trouble);
}

void render_retry_all(const struct answered *a, const struct style *style, struct buf *out)
{
	int64_t refused = json_number(a->result, "refused");

	(void)style;
	if (!a->result)
		return;
	(void)buf_printf(out, "Jobs tried again: %" PRId64, json_number(a->result, "retried"));
	if (refused)
		(void)buf_printf(out, "; refused: %" PRId64, refused);
	(void)buf_add_text(out, ".\n");
	if (refused)
		render_error(out, "the first one", json_object_get(a->result, "reason"));
}

void render_done(const struct answered *a, const struct style *style, struct buf *out)
{
	static const struct {
		const char *verb, *words;
	} all[] = {{"poll", "is polled now"}, {"pause", "is paused"}, {"resume", "goes on"}};

	(void)style;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].verb, a->verb) != 0)
			continue;
		shown_again(out, json_text(a->args, "route"));
		(void)buf_printf(out, " %s.\n", all[i].words);
	}
	if (strcmp(a->verb, "retry") == 0)
		(void)buf_printf(out, "Job %" PRId64 " is tried again.\n",
		                 json_number(a->args, "job"));
	if (strcmp(a->verb, "hold-all") == 0)
		(void)buf_printf(
		        out, "Jobs held: %" PRId64 "; transfers interrupted: %" PRId64 ".\n",
		        json_number(a->result, "held"), json_number(a->result, "interrupted"));
}
