#include "daemon/store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/mem.h"

/* A half-written or empty lock file gives "?": its owner is just starting. */
static const char *read_pid(int fd, char out[16])
{
	ssize_t n = pread(fd, out, 15, 0);

	out[n > 0 ? n : 0] = '\0';
	out[strspn(out, "0123456789")] = '\0';
	return *out ? out : "?";
}

static int no_directory(const char *dir, struct err *e)
{
	return err_errno(e, ERR_CONFIG, "STORE-DIR",
	                 "state directory %s cannot be used (create it with: install -d -m 0700 "
	                 "-o %u -g %u %s)",
	                 dir, geteuid(), getegid(), dir);
}

static int not_ours(const char *dir, const char *path, struct err *e)
{
	return err_errno(e, ERR_CONFIG, "STORE-DIR",
	                 "cannot write %s (let ferryd's user own the state directory: chown -R "
	                 "%u:%u %s)",
	                 path, geteuid(), getegid(), dir);
}

static int locked(const char *dir, const char *path, int fd, struct err *e)
{
	char pid[16];

	if (errno != EWOULDBLOCK)
		return err_errno(e, ERR_LOCAL, "STORE-LOCK", "lock %s", path);
	return err_set(e, ERR_CONFIG, "STORE-LOCKED", EWOULDBLOCK,
	               "another ferryd (pid %s) uses the state directory %s (it holds %s); stop "
	               "that one first, or give this one a state_dir of its own",
	               read_pid(fd, pid), dir, path);
}

static int write_pid(const char *path, int fd, struct err *e)
{
	char pid[16];
	int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());

	errno = ENOSPC; /* what a short write means */
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		return err_errno(e, ERR_LOCAL, "STORE-LOCK", "write %s", path);
	return 0;
}

int lock_take(const char *state_dir, struct err *e)
{
	_cleanup_free_ char *path = mem_printf("%s/lock", state_dir);
	struct stat st;
	int fd, r;

	if (stat(state_dir, &st) < 0)
		return no_directory(state_dir, e);
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return no_directory(state_dir, e);
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return not_ours(state_dir, path, e);
	r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? locked(state_dir, path, fd, e)
	                                     : write_pid(path, fd, e);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

void lock_release(int fd)
{
	if (fd >= 0)
		close(fd);
}
