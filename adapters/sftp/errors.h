/*
 * What an SFTP server's status means for us: kind, code, and a sentence with the server's own
 * words.
 *
 *	return sftp_err(e, &(struct sftp_failure){"open", path, status, text, text_bytes});
 *	-> "open /out/a.xml: the server says: Permission denied (SSH_FX_PERMISSION_DENIED)"
 *
 * Version 3 knows nine statuses and OpenSSH puts most errnos into SSH_FX_FAILURE (exists, disk
 * full, is a directory …); servers send numbers of later versions all the same. So: later numbers
 * are understood, the words are kept, and the callers look again (stat, statvfs) where FAILURE
 * could mean something the scheduler must know.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"

/* X(enum, number, kind, code, what it means to the operator): draft-02 §7, from 9 on draft-13 §9.1
 * A NULL cure adds nothing. */
#define SFTP_STATUSES(X)                                                                           \
	X(OK, 0, OBJECT, "OBJ-FAILED", NULL)                                                       \
	X(EOF, 1, OBJECT, "OBJ-FAILED", NULL)                                                      \
	X(NO_SUCH_FILE, 2, OBJECT, "OBJ-MISSING", NULL)                                            \
	X(PERMISSION_DENIED, 3, OBJECT, "OBJ-DENIED", "ask the partner to allow it for this user") \
	X(FAILURE, 4, OBJECT, "OBJ-FAILED", NULL)                                                  \
	X(BAD_MESSAGE, 5, OBJECT, "OBJ-FAILED",                                                    \
	  "the server may not accept such a name, or one this long")                               \
	X(NO_CONNECTION, 6, NETWORK, "SFTP-BACKEND", NULL)                                         \
	X(CONNECTION_LOST, 7, NETWORK, "SFTP-BACKEND", NULL)                                       \
	X(OP_UNSUPPORTED, 8, OBJECT, "OBJ-FAILED", "the server cannot do this at all")             \
	X(INVALID_HANDLE, 9, OBJECT, "OBJ-FAILED", NULL)                                           \
	X(NO_SUCH_PATH, 10, OBJECT, "OBJ-MISSING", NULL)                                           \
	X(FILE_ALREADY_EXISTS, 11, OBJECT, "OBJ-EXISTS", NULL)                                     \
	X(WRITE_PROTECT, 12, OBJECT, "OBJ-DENIED", "the file system is read-only")                 \
	X(NO_MEDIA, 13, BUSY, "OBJ-FAILED", NULL)                                                  \
	X(NO_SPACE_ON_FILESYSTEM, 14, BUSY, "OBJ-NO-SPACE", "the partner must free space")         \
	X(QUOTA_EXCEEDED, 15, BUSY, "OBJ-NO-SPACE", "the partner must free space or raise quota")  \
	X(UNKNOWN_PRINCIPAL, 16, OBJECT, "OBJ-FAILED", NULL)                                       \
	X(LOCK_CONFLICT, 17, BUSY, "OBJ-FAILED", "someone else has the file open")                 \
	X(DIR_NOT_EMPTY, 18, OBJECT, "OBJ-EXISTS", NULL)                                           \
	X(NOT_A_DIRECTORY, 19, OBJECT, "OBJ-NOT-DIR", NULL)                                        \
	X(INVALID_FILENAME, 20, OBJECT, "OBJ-FAILED", "the server does not accept such a name")    \
	X(LINK_LOOP, 21, OBJECT, "OBJ-FAILED", NULL)                                               \
	X(CANNOT_DELETE, 22, OBJECT, "OBJ-DENIED", NULL)                                           \
	X(FILE_IS_A_DIRECTORY, 24, OBJECT, "OBJ-NOT-DIR", NULL)

enum sftp_status {
#define SFTP_ENUM(name, number, kind, code, cure) SFTP_FX_##name = number,
	SFTP_STATUSES(SFTP_ENUM)
#undef SFTP_ENUM
};

/* "SSH_FX_FAILURE" …, "SSH_FX_?" for a number nobody defined. */
const char *sftp_status_name(uint32_t status);

struct sftp_failure {
	const char *verb; /* "open" */
	const char *path; /* raw bytes; NULL = none */
	uint32_t status;
	const void *words; /* the server's text, raw, not NUL-terminated */
	size_t words_bytes;
};

int sftp_err(struct err *e, const struct sftp_failure *f);

/* The server's words tell of a full disk or quota although the status does not. */
bool sftp_words_mean_full(const void *words, size_t n);

/* Make an error of this operation more exact, keeping its message: `found` says what a second look
 * showed. Returns the new kind. */
int sftp_err_refine(struct err *e, enum err_kind kind, const char *code, const char *found);
