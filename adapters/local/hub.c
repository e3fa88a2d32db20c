#include "adapters/local/hub.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "adapters/local/tree.h"
#include "adapters/local/writers.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/io.h"
#include "daemon/runtime/work.h"

enum {
	BUCKETS = 256,
	READ_BYTES = 32 * 1024,
	NOISE_MOST = 64, /* wake-ups in a row that told nothing but writing */
	NOISE_PAUSE_MS = 2,
};

struct hub {
	int users;
	struct io *io;
	struct fiber *fiber;
	bool is_running;
	struct signal stopped, scanned;
	struct link dirs[BUCKETS]; /* struct dir by wd */
	struct link watches, scans;
	bool has_newborn;
	int adding; /* scans under way: notices of directories not registered yet are kept */
	char *buffer;
	/* the first half of a rename, until the second comes right behind it */
	uint32_t move_cookie;
	struct dir *move_dir;
	char move_name[NAME_MAX + 1];
};

/* A directory, as the kernel knows it. */
struct dir {
	struct link link;
	int wd;
	struct link subs;
	struct writers writers;
};

/* A directory's place in one watch. */
struct sub {
	struct link in_dir, in_watch;
	struct dir *dir;
	struct watch *watch;
	char *path; /* beneath the watch's root, "" = the root */
	int level;
};

/* A new directory that waits to be watched and looked through. */
struct scan {
	struct link link;
	struct watch *watch;
	char *path;
	int level;
};

static _Thread_local struct hub *hub_of_thread;

struct hub *hub_here(void)
{
	return hub_of_thread;
}

/* ---- directories and their places
 * ----------------------------------------------------------------- */

static struct dir *dir_find(const struct hub *h, int wd)
{
	list_for_each(l, &h->dirs[(unsigned)wd % BUCKETS])
	{
		struct dir *d = list_item(l, struct dir, link);

		if (d->wd == wd)
			return d;
	}
	return NULL;
}

static struct dir *dir_find_or_add(struct hub *h, int wd)
{
	struct dir *d = dir_find(h, wd);

	if (d)
		return d;
	d = mem_new_of(struct dir);
	d->wd = wd;
	list_init(&d->subs);
	writers_init(&d->writers);
	list_append(&h->dirs[(unsigned)wd % BUCKETS], &d->link);
	return d;
}

static void dir_free(struct hub *h, struct dir *d)
{
	assert(list_is_empty(&d->subs));
	if (h->move_dir == d)
		h->move_dir = NULL;
	list_remove(&d->link);
	writers_release(&d->writers);
	free(d);
}

static void sub_free(struct sub *s)
{
	list_remove(&s->in_dir);
	list_remove(&s->in_watch);
	s->watch->dirs--;
	free(s->path);
	free(s);
}

/* The last place of a directory takes the kernel's watch with it. */
static void sub_drop(struct hub *h, struct sub *s)
{
	struct dir *d = s->dir;

	sub_free(s);
	if (!list_is_empty(&d->subs))
		return;
	(void)inotify_rm_watch(io_fd(h->io), d->wd); /* may be gone already */
	dir_free(h, d);
}

static void sub_add(struct hub *h, struct watch *w, const struct tree_dir *found)
{
	struct dir *d = dir_find_or_add(h, found->wd);
	struct sub *s;

	list_for_each(l, &d->subs) if (list_item(l, struct sub, in_dir)->watch ==
	                               w) return; /* seen from two scans */
	s = mem_new_of(struct sub);
	s->dir = d;
	s->watch = w;
	s->path = mem_dup(found->path);
	s->level = found->level;
	list_append(&d->subs, &s->in_dir);
	list_append(&w->subs, &s->in_watch);
	w->dirs++;
}

static void drop_unplaced(struct hub *h)
{
	for (int i = 0; i < BUCKETS; i++)
		list_for_each(l, &h->dirs[i])
		{
			struct dir *d = list_item(l, struct dir, link);

			if (list_is_empty(&d->subs))
				dir_free(h, d);
		}
}

/* ---- looking through new directories
 * -------------------------------------------------------------- */

static void warn_incomplete(struct watch *w, int error)
{
	char words[96];

	if (w->is_incomplete)
		return;
	w->is_incomplete = true;
	log_warn("a directory cannot be watched, files in it are found when it is looked through "
	         "next, ignoring",
	         "root=%s error=\"%s%s\"", w->path, strerror_r(error, words, sizeof(words)),
	         error == ENOSPC ? "; raise fs.inotify.max_user_watches" : "");
}

