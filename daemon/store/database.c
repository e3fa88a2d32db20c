#include "daemon/store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/mem.h"
#include "daemon/store/inside.h"
#include "daemon/store/migrate.h"
#include "daemon/store/raw.h"

enum {
	APPLICATION_ID = 0x66727964, /* "fryd": file(1) and we recognise the file */
	BUSY_MS = 5000,
	/* quick_check reads every page. Up to this size it always runs; a larger file is checked
	 * where it is read. Measured: schema/README.md. */
	CHECK_WHOLE_BYTES = 32 * 1024 * 1024,
};

/* ---- hardening ----------------------------------------------------------------------------- */

static const char *const pragmas[] = {
        "PRAGMA synchronous = FULL", /* NORMAL loses acknowledged rows in a power cut */
        "PRAGMA foreign_keys = ON",
        "PRAGMA cell_size_check = ON",
        "PRAGMA trusted_schema = OFF",
        "PRAGMA mmap_size = 0",
        "PRAGMA temp_store = MEMORY",
        "PRAGMA cache_size = -16384",           /* KiB */
        "PRAGMA journal_size_limit = 16777216", /* the log shrinks to this after a burst */
        "PRAGMA secure_delete = OFF",           /* nothing secret in it; saves writes */
};

static const struct {
	int op, value;
} switches[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
        {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0},
};

/* After migrating: VACUUM INTO attaches, migrations are long. */
static const struct {
	int what, most;
} limits[] = {
        {SQLITE_LIMIT_LENGTH, 1024 * 1024}, {SQLITE_LIMIT_SQL_LENGTH, 100 * 1024},
        {SQLITE_LIMIT_COLUMN, 64},          {SQLITE_LIMIT_EXPR_DEPTH, 40},
        {SQLITE_LIMIT_COMPOUND_SELECT, 10}, {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 16}, {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
};

static int throw_switches(sqlite3 *db, struct err *e)
{
	for (size_t i = 0; i < sizeof(switches) / sizeof(*switches); i++)
		if (sqlite3_db_config(db, switches[i].op, switches[i].value, NULL) != SQLITE_OK)
			return err_set(e, ERR_BUG, "STORE-SQL", switches[i].op,
			               "this SQLite (%s) lacks a safety switch",
			               sqlite3_libversion());
	return 0;
}

static int harden(sqlite3 *db, const char *path, struct err *e)
{
	_cleanup_free_ char *mode = NULL;

	for (size_t i = 0; i < sizeof(pragmas) / sizeof(*pragmas); i++)
		if (raw_execute(db, path, pragmas[i], e) < 0)
			return e->kind;
	if (raw_ask(db, path, "PRAGMA journal_mode = WAL", &mode, e) < 0)
		return e->kind;
	if (strcmp(mode, "wal") != 0)
		return err_set(e, ERR_LOCAL, "STORE-ACCESS", 0,
		               "the database %s cannot use a write-ahead log (mode is %s); is its "
		               "filesystem a local one?",
		               path, mode);
	return 0;
}

/* ---- is it sound? -------------------------------------------------------------------------- */

static int check_pages(sqlite3 *db, const char *path, struct err *e)
{
	_cleanup_free_ char *verdict = NULL;
	struct stat st;
	bool small;

	if (stat(path, &st) < 0)
		return err_errno(e, ERR_LOCAL, "STORE-ACCESS", "look at %s", path);
	small = st.st_size <= CHECK_WHOLE_BYTES;
	if (raw_ask(db, path, small ? "PRAGMA quick_check(1)" : "PRAGMA quick_check(tally)",
	            &verdict, e) < 0)
		return e->kind;
	return strcmp(verdict, "ok") == 0 ? 0 : store_err_corrupt(e, path, verdict);
}

/* Before anything is changed in it. */
static int check_owner(sqlite3 *db, const char *path, struct err *e)
{
	_cleanup_free_ char *id = NULL;

	if (raw_ask(db, path, "PRAGMA application_id", &id, e) < 0)
		return e->kind;
	if (strtol(id, NULL, 10) != APPLICATION_ID)
		return store_err_corrupt(e, path, "it is not a database of ferryd");
	return 0;
}

/* ---- creating ------------------------------------------------------------------------------ */

/* SQLite would create it readable for all. */
static int make_file(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_errno(e, ERR_LOCAL, "STORE-ACCESS", "create %s", path);
	close(fd); /* no connection has it open yet: no lock is lost */
	return 0;
}

static int connect(const char *path, sqlite3 **out, struct err *e)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc = sqlite3_open_v2(path, out, flags, NULL);

	if (rc != SQLITE_OK)
		return store_err(e, *out, path, rc);
	if (sqlite3_db_readonly(*out, "main") == 1) /* SQLite falls back in silence */
		return err_set(e, ERR_CONFIG, "STORE-ACCESS", EACCES,
		               "the database %s may not be written by this user; cure: chown %u %s",
		               path, geteuid(), path);
	(void)sqlite3_busy_timeout(*out, BUSY_MS); /* cannot fail */
	if (throw_switches(*out, e) < 0)
		return e->kind;
	/* Ours alone while we run: no second program can write or checkpoint beside us (two of
	 * them may corrupt the log, SQLite <= 3.51.2). Set before the first read, no
	 * shared-memory file is needed either. */
	return raw_execute(*out, path, "PRAGMA locking_mode = EXCLUSIVE", e);
}

