/*
 * The operations of the adapter contract on an FTP session: what adapter.h says of each holds here.
 *
 *	ftp_list	MLSD; else CWD and LIST, so that a directory that is missing is not an empty
 *one ftp_get		RETR, then a look whether size and time are still those that were listed
 *	ftp_put		STOR, then SIZE or MLST, SITE CHMOD where a mode is wanted
 *	ftp_append	APPE, then the size likewise
 *	ftp_stat	MLST; else SIZE and MDTM, or the line in the parent's listing
 *	ftp_mtime	MDTM
 *	ftp_rename	RNFR, RNTO
 *
 * Completeness is ours to prove: libcurl calls a transfer complete that ended early on a server
 * without SIZE. Bytes as many as announced, a 226 or 250 at the end, and size and time unchanged.
 *
 * Time. MLSD, MLST and MDTM agree to the second. A server that has only LIST tells minutes, or days
 * for what is older than half a year, in its own zone: the zone is measured with one MDTM a week, and
 * what could not be measured is marked as such by its precision (daemon/base/told.h).
 */
#pragma once
#include "adapters/ftps/listing.h"
#include "adapters/ftps/session.h"

enum ftp_dialect ftp_session_dialect(const struct ftp_session *s);

int ftp_ping(struct ftp_session *s, struct err *e);
int ftp_list(struct ftp_session *s, const char *path, const struct list_limits *limits,
             list_fn *each, void *arg, struct err *e);
int ftp_stat(struct ftp_session *s, const char *path, struct entry *out, struct err *e);
int ftp_mtime(struct ftp_session *s, const char *path, int64_t *mtime_ms, struct err *e);
int ftp_get(struct ftp_session *s, const char *path, const struct get_options *o, struct err *e);
int ftp_put(struct ftp_session *s, const char *path, const struct put_options *o,
            enum verification *level, struct err *e);
int ftp_append(struct ftp_session *s, const char *path, const struct put_options *o,
               enum verification *level, struct err *e);
int ftp_rename(struct ftp_session *s, const char *from, const char *to, enum rename_mode mode,
               struct err *e);
int ftp_remove(struct ftp_session *s, const char *path, struct err *e);
int ftp_mkdir(struct ftp_session *s, const char *path, struct err *e);

/* ---- among the files of this room ---------------------------------------------------------- */

/* Of a path as it goes to the server; ERR_OBJECT when the server does not say. */
int ftp_ask_size(struct ftp_session *s, const char *there, uint64_t *size, struct err *e);
int ftp_ask_mdtm(struct ftp_session *s, const char *there, int64_t *mtime_ms, struct err *e);
