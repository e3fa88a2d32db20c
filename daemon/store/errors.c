#include "daemon/store/inside.h"

#include <errno.h>

#include "daemon/base/escape.h"

int store_err_corrupt(struct err *e, const char *path, const char *what)
{
	struct escaped tmp;

	escape(what, strnlen(what, 160), tmp.text, sizeof(tmp.text));
	return err_set(
	        e, ERR_LOCAL, "STORE-CORRUPT", 0,
	        "the database %s cannot be trusted (%s); it was left as it is. Stop ferryd, "
	        "then either put a backup of it in its place (without any %s-wal beside it), "
	        "or move it and its -wal aside and start with an empty record of files: "
	        "then first pause every route or set 'after: keep', because whatever is "
	        "still at a source is taken and delivered again",
	        path, tmp.text, path);
}

static int full(struct err *e, const char *path, int native)
{
	return err_set(e, ERR_BUSY, "STORE-FULL", native,
	               "no space left for the database %s; nothing was recorded. Free space on its "
	               "filesystem: work then goes on by itself",
	               path);
}

static int io(struct err *e, sqlite3 *db, const char *path, int rc)
{
	int os = sqlite3_system_errno(db);
	char words[128];

	if (os == ENOSPC || os == EDQUOT)
		return full(e, path, os);
	return err_set(e, ERR_LOCAL, "STORE-IO", os ? os : rc,
	               "reading or writing the database %s failed: %s (%s); nothing was recorded. "
	               "Look at the disk (dmesg, smartctl)",
	               path, sqlite3_errstr(rc),
	               os ? strerror_r(os, words, sizeof(words)) : "no system error");
}

int store_err(struct err *e, sqlite3 *db, const char *path, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return full(e, path, rc);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return store_err_corrupt(e, path, sqlite3_errmsg(db));
	case SQLITE_IOERR:
		return io(e, db, path, rc);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(e, ERR_BUSY, "STORE-BUSY", rc,
		               "another program has the database %s open (fuser %s tells which); "
		               "stop it: only ferryd may use this file while it runs",
		               path, path);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return err_set(e, ERR_LOCAL, "STORE-ACCESS", rc,
		               "the database %s cannot be opened for writing: %s; it and its "
		               "directory must belong to ferryd's user",
		               path, sqlite3_errmsg(db));
	case SQLITE_NOMEM:
		return err_set(e, ERR_LOCAL, "STORE-MEMORY", rc,
		               "no memory for the database %s; nothing was recorded", path);
	default:
		return err_set(e, ERR_BUG, "STORE-SQL", rc, "the database %s refused: %s", path,
		               sqlite3_errmsg(db));
	}
}
