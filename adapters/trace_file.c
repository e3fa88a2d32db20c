#include "adapters/trace_file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/text.h"

/* How many old files one new file removes at most: bounded work, and it catches up. */
enum { EXPIRE_AT_ONCE = 1000, STAMP_BYTES = 24 };

void trace_folder_name(const char *endpoint, char out[TRACE_FOLDER_BYTES])
{
	size_t n = 0;

	for (; n < TRACE_FOLDER_BYTES - 1 && endpoint[n]; n++) {
		unsigned char ch = (unsigned char)endpoint[n];
		bool plain = isalnum(ch) || ch == '-' || ch == '_' || (ch == '.' && n > 0);

		out[n] = plain && ch < 0x80 ? (char)ch : '_';
	}
	if (!n)
		out[n++] = '_';
	out[n] = '\0';
}

/* 20261120T110749.123Z: sorts as text, has no ':' that shells and scp stumble over. */
static void stamp(int64_t wall_ms, char out[STAMP_BYTES])
{
	char text[CLOCK_TEXT_BYTES];
	size_t n = 0;

	clock_text(wall_ms, text);
	for (const char *p = text; *p && n < STAMP_BYTES - 1; p++)
		if (*p != '-' && *p != ':')
			out[n++] = *p;
	out[n] = '\0';
}

void trace_file_name(const char *dir, const char *folder, char out[TRACE_PATH_BYTES])
{
	char when[STAMP_BYTES];
	unsigned serial = 0;

	stamp(clock_wall_ms(), when);
	if (getrandom(&serial, sizeof(serial), GRND_NONBLOCK) != (ssize_t)sizeof(serial))
		serial = (unsigned)clock_mono_us(); /* unique enough: the file is opened O_EXCL */
	(void)snprintf(out, TRACE_PATH_BYTES, "%s/%s/%s-%08x.trace", dir, folder, when, serial);
}

static bool is_trace_name(const char *name)
{
	return isdigit((unsigned char)name[0]) &&
	       (text_ends(name, ".trace") || text_ends(name, ".trace.1"));
}

/* The time is in the name, so that nothing needs to be stat'ed. */
static void expire(int folder, int64_t keep_ms)
{
	char limit[STAMP_BYTES];
	struct dirent *entry;
	int removed = 0, copy = fcntl(folder, F_DUPFD_CLOEXEC, 0);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d) {
		if (copy >= 0)
			(void)close(copy); /* the next new file tries again */
		return;
	}
	stamp(clock_wall_ms() - keep_ms, limit);
	while (removed < EXPIRE_AT_ONCE && (entry = readdir(d)))
		if (is_trace_name(entry->d_name) && strcmp(entry->d_name, limit) < 0 &&
		    unlinkat(folder, entry->d_name, 0) == 0)
			removed++;
	(void)closedir(d);
}

static int open_folder(const struct trace_piece *p, struct err *e)
{
	char path[TRACE_PATH_BYTES];
	int fd;

	if (mkdir(p->dir, 0750) < 0 && errno != EEXIST)
		return err_errno(e, ERR_LOCAL, "TRACE-DIR", "create %s", p->dir);
	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, p->folder);
	if (mkdir(path, 0750) < 0 && errno != EEXIST)
		return err_errno(e, ERR_LOCAL, "TRACE-DIR", "create %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, ERR_LOCAL, "TRACE-DIR", "open %s", path);
	return fd;
}

static int write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return -1;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

