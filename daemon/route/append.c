#include "daemon/route/append.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/route/content.h"
#include "daemon/runtime/fiber.h"

enum append_verdict append_judge(const struct found *now, uint64_t at, uint64_t size)
{
	if (!now->is_there)
		return APPEND_GONE;
	if (now->size == SIZE_UNKNOWN)
		return APPEND_UNKNOWN;
	if (now->size < at || now->size - at > size)
		return APPEND_FOREIGN;
	return now->size - at == size ? APPEND_COMPLETE : APPEND_SEND;
}

/* ---- what cannot be decided ---------------------------------------------------------------- */

static int held(const struct append *a, const char *what, struct err *e)
{
	struct escaped name;

	return err_set(e, ERR_POLICY, "DELIVER-APPEND", 0,
	               "%s had %" PRIu64 " bytes before our %" PRIu64 " were to be added, and %s. "
	               "Are ours in it? Then `ferryctl cancel %" PRId64
	               "`; if not, make it %" PRIu64 " bytes again and `ferryctl retry %" PRId64
	               "`",
	               escape_name(a->path, &name), a->at, a->job->size, what, a->job->id, a->at,
	               a->job->id);
}

static int foreign(const struct append *a, struct err *e)
{
	char what[96];

	(void)snprintf(what, sizeof(what), "has %" PRIu64 " now: somebody else wrote to it",
	               a->now.size);
	return held(a, what, e);
}

static int cannot_append(const struct append *a, const char *why, struct err *e)
{
	struct escaped name;

	return err_set(e, ERR_POLICY, "DELIVER-APPEND", 0,
	               "exists: append cannot add to %s: %s; move it away and `ferryctl retry "
	               "%" PRId64 "`",
	               escape_name(a->path, &name), why, a->job->id);
}

/* ---- looking ------------------------------------------------------------------------------- */

static int look(struct append *a, struct err *e)
{
	struct entry found = {.type = ENTRY_UNKNOWN};
	int r = a->lease->adapter->stat(a->lease->connection, a->path, &found, e);

	if (r < 0 && strcmp(e->code, "OBJ-MISSING") != 0)
		return r;
	if (r == 0 && found.type != ENTRY_FILE && found.type != ENTRY_UNKNOWN)
		return cannot_append(a, "it is no regular file", e);
	a->now = (struct found){r == 0, found.size, found.mtime_ms};
	a->has_looked = true;
	return 0;
}

enum { STILL_MS = 500 };

/* After an interruption the server may still be writing what it had received of ours. */
static int look_twice(struct append *a, struct err *e)
{
	struct found before;
	int r = look(a, e);

	before = a->now;
	if (r == 0)
		r = fiber_sleep(STILL_MS, "whether the file still grows", e);
	if (r == 0)
		r = look(a, e);
	if (r < 0 || (a->now.is_there == before.is_there && a->now.size == before.size))
		return r;
	return err_set(e, ERR_BUSY, "DELIVER-APPEND-GROWS", 0,
	               "the file that an interrupted transfer was adding to still grows: it is "
	               "looked at again when it does not");
}

/* ---- is what is there ours? ---------------------------------------------------------------- */

enum { PIECE_BYTES = 64 * 1024 };

struct comparison {
	struct source ours;
	bool differs;
	char piece[PIECE_BYTES];
};

static int compare_piece(void *arg, const void *data, size_t n, struct err *e)
{
	struct comparison *c = arg;
	const char *theirs = data;

	while (n > 0 && !c->differs) {
		int64_t k =
		        c->ours.read(c->ours.arg, c->piece, n < PIECE_BYTES ? n : PIECE_BYTES, e);

		if (k < 0)
			return (int)k;
		c->differs = k == 0 || memcmp(c->piece, theirs, (size_t)k) != 0;
		theirs += k;
		n -= (size_t)k;
	}
	return 0;
}

static int read_back(struct append *a, struct comparison *c, uint64_t n, struct err *e)
{
	const struct get_options o = {
	        .sink = {compare_piece, c},
	        .offset = a->at,
	        .expect_size = a->at + n,
	        .expect_mtime_ms = MTIME_UNKNOWN,
	        .max_size = UINT64_MAX,
	};
	int r = a->lease->adapter->get(a->lease->connection, a->path, &o, e);

	if (r == ERR_OBJECT && strcmp(e->code, "OBJ-MISSING") != 0)
		return held(a, "what was added cannot be read back", e);
	return r;
}

