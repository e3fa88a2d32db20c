#include "daemon/control/verbs.h"

#include "daemon/base/escape.h"
#include "daemon/base/text.h"

enum { MOST_ARGS = 4 };

struct verb_arg {
	const char *name;
	json_type type;
	bool is_required;
};

struct verb {
	const char *name;
	enum peer_right needs;
	verb_fn *run;
	struct verb_arg args[MOST_ARGS];
};

static const struct verb verbs[] = {
        {"status", RIGHT_READ, verb_status, {{0}}},
        {"routes", RIGHT_READ, verb_routes, {{0}}},
        {"ps", RIGHT_READ, verb_ps, {{0}}},
        {"jobs",
         RIGHT_READ,
         verb_jobs,
         {{"route", JSON_STRING, false},
          {"state", JSON_STRING, false},
          {"limit", JSON_INTEGER, false},
          {"before", JSON_INTEGER, false}}},
        {"show", RIGHT_READ, verb_show, {{"job", JSON_INTEGER, true}}},
        {"poll", RIGHT_OPERATE, verb_poll, {{"route", JSON_STRING, true}}},
        {"pause", RIGHT_OPERATE, verb_pause, {{"route", JSON_STRING, true}}},
        {"resume", RIGHT_OPERATE, verb_resume, {{"route", JSON_STRING, true}}},
        {"retry", RIGHT_OPERATE, verb_retry, {{"job", JSON_INTEGER, true}}},
        {"retry-all", RIGHT_OPERATE, verb_retry_all, {{"route", JSON_STRING, false}}},
        {"hold", RIGHT_OPERATE, verb_hold, {{"job", JSON_INTEGER, true}}},
        {"hold-all", RIGHT_OPERATE, verb_hold_all, {{"route", JSON_STRING, true}}},
        {"cancel", RIGHT_OPERATE, verb_cancel, {{"job", JSON_INTEGER, true}}},
        {"reload", RIGHT_OPERATE, verb_reload, {{0}}},
        {"trust",
         RIGHT_OPERATE,
         verb_trust,
         {{"endpoint", JSON_STRING, true}, {"fingerprint", JSON_STRING, false}}},
        {"test",
         RIGHT_OPERATE,
         verb_test,
         {{"endpoint", JSON_STRING, true},
          {"path", JSON_STRING, false},
          {"write", JSON_TRUE, false}}},
        {"traces", RIGHT_READ, verb_traces, {{0}}},
        {"trace",
         RIGHT_OPERATE,
         verb_trace,
         {{"endpoint", JSON_STRING, true},
          {"mask", JSON_STRING, true},
          {"for_ms", JSON_INTEGER, false},
          {"file", JSON_STRING, false}}},
};
enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

static const struct verb *find_verb(const char *name, struct err *e)
{
	const char *names[VERB_COUNT], *nearest;
	struct escaped tmp;

	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
		names[i] = verbs[i].name;
	}
	nearest = text_nearest(name, names, VERB_COUNT);
	(void)escape(name, strlen(name), tmp.text, 64);
	(void)err_set(e, ERR_PROTOCOL, "CONTROL-VERB", 0, "this ferryd knows no verb \"%s\"%s%s%s",
	              tmp.text, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
	              nearest ? "\"?" : "");
	return NULL;
}

bool verbs_is_change(const char *verb)
{
	struct err unknown;
	const struct verb *v = find_verb(verb, &unknown);

	return v && v->needs == RIGHT_OPERATE;
}

/* ---- arguments ----------------------------------------------------------------------------- */

static const struct verb_arg *find_arg(const struct verb *v, const char *name)
{
	for (int i = 0; i < MOST_ARGS && v->args[i].name; i++)
		if (strcmp(v->args[i].name, name) == 0)
			return &v->args[i];
	return NULL;
}

static int check_given(const struct verb *v, json_t *args, struct err *e)
{
	struct escaped tmp;
	const char *key;
	json_t *value;

	json_object_foreach(args, key, value)
	{
		const struct verb_arg *a = find_arg(v, key);

		(void)escape(key, strlen(key), tmp.text, 64);
		if (!a)
			return err_set(e, ERR_PROTOCOL, "CONTROL-ARGUMENT", 0,
			               "the verb %s takes no argument \"%s\"", v->name, tmp.text);
		if (json_typeof(value) != a->type)
			return err_set(e, ERR_PROTOCOL, "CONTROL-ARGUMENT", 0,
			               "argument %s of the verb %s must be %s", tmp.text, v->name,
			               a->type == JSON_STRING ? "text"
			               : a->type == JSON_TRUE ? "true"
			                                      : "a whole number");
	}
	return 0;
}

static int check_args(const struct verb *v, json_t *args, struct err *e)
{
	for (int i = 0; i < MOST_ARGS && v->args[i].name; i++)
		if (v->args[i].is_required && !json_object_get(args, v->args[i].name))
			return err_set(e, ERR_PROTOCOL, "CONTROL-ARGUMENT", 0,
			               "the verb %s needs the argument %s", v->name,
			               v->args[i].name);
	return check_given(v, args, e);
}

const char *call_text(const struct call *c, const char *name)
{
	return json_string_value(json_object_get(c->args, name));
}

int64_t call_number(const struct call *c, const char *name, int64_t absent)
{
	const json_t *value = json_object_get(c->args, name);

	return value ? json_integer_value(value) : absent;
}

/* ---- running ------------------------------------------------------------------------------- */

static int run(const struct verb *v, enum peer_right right, struct call *c, struct err *e)
{
	if (right < v->needs)
		return err_set(e, ERR_AUTH, "CONTROL-NOT-PERMITTED", 0,
		               "%s needs the right to %s, and you may only %s", v->name,
		               peer_right_name(v->needs), peer_right_name(right));
	return v->run(c, e);
}

int verbs_run(const struct request *r, enum peer_right right, const struct control_engine *engine,
              struct answer *answer, struct err *e)
{
	struct call c = {.engine = engine, .args = r->args, .answer = answer};
	const struct verb *v;
	struct err why;

	v = find_verb(r->verb, &why);
	if (!v || check_args(v, r->args, &why) < 0 || run(v, right, &c, &why) < 0)
		return answer_end(answer, c.result, &why, e);
	return answer_end(answer, c.result, NULL, e);
}
