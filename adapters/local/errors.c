#include <errno.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "adapters/local/local.h"
#include "daemon/base/escape.h"
#include "daemon/runtime/work.h"

static const struct known {
	int number;
	enum err_kind kind;
	const char *code;
	const char *cure; /* "" = the system's words say it all */
} known[] = {
        {ENOENT, ERR_OBJECT, "OBJ-MISSING", ""},
        {EACCES, ERR_OBJECT, "OBJ-DENIED", "; give ferryd's user the right to it"},
        {EPERM, ERR_OBJECT, "OBJ-DENIED", "; give ferryd's user the right to it"},
        {EEXIST, ERR_OBJECT, "OBJ-EXISTS", ""},
        {ENOTEMPTY, ERR_OBJECT, "OBJ-EXISTS", ""},
        {ENOTDIR, ERR_OBJECT, "OBJ-NOT-DIR", ""},
        {EISDIR, ERR_OBJECT, "OBJ-NOT-DIR", ""},
        {ELOOP, ERR_POLICY, "LOCAL-SYMLINK",
         "; symbolic links below the directory are not followed"},
        {EXDEV, ERR_POLICY, "LOCAL-OUTSIDE",
         "; the path leads out of the directory or into another file system mounted there"},
        {ENAMETOOLONG, ERR_POLICY, "LOCAL-NAME-LONG", ""},
        {EROFS, ERR_LOCAL, "LOCAL-READ-ONLY", "; the kernel log may say why"},
        {EIO, ERR_LOCAL, "LOCAL-IO", "; the kernel log says which disk"},
        {EMFILE, ERR_BUSY, "LOCAL-DESCRIPTORS", "; raise LimitNOFILE= of the service"},
        {ENFILE, ERR_BUSY, "LOCAL-DESCRIPTORS", "; raise fs.file-max"},
        {ENOSPC, ERR_BUSY, "OBJ-NO-SPACE", "; free space there, ferryd tries again by itself"},
        {EDQUOT, ERR_BUSY, "OBJ-NO-SPACE", "; raise the quota, ferryd tries again by itself"},
        {0, ERR_LOCAL, "LOCAL-FAILED", ""},
};

static const struct known *lookup(int number)
{
	const struct known *k = known;

	while (k->number && k->number != number)
		k++;
	return k;
}

int local_err(struct err *e, const struct connection *c, const char *verb, const char *path)
{
	int number = errno;
	const struct known *k = lookup(number);
	struct escaped tmp;
	char words[96];

	return err_set(e, k->kind, k->code, number, "%s %s in %s: %s%s", verb,
	               escape_name(path, &tmp), c->settings->root,
	               strerror_r(number, words, sizeof(words)), k->cure);
}

int local_err_space(struct err *e, const struct connection *c, const char *path, int fd,
                    uint64_t need)
{
	int number = errno;
	struct escaped tmp;
	struct statvfs fs;

	if (number != ENOSPC || fstatvfs(fd, &fs) < 0) {
		errno = number;
		return local_err(e, c, "write", path);
	}
	return err_set(e, ERR_BUSY, "OBJ-NO-SPACE", number,
	               "write %s in %s: no space left: %llu bytes are free, the file needs %llu; "
	               "free space there, ferryd tries again by itself",
	               escape_name(path, &tmp), c->settings->root,
	               (unsigned long long)fs.f_bavail * fs.f_frsize, (unsigned long long)need);
}

int local_err_flush(struct err *e, const struct connection *c, const char *path, int error)
{
	struct escaped tmp;
	char words[96];

	if (!error)
		return 0;
	return err_set(e, ERR_LOCAL, "LOCAL-FSYNC", error,
	               "flush %s in %s to disk: %s; what was written may be lost, so the transfer "
	               "is repeated from its source; check the disk and the kernel log",
	               escape_name(path, &tmp), c->settings->root,
	               strerror_r(error, words, sizeof(words)));
}

enum entry_type local_type(mode_t mode)
{
	return S_ISREG(mode)   ? ENTRY_FILE
	       : S_ISDIR(mode) ? ENTRY_DIR
	       : S_ISLNK(mode) ? ENTRY_LINK
	                       : ENTRY_OTHER;
}

int64_t local_mtime_ms(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

int local_check_regular(const struct connection *c, const char *path, const struct stat *st,
                        struct err *e)
{
	struct escaped tmp;

	if (S_ISLNK(st->st_mode)) {
		errno = ELOOP;
		return local_err(e, c, "open", path);
	}
	if (S_ISDIR(st->st_mode)) {
		errno = EISDIR;
		return local_err(e, c, "open", path);
	}
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_POLICY, "LOCAL-NOT-REGULAR", 0,
		               "%s in %s is a pipe, socket or device; only files are transferred",
		               escape_name(path, &tmp), c->settings->root);
	if (st->st_dev != c->dev) {
		errno = EXDEV;
		return local_err(e, c, "open", path);
	}
	if (st->st_nlink != 1)
		return err_set(e, ERR_POLICY, "LOCAL-HARDLINK", 0,
		               "%s in %s has %llu names (hard links); another name could be a file "
		               "that must not leave this machine: copy or move it there instead",
		               escape_name(path, &tmp), c->settings->root,
		               (unsigned long long)st->st_nlink);
	return 0;
}

bool local_is_expected(const struct stat *st, const struct entry *expect)
{
	return (!expect->identity || expect->identity == st->st_ino) &&
	       (expect->size == SIZE_UNKNOWN || expect->size == (uint64_t)st->st_size) &&
	       (expect->mtime_ms == MTIME_UNKNOWN || expect->mtime_ms == local_mtime_ms(st));
}

int local_run_patiently(int (*job)(void *arg, struct err *e), void *arg, const char *label,
                        struct err *e)
{
	enum { TRIES = 6, PAUSE_MS = 20 };
	struct err why, pause;
	int r;

	for (int i = 1;; i++) {
		r = work_run(job, arg, label, &why);
		if (r == 0)
			return 0;
		if (i == TRIES || strcmp(why.code, "LOCAL-HARDLINK") != 0 ||
		    fiber_sleep(PAUSE_MS, "a second name to go", &pause) < 0)
			break;
	}
	*e = why;
	return r;
}
