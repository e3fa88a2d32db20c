/* A walk along an endpoint, step by step, and the server's passport (render.h). */
#include "daemon/control/render.h"

#include <inttypes.h>

#include "daemon/control/shown.h"

static void add_lines(struct buf *out, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		char *line = strndup(text, n);

		(void)buf_add_text(out, "        ");
		shown_again(out, line ? line : "");
		(void)buf_add_text(out, "\n");
		free(line);
		text += n + (text[n] == '\n');
	}
}

/* Of what lies on the way it is said which it is. */
static void add_named(struct buf *out, const json_t *item, const char *key)
{
	const char *hop = json_text(item, "hop");

	if (*hop) {
		shown_again(out, hop);
		(void)buf_add_text(out, ": ");
	}
	shown_again(out, json_text(item, key));
}

static void add_step(struct buf *out, const json_t *s, const struct style *style)
{
	const char *result = json_text(s, "result");
	const json_t *error = json_object_get(s, "error");
	bool failed = strcmp(result, "failed") == 0, odd = strcmp(result, "odd") == 0;

	(void)buf_add_text(out, "  ");
	tint_text(out, style,
	          failed ? TINT_BAD
	          : odd  ? TINT_WARN
	                 : TINT_GOOD,
	          failed ? "FAIL"
	          : odd  ? "ODD "
	                 : "ok  ");
	(void)buf_printf(out, "  %9.1f ms  ", (double)json_number(s, "took_us") / 1000);
	if (*json_text(s, "hop"))
		(void)buf_add_text(out, "jump host ");
	add_named(out, s, "words");
	(void)buf_add_text(out, "\n");
	add_lines(out, json_text(s, "says"));
	if (!json_is_object(error))
		return;
	(void)buf_add_text(out, "        ");
	shown_again(out, json_text(error, "code"));
	(void)buf_add_text(out, ": ");
	shown_again(out, json_text(error, "message"));
	(void)buf_add_text(out, "\n");
}

static void add_passport(const struct answered *a, struct buf *out)
{
	bool is_first = true;

	for (size_t i = 0; i < json_array_size(a->items); i++) {
		const json_t *f = json_array_get(a->items, i);
		struct buf name;

		if (strcmp(json_text(f, "kind"), "fact") != 0)
			continue;
		if (is_first)
			(void)buf_add_text(out, "\nThe server\n");
		is_first = false;
		buf_init(&name, 256);
		add_named(&name, f, "name");
		(void)buf_printf(out, "  %-24s", buf_text(&name));
		buf_release(&name);
		shown_again(out, json_text(f, "value"));
		(void)buf_add_text(out, "\n");
	}
}

void render_test(const struct answered *a, const struct style *style, struct buf *out)
{
	const char *trace = json_text(a->result, "trace");

	for (size_t i = 0; i < json_array_size(a->items); i++) {
		const json_t *s = json_array_get(a->items, i);

		if (strcmp(json_text(s, "kind"), "step") == 0)
			add_step(out, s, style);
	}
	add_passport(a, out);
	(void)buf_add_text(out, "\n");
	if (json_truth(a->result, "passed")) {
		(void)buf_add_text(out, "Everything that was tried works.\n");
		return;
	}
	if (json_truth(a->result, "stops"))
		(void)buf_add_text(out,
		                   "The endpoint is stopped, as any refused login stops it: mend "
		                   "it before the next try.\n");
	if (*trace) {
		(void)buf_add_text(out, "The trace: ");
		shown_again(out, trace);
		(void)buf_add_text(out, "\n");
	}
}
