#include "adapters/local/barrier.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/runtime/work.h"

/* Up to so many are flushed each for itself: syncfs(2) would also wait for what others write. */
enum { ONE_BY_ONE = 4 };

struct round {
	struct link items;
	int count;
	int distinct; /* inodes among them, counted up to ONE_BY_ONE + 1 */
	bool is_one_fs;
};

void barrier_init(struct barrier *b)
{
	*b = (struct barrier){0};
	list_init(&b->waiting);
	signal_init(&b->flushed);
}

static struct barrier_item *item_of(struct link *l)
{
	return list_item(l, struct barrier_item, link);
}

static bool has_earlier(const struct round *r, const struct barrier_item *of)
{
	list_for_each(l, &r->items)
	{
		const struct barrier_item *i = item_of(l);

		if (i == of)
			return false;
		if (i->ino == of->ino && i->dev == of->dev && i->kind == of->kind)
			return true;
	}
	return false;
}

static void identify(struct round *r)
{
	r->is_one_fs = true;
	list_for_each(l, &r->items)
	{
		struct barrier_item *i = item_of(l);
		struct stat st;

		if (fstat(i->fd, &st) < 0) {
			i->error = errno;
			continue;
		}
		i->dev = st.st_dev;
		i->ino = st.st_ino;
		i->is_file = S_ISREG(st.st_mode);
		if (i->dev != item_of(r->items.next)->dev)
			r->is_one_fs = false;
		if (r->distinct <= ONE_BY_ONE && !has_earlier(r, i))
			r->distinct++;
	}
}

static int flush_one(const struct barrier_item *i)
{
	int r = i->kind == BARRIER_DATA ? fdatasync(i->fd) : fsync(i->fd);

	return r < 0 ? errno : 0;
}

/* Equal inodes are flushed once; a failure is everybody's. */
static void flush_each(struct round *r)
{
	int failure = 0;

	list_for_each(l, &r->items)
	{
		struct barrier_item *i = item_of(l);

		if (!i->error && !has_earlier(r, i))
			i->error = flush_one(i);
		if (i->error && !failure)
			failure = i->error;
	}
	list_for_each(l, &r->items) if (failure && !item_of(l)->error) item_of(l)->error = failure;
}

static void flush_together(struct round *r)
{
	int failure = syncfs(item_of(r->items.next)->fd) < 0 ? errno : 0;

	list_for_each(l, &r->items)
	{
		struct barrier_item *i = item_of(l);

		/* no new writing: waits for none, but tells an error of this very file */
		if (!i->error && i->is_file &&
		    sync_file_range(i->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) < 0)
			i->error = errno;
		if (!i->error)
			i->error = failure;
	}
}

/* A crowd, in one job of the pool. */
static int flush_crowd(void *arg, struct err *e)
{
	struct round *r = arg;

	(void)e; /* errors are the items' */
	identify(r);
	if (r->distinct > ONE_BY_ONE && r->is_one_fs)
		flush_together(r);
	else
		flush_each(r);
	list_for_each(l, &r->items) if (close(item_of(l)->fd) < 0 && !item_of(l)->error) item_of(l)
	        ->error = errno;
	return 0;
}

static int flush_item(void *arg, struct err *e)
{
	struct barrier_item *i = arg;

	(void)e; /* the error is the item's */
	i->error = flush_one(i);
	if (close(i->fd) < 0 && !i->error)
		i->error = errno;
	return 0;
}

static void flush_item_fiber(void *item)
{
	struct barrier_item *i = item;
	struct err e;

	fiber_shield_begin(); /* while the worker stops fibers are born cancelled */
	i->error = EIO;       /* never flushed is not on disk */
	(void)work_run(flush_item, i, "flushing to disk", &e);
	fiber_shield_end();
}

/* A few, all at once: the disk takes their flushes together, so two directories of a rename cost
 * one wait. A failure is everybody's. */
static void flush_few(struct round *r)
{
	struct group jobs;
	int failure = 0;

	group_init(&jobs, fiber_worker());
	list_for_each(l, &r->items)
	{
		if (r->count == 1)
			flush_item_fiber(item_of(l));
		else
			group_start(&jobs, "flush", flush_item_fiber, item_of(l));
	}
	group_wait(&jobs, "flushing to disk");
	list_for_each(l, &r->items) failure = failure ? failure : item_of(l)->error;
	list_for_each(l, &r->items) if (!item_of(l)->error) item_of(l)->error = failure;
}

static void flush_many(struct round *r)
{
	struct err e;

	if (work_run(flush_crowd, r, "flushing to disk", &e) == 0)
		return;
	list_for_each(l, &r->items) item_of(l)->error = EIO; /* never flushed is not on disk */
}

static void run_round(struct barrier *b)
{
	struct round r = {0};
	struct link *l;

	list_init(&r.items);
	for (; (l = list_take_first(&b->waiting)); r.count++)
		list_append(&r.items, l);
	b->is_flushing = true;
	b->rounds++;
	if (r.count <= ONE_BY_ONE)
		flush_few(&r);
	else
		flush_many(&r);
	while ((l = list_take_first(&r.items)))
		item_of(l)->is_done = true;
	b->is_flushing = false;
	signal_raise(&b->flushed);
}

static bool is_done(const struct barrier_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!items[i].is_done)
			return false;
	return true;
}

int barrier_wait(struct barrier *b, struct barrier_item *items, size_t n)
{
	struct err e;
	int error = 0;

	for (size_t i = 0; i < n; i++) {
		items[i].error = 0;
		items[i].is_done = items[i].fd < 0;
		if (items[i].fd >= 0)
			list_append(&b->waiting, &items[i].link);
	}
	fiber_shield_begin();
	while (!is_done(items, n)) {
		if (!b->is_flushing)
			run_round(b);
		else
			(void)signal_wait(&b->flushed, "flushing to disk", deadline_never(), &e);
	}
	fiber_shield_end();
	for (size_t i = 0; i < n && !error; i++)
		error = items[i].error;
	return error;
}
