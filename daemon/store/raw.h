/*
 * SQL before the store runs: pragmas, migrations, copies. Texts are ours, never from outside.
 * Also the flushes that SQLite leaves to whoever makes, copies or renames a database.
 */
#pragma once
#include <sqlite3.h>

#include "daemon/base/err.h"

int raw_execute(sqlite3 *db, const char *path, const char *sql, struct err *e);
/* The first column of the first row, "" where there is none; the caller frees *out. */
int raw_ask(sqlite3 *db, const char *path, const char *sql, char **out, struct err *e);

int raw_flush_file(const char *file, struct err *e);
int raw_flush_directory_of(const char *path, struct err *e);
