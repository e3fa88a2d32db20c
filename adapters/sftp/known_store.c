#include "adapters/sftp/known_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "adapters/sftp/known_hosts.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

enum {
	PIECE_BYTES = 64 * 1024,
	LOCK_STEP_MS = 10,
	OPEN_TRIES = 8,
	EDITED_MAX = 8 * KNOWN_STORE_FILE_MAX, /* a line with a key grows to less than that */
};

/* A known_hosts file that we hold locked, with its content. */
struct held {
	const char *file;
	int fd;
	struct buf text;
	bool is_new;
};

static int not_stored(const char *file, struct err *e)
{
	struct escaped tmp;

	return err_errno(e, ERR_LOCAL, "SSH-HOSTKEY-NOT-STORED",
	                 "the host key cannot be stored in %s, so that it would be new at every "
	                 "connection; let ferryd's user write that file",
	                 escape_name(file, &tmp));
}

/* ---- opening and locking ------------------------------------------------------------------- */

static int lock(int fd)
{
	const struct timespec step = {.tv_nsec = LOCK_STEP_MS * 1000000L};
	int64_t end = clock_mono_ms() + KNOWN_STORE_LOCK_MS;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -1;
		if (clock_mono_ms() >= end) {
			errno = ETIMEDOUT;
			return -1;
		}
		(void)nanosleep(&step, NULL); /* early is fine */
	}
	return 0;
}

/* Whoever replaced the file while we waited for the lock left us with the old one. */
static bool is_current(int fd, const char *file)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && stat(file, &there) == 0 && ours.st_ino == there.st_ino &&
	       ours.st_dev == there.st_dev;
}

static int make_parent(const char *file)
{
	char dir[PATH_MAX];
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", file);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return -1;
	*slash = '\0';
	return mkdir(dir, 0700);
}

