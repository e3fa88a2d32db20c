/*
 * Any line from an operator, as each right: refused or carried out; the answer is whole lines, each
 * JSON within its limit, the last one ends it. Whoever may only read changes nothing, and is told
 * why whenever something was refused.
 */
#include "daemon/control/verbs.h"
#include "tests/fuzz/nothing.h"

enum { LINE_BYTES = 64 * 1024 };

static int keep(void *arg, const void *data, size_t n, struct err *e)
{
	(void)e;
	return buf_add(arg, data, n);
}

static void check_end(const json_t *end)
{
	const json_t *error = json_object_get(end, "error");

	must(json_is_boolean(json_object_get(end, "ok")));
	must(json_is_true(json_object_get(end, "ok")) == (error == NULL));
	if (error)
		must(json_is_string(json_object_get(error, "code")) &&
		     json_is_string(json_object_get(error, "message")));
}

static void check_answer(struct buf *said)
{
	size_t ends = 0;

	while (buf_len(said) > 0) {
		const char *line = (const char *)buf_data(said);
		const char *nl = memchr(line, '\n', buf_len(said));
		size_t n = nl ? (size_t)(nl - line) : 0;
		json_t *root = json_loadb(line, n, 0, NULL);

		must(root && n < LINE_BYTES && ends == 0);
		if (!json_object_get(root, "item")) {
			check_end(root);
			ends++;
		}
		json_decref(root);
		buf_consume(said, n + 1);
	}
	must(ends == 1);
}

static void run_as(enum peer_right right, const struct request *request)
{
	int changes = 0;
	struct control_engine engine = engine_of_nothing(&changes);
	struct answer answer;
	struct buf said;
	struct err e;

	buf_init(&said, 64 * 1024 * 1024);
	answer_init(&answer, LINE_BYTES);
	answer.write = keep;
	answer.arg = &said;
	must(verbs_run(request, right, &engine, &answer, &e) == 0);
	check_answer(&said);
	must(changes == 0 || (right == RIGHT_OPERATE && verbs_is_change(request->verb)));
	answer_release(&answer);
	buf_release(&said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request request;
	struct err e;
	int r = request_parse((const char *)data, size, &request, &e);

	if (r < 0) {
		must_tell(r, &e);
		return 0;
	}
	run_as(RIGHT_NONE, &request);
	run_as(RIGHT_READ, &request);
	run_as(RIGHT_OPERATE, &request);
	request_release(&request);
	return 0;
}
