#include "adapters/local/hub_state.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

/* ---- directories and their places ---------------------------------------------------------- */

struct dir *dir_find(const struct hub *h, int wd)
{
	list_for_each(l, &h->dirs[(unsigned)wd % HUB_BUCKETS])
	{
		struct dir *d = list_item(l, struct dir, link);

		if (d->wd == wd)
			return d;
	}
	return NULL;
}

struct dir *dir_find_or_add(struct hub *h, int wd)
{
	struct dir *d = dir_find(h, wd);

	if (d)
		return d;
	d = mem_new_of(struct dir);
	d->wd = wd;
	list_init(&d->subs);
	writers_init(&d->writers);
	list_append(&h->dirs[(unsigned)wd % HUB_BUCKETS], &d->link);
	return d;
}

void dir_free(struct hub *h, struct dir *d)
{
	assert(list_is_empty(&d->subs));
	if (h->move_dir == d)
		h->move_dir = NULL;
	list_remove(&d->link);
	writers_release(&d->writers);
	free(d);
}

void sub_free(struct sub *s)
{
	list_remove(&s->in_dir);
	list_remove(&s->in_watch);
	s->watch->dirs--;
	free(s->path);
	free(s);
}

void sub_drop(struct hub *h, struct sub *s)
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

void hub_drop_unplaced(struct hub *h)
{
	for (int i = 0; i < HUB_BUCKETS; i++)
		list_for_each(l, &h->dirs[i])
		{
			struct dir *d = list_item(l, struct dir, link);

			if (list_is_empty(&d->subs))
				dir_free(h, d);
		}
}

/* ---- looking through new directories ------------------------------------------------------- */

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

int hub_add_tree(struct hub *h, struct watch *w, const char *path, int level, struct err *e)
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
		hub_drop_unplaced(h);
	if (t.error)
		warn_incomplete(w, t.error);
	tree_release(&t);
	signal_raise(&h->scanned);
	return r;
}

void hub_scan_later(struct hub *h, struct sub *s, const char *name)
{
	struct scan *n = mem_new_of(struct scan);

	n->watch = s->watch;
	n->path = s->path[0] ? mem_printf("%s/%s", s->path, name) : mem_dup(name);
	n->level = s->level + 1;
	list_append(&h->scans, &n->link);
}

void hub_run_scans(struct hub *h)
{
	struct link *l;
	struct err e;

	while ((l = list_take_first(&h->scans))) {
		struct scan *n = list_item(l, struct scan, link);

		(void)hub_add_tree(h, n->watch, n->path, n->level, &e); /* gone again, or warned */
		n->watch->is_due = true;
		free(n->path);
		free(n);
	}
}

void hub_cancel_scans(struct hub *h, const struct watch *w)
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