static int open_file(const char *file, bool *is_new)
{
	const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	struct stat st;
	int fd;

	*is_new = false;
	fd = open(file, flags);
	if (fd < 0 && errno == ENOENT) {
		*is_new = true;
		fd = open(file, flags | O_CREAT, 0600);
		if (fd < 0 && errno == ENOENT && make_parent(file) == 0)
			fd = open(file, flags | O_CREAT, 0600);
	}
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		(void)close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

static int read_all(struct held *h)
{
	for (;;) {
		unsigned char *room = buf_reserve(&h->text, PIECE_BYTES);
		ssize_t n;

		if (!room) {
			errno = EFBIG;
			return -1;
		}
		n = read(h->fd, room, PIECE_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		buf_added(&h->text, (size_t)n);
	}
}

static void let_go(struct held *h)
{
	buf_release(&h->text);
	(void)close(h->fd); /* what was written has been flushed; unlocks */
}

/* 0, or -1 and errno. */
static int hold(const char *file, struct held *h)
{
	int error;

	for (int i = 0; i < OPEN_TRIES; i++) {
		*h = (struct held){.file = file};
		h->fd = open_file(file, &h->is_new);
		if (h->fd < 0)
			return -1;
		buf_init(&h->text, KNOWN_STORE_FILE_MAX);
		if (lock(h->fd) < 0 || (is_current(h->fd, file) && read_all(h) < 0)) {
			error = errno;
			let_go(h);
			errno = error;
			return -1;
		}
		if (is_current(h->fd, file))
			return 0;
		let_go(h);
	}
	errno = EBUSY;
	return -1;
}

static int sync_parent(const char *file)
{
	char dir[PATH_MAX];
	char *slash;
	int fd, r;

	(void)snprintf(dir, sizeof(dir), "%s", file);
	slash = strrchr(dir, '/');
	if (!slash)
		return 0;
	slash[slash == dir ? 1 : 0] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	r = fsync(fd);
	(void)close(fd); /* was only flushed */
	return r;
}

/* ---- appending ----------------------------------------------------------------------------- */

static size_t count_lines(const struct buf *text)
{
	const unsigned char *p = buf_data(text), *end = p + buf_len(text);
	size_t lines = 0;

	for (; p < end; p++)
		lines += *p == '\n';
	return lines;
}

static int write_line(const struct held *h, const struct buf *line)
{
	ssize_t n = write(h->fd, buf_data(line), buf_len(line));
	int error = n < 0 ? errno : ENOSPC;

	if (n == (ssize_t)buf_len(line) && fsync(h->fd) == 0 &&
	    (!h->is_new || sync_parent(h->file) == 0))
		return 0;
	if (n == (ssize_t)buf_len(line))
		error = errno;
	(void)ftruncate(h->fd, (off_t)buf_len(&h->text)); /* half a line would be a bad line */
	errno = error;
	return -1;
}

static int append(const struct held *h, const struct known_entry *entry, struct known_stored *out,
                  struct err *e)
{
	size_t n = buf_len(&h->text);
	unsigned char salt[KNOWN_SALT_BYTES];
	struct buf line;
	int r;

	if (RAND_bytes(salt, sizeof(salt)) != 1)
		return err_set(e, ERR_LOCAL, "SSH-HOSTKEY-NOT-STORED", 0,
		               "there are no random numbers");
	buf_init(&line, KNOWN_LINE_MAX + 4096);
	if (n && buf_data(&h->text)[n - 1] != '\n')
		(void)buf_add(&line, "\n", 1);
	out->line = count_lines(&h->text) + buf_len(&line) + 1;
	out->file = h->file;
	known_edit_line(entry, salt, &line);
	r = write_line(h, &line) < 0 ? not_stored(h->file, e) : 0;
	buf_release(&line);
	return r;
}

/* The first file that can be opened for writing; -1 and e when there is none. */
static int hold_first(const struct known_files *files, struct held *h, struct err *e)
{
	const char *last = NULL;

	for (size_t i = 0; i < files->count; i++) {
		if (!files->items[i])
			continue;
		last = files->items[i];
		if (hold(last, h) == 0)
			return 0;
	}
	if (last)
		return not_stored(last, e);
	return err_set(e, ERR_LOCAL, "SSH-HOSTKEY-NOT-STORED", 0,
	               "there is no known_hosts file to store the host key in");
}

static bool is_there(const struct held *h, const struct known_entry *entry,
                     struct known_stored *out)
{
	if (!known_edit_has(entry, (const char *)buf_data(&h->text), buf_len(&h->text), &out->line))
		return false;
	out->file = h->file;
	out->was_there = true;
	return true;
}

/* Another key than ours on record in the file that we hold. */
static bool has_other(const struct held *h, const struct known_entry *entry)
{
	struct known_edited edited;
	bool found = known_edit_replace(entry, (const char *)buf_data(&h->text), buf_len(&h->text),
	                                EDITED_MAX, &edited) < 0 ||
	             edited.changes > 0;

	buf_release(&edited.text);
	return found;
}

enum others { OTHERS_REFUSED, OTHERS_STAY };

/* Into the first file that can be written, unless it is there. */
static int add(const struct known_files *files, const struct known_entry *entry, enum others others,
               struct known_stored *out, struct err *e)
{
	struct held h;
	int r = hold_first(files, &h, e);

	if (r < 0)
		return r;
	memset(out, 0, sizeof(*out));
	if (is_there(&h, entry, out))
		r = 0;
	else if (others == OTHERS_REFUSED && has_other(&h, entry))
		r = err_set(e, ERR_BUSY, "SSH-HOSTKEY-RACE", 0,
		            "another key of the host was stored at this moment; the next attempt "
		            "judges by it");
	else
		r = append(&h, entry, out, e);
	let_go(&h);
	return r;
}

int known_store_add(const struct known_files *files, const struct known_entry *entry,
                    struct known_stored *out, struct err *e)
{
	return add(files, entry, OTHERS_REFUSED, out, e);
}

/* ---- replacing ----------------------------------------------------------------------------- */

static int fill(int fd, const struct buf *text)
{
	const unsigned char *p = buf_data(text);
	size_t left = buf_len(text);

	while (left) {
		ssize_t n = write(fd, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		left -= (size_t)n;
	}
	return fsync(fd);
}

/* A new file of the same mode and owner takes the place of `target`. */
static int swap(const struct held *h, const char *target, const struct buf *text)
{
	char *temp = mem_printf("%s.ferryd-XXXXXX", target);
	int fd = mkostemp(temp, O_CLOEXEC);
	struct stat st;
	bool ok = fd >= 0 && fstat(h->fd, &st) == 0;

	if (ok && fchown(fd, st.st_uid, st.st_gid) < 0) /* as somebody else we cannot: ours then */
		ok = errno == EPERM;
	ok = ok && fchmod(fd, st.st_mode & 07777) == 0 && fill(fd, text) == 0 &&
	     rename(temp, target) == 0;
	if (fd >= 0) {
		(void)close(fd); /* flushed */
		if (!ok)
			(void)unlink(temp); /* ours, and of no use */
	}
	free(temp);
	return ok ? sync_parent(target) : -1;
}

static void note(struct known_stored *out, const char *file, size_t line, bool is_left)
{
	if (out->replaced_count < KNOWN_STORE_NOTES)
		out->replaced[out->replaced_count++] =
		        (struct known_note){.file = file, .line = line, .is_left = is_left};
}

static void note_all(struct known_stored *out, const char *file, const struct known_edited *edited,
                     bool is_left)
{
	for (size_t i = 0; i < edited->changes && i < KNOWN_EDITS_SHOWN; i++)
		note(out, file, edited->lines[i], is_left);
}

static void replace_held(const struct held *h, const struct known_entry *entry,
                         struct known_stored *out)
{
	struct known_edited edited;
	char target[PATH_MAX];

	if (known_edit_replace(entry, (const char *)buf_data(&h->text), buf_len(&h->text),
	                       EDITED_MAX, &edited) < 0) {
		note(out, h->file, 0, true);
		return;
	}
	if (edited.changes)
		note_all(out, h->file, &edited,
		         !realpath(h->file, target) || swap(h, target, &edited.text) < 0);
	buf_release(&edited.text);
}

/* What we may not write, we look at: the operator must know that the old key is still there. */
static void look_at(const char *file, const struct known_entry *entry, struct known_stored *out)
{
	struct held h = {.file = file,
	                 .fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
	struct known_edited edited;

	if (h.fd < 0)
		return;
	buf_init(&h.text, KNOWN_STORE_FILE_MAX);
	if (read_all(&h) == 0 && known_edit_replace(entry, (const char *)buf_data(&h.text),
	                                            buf_len(&h.text), EDITED_MAX, &edited) == 0) {
		note_all(out, file, &edited, true);
		buf_release(&edited.text);
	}
	let_go(&h);
}

static void replace_in(const char *file, const struct known_entry *entry, struct known_stored *out)
{
	struct held h;

	if (access(file, F_OK) != 0)
		return; /* nothing there; do not make it */
	if (hold(file, &h) < 0) {
		look_at(file, entry, out);
		return;
	}
	replace_held(&h, entry, out);
	let_go(&h);
}

/* The entry first: at no moment is the host unknown, where accept-new would take any key. */
int known_store_trust(const struct known_files *files, const struct known_entry *entry,
                      struct known_stored *out, struct err *e)
{
	int r = add(files, entry, OTHERS_STAY, out, e);

	for (size_t i = 0; r == 0 && i < files->count; i++)
		if (files->items[i])
			replace_in(files->items[i], entry, out);
	return r;
}