/* A file that would grow too large steps aside. */
static void rotate(int folder, const char *leaf, const struct trace_piece *p)
{
	char older[TRACE_PATH_BYTES];
	struct stat st;

	if (fstatat(folder, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (uint64_t)st.st_size + p->data_bytes <= p->max_bytes)
		return;
	(void)snprintf(older, sizeof(older), "%s.1", leaf);
	if (renameat(folder, leaf, folder, older) < 0)
		(void)unlinkat(folder, leaf, 0); /* the bound on disk space comes first */
}

static int append(int folder, const char *leaf, const struct trace_piece *p)
{
	int failed, fd = openat(folder, leaf, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		expire(folder, p->keep_ms);
		fd = openat(folder, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		            0640);
		if (fd >= 0 && write_all(fd, p->head, p->head_bytes) < 0) {
			(void)close(fd);
			return -1;
		}
	}
	if (fd < 0)
		return -1;
	failed = write_all(fd, p->data, p->data_bytes);
	return close(fd) < 0 ? -1 : failed;
}

/* ---- a file that an operator named --------------------------------------------------------- */

static const char shared_mark[] = "# ferryd ";
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER; /* writers are pool threads */

/* An open descriptor, -1 with errno. */
static int open_shared(const char *path)
{
	char begin[sizeof(shared_mark) - 1];
	struct stat st;
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);

	if (fd >= 0 || errno != EEXIST)
		return fd;
	fd = open(path, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	    (st.st_size == 0 || (pread(fd, begin, sizeof(begin), 0) == (ssize_t)sizeof(begin) &&
	                         memcmp(begin, shared_mark, sizeof(begin)) == 0)))
		return fd;
	(void)close(fd);
	errno = EEXIST;
	return -1;
}

static int not_ours(const char *path, struct err *e)
{
	struct escaped tmp;

	if (errno == EEXIST || errno == ELOOP)
		return err_set(e, ERR_LOCAL, "TRACE-FILE", errno,
		               "%s is there already and is no trace of ferryd; name a new file, or "
		               "remove that one",
		               escape_name(path, &tmp));
	return err_errno(
	        e, ERR_LOCAL, "TRACE-FILE",
	        "ferryd cannot write a trace to %s (the service's user needs the right, and "
	        "the unit must allow the directory)",
	        escape_name(path, &tmp));
}

int trace_file_claim(const char *path, struct err *e)
{
	int fd = open_shared(path);

	if (fd < 0)
		return not_ours(path, e);
	(void)close(fd);
	return 0;
}

static void rotate_shared(int *fd, const struct trace_piece *p)
{
	char older[TRACE_PATH_BYTES + 2];
	struct stat st;

	if (fstat(*fd, &st) < 0 ||
	    (uint64_t)st.st_size + p->head_bytes + p->data_bytes <= p->max_bytes)
		return;
	(void)close(*fd);
	(void)snprintf(older, sizeof(older), "%s.1", p->file);
	if (rename(p->file, older) < 0)
		(void)unlink(p->file); /* the bound on disk space comes first */
	*fd = open_shared(p->file);
}

static int write_shared(const struct trace_piece *p, struct err *e)
{
	struct stat st;
	int r = 0, fd;

	(void)pthread_mutex_lock(&shared_lock);
	fd = open_shared(p->file);
	if (fd >= 0)
		rotate_shared(&fd, p);
	if (fd < 0)
		r = not_ours(p->file, e);
	else if (((p->shared == TRACE_SHARED_BEGINS || (fstat(fd, &st) == 0 && st.st_size == 0)) &&
	          write_all(fd, p->head, p->head_bytes) < 0) ||
	         write_all(fd, p->data, p->data_bytes) < 0)
		r = err_errno(e, ERR_LOCAL, "TRACE-WRITE", "write %s", p->file);
	if (fd >= 0)
		(void)close(fd);
	(void)pthread_mutex_unlock(&shared_lock);
	return r;
}

/* ---- one piece ----------------------------------------------------------------------------- */

static int write_own(const struct trace_piece *p, struct err *e)
{
	const char *leaf = strrchr(p->file, '/') + 1;
	int r = 0, folder = open_folder(p, e);

	if (folder < 0)
		return folder;
	rotate(folder, leaf, p);
	if (append(folder, leaf, p) < 0)
		r = err_errno(e, ERR_LOCAL, "TRACE-WRITE", "write %s", p->file);
	(void)close(folder);
	return r;
}

int trace_piece_write(const struct trace_piece *p, struct err *e)
{
	return p->shared == TRACE_OWN ? write_own(p, e) : write_shared(p, e);
}
