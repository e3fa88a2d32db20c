/*
 * The verbs of ferryctl's command line, one row each: what may stand behind a verb, and its help.
 *
 *	const struct ctl_command *c = ctl_command_find("jobs", &nearest);
 *	if (!c) ...				// nearest: what may have been meant, or NULL
 *	ctl_command_tell(c, out);			// --help
 */
#pragma once
#include "daemon/base/buf.h"

/* Which options go with a verb. */
enum {
	TAKES_ROUTE = 1,
	TAKES_STATE = 2,
	TAKES_LIMIT = 4,
	TAKES_BEFORE = 8,
	TAKES_ALL = 16,
	TAKES_FOR = 32,
	TAKES_FILE = 64,
	TAKES_WRITE = 128,
	TAKES_PATH = 256,
};
enum operand {
	NO_OPERAND,
	ONE_ROUTE,
	ONE_JOB,
	SOME_JOBS,
	ENDPOINT_AND_MASK,
	ENDPOINT_AND_PIN,
	ONE_CODE,
	ONE_ENDPOINT,
};

struct ctl_command {
	const char *name;
	enum operand operand;
	int takes;
	const char *usage, *summary, *help;
};

const struct ctl_command *ctl_command_find(const char *word, const char **nearest);
void ctl_commands_tell(struct buf *out);
void ctl_command_tell(const struct ctl_command *c, struct buf *out);
