#include "adapters/local/hub_state.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

/* ---- notices ------------------------------------------------------------------------------- */

void hub_touch(struct dir *d)
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
	for (int i = 0; i < HUB_BUCKETS; i++)
		list_for_each(l, &h->dirs[i])
		{
			struct dir *d = list_item(l, struct dir, link);

			writers_release(&d->writers);
			writers_init(&d->writers);
			list_for_each(k, &d->subs)
			{
				struct sub *s = list_item(k, struct sub, in_dir);

				if (s->level == 0 && s->watch->depth > 0)
					hub_scan_later(h, s, ".");
			}
		}
	h->move_dir = NULL;
	touch_all(h);
	log_info("notices of new files were lost, looking through all watched directories", NULL);
}

/* The directory itself went: its places go, and a root takes its watch with it. */
static void note_gone(struct hub *h, struct dir *d)
{
	hub_touch(d);
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
				hub_scan_later(h, s, n->name);
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
		hub_touch(d);
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
		hub_touch(d);
}

/* A first half without a second: it left for a place that is not watched. */
static void end_move(struct hub *h, const struct inotify_event *n)
{
	if (!h->move_dir || ((n->mask & IN_MOVED_TO) && n->cookie == h->move_cookie))
		return;
	writers_note(&h->move_dir->writers, IN_MOVED_FROM, h->move_name, 0);
	h->move_dir = NULL;
}

void hub_note(struct hub *h, const struct inotify_event *n)
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
