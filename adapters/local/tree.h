/*
 * Watching a tree of directories: each is watched first and then looked through for further ones,
 * so that a directory made in between is found one way or the other. Blocking: for the work pool.
 *
 *	struct tree t = {.inotify = fd, .root = root, ..., .start = "", .level = 0, .depth = 3};
 *	if (work_run(tree_watch, &t, ...) == 0) ... t.found[0 .. t.count)
 *	tree_release(&t);
 *
 * What cannot be watched (the kernel's limit, rights) is left out; `error` is the first such errno.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/err.h"

struct tree_dir {
	int wd;
	char *path; /* beneath the root, "" = the root */
	int level;
};

struct tree {
	/* given */
	int inotify, root;
	const char *root_path, *start;
	int level, depth;
	int most; /* directories */
	/* filled */
	struct tree_dir *found;
	size_t count, room;
	int error;
};

/* A `struct tree *`. Fails only when `start` itself cannot be opened. */
int tree_watch(void *tree, struct err *e);
void tree_release(struct tree *t);
/* Directories that are never looked into: our own for claimed files. */
bool tree_is_left_out(const char *name);
