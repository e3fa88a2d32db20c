/*
 * Taking a file away from its writers.
 *
 * The name is the only thing a writer and we share: once the file has moved into a directory that
 * only we may enter, nobody opens it any more. Between looking at a name and renaming it, anything
 * may be put in its place; so the file is opened first, and after the rename the new name must be
 * the opened file. What is not goes back under its old name.
 *
 *	open, look, lease --> rename without replacing --> is it the opened one? --> flush both dirs
 *	                                                      no: rename back
 *
 * Who still writes: Linux tells an unprivileged process about its own files only, by refusing a
 * read lease (fcntl(2) F_SETLEASE) on a file that is open for writing. The lease is held over the
 * rename, so that a writer who opens the file in that moment is noticed. For files of others, what
 * the watch saw counts; a file of another user whose writer began before ferryd started and has
 * not written since is not recognised: stable_for is for that, and get() notices a change while it
 * reads.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "adapters/local/beneath.h"
#include "adapters/local/local.h"
#include "adapters/names.h"
#include "daemon/base/escape.h"
#include "daemon/base/text.h"
#include "daemon/runtime/work.h"

struct claim {
	struct connection *c;
	const char *path, *claimed;
	const struct entry *expect;
	int fd;
	struct stat st;
	bool has_lease;
	int from_dir, to_dir; /* go to the barrier, which closes them */
};

static int changed(const struct claim *k, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_INTEGRITY, "DATA-CHANGED", 0,
	               "%s in %s is not the file any more that was listed; the next listing "
	               "decides about it",
	               escape_name(k->path, &tmp), k->c->settings->root);
}

static int still_written(const struct claim *k, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_BUSY, "LOCAL-WRITING", 0,
	               "%s in %s is open for writing; it is taken when its writer closes it",
	               escape_name(k->path, &tmp), k->c->settings->root);
}

/* ---- on the pool --------------------------------------------------------------------------- */

/* The directory for claimed files must be ours alone: who may enter it may change what we read. */
static int check_claim_dir(const struct claim *k, struct err *e)
{
	struct stat st;

	if (fstat(k->to_dir, &st) < 0)
		return local_err(e, k->c, "open", NAME_CLAIM_DIR);
	if (st.st_uid != geteuid())
		return err_set(e, ERR_POLICY, "LOCAL-CLAIM-DIR", 0,
		               "%s/" NAME_CLAIM_DIR " belongs to user %u: files would be claimed "
		               "into a stranger's hands; move it away, ferryd makes its own",
		               k->c->settings->root, (unsigned)st.st_uid);
	if ((st.st_mode & 077) && fchmod(k->to_dir, 0700) < 0)
		return local_err(e, k->c, "close to others", NAME_CLAIM_DIR);
	return 0;
}

static int make_claim_dir(const struct claim *k, struct err *e)
{
	int r = 0, root = beneath_open(k->c->root, "", O_RDONLY | O_DIRECTORY);

	if (root < 0)
		return local_err(e, k->c, "open", ".");
	if (mkdirat(root, NAME_CLAIM_DIR, 0700) < 0 && errno != EEXIST)
		r = local_err(e, k->c, "create", NAME_CLAIM_DIR);
	else if (fsync(root) < 0)
		r = local_err_flush(e, k->c, NAME_CLAIM_DIR, errno);
	(void)close(root); /* flushed or failed already */
	return r;
}

static int open_target(struct claim *k, const char **leaf, struct err *e)
{
	int r;

	k->to_dir = beneath_parent(k->c->root, k->claimed, leaf);
	if (k->to_dir < 0 && errno == ENOENT &&
	    text_starts(k->claimed + strspn(k->claimed, "/"), NAME_CLAIM_DIR "/")) {
		r = make_claim_dir(k, e);
		if (r < 0)
			return r;
		k->to_dir = beneath_parent(k->c->root, k->claimed, leaf);
	}
	if (k->to_dir < 0)
		return local_err(e, k->c, "claim into", k->claimed);
	return check_claim_dir(k, e);
}

/* A lease makes the kernel signal us when a writer comes; SIGURG is ignored by default, SIGIO would
 * end the process. */
static int take_lease(struct claim *k, struct err *e)
{
	if (fcntl(k->fd, F_SETSIG, SIGURG) < 0 || fcntl(k->fd, F_SETLEASE, F_RDLCK) < 0)
		return errno == EAGAIN ? still_written(k, e) : 0; /* else: not ours to know */
	k->has_lease = true;
	return 0;
}

