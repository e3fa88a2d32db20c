/*
 * What an operator asks of an endpoint (control.h): its traces, who it is.
 */
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter.h"
#include "adapters/trace_file.h"
#include "config/pin.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/engine.h"
#include "daemon/route/shard_trace.h"
#include "daemon/runtime/work.h"

/* Only those with a name of their own; the roots of routes are endpoints too, inside. */
static int no_endpoint(const struct engine *g, const char *name, struct err *e)
{
	const struct config *c = g->config;
	const char **names = mem_new_array(c->endpoint_count, sizeof(*names));
	int r;

	for (size_t i = 0; i < c->endpoint_count; i++)
		names[i] = c->endpoints[i]->name;
	r = control_no_endpoint(name, names, c->endpoint_count, e);
	free(names);
	return r;
}

/* ---- traces -------------------------------------------------------------------------------- */

struct trace_wish {
	struct shard *shard;
	const char *endpoint;
	const struct trace_order *order; /* NULL: back to what is configured */
};

static int order_there(void *arg, struct err *e)
{
	struct trace_wish *w = arg;

	(void)e;
	shard_trace_order(w->shard, w->endpoint, w->order);
	return 0;
}

static int claim_file(void *arg, struct err *e)
{
	const struct trace_order *order = arg;

	return trace_file_claim(order->file, e);
}

/* A local directory may be an endpoint of any shard, a partner is one of its own shard. */
static int trace(void *arg, const char *endpoint, const struct trace_order *order, struct err *e)
{
	struct engine *g = arg;
	int r = 0;

	if (!config_endpoint(g->config, endpoint))
		return no_endpoint(g, endpoint, e);
	if (order && order->file[0])
		r = work_run(claim_file, (void *)(uintptr_t)order, "making the trace's file", e);
	for (size_t i = 0; r == 0 && i < g->shard_count; i++) {
		struct trace_wish w = {&g->shards[i], endpoint, order};

		r = worker_call(g->shards[i].worker, "order a trace", order_there, &w, e);
	}
	return r;
}

struct trace_list {
	struct shard *shard;
	struct control_trace *items;
	size_t count;
};

/* Every shard has the order; told once. */
static void add_trace(const char *endpoint, const struct trace_order *order, void *arg)
{
	struct trace_list *l = arg;
	struct control_trace *t;

	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->items[i].endpoint, endpoint) == 0)
			return;
	l->items = mem_grow(l->items, (l->count + 1) * sizeof(*l->items));
	t = &l->items[l->count++];
	memset(t, 0, sizeof(*t));
	(void)snprintf(t->endpoint, sizeof(t->endpoint), "%s", endpoint);
	t->order = *order;
}

static int list_there(void *arg, struct err *e)
{
	struct trace_list *l = arg;

	(void)e;
	shard_trace_each(l->shard, add_trace, l);
	return 0;
}

static int traces(void *arg, struct control_trace **out, size_t *count, struct err *e)
{
	struct engine *g = arg;
	struct trace_list l = {.shard = &g->shards[0]};

	if (worker_call(l.shard->worker, "ordered traces", list_there, &l, e) < 0) {
		free(l.items);
		return e->kind;
	}
	*out = l.items;
	*count = l.count;
	return 0;
}

/* ---- trust --------------------------------------------------------------------------------- */

struct trust_question {
	struct shard *shard;
	const struct config *config;
	const struct endpoint_config *endpoint;
	const char *pin; /* NULL: only look */
	struct identity *out;
};

static void reset_if_meant(struct endpoint *p, void *arg)
{
	const struct trust_question *q = arg;

	if (strcmp(endpoint_settings(p)->name, q->endpoint->name) == 0)
		endpoint_reset(p);
}

static int trust_there(void *arg, struct err *e)
{
	struct trust_question *q = arg;
	const struct endpoint_config *p = q->endpoint;
	struct trace *t = trace_new(&q->config->trace, p->name, p->trace_mask, p->trace_when);
	int r = adapter_for((int)p->protocol)->trust(p, t, q->pin, q->out, e);

	if (r < 0)
		trace_failed(t, e);
	trace_free(t);
	if (r == 0 && q->pin)
		shard_each_endpoint(q->shard, reset_if_meant, q);
	return r;
}

