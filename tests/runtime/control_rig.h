/*
 * A control server over an engine of paper, and an operator who speaks to it from a thread.
 *
 *	with_server(what);			// in the test: `what` runs in that thread
 *	check_code(request, "");		// in `what`: answered well
 *	end = ask(request, items);
 *
 * Tests that need the folder of the socket are listed by with_folder(); paper counts what was asked.
 */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/mem.h"
#include "daemon/control/server.h"
#include "daemon/control/verbs.h"
#include "daemon/runtime/work.h"
#include "tests/runtime/rig.h"

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
	if (job % 10 == 5)
		return err_set(e, ERR_OBJECT, "ROUTE-GONE", 0, "no route for %lld", (long long)job);
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

static inline int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ferryd-control-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chmod(folder, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/control.sock", folder);
	memset(&paper, 0, sizeof(paper));
	return 0;
}

static inline int tear_down(void **state)
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

static inline void with_server(void (*what)(void))
{
	operator_does = what;
	rig_run(serve_one);
}

static inline int dial(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(fd >= 0);
	memcpy(a.sun_path, path, strlen(path) + 1);
	check(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

static inline void say(int fd, const char *text)
{
	(void)send(fd, text, strlen(text), MSG_NOSIGNAL); /* the far end may have hung up */
}

/* Waits, bounded, for more; 0 = hung up. */
static inline ssize_t hear(int fd, char *out, size_t room, int wait_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	check(poll(&p, 1, wait_ms) == 1);
	n = recv(fd, out, room, 0);
	return n < 0 && errno == ECONNRESET ? 0 : n;
}

/* Reads to the end line; the items are gathered in *items if given. */
static inline json_t *read_end(int fd, json_t *items)
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
static inline json_t *ask(const char *request, json_t *items)
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

static inline const char *code_of(const json_t *end)
{
	const json_t *error = json_object_get(end, "error");

	return error ? json_string_value(json_object_get(error, "code")) : "";
}

static inline void check_code(const char *request, const char *want)
{
	json_t *end = ask(request, NULL);

	if (strcmp(code_of(end), want) != 0)
		(void)fprintf(stderr, "%s: %s, not %s\n", request, code_of(end), want);
	check(strcmp(code_of(end), want) == 0);
	check(json_is_true(json_object_get(end, "ok")) == (*want == '\0'));
	check(json_is_object(json_object_get(end, "result")) || *want != '\0');
	json_decref(end);
}

#define with_folder(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
