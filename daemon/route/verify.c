#include "daemon/route/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

/* ---- reading back -------------------------------------------------------------------------- */

static int into_digest(void *arg, const void *data, size_t n, struct err *e)
{
	(void)e;
	digest_update(arg, data, n);
	return 0;
}

static int read_back(struct lease *lease, const char *path, unsigned char out[DIGEST_BYTES],
                     struct err *e)
{
	struct digest d;
	const struct get_options o = {
	        .sink = {into_digest, &d},
	        .expect_size = SIZE_UNKNOWN,
	        .expect_mtime_ms = MTIME_UNKNOWN,
	        .max_size = UINT64_MAX,
	};
	int r;

	digest_init(&d);
	r = lease->adapter->get(lease->connection, path, &o, e);
	if (r == 0)
		digest_final(&d, out);
	digest_release(&d);
	return r < 0 ? err_wrap(e, "reading back what was sent") : 0;
}

/* ---- the server's own hash ----------------------------------------------------------------- */

enum { PIECE_BYTES = 1024 * 1024, PIECES_A_JOB = 16 };

struct hashing {
	int fd;
	const char *path;
	struct checksum sum;
};

/* 1 = the file has ended */
static int hash_some(void *arg, struct err *e)
{
	struct hashing *h = arg;
	_cleanup_free_ unsigned char *piece = mem_new(PIECE_BYTES);
	ssize_t n = 1;

	if (h->fd < 0)
		h->fd = open(h->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	for (int i = 0; i < PIECES_A_JOB && n > 0 && h->fd >= 0; i++) {
		n = read(h->fd, piece, PIECE_BYTES);
		if (n > 0)
			checksum_update(&h->sum, piece, (size_t)n);
	}
	if (h->fd < 0 || n < 0)
		return err_errno(e, ERR_LOCAL, "CONTENT-READ", "read %s", h->path);
	return n == 0;
}

static int hash_content(const char *path, struct server_hash *out, struct err *e)
{
	struct hashing h = {.fd = -1, .path = path};
	int r = 0;

	checksum_init(&h.sum, out->kind);
	while (r == 0)
		r = work_run(hash_some, &h, "hashing the stored file", e);
	if (r > 0)
		(void)checksum_final(&h.sum, out->bytes);
	checksum_release(&h.sum);
	if (h.fd >= 0)
		(void)close(h.fd); /* only read from */
	return r < 0 ? r : 0;
}

static int differs(const char *how, struct err *e)
{
	return err_set(e, ERR_INTEGRITY, "VERIFY-DIGEST", 0,
	               "%s is not that of what was sent; it is sent again", how);
}

/* 1 = the server tells none */
static int ask_hash(struct lease *lease, const struct sent_file *sent, struct err *e)
{
	struct server_hash theirs, ours;
	int r;

	if (!lease->adapter->hash)
		return 1;
	r = lease->adapter->hash(lease->connection, sent->path, &theirs, e);
	if (r < 0)
		return r == ERR_OBJECT ? 1 : err_wrap(e, "hash of what was sent");
	ours.kind = theirs.kind;
	if (theirs.kind == CHECKSUM_SHA256)
		memcpy(ours.bytes, sent->sha256, DIGEST_BYTES);
	else if (hash_content(sent->content, &ours, e) < 0)
		return e->kind;
	if (memcmp(ours.bytes, theirs.bytes, checksum_bytes(theirs.kind)) != 0)
		return differs("the hash that the server tells of it", e);
	return 0;
}

/* ---- by policy ----------------------------------------------------------------------------- */

static int check_digest(struct lease *lease, const struct sent_file *sent, struct err *e)
{
	unsigned char theirs[DIGEST_BYTES];
	int r = ask_hash(lease, sent, e);

	if (r <= 0)
		return r;
	r = read_back(lease, sent->path, theirs, e);
	if (r == 0 && memcmp(theirs, sent->sha256, DIGEST_BYTES) != 0)
		return differs("the SHA-256 of what was read back from the destination", e);
	return r;
}

int verify_sent(struct lease *lease, const struct sent_file *sent, enum verify_policy policy,
                enum verification *level, struct err *e)
{
	int r;

	if (policy == VERIFY_NONE)
		return 0;
	if (*level < VERIFIED_SIZE)
		return err_set(e, ERR_INTEGRITY, "VERIFY-SIZE", 0,
		               "the server does not tell the size of what it received; if it never "
		               "does, say `verify: none`");
	if (policy == VERIFY_SIZE)
		return 0;
	r = check_digest(lease, sent, e);
	if (r == 0)
		*level = VERIFIED_DIGEST;
	return r;
}
