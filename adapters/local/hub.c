#include "adapters/local/hub.h"

#include <errno.h>
#include <unistd.h>

#include "adapters/local/hub_state.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

enum {
	READ_BYTES = 32 * 1024,
	NOISE_MOST = 64, /* wake-ups in a row that told nothing but writing */
	NOISE_PAUSE_MS = 2,
};

static _Thread_local struct hub *hub_of_thread;

struct hub *hub_here(void)
{
	return hub_of_thread;
}

/* ---- the fiber ----------------------------------------------------------------------------- */

static bool is_noise(uint32_t mask)
{
	return !(mask & ~(uint32_t)(IN_MODIFY | IN_OPEN | IN_CLOSE_NOWRITE | IN_ISDIR));
}

/* Reads what is there. Returns whether there was anything but noise. */
static bool read_notices(struct hub *h)
{
	bool has_told = false;
	ssize_t n;

	while ((n = read(io_fd(h->io), h->buffer, READ_BYTES)) > 0)
		for (char *p = h->buffer; p < h->buffer + n;) {
			const struct inotify_event *at = (const void *)p;

			has_told |= !is_noise(at->mask);
			hub_note(h, at);
			p += sizeof(*at) + at->len;
		}
	return has_told;
}

static void settle_newborns(struct hub *h)
{
	int64_t now = clock_mono_ms();

	h->has_newborn = false;
	for (int i = 0; i < HUB_BUCKETS; i++)
		list_for_each(l, &h->dirs[i])
		{
			struct dir *d = list_item(l, struct dir, link);

			if (d->writers.newborn && writers_settle(&d->writers, now))
				hub_touch(d);
			h->has_newborn |= d->writers.newborn > 0;
		}
}

static void call_due(struct hub *h)
{
	list_for_each(l, &h->watches)
	{
		struct watch *w = list_item(l, struct watch, in_hub);

		if (!w->is_due)
			continue;
		w->is_due = false;
		w->changed(w->arg);
	}
}

static void hub_fiber(void *arg)
{
	struct hub *h = arg;
	int noise = 0;
	struct err e;

	while (!fiber_is_canceled()) {
		struct deadline d =
		        h->has_newborn ? deadline_in(WRITERS_NEWBORN_MS) : deadline_never();
		int r = io_wait(h->io, IO_READABLE, "notices of new files", d, &e);

		if (r < 0 && strcmp(e.code, "TIMEOUT") != 0)
			break;
		noise = read_notices(h) ? 0 : noise + 1;
		if (h->has_newborn)
			settle_newborns(h);
		hub_run_scans(h);
		call_due(h);
		/* somebody writes a large file in small pieces: look less often */
		if (noise > NOISE_MOST)
			(void)fiber_sleep(NOISE_PAUSE_MS, "a busy writer", &e); /* or the end */
	}
	h->is_running = false;
	signal_raise(&h->stopped);
}

/* ---- taking and giving --------------------------------------------------------------------- */

static void hub_free(struct hub *h)
{
	struct err e;

	if (hub_of_thread == h)
		hub_of_thread = NULL;
	if (h->is_running)
		fiber_cancel(h->fiber);
	fiber_shield_begin();
	while (h->is_running)
		(void)signal_wait(&h->stopped, "the watching to end", deadline_never(), &e);
	fiber_shield_end();
	io_close(h->io);
	hub_drop_unplaced(h);
	free(h->buffer);
	free(h);
}

static int hub_open(struct hub *h, struct err *e)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd >= 0)
		return io_adopt(fd, &h->io, e);
	if (errno == EMFILE)
		return err_set(e, ERR_BUSY, "LOCAL-WATCH-LIMIT", errno,
		               "too many watchers of this user; raise "
		               "fs.inotify.max_user_instances");
	return err_errno(e, ERR_LOCAL, "LOCAL-WATCH", "begin to watch directories");
}

static struct hub *hub_new(struct err *e)
{
	struct hub *h = mem_new_of(struct hub);

	if (hub_open(h, e) < 0) {
		free(h);
		return NULL;
	}
	for (int i = 0; i < HUB_BUCKETS; i++)
		list_init(&h->dirs[i]);
	list_init(&h->watches);
	list_init(&h->scans);
	signal_init(&h->stopped);
	signal_init(&h->scanned);
	h->buffer = mem_new(READ_BYTES);
	h->is_running = true;
	h->fiber = fiber_start(fiber_worker(), "watch directories", hub_fiber, h);
	return h;
}

struct hub *hub_take(struct err *e)
{
	if (!hub_of_thread)
		hub_of_thread = hub_new(e);
	if (!hub_of_thread)
		return NULL;
	if (!hub_of_thread->is_running) {
		err_set(e, ERR_CANCELED, "CANCELED", 0, "watching has ended");
		return NULL;
	}
	hub_of_thread->users++;
	return hub_of_thread;
}

void hub_give(struct hub *h)
{
	if (--h->users == 0)
		hub_free(h);
}

int hub_watch(struct hub *h, struct watch *w, struct err *e)
{
	int r;

	list_init(&w->subs);
	list_append(&h->watches, &w->in_hub);
	r = hub_add_tree(h, w, "", 0, e);
	if (r < 0 || r == 0)
		hub_unwatch(h, w);
	if (r == 0)
		return err_set(e, ERR_BUSY, "LOCAL-WATCH-LIMIT", ENOSPC,
		               "%s cannot be watched; raise fs.inotify.max_user_watches", w->path);
	return r < 0 ? r : 0;
}

void hub_unwatch(struct hub *h, struct watch *w)
{
	struct err e;

	w->is_ending = true;
	hub_cancel_scans(h, w);
	fiber_shield_begin();
	while (w->scanning)
		(void)signal_wait(&h->scanned, "looking through directories", deadline_never(), &e);
	fiber_shield_end();
	list_for_each(l, &w->subs) sub_drop(h, list_item(l, struct sub, in_watch));
	list_remove(&w->in_hub);
}

/* ---- who is writing ------------------------------------------------------------------------ */

static bool is_busy_in(const struct watch *w, const char *path)
{
	const char *slash = strrchr(path, '/'), *leaf = slash ? slash + 1 : path;
	size_t n = slash ? (size_t)(slash - path) : 0;

	list_for_each(l, &w->subs)
	{
		const struct sub *s = list_item(l, struct sub, in_watch);

		if (strncmp(s->path, path, n) == 0 && !s->path[n])
			return writers_has(&s->dir->writers, leaf, clock_mono_ms());
	}
	return false;
}

bool hub_is_busy(const struct hub *h, dev_t dev, ino_t ino, const char *path)
{
	path += strspn(path, "/");
	list_for_each(l, &h->watches)
	{
		const struct watch *w = list_item(l, struct watch, in_hub);

		if (w->dev == dev && w->ino == ino)
			return is_busy_in(w, path);
	}
	return false;
}
