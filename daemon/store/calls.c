/*
 * What is still to be done at a destination when a delivery has ended: a command after it, or the
 * removal of what a canceled one left there. A row each, until it has ended well or is given up.
 * Whoever comes late finds no row and is told so.
 */
#include <stdlib.h>

#include "daemon/base/mem.h"
#include "daemon/store/rows.h"

struct called {
	int64_t delivery;
	const char *note;              /* of a good end */
	const struct store_failure *f; /* or of a bad one */
	int64_t job;
	char dest[STORE_DEST_BYTES];
	bool is_sweep;
};

static int load(struct store *s, struct called *a, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_CALL_JOB);
	int r;

	sql_int(q, 1, a->delivery);
	r = sql_row(s, q, e);
	if (r == 0)
		return err_set(e, ERR_BUG, "STORE-STEP", 0,
		               "nothing is to be done after delivery %lld", (long long)a->delivery);
	if (r < 0)
		return r;
	a->job = sqlite3_column_int64(q, 0);
	sql_copy(q, 1, a->dest, sizeof(a->dest));
	a->is_sweep = sqlite3_column_int(q, 2);
	sql_end(q);
	return 0;
}

static int note(struct store *s, const struct called *a, struct event_note n, struct err *e)
{
	_cleanup_free_ char *text = mem_printf("%s: %s", a->dest, n.text);

	n.text = text;
	return event_add(s, a->job, n, e);
}

static int end_call(struct store *s, int64_t delivery, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_CALL_END);

	sql_int(q, 1, delivery);
	return sql_run(s, q, e);
}

static int wait_call(struct store *s, const struct called *a, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_CALL_WAIT);

	sql_int(q, 1, a->delivery);
	sql_int(q, 2, a->f->next_at_ms);
	return sql_run(s, q, e);
}

static int run_called(struct store *s, void *arg, struct err *e)
{
	struct called *a = arg;
	int r = load(s, a, e);

	if (r == 0)
		r = end_call(s, a->delivery, e);
	return r < 0 ? r : note(s, a, (struct event_note){"command", "", a->note}, e);
}

int store_called(struct store *s, int64_t delivery, const char *text, struct err *e)
{
	struct called a = {.delivery = delivery, .note = text};

	return store_ask(s, REQUEST_WRITE, run_called, &a, e);
}

static int run_swept(struct store *s, void *arg, struct err *e)
{
	struct called *a = arg;
	int r = load(s, a, e);

	if (r == 0)
		r = end_call(s, a->delivery, e);
	if (r < 0 || !a->note)
		return r;
	return note(s, a, (struct event_note){"note", "", a->note}, e);
}

int store_swept(struct store *s, int64_t delivery, const char *text, struct err *e)
{
	struct called a = {.delivery = delivery, .note = text};

	return store_ask(s, REQUEST_WRITE, run_swept, &a, e);
}

/* "retry" is the step of which only the last hundred are kept. */
static int run_call_failed(struct store *s, void *arg, struct err *e)
{
	struct called *a = arg;
	bool again = a->f->next_at_ms > 0;
	const struct err *why = a->f->why;
	struct event_note n = {"retry", why->code, why->message};
	int r = load(s, a, e);

	if (!again)
		n.step = a->is_sweep ? "left behind" : "command failed";

	if (r == 0)
		r = again ? wait_call(s, a, e) : end_call(s, a->delivery, e);
	return r < 0 ? r : note(s, a, n, e);
}

int store_call_failed(struct store *s, int64_t delivery, const struct store_failure *f,
                      struct err *e)
{
	struct called a = {.delivery = delivery, .f = f};

	return store_ask(s, REQUEST_WRITE, run_call_failed, &a, e);
}

/* ---- given up by the operator -------------------------------------------------------------- */

struct dropping {
	int64_t job;
	const char *const *known;
	size_t n;
	int64_t *found; /* deliveries */
	size_t found_count, dropped;
};

static bool is_known(const struct dropping *a, const char *dest)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->known[i], dest) == 0)
			return true;
	return false;
}

static int find_unknown(struct store *s, struct dropping *a, struct err *e)
{
	sqlite3_stmt *q = sql_begin(s, SQL_CALLS_OF_JOB);
	char dest[STORE_DEST_BYTES];
	int r;

	a->found_count = 0;
	sql_int(q, 1, a->job);
	while ((r = sql_row(s, q, e)) > 0) {
		sql_copy(q, 1, dest, sizeof(dest));
		if (is_known(a, dest))
			continue;
		a->found = mem_room(a->found, a->found_count, sizeof(*a->found));
		a->found[a->found_count++] = sqlite3_column_int64(q, 0);
	}
	return r;
}

static int drop_call(struct store *s, int64_t delivery, struct err *e)
{
	struct called a = {.delivery = delivery};
	struct event_note n = {"dropped", OPERATOR_CANCELED,
	                       "the command after the delivery was given up by the operator"};
	int r = load(s, &a, e);

	if (r == 0 && a.is_sweep)
		n.text = "what the canceled delivery may have left there stays: the operator gave "
		         "it up";
	if (r == 0)
		r = end_call(s, delivery, e);
	return r < 0 ? r : note(s, &a, n, e);
}

static int run_drop(struct store *s, void *arg, struct err *e)
{
	struct dropping *a = arg;
	int r = find_unknown(s, a, e);

	for (a->dropped = 0; r == 0 && a->dropped < a->found_count; a->dropped++)
		r = drop_call(s, a->found[a->dropped], e);
	return r;
}

int store_drop_calls(struct store *s, int64_t job, const char *const *known, size_t n,
                     size_t *dropped, struct err *e)
{
	struct dropping a = {.job = job, .known = known, .n = n};
	int r = store_ask(s, REQUEST_WRITE, run_drop, &a, e);

	free(a.found);
	if (r == 0)
		*dropped = a.dropped;
	return r;
}
