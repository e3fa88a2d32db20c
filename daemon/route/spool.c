#include "daemon/route/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/base/mem.h"
#include "daemon/base/text.h"
#include "daemon/runtime/work.h"

/*
 * WRITE_BYTES: since ext4 has large folios (Linux 6.16) a write of 1 MiB takes its page cache from
 * whole free blocks, which a virtual machine has often given back to its host: each is then fetched
 * again, at 2 to 5 s a GiB. Small writes take pages that were used a moment ago (0.3 s a GiB).
 */
enum {
	FLIGHT_BYTES = 1024 * 1024, /* one trip to the pool and one digest update */
	WRITE_BYTES = 16 * 1024,
	FLUSH_EACH_MAX = 4, /* more files than this in one flush: syncfs */
	PART_LEAST = 1024 * 1024,
};

/* False: no two boots can be told apart. */
static bool read_boot(char out[16])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, 8);

	if (fd >= 0)
		(void)close(fd); /* only read from */
	out[n == 8 ? 8 : 0] = '\0';
	return n == 8;
}

int spool_open(struct spool *sp, const char *state_dir, struct err *e)
{
	*sp = (struct spool){
	        .dir_fd = -1, .dir = mem_printf("%s/spool", state_dir), .part_least = PART_LEAST};
	if (!read_boot(sp->boot))
		sp->part_least = UINT64_MAX;
	list_init(&sp->pending);
	signal_init(&sp->flushed);
	if (mkdir(sp->dir, 0700) < 0 && errno != EEXIST)
		return err_errno(e, ERR_LOCAL, "SPOOL-OPEN", "create the spool %s", sp->dir);
	sp->dir_fd = open(sp->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sp->dir_fd < 0)
		return err_errno(e, ERR_LOCAL, "SPOOL-OPEN", "open the spool %s", sp->dir);
	return 0;
}

void spool_close(struct spool *sp)
{
	if (sp->dir_fd >= 0)
		(void)close(sp->dir_fd); /* a directory: nothing to lose */
	free(sp->dir);
	sp->dir = NULL;
	sp->dir_fd = -1;
}

void spool_path(const struct spool *sp, int64_t job, char *out, size_t room)
{
	(void)snprintf(out, room, "%s/%" PRId64, sp->dir, job);
}

/* ---- writing ------------------------------------------------------------------------------- */

static void name_whole(int64_t job, char out[48])
{
	(void)snprintf(out, 48, "%" PRId64, job);
}

static void name_part(const struct spool *sp, int64_t job, char out[48])
{
	(void)snprintf(out, 48, "%" PRId64 ".%s.part", job, sp->boot);
}

int64_t spool_name_job(const struct spool *sp, const char *name, int *is_stale)
{
	char *end, part[48];
	int64_t job = strtoll(name, &end, 10);

	*is_stale = 0;
	if (job <= 0 || !*end)
		return job > 0 ? job : 0;
	name_part(sp, job, part);
	*is_stale = strcmp(name, part) != 0;
	return *end == '.' && text_ends(end, ".part") ? job : 0;
}

void spool_create(struct spool *sp, int64_t job, enum spool_kind kind, struct spool_file *f)
{
	*f = (struct spool_file){.spool = sp, .job = job, .fd = -1, .is_part = kind == SPOOL_PART};
	if (f->is_part)
		name_part(sp, job, f->name);
	else
		name_whole(job, f->name);
	digest_init(&f->digest);
	buf_init(&f->fill, FLIGHT_BYTES);
	buf_init(&f->flight, FLIGHT_BYTES);
	group_init(&f->writing, fiber_worker());
}

static int write_error(const struct spool_file *f, const char *what, struct err *e)
{
	int full = errno == ENOSPC || errno == EDQUOT;

	return err_errno(e, full ? ERR_BUSY : ERR_LOCAL, full ? "SPOOL-FULL" : "SPOOL-WRITE",
	                 "%s spool file %s/%s", what, f->spool->dir, f->name);
}

