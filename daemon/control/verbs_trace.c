/* The verbs that act on traces: trace, traces. */
#include "adapters/trace_mask.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/control/verbs.h"

static const int64_t longest_ms = (int64_t)366 * 24 * 3600 * 1000;

json_t *verbs_order(bool has_order, const struct trace_order *o)
{
	char words[TRACE_MASK_TEXT_BYTES];
	int64_t left = has_order ? o->until_ms - clock_mono_ms() : 0;

	if (!has_order)
		return json_null();
	return json_pack("{si ss so so}", "mask", (int)o->mask, "words",
	                 trace_mask_text(o->mask, words), "left_ms",
	                 o->until_ms == INT64_MAX ? json_null() : json_integer(left > 0 ? left : 0),
	                 "file", o->file[0] ? answer_name(o->file) : json_null());
}

static json_t *trace_json(const struct control_trace *t)
{
	json_t *made = verbs_order(true, &t->order);

	(void)json_object_set_new(made, "kind", json_string("trace"));
	(void)json_object_set_new(made, "endpoint", answer_name(t->endpoint));
	return made;
}

int verb_traces(struct call *c, struct err *e)
{
	struct control_trace *all = NULL;
	size_t count = 0;
	int r = c->engine->traces(c->engine->arg, &all, &count, e);

	for (size_t i = 0; r == 0 && i < count; i++)
		r = answer_item(c->answer, trace_json(&all[i]), e);
	free(all);
	return r;
}

static int take_file(const char *file, struct trace_order *o, struct err *e)
{
	if (file[0] != '/')
		return err_set(e, ERR_POLICY, "TRACE-FILE", 0,
		               "the file of a trace needs an absolute path: it is the daemon that "
		               "writes it");
	if (strlen(file) + sizeof(".1") > sizeof(o->file))
		return err_set(e, ERR_POLICY, "TRACE-FILE", 0,
		               "the path of a trace may have %zu bytes",
		               sizeof(o->file) - sizeof(".1"));
	(void)snprintf(o->file, sizeof(o->file), "%s", file);
	return 0;
}

static int take_order(struct call *c, struct trace_order *o, struct err *e)
{
	int64_t for_ms = call_number(c, "for_ms", 0);
	const char *file = call_text(c, "file");

	if (trace_mask_parse(call_text(c, "mask"), &o->mask, e) < 0)
		return e->kind;
	if (for_ms < 0 || for_ms > longest_ms)
		return err_set(e, ERR_POLICY, "TRACE-TIME", 0,
		               "a trace can be ordered for up to 366 days");
	o->until_ms = for_ms ? clock_mono_ms() + for_ms : INT64_MAX;
	return file ? take_file(file, o, e) : 0;
}

/* "default" gives the configuration its say again. */
int verb_trace(struct call *c, struct err *e)
{
	const char *endpoint = call_text(c, "endpoint");
	bool is_back = strcmp(call_text(c, "mask"), "default") == 0;
	struct trace_order o = {0};

	if (!is_back && take_order(c, &o, e) < 0)
		return e->kind;
	if (c->engine->trace(c->engine->arg, endpoint, is_back ? NULL : &o, e) < 0)
		return e->kind;
	c->result = json_pack("{so}", "tracing", verbs_order(!is_back, &o));
	return 0;
}
