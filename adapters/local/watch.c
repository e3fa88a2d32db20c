#include "adapters/local/hub.h"
#include "adapters/local/local.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

static struct watch *watch_of(struct link *l)
{
	return list_item(l, struct watch, link);
}

/* What the connection keeps about a watch, around what the hub needs. */
struct local_watch {
	struct watch watch;
	struct connection *connection;
	void (*changed)(void *arg);
	void *arg;
};

static void watch_changed(void *arg)
{
	struct local_watch *w = arg;

	if (w->watch.is_gone)
		w->connection->is_dead = true; /* the path may lead to a new directory by now */
	w->changed(w->arg);
}

/* Without a watch files are found a little later, by the next rescan: worth a warning, no more. */
static int do_without(struct connection *c, struct local_watch *w, const struct err *e)
{
	free(w);
	log_warn("directory is looked through at its intervals only, ignoring",
	         "root=%s code=%s error=\"%s\"", c->settings->root, e->code, e->message);
	return 0;
}

static int begin(struct connection *c, struct local_watch *w, struct err *e)
{
	struct hub *h = hub_take(e);
	int r;

	if (!h)
		return e->kind;
	r = hub_watch(h, &w->watch, e);
	if (r < 0)
		hub_give(h);
	else
		list_append(&c->watches, &w->watch.link);
	return r;
}

int local_watch(struct connection *c, int depth, void (*changed)(void *arg), void *arg,
                struct err *e)
{
	struct local_watch *w;
	struct err why;
	int r = local_begin(c, e);

	if (r < 0)
		return r;
	w = mem_new_of(struct local_watch);
	w->connection = c;
	w->changed = changed;
	w->arg = arg;
	w->watch = (struct watch){
	        .root = c->root,
	        .dev = c->dev,
	        .ino = c->ino,
	        .path = c->settings->root,
	        .depth = depth,
	        .changed = watch_changed,
	        .arg = w,
	};
	r = begin(c, w, &why);
	if (r == ERR_BUSY) {
		r = do_without(c, w, &why);
	} else if (r < 0) {
		*e = why;
		free(w);
	}
	return local_end(c, "watch", ".", r, e);
}

void local_unwatch(struct connection *c)
{
	struct link *l;

	while ((l = list_take_first(&c->watches))) {
		struct hub *h = hub_here();

		hub_unwatch(h, watch_of(l));
		hub_give(h);
		free(list_item(watch_of(l), struct local_watch, watch));
	}
}

bool local_is_busy(struct connection *c, const char *path)
{
	const struct hub *h = hub_here();

	return h && hub_is_busy(h, c->dev, c->ino, path);
}
