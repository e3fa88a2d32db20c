/* The verb that walks along an endpoint: test. */
#include "daemon/control/verbs.h"

static json_t *hop_json(const char *hop)
{
	return hop ? answer_name(hop) : json_null();
}

static json_t *step_json(const struct examined_step *s, const struct err *failure)
{
	static const char *const words[] = {"passed", "odd", "failed"};
	json_t *made =
	        json_pack("{ss so ss ss ss sI so}", "kind", "step", "hop", hop_json(s->hop), "name",
	                  trace_step_word(s->step), "words", trace_step_text(s->step), "result",
	                  words[s->result], "took_us", (json_int_t)s->took_us, "says",
	                  s->says ? answer_text(s->says) : json_null());
	json_t *error = json_null();

	if (s->result == EXAMINED_FAILED && failure->kind)
		error = json_pack("{ss ss so}", "kind", err_kind_name(failure->kind), "code",
		                  failure->code, "message", answer_text(failure->message));
	(void)json_object_set_new(made, "error", error);
	return made;
}

static int write_all(struct call *c, const struct examination *x, struct err *e)
{
	for (size_t i = 0; i < x->step_count; i++)
		if (answer_item(c->answer, step_json(&x->steps[i], &x->failure), e) < 0)
			return e->kind;
	for (size_t i = 0; i < x->fact_count; i++)
		if (answer_item(c->answer,
		                json_pack("{ss so so so}", "kind", "fact", "hop",
		                          hop_json(x->facts[i].hop), "name",
		                          answer_text(x->facts[i].name), "value",
		                          answer_text(x->facts[i].value)),
		                e) < 0)
			return e->kind;
	return 0;
}

int verb_test(struct call *c, struct err *e)
{
	const struct examine_options options = {
	        .path = call_text(c, "path"),
	        .write = json_is_true(json_object_get(c->args, "write")) ? EXAMINE_WRITE
	                                                                 : EXAMINE_LOOK,
	};
	struct examination x = {0};
	bool stops = false;
	int r = c->engine->test(c->engine->arg, call_text(c, "endpoint"), &options, &x, &stops, e);

	if (r == 0)
		r = write_all(c, &x, e);
	c->result = json_pack("{sb sb so}", "passed", x.failure.kind == 0, "stops", (int)stops,
	                      "trace", x.trace_file[0] ? answer_name(x.trace_file) : json_null());
	examination_release(&x);
	return r;
}
