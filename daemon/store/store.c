#include "daemon/store/store.h"

#include <assert.h>
#include <string.h>

#include "daemon/base/mem.h"
#include "daemon/store/database.h"
#include "daemon/store/inside.h"
#include "daemon/store/lock.h"
#include "daemon/store/raw.h"
#include "daemon/store/rows.h"

/* Whatever part of it was made. */
static void release(struct store *s)
{
	int rc;

	statements_release(s);
	rc = sqlite3_close(s->db); /* copies the log into the file and removes it */
	assert(rc != SQLITE_BUSY); /* a statement of ours still open */
	lock_release(s->lock_fd);  /* last: the file is at rest */
	free(s->path);
	free(s->instance);
	free(s);
}

/* It becomes part of file names. */
static int read_instance(struct store *s, struct err *e)
{
	int r = raw_execute(s->db, s->path,
	                    "UPDATE instance SET name = lower(hex(randomblob(4))) WHERE name = '' "
	                    "AND NOT EXISTS (SELECT 1 FROM call) AND NOT EXISTS (SELECT 1 FROM "
	                    "delivery WHERE state IN ('sending', 'renaming', 'held'))",
	                    e);

	if (r == 0)
		r = raw_ask(s->db, s->path, "SELECT name FROM instance", &s->instance, e);
	if (r == 0 && s->instance[strspn(s->instance, "0123456789abcdef")])
		return store_err_corrupt(e, s->path, "its instance is no hexadecimal number");
	return r;
}

static int open_locked(struct store *s, struct err *e)
{
	if (database_open(s->path, &s->db, e) < 0 || statements_prepare(s, e) < 0 ||
	    read_instance(s, e) < 0)
		return e->kind;
	return thread_start(s, e);
}

int store_open(const char *state_dir, struct store **out, struct err *e)
{
	struct store *s = mem_new_of(struct store);
	int r;

	s->path = mem_printf("%s/ferryd.db", state_dir);
	s->lock_fd = lock_take(state_dir, e);
	r = s->lock_fd < 0 ? s->lock_fd : open_locked(s, e);
	if (r < 0) {
		release(s);
		return r;
	}
	*out = s;
	return 0;
}

const char *store_instance(const struct store *s)
{
	return s->instance;
}

void store_close(struct store *s)
{
	thread_stop(s);
	release(s);
}

/* ---- words --------------------------------------------------------------------------------- */

#define STORE_WORD(id, word, final) [id] = word,
static const char *const job_words[] = {JOB_STATES(STORE_WORD)};
static const char *const delivery_words[] = {DELIVERY_STATES(STORE_WORD)};
#undef STORE_WORD

const char *job_state_name(enum job_state state)
{
	assert(state < JOB_STATE_COUNT);
	return job_words[state];
}

const char *delivery_state_name(enum delivery_state state)
{
	assert(state < DELIVERY_STATE_COUNT);
	return delivery_words[state];
}

static int parse(const char *const *words, int count, const char *word)
{
	for (int i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

int job_state_parse(const char *word)
{
	return parse(job_words, JOB_STATE_COUNT, word);
}

int delivery_state_parse(const char *word)
{
	return parse(delivery_words, DELIVERY_STATE_COUNT, word);
}
