#include "daemon/route/shard_trace.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

struct order {
	struct link link;
	char *endpoint;
	struct trace_order wish;
};

static void drop(struct order *o)
{
	list_remove(&o->link);
	free(o->endpoint);
	free(o);
}

/* The order for that name; those whose time is over go on the way. */
static struct order *find(struct shard *s, const char *endpoint)
{
	int64_t now = clock_mono_ms();
	struct order *found = NULL;

	list_for_each(l, &s->orders)
	{
		struct order *o = list_item(l, struct order, link);

		if (o->wish.until_ms <= now)
			drop(o);
		else if (strcmp(o->endpoint, endpoint) == 0)
			found = o;
	}
	return found;
}

struct message {
	const char *endpoint;
	const struct trace_order *order;
};

static void tell(struct endpoint *p, void *arg)
{
	const struct message *m = arg;

	if (strcmp(endpoint_settings(p)->name, m->endpoint) == 0)
		endpoint_trace_set(p, m->order);
}

void shard_trace_order(struct shard *s, const char *endpoint, const struct trace_order *order)
{
	struct message m = {endpoint, order};
	struct order *o = find(s, endpoint);

	if (o && !order)
		drop(o);
	if (!o && order) {
		o = mem_new_of(struct order);
		o->endpoint = mem_dup(endpoint);
		list_append(&s->orders, &o->link);
	}
	if (order)
		o->wish = *order;
	shard_each_endpoint(s, tell, &m);
}

void shard_trace_each(struct shard *s,
                      void (*each)(const char *endpoint, const struct trace_order *, void *arg),
                      void *arg)
{
	(void)find(s, "");
	list_for_each(l, &s->orders)
	{
		const struct order *o = list_item(l, struct order, link);

		each(o->endpoint, &o->wish, arg);
	}
}

void shard_trace_apply(struct shard *s, struct endpoint *p)
{
	const struct order *o = find(s, endpoint_settings(p)->name);

	if (o)
		endpoint_trace_set(p, &o->wish);
}

void shard_trace_release(struct shard *s)
{
	struct link *l;

	while ((l = list_take_first(&s->orders))) {
		struct order *o = list_item(l, struct order, link);

		free(o->endpoint);
		free(o);
	}
}
