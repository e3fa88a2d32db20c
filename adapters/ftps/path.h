/*
 * Paths on their way to the server: from the contract's bytes to a command's argument and a URL.
 *
 *	char *there = ftp_path(s, path, e);		// checked, converted, absolute
 *	command = mem_printf("DELE %s", there);
 *	url = ftp_path_url(s, there, PATH_IS_FILE);
 *
 * A control character in a path would end the command and begin another one: refused, ERR_POLICY
 * "FTP-PATH-CONTROL", before anything is built. At a server whose names are Latin-1, UTF-8 is
 * converted; a character that has no place there is ERR_POLICY "NAME-CHARSET".
 */
#pragma once
#include <stddef.h>

#include "adapters/ftps/session.h"

enum { FTP_PATH_MOST = 4096 };

/* NULL on error; free() it. "" and "." are the login directory ("" when that is not known). */
char *ftp_path(const struct ftp_session *s, const char *path, struct err *e);

enum path_kind { PATH_IS_FILE, PATH_IS_DIR };
char *ftp_path_url(const struct ftp_session *s, const char *there, enum path_kind kind);

/* The directory a path lies in: "/a/b" -> "/a", "/a" -> "/", "a" -> "". free() it. */
char *ftp_path_parent(const char *there);
/* Its last component, within it. */
const char *ftp_path_base(const char *there);
