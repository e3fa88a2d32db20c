#include "adapters/sftp/exec.h"

#include <string.h>

#include "adapters/sftp/exit_report.h"
#include "adapters/sftp/opening.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

enum {
	EXEC_WINDOW = 256 * 1024,
	EXEC_PACKET = 32 * 1024,
	EXEC_READ_BYTES = 8 * 1024,
	CLOSE_MS = 500,
	LAST_LINE_BYTES = 200,
	TOLD_LINE_BYTES = 120,
};

struct run {
	struct ssh *ssh;
	const struct exec *exec;
	struct command_result *result;
	LIBSSH2_CHANNEL *lib;
	struct exit_report report;
	struct deadline deadline;
};

static const char *told(const char *text, char out[ESCAPE_ROOM])
{
	return escape(text, strlen(text), out, TOLD_LINE_BYTES);
}

/* ---- starting ------------------------------------------------------------------------------ */

static int refused(struct run *x, enum err_kind kind, int rc, const char *why, struct err *e)
{
	char line[ESCAPE_ROOM];

	return err_set(e, kind, "EXEC-REFUSED", rc, "the server does not run %s: %s",
	               told(x->exec->line, line), why);
}

static int open_channel(struct run *x, struct err *e)
{
	static const struct opening session = {.type = "session",
	                                       .label = "a channel for a command",
	                                       .phase = SSH_COMMAND,
	                                       .cancel = OPENING_STAYS,
	                                       .window = EXEC_WINDOW,
	                                       .packet = EXEC_PACKET};
	int r = opening_run(x->ssh, &session, x->deadline, &x->lib, e);

	if (r != LIBSSH2_ERROR_CHANNEL_FAILURE)
		return r;
	return refused(x, ERR_BUSY, r,
	               "it opens no further channel on this connection. Its MaxSessions must allow "
	               "some more for the files and the commands beside them",
	               e);
}

/* NAME=value; what the server does not accept must not be missing silently. */
static int set_variable(struct run *x, const char *pair, struct err *e)
{
	const char *value = strchr(pair, '=') + 1;
	size_t n = (size_t)(value - pair) - 1;
	char why[320], name[ESCAPE_ROOM];
	int rc;

	do {
		transport_begin(x->ssh->transport);
		rc = libssh2_channel_setenv_ex(x->lib, pair, (unsigned)n, value,
		                               (unsigned)strlen(value));
	} while (rc == LIBSSH2_ERROR_EAGAIN &&
	         transport_await(x->ssh->transport, "an environment variable", x->deadline, e) ==
	                 0);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return e->kind;
	if (rc != LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED)
		return rc ? ssh_failed(x->ssh, SSH_COMMAND, rc, e) : 0;
	(void)snprintf(why, sizeof(why),
	               "it does not take the variable %s (AcceptEnv in its sshd_config). Give it "
	               "in the command instead, run: [env, NAME=value, PROGRAM]",
	               escape(pair, n, name, 64));
	return refused(x, ERR_POLICY, rc, why, e);
}

static int set_environment(struct run *x, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < x->exec->environment_count; i++)
		r = set_variable(x, x->exec->environment[i], e);
	return r;
}

static int start(struct run *x, struct err *e)
{
	int rc;

	do {
		transport_begin(x->ssh->transport);
		rc = libssh2_channel_process_startup(x->lib, "exec", sizeof("exec") - 1,
		                                     x->exec->line,
		                                     (unsigned)strlen(x->exec->line));
	} while (rc == LIBSSH2_ERROR_EAGAIN &&
	         transport_await(x->ssh->transport, "the start of a command", x->deadline, e) == 0);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return e->kind;
	if (rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED)
		return refused(x, ERR_POLICY, rc,
		               "this account may not run commands. Ask the partner to allow it, "
		               "or take `commands:` out of the route",
		               e);
	if (rc == 0)
		rc = libssh2_channel_send_eof(x->lib);
	return rc ? ssh_failed(x->ssh, SSH_COMMAND, rc, e) : 0;
}

/* ---- reading ------------------------------------------------------------------------------- */