/* On the pool: append the flight to the file and to the digest. */
static int write_flight(void *arg, struct err *e)
{
	struct spool_file *f = arg;
	const unsigned char *data = buf_data(&f->flight);
	size_t left = buf_len(&f->flight);

	if (f->fd < 0) {
		f->fd = openat(f->spool->dir_fd, f->name,
		               O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (f->fd < 0)
			return write_error(f, "create", e);
	}
	digest_update(&f->digest, data, left);
	while (left) {
		ssize_t n = write(f->fd, data, left < WRITE_BYTES ? left : WRITE_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return write_error(f, "write", e);
		data += n;
		left -= (size_t)n;
	}
	return 0;
}

static void fly(void *arg)
{
	struct spool_file *f = arg;
	struct err e;

	if (work_run(write_flight, f, "writing to the spool", &e) < 0)
		f->failure = e;
}

/* Wait for the flight that is out; its failure is the file's. */
static int land(struct spool_file *f, struct err *e)
{
	group_wait(&f->writing, "spool write");
	if (f->failure.kind) {
		*e = f->failure;
		return e->kind;
	}
	return 0;
}

/* What has been filled becomes the next flight. */
static int load_flight(struct spool_file *f, struct err *e)
{
	struct buf empty;
	int r = land(f, e);

	if (r < 0)
		return r;
	empty = f->flight;
	buf_clear(&empty);
	f->flight = f->fill;
	f->fill = empty;
	return 0;
}

static int start_flight(struct spool_file *f, struct err *e)
{
	int r = load_flight(f, e);

	if (r < 0)
		return r;
	group_start(&f->writing, "spool write", fly, f);
	return 0;
}

int spool_write(struct spool_file *f, const void *data, size_t n, struct err *e)
{
	const char *p = data;

	f->size += n;
	while (n) {
		size_t room = FLIGHT_BYTES - buf_len(&f->fill), part = n < room ? n : room;
		int r;

		(void)buf_add(&f->fill, p, part); /* fits by construction */
		p += part;
		n -= part;
		if (buf_len(&f->fill) < FLIGHT_BYTES)
			continue;
		r = start_flight(f, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the shared flush ---------------------------------------------------------------------- */

struct flush_request {
	struct link link;
	int fd;
	int is_done;
	struct err failure;
};

struct flush {
	struct spool *spool;
	struct link requests;
	size_t count;
};

/* On the pool. One failure is everybody's: the kernel does not tell whose pages were lost. */
static int flush_all(void *arg, struct err *e)
{
	struct flush *fl = arg;
	const char *dir = fl->spool->dir;

	if (fl->count > FLUSH_EACH_MAX) {
		if (syncfs(fl->spool->dir_fd) < 0)
			return err_errno(e, ERR_LOCAL, "SPOOL-FLUSH", "syncfs of %s", dir);
		return 0;
	}
	list_for_each(l,
	              &fl->requests) if (fdatasync(list_item(l, struct flush_request, link)->fd) <
	                                 0) return err_errno(e, ERR_LOCAL, "SPOOL-FLUSH",
	                                                     "fdatasync in %s", dir);
	if (fsync(fl->spool->dir_fd) < 0)
		return err_errno(e, ERR_LOCAL, "SPOOL-FLUSH", "fsync of %s", dir);
	return 0;
}

static void lead_flush(struct spool *sp)
{
	struct flush fl = {.spool = sp};
	struct err e = {0};
	struct link *l;

	list_init(&fl.requests);
	while ((l = list_take_first(&sp->pending))) {
		list_append(&fl.requests, l);
		fl.count++;
	}
	sp->is_flushing = 1;
	(void)work_run(flush_all, &fl, "flushing the spool to disk", &e); /* e tells */
	sp->is_flushing = 0;
	while ((l = list_take_first(&fl.requests))) {
		struct flush_request *r = list_item(l, struct flush_request, link);

		r->failure = e;
		r->is_done = 1;
	}
	signal_raise(&sp->flushed);
}

static int flush(struct spool *sp, int fd, struct err *e)
{
	struct flush_request req = {.fd = fd};
	struct err ignored;

	list_append(&sp->pending, &req.link);
	fiber_shield_begin(); /* the request lives in this frame */
	while (!req.is_done) {
		if (!sp->is_flushing)
			lead_flush(sp);
		else
			(void)signal_wait(&sp->flushed, "flush of the spool", deadline_never(),
			                  &ignored); /* the loop asks again */
	}
	fiber_shield_end();
	if (!req.failure.kind)
		return 0;
	*e = req.failure;
	return e->kind;
}

/* The last flight needs no fiber of its own: nothing is left to do beside it. */
static int write_rest(struct spool_file *f, struct err *e)
{
	int r = load_flight(f, e);

	if (r < 0)
		return r;
	if (!buf_len(&f->flight) && f->fd >= 0) /* an empty file is a file */
		return 0;
	return work_run(write_flight, f, "writing to the spool", e);
}

/* On the pool. The flush that follows is the name's too. */
static int name_it(void *arg, struct err *e)
{
	struct spool_file *f = arg;
	char name[48];

	name_whole(f->job, name);
	if (renameat(f->spool->dir_fd, f->name, f->spool->dir_fd, name) < 0)
		return write_error(f, "rename", e);
	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	return 0;
}

int spool_finish(struct spool_file *f, unsigned char sha256[DIGEST_BYTES], struct err *e)
{
	int r = write_rest(f, e);

	if (r == 0 && f->is_part)
		r = work_run(name_it, f, "naming a spool file", e);
	if (r < 0)
		return r;
	r = flush(f->spool, f->fd, e);
	if (r < 0)
		return r;
	digest_final(&f->digest, sha256);
	r = close(f->fd);
	f->fd = -1;
	if (r < 0)
		return write_error(f, "close", e);
	buf_release(&f->fill);
	buf_release(&f->flight);
	return 0;
}

static void release(struct spool_file *f)
{
	if (f->fd >= 0)
		(void)close(f->fd); /* given up, or to be read again before it counts */
	f->fd = -1;
	digest_release(&f->digest);
	buf_release(&f->fill);
	buf_release(&f->flight);
}

void spool_discard(struct spool_file *f)
{
	struct err ignored;

	group_wait(&f->writing, "spool write");
	if (f->fd >= 0)
		(void)spool_remove(f->spool, f->job, &ignored); /* the next attempt truncates it */
	release(f);
}

/* ---- what an earlier attempt left ---------------------------------------------------------- */

void spool_keep(struct spool_file *f)
{
	struct err ignored;
	int r;

	fiber_shield_begin(); /* it may be the cancel that ends the attempt */
	r = write_rest(f, &ignored);
	fiber_shield_end();
	if (r < 0)
		spool_discard(f);
	else
		release(f);
}

static int open_part(void *arg, struct err *e)
{
	struct spool_file *f = arg;

	f->fd = openat(f->spool->dir_fd, f->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	return f->fd < 0 && errno != ENOENT ? write_error(f, "open", e) : 0;
}

/* 1 = there was no more. The file's offset is then where the next bytes belong. */
static int hash_piece(void *arg, struct err *e)
{
	struct spool_file *f = arg;
	_cleanup_free_ unsigned char *piece = mem_new(FLIGHT_BYTES);
	ssize_t n;

	do {
		n = read(f->fd, piece, FLIGHT_BYTES);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return write_error(f, "read", e);
	digest_update(&f->digest, piece, (size_t)n);
	f->size += (uint64_t)n;
	return n == 0;
}

static int truncate_part(void *arg, struct err *e)
{
	struct spool_file *f = arg;

	if (ftruncate(f->fd, 0) < 0 || lseek(f->fd, 0, SEEK_SET) < 0)
		return write_error(f, "truncate", e);
	return 0;
}

int spool_restart(struct spool_file *f, struct err *e)
{
	int r;

	group_wait(&f->writing, "spool write");
	f->failure = (struct err){0};
	f->size = 0;
	buf_clear(&f->fill);
	buf_clear(&f->flight);
	digest_release(&f->digest);
	digest_init(&f->digest);
	fiber_shield_begin();
	r = f->fd < 0 ? 0 : work_run(truncate_part, f, "emptying a spool file", e);
	fiber_shield_end();
	return r;
}

int spool_take_up(struct spool_file *f, uint64_t most, struct err *e)
{
	int r = work_run(open_part, f, "looking for a part in the spool", e);

	if (r < 0 || f->fd < 0)
		return r;
	while (r == 0 && f->size <= most)
		r = work_run(hash_piece, f, "reading a part in the spool", e);
	if (r < 0)
		return r;
	return f->size > most ? spool_restart(f, e) : 0;
}

/* ---- removing, room ------------------------------------------------------------------------ */

struct removal {
	struct spool *spool;
	int64_t job;
};

static int remove_file(void *arg, struct err *e)
{
	struct removal *r = arg;
	char names[2][48];

	name_whole(r->job, names[0]);
	name_part(r->spool, r->job, names[1]);
	for (int i = 0; i < 2; i++)
		if (unlinkat(r->spool->dir_fd, names[i], 0) < 0 && errno != ENOENT)
			return err_errno(e, ERR_LOCAL, "SPOOL-REMOVE", "remove %s/%s",
			                 r->spool->dir, names[i]);
	return 0;
}

int spool_remove(struct spool *sp, int64_t job, struct err *e)
{
	struct removal r = {sp, job};
	int rc;

	fiber_shield_begin();
	rc = work_run(remove_file, &r, "removing a spool file", e);
	fiber_shield_end();
	return rc;
}

struct room_question {
	struct spool *spool;
	uint64_t min_bytes;
	int min_percent;
};

static int ask_room(void *arg, struct err *e)
{
	struct room_question *q = arg;
	struct statvfs v;
	uint64_t free_bytes, total;

	if (fstatvfs(q->spool->dir_fd, &v) < 0)
		return err_errno(e, ERR_LOCAL, "SPOOL-OPEN", "statvfs of %s", q->spool->dir);
	free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	total = (uint64_t)v.f_blocks * v.f_frsize;
	if (free_bytes >= q->min_bytes && free_bytes >= total / 100 * (uint64_t)q->min_percent)
		return 0;
	return err_set(e, ERR_BUSY, "SPOOL-FULL", 0,
	               "the disk of %s has %" PRIu64 " MiB free, less than daemon.min_free allows; "
	               "nothing new is fetched until there is room again",
	               q->spool->dir, free_bytes >> 20);
}

int spool_has_room(struct spool *sp, uint64_t min_free_bytes, int min_free_percent, struct err *e)
{
	struct room_question q = {sp, min_free_bytes, min_free_percent};

	return work_run(ask_room, &q, "asking for free disk space", e);
}
