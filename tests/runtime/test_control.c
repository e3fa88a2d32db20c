#include "tests/runtime/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/base/mem.h"
#include "daemon/control/server.h"
#include "daemon/control/verbs.h"
#include "daemon/runtime/work.h"

/* ---- an engine of paper -------------------------------------------------------------------- */

enum { JOBS = 130 };

struct paper {
	int polls, pauses, resumes, retries, halts, reloads;
	bool refuse_reload, has_order;
	struct trace_order order;
	char last_route[64];
};

static int paper_status(void *arg, struct control_status *out, struct err *e)
{
	(void)arg;
	(void)e;
	out->started_ms = 1000;
	(void)snprintf(out->config_file, sizeof(out->config_file), "/etc/ferryd/ferryd.yaml");
	out->counts[JOB_HELD] = 3;
	out->worker_count = 1;
	out->workers = mem_new_array(1, sizeof(*out->workers));
	(void)snprintf(out->workers[0].name, sizeof(out->workers[0].name), "main");
	out->endpoint_count = 1;
	out->endpoints = mem_new_array(1, sizeof(*out->endpoints));
	(void)snprintf(out->endpoints[0].name, sizeof(out->endpoints[0].name), "acme\x1b[2J");
	out->endpoints[0].status.state = ENDPOINT_STOPPED;
	(void)err_set(&out->endpoints[0].status.last, ERR_AUTH, "SSH-AUTH", 0, "refused \xc3 here");
	return 0;
}

static int paper_routes(void *arg, struct control_route **out, size_t *count, struct err *e)
{
	(void)arg;
	(void)e;
	*count = 1000;
	*out = mem_new_array(*count, sizeof(**out));
	for (size_t i = 0; i < *count; i++) {
		struct control_route *r = &(*out)[i];

		(void)snprintf(r->name, sizeof(r->name), "route-%zu", i);
		r->to_count = 1;
		r->to = mem_new_array(1, sizeof(*r->to));
		r->to[0] = mem_dup("bank:/inbox");
	}
	return 0;
}

static int paper_fibers(void *arg, struct control_fiber **out, size_t *count, struct err *e)
{
	(void)arg;
	(void)e;
	*count = 2;
	*out = mem_new_array(*count, sizeof(**out));
	(*out)[0].info.deadline_ms = -1;
	return 0;
}

static void paper_job(int64_t id, struct store_job_info *out)
{
	memset(out, 0, sizeof(*out));
	out->job.id = id;
	out->job.state = JOB_HELD;
	out->deliveries = 2;
	out->held = id % 2 ? 2 : 1; /* of every other one work goes on elsewhere */
	(void)snprintf(out->job.route, sizeof(out->job.route), "route-1");
	memset(out->job.path, '\n', sizeof(out->job.path) - 1); /* four bytes each when escaped */
}

static int paper_jobs(void *arg, const struct store_filter *f, struct store_job_info *out,
                      size_t *count, struct err *e)
{
	int64_t id = f->before_id ? f->before_id - 1 : JOBS;

	(void)arg;
	(void)e;
	for (*count = 0; id > 0 && *count < f->limit; id--, (*count)++) {
		paper_job(id, &out[*count]);
		if (f->state >= 0)
			out[*count].job.state = (enum job_state)f->state;
	}
	return 0;
}

static int paper_show(void *arg, int64_t job, struct store_job_info *out,
                      struct store_delivery **deliveries, size_t *delivery_count,
                      struct store_event **events, size_t *event_count, struct err *e)
{
	(void)arg;
	if (job > JOBS)
		return err_set(e, ERR_OBJECT, "STORE-NO-JOB", 0, "there is no job %lld",
		               (long long)job);
	paper_job(job, out);
	*delivery_count = *event_count = 1;
	*deliveries = mem_new_of(struct store_delivery);
	*events = mem_new_of(struct store_event);
	return 0;
}

static int paper_route(struct paper *p, const char *route, int *count, struct err *e)
{
	static const char *const names[] = {"route-1"};

	if (strcmp(route, "route-1") != 0)
		return control_no_route(route, names, 1, e);
	(*count)++;
	(void)snprintf(p->last_route, sizeof(p->last_route), "%s", route);
	return 0;
}

static int paper_poll(void *arg, const char *route, struct err *e)
{
	struct paper *p = arg;

	return paper_route(p, route, &p->polls, e);
}

static int paper_pause(void *arg, const char *route, struct err *e)
{
	struct paper *p = arg;

	return paper_route(p, route, &p->pauses, e);
}

static int paper_resume(void *arg, const char *route, struct err *e)
{
	struct paper *p = arg;

	return paper_route(p, route, &p->resumes, e);
}

static int paper_retry(void *arg, int64_t job, struct err *e)
{
	struct paper *p = arg;

	if (job % 10 == 0)
		return err_set(e, ERR_OBJECT, "STORE-STATE", 0, "job %lld is done", (long long)job);
	p->retries++;
	return 0;
}

