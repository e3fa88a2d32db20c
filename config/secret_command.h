/*
 * A program whose output is a secret.
 *
 * Runs argv[0] (absolute, no shell) in a process group of its own, with no input, a minimal
 * environment and our standard error, where it may say why it fails. Its group is killed when it
 * takes longer than `limit_ms` or says more than `room` bytes. A failure is ERR_LOCAL
 * "SECRET-COMMAND": what it asks may be back in a minute. Blocking.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct secret_output {
	char *bytes; /* the caller's, `room` bytes */
	size_t room, len;
};

int secret_command_run(const char *const *argv, int64_t limit_ms, struct secret_output *out,
                       struct err *e);
