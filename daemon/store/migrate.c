#include "daemon/store/migrate.h"

#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/store/inside.h"
#include "daemon/store/raw.h"
#include "schema_embedded.h"

struct migrations migrations_embedded(void)
{
	return (struct migrations){schema_migrations,
	                           sizeof(schema_migrations) / sizeof(*schema_migrations)};
}

int migrate_version(sqlite3 *db, const char *path, int *version, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	int r = raw_ask(db, path, "PRAGMA user_version", &text, e);

	if (r == 0)
		*version = (int)strtol(text, NULL, 10);
	return r;
}

/* ---- the copy ------------------------------------------------------------------------------ */

static int vacuum_into(sqlite3 *db, const char *path, const char *copy, struct err *e)
{
	sqlite3_stmt *q;
	int rc = sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &q, NULL);

	if (rc != SQLITE_OK)
		return store_err(e, db, path, rc);
	(void)sqlite3_bind_text(q, 1, copy, -1, SQLITE_STATIC); /* or the step fails */
	rc = sqlite3_step(q);
	(void)sqlite3_finalize(q); /* rc has it */
	return rc == SQLITE_DONE ? 0 : store_err(e, db, path, rc);
}

/* VACUUM INTO does not flush what it wrote. */
static int copy_before(sqlite3 *db, const char *path, int version, struct err *e)
{
	_cleanup_free_ char *copy = mem_printf("%s.before-%d", path, version);
	_cleanup_free_ char *part = mem_printf("%s.part", copy);

	(void)unlink(part); /* left by a crash; if it stays, the copy fails and says so */
	if (vacuum_into(db, path, part, e) < 0 || raw_flush_file(part, e) < 0)
		return err_wrap(e, "copy the database before migrating it");
	if (rename(part, copy) < 0)
		return err_errno(e, ERR_LOCAL, "STORE-COPY", "rename %s to %s", part, copy);
	if (raw_flush_directory_of(path, e) < 0)
		return e->kind;
	log_info("database copied before migration", "copy=%s", copy);
	return 0;
}

/* ---- the steps ----------------------------------------------------------------------------- */

static int step(sqlite3 *db, const char *path, struct migrations m, int from, struct err *e)
{
	struct err ignored;
	_cleanup_free_ char *set_version = mem_printf("PRAGMA user_version = %d", from + 1);

	if (raw_execute(db, path, "BEGIN IMMEDIATE", e) == 0 &&
	    raw_execute(db, path, m.texts[from], e) == 0 &&
	    raw_execute(db, path, set_version, e) == 0 && raw_execute(db, path, "COMMIT", e) == 0)
		return 0;
	if (!sqlite3_get_autocommit(db))
		(void)raw_execute(db, path, "ROLLBACK", &ignored); /* `e` is what matters */
	return err_wrap(e, "migrate the database from version %d to %d", from, from + 1);
}

static int newer(const char *path, int version, int known, struct err *e)
{
	return err_set(e, ERR_CONFIG, "STORE-NEWER", version,
	               "the database %s has version %d, this ferryd knows versions up to %d: it "
	               "was used by a newer ferryd. Install that one again, or put the copy "
	               "%s.before-%d back (what happened since is then unknown to it)",
	               path, version, known, path, known + 1);
}

int migrate_run(sqlite3 *db, const char *path, struct migrations m, struct err *e)
{
	int version = 0;
	int r = migrate_version(db, path, &version, e);

	if (r < 0)
		return r;
	if (version > m.count)
		return newer(path, version, m.count, e);
	if (version < 0)
		return store_err_corrupt(e, path, "its version number is negative");
	if (version > 0 && version < m.count)
		r = copy_before(db, path, m.count, e);
	for (; r == 0 && version < m.count; version++)
		r = step(db, path, m, version, e);
	return r;
}

/* ---- is it ours? --------------------------------------------------------------------------- */

/* All that sqlite_schema says, sorted, as one text; tables SQLite makes for itself left out. */
static int schema_text(sqlite3 *db, const char *path, char **out, struct err *e)
{
	return raw_ask(db, path,
	               "SELECT group_concat(type || name || tbl_name || coalesce(sql, ''), "
	               "char(10)) FROM (SELECT * FROM sqlite_schema "
	               "WHERE name NOT LIKE 'sqlite_stat%' ORDER BY name)",
	               out, e);
}

static int expected_text(struct migrations m, char **out, struct err *e)
{
	static const char place[] = ":memory:";
	sqlite3 *model = NULL;
	int r = 0;
	int rc = sqlite3_open(place, &model);

	if (rc != SQLITE_OK)
		r = store_err(e, model, place, rc);
	for (int i = 0; r == 0 && i < m.count; i++)
		r = raw_execute(model, place, m.texts[i], e);
	if (r == 0)
		r = schema_text(model, place, out, e);
	(void)sqlite3_close(model); /* memory only */
	return r;
}

int migrate_verify(sqlite3 *db, const char *path, struct migrations m, struct err *e)
{
	_cleanup_free_ char *want = NULL, *have = NULL;

	if (expected_text(m, &want, e) < 0 || schema_text(db, path, &have, e) < 0)
		return e->kind;
	if (!have || !want || strcmp(have, want) != 0)
		return store_err_corrupt(e, path, "its tables are not those of this version");
	return 0;
}
