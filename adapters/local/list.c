#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "adapters/local/beneath.h"
#include "adapters/local/local.h"
#include "adapters/names.h"
#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

enum { BATCH = 1000 }; /* entries a job of the pool looks at: bounded memory, bounded time */

/* One entry as it waits for the fiber; its name lies in `names`. */
struct found {
	size_t name_at, name_bytes;
	enum entry_type type;
	uint64_t size, identity;
	int64_t mtime_ms;
};

struct listing {
	struct connection *c;
	const char *path;
	DIR *dir;
	bool is_over;
	struct found found[BATCH];
	size_t count;
	struct buf names;
};

/* ---- on the pool --------------------------------------------------------------------------- */

static int open_dir(void *arg, struct err *e)
{
	struct listing *l = arg;
	struct stat st;
	int fd;

	if (stat(l->c->settings->root, &st) < 0 || st.st_dev != l->c->dev || st.st_ino != l->c->ino)
		return err_set(e, ERR_NETWORK, "LOCAL-ROOT-GONE", 0,
		               "%s was removed, replaced or mounted over; it is opened again",
		               l->c->settings->root);
	fd = beneath_open(l->c->root, l->path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return local_err(e, l->c, "list", l->path);
	l->dir = fdopendir(fd);
	if (!l->dir) {
		(void)close(fd); /* nothing was written through it */
		return local_err(e, l->c, "list", l->path);
	}
	return 0;
}

static bool is_left_out(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       strcmp(name, NAME_CLAIM_DIR) == 0;
}

/* False when it has gone since the directory was read. */
static bool look_at(struct listing *l, const char *name)
{
	size_t bytes = strlen(name);
	struct stat st;

	if (fstatat(dirfd(l->dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	l->found[l->count++] = (struct found){
	        .name_at = buf_len(&l->names),
	        .name_bytes = bytes,
	        .type = local_type(st.st_mode),
	        .size = (uint64_t)st.st_size,
	        .identity = st.st_ino,
	        .mtime_ms = local_mtime_ms(&st),
	};
	return buf_add(&l->names, name, bytes + 1) == 0;
}

static int finish(struct listing *l)
{
	(void)closedir(l->dir); /* nothing was written through it */
	l->dir = NULL;
	l->is_over = true;
	return 0;
}

static int read_batch(void *arg, struct err *e)
{
	struct listing *l = arg;

	l->count = 0;
	buf_clear(&l->names);
	while (l->count < BATCH) {
		struct dirent *d;

		errno = 0;
		d = readdir(l->dir);
		if (!d)
			return errno ? local_err(e, l->c, "list", l->path) : finish(l);
		if (!is_left_out(d->d_name) && !look_at(l, d->d_name) && errno != ENOENT)
			return local_err(e, l->c, "look at an entry while listing", l->path);
	}
	return 0;
}

/* Most directories are opened, read and closed in this one job. */
static int open_and_read(void *arg, struct err *e)
{
	int r = open_dir(arg, e);

	return r < 0 ? r : read_batch(arg, e);
}

static int close_early(void *arg, struct err *e)
{
	(void)e;
	return finish(arg);
}

/* ---- in the fiber -------------------------------------------------------------------------- */

struct taken {
	const struct list_limits *limits;
	size_t names, bytes;
	list_fn *each;
	void *arg;
};

static int hand_over(struct listing *l, struct taken *t, struct err *e)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct found *f = &l->found[i];
		const struct entry entry = {
		        .name = (const char *)buf_data(&l->names) + f->name_at,
		        .name_bytes = f->name_bytes,
		        .type = f->type,
		        .size = f->size,
		        .mtime_ms = f->mtime_ms,
		        .identity = f->identity,
		};
		int r;

		t->bytes += f->name_bytes;
		if (++t->names > t->limits->names || t->bytes > t->limits->bytes)
			return err_set(e, ERR_POLICY, "LIST-TOO-LONG", 0,
			               "%s holds more than %zu entries or %zu bytes of names; "
			               "move old files away",
			               l->c->settings->root, t->limits->names, t->limits->bytes);
		r = t->each(&entry, t->arg, e);
		if (r < 0 || (r = fiber_breathe(e)) < 0)
			return r;
	}
	return 0;
}

static int next_batch(struct listing *l, struct err *e)
{
	if (l->c->is_dead)
		return err_set(e, ERR_CANCELED, "CANCELED", 0, "listing was stopped");
	return work_run(read_batch, l, "reading the directory", e);
}

static int list_all(struct listing *l, struct taken *t, struct err *e)
{
	int r = work_run(open_and_read, l, "reading the directory", e);
	struct err ignored;

	l->c->is_dead |= r == ERR_NETWORK;
	if (r == 0)
		r = hand_over(l, t, e);
	while (r == 0 && !l->is_over) {
		r = next_batch(l, e);
		if (r == 0)
			r = hand_over(l, t, e);
	}
	fiber_shield_begin();
	if (l->dir)
		(void)work_run(close_early, l, "closing the directory", &ignored);
	fiber_shield_end();
	return r;
}

int local_list(struct connection *c, const char *path, const struct list_limits *limits,
               list_fn *each, void *arg, struct err *e)
{
	struct taken t = {.limits = limits, .each = each, .arg = arg};
	struct listing *l;
	int r = local_begin(c, e);

	if (r < 0)
		return r;
	l = mem_new_of(struct listing); /* too large for a fiber's stack */
	l->c = c;
	l->path = path;
	buf_init(&l->names, BATCH * 256);
	r = list_all(l, &t, e);
	buf_release(&l->names);
	free(l);
	return local_end(c, "list", path, r, e);
}

/* ---- stat ---------------------------------------------------------------------------------- */

struct stat_job {
	struct connection *c;
	const char *path;
	struct stat st;
};

/* O_PATH opens a symbolic link itself only by its directory; so the last step is a stat. */
static int stat_path(void *arg, struct err *e)
{
	struct stat_job *j = arg;
	const char *leaf;
	int r, dir = beneath_parent(j->c->root, j->path, &leaf);

	if (dir >= 0) {
		r = fstatat(dir, leaf, &j->st, AT_SYMLINK_NOFOLLOW);
	} else if (errno == EISDIR) { /* the root, or a path that ends in '/' */
		dir = beneath_open(j->c->root, j->path, O_PATH);
		r = dir < 0 ? -1 : fstat(dir, &j->st);
	} else {
		r = -1;
	}
	if (r < 0)
		r = local_err(e, j->c, "stat", j->path);
	(void)local_close(dir); /* nothing was written through it */
	return r;
}

int local_stat(struct connection *c, const char *path, struct entry *out, struct err *e)
{
	struct stat_job j = {.c = c, .path = path};
	int r = local_begin(c, e);

	if (r < 0)
		return r;
	r = work_run(stat_path, &j, "looking at a file", e);
	if (r == 0)
		*out = (struct entry){
		        .type = local_type(j.st.st_mode),
		        .size = (uint64_t)j.st.st_size,
		        .mtime_ms = local_mtime_ms(&j.st),
		        .identity = j.st.st_ino,
		};
	return local_end(c, "stat", path, r, e);
}