static int read_fingerprint(const char *text, char pin[PIN_BYTES], struct err *e)
{
	const char *complaint = NULL;

	switch (pin_read(text, pin, &complaint)) {
	case PIN_STRONG:
		return 0;
	case PIN_WEAK:
		return err_set(e, ERR_POLICY, "TRUST-FINGERPRINT", 0,
		               "MD5 and SHA-1 fingerprints can be forged: ask the partner for the "
		               "SHA-256 one (ssh-keygen -lf)");
	case PIN_WRONG:
		break;
	}
	return err_set(e, ERR_POLICY, "TRUST-FINGERPRINT", 0, "the fingerprint %s", complaint);
}

static int ask_identity(struct engine *g, struct trust_question *q, struct err *e)
{
	const struct adapter *adapter = adapter_for((int)q->endpoint->protocol);

	if (!adapter || !adapter->trust)
		return err_set(e, ERR_POLICY, "TRUST-PROTOCOL", 0,
		               "%s has no host key to trust: that is for protocol: sftp; an FTPS "
		               "server proves itself by its certificate (`tls:`)",
		               q->endpoint->name);
	q->shard = &g->shards[shard_of_name(q->endpoint->name, g->shard_count)];
	return worker_call(q->shard->worker, "trust", trust_there, q, e);
}

/* With a fingerprint: once the key is on record, what waited for the endpoint goes on. */
static int trust_endpoint(struct engine *g, struct trust_question *q, const char *fingerprint,
                          struct control_trust *out, struct err *e)
{
	char pin[PIN_BYTES];
	int r = fingerprint ? read_fingerprint(fingerprint, pin, e) : 0;

	q->pin = fingerprint ? pin : NULL;
	q->out = &out->identity;
	if (r == 0)
		r = ask_identity(g, q, e);
	q->pin = NULL;
	if (r < 0)
		return r;
	(void)snprintf(out->host, sizeof(out->host), "%s", q->endpoint->host);
	out->port = q->endpoint->port;
	if (!fingerprint)
		return 0;
	log_info("an operator trusts a host key", "endpoint=%s fingerprint=%s file=%s",
	         q->endpoint->name, out->identity.sha256, out->identity.stored.file);
	engine_wake_users(g, q->endpoint->name);
	return 0;
}

static int trust(void *arg, const char *endpoint, const char *fingerprint,
                 struct control_trust *out, struct err *e)
{
	struct engine *g = arg;
	const struct config *c = config_ref(g->config); /* a reload may come between */
	struct trust_question q = {.config = c, .endpoint = config_endpoint(c, endpoint)};
	int r = q.endpoint ? trust_endpoint(g, &q, fingerprint, out, e)
	                   : no_endpoint(g, endpoint, e);

	config_unref(c);
	return r;
}

/* ---- test ---------------------------------------------------------------------------------- */

struct test_question {
	struct shard *shard;
	const struct config *config;
	const struct endpoint_config *endpoint;
	const struct examine_options *options;
	struct examination *out;
	bool stops;
};

static void stop_if_meant(struct endpoint *p, void *arg)
{
	struct test_question *q = arg;

	if (strcmp(endpoint_settings(p)->name, q->endpoint->name) != 0)
		return;
	endpoint_login_refused(p, &q->out->failure);
	q->stops = true;
}

/* Whatever fails is in *out. */
static int test_there(void *arg, struct err *e)
{
	struct test_question *q = arg;

	(void)e;
	(void)examine(q->config, q->endpoint, q->options, q->out);
	if (q->out->failure.kind == ERR_AUTH)
		shard_each_endpoint(q->shard, stop_if_meant, q);
	return 0;
}

static int test(void *arg, const char *endpoint, const struct examine_options *options,
                struct examination *out, bool *stops, struct err *e)
{
	struct engine *g = arg;
	const struct config *c = config_ref(g->config); /* a reload may come between */
	struct test_question q = {
	        .config = c,
	        .endpoint = config_endpoint(c, endpoint),
	        .options = options,
	        .out = out,
	        .shard = &g->shards[shard_of_name(endpoint, g->shard_count)],
	};
	int r = q.endpoint ? 0 : no_endpoint(g, endpoint, e);

	if (r == 0)
		r = worker_call(q.shard->worker, "test", test_there, &q, e);
	*stops = q.stops;
	config_unref(c);
	return r;
}

void engine_operator_endpoints(struct control_engine *table)
{
	table->trace = trace;
	table->traces = traces;
	table->test = test;
	table->trust = trust;
}