/* What has arrived of one output; > 0 when something had, libssh2's code otherwise. */
static ssize_t drain(struct run *x, int stream, struct command_output *to)
{
	char part[EXEC_READ_BYTES];
	ssize_t n, all = 0;

	do {
		transport_begin(x->ssh->transport);
		n = libssh2_channel_read_ex(x->lib, stream, part, sizeof(part));
		if (n > 0)
			command_output_add(to, part, (size_t)n);
		all += n > 0 ? n : 0;
	} while (n > 0 && all < EXEC_WINDOW);
	return all ? all : n;
}

static int drain_both(struct run *x, bool *moved, struct err *e)
{
	ssize_t out = drain(x, 0, &x->result->out);
	ssize_t err = drain(x, SSH_EXTENDED_DATA_STDERR, &x->result->err);

	*moved = out > 0 || err > 0;
	if (out < 0 && out != LIBSSH2_ERROR_EAGAIN)
		return ssh_failed(x->ssh, SSH_COMMAND, (int)out, e);
	if (err < 0 && err != LIBSSH2_ERROR_EAGAIN)
		return ssh_failed(x->ssh, SSH_COMMAND, (int)err, e);
	return 0;
}

/* Waits for bytes; after `quiet_ms` without any shows that the connection is in use. */
static int await_words(struct run *x, struct err *e)
{
	const struct exec *c = x->exec;
	bool may_ask = c->quiet && c->quiet_ms > 0;
	struct deadline d =
	        may_ask ? deadline_sooner(x->deadline, deadline_in(c->quiet_ms)) : x->deadline;
	int r = transport_await(x->ssh->transport, "the end of a command", d, e);

	if (r == 0 || !may_ask || strcmp(e->code, "TIMEOUT") != 0 ||
	    deadline_left_ms(x->deadline) == 0)
		return r;
	TRACE(x->ssh->trace, TRACE_CONNECTION, "the command is silent: is the server there?");
	return c->quiet(c->arg, e);
}

static int read_all(struct run *x, struct err *e)
{
	bool moved;
	int r;

	for (;;) {
		r = drain_both(x, &moved, e);
		if (r < 0)
			return r;
		if (!moved && libssh2_channel_eof(x->lib) == 1)
			return 0;
		r = moved ? fiber_breathe(e) : await_words(x, e);
		if (r < 0)
			return r;
	}
}

/* The status comes between the end of the outputs and the close. */
static int await_close(struct run *x, struct err *e)
{
	int rc;

	do {
		transport_begin(x->ssh->transport);
		rc = libssh2_channel_wait_closed(x->lib);
	} while (rc == LIBSSH2_ERROR_EAGAIN &&
	         transport_await(x->ssh->transport, "the status of a command", x->deadline, e) ==
	                 0);
	if (rc == LIBSSH2_ERROR_EAGAIN)
		return e->kind;
	return rc ? ssh_failed(x->ssh, SSH_COMMAND, rc, e) : 0;
}

/* ---- what came of it ----------------------------------------------------------------------- */

/* The last line that is not empty, escaped. */
static const char *last_line(const struct command_output *o, char out[ESCAPE_ROOM])
{
	const char *text = (const char *)buf_data(&o->text);
	size_t end = buf_len(&o->text), begin;

	while (end && (text[end - 1] == '\n' || text[end - 1] == '\r' || text[end - 1] == ' '))
		end--;
	for (begin = end; begin && text[begin - 1] != '\n'; begin--)
		;
	return escape(text + begin, end - begin, out, LAST_LINE_BYTES);
}

static const char *words_of(const struct run *x, char out[ESCAPE_ROOM])
{
	const char *words = last_line(&x->result->err, out);

	return *words ? words : last_line(&x->result->out, out);
}

static const char only_sftp[] =
        "this account is limited to SFTP (ForceCommand internal-sftp). Ask the partner to allow "
        "commands, or take `commands:` out of the route";

static int killed(struct run *x, struct err *e)
{
	char line[ESCAPE_ROOM], words[ESCAPE_ROOM];

	TRACE(x->ssh->trace, TRACE_CONNECTION, "the command ended: signal %s", x->report.signal);
	(void)words_of(x, words);
	return err_set(e, ERR_OBJECT, "EXEC-SIGNAL", 0,
	               "%s was killed by signal %s at the server%s%s; the partner's system log "
	               "knows by whom",
	               told(x->exec->line, line), x->report.signal,
	               *words ? ". Its last words: " : "", words);
}