static int fill(sqlite3 *db, const char *path, struct err *e)
{
	_cleanup_free_ char *mark = mem_printf("PRAGMA application_id = %d", APPLICATION_ID);

	if (raw_execute(db, path, "PRAGMA auto_vacuum = INCREMENTAL", e) < 0 ||
	    harden(db, path, e) < 0 || raw_execute(db, path, mark, e) < 0)
		return e->kind;
	return migrate_run(db, path, migrations_embedded(), e);
}

/* Closing the last connection copies the log into the file, flushes it and removes the log. */
static int build(const char *path, struct err *e)
{
	sqlite3 *db = NULL;
	int rc, r = make_file(path, e);

	if (r == 0)
		r = connect(path, &db, e);
	if (r == 0)
		r = fill(db, path, e);
	rc = sqlite3_close(db);
	if (r == 0 && rc != SQLITE_OK)
		r = err_set(e, ERR_LOCAL, "STORE-IO", rc, "close the new database %s", path);
	return r;
}

static int create(const char *path, struct err *e)
{
	_cleanup_free_ char *fresh = mem_printf("%s.new", path);
	_cleanup_free_ char *fresh_log = mem_printf("%s.new-wal", path);

	(void)unlink(fresh_log); /* both left by a crash; if they stay, making the file fails */
	(void)unlink(fresh);
	if (build(fresh, e) < 0)
		return err_wrap(e, "create the database");
	if (renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
		return err_errno(e, ERR_LOCAL, "STORE-ACCESS", "rename %s to %s", fresh, path);
	return raw_flush_directory_of(path, e);
}

/* ---- opening ------------------------------------------------------------------------------- */

static int has_content(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_size > 0;
}

/* 0: there, or made now. */
static int provide(const char *path, struct err *e)
{
	_cleanup_free_ char *wal = mem_printf("%s-wal", path);
	struct stat st;

	if (lstat(path, &st) == 0) {
		if (!S_ISREG(st.st_mode))
			return store_err_corrupt(e, path, "it is not a regular file");
		return st.st_size ? 0 : store_err_corrupt(e, path, "it is empty");
	}
	if (errno != ENOENT)
		return err_errno(e, ERR_LOCAL, "STORE-ACCESS", "look at %s", path);
	if (has_content(wal))
		return store_err_corrupt(e, path, "it is missing, but its -wal is there");
	return create(path, e);
}

static int prove(sqlite3 *db, const char *path, struct err *e)
{
	struct migrations m = migrations_embedded();

	if (check_owner(db, path, e) < 0 || harden(db, path, e) < 0 ||
	    check_pages(db, path, e) < 0 || migrate_run(db, path, m, e) < 0)
		return e->kind;
	return migrate_verify(db, path, m, e);
}

int database_open(const char *path, sqlite3 **out, struct err *e)
{
	sqlite3 *db = NULL;
	int r;

	/* Counting its memory takes a lock for each piece, and nobody asks. Refused, which is no
	 * harm, once SQLite has been used. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	r = provide(path, e);
	if (r == 0)
		r = connect(path, &db, e);
	if (r == 0)
		r = prove(db, path, e);
	if (r < 0) {
		(void)sqlite3_close(db); /* `e` is what matters */
		return r;
	}
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		(void)sqlite3_limit(db, limits[i].what, limits[i].most); /* returns the old one */
	*out = db;
	return 0;
}

const char *store_library(void)
{
	static char text[32];

	(void)snprintf(text, sizeof(text), "SQLite %s", sqlite3_libversion());
	return text;
}
