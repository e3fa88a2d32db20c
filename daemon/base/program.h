/*
 * Starts another program: no shell, a process group of its own, no signal blocked or ignored, and of
 * our environment only what programs cannot do without, as the rest may hold secrets.
 *
 *	int files[3] = {-1, output, -1};
 *	r = program_start(argv, files, &pid);
 *
 * Blocks for a moment, until the program runs: on the work pool. The caller reaps it.
 */
#pragma once
#include <sys/types.h>

/* argv ends with NULL; argv[0] is an absolute path. files: what becomes its standard input, output
 * and error output; -1: nothing to read, and our own. 0 or errno's number. */
int program_start(const char *const *argv, const int files[3], pid_t *pid);