/* Nobody has said that it worked. */
static int untold(struct run *x, struct err *e)
{
	char line[ESCAPE_ROOM], words[ESCAPE_ROOM];

	TRACE(x->ssh->trace, TRACE_CONNECTION,
	      "the command ended: the server closed its channel without a status");
	(void)words_of(x, words);
	return err_set(
	        e, ERR_OBJECT, "EXEC-NO-STATUS", 0,
	        "the server ended %s without telling its exit status, so it counts as failed%s%s. "
	        "Its shell was killed or its session cut there, or this server never tells one: "
	        "ask the partner for the server's log, and run it by hand with ssh -v",
	        told(x->exec->line, line), *words ? "; its last words: " : "", words);
}

static int judge(struct run *x, struct err *e)
{
	char line[ESCAPE_ROOM], words[ESCAPE_ROOM];
	int status = x->report.status;

	if (x->report.kind == EXIT_UNTOLD)
		return untold(x, e);
	if (x->report.kind == EXIT_SIGNAL)
		return killed(x, e);
	TRACE(x->ssh->trace, TRACE_CONNECTION, "the command ended: status %d", status);
	if (status == 0)
		return 0;
	(void)words_of(x, words);
	if (strstr(words, "allows sftp connections only")) /* OpenSSH's words */
		return refused(x, ERR_POLICY, status, only_sftp, e);
	return err_set(e, ERR_OBJECT, "EXEC-FAILED", status,
	               "%s ended with status %d at the server%s%s%s", told(x->exec->line, line),
	               status, *words ? ", saying: " : " without a word", words,
	               status == 127 ? " (127: the program was not found)" : "");
}

static int too_late(struct run *x, struct err *e)
{
	char line[ESCAPE_ROOM], words[ESCAPE_ROOM];

	(void)words_of(x, words);
	return err_set(e, ERR_OBJECT, "EXEC-TIMEOUT", 0,
	               "%s had not ended after %lld s%s%s. It, or a process that it left behind "
	               "with its output open, may still run at the server; raise the command's "
	               "`timeout` if it needs longer",
	               told(x->exec->line, line), (long long)(x->exec->timeout_ms / 1000),
	               *words ? "; its last words: " : " and said nothing", words);
}

static bool is_too_late(const struct run *x)
{
	return deadline_left_ms(x->deadline) == 0;
}

static int not_started(struct run *x, struct err *e)
{
	char line[ESCAPE_ROOM];

	TRACE(x->ssh->trace, TRACE_CONNECTION,
	      "its time was over before the command had a channel");
	return err_set(e, ERR_OBJECT, "EXEC-TIMEOUT", 0,
	               "%s was not started: its time of %lld s was over before the server had "
	               "opened a channel for it. The server is slow, or opens others first; raise "
	               "the command's `timeout`",
	               told(x->exec->line, line), (long long)(x->exec->timeout_ms / 1000));
}

/* ---- the end ------------------------------------------------------------------------------- */

/* False: the server has not closed it yet. Also tells the server, the first time. */
static bool free_channel(struct ssh *s, LIBSSH2_CHANNEL *c)
{
	transport_begin(s->transport);
	return libssh2_channel_free(c) != LIBSSH2_ERROR_EAGAIN;
}

/* sshd closes the channel of a command when the command has ended, and not before; until then it
 * counts against MaxSessions. */
static void collect_channels(struct ssh *s)
{
	size_t left = 0;

	for (size_t i = 0; i < s->left_count; i++)
		if (!free_channel(s, s->left_channels[i]))
			s->left_channels[left++] = s->left_channels[i];
	s->left_count = left;
}

static void leave_channel(struct run *x)
{
	struct ssh *s = x->ssh;
	struct err e;

	collect_channels(s);
	if (s->left_count < SSH_LEFT_CHANNELS) {
		s->left_channels[s->left_count++] = x->lib;
		return;
	}
	(void)err_set(&e, ERR_NETWORK, "SSH-CHANNEL-TIMEOUT", 0,
	              "%d commands that took too long still run at the server, the connection "
	              "is given up",
	              SSH_LEFT_CHANNELS + 1);
	transport_kill(s->transport, &e);
}

