/* The verb that looks who a server is, and puts its key on record. */
#include "daemon/control/verbs.h"

static json_t *place_json(const struct identity_place *p)
{
	if (!p->file[0])
		return json_null();
	return json_pack("{so sI}", "file", answer_name(p->file), "line", (json_int_t)p->line);
}

static json_t *stored_json(const struct identity *id)
{
	json_t *made = place_json(&id->stored);

	if (json_is_object(made))
		(void)json_object_set_new(made, "was_there", json_boolean(id->was_there));
	return made;
}

static json_t *replaced_json(const struct identity *id)
{
	json_t *all = json_array();

	for (size_t i = 0; i < id->replaced_count; i++) {
		json_t *one = place_json(&id->replaced[i].place);

		(void)json_object_set_new(one, "left", json_boolean(id->replaced[i].is_left));
		(void)json_array_append_new(all, one);
	}
	return all;
}

int verb_trust(struct call *c, struct err *e)
{
	struct control_trust t = {0};
	const struct identity *id = &t.identity;
	int r = c->engine->trust(c->engine->arg, call_text(c, "endpoint"),
	                         call_text(c, "fingerprint"), &t, e);

	if (r < 0)
		return r;
	c->result = json_pack("{so si so si ss ss ss so so so}", "host", answer_name(t.host),
	                      "port", t.port, "type", answer_name(id->type), "bits", id->bits,
	                      "sha256", id->sha256, "md5", id->md5, "state", id->state, "record",
	                      place_json(&id->record), "stored", stored_json(id), "replaced",
	                      replaced_json(id));
	return 0;
}