static int paper_halt(void *arg, int64_t job, struct control_halt *out, struct err *e)
{
	struct paper *p = arg;

	if (job % 10 == 0)
		return err_set(e, ERR_OBJECT, "STORE-STATE", 0, "job %lld is done", (long long)job);
	p->halts++;
	*out = (struct control_halt){.interrupted = job % 2 ? 1 : 0,
	                             .is_put_back = job == 7,
	                             .dropped = job == 7 ? 3 : 0};
	if (job == 9)
		(void)err_set(&out->trouble, ERR_OBJECT, "OBJ-EXISTS", 0, "a newer file");
	return 0;
}

static int paper_reload(void *arg, char **text, struct err *e)
{
	struct paper *p = arg;

	if (fiber_sleep(5, "the configuration", e) < 0)
		return e->kind;
	p->reloads++;
	if (!p->refuse_reload)
		return 0;
	*text = mem_dup("a.yaml:1:1: routes: no\na.yaml:2:1: endpoints: no\n");
	return err_set(e, ERR_CONFIG, "CONFIG-REFUSED", 0, "2 errors");
}

static int paper_trace(void *arg, const char *endpoint, const struct trace_order *order,
                       struct err *e)
{
	static const char *const names[] = {"acme"};
	struct paper *p = arg;

	if (strcmp(endpoint, "acme") != 0)
		return control_no_endpoint(endpoint, names, 1, e);
	p->has_order = order != NULL;
	if (order)
		p->order = *order;
	return 0;
}

static int paper_trust(void *arg, const char *endpoint, const char *fingerprint,
                       struct control_trust *out, struct err *e)
{
	static const char *const names[] = {"acme"};

	(void)arg;
	if (strcmp(endpoint, "acme") != 0)
		return control_no_endpoint(endpoint, names, 1, e);
	*out = (struct control_trust){
	        .host = "sftp.acme.example",
	        .port = 22,
	        .identity = {.type = "ssh-ed25519\x1b", /* the server says so */
	                     .bits = 256,
	                     .sha256 = "SHA256:x",
	                     .md5 = "MD5:y",
	                     .state = "changed",
	                     .record = {"/k", 3}},
	};
	if (fingerprint) {
		out->identity.stored = (struct identity_place){"/k", 4};
		out->identity.replaced[0].place = out->identity.record;
		out->identity.replaced[0].is_left = true;
		out->identity.replaced_count = 1;
	}
	return 0;
}

static int paper_test(void *arg, const char *endpoint, const struct examine_options *options,
                      struct examination *out, bool *stops, struct err *e)
{
	(void)arg;
	(void)endpoint;
	out->steps = mem_new_array(2, sizeof(*out->steps));
	out->step_count = 2;
	out->steps[1] = (struct examined_step){
	        .step = TRACE_STEP_LOGIN, .result = EXAMINED_FAILED, .says = mem_dup("a\nb\n")};
	*stops = options->write == EXAMINE_WRITE;
	(void)err_set(&out->failure, ERR_AUTH, "SSH-AUTH-REFUSED", 0, "refused");
	(void)e;
	return 0;
}

static int paper_traces(void *arg, struct control_trace **out, size_t *count, struct err *e)
{
	struct paper *p = arg;

	(void)e;
	*count = p->has_order;
	*out = mem_new_array(1, sizeof(**out));
	(void)snprintf((*out)[0].endpoint, sizeof((*out)[0].endpoint), "acme");
	(*out)[0].order = p->order;
	return 0;
}

static struct paper paper;
static const struct control_engine engine = {
        .arg = &paper,
        .status = paper_status,
        .routes = paper_routes,
        .fibers = paper_fibers,
        .jobs = paper_jobs,
        .show = paper_show,
        .poll = paper_poll,
        .pause = paper_pause,
        .resume = paper_resume,
        .retry = paper_retry,
        .hold = paper_halt,
        .cancel = paper_halt,
        .reload = paper_reload,
        .trace = paper_trace,
        .traces = paper_traces,
        .test = paper_test,
        .trust = paper_trust,
};

/* ---- the server, with an operator on a thread of the pool ---------------------------------- */