static int open_source(struct claim *k, const char *leaf, struct err *e)
{
	int r;

	/* before opening it: opening a device can have effects */
	if (fstatat(k->from_dir, leaf, &k->st, AT_SYMLINK_NOFOLLOW) < 0)
		return local_err(e, k->c, "claim", k->path);
	r = local_check_regular(k->c, k->path, &k->st, e);
	if (r < 0)
		return r;
	k->fd = openat(k->from_dir, leaf,
	               O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (k->fd < 0 || fstat(k->fd, &k->st) < 0)
		return local_err(e, k->c, "claim", k->path);
	r = local_check_regular(k->c, k->path, &k->st, e);
	if (r < 0)
		return r;
	if (!local_is_expected(&k->st, k->expect))
		return changed(k, e);
	return take_lease(k, e);
}

/* 0 when the claimed name is the file that was opened, unchanged. */
static int check_taken(struct claim *k, const char *leaf, struct err *e)
{
	struct stat named, now;

	if (fstatat(k->to_dir, leaf, &named, AT_SYMLINK_NOFOLLOW) < 0 || fstat(k->fd, &now) < 0)
		return local_err(e, k->c, "look at claimed", k->claimed);
	if (named.st_dev != now.st_dev || named.st_ino != now.st_ino || now.st_nlink != 1 ||
	    now.st_size != k->st.st_size || local_mtime_ms(&now) != local_mtime_ms(&k->st))
		return changed(k, e);
	if (k->has_lease && fcntl(k->fd, F_GETLEASE) != F_RDLCK)
		return still_written(k, e); /* it is waiting for us to let go */
	return 0;
}

static int put_back(struct claim *k, const char *leaf, const char *taken, struct err *e)
{
	struct escaped tmp;

	if (local_rename_at(k->to_dir, taken, k->from_dir, leaf, RENAME_FAIL_IF_EXISTS) == 0)
		return e->kind;
	return err_set(e, ERR_LOCAL, "LOCAL-CLAIM-STUCK", errno,
	               "%s/%s was changed while it was claimed, and its old name is taken by a new "
	               "file: look at both, move one back by hand",
	               k->c->settings->root, escape_name(k->claimed, &tmp));
}

static int take(struct claim *k, struct err *e)
{
	const char *leaf, *taken;
	int r = open_target(k, &taken, e);

	if (r < 0)
		return r;
	k->from_dir = beneath_parent(k->c->root, k->path, &leaf);
	if (k->from_dir < 0)
		return local_err(e, k->c, "claim", k->path);
	r = open_source(k, leaf, e);
	if (r < 0)
		return r;
	if (local_rename_at(k->from_dir, leaf, k->to_dir, taken, RENAME_FAIL_IF_EXISTS) < 0)
		return local_err(e, k->c, "claim as", k->claimed);
	r = check_taken(k, taken, e);
	return r < 0 ? put_back(k, leaf, taken, e) : 0;
}

static int claim_file(void *arg, struct err *e)
{
	struct claim *k = arg;
	int r = take(k, e);

	(void)local_close(k->fd); /* ends the lease too; nothing was written through it */
	k->fd = -1;
	k->has_lease = false;
	if (r == 0)
		return 0;
	(void)local_close(k->from_dir);
	(void)local_close(k->to_dir);
	k->from_dir = k->to_dir = -1;
	return r;
}

/* ---- in the fiber -------------------------------------------------------------------------- */

int local_claim(struct connection *c, const char *path, const char *claimed,
                const struct entry *expect, struct err *e)
{
	struct claim k = {
	        .c = c,
	        .path = path,
	        .claimed = claimed,
	        .expect = expect,
	        .fd = -1,
	        .from_dir = -1,
	        .to_dir = -1,
	};
	int r = local_begin(c, e);

	if (r < 0)
		return r;
	r = local_is_busy(c, path) ? still_written(&k, e)
	                           : local_run_patiently(claim_file, &k, "claiming a file", e);
	if (r == 0) {
		struct barrier_item dirs[] = {{.fd = k.from_dir}, {.fd = k.to_dir}};

		r = local_err_flush(e, c, path, barrier_wait(&c->barrier, dirs, 2));
	}
	return local_end(c, "claim", path, r, e);
}
