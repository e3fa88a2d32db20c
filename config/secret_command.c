#include "config/secret_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

#define CODE "SECRET-COMMAND"

struct running {
	const char *name;
	pid_t pid;
	int output, process; /* descriptors: its standard output, and itself */
	int64_t until;       /* monotonic */
};

/* ---- starting ------------------------------------------------------------------------------ */

/* Only what programs cannot do without; our own environment may hold secrets. */
static int spawn(pid_t *pid, const char *const *argv, const posix_spawn_file_actions_t *files,
                 const posix_spawnattr_t *attributes)
{
	char *home _cleanup_free_ = mem_printf("HOME=%s", getenv("HOME") ? getenv("HOME") : "/");
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LANG=C.UTF-8";
	char *const environment[] = {path, lang, home, NULL};

	return posix_spawn(pid, argv[0], files, attributes, (char *const *)(uintptr_t)argv,
	                   environment);
}

static int spawn_with_output(pid_t *pid, const char *const *argv, int output)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int r;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	if (posix_spawn_file_actions_init(&files) != 0)
		return ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&files);
		return ENOMEM;
	}
	r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	r = r ? r : posix_spawn_file_actions_adddup2(&files, output, 1);
	r = r ? r : posix_spawnattr_setpgroup(&attributes, 0);
	r = r ? r : posix_spawnattr_setsigmask(&attributes, &none);
	r = r ? r : posix_spawnattr_setsigdefault(&attributes, &all);
	r = r ? r
	      : posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP |
	                                                      POSIX_SPAWN_SETSIGMASK |
	                                                      POSIX_SPAWN_SETSIGDEF);
	r = r ? r : spawn(pid, argv, &files, &attributes);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&files);
	return r;
}

static int start(struct running *p, const char *const *argv, struct err *e)
{
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, ERR_LOCAL, CODE, "pipe for %s", p->name);
	r = spawn_with_output(&p->pid, argv, ends[1]);
	(void)close(ends[1]); /* the program has its own */
	if (r == 0) {
		p->output = ends[0];
		p->process = pidfd_open(p->pid, 0);
		return 0;
	}
	(void)close(ends[0]); /* nothing was written */
	errno = r;
	return err_errno(e, ERR_CONFIG, CODE, "run %s", p->name);
}

/* ---- reading and waiting ------------------------------------------------------------------- */

/* Whether `fd` has something to tell before the time is up. */
static bool await_fd(const struct running *p, int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	int64_t left;
	int r;

	do {
		left = p->until - clock_mono_ms();
		r = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;
	} while (r < 0 && errno == EINTR);
	return r > 0;
}

static int read_output(const struct running *p, struct secret_output *out, struct err *e)
{
	char extra;
	ssize_t got;

	out->len = 0;
	do {
		bool full = out->len == out->room;

		if (!await_fd(p, p->output))
			return err_set(e, ERR_LOCAL, CODE, 0, "%s: no end of output in time",
			               p->name);
		got = full ? read(p->output, &extra, 1)
		           : read(p->output, out->bytes + out->len, out->room - out->len);
		if (got > 0 && full)
			return err_set(e, ERR_CONFIG, CODE, 0, "%s: more than %zu bytes of output",
			               p->name, out->room);
		if (got < 0 && errno != EINTR)
			return err_errno(e, ERR_LOCAL, CODE, "read output of %s", p->name);
		out->len += got > 0 ? (size_t)got : 0;
	} while (got != 0);
	return 0;
}

/* Reaps the program; its group is killed when it is still there. */
static int finish(struct running *p, int result, struct err *e)
{
	bool ended = result == 0 && p->process >= 0 && await_fd(p, p->process);
	int status = 0;
	pid_t reaped;

	if (!ended)
		(void)kill(-p->pid, SIGKILL); /* it may just have gone */
	do {
		reaped = waitpid(p->pid, &status, 0);
	} while (reaped < 0 && errno == EINTR);
	(void)close(p->output); /* only read */
	if (p->process >= 0)
		(void)close(p->process); /* only waited for */
	if (result < 0)
		return result;
	if (!ended)
		return err_set(e, ERR_LOCAL, CODE, 0, "%s: did not end in time", p->name);
	if (reaped == p->pid && WIFSIGNALED(status))
		return err_set(e, ERR_LOCAL, CODE, WTERMSIG(status), "%s: ended by signal %d",
		               p->name, WTERMSIG(status));
	if (reaped == p->pid && WEXITSTATUS(status) != 0)
		return err_set(e, ERR_LOCAL, CODE, WEXITSTATUS(status),
		               "%s: failed with exit status %d; run it as the service's user",
		               p->name, WEXITSTATUS(status));
	return 0;
}

int secret_command_run(const char *const *argv, int64_t limit_ms, struct secret_output *out,
                       struct err *e)
{
	struct running p = {.until = clock_mono_ms() + limit_ms};
	struct escaped tmp;
	int r;

	p.name = escape_name(argv[0], &tmp);
	r = start(&p, argv, e);
	if (r < 0)
		return r;
	r = read_output(&p, out, e);
	return finish(&p, r, e);
}