/* The n bytes after `at` are the first n of ours; else it is held. */
static int compare(struct append *a, uint64_t n, struct err *e)
{
	struct content *content;
	struct comparison *c;
	int r;

	if (n == 0)
		return 0;
	content = mem_new_of(struct content);
	c = mem_new_of(struct comparison);
	r = content_open(content, a->content, a->job->size, e);
	c->ours = content_source(content);
	if (r == 0)
		r = read_back(a, c, n, e);
	if (r == 0 && c->differs)
		r = held(a, "what follows them is not what was sent: somebody else wrote to it", e);
	content_close(content);
	free(content);
	free(c);
	return r;
}

/* ---- sending ------------------------------------------------------------------------------- */

/* All but the first `skip` bytes; the digest is of all. */
static int transmit(struct append *a, struct content *c, uint64_t skip, struct err *e)
{
	struct put_options o = {.mode = -1, .durable = true, .append_at = a->at + skip};
	int r = content_skip(c, skip, e);

	if (r < 0 || skip == a->job->size)
		return r;
	o.source = content_source(c);
	o.source.size -= skip;
	return a->lease->adapter->append(a->lease->connection, a->path, &o, &a->level, e);
}

static int send_from(struct append *a, uint64_t skip, struct err *e)
{
	struct content *c = mem_new_of(struct content);
	int r = content_open(c, a->content, a->job->size, e);

	if (r == 0)
		r = transmit(a, c, skip, e);
	if (r == 0)
		r = content_finish(c, a->sha256, e);
	if (r == 0)
		r = content_check(c, a->job->has_sha256 ? a->job->sha256 : NULL, a->sha256, e);
	content_close(c);
	free(c);
	return r;
}

static int verify(struct append *a, struct err *e)
{
	int r = 0;

	if (a->verify != VERIFY_NONE && a->level < VERIFIED_SIZE)
		return err_set(e, ERR_INTEGRITY, "VERIFY-SIZE", 0,
		               "the server does not tell the size of the file that was added to");
	if (a->verify == VERIFY_DIGEST) {
		r = compare(a, a->job->size, e);
		a->level = r == 0 ? VERIFIED_DIGEST : a->level;
	}
	return r;
}

/* ---- the steps ----------------------------------------------------------------------------- */

/* What was added cannot be taken back: a spool file that has gone bad must be found before. */
int append_begin(struct append *a, struct err *e)
{
	int r = send_from(a, a->job->size, e);

	if (r == 0)
		r = look(a, e);
	if (r < 0)
		return r;
	if (!a->now.is_there)
		return err_set(e, ERR_BUSY, "DELIVER-APPEND-GONE", 0,
		               "the file that was to be added to has just been taken away");
	if (a->now.size == SIZE_UNKNOWN)
		return cannot_append(a, "the server does not tell its size", e);
	a->at = a->now.size;
	return 0;
}

static int complete(struct append *a, struct err *e)
{
	int r = compare(a, a->job->size, e);

	if (r == 0)
		r = send_from(a, a->job->size, e); /* for its digest */
	a->level = VERIFIED_DIGEST;
	return r;
}

static int send_rest(struct append *a, struct err *e)
{
	uint64_t there = a->now.size - a->at;
	int r = compare(a, there, e);

	if (r == 0)
		r = send_from(a, there, e);
	return r < 0 ? r : verify(a, e);
}

int append_finish(struct append *a, struct err *e)
{
	int r = a->has_looked ? 0 : look_twice(a, e);

	if (r < 0)
		return r;
	switch (append_judge(&a->now, a->at, a->job->size)) {
	case APPEND_SEND:
		return send_rest(a, e);
	case APPEND_COMPLETE:
		return complete(a, e);
	case APPEND_GONE:
		return held(a, "is gone now: it was taken away", e);
	case APPEND_UNKNOWN:
		return held(a, "the server does not tell its size now", e);
	case APPEND_FOREIGN:
		break;
	}
	return foreign(a, e);
}
