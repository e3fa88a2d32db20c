#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "adapters/local/beneath.h"
#include "adapters/local/local.h"
#include "daemon/base/escape.h"
#include "daemon/runtime/work.h"

/* ---- the rename itself --------------------------------------------------------------------- */

static bool is_same_file(int a_dir, const char *a, int b_dir, const char *b)
{
	struct stat x, y;

	return fstatat(a_dir, a, &x, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(b_dir, b, &y, AT_SYMLINK_NOFOLLOW) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* For file systems that lack RENAME_NOREPLACE. link(2) over NFS may report failure after success
 * (the reply was lost and the request repeated): then both names are the same file. */
static int link_and_unlink(int from_dir, const char *from, int to_dir, const char *to)
{
	if (linkat(from_dir, from, to_dir, to, 0) < 0) {
		int saved = errno;
		bool is_done = saved == EEXIST && is_same_file(from_dir, from, to_dir, to);

		errno = saved;
		if (!is_done)
			return -1;
	}
	return unlinkat(from_dir, from, 0);
}

int local_rename_at(int from_dir, const char *from, int to_dir, const char *to,
                    enum rename_mode mode)
{
	if (mode == RENAME_REPLACE)
		return renameat(from_dir, from, to_dir, to);
	if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	return link_and_unlink(from_dir, from, to_dir, to);
}

/* ---- rename and remove --------------------------------------------------------------------- */

struct move {
	struct connection *c;
	const char *from, *to;
	enum rename_mode how;
	int from_dir, to_dir; /* go to the barrier, which closes them */
};

static int move_file(void *arg, struct err *e)
{
	struct move *m = arg;
	const char *from, *to;

	m->from_dir = beneath_parent(m->c->root, m->from, &from);
	if (m->from_dir < 0)
		return local_err(e, m->c, "rename", m->from);
	m->to_dir = beneath_parent(m->c->root, m->to, &to);
	if (m->to_dir < 0)
		return local_err(e, m->c, "rename to", m->to);
	if (local_rename_at(m->from_dir, from, m->to_dir, to, m->how) < 0)
		return local_err(e, m->c, errno == ENOENT ? "rename" : "rename to",
		                 errno == ENOENT ? m->from : m->to);
	return 0;
}

static int remove_file(void *arg, struct err *e)
{
	struct move *m = arg;
	const char *leaf;

	m->from_dir = beneath_parent(m->c->root, m->from, &leaf);
	if (m->from_dir < 0 || unlinkat(m->from_dir, leaf, 0) < 0)
		return local_err(e, m->c, "remove", m->from);
	return 0;
}

/* Runs the job, then makes it last. */
static int run_durably(struct move *m, int (*job)(void *, struct err *), const char *label,
                       struct err *e)
{
	int r = work_run(job, m, label, e);
	struct barrier_item dirs[] = {{.fd = m->from_dir}, {.fd = m->to_dir}};

	if (r == 0)
		return local_err_flush(e, m->c, m->from, barrier_wait(&m->c->barrier, dirs, 2));
	(void)local_close(m->from_dir); /* nothing was written through them */
	(void)local_close(m->to_dir);
	return r;
}

int local_rename(struct connection *c, const char *from, const char *to, enum rename_mode mode,
                 struct err *e)
{
	struct move m = {.c = c, .from = from, .to = to, .how = mode, .from_dir = -1, .to_dir = -1};
	int r = local_begin(c, e);

	if (r < 0)
		return r;
	return local_end(c, "rename", from, run_durably(&m, move_file, "renaming a file", e), e);
}

int local_remove(struct connection *c, const char *path, struct err *e)
{
	struct move m = {.c = c, .from = path, .from_dir = -1, .to_dir = -1};
	int r = local_begin(c, e);

	if (r < 0)
		return r;
	return local_end(c, "remove", path, run_durably(&m, remove_file, "removing a file", e), e);
}

/* ---- adopt --------------------------------------------------------------------------------- */

struct adopt {
	struct connection *c;
	const char *file, *to;
	int mode;
	enum rename_mode how;
	int file_fd, from_dir, to_dir; /* go to the barrier, which closes them */
};

static int cross_device(const struct adopt *a, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_LOCAL, "OBJ-CROSS-DEVICE", EXDEV,
	               "%s is on another file system than %s: it must be copied",
	               escape_name(a->file, &tmp), a->c->settings->root);
}

/* The file is our own (a spool file): its directory is opened as it is named. */
static int open_ours(struct adopt *a, const char **leaf, struct err *e)
{
	char dir[PATH_MAX];
	struct stat st;

	*leaf = strrchr(a->file, '/');
	if (!*leaf || (size_t)(*leaf - a->file) + 2 > sizeof(dir)) {
		errno = *leaf ? ENAMETOOLONG : ENOENT;
		return local_err(e, a->c, "adopt", a->file);
	}
	memcpy(dir, a->file, (size_t)(*leaf - a->file) + 1);
	dir[++*leaf - a->file] = '\0';
	a->from_dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->from_dir < 0)
		return local_err(e, a->c, "adopt", a->file);
	a->file_fd = openat(a->from_dir, *leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (a->file_fd < 0 || fstat(a->file_fd, &st) < 0)
		return local_err(e, a->c, "adopt", a->file);
	return st.st_dev == a->c->dev ? local_check_regular(a->c, a->file, &st, e)
	                              : cross_device(a, e);
}

static int adopt_file(void *arg, struct err *e)
{
	struct adopt *a = arg;
	const char *from, *to;
	int r = open_ours(a, &from, e);

	if (r < 0)
		return r;
	a->to_dir = beneath_parent(a->c->root, a->to, &to);
	if (a->to_dir < 0)
		return local_err(e, a->c, "create", a->to);
	if (fchmod(a->file_fd, a->mode < 0 ? LOCAL_MODE : (mode_t)a->mode) < 0)
		return local_err(e, a->c, "set the mode of", a->file);
	if (local_rename_at(a->from_dir, from, a->to_dir, to, a->how) == 0)
		return 0;
	return errno == EXDEV ? cross_device(a, e) : local_err(e, a->c, "create", a->to);
}

/* The content is on disk; mode, the new name and the loss of the old one share one flush. */
static int adopt_durably(struct adopt *a, struct err *e)
{
	int r = work_run(adopt_file, a, "moving a file into place", e);
	struct barrier_item items[] = {{.fd = a->file_fd}, {.fd = a->to_dir}, {.fd = a->from_dir}};

	if (r == 0)
		return local_err_flush(e, a->c, a->to, barrier_wait(&a->c->barrier, items, 3));
	(void)local_close(a->file_fd); /* nothing was written through them */
	(void)local_close(a->from_dir);
	(void)local_close(a->to_dir);
	return r;
}

int local_adopt(struct connection *c, const char *file, const char *to, int mode,
                enum rename_mode rename, struct err *e)
{
	struct adopt a = {
	        .c = c,
	        .file = file,
	        .to = to,
	        .mode = mode,
	        .how = rename,
	        .file_fd = -1,
	        .from_dir = -1,
	        .to_dir = -1,
	};
	int r = local_begin(c, e);

	if (r < 0)
		return r;
	return local_end(c, "adopt", to, adopt_durably(&a, e), e);
}
