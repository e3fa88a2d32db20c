#include "daemon/control/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64 };

static int address_of(const char *path, struct sockaddr_un *out, struct err *e)
{
	size_t n = strlen(path);

	if (path[0] != '/' || n >= sizeof(out->sun_path))
		return err_set(e, ERR_CONFIG, "CONTROL-BIND", 0,
		               "%s: a socket needs an absolute path of at most %zu bytes", path,
		               sizeof(out->sun_path) - 1);
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	memcpy(out->sun_path, path, n + 1);
	return 0;
}

static int bind_closed(int fd, const struct sockaddr_un *a)
{
	mode_t before = umask(0117); /* rw for owner and group from the first moment */
	int r = bind(fd, (const struct sockaddr *)a, sizeof(*a));
	int saved = errno;

	(void)umask(before);
	errno = saved;
	return r;
}

/* Is anybody listening there? 1 yes, 0 no, -1 errno. */
static int is_answered(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r, saved;

	if (fd < 0)
		return -1;
	r = connect(fd, (const struct sockaddr *)a, sizeof(*a));
	saved = errno;
	(void)close(fd);
	if (r == 0 || saved == EAGAIN) /* EAGAIN: its queue is full, so it is alive */
		return 1;
	errno = saved;
	return saved == ECONNREFUSED ? 0 : -1;
}

static int remove_stale(const struct sockaddr_un *a, struct err *e)
{
	const char *path = a->sun_path;
	struct stat st;
	int answered;

	if (lstat(path, &st) < 0)
		return err_errno(e, ERR_LOCAL, "CONTROL-BIND", "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_CONFIG, "CONTROL-NOT-SOCKET", 0,
		               "%s is a file of another kind and is left alone; remove it, or set "
		               "daemon.socket to another path",
		               path);
	answered = is_answered(a);
	if (answered > 0)
		return err_set(e, ERR_CONFIG, "CONTROL-IN-USE", 0,
		               "a running ferryd answers at %s; stop it first", path);
	if (answered < 0)
		return err_errno(e, ERR_LOCAL, "CONTROL-BIND",
		                 "%s: whether another ferryd uses it cannot be told", path);
	if (unlink(path) < 0)
		return err_errno(e, ERR_LOCAL, "CONTROL-BIND", "remove the stale %s", path);
	return 0;
}

static int bind_errno(const char *path, struct err *e)
{
	if (errno == ENOENT)
		return err_set(e, ERR_CONFIG, "CONTROL-BIND", ENOENT,
		               "%s: its directory does not exist; the service makes it "
		               "(RuntimeDirectory=ferryd), otherwise make it yourself",
		               path);
	return err_errno(e, ERR_LOCAL, "CONTROL-BIND", "%s", path);
}

static int bind_and_listen(int fd, const struct sockaddr_un *a, struct err *e)
{
	if (bind_closed(fd, a) < 0) {
		if (errno != EADDRINUSE)
			return bind_errno(a->sun_path, e);
		if (remove_stale(a, e) < 0)
			return e->kind;
		if (bind_closed(fd, a) < 0)
			return bind_errno(a->sun_path, e);
	}
	if (listen(fd, BACKLOG) < 0)
		return err_errno(e, ERR_LOCAL, "CONTROL-BIND", "listen at %s", a->sun_path);
	return 0;
}

/* Who the file is, and which group it has. */
static int identify(const char *path, struct socket_identity *out, gid_t *group)
{
	struct statx st;

	memset(out, 0, sizeof(*out));
	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
		return -1;
	out->device = makedev(st.stx_dev_major, st.stx_dev_minor);
	out->inode = st.stx_ino;
	if (st.stx_mask & STATX_BTIME) {
		out->born_s = (uint64_t)st.stx_btime.tv_sec;
		out->born_ns = st.stx_btime.tv_nsec;
	}
	*group = st.stx_gid;
	return 0;
}

static void name_group(gid_t group, char *out, size_t room)
{
	struct group entry, *found = NULL;
	char text[4096];

	if (getgrgid_r(group, &entry, text, sizeof(text), &found) == 0 && found)
		(void)snprintf(out, room, "%s", found->gr_name);
	else
		(void)snprintf(out, room, "%u", (unsigned)group);
}

int control_listen(const char *path, struct control_listener *out, struct err *e)
{
	struct control_listener l = {.fd = -1};
	struct sockaddr_un a;

	if (address_of(path, &a, e) < 0)
		return e->kind;
	l.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l.fd < 0)
		return err_errno(e, ERR_LOCAL, "CONTROL-BIND", "control socket");
	if (bind_and_listen(l.fd, &a, e) < 0) {
		(void)close(l.fd);
		return e->kind;
	}
	if (identify(path, &l.file, &l.rules.operators) < 0) {
		(void)err_errno(e, ERR_LOCAL, "CONTROL-BIND", "%s", path);
		(void)close(l.fd);
		return e->kind;
	}
	memcpy(l.path, a.sun_path, sizeof(l.path));
	name_group(l.rules.operators, l.group, sizeof(l.group));
	l.rules.daemon = geteuid();
	l.rules.readers = (gid_t)PEER_NO_GROUP;
	*out = l;
	return 0;
}

void control_remove_file(const struct control_listener *l)
{
	struct socket_identity now;
	gid_t group;

	if (identify(l->path, &now, &group) == 0 && memcmp(&now, &l->file, sizeof(now)) == 0)
		(void)unlink(l->path); /* left behind, it is found stale at the next start */
}

void control_unlisten(struct control_listener *l)
{
	control_remove_file(l);
	(void)close(l->fd);
	l->fd = -1;
}
