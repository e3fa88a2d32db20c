/*
 * An engine that has nothing: no route, no fiber, one job that nobody can see. It counts what it was
 * asked to change.
 *
 *	struct control_engine engine = engine_of_nothing(&changes);
 */
#pragma once
#include "daemon/base/mem.h"
#include "daemon/control/control.h"
#include "tests/fuzz/oracle.h"

static inline int no_status(void *arg, struct control_status *out, struct err *e)
{
	(void)arg;
	(void)out;
	(void)e;
	return 0;
}

static inline int no_routes(void *arg, struct control_route **out, size_t *count, struct err *e)
{
	(void)arg;
	(void)out;
	(void)count;
	(void)e;
	return 0;
}

static inline int no_fibers(void *arg, struct control_fiber **out, size_t *count, struct err *e)
{
	(void)arg;
	(void)out;
	(void)count;
	(void)e;
	return 0;
}

static inline int one_job(void *arg, const struct store_filter *f, struct store_job_info *out,
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

static inline int no_job(void *arg, int64_t job, struct store_job_info *out,
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

static inline int no_route(void *arg, const char *route, struct err *e)
{
	static const char *const names[] = {"acme-in", "bank-out"};

	++*(int *)arg;
	return control_no_route(route, names, 2, e);
}

static inline int no_retry(void *arg, int64_t job, struct err *e)
{
	++*(int *)arg;
	return err_set(e, ERR_OBJECT, "STORE-NO-JOB", 0, "there is no job %lld", (long long)job);
}

static inline int no_reload(void *arg, char **text, struct err *e)
{
	++*(int *)arg;
	*text = mem_dup("a.yaml:1:1: no\n");
	return err_set(e, ERR_CONFIG, "CONFIG", 0, "refused");
}

static inline int no_trace(void *arg, const char *endpoint, const struct trace_order *order,
                           struct err *e)
{
	(void)order;
	++*(int *)arg;
	return control_no_endpoint(endpoint, NULL, 0, e);
}

static inline int no_trust(void *arg, const char *endpoint, const char *fingerprint,
                           struct control_trust *out, struct err *e)
{
	(void)out;
	(void)fingerprint;
	++*(int *)arg;
	return control_no_endpoint(endpoint, NULL, 0, e);
}

static inline int no_test(void *arg, const char *endpoint, const struct examine_options *options,
                          struct examination *out, bool *stops, struct err *e)
{
	(void)options;
	(void)out;
	(void)stops;
	++*(int *)arg;
	return control_no_endpoint(endpoint, NULL, 0, e);
}

static inline int no_traces(void *arg, struct control_trace **out, size_t *count, struct err *e)
{
	(void)arg;
	(void)e;
	*out = NULL;
	*count = 0;
	return 0;
}

static inline struct control_engine engine_of_nothing(int *changes)
{
	return (struct control_engine){
	.arg = changes,
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
        .trace = no_trace,
        .traces = no_traces,
        .test = no_test,
        .trust = no_trust,
};
}
