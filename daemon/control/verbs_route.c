/* The verbs that act on routes and on the configuration: poll, pause, resume, reload. */
#include "daemon/control/verbs.h"

int verb_poll(struct call *c, struct err *e)
{
	return c->engine->poll(c->engine->arg, call_text(c, "route"), e);
}

int verb_pause(struct call *c, struct err *e)
{
	return c->engine->pause(c->engine->arg, call_text(c, "route"), e);
}

int verb_resume(struct call *c, struct err *e)
{
	return c->engine->resume(c->engine->arg, call_text(c, "route"), e);
}

/* A report may be longer than a message: each of its lines is an item. */
static int write_report(struct call *c, const char *text, struct err *e)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		char *line = strndup(text, n);
		json_t *item =
		        json_pack("{ss so}", "kind", "line", "text", answer_text(line ? line : ""));

		free(line);
		if (answer_item(c->answer, item, e) < 0)
			return e->kind;
		text += n + (text[n] == '\n');
	}
	return 0;
}

int verb_reload(struct call *c, struct err *e)
{
	char *text = NULL;
	struct err unwritten;
	int r = c->engine->reload(c->engine->arg, &text, e);

	if (text && write_report(c, text, r < 0 ? &unwritten : e) < 0 && r == 0)
		r = e->kind;
	free(text);
	return r;
}