/* Watches `path` and what is below it. Returns how many directories, or a negative kind. */
static int add_tree(struct hub *h, struct watch *w, const char *path, int level, struct err *e)
{
	struct tree t = {
	        .inotify = io_fd(h->io),
	        .root = w->root,
	        .root_path = w->path,
	        .start = path,
	        .level = level,
	        .depth = w->depth,
	        .most = HUB_DIRS_MOST - w->dirs,
	};
	int r;

	w->scanning++;
	h->adding++;
	r = work_run(tree_watch, &t, "watching directories", e);
	w->scanning--;
	if (r == 0)
		r = (int)t.count;
	for (size_t i = 0; i < t.count; i++)
		if (!w->is_ending)
			sub_add(h, w, &t.found[i]);
	if (--h->adding == 0)
		drop_unplaced(h);
	if (t.error)
		warn_incomplete(w, t.error);
	tree_release(&t);
	signal_raise(&h->scanned);
	return r;
}

static void scan_later(struct hub *h, struct sub *s, const char *name)
{
	struct scan *n = mem_new_of(struct scan);

	n->watch = s->watch;
	n->path = s->path[0] ? mem_printf("%s/%s", s->path, name) : mem_dup(name);
	n->level = s->level + 1;
	list_append(&h->scans, &n->link);
}

static void run_scans(struct hub *h)
{
	struct link *l;
	struct err e;

	while ((l = list_take_first(&h->scans))) {
		struct scan *n = list_item(l, struct scan, link);

		(void)add_tree(h, n->watch, n->path, n->level, &e); /* gone again, or warned */
		n->watch->is_due = true;
		free(n->path);
		free(n);
	}
}

/* ---- notices
 * --------------------------------------------------------------------------------------- */

static void touch(struct dir *d)
{
	list_for_each(l, &d->subs) list_item(l, struct sub, in_dir)->watch->is_due = true;
}

static void touch_all(struct hub *h)
{
	list_for_each(l, &h->watches) list_item(l, struct watch, in_hub)->is_due = true;
}

/* The queue ran over: what we know about writers may be out of date for ever. */
static void note_overflow(struct hub *h)
{
	for (int i = 0; i < BUCKETS; i++)
		list_for_each(l, &h->dirs[i])
		{
			struct dir *d = list_item(l, struct dir, link);

			writers_release(&d->writers);
			writers_init(&d->writers);
			list_for_each(k, &d->subs)
			{
				struct sub *s = list_item(k, struct sub, in_dir);

				if (s->level == 0 && s->watch->depth > 0)
					scan_later(h, s, ".");
			}
		}
	h->move_dir = NULL;
	touch_all(h);
	log_info("notices of new files were lost, looking through all watched directories", NULL);
}

/* The directory itself went: its places go, and a root takes its watch with it. */
static void note_gone(struct hub *h, struct dir *d)
{
	touch(d);
	list_for_each(l, &d->subs)
	{
		struct sub *s = list_item(l, struct sub, in_dir);

		if (s->level == 0)
			s->watch->is_gone = true;
		sub_free(s);
	}
	dir_free(h, d);
}

static void drop_below(struct hub *h, const struct sub *parent, const char *name)
{
	struct watch *w = parent->watch;
	char *path _cleanup_free_ =
	        parent->path[0] ? mem_printf("%s/%s", parent->path, name) : mem_dup(name);
	size_t n = strlen(path);

	list_for_each(l, &w->subs)
	{
		struct sub *s = list_item(l, struct sub, in_watch);

		if (strncmp(s->path, path, n) == 0 && (s->path[n] == '/' || !s->path[n]) &&
		    s != parent)
			sub_drop(h, s);
	}
}

static void note_dir(struct hub *h, struct dir *d, const struct inotify_event *n)
{
	if (n->mask & (IN_MOVED_FROM | IN_CREATE | IN_MOVED_TO))
		list_for_each(l, &d->subs)
		{
			struct sub *s = list_item(l, struct sub, in_dir);

			if (n->mask & IN_MOVED_FROM)
				drop_below(h, s, n->name);
			else if (s->level < s->watch->depth && !tree_is_left_out(n->name))
				scan_later(h, s, n->name);
		}
}

/* The two halves of a rename follow each other directly. A file that is renamed while it is open
 * stays busy; one that comes from elsewhere is an arrival. */
