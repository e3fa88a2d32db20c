#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "adapters/local/beneath.h"
#include "adapters/local/local.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

struct get {
	struct connection *c;
	const char *path;
	const struct get_options *o;
	int fd;
	struct stat before;
	void *data; /* a small file, whole */
	size_t n;
};

/* A part of a large file: one of two buffers that take turns. */
struct piece {
	struct get *get;
	void *data;
	size_t room, n;
	uint64_t at;
	int r;
	struct err e;
};

/* ---- on the pool --------------------------------------------------------------------------- */

static int refuse(const struct get *g, const char *code, const char *what, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_INTEGRITY, code, 0, "%s in %s %s", escape_name(g->path, &tmp),
	               g->c->settings->root, what);
}

static int check_announced(const struct get *g, struct err *e)
{
	const struct get_options *o = g->o;
	uint64_t size = (uint64_t)g->before.st_size;
	struct escaped tmp;

	if (size > o->max_size)
		return err_set(e, ERR_POLICY, "FILE-TOO-LARGE", 0,
		               "%s in %s has %llu bytes, at most %llu are taken (max_size)",
		               escape_name(g->path, &tmp), g->c->settings->root,
		               (unsigned long long)size, (unsigned long long)o->max_size);
	if (o->expect_size != SIZE_UNKNOWN && size > o->expect_size)
		return refuse(g, "DATA-LONG", "has grown since it was listed", e);
	if (o->expect_size != SIZE_UNKNOWN && size < o->expect_size)
		return refuse(g, "DATA-SHORT", "has shrunk since it was listed", e);
	if (size < o->offset)
		return refuse(g, "DATA-SHORT", "is shorter than what was read of it before", e);
	if (o->expect_mtime_ms != MTIME_UNKNOWN && o->expect_mtime_ms != local_mtime_ms(&g->before))
		return refuse(g, "DATA-CHANGED", "was written again since it was listed", e);
	return 0;
}

static bool is_same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* After the last byte: a writer may have held the file open all the time. */
static int check_unchanged(const struct get *g, uint64_t total, struct err *e)
{
	const struct stat *b = &g->before;
	struct stat after;

	if (fstat(g->fd, &after) < 0)
		return local_err(e, g->c, "stat", g->path);
	if (total != (uint64_t)b->st_size || after.st_size != b->st_size ||
	    !is_same_time(after.st_mtim, b->st_mtim) || !is_same_time(after.st_ctim, b->st_ctim))
		return refuse(g, "DATA-CHANGED", "was changed while it was read", e);
	return 0;
}

static int read_at(const struct get *g, struct piece *p, struct err *e)
{
	p->n = 0;
	while (p->n < p->room) {
		ssize_t k =
		        pread(g->fd, (char *)p->data + p->n, p->room - p->n, (off_t)(p->at + p->n));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return local_err(e, g->c, "read", g->path);
		if (k == 0)
			break;
		p->n += (size_t)k;
	}
	return 0;
}

/* No room for one byte more is needed: a file that grows fails check_unchanged. */
static int read_small(struct get *g, struct err *e)
{
	size_t size = (size_t)((uint64_t)g->before.st_size - g->o->offset);
	struct piece p = {.get = g, .data = mem_new(size), .room = size, .at = g->o->offset};
	int r;

	r = read_at(g, &p, e);
	if (r == 0)
		r = check_unchanged(g, p.at + p.n, e);
	g->data = p.data;
	g->n = p.n;
	return r;
}

static int open_source(void *arg, struct err *e)
{
	struct get *g = arg;
	int r;

	/* O_NONBLOCK: a FIFO that was put there must not make us wait for a writer */
	g->fd = beneath_open(g->c->root, g->path, O_RDONLY | O_NONBLOCK);
	if (g->fd < 0 || fstat(g->fd, &g->before) < 0)
		return local_err(e, g->c, "open", g->path);
	r = local_check_regular(g->c, g->path, &g->before, e);
	if (r == 0)
		r = check_announced(g, e);
	if (r == 0 && g->before.st_size <= LOCAL_SMALL)
		r = read_small(g, e);
	else if (r == 0)
		(void)posix_fadvise(g->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a wish */
	if (r < 0 || g->data) {
		(void)close(g->fd); /* nothing was written through it */
		g->fd = -1;
	}
	return r;
}

static int read_piece(void *arg, struct err *e)
{
	struct piece *p = arg;

	return read_at(p->get, p, e);
}

static int finish_large(void *arg, struct err *e)
{
	struct piece *last = arg;

	return check_unchanged(last->get, last->at + last->n, e);
}

/* ---- in the fiber -------------------------------------------------------------------------- */

static void read_ahead(void *arg)
{
	struct piece *p = arg;

	p->r = work_run(read_piece, p, "reading a file", &p->e);
}

/* Hands `now` over while `next` is being read. */
static int copy_step(struct get *g, struct piece *now, struct piece *next, struct err *e)
{
	struct group reading;
	int r;

	group_init(&reading, fiber_worker());
	next->at = now->at + now->n;
	group_start(&reading, "read ahead", read_ahead, next);
	r = g->o->sink.write(g->o->sink.arg, now->data, now->n, e);
	group_wait(&reading, "reading a file ahead");
	if (r == 0 && next->r < 0) {
		*e = next->e;
		r = next->r;
	}
	return r;
}

static int copy_pieces(struct get *g, struct piece p[2], struct err *e)
{
	int now = 0, r = work_run(read_piece, &p[0], "reading a file", e);

	while (r == 0 && p[now].n > 0) {
		if (g->c->is_dead)
			return err_set(e, ERR_CANCELED, "CANCELED", 0, "reading was stopped");
		if (p[now].at >= (uint64_t)g->before.st_size)
			break; /* it grows: refused below */
		r = copy_step(g, &p[now], &p[1 - now], e);
		now = 1 - now;
	}
	if (r < 0)
		return r;
	return work_run(finish_large, &p[now], "looking at a file", e);
}

static int copy_large(struct get *g, struct err *e)
{
	struct piece p[2] = {
	        {.get = g, .data = mem_new(LOCAL_SMALL), .room = LOCAL_SMALL, .at = g->o->offset},
	        {.get = g, .data = mem_new(LOCAL_SMALL), .room = LOCAL_SMALL},
	};
	int r = copy_pieces(g, p, e);

	free(p[0].data);
	free(p[1].data);
	(void)close(g->fd); /* nothing was written through it */
	return r;
}

int local_get(struct connection *c, const char *path, const struct get_options *o, struct err *e)
{
	struct get g = {.c = c, .path = path, .o = o, .fd = -1};
	int r = local_begin(c, e);

	if (r < 0)
		return r;
	r = local_run_patiently(open_source, &g, "opening a file", e);
	if (r == 0 && g.fd >= 0)
		r = copy_large(&g, e);
	else if (r == 0 && g.n > 0)
		r = o->sink.write(o->sink.arg, g.data, g.n, e);
	free(g.data);
	return local_end(c, "get", path, r, e);
}
