#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/sftp/proxy.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/base/program.h"
#include "daemon/runtime/work.h"

/* After SIGTERM, then after SIGKILL. */
enum { MANNERS_MS = 1000, DEATH_MS = 5000, LINE_BYTES = 200 };

struct command {
	struct carrier carrier; /* first */
	struct trace *trace;
	char name[64]; /* of argv[0], shown */
	struct io *io, *errors, *process;
	pid_t pid;
	struct group group; /* one fiber that reads the errors */
	char line[LINE_BYTES], last[LINE_BYTES];
	size_t line_bytes;
	bool ended, aborted;
	int status; /* once reaped */
	bool reaped;
};

static struct command *command_of(struct carrier *c)
{
	return (struct command *)(void *)c;
}

/* ---- what it says -------------------------------------------------------------------------- */

static void end_line(struct command *c)
{
	char shown[ESCAPE_ROOM];

	if (!c->line_bytes)
		return;
	memcpy(c->last, c->line, c->line_bytes);
	c->last[c->line_bytes] = '\0';
	c->line_bytes = 0;
	TRACE(c->trace, TRACE_TRANSPORT, "proxy command says: %s",
	      escape(c->last, strlen(c->last), shown, sizeof(shown)));
}

static void take_words(struct command *c, const char *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (words[i] == '\n' || words[i] == '\r')
			end_line(c);
		else if (c->line_bytes < LINE_BYTES - 1)
			c->line[c->line_bytes++] = words[i];
	}
}

static void read_errors(void *arg)
{
	struct command *c = arg;
	char words[1024];
	struct err e;
	ssize_t n;

	while ((n = io_read(c->errors, words, sizeof(words), "words of the proxy command",
	                    deadline_never(), &e)) > 0)
		take_words(c, words, (size_t)n);
	end_line(c);
}

/* ---- its end ------------------------------------------------------------------------------- */

/* Waits a little for the process, which is ending; true once it is reaped. */
static bool reap(struct command *c, int64_t ms)
{
	struct deadline d = deadline_in(ms);
	struct err e;

	while (!c->reaped) {
		pid_t got = waitpid(c->pid, &c->status, WNOHANG);

		if (got == c->pid || (got < 0 && errno == ECHILD)) {
			c->reaped = true;
			break;
		}
		if (io_wait(c->process, IO_READABLE, "the end of a proxy command", d, &e) < 0)
			return false;
	}
	return true;
}

static int tell_end(struct command *c, struct err *e)
{
	char how[64] = "closed its output", shown[LINE_BYTES];

	if (c->reaped && WIFEXITED(c->status))
		(void)snprintf(how, sizeof(how), "ended with status %d", WEXITSTATUS(c->status));
	else if (c->reaped && WIFSIGNALED(c->status))
		(void)snprintf(how, sizeof(how), "was ended by signal %d", WTERMSIG(c->status));
	return err_set(e, ERR_NETWORK, "PROXY-COMMAND", c->reaped ? c->status : 0,
	               "the proxy command %s %s%s%s; run it by hand as the service's user", c->name,
	               how, c->last[0] ? ". Its last words: " : " without a word",
	               escape(c->last, strlen(c->last), shown, sizeof(shown)));
}

/* ---- the carrier --------------------------------------------------------------------------- */

static ssize_t try_read(struct carrier *carrier, void *data, size_t room, struct err *e)
{
	struct command *c = command_of(carrier);
	ssize_t n = c->ended ? 0 : io_try_read(c->io, data, room, e);

	if (n >= 0 || c->aborted)
		return n;
	c->ended = true; /* how it ended is waited for */
	return 0;
}

static ssize_t try_write(struct carrier *carrier, const void *data, size_t n, struct err *e)
{
	struct command *c = command_of(carrier);
	ssize_t moved = c->ended ? 0 : io_try_write(c->io, data, n, e);

	if (moved >= 0 || c->aborted)
		return moved;
	c->ended = true;
	return 0;
}

/* What it has started and left behind may hold its standard error open for as long as it likes. */
static void await_last_words(struct command *c)
{
	struct deadline d = deadline_in(MANNERS_MS);
	struct err e;

	while (c->group.alive)
		if (signal_wait(&c->group.ended, "last words of a proxy command", d, &e) < 0)
			return;
}

static int await(struct carrier *carrier, int want, const char *label, struct err *e)
{
	struct command *c = command_of(carrier);

	if (!c->ended)
		return io_wait(c->io, want, label, deadline_never(), e);
	if (reap(c, MANNERS_MS))
		await_last_words(c);
	return tell_end(c, e);
}

static void abort_command(struct carrier *carrier)
{
	struct command *c = command_of(carrier);

	c->aborted = true;
	io_abort(c->io);
}

/* The group: it may have started others. */
static void put_down(struct command *c)
{
	if (!c->reaped && !reap(c, 0)) {
		(void)kill(-c->pid, SIGTERM); /* fails when all have gone */
		if (!reap(c, MANNERS_MS)) {
			(void)kill(-c->pid, SIGKILL);
			(void)reap(c, DEATH_MS); /* a process that hangs in the kernel is left */
		}
	}
	TRACE(c->trace, TRACE_TRANSPORT, "proxy command %s", c->reaped ? "has ended" : "hangs");
}

