/*
 * The operations of the adapter contract on an SFTP client: what adapter.h says of each holds here.
 *
 *	sftp_list	OPENDIR, four READDIRs in flight until SSH_FX_EOF; entries that came
 *			without attributes are looked at one by one
 *	sftp_get	OPEN, a window of READs (a small file: one READ, FSTAT and CLOSE at once)
 *	sftp_put	OPEN, a window of WRITEs, FSETSTAT, fsync, CLOSE and STAT at once
 *	sftp_append	the same at the end of a file: with APPEND, for servers that honour it, and at
 *			the right offsets, for those that do not
 *	sftp_rename	posix-rename where offered; what else see rename.c
 *
 * As many may run at once on one client, from different fibers, as it likes; each leaves no handle
 * open whichever way it ends. An operation that is cancelled returns at once; its late answers are
 * thrown away as they come.
 */
#pragma once
#include "adapters/adapter.h"
#include "adapters/sftp/client.h"

/* Login directory and disk, by trace_fact(). */
int sftp_examine(struct sftp_client *c, struct err *e);
int sftp_ping(struct sftp_client *c, struct err *e);
int sftp_list(struct sftp_client *c, const char *path, const struct list_limits *limits,
              list_fn *each, void *arg, struct err *e);
int sftp_stat(struct sftp_client *c, const char *path, struct entry *out, struct err *e);
int sftp_get(struct sftp_client *c, const char *path, const struct get_options *o, struct err *e);
int sftp_put(struct sftp_client *c, const char *path, const struct put_options *o,
             enum verification *level, struct err *e);
int sftp_append(struct sftp_client *c, const char *path, const struct put_options *o,
                enum verification *level, struct err *e);
int sftp_rename(struct sftp_client *c, const char *from, const char *to, enum rename_mode mode,
                struct err *e);
int sftp_remove(struct sftp_client *c, const char *path, struct err *e);
int sftp_mkdir(struct sftp_client *c, const char *path, struct err *e);
