/*
 * The files of an ssh_config: the one that an endpoint names, and those it includes.
 *
 * Include takes patterns, `~/` and paths relative to the directory of the file it stands in (for
 * ~/.ssh/config and /etc/ssh/ssh_config that is what ssh takes too); a pattern without files is
 * fine. At most SSH_DEPTH_MAX files deep and SSH_FILES_MAX in all. Who may write to such a file may
 * send ferryd elsewhere or make it run a command: it must belong to root or the service's user, and
 * nobody else may write it, or it is an error. A file is read once, whoever refers to it.
 */
#pragma once
#include "config/load.h"
#include "config/ssh_config.h"

enum { SSH_DEPTH_MAX = 16, SSH_FILES_MAX = 256 };

/* Tells at `n` when the file cannot be read; NULL then, and with DISK_IGNORE. */
const struct ssh_lines *ssh_files_read(struct loader *l, const struct node *n, const char *path);

/* Home directory of the user we run as; "/" when nobody knows. */
const char *ssh_files_home(struct loader *l);
