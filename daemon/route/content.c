#include "daemon/route/content.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

enum { PIECE_BYTES = 1024 * 1024 };

static int read_piece(void *arg, struct err *e)
{
	struct content *c = arg;
	ssize_t n;

	do {
		n = pread(c->fd, c->piece, c->piece_room, (off_t)c->offset);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(e, ERR_LOCAL, "CONTENT-READ", "read %s", c->path);
	digest_update(&c->digest, c->piece, (size_t)n);
	c->piece_bytes = (size_t)n;
	c->piece_used = 0;
	c->offset += (uint64_t)n;
	return 0;
}

static int open_file(void *arg, struct err *e)
{
	struct content *c = arg;
	uint64_t size = c->offset; /* what the store says; see content_open */

	c->offset = 0;
	c->fd = open(c->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (c->fd < 0)
		return err_errno(e, ERR_LOCAL, errno == ENOENT ? "CONTENT-MISSING" : "CONTENT-OPEN",
		                 "open %s", c->path);
	if (fstat(c->fd, &c->opened) < 0)
		return err_errno(e, ERR_LOCAL, "CONTENT-OPEN", "fstat %s", c->path);
	if (!S_ISREG(c->opened.st_mode) || (uint64_t)c->opened.st_size != size)
		return err_set(e, ERR_INTEGRITY, "CONTENT-SIZE", 0,
		               "%s has %" PRId64 " bytes, %" PRIu64 " were recorded", c->path,
		               (int64_t)c->opened.st_size, size);
	c->piece_room = size < PIECE_BYTES ? (size_t)size + 1 : PIECE_BYTES;
	c->piece = mem_new(c->piece_room);
	return read_piece(c, e);
}

int content_open(struct content *c, const char *path, uint64_t size, struct err *e)
{
	*c = (struct content){.fd = -1, .offset = size};
	(void)snprintf(c->path, sizeof(c->path), "%s", path);
	digest_init(&c->digest);
	return work_run(open_file, c, "opening the stored file", e);
}

static int look_ahead(struct content *c, struct err *e)
{
	if (c->piece_used == c->piece_bytes && c->offset < (uint64_t)c->opened.st_size)
		return work_run(read_piece, c, "reading the stored file", e);
	return 0;
}

static int64_t content_read(void *arg, void *data, size_t room, struct err *e)
{
	struct content *c = arg;
	size_t n;
	int r = look_ahead(c, e);

	if (r < 0)
		return r;
	n = c->piece_bytes - c->piece_used;
	if (n > room)
		n = room;
	memcpy(data, c->piece + c->piece_used, n);
	c->piece_used += n;
	return (int64_t)n;
}

struct source content_source(struct content *c)
{
	return (struct source){content_read, c, (uint64_t)c->opened.st_size};
}

int content_skip(struct content *c, uint64_t n, struct err *e)
{
	while (n > 0) {
		size_t part;
		int r = look_ahead(c, e);

		if (r < 0)
			return r;
		part = c->piece_bytes - c->piece_used;
		if (part == 0)
			return err_set(e, ERR_INTEGRITY, "CONTENT-SIZE", 0, "%s ends too early",
			               c->path);
		part = part < n ? part : (size_t)n;
		c->piece_used += part;
		n -= part;
	}
	return 0;
}

static int same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

int content_finish(struct content *c, unsigned char sha256[DIGEST_BYTES], struct err *e)
{
	struct stat now;

	if (fstat(c->fd, &now) < 0)
		return err_errno(e, ERR_LOCAL, "CONTENT-READ", "fstat %s", c->path);
	if (now.st_size != c->opened.st_size || !same_time(now.st_mtim, c->opened.st_mtim))
		return err_set(e, ERR_INTEGRITY, "DATA-CHANGED", 0,
		               "%s was changed while it was being sent; it is sent again when its "
		               "writer has finished",
		               c->path);
	digest_final(&c->digest, sha256);
	return 0;
}

int content_check(const struct content *c, const unsigned char *stored,
                  const unsigned char sha256[DIGEST_BYTES], struct err *e)
{
	if (!stored || memcmp(stored, sha256, DIGEST_BYTES) == 0)
		return 0;
	return err_set(e, ERR_INTEGRITY, "CONTENT-DIGEST", 0,
	               "%s is not the file that was stored: its SHA-256 differs (a failing disk?)",
	               c->path);
}

void content_close(struct content *c)
{
	if (c->fd >= 0)
		(void)close(c->fd); /* only read from */
	c->fd = -1;
	digest_release(&c->digest);
	free(c->piece);
	c->piece = NULL;
}
