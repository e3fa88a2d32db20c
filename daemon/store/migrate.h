/*
 * From any older schema to the newest: each migration in a transaction of its own, numbered by
 * PRAGMA user_version, so that a crash between two of them is continued at the next start.
 */
#pragma once
#include <sqlite3.h>
#include <stddef.h>

#include "daemon/base/err.h"

struct migrations {
	const char *const *texts; /* texts[i] leads from version i to i + 1 */
	int count;
};

/* What this ferryd brings (schema/ *.sql, embedded). */
struct migrations migrations_embedded(void);

int migrate_version(sqlite3 *db, const char *path, int *version, struct err *e);
/* ERR_CONFIG "STORE-NEWER" when the database is ahead of us. A database that already has a version
 * is copied to PATH.before-<new version> first. */
int migrate_run(sqlite3 *db, const char *path, struct migrations m, struct err *e);
/* The database has exactly the tables, indexes and triggers that the migrations make; otherwise
 * somebody changed it by hand: ERR_LOCAL "STORE-CORRUPT". */
int migrate_verify(sqlite3 *db, const char *path, struct migrations m, struct err *e);
