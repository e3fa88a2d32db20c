#include "daemon/store/raw.h"

#include <fcntl.h>
#include <unistd.h>

#include "daemon/base/mem.h"
#include "daemon/store/inside.h"

int raw_execute(sqlite3 *db, const char *path, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : store_err(e, db, path, rc);
}

int raw_ask(sqlite3 *db, const char *path, const char *sql, char **out, struct err *e)
{
	sqlite3_stmt *q;
	const char *text = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);

	if (rc != SQLITE_OK)
		return store_err(e, db, path, rc);
	rc = sqlite3_step(q);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		rc = store_err(e, db, path, rc);
		(void)sqlite3_finalize(q); /* already reported */
		return rc;
	}
	if (rc == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(q, 0);
	*out = mem_dup(text ? text : "");
	(void)sqlite3_finalize(q); /* only read */
	return 0;
}

static int flush(const char *path, int flags, struct err *e)
{
	int fd = open(path, flags | O_RDONLY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0
	                ? err_errno(e, ERR_LOCAL, "STORE-FLUSH", "flush %s to disk", path)
	                : 0;

	if (fd >= 0)
		close(fd);
	return r;
}

int raw_flush_file(const char *file, struct err *e)
{
	return flush(file, 0, e);
}

int raw_flush_directory_of(const char *path, struct err *e)
{
	_cleanup_free_ char *dir = mem_dup(path);
	char *slash = strrchr(dir, '/');

	if (slash)
		*slash = '\0';
	return flush(slash ? dir : ".", O_DIRECTORY, e);
}
