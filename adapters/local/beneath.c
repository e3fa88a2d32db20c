#include "adapters/local/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TRIES = 16 };

static const char *without_slashes(const char *path)
{
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

/* openat2 would allow a ".." that stays inside; nobody here has reason to ask for one. */
static bool has_dotdot(const char *path)
{
	for (const char *p = path; p; p = strchr(p, '/')) {
		while (*p == '/')
			p++;
		if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || !p[2]))
			return true;
	}
	return false;
}

/* openat2 wants no O_NOCTTY with O_PATH. */
static int with_care(int flags)
{
	return flags | O_NOFOLLOW | O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY);
}

int beneath_open(int root, const char *path, int flags)
{
	struct open_how how = {
	        .flags = (unsigned)with_care(flags),
	        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
	                   RESOLVE_NO_XDEV,
	};
	long fd = -1;

	path = without_slashes(path);
	if (has_dotdot(path)) {
		errno = EXDEV;
		return -1;
	}
	/* EAGAIN: something was renamed meanwhile and the kernel could not be sure */
	for (int i = 0; i < TRIES; i++) {
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return beneath_open_stepwise(root, path, flags);
	return (int)fd;
}

static void close_quietly(int fd)
{
	int saved = errno;

	(void)close(fd); /* nothing was written through it */
	errno = saved;
}

static bool is_on(int fd, dev_t dev)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	if (st.st_dev != dev)
		errno = EXDEV;
	return st.st_dev == dev;
}

/* The next component of *path, copied; *path moves behind it and the slashes that follow. */
static bool next_component(const char **path, char name[NAME_MAX + 1])
{
	size_t n = strcspn(*path, "/");

	if (n > NAME_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(name, *path, n);
	name[n] = '\0';
	*path += n;
	*path += strspn(*path, "/");
	return true;
}

int beneath_open_stepwise(int root, const char *path, int flags)
{
	char name[NAME_MAX + 1];
	struct stat st;
	int dir = root;

	path = without_slashes(path);
	if (fstat(root, &st) < 0)
		return -1;
	if (has_dotdot(path)) {
		errno = EXDEV;
		return -1;
	}
	while (*path) {
		bool has_name = next_component(&path, name);
		int how = with_care(*path ? O_PATH | O_DIRECTORY : flags);
		int next = has_name ? openat(dir, name, how) : -1;

		if (dir != root)
			close_quietly(dir);
		if (next < 0)
			return -1;
		if (!is_on(next, st.st_dev)) {
			close_quietly(next);
			return -1;
		}
		dir = next;
	}
	return dir;
}

int beneath_parent(int root, const char *path, const char **leaf)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];

	*leaf = slash ? slash + 1 : path;
	if (!**leaf || strcmp(*leaf, ".") == 0 || strcmp(*leaf, "..") == 0) {
		errno = EISDIR;
		return -1;
	}
	if ((size_t)(*leaf - path) >= sizeof(dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(dir, path, (size_t)(*leaf - path));
	dir[*leaf - path] = '\0';
	return beneath_open(root, dir, O_RDONLY | O_DIRECTORY);
}