static void close_command(struct carrier *carrier)
{
	struct command *c = command_of(carrier);

	fiber_shield_begin();
	io_close(c->io); /* its standard input ends: most end then by themselves */
	put_down(c);
	group_cancel(&c->group);
	group_wait(&c->group, "words of a proxy command");
	io_close(c->errors);
	io_close(c->process);
	fiber_shield_end();
	free(c);
}

static const struct carrier_ops command_ops = {
        .try_read = try_read,
        .try_write = try_write,
        .wait = await,
        .abort = abort_command,
        .close = close_command,
};

/* ---- starting ------------------------------------------------------------------------------ */

struct start {
	char **argv;
	int io[2], errors[2]; /* ours, the program's */
	pid_t pid;
	int process;
};

char *proxy_command_expand(const char *argument, const struct endpoint_config *endpoint)
{
	struct buf out;
	char *text;

	buf_init(&out, 64 * 1024);
	for (const char *p = argument; *p; p++) {
		if (*p != '%' || !p[1]) {
			(void)buf_add(&out, p, 1); /* config bounds arguments and settings */
			continue;
		}
		p++;
		if (*p == 'h')
			(void)buf_add_text(&out, endpoint->host);
		else if (*p == 'p')
			(void)buf_printf(&out, "%d", endpoint->port);
		else if (*p == 'r')
			(void)buf_add_text(&out, endpoint->user);
		else if (*p == 'n')
			(void)buf_add_text(&out, endpoint->name);
		else
			(void)buf_add(&out, p, 1);
	}
	text = mem_dup(buf_text(&out));
	buf_release(&out);
	return text;
}

static char **make_argv(const struct endpoint_config *endpoint)
{
	const struct texts *command = &endpoint->proxy.command;
	char **argv = mem_new_array(command->count + 1, sizeof(*argv));

	for (size_t i = 0; i < command->count; i++)
		argv[i] = proxy_command_expand(command->items[i], endpoint);
	return argv;
}

static void close_both(const int *ends)
{
	(void)close(ends[0]); /* never used: nothing can be lost */
	(void)close(ends[1]);
}

/* A descriptor for its end; a program that cannot be watched is ended at once. */
static int watch(struct start *s, struct err *e)
{
	s->process = pidfd_open(s->pid, 0);
	if (s->process >= 0)
		return 0;
	(void)err_errno(e, ERR_LOCAL, "PROXY-COMMAND", "cannot watch the proxy command");
	(void)kill(-s->pid, SIGKILL); /* it has just begun */
	(void)waitpid(s->pid, NULL, 0);
	return e->kind;
}

static int run(struct start *s, struct err *e)
{
	const int files[3] = {s->io[1], s->io[1], s->errors[1]};
	struct escaped tmp;

	errno = program_start((const char *const *)s->argv, files, &s->pid);
	if (errno == 0)
		return watch(s, e);
	return err_errno(e, ERR_CONFIG, "PROXY-COMMAND", "cannot run the proxy command %s",
	                 escape_name(s->argv[0], &tmp));
}

/* Blocking, for a moment: until the program runs. */
static int start(void *arg, struct err *e)
{
	struct start *s = arg;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->io) < 0)
		return err_errno(e, ERR_LOCAL, "PROXY-COMMAND", "a socket for the proxy command");
	if (pipe2(s->errors, O_CLOEXEC) < 0) {
		(void)err_errno(e, ERR_LOCAL, "PROXY-COMMAND", "a pipe for the proxy command");
		close_both(s->io);
		return e->kind;
	}
	if (run(s, e) == 0) {
		(void)close(s->io[1]); /* the program has its own */
		(void)close(s->errors[1]);
		return 0;
	}
	close_both(s->io);
	close_both(s->errors);
	return e->kind;
}

static void adopt(int fd, struct io **out)
{
	struct err e;

	if (io_adopt(fd, out, &e) < 0)
		abort(); /* epoll takes every socket, pipe and pidfd; else we have no descriptors */
}

static struct carrier *make(const struct start *s, const struct endpoint_config *endpoint,
                            struct trace *trace)
{
	struct command *c = mem_new_of(struct command);

	c->trace = trace;
	c->pid = s->pid;
	adopt(s->io[0], &c->io);
	adopt(s->errors[0], &c->errors);
	adopt(s->process, &c->process);
	(void)escape(endpoint->proxy.command.items[0], strlen(endpoint->proxy.command.items[0]),
	             c->name, sizeof(c->name));
	c->carrier.ops = &command_ops;
	c->carrier.fd = s->io[0];
	c->carrier.short_is_all = true;
	group_init(&c->group, fiber_worker());
	group_start(&c->group, "proxy command's words", read_errors, c);
	return &c->carrier;
}

int proxy_command_open(const struct endpoint_config *endpoint, struct trace *trace,
                       struct carrier **out, struct err *e)
{
	struct start s = {.argv = make_argv(endpoint)};
	int r = work_run(start, &s, "starting the proxy command", e);

	if (r == 0) {
		TRACE(trace, TRACE_TRANSPORT, "proxy command %s runs as process %d", s.argv[0],
		      (int)s.pid);
		*out = make(&s, endpoint, trace);
	}
	for (char **p = s.argv; *p; p++)
		free(*p);
	free(s.argv);
	return r;
}
