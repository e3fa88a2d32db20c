#include "daemon/store/statements.h"

#include <assert.h>

#include "daemon/store/inside.h"

int statements_prepare(struct store *s, struct err *e)
{
	for (int i = 0; i < SQL_COUNT; i++) {
		int rc = sqlite3_prepare_v3(s->db, sql_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
		                            &s->statements[i], NULL);

		if (rc != SQLITE_OK)
			return store_err(e, s->db, s->path, rc);
	}
	return 0;
}

void statements_release(struct store *s)
{
	for (int i = 0; i < SQL_COUNT; i++)
		(void)sqlite3_finalize(s->statements[i]); /* repeats an error already reported */
}

sqlite3_stmt *sql_begin(struct store *s, enum sql which)
{
	assert(which < SQL_COUNT && s->statements[which]);
	return s->statements[which];
}

/* Binding fails only for our own mistakes (index, statement still running) or without memory. */
static void bound(int rc)
{
	assert(rc == SQLITE_OK);
}

void sql_int(sqlite3_stmt *q, int at, int64_t value)
{
	bound(sqlite3_bind_int64(q, at, value));
}

void sql_text(sqlite3_stmt *q, int at, const char *text)
{
	bound(sqlite3_bind_text(q, at, text, -1, SQLITE_STATIC));
}

void sql_bytes(sqlite3_stmt *q, int at, const void *data, size_t n)
{
	if (!n) /* a NULL pointer would bind NULL, not an empty name */
		bound(sqlite3_bind_zeroblob(q, at, 0));
	else
		bound(sqlite3_bind_blob64(q, at, data, n, SQLITE_STATIC));
}

/* A statement left unfinished would pin the log and the next bind. */
void sql_end(sqlite3_stmt *q)
{
	(void)sqlite3_reset(q); /* repeats an error already reported */
	(void)sqlite3_clear_bindings(q);
}

int sql_row(struct store *s, sqlite3_stmt *q, struct err *e)
{
	int rc = sqlite3_step(q);
	int r = 0;

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		r = store_err(e, s->db, s->path, rc);
	sql_end(q);
	return r;
}

int sql_run(struct store *s, sqlite3_stmt *q, struct err *e)
{
	int r = sql_row(s, q, e);

	assert(r <= 0);
	return r;
}

void sql_copy(sqlite3_stmt *q, int column, char *out, size_t room)
{
	const void *data = sqlite3_column_blob(q, column);
	size_t n = (size_t)sqlite3_column_bytes(q, column);

	if (n >= room)
		n = room - 1;
	if (n)
		memcpy(out, data, n);
	out[n] = '\0';
}
