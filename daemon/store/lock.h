/*
 * One ferryd per state directory: flock on state_dir/lock, which holds the owner's pid. The kernel
 * lets go of it when the process ends, however it ends; the file stays.
 */
#pragma once
#include "daemon/base/err.h"

/* The descriptor that holds the lock, or a negative kind: ERR_CONFIG "STORE-LOCKED" (names the
 * pid), "STORE-DIR" (the directory is missing or not ours; says the command that cures it). */
int lock_take(const char *state_dir, struct err *e);
void lock_release(int fd);
