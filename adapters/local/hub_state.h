/*
 * The inside of the hub (hub.h), shared by the files that make it up:
 *
 *	hub.c      the descriptor, the fiber, who may use it
 *	places.c   which directories are watched, for whom; looking through new ones
 *	notices.c  what each notice means
 *
 *	dir (one per wd of the kernel, with its writers)
 *	 |  \
 *	sub  sub ...	one per watch that the directory belongs to
 *	 |    |
 *	watch watch
 *
 * Everything here belongs to the worker's loop. Only the hub's fiber, and a fiber in hub_watch,
 * await in between: a look through directories (scan) is under way then, and its watch stays.
 */
#pragma once
#include <limits.h>
#include <sys/inotify.h>

#include "adapters/local/hub.h"
#include "adapters/local/tree.h"
#include "adapters/local/writers.h"
#include "daemon/runtime/fiber.h"
#include "daemon/runtime/io.h"

enum { HUB_BUCKETS = 256 };

struct hub {
	int users;
	struct io *io;
	struct fiber *fiber;
	bool is_running;
	struct signal stopped, scanned;
	struct link dirs[HUB_BUCKETS]; /* struct dir by wd */
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

/* ---- places.c ------------------------------------------------------------------------------ */

/* NULL when it was let go already. */
struct dir *dir_find(const struct hub *h, int wd);
struct dir *dir_find_or_add(struct hub *h, int wd);
void dir_free(struct hub *h, struct dir *d); /* has no places any more */
void sub_free(struct sub *s);
/* The last place of a directory takes the kernel's watch with it. */
void sub_drop(struct hub *h, struct sub *s);
/* Directories that got notices before their place was known, and never got one. */
void hub_drop_unplaced(struct hub *h);

/* Watches `path` and what is below it. Returns how many directories, or a negative kind. Awaits. */
int hub_add_tree(struct hub *h, struct watch *w, const char *path, int level, struct err *e);
void hub_scan_later(struct hub *h, struct sub *s, const char *name);
void hub_run_scans(struct hub *h);
void hub_cancel_scans(struct hub *h, const struct watch *w);

/* ---- notices.c ----------------------------------------------------------------------------- */

void hub_note(struct hub *h, const struct inotify_event *n);
/* Calls changed() soon for all watches of the directory. */
void hub_touch(struct dir *d);