static void note_move(struct hub *h, struct dir *d, const struct inotify_event *n)
{
	bool is_second = h->move_dir && h->move_cookie == n->cookie;

	if (n->mask & IN_MOVED_FROM) {
		h->move_dir = d;
		h->move_cookie = n->cookie;
		(void)snprintf(h->move_name, sizeof(h->move_name), "%s", n->name);
		return;
	}
	if (!is_second)
		writers_note(&d->writers, n->mask, n->name, 0);
	if (!is_second ||
	    !writers_rename(&h->move_dir->writers, h->move_name, &d->writers, n->name))
		touch(d);
	h->move_dir = NULL;
}

static void note_file(struct hub *h, struct dir *d, const struct inotify_event *n)
{
	if (n->mask & (IN_MOVED_FROM | IN_MOVED_TO)) {
		note_move(h, d, n);
	} else {
		writers_note(&d->writers, n->mask, n->name, clock_mono_ms());
	}
	h->has_newborn |= d->writers.newborn > 0;
	if (n->mask & IN_CLOSE_WRITE)
		touch(d);
}

/* A first half without a second: it left for a place that is not watched. */
static void end_move(struct hub *h, const struct inotify_event *n)
{
	if (!h->move_dir || ((n->mask & IN_MOVED_TO) && n->cookie == h->move_cookie))
		return;
	writers_note(&h->move_dir->writers, IN_MOVED_FROM, h->move_name, 0);
	h->move_dir = NULL;
}

static void note(struct hub *h, const struct inotify_event *n)
{
	struct dir *d;

	end_move(h, n);
	if (n->mask & IN_Q_OVERFLOW) {
		note_overflow(h);
		return;
	}
	d = h->adding ? dir_find_or_add(h, n->wd) : dir_find(h, n->wd);
	if (!d)
		return; /* let go already */
	if (n->mask & (IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF))
		note_gone(h, d);
	else if (n->mask & IN_MOVE_SELF)
		list_for_each(l, &d->subs)
		{
			struct sub *s = list_item(l, struct sub, in_dir);

			/* a root that leads elsewhere; below, the parent's notice says it */
			s->watch->is_gone |= s->level == 0;
			s->watch->is_due |= s->level == 0;
		}
	else if (n->mask & IN_ISDIR)
		note_dir(h, d, n);
	else if (n->len)
		note_file(h, d, n);
}

/* ---- the fiber
 * --------------------------------------------------------------------------------------- */

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
			note(h, at);
			p += sizeof(*at) + at->len;
		}
	return has_told;
}

static void settle_newborns(struct hub *h)
{
	int64_t now = clock_mono_ms();

	h->has_newborn = false;
	for (int i = 0; i < BUCKETS; i++)
		list_for_each(l, &h->dirs[i])
		{
			struct dir *d = list_item(l, struct dir, link);

			if (d->writers.newborn && writers_settle(&d->writers, now))
				touch(d);
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
		run_scans(h);
		call_due(h);
		/* somebody writes a large file in small pieces: look less often */
		if (noise > NOISE_MOST)
			(void)fiber_sleep(NOISE_PAUSE_MS, "a busy writer", &e); /* or the end */
	}
	h->is_running = false;
	signal_raise(&h->stopped);
}

/* ---- taking and giving
 * ------------------------------------------------------------------------------ */

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
	drop_unplaced(h);
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
	for (int i = 0; i < BUCKETS; i++)
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
	r = add_tree(h, w, "", 0, e);
	if (r < 0 || r == 0)
		hub_unwatch(h, w);
	if (r == 0)
		return err_set(e, ERR_BUSY, "LOCAL-WATCH-LIMIT", ENOSPC,
		               "%s cannot be watched; raise fs.inotify.max_user_watches", w->path);
	return r < 0 ? r : 0;
}

static void cancel_scans(struct hub *h, const struct watch *w)
{
	list_for_each(l, &h->scans)
	{
		struct scan *n = list_item(l, struct scan, link);

		if (n->watch != w)
			continue;
		list_remove(&n->link);
		free(n->path);
		free(n);
	}
}

void hub_unwatch(struct hub *h, struct watch *w)
{
	struct err e;

	w->is_ending = true;
	cancel_scans(h, w);
	fiber_shield_begin();
	while (w->scanning)
		(void)signal_wait(&h->scanned, "looking through directories", deadline_never(), &e);
	fiber_shield_end();
	list_for_each(l, &w->subs) sub_drop(h, list_item(l, struct sub, in_watch));
	list_remove(&w->in_hub);
}

/* ---- who is writing
 * ---------------------------------------------------------------------------------- */

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