static char folder[64], path[96];

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ferryd-control-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chmod(folder, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/control.sock", folder);
	memset(&paper, 0, sizeof(paper));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(access(path, F_OK), -1); /* stopped servers leave no socket behind */
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

/* What the operator does; blocking, in a thread of its own. */
static void (*operator_does)(void);

static int operate(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	operator_does();
	return 0;
}

static void serve_one(struct worker *w)
{
	struct control_listener l;
	struct control_server *s;
	struct err e;

	(void)w;
	check(control_listen(path, &l, &e) == 0);
	check(control_server_start(&l, &engine, &s, &e) == 0);
	check(work_run(operate, NULL, "the operator", &e) == 0);
	control_server_stop(s);
}

static void with_server(void (*what)(void))
{
	operator_does = what;
	rig_run(serve_one);
}

static int dial(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(fd >= 0);
	memcpy(a.sun_path, path, strlen(path) + 1);
	check(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

static void say(int fd, const char *text)
{
	(void)send(fd, text, strlen(text), MSG_NOSIGNAL); /* the far end may have hung up */
}

/* Waits, bounded, for more; 0 = hung up. */
static ssize_t hear(int fd, char *out, size_t room, int wait_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	check(poll(&p, 1, wait_ms) == 1);
	n = recv(fd, out, room, 0);
	return n < 0 && errno == ECONNRESET ? 0 : n;
}

/* Reads to the end line; the items are gathered in *items if given. */
static json_t *read_end(int fd, json_t *items)
{
	size_t room = 2 * CONTROL_LINE_BYTES, used = 0;
	char *text = mem_new(room);
	json_t *line, *end = NULL;

	while (!end) {
		char *nl = memchr(text, '\n', used);
		size_t n;

		if (!nl) {
			ssize_t got = hear(fd, text + used, room - used, 10000);

			if (got <= 0)
				break;
			used += (size_t)got;
			continue;
		}
		n = (size_t)(nl - text);
		check(n < CONTROL_LINE_BYTES);
		line = json_loadb(text, n, 0, NULL);
		check(line);
		memmove(text, nl + 1, used -= n + 1);
		if (!json_object_get(line, "item"))
			end = json_incref(line);
		else if (items)
			(void)json_array_append(items, json_object_get(line, "item"));
		json_decref(line);
	}
	free(text);
	return end;
}

/* On a connection of its own. */
static json_t *ask(const char *request, json_t *items)
{
	int fd = dial();
	json_t *end;

	say(fd, request);
	say(fd, "\n");
	end = read_end(fd, items);
	(void)close(fd);
	check(end);
	return end;
}

static const char *code_of(const json_t *end)
{
	const json_t *error = json_object_get(end, "error");

	return error ? json_string_value(json_object_get(error, "code")) : "";
}

static void check_code(const char *request, const char *want)
{
	json_t *end = ask(request, NULL);

	if (strcmp(code_of(end), want) != 0)
		(void)fprintf(stderr, "%s: %s, not %s\n", request, code_of(end), want);
	check(strcmp(code_of(end), want) == 0);
	check(json_is_true(json_object_get(end, "ok")) == (*want == '\0'));
	check(json_is_object(json_object_get(end, "result")) || *want != '\0');
	json_decref(end);
}

/* ---- verbs --------------------------------------------------------------------------------- */

static void ask_every_verb(void)
{
	check_code("{\"v\":1,\"verb\":\"status\"}", "");
	check_code("{\"v\":1,\"verb\":\"routes\",\"args\":{}}", "");
	check_code("{\"v\":1,\"verb\":\"ps\"}", "");
	check_code("{\"v\":1,\"verb\":\"jobs\",\"args\":{\"state\":\"held\",\"limit\":3}}", "");
	check_code("{\"v\":1,\"verb\":\"show\",\"args\":{\"job\":7}}", "");
	check_code("{\"v\":1,\"verb\":\"show\",\"args\":{\"job\":777}}", "STORE-NO-JOB");
	check_code("{\"v\":1,\"verb\":\"poll\",\"args\":{\"route\":\"route-1\"}}", "");
	check_code("{\"v\":1,\"verb\":\"poll\",\"args\":{\"route\":\"rotue-1\"}}",
	           "CONTROL-NO-ROUTE");
	check_code("{\"v\":1,\"verb\":\"pause\",\"args\":{\"route\":\"route-1\"}}", "");
	check_code("{\"v\":1,\"verb\":\"resume\",\"args\":{\"route\":\"route-1\"}}", "");
	check_code("{\"v\":1,\"verb\":\"retry\",\"args\":{\"job\":7}}", "");
	check_code("{\"v\":1,\"verb\":\"retry\",\"args\":{\"job\":70}}", "STORE-STATE");
	check_code("{\"v\":1,\"verb\":\"hold\",\"args\":{\"job\":7}}", "");
	check_code("{\"v\":1,\"verb\":\"hold\",\"args\":{\"job\":70}}", "STORE-STATE");
	check_code("{\"v\":1,\"verb\":\"hold-all\",\"args\":{\"route\":\"a\"}}", "");
	check_code("{\"v\":1,\"verb\":\"hold-all\"}", "CONTROL-ARGUMENT");
	check_code("{\"v\":1,\"verb\":\"cancel\",\"args\":{\"job\":7}}", "");
	check_code("{\"v\":1,\"verb\":\"cancel\",\"args\":{\"job\":70}}", "STORE-STATE");
	check_code("{\"v\":1,\"verb\":\"reload\"}", "");
	check_code("{\"v\":1,\"verb\":\"traces\"}", "");
}

static void asks_who_it_is(void)
{
	json_t *end, *r;

	end = ask("{\"v\":1,\"verb\":\"trust\",\"args\":{\"endpoint\":\"acme\"}}", NULL);
	r = json_object_get(end, "result");
	check(strcmp(json_string_value(json_object_get(r, "type")), "ssh-ed25519\\x1b") == 0);
	check(strcmp(json_string_value(json_object_get(r, "state")), "changed") == 0);
	check(json_is_null(json_object_get(r, "stored")));
	json_decref(end);
	end = ask("{\"v\":1,\"verb\":\"trust\",\"args\":{\"endpoint\":\"acme\","
	          "\"fingerprint\":\"SHA256:x\"}}",
	          NULL);
	r = json_object_get(end, "result");
	check(json_integer_value(json_object_get(json_object_get(r, "stored"), "line")) == 4);
	r = json_array_get(json_object_get(r, "replaced"), 0);
	check(json_is_true(json_object_get(r, "left")));
	json_decref(end);
	check_code("{\"v\":1,\"verb\":\"trust\",\"args\":{\"endpoint\":\"acne\"}}",
	           "CONTROL-NO-ENDPOINT");
	check_code("{\"v\":1,\"verb\":\"trust\"}", "CONTROL-ARGUMENT");
}

static void test_control__tells_who_a_server_is(void **state)
{
	(void)state;
	with_server(asks_who_it_is);
}

static void order_traces(void)
{
	json_t *items = json_array();

#define ORDER(rest) "{\"v\":1,\"verb\":\"trace\",\"args\":{\"endpoint\":\"acme\"," rest "}}"
	check_code(ORDER("\"mask\":\"kex,auth\",\"for_ms\":600000,\"file\":\"/tmp/a\""), "");
	check(paper.has_order && paper.order.mask == 12);
	check(strcmp(paper.order.file, "/tmp/a") == 0);
	json_decref(ask("{\"v\":1,\"verb\":\"traces\"}", items));
	check(json_array_size(items) == 1);
	check_code(ORDER("\"mask\":\"default\""), "");
	check(!paper.has_order);
	check_code(ORDER("\"mask\":\"kx\""), "TRACE-MASK");
	check_code(ORDER("\"mask\":\"on\",\"for_ms\":-1"), "TRACE-TIME");
	check_code(ORDER("\"mask\":\"on\",\"for_ms\":31622400000"), "");
	check_code(ORDER("\"mask\":\"on\",\"for_ms\":31622400001"), "TRACE-TIME");
	check_code(ORDER("\"mask\":\"on\",\"file\":\"a\""), "TRACE-FILE");
	check_code("{\"v\":1,\"verb\":\"trace\",\"args\":{\"endpoint\":\"acne\",\"mask\":\"on\"}}",
	           "CONTROL-NO-ENDPOINT");
#undef ORDER
	json_decref(items);
}

static void walk(void)
{
	json_t *items = json_array();
	json_t *end =
	        ask("{\"v\":1,\"verb\":\"test\",\"args\":{\"endpoint\":\"acme\",\"write\":true}}",
	            items);
	const json_t *result = json_object_get(end, "result"), *step = json_array_get(items, 1);

	check(json_array_size(items) == 2);
	check(json_is_false(json_object_get(result, "passed")));
	check(json_is_true(json_object_get(result, "stops")));
	check(json_is_null(json_object_get(json_array_get(items, 0), "error")));
	check(json_is_object(json_object_get(step, "error")));
	json_decref(end);
	json_decref(items);
	check_code("{\"v\":1,\"verb\":\"test\"}", "CONTROL-ARGUMENT");
	check_code("{\"v\":1,\"verb\":\"test\",\"args\":{\"endpoint\":\"acme\",\"write\":false}}",
	           "CONTROL-ARGUMENT");
}

static void test_control__tells_each_step_of_a_test(void **state)
{
	(void)state;
	with_server(walk);
}

static void test_control__orders_traces(void **state)
{
	(void)state;
	with_server(order_traces);
}

static void test_control__carries_out_every_verb(void **state)
{
	(void)state;
	with_server(ask_every_verb);
	assert_int_equal(paper.polls, 1);
	assert_int_equal(paper.pauses, 1);
	assert_int_equal(paper.resumes, 1);
	assert_int_equal(paper.retries, 1);
	assert_int_equal(paper.reloads, 1);
}

static void ask_wrongly(void)
{
	check_code("", "CONTROL-REQUEST");
	check_code("hello", "CONTROL-REQUEST");
	check_code("[1]", "CONTROL-REQUEST");
	check_code("{\"v\":1}", "CONTROL-REQUEST");
	check_code("{\"v\":1,\"verb\":\"ps\",\"verb\":\"ps\"}", "CONTROL-REQUEST");
	check_code("{\"v\":1,\"verb\":\"ps\",\"args\":[]}", "CONTROL-REQUEST");
	check_code("{\"v\":1,\"verb\":\"ps\",\"more\":1}", "CONTROL-REQUEST");
	check_code("{\"v\":1,\"verb\":\"ps\",\"args\":[[[[[[[[1]]]]]]]]}", "CONTROL-REQUEST");
	check_code("{\"verb\":\"ps\"}", "CONTROL-VERSION");
	check_code("{\"v\":2,\"verb\":\"ps\"}", "CONTROL-VERSION");
	check_code("{\"v\":1,\"verb\":\"stauts\"}", "CONTROL-VERB");
	check_code("{\"v\":1,\"verb\":\"show\"}", "CONTROL-ARGUMENT");
	check_code("{\"v\":1,\"verb\":\"show\",\"args\":{\"job\":\"7\"}}", "CONTROL-ARGUMENT");
	check_code("{\"v\":1,\"verb\":\"ps\",\"args\":{\"x\":1}}", "CONTROL-ARGUMENT");
	check_code("{\"v\":1,\"verb\":\"jobs\",\"args\":{\"limit\":0}}", "CONTROL-ARGUMENT");
	check_code("{\"v\":1,\"verb\":\"jobs\",\"args\":{\"state\":\"hold\"}}", "CONTROL-STATE");
}

static void test_control__refuses_with_words(void **state)
{
	(void)state;
	with_server(ask_wrongly);
}

static void list_all(void)
{
	json_t *items = json_array(), *end;

	end = ask("{\"v\":1,\"verb\":\"jobs\",\"args\":{\"limit\":1000}}", items);
	check(json_array_size(items) == JOBS);
	check(json_integer_value(json_object_get(json_array_get(items, JOBS - 1), "id")) == 1);
	check(json_is_null(json_object_get(json_object_get(end, "result"), "next_before")));
	json_decref(end);
	(void)json_array_clear(items);
	end = ask("{\"v\":1,\"verb\":\"jobs\",\"args\":{\"limit\":60}}", items);
	check(json_array_size(items) == 60);
	check(json_integer_value(json_object_get(json_object_get(end, "result"), "next_before")) ==
	      JOBS - 59);
	json_decref(end);
	(void)json_array_clear(items);
	json_decref(ask("{\"v\":1,\"verb\":\"routes\"}", items));
	check(json_array_size(items) == 1000);
	json_decref(items);
}

static void test_control__streams_long_lists(void **state)
{
	(void)state;
	with_server(list_all);
}

static void retry_all(void)
{
	json_t *end = ask("{\"v\":1,\"verb\":\"retry-all\"}", NULL);
	const json_t *result = json_object_get(end, "result");

	check(json_integer_value(json_object_get(result, "retried")) == JOBS - JOBS / 10);
	json_decref(end);
}

static void test_control__retries_all_that_still_need_it(void **state)
{
	(void)state;
	with_server(retry_all);
	assert_int_equal(paper.retries, JOBS - JOBS / 10);
}

static int64_t result_of(const char *request, const char *key)
{
	json_t *end = ask(request, NULL);
	const json_t *value = json_object_get(json_object_get(end, "result"), key);
	int64_t n = json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);

	if (json_is_object(value))
		n = (int64_t)json_object_size(value);
	json_decref(end);
	return n;
}

/* claimed, stored, delivered; and the held ones that have something under way */
enum { ALL_HALTED = 3 * (JOBS - JOBS / 10) + JOBS / 2 - JOBS / 10 };

static void halt_some(void)
{
	static const char seven[] = "{\"v\":1,\"verb\":\"cancel\",\"args\":{\"job\":7}}";
	static const char nine[] = "{\"v\":1,\"verb\":\"hold\",\"args\":{\"job\":9}}";
	static const char all[] = "{\"v\":1,\"verb\":\"hold-all\",\"args\":{\"route\":\"r\"}}";

	check(result_of(seven, "canceled") == 1 && result_of(seven, "interrupted") == 1);
	check(result_of(seven, "put_back") && !result_of(seven, "running"));
	check(result_of(seven, "dropped") == 3);
	check(result_of(nine, "held") == 1 && result_of(nine, "trouble") == 2);
	check(result_of(all, "held") == ALL_HALTED);
	check(result_of(all, "interrupted") == 3 * JOBS / 2);
}

static void test_control__tells_what_holding_and_canceling_did(void **state)
{
	(void)state;
	with_server(halt_some);
	assert_int_equal(paper.halts, 5 + 2 + 2 * ALL_HALTED);
}

static void reload_refused(void)
{
	json_t *items = json_array();
	json_t *end = ask("{\"v\":1,\"verb\":\"reload\"}", items);

	check(strcmp(code_of(end), "CONFIG-REFUSED") == 0);
	check(json_array_size(items) == 2);
	json_decref(items);
	json_decref(end);
}

static void test_control__a_refused_reload_brings_its_report(void **state)
{
	(void)state;
	paper.refuse_reload = true;
	with_server(reload_refused);
}

static void look_at_names(void)
{
	json_t *items = json_array();
	const json_t *endpoint;

	json_decref(ask("{\"v\":1,\"verb\":\"status\"}", items));
	endpoint = json_array_get(items, 1);
	check(strcmp(json_string_value(json_object_get(endpoint, "name")), "acme\\x1b[2J") == 0);
	endpoint = json_object_get(endpoint, "error");
	check(strcmp(json_string_value(json_object_get(endpoint, "message")),
	             "refused \\xc3 here") == 0);
	json_decref(items);
}

static void test_control__shows_names_escaped(void **state)
{
	(void)state;
	with_server(look_at_names);
}

/* ---- frames -------------------------------------------------------------------------------- */

static void speak_in_pieces(void)
{
	const char *request = "{\"v\":1,\"verb\":\"ps\"}\n{\"v\":1,\"verb\":\"ps\"}\n{\"v\":1,";
	int fd = dial();

	for (const char *p = request; *p; p++)
		check(send(fd, p, 1, MSG_NOSIGNAL) == 1);
	for (int i = 0; i < 2; i++)
		json_decref(read_end(fd, NULL));
	say(fd, "\"verb\":\"ps\"}\n");
	json_decref(read_end(fd, NULL));
	(void)close(fd);
}

static void test_control__lines_may_come_in_pieces_and_together(void **state)
{
	(void)state;
	with_server(speak_in_pieces);
}

static void speak_at_length(size_t bytes, const char *want)
{
	char *text = mem_new(bytes + 1);
	json_t *end;
	int fd = dial();
	size_t n = (size_t)snprintf(text, bytes, "{\"v\":1,\"verb\":\"ps\"}");

	memset(text + n, ' ', bytes - n - 1);
	text[bytes - 1] = '\n';
	say(fd, text);
	end = read_end(fd, NULL);
	check(end && strcmp(code_of(end), want) == 0);
	json_decref(end);
	(void)close(fd);
	free(text);
}

static void speak_at_the_limit(void)
{
	speak_at_length(CONTROL_LINE_BYTES, "");
	speak_at_length(CONTROL_LINE_BYTES + 1, "CONTROL-TOO-LONG");
}

static void test_control__a_message_has_a_limit(void **state)
{
	(void)state;
	with_server(speak_at_the_limit);
}

static void stop_in_the_middle(void)
{
	int64_t begun = clock_mono_ms();
	int fd = dial();
	char byte;

	say(fd, "{\"v\":1,");
	check(hear(fd, &byte, 1, CONTROL_MESSAGE_MS + 3000) == 0);
	check(clock_mono_ms() - begun > CONTROL_MESSAGE_MS - 500);
	(void)close(fd);
}

static void test_control__an_unfinished_message_has_a_deadline(void **state)
{
	(void)state;
	with_server(stop_in_the_middle);
}

/* A generator of its own: the same frames on every machine. */
static uint32_t roll(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

static size_t make_frame(uint64_t *seed, char *out, size_t room)
{
	static const char whole[] =
	        "{\"v\":1,\"verb\":\"jobs\",\"args\":{\"route\":\"r\",\"limit\":2}}";
	size_t n = roll(seed) % room;

	if (roll(seed) % 3 == 0) {
		for (size_t i = 0; i < n; i++)
			out[i] = (char)roll(seed);
	} else {
		n = roll(seed) % sizeof(whole);
		memcpy(out, whole, n);
		if (n > 0 && roll(seed) % 2)
			out[roll(seed) % n] = (char)roll(seed);
	}
	out[n++] = '\n';
	return n;
}

/* Operators who hung up are still being noticed: until then there may be no room. */
static void await_room(void)
{
	int64_t until = clock_mono_ms() + 30000;
	bool is_busy = true;

	while (is_busy) {
		json_t *end = ask("{\"v\":1,\"verb\":\"ps\"}", NULL);

		is_busy = strcmp(code_of(end), "CONTROL-BUSY") == 0;
		check(is_busy || *code_of(end) == '\0');
		check(clock_mono_ms() < until);
		json_decref(end);
		(void)poll(NULL, 0, is_busy ? 20 : 0);
	}
}

/* Nobody reads the answers: each operator hangs up after some frames. */
static void babble(void)
{
	uint64_t seed = 42;
	char frame[257];

	for (int i = 0; i < 10000;) {
		int fd = dial();

		for (int k = 0; k < 100; k++, i++) {
			size_t n = make_frame(&seed, frame, sizeof(frame) - 1);

			if (send(fd, frame, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
				break;
		}
		(void)close(fd);
	}
	await_room();
}

static void test_control__survives_ten_thousand_wrong_frames(void **state)
{
	(void)state;
	with_server(babble);
}

static void nest_deep(void)
{
	enum { DEEP = 50000 };
	char *text = mem_new(DEEP + 1);

	memset(text, '[', DEEP);
	check_code(text, "CONTROL-REQUEST");
	free(text);
}

static void test_control__nesting_cannot_exhaust_a_fibers_stack(void **state)
{
	(void)state;
	with_server(nest_deep);
}

/* ---- operators ----------------------------------------------------------------------------- */

static void crowd(void)
{
	int fd[CONTROL_CLIENTS + 1];
	json_t *end;

	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		fd[i] = dial();
		say(fd[i], "{\"v\":1,\"verb\":\"ps\"}\n");
		json_decref(read_end(fd[i], NULL));
	}
	fd[CONTROL_CLIENTS] = dial();
	end = read_end(fd[CONTROL_CLIENTS], NULL);
	check(end && strcmp(code_of(end), "CONTROL-BUSY") == 0);
	json_decref(end);
	for (int i = 0; i <= CONTROL_CLIENTS; i++)
		(void)close(fd[i]);
}

static void test_control__has_room_for_so_many_operators(void **state)
{
	(void)state;
	with_server(crowd);
}

static void stay_connected(void)
{
	static int fd; /* left open on purpose: the server must not wait for it */

	fd = dial();
	say(fd, "{\"v\":1,\"verb\":\"ps\"}\n");
	json_decref(read_end(fd, NULL));
	say(fd, "{\"v\":1,\"verb\":\"rel");
}

static void test_control__stops_with_operators_connected(void **state)
{
	int64_t begun = clock_mono_ms();

	(void)state;
	with_server(stay_connected);
	assert_true(clock_mono_ms() - begun < 3000);
}

/* All descriptors are taken before the operator comes. */
static void exhaust_descriptors(void)
{
	struct rlimit before, tight;
	int mine = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), taken[64], n = 0;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	json_t *end;

	memcpy(a.sun_path, path, strlen(path) + 1);
	check(getrlimit(RLIMIT_NOFILE, &before) == 0);
	tight = (struct rlimit){.rlim_cur = 40, .rlim_max = before.rlim_max};
	check(setrlimit(RLIMIT_NOFILE, &tight) == 0);
	while (n < 64 && (taken[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		n++;
	check(connect(mine, (struct sockaddr *)&a, sizeof(a)) == 0);
	say(mine, "{\"v\":1,\"verb\":\"ps\"}\n");
	end = read_end(mine, NULL);
	while (n > 0)
		(void)close(taken[--n]);
	check(setrlimit(RLIMIT_NOFILE, &before) == 0);
	check(end && *code_of(end) == '\0');
	json_decref(end);
	(void)close(mine);
}

static void test_control__answers_when_descriptors_are_used_up(void **state)
{
	(void)state;
	with_server(exhaust_descriptors);
}

/* ---- rights -------------------------------------------------------------------------------- */

static void check_right(uid_t uid, gid_t gid, enum peer_right want)
{
	const struct peer_rules rules = {.daemon = 900, .operators = 901, .readers = 902};
	struct peer p = {.uid = uid, .groups = {100, gid}, .group_count = 2};

	assert_int_equal(peer_right(&p, &rules), want);
}

static void test_peer__rights(void **state)
{
	const struct peer_rules open = {.daemon = 900, .operators = 901, .readers = (gid_t)-1};
	struct peer nobody = {.uid = 1000, .groups = {(gid_t)-1}, .group_count = 1};

	(void)state;
	check_right(0, 0, RIGHT_OPERATE);
	check_right(900, 0, RIGHT_OPERATE);
	check_right(1000, 901, RIGHT_OPERATE);
	check_right(1000, 902, RIGHT_READ);
	check_right(1000, 900, RIGHT_NONE);
	check_right(1000, 0, RIGHT_NONE);
	assert_int_equal(peer_right(&nobody, &open), RIGHT_NONE);
}

static const char *const read_verbs[] = {
        "{\"v\":1,\"verb\":\"status\"}",
        "{\"v\":1,\"verb\":\"routes\"}",
        "{\"v\":1,\"verb\":\"ps\"}",
        "{\"v\":1,\"verb\":\"jobs\"}",
        "{\"v\":1,\"verb\":\"show\",\"args\":{\"job\":7}}",
};
static const char *const operate_verbs[] = {
        "{\"v\":1,\"verb\":\"poll\",\"args\":{\"route\":\"route-1\"}}",
        "{\"v\":1,\"verb\":\"pause\",\"args\":{\"route\":\"route-1\"}}",
        "{\"v\":1,\"verb\":\"resume\",\"args\":{\"route\":\"route-1\"}}",
        "{\"v\":1,\"verb\":\"retry\",\"args\":{\"job\":7}}",
        "{\"v\":1,\"verb\":\"retry-all\"}",
        "{\"v\":1,\"verb\":\"hold\",\"args\":{\"job\":7}}",
        "{\"v\":1,\"verb\":\"hold-all\",\"args\":{\"route\":\"route-1\"}}",
        "{\"v\":1,\"verb\":\"cancel\",\"args\":{\"job\":7}}",
        "{\"v\":1,\"verb\":\"reload\"}",
};

static int swallow(void *arg, const void *data, size_t n, struct err *e)
{
	(void)e;
	return buf_add(arg, data, n) < 0;
}

/* Without a socket: the verb table alone, on a fiber. */
static void check_verb(const char *text, enum peer_right right, bool allowed)
{
	struct request request;
	struct answer answer;
	struct buf got;
	struct err e;

	buf_init(&got, 8 * 1024 * 1024);
	answer_init(&answer, CONTROL_LINE_BYTES);
	answer.write = swallow;
	answer.arg = &got;
	check(request_parse(text, strlen(text), &request, &e) == 0);
	check(verbs_run(&request, right, &engine, &answer, &e) == 0);
	check(!strstr(buf_text(&got), "CONTROL-NOT-PERMITTED") == allowed);
	request_release(&request);
	answer_release(&answer);
	buf_release(&got);
}

static void check_matrix(struct worker *w)
{
	(void)w;
	for (enum peer_right right = RIGHT_NONE; right <= RIGHT_OPERATE; right++) {
		for (size_t i = 0; i < sizeof(read_verbs) / sizeof(*read_verbs); i++)
			check_verb(read_verbs[i], right, right >= RIGHT_READ);
		for (size_t i = 0; i < sizeof(operate_verbs) / sizeof(*operate_verbs); i++)
			check_verb(operate_verbs[i], right, right >= RIGHT_OPERATE);
	}
}

static void test_verbs__need_their_rights(void **state)
{
	(void)state;
	rig_run(check_matrix);
	assert_int_equal(paper.reloads, 1);
	assert_int_equal(paper.polls, 1);
}

/* A child that becomes `uid` with the groups given and asks once; its exit status: 0 answered,
 * 1 not permitted, 2 anything else. Only plain calls: it was forked from a thread. */
static int ask_as(uid_t uid, gid_t group, gid_t extra)
{
	static const char request[] = "{\"v\":1,\"verb\":\"ps\"}\n";
	int status;
	pid_t child = fork();

	check(child >= 0);
	if (child == 0) {
		char text[4096] = "";
		int fd;

		if (syscall(SYS_setgroups, 1, &extra) < 0 || setresgid(group, group, group) < 0 ||
		    setresuid(uid, uid, uid) < 0)
			_exit(2);
		fd = dial();
		(void)send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
		if (recv(fd, text, sizeof(text) - 1, 0) <= 0)
			_exit(2);
		_exit(strstr(text, "CONTROL-NOT-PERMITTED") ? 1 : 0);
	}
	check(waitpid(child, &status, 0) == child && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void ask_as_others(void)
{
	struct stat st;

	check(stat(path, &st) == 0 && (st.st_mode & 0777) == 0660);
	check(chmod(path, 0666) == 0); /* so that the daemon itself has to decide */
	check(ask_as(0, 0, 0) == 0);
	check(ask_as(12345, 12345, st.st_gid) == 0);
	check(ask_as(12345, st.st_gid, 12345) == 0);
	check(ask_as(12345, 12345, 12346) == 1);
}

static void test_control__lets_in_root_and_the_group(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	with_server(ask_as_others);
}

/* ---- the socket file ----------------------------------------------------------------------- */

static void check_listen_refused(const char *where, const char *code)
{
	struct control_listener l;
	struct err e = {0};

	assert_true(control_listen(where, &l, &e) < 0);
	assert_string_equal(e.code, code);
}

static void test_listener__replaces_only_a_dead_socket(void **state)
{
	struct control_listener first, second;
	struct err e;
	char file[128];
	int fd;

	(void)state;
	assert_int_equal(control_listen(path, &first, &e), 0);
	check_listen_refused(path, "CONTROL-IN-USE");
	assert_int_equal(close(first.fd), 0); /* as after a crash: the file stays */
	assert_int_equal(control_listen(path, &second, &e), 0);
	control_remove_file(&first); /* not its own any more */
	assert_int_equal(access(path, F_OK), 0);
	control_unlisten(&second);
	(void)snprintf(file, sizeof(file), "%s/file", folder);
	fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	check_listen_refused(file, "CONTROL-NOT-SOCKET");
	assert_int_equal(unlink(file), 0);
	(void)snprintf(file, sizeof(file), "%s/missing/control.sock", folder);
	check_listen_refused(file, "CONTROL-BIND");
	check_listen_refused("control.sock", "CONTROL-BIND");
	check_listen_refused("/tmp/0123456789012345678901234567890123456789012345678901234567890123"
	                     "45678901234567890123456789012345678901234567890123456789",
	                     "CONTROL-BIND");
}

#define with_folder(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        with_folder(test_control__carries_out_every_verb),
	        with_folder(test_control__orders_traces),
	        with_folder(test_control__tells_each_step_of_a_test),
	        with_folder(test_control__tells_who_a_server_is),
	        with_folder(test_control__refuses_with_words),
	        with_folder(test_control__streams_long_lists),
	        with_folder(test_control__retries_all_that_still_need_it),
	        with_folder(test_control__tells_what_holding_and_canceling_did),
	        with_folder(test_control__a_refused_reload_brings_its_report),
	        with_folder(test_control__shows_names_escaped),
	        with_folder(test_control__lines_may_come_in_pieces_and_together),
	        with_folder(test_control__a_message_has_a_limit),
	        with_folder(test_control__an_unfinished_message_has_a_deadline),
	        with_folder(test_control__survives_ten_thousand_wrong_frames),
	        with_folder(test_control__nesting_cannot_exhaust_a_fibers_stack),
	        with_folder(test_control__has_room_for_so_many_operators),
	        with_folder(test_control__stops_with_operators_connected),
	        with_folder(test_control__answers_when_descriptors_are_used_up),
	        cmocka_unit_test(test_peer__rights),
	        with_folder(test_verbs__need_their_rights),
	        with_folder(test_control__lets_in_root_and_the_group),
	        with_folder(test_listener__replaces_only_a_dead_socket),
	};

	work_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
