#include "config/secret_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/base/program.h"

#define CODE "SECRET-COMMAND"

struct running {
	const char *name;
	pid_t pid;
	int output, process; /* descriptors: its standard output, and itself */
	int64_t until;       /* monotonic */
};

/* ---- starting ------------------------------------------------------------------------------ */

static int start(struct running *p, const char *const *argv, struct err *e)
{
	int ends[2], files[3] = {-1, -1, -1}, r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, ERR_LOCAL, CODE, "pipe for %s", p->name);
	files[1] = ends[1];
	r = program_start(argv, files, &p->pid);
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
