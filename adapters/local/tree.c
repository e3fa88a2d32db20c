#include "adapters/local/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/local/beneath.h"
#include "adapters/names.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

/* Arrivals, departures, and what tells who is writing. */
static const uint32_t watched = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_MOVED_FROM |
                                IN_DELETE | IN_OPEN | IN_MODIFY | IN_CLOSE_NOWRITE |
                                IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;

bool tree_is_left_out(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       strcmp(name, NAME_CLAIM_DIR) == 0;
}

/* By the descriptor, so that it is the directory that was opened; by its path without /proc. */
static int add_watch(const struct tree *t, int fd, const char *path)
{
	char by_fd[64], by_path[PATH_MAX];
	int wd;

	(void)snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", fd);
	wd = inotify_add_watch(t->inotify, by_fd, watched);
	if (wd >= 0 || errno != ENOENT)
		return wd;
	if ((size_t)snprintf(by_path, sizeof(by_path), "%s/%s", t->root_path, path) >=
	    sizeof(by_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return inotify_add_watch(t->inotify, by_path, watched);
}

static void remember(struct tree *t, int wd, const char *path, int level)
{
	if (t->count == t->room) {
		t->room = t->room ? 2 * t->room : 16;
		t->found = mem_grow(t->found, t->room * sizeof(*t->found));
	}
	t->found[t->count++] = (struct tree_dir){wd, mem_dup(path), level};
}

static bool is_dir(int parent, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(parent, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static int watch_dir(struct tree *t, const char *path, int level);

static void watch_below(struct tree *t, int fd, const char *path, int level)
{
	DIR *d = fdopendir(fd);
	struct dirent *entry;

	if (!d) {
		t->error = t->error ? t->error : errno;
		(void)close(fd); /* nothing was written through it */
		return;
	}
	while ((entry = readdir(d))) {
		char *below = NULL;

		if (tree_is_left_out(entry->d_name) || !is_dir(fd, entry))
			continue;
		below = path[0] ? mem_printf("%s/%s", path, entry->d_name) : mem_dup(entry->d_name);
		(void)watch_dir(t, below, level + 1); /* t->error tells */
		free(below);
	}
	(void)closedir(d); /* nothing was written through it */
}

/* 0, or -1 when it could not be opened. */
static int watch_dir(struct tree *t, const char *path, int level)
{
	int wd, fd = -1;

	if (t->count >= (size_t)(t->most < 0 ? 0 : t->most))
		errno = ENOSPC;
	else
		fd = beneath_open(t->root, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0) {
		if (!t->error && errno != ENOENT)
			t->error = errno;
		return -1;
	}
	wd = add_watch(t, fd, path);
	if (wd >= 0)
		remember(t, wd, path, level);
	else if (!t->error)
		t->error = errno;
	if (level < t->depth && wd >= 0)
		watch_below(t, fd, path, level);
	else
		(void)close(fd); /* nothing was written through it */
	return 0;
}

int tree_watch(void *tree, struct err *e)
{
	struct tree *t = tree;
	struct escaped tmp;

	if (watch_dir(t, strcmp(t->start, ".") == 0 ? "" : t->start, t->level) == 0)
		return 0;
	return err_set(e, ERR_OBJECT, "OBJ-MISSING", 0, "%s/%s cannot be opened to be watched",
	               t->root_path, escape_name(t->start, &tmp));
}

void tree_release(struct tree *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->found[i].path);
	free(t->found);
	t->found = NULL;
	t->count = t->room = 0;
}
