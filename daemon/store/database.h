/*
 * The database file: made whole, opened suspiciously.
 *
 * Created under another name, migrated, flushed and only then renamed to ferryd.db: so an empty or
 * half-made ferryd.db is never ours and never silently taken for "no files known yet", which would
 * fetch everything again.
 */
#pragma once
#include <sqlite3.h>

#include "daemon/base/err.h"

/* Makes the file where missing, opens, hardens, migrates, verifies. */
int database_open(const char *path, sqlite3 **out, struct err *e);
