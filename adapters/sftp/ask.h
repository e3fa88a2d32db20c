/*
 * Small requests as one call: ask about a path, await, judge.
 *
 *	r = sftp_ask_attrs(c, SFTP_LSTAT, path, &attrs, e);
 *	r = sftp_ask_done(c, SFTP_REMOVE, path, e);
 */
#pragma once
#include "adapters/adapter.h"
#include "adapters/sftp/client.h"

/* "" is the login directory; longer than 4096 bytes is refused. */
const char *sftp_path(const char *path);
int sftp_path_check(const char *path, struct err *e);

/* Initialises rq, sends it; the caller awaits and releases. For every op whose fields are one path
 * (and empty attributes: OPEN_READ, OPENDIR, LSTAT, STAT, REMOVE, MKDIR, STATVFS). */
int sftp_ask(struct sftp_request *rq, struct sftp_client *c, enum sftp_op op, const char *path,
             struct err *e);
/* The same for an op on a handle: CLOSE, FSTAT, READDIR, FSYNC. */
int sftp_ask_handle(struct sftp_request *rq, const struct sftp_handle *h, enum sftp_op op,
                    const char *path, struct err *e);

/* op: SFTP_LSTAT or SFTP_STAT */
int sftp_ask_attrs(struct sftp_client *c, enum sftp_op op, const char *path, struct wire_attrs *out,
                   struct err *e);
int sftp_ask_done(struct sftp_client *c, enum sftp_op op, const char *path, struct err *e);
/* op: SFTP_OPEN_READ or SFTP_OPENDIR */
int sftp_ask_handle_of(struct sftp_client *c, enum sftp_op op, const char *path,
                       struct sftp_handle *out, struct err *e);

/* Type, size and time as the contract has them; name is left alone. Sizes beyond 2^63 - 1 are
 * unknown: no file has them. */
void sftp_entry_fill(struct entry *out, const struct wire_attrs *a);

/* SSH_FX_FAILURE can mean anything. When `e` is that, looks again at what is there now and makes
 * the error exact: OBJ-NOT-DIR for a directory where a file is meant (or the reverse). `e` stays
 * as it is when nothing more was found. */
enum sftp_wanted { SFTP_WANT_FILE, SFTP_WANT_DIR };
int sftp_explain(struct sftp_client *c, const char *path, enum sftp_wanted wanted, struct err *e);
