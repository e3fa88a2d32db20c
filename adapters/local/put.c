#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "adapters/local/beneath.h"
#include "adapters/local/local.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

struct put {
	struct connection *c;
	const char *path, *leaf;
	const struct put_options *o;
	int dir, fd;
	bool is_created, is_append;
	uint64_t before; /* bytes the file held */
	/* what the next job of the pool writes */
	const void *data;
	size_t n;
	uint64_t at;
};

/* ---- on the pool --------------------------------------------------------------------------- */

/* The name is temporary and derived from the job, so what stands there is our own leftover. But
 * nothing is removed that could be somebody else's. */
static int drop_leftover(struct put *p, struct err *e)
{
	struct stat st;

	if (fstatat(p->dir, p->leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : local_err(e, p->c, "stat", p->path);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		errno = EEXIST;
	else if (unlinkat(p->dir, p->leaf, 0) == 0)
		return 0;
	return local_err(e, p->c, "replace what stands at", p->path);
}

/* O_APPEND also makes pwrite(2) write at the end, whoever else adds to it. */
static int open_end(struct put *p, struct err *e)
{
	struct stat st;
	int r;

	p->fd = openat(p->dir, p->leaf,
	               O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (p->fd < 0 || fstat(p->fd, &st) < 0)
		return local_err(e, p->c, "append to", p->path);
	r = local_check_regular(p->c, p->path, &st, e);
	if (r < 0 || (uint64_t)st.st_size == p->before)
		return r;
	return err_set(e, ERR_INTEGRITY, "DATA-CHANGED", 0,
	               "the file in %s has %llu bytes, not the %llu it had", p->c->settings->root,
	               (unsigned long long)st.st_size, (unsigned long long)p->before);
}

static int create(struct put *p, struct err *e)
{
	int r;

	p->dir = beneath_parent(p->c->root, p->path, &p->leaf);
	if (p->dir < 0)
		return local_err(e, p->c, "create", p->path);
	if (p->is_append)
		return open_end(p, e);
	r = drop_leftover(p, e);
	if (r < 0)
		return r;
	p->fd = openat(p->dir, p->leaf,
	               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
	if (p->fd < 0)
		return errno == ENOSPC
		               ? local_err_space(e, p->c, p->path, p->dir, p->o->source.size)
		               : local_err(e, p->c, "create", p->path);
	p->is_created = true;
	return 0;
}

static int create_large(void *arg, struct err *e)
{
	struct put *p = arg;
	int r = create(p, e);

	if (r < 0 || p->is_append)
		return r;
	/* A full disk shows now and not after an hour. Where it is not supported, later. */
	if (fallocate(p->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)p->o->source.size) < 0 &&
	    (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		return local_err_space(e, p->c, p->path, p->dir, p->o->source.size);
	return 0;
}

static int write_piece(void *arg, struct err *e)
{
	struct put *p = arg;
	size_t done = 0;

	while (done < p->n) {
		ssize_t k = pwrite(p->fd, (const char *)p->data + done, p->n - done,
		                   (off_t)(p->at + done));

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return local_err_space(e, p->c, p->path, p->dir, p->o->source.size);
		done += (size_t)k;
	}
	p->at += p->n;
	return 0;
}

static int set_time(const struct put *p)
{
	int64_t ms = p->o->mtime_ms;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
	                            {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}};

	return ms > 0 && !p->is_append ? futimens(p->fd, times) : 0;
}

static int finish(void *arg, struct err *e)
{
	struct put *p = arg;
	mode_t mode = p->o->mode < 0 ? LOCAL_MODE : (mode_t)p->o->mode;
	struct stat st;
	int fd = p->fd;

	if (!p->is_append && fchmod(p->fd, mode) < 0)
		return local_err(e, p->c, "set the mode of", p->path);
	if (set_time(p) < 0)
		return local_err(e, p->c, "set the time of", p->path);
	if (fstat(p->fd, &st) < 0)
		return local_err(e, p->c, "stat", p->path);
	if ((uint64_t)st.st_size != p->before + p->o->source.size)
		return err_set(e, ERR_INTEGRITY,
		               (uint64_t)st.st_size < p->before + p->o->source.size ? "DATA-SHORT"
		                                                                    : "DATA-LONG",
		               0, "the file in %s has %llu bytes after writing %llu to its %llu",
		               p->c->settings->root, (unsigned long long)st.st_size,
		               (unsigned long long)p->o->source.size,
		               (unsigned long long)p->before);
	if (p->o->durable)
		return 0; /* the barrier flushes and closes it */
	p->fd = -1;
	return close(fd) < 0 ? local_err_space(e, p->c, p->path, p->dir, p->o->source.size) : 0;
}

static int put_whole(void *arg, struct err *e)
{
	int r = create(arg, e);

	if (r == 0)
		r = write_piece(arg, e);
	return r < 0 ? r : finish(arg, e);
}

/* A failed file must not keep the space that its next attempt needs. */
static int give_up(void *arg, struct err *e)
{
	struct put *p = arg;

	(void)e;
	(void)local_close(p->fd); /* its content is thrown away */
	if (p->is_created)
		(void)unlinkat(p->dir, p->leaf, 0); /* the next attempt drops it */
	(void)local_close(p->dir);                  /* nothing was written through it */
	return 0;
}

static int close_dir(void *arg, struct err *e)
{
	struct put *p = arg;

	(void)e;
	(void)local_close(p->dir); /* nothing was written through it */
	return 0;
}

/* ---- in the fiber -------------------------------------------------------------------------- */

/* Exactly n bytes from the source. */
static int fill(const struct source *s, char *data, size_t n, struct err *e)
{
	size_t have = 0;

	while (have < n) {
		int64_t k = s->read(s->arg, data + have, n - have, e);

		if (k < 0)
			return (int)k;
		if (k == 0)
			return err_set(e, ERR_INTEGRITY, "DATA-SHORT", 0,
			               "the source ended before its %llu bytes had come",
			               (unsigned long long)s->size);
		have += (size_t)k;
	}
	return 0;
}

static int check_end(const struct source *s, struct err *e)
{
	char more;
	int64_t k = s->read(s->arg, &more, 1, e);

	if (k <= 0)
		return (int)k;
	return err_set(e, ERR_INTEGRITY, "DATA-LONG", 0, "the source has more than its %llu bytes",
	               (unsigned long long)s->size);
}

static int put_small(struct put *p, struct err *e)
{
	const struct source *s = &p->o->source;
	char *data = mem_new(s->size);
	int r = fill(s, data, s->size, e);

	if (r == 0)
		r = check_end(s, e);
	p->data = data;
	p->n = s->size;
	if (r == 0)
		r = work_run(put_whole, p, "writing a file", e);
	free(data);
	return r;
}

struct writing {
	struct put *put;
	int r;
	struct err e;
};

static void write_behind(void *arg)
{
	struct writing *w = arg;

	w->r = work_run(write_piece, w->put, "writing a file", &w->e);
}

/* Reads the next piece from the source while the one before is being written. */
static int copy_step(struct put *p, char *next, size_t n, struct err *e)
{
	struct writing w = {.put = p};
	struct group writing;
	int r;

	group_init(&writing, fiber_worker());
	group_start(&writing, "write behind", write_behind, &w);
	r = fill(&p->o->source, next, n, e);
	group_wait(&writing, "writing a file");
	if (w.r < 0) {
		*e = w.e;
		return w.r;
	}
	return r;
}

static int copy_pieces(struct put *p, char *data[2], struct err *e)
{
	const struct source *s = &p->o->source;
	uint64_t left = s->size;
	int r = 0, now = 0;

	p->n = 0; /* the first write is of nothing: the loop stays one */
	while (left > 0 && r == 0) {
		size_t n = left < LOCAL_SMALL ? (size_t)left : LOCAL_SMALL;

		if (p->c->is_dead)
			return err_set(e, ERR_CANCELED, "CANCELED", 0, "writing was stopped");
		r = copy_step(p, data[now], n, e);
		p->data = data[now];
		p->n = n;
		left -= n;
		now = 1 - now;
	}
	return r < 0 ? r : work_run(write_piece, p, "writing a file", e);
}

static int put_large(struct put *p, struct err *e)
{
	char *data[2] = {mem_new(LOCAL_SMALL), mem_new(LOCAL_SMALL)};
	int r = work_run(create_large, p, "creating a file", e);

	if (r == 0)
		r = copy_pieces(p, data, e);
	if (r == 0)
		r = check_end(&p->o->source, e);
	if (r == 0)
		r = work_run(finish, p, "finishing a file", e);
	free(data[0]);
	free(data[1]);
	return r;
}

static int flush(struct put *p, struct err *e)
{
	struct barrier_item file = {.fd = p->fd, .kind = BARRIER_ALL};

	p->fd = -1; /* the barrier closes it */
	return local_err_flush(e, p->c, p->path, barrier_wait(&p->c->barrier, &file, 1));
}

static int put(struct put *p, enum verification *level, struct err *e)
{
	struct err ignored;
	int r = local_begin(p->c, e);

	if (r < 0)
		return r;
	r = p->o->source.size <= LOCAL_SMALL ? put_small(p, e) : put_large(p, e);
	if (r == 0 && p->o->durable)
		r = flush(p, e);
	fiber_shield_begin();
	if (p->dir >= 0)
		(void)work_run(r < 0 ? give_up : close_dir, p, "closing a file", &ignored);
	fiber_shield_end();
	if (r == 0)
		*level = VERIFIED_SIZE;
	return local_end(p->c, p->is_append ? "append" : "put", p->path, r, e);
}

int local_put(struct connection *c, const char *path, const struct put_options *o,
              enum verification *level, struct err *e)
{
	struct put p = {.c = c, .path = path, .o = o, .dir = -1, .fd = -1};

	return put(&p, level, e);
}

int local_append(struct connection *c, const char *path, const struct put_options *o,
                 enum verification *level, struct err *e)
{
	struct put p = {.c = c,
	                .path = path,
	                .o = o,
	                .dir = -1,
	                .fd = -1,
	                .is_append = true,
	                .before = o->append_at};

	return put(&p, level, e);
}
