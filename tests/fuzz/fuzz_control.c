/* Any line from an operator: refused or carried out; the answer is whole lines, the last one ends
 * it, and every line is JSON within its limit. */
#include "daemon/base/mem.h"
#include "daemon/control/verbs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE_BYTES = 64 * 1024 };

/* ---- an engine that has nothing and refuses everything ------------------------------------------
 */

static int no_status(void *arg, struct control_status *out, struct err *e)
{
	(void)arg;
	(void)out;
	(void)e;
	return 0;
}

static int no_routes(void *arg, struct control_route **out, size_t *count, struct err *e)
{
	(void)arg;
	(void)out;
	(void)count;
	(void)e;
	return 0;
}

static int no_fibers(void *arg, struct control_fiber **out, size_t *count, struct err *e)
{
	(void)arg;
	(void)out;
	(void)count;
	(void)e;
	return 0;
}

static int one_job(void *arg, const struct store_filter *f, struct store_job_info *out,
                   size_t *count, struct err *e)
{
	(void)arg;
	(void)e;
	if (f->limit < 1 || f->limit > 1000 || f->before_id < 0)
		abort(); /* the contract of store_jobs */
	memset(out, 0, sizeof(*out));
	*count = 1;
	return 0;
}

static int no_job(void *arg, int64_t job, struct store_job_info *out,
                  struct store_delivery **deliveries, size_t *delivery_count,
                  struct store_event **events, size_t *event_count, struct err *e)
{
	(void)arg;
	(void)out;
	(void)deliveries;
	(void)delivery_count;
	(void)events;
	(void)event_count;
	return err_set(e, ERR_OBJECT, "STORE-NO-JOB", 0, "there is no job %lld", (long long)job);
}

static int no_route(void *arg, const char *route, struct err *e)
{
	static const char *const names[] = {"acme-in", "bank-out"};

	(void)arg;
	return control_no_route(route, names, 2, e);
}

static int no_retry(void *arg, int64_t job, struct err *e)
{
	(void)arg;
	return err_set(e, ERR_OBJECT, "STORE-NO-JOB", 0, "there is no job %lld", (long long)job);
}

static int no_reload(void *arg, char **text, struct err *e)
{
	(void)arg;
	*text = mem_dup("a.yaml:1:1: no\n");
	return err_set(e, ERR_CONFIG, "CONFIG", 0, "refused");
}

static const struct control_engine engine = {
        .status = no_status,
        .routes = no_routes,
        .fibers = no_fibers,
        .jobs = one_job,
        .show = no_job,
        .poll = no_route,
        .pause = no_route,
        .resume = no_route,
        .retry = no_retry,
        .reload = no_reload,
};

/* ---- what it says -------------------------------------------------------------------------------
 */

static int keep(void *arg, const void *data, size_t n, struct err *e)
{
	(void)e;
	return buf_add(arg, data, n);
}

static void check_answer(struct buf *said)
{
	size_t ends = 0;

	while (buf_len(said) > 0) {
		const char *line = (const char *)buf_data(said);
		const char *nl = memchr(line, '\n', buf_len(said));
		size_t n = nl ? (size_t)(nl - line) : 0;
		json_t *root = json_loadb(line, n, 0, NULL);

		if (!root || n >= LINE_BYTES || ends > 0)
			abort();
		ends += json_object_get(root, "ok") != NULL;
		json_decref(root);
		buf_consume(said, n + 1);
	}
	if (ends != 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request request;
	struct answer answer;
	struct buf said;
	struct err e;

	if (request_parse((const char *)data, size, &request, &e) < 0)
		return 0;
	buf_init(&said, 64 * 1024 * 1024);
	answer_init(&answer, LINE_BYTES);
	answer.write = keep;
	answer.arg = &said;
	if (verbs_run(&request, RIGHT_OPERATE, &engine, &answer, &e) < 0)
		abort();
	check_answer(&said);
	request_release(&request);
	answer_release(&answer);
	buf_release(&said);
	return 0;
}
