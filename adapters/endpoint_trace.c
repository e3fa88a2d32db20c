#include "adapters/endpoint_state.h"
#include "daemon/base/clock.h"

void endpoint_trace_remember(struct endpoint *p, struct trace *t)
{
	const char *file = trace_file(t);

	(void)snprintf(p->trace_file, sizeof(p->trace_file), "%s", file ? file : "");
}

/* What an operator ordered, else what is configured. */
void endpoint_trace_obey(const struct endpoint *p, struct trace *t)
{
	if (!p->has_order) {
		trace_into(t, NULL); /* first: what is due goes where it was due */
		trace_set(t, p->settings->trace_mask, p->settings->trace_when);
		return;
	}
	trace_into(t, p->order.file[0] ? p->order.file : NULL);
	trace_set(t, p->order.mask, p->order.mask ? TRACE_ALWAYS : TRACE_NEVER);
}

struct trace *endpoint_trace_begin(struct endpoint *p)
{
	static const struct trace_config nowhere = {.when = TRACE_NEVER};
	struct trace *t = trace_new(p->config ? &p->config->trace : &nowhere, p->settings->name,
	                            p->settings->trace_mask, p->settings->trace_when);

	if (p->settings->host)
		trace_about(t, "host", "%s port %d", p->settings->host, p->settings->port);
	else if (p->settings->root)
		trace_about(t, "directory", "%s", p->settings->root);
	if (p->settings->user)
		trace_about(t, "user", "%s", p->settings->user);
	endpoint_trace_obey(p, t);
	return t;
}

static void obey_all(struct endpoint *p)
{
	list_for_each(l, &p->slots) endpoint_trace_obey(p, list_item(l, struct slot, link)->trace);
}

/* Ends the order when its time is over. */
static void order_fiber(void *arg)
{
	struct endpoint *p = arg;
	int serial = p->order_serial;
	struct err e;

	while (p->order_serial == serial && p->order.until_ms > clock_mono_ms())
		if (signal_wait(&p->order_changed, "end of an ordered trace",
		                deadline_in(p->order.until_ms - clock_mono_ms()),
		                &e) == ERR_CANCELED)
			return;
	if (p->order_serial == serial)
		endpoint_trace_set(p, NULL);
}

void endpoint_trace_set(struct endpoint *p, const struct trace_order *order)
{
	p->order_serial++;
	signal_raise(&p->order_changed);
	p->has_order = order != NULL;
	if (order)
		p->order = *order;
	obey_all(p);
	if (order && order->until_ms != INT64_MAX && !p->is_ending)
		group_start(&p->fibers, "ordered trace", order_fiber, p);
}
