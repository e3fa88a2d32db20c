/*
 * One command at the server, on a channel of its own beside the files of the connection.
 *
 *	struct command_result result;
 *	command_result_init(&result);			// adapters/command.h
 *	exec_run(ssh, &(struct exec){.line = "...", ...}, &result, e);
 *
 * Its standard input ends at once; both outputs are read as they come, so that it never blocks, and
 * their last COMMAND_OUTPUT_BYTES are kept. While it says nothing for `quiet_ms`, quiet() is called
 * (a request that shows that the connection lives), so that nobody on the way takes it for idle.
 *
 *	EXEC-FAILED	it ended with another status than 0 (native: the status)
 *	EXEC-SIGNAL	it was killed
 *	EXEC-NO-STATUS	the server closed its channel and told neither (exit_report.h)
 *	EXEC-TIMEOUT	it had not ended in time; it may still run: SSH has no way to be sure. Or its time
 *			was over before it had a channel: then it was not started
 *	EXEC-REFUSED	the server runs no commands, or not with this environment
 *
 * These leave the connection usable. At most SSH_COMMANDS_AT_ONCE run at once, others wait; the time
 * they wait does not count. Whether a server runs commands at all is asked once a
 * connection when the first one ends well without a word: one with ForceCommand sftp-server says
 * "yes, status 0" to everything and does nothing.
 */
#pragma once
#include "adapters/command.h"
#include "adapters/sftp/ssh.h"

enum { EXEC_LINE_BYTES = 32 * 1024 };

struct exec {
	const char *line;               /* for the server's shell */
	const char *const *environment; /* "NAME=value" */
	size_t environment_count;
	int64_t timeout_ms; /* of all of it; its channel is awaited for a `request` longer */
	int64_t quiet_ms;   /* 0: quiet() is not called */
	int (*quiet)(void *arg, struct err *e);
	void *arg;
};

int exec_run(struct ssh *s, const struct exec *x, struct command_result *result, struct err *e);
