/*
 * The hub: one inotify(7) descriptor and one fiber for all watched directories of a worker.
 *
 *	struct hub *h = hub_take(e);			// this worker's; made when first asked for
 *	hub_watch(h, &w, e);				// w.fd's tree, as deep as it says
 *	...						// w.changed(w.arg) comes on this loop
 *	hub_unwatch(h, &w);				// from a fiber
 *	hub_give(h);
 *
 * One for all because a user may have only 128 of them (fs.inotify.max_user_instances), and a site
 * has more drop directories than that. It is found through a thread-local pointer: a worker is a
 * thread, and what belongs to all connections of a worker has no other place to be.
 *
 * Notices are hints. What can be lost is made up for: a full queue (IN_Q_OVERFLOW), a directory
 * that went away or a file system that was unmounted call changed(), and so does everything that may be
 * an arrival: a file closed by its writer, renamed in, linked in, a new directory. Reading, opening
 * and writing do not. A directory is watched first and then looked through for further ones, so
 * that none is missed between.
 *
 * Two watches on one directory share one watch of the kernel, and its writers (writers.h).
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "daemon/base/err.h"
#include "daemon/base/list.h"

enum { HUB_DIRS_MOST = 10000 }; /* directories of one watch */

struct hub;

struct watch {
	struct link link; /* the owner's */
	/* given */
	int root; /* descriptor of the root, O_PATH is enough */
	dev_t dev;
	ino_t ino;
	const char *path;
	int depth; /* levels below the root */
	void (*changed)(void *arg);
	void *arg;
	/* the hub's */
	struct link in_hub, subs;
	int dirs;
	bool is_due;	   /* changed() is to be called */
	bool is_gone;	   /* the root was removed, moved or unmounted: nothing more will come */
	bool is_incomplete; /* some directory could not be watched; said so once */
	int scanning; /* looks under way */
	bool is_ending;
};

struct hub *hub_take(struct err *e);
/* This worker's, if there is one; does not count. */
struct hub *hub_here(void);
void hub_give(struct hub *h);

/* ERR_BUSY "LOCAL-WATCH-LIMIT" when the kernel allows no more; then nothing is watched. */
int hub_watch(struct hub *h, struct watch *w, struct err *e);
void hub_unwatch(struct hub *h, struct watch *w);

/* Is `path`, beneath the directory `dev`, `ino` that some watch of this hub has as its root, known
 * to be open for writing? */
bool hub_is_busy(const struct hub *h, dev_t dev, ino_t ino, const char *path);
