#include "daemon/control/request.h"

#include <stdbool.h>

#include "daemon/base/escape.h"

/* Counts brackets outside strings, as the parser will meet them up to its first error. */
static bool is_too_deep(const char *p, size_t n)
{
	int depth = 0;
	bool in_text = false;

	for (size_t i = 0; i < n; i++) {
		if (in_text && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			in_text = !in_text;
		else if (in_text)
			continue;
		else if ((p[i] == '{' || p[i] == '[') && ++depth > REQUEST_DEPTH)
			return true;
		else if (p[i] == '}' || p[i] == ']')
			depth--;
	}
	return false;
}

static int refuse(struct err *e, const char *why)
{
	return err_set(e, ERR_PROTOCOL, "CONTROL-REQUEST", 0, "the request %s", why);
}

static int read_keys(json_t *root, struct request *out, struct err *e)
{
	const json_t *version = json_object_get(root, "v");
	const char *key;
	json_t *value;

	json_object_foreach(root, key, value)
	{
		if (strcmp(key, "v") != 0 && strcmp(key, "verb") != 0 && strcmp(key, "args") != 0)
			return refuse(e, "has keys other than v, verb and args");
	}
	if (!json_is_integer(version) || json_integer_value(version) != REQUEST_VERSION)
		return err_set(e, ERR_PROTOCOL, "CONTROL-VERSION", 0,
		               "this ferryd speaks version %d of the control protocol (\"v\":%d); "
		               "use the ferryctl it came with",
		               REQUEST_VERSION, REQUEST_VERSION);
	out->verb = json_string_value(json_object_get(root, "verb"));
	out->args = json_object_get(root, "args");
	if (!out->verb)
		return refuse(e, "names no verb");
	if (out->args && !json_is_object(out->args))
		return refuse(e, "has args that are not an object");
	return 0;
}

int request_parse(const char *line, size_t n, struct request *out, struct err *e)
{
	struct request r = {0};
	json_error_t why;

	if (is_too_deep(line, n))
		return refuse(e, "is nested too deep");
	r.root = json_loadb(line, n, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(r.root)) {
		struct escaped tmp;

		json_decref(r.root);
		if (r.root)
			return refuse(e, "is not a JSON object");
		(void)escape(why.text, strlen(why.text), tmp.text, 200);
		return err_set(e, ERR_PROTOCOL, "CONTROL-REQUEST", why.position,
		               "the request is not JSON: %s", tmp.text);
	}
	if (read_keys(r.root, &r, e) < 0) {
		json_decref(r.root);
		return e->kind;
	}
	*out = r;
	return 0;
}

void request_release(struct request *r)
{
	json_decref(r->root);
	r->root = NULL;
}
