#include "daemon/route/watch.h"

#include <stdlib.h>

#include "adapters/adapter.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

struct watch_state {
	const struct adapter *adapter;
	struct connection *connection;
};

static void on_change(void *arg)
{
	route_poke(arg);
}

void watch_begin(struct route *r)
{
	const struct route_source *from = &r->settings->from;
	const struct adapter *a = adapter_for((int)from->endpoint->protocol);
	struct watch_state *w;
	struct err e;

	if (r->watch || !a->watch)
		return;
	w = mem_new_of(struct watch_state);
	w->adapter = a;
	if (a->connect(from->endpoint, NULL, &w->connection, &e) == 0 &&
	    a->watch(w->connection, from->recurse, on_change, r, &e) == 0) {
		r->watch = w;
		return;
	}
	log_warn("directory cannot be watched, its rescans go on, ignoring",
	         "route=%s code=%s error=\"%s\"", r->settings->name, e.code, e.message);
	a->close(w->connection);
	free(w);
}

void watch_end(struct route *r)
{
	if (!r->watch)
		return;
	r->watch->adapter->close(r->watch->connection);
	free(r->watch);
	r->watch = NULL;
}

bool watch_is_busy(const struct route *r, const char *path)
{
	const struct watch_state *w = r->watch;

	return w && w->adapter->is_busy && w->adapter->is_busy(w->connection, path);
}

bool watch_is_alive(const struct route *r)
{
	return r->watch && r->watch->adapter->is_alive(r->watch->connection);
}