/* A command that is still there is asked to end, where the library can. */
static void stop_command(struct run *x)
{
#ifdef libssh2_channel_signal
	if (libssh2_channel_eof(x->lib) != 1) {
		transport_begin(x->ssh->transport);
		(void)libssh2_channel_signal(x->lib, "TERM"); /* a request without an answer */
	}
#else
	(void)x;
#endif
}

static void end_channel(struct run *x)
{
	struct transport *t = x->ssh->transport;
	struct deadline d = deadline_in(CLOSE_MS);
	bool is_free;
	struct err e;

	stop_command(x);
	fiber_shield_begin();
	do {
		is_free = free_channel(x->ssh, x->lib);
	} while (!is_free && transport_await(t, "the close of a command", d, &e) == 0);
	fiber_shield_end();
	if (!is_free && !transport_is_over(t))
		leave_channel(x);
}

static int run_on_channel(struct run *x, struct err *e)
{
	int r = set_environment(x, e);

	if (r == 0)
		r = start(x, e);
	if (r == 0)
		r = read_all(x, e);
	if (r == 0)
		r = await_close(x, e);
	if (r == 0)
		return judge(x, e);
	if (strcmp(e->code, "TIMEOUT") == 0 && is_too_late(x))
		return too_late(x, e);
	if (strcmp(e->code, "SSH-LOST") == 0)
		return ssh_interrupted(x->ssh, SSH_COMMAND, 0, e);
	return r;
}

static int run_reported(struct run *x, struct err *e)
{
	int r;

	exit_report_begin(x->ssh, &x->report);
	TRACE(x->ssh->trace, TRACE_CONNECTION, "running a command of %zu bytes",
	      strlen(x->exec->line));
	r = run_on_channel(x, e);
	exit_report_end(&x->report);
	return r;
}

static int run_once(struct ssh *s, const struct exec *x, struct command_result *result,
                    struct err *e)
{
	struct run run = {
	        .ssh = s, .exec = x, .result = result, .deadline = deadline_in(x->timeout_ms)};
	int r;

	collect_channels(s);
	r = open_channel(&run, e);
	if (r < 0)
		return strcmp(e->code, "TIMEOUT") == 0 ? not_started(&run, e) : r;
	r = is_too_late(&run) ? not_started(&run, e) : run_reported(&run, e);
	end_channel(&run);
	return r;
}

/* ---- does it run commands at all? ---------------------------------------------------------- */

static bool said_nothing(const struct command_result *r)
{
	return !buf_len(&r->out.text) && !buf_len(&r->err.text);
}

/* Any answer of its own, even a refusal, shows that somebody reads the command. */
static int prove(struct ssh *s, const struct exec *x, struct err *e)
{
	const struct exec echo = {.line = "echo ferryd", .timeout_ms = x->timeout_ms};
	struct run run = {.ssh = s, .exec = x};
	struct command_result result;
	struct err ignored;
	int r;

	command_result_init(&result);
	r = run_once(s, &echo, &result, &ignored);
	s->runs_commands = r < 0 || !said_nothing(&result);
	command_result_release(&result);
	if (s->runs_commands)
		return 0;
	return refused(&run, ERR_POLICY, 0,
	               "it reports success for every command and runs none (ForceCommand "
	               "sftp-server does so). Ask the partner to allow commands for this "
	               "account, or take `commands:` out of the route",
	               e);
}

static int run_and_prove(struct ssh *s, const struct exec *x, struct command_result *result,
                         struct err *e)
{
	int r = run_once(s, x, result, e);

	if (r < 0 || s->runs_commands)
		return r;
	if (said_nothing(result))
		return prove(s, x, e);
	s->runs_commands = true;
	return 0;
}

int exec_run(struct ssh *s, const struct exec *x, struct command_result *result, struct err *e)
{
	int r = 0;

	while (r == 0 && s->commands >= SSH_COMMANDS_AT_ONCE) /* each of them ends in time */
		r = signal_wait(&s->command_ended, "the commands before this one", deadline_never(),
		                e);
	if (r < 0)
		return r;
	s->commands++;
	r = run_and_prove(s, x, result, e);
	s->commands--;
	signal_raise_one(&s->command_ended);
	return r;
}
