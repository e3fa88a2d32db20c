#include "daemon/route/doubts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

enum {
	BATCH = 512,
	REFUSALS_MOST = 3, /* in a row: then the server is not asked any more, in this poll */
};

struct doubts {
	struct route *route;
	const struct adapter *adapter;
	struct lease lease;
	bool has_lease;
	int refusals;
};

void candidate_for_store(const struct candidate *c, size_t n, struct store_file *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (struct store_file){
		        .path = c[i].path,
		        .path_bytes = strlen(c[i].path),
		        .size = c[i].size,
		        .mtime_ms = c[i].mtime_ms,
		        .identity = c[i].identity,
		        .precision_ms = c[i].precision_ms,
		        .listed_ms = c[i].listed_ms,
		};
}

static struct doubts begin(struct route *r)
{
	const struct adapter *a = adapter_for((int)r->settings->from.endpoint->protocol);

	return (struct doubts){.route = r, .adapter = a};
}

static int end(struct doubts *d, int r, const struct err *e)
{
	if (d->has_lease)
		lease_release(&d->lease, r, e);
	return r;
}

static struct told told_of(const struct candidate *c)
{
	return (struct told){c->mtime_ms, c->precision_ms};
}

/* ---- the server's word --------------------------------------------------------------------- */

/* 1 = it does not tell. */
static int ask(struct doubts *d, const struct candidate *c, struct told *out, struct err *e)
{
	char path[PATH_MAX];
	int64_t exact;
	int r = route_join(path, sizeof(path), d->route->settings->from.path, c->path, e);

	if (r < 0 || d->refusals >= REFUSALS_MOST)
		return r < 0 ? r : 1;
	if (!d->has_lease) {
		r = route_wait_lease(d->route->source, &d->lease, e);
		if (r < 0)
			return r;
		d->has_lease = true;
	}
	r = d->adapter->mtime(d->lease.connection, path, &exact, e);
	d->refusals = r == 1 ? d->refusals + 1 : 0;
	if (r == 0)
		*out = (struct told){exact, TOLD_SECOND_MS};
	return r;
}

static bool may_be_learnt(const struct candidate *c)
{
	return c->mtime_ms != MTIME_UNKNOWN &&
	       c->mtime_ms < clock_wall_ms() - 2 * (int64_t)TOLD_DAY_MS;
}

static void take_exact(struct candidate *c, struct told exact)
{
	if (c->precision_ms == TOLD_MINUTE_MS && told_agrees(exact, told_of(c)))
		return; /* the listing will tell it so again */
	c->listed_ms = may_be_learnt(c) ? c->mtime_ms : 0;
	c->mtime_ms = exact.ms;
	c->precision_ms = exact.precision_ms;
}

/* ---- what is ours -------------------------------------------------------------------------- */

static void tell_once(struct doubts *d, const struct candidate *c)
{
	char name[ESCAPE_ROOM];

	if (d->route->has_told_doubts)
		return;
	d->route->has_told_doubts = true;
	log_warn("the server lists old files without their hour and does not tell exact times "
	         "(MDTM): "
	         "a file of the same size and day is taken for the one we have",
	         "route=%s file=\"%s\"", d->route->settings->name,
	         escape(c->path, strlen(c->path), name, sizeof(name)));
}

static int learn(struct doubts *d, const struct candidate *c, int64_t job, struct err *e)
{
	if (!may_be_learnt(c))
		return 0;
	return store_listed_as(
	        d->route->home->store, job, c->mtime_ms,
	        "its listing tells its time differently now; the server says that it "
	        "is still the same",
	        e);
}

/* A version whose own time was told without its hour says little about an exact one: it must have
 * been like the listed one already. */
static bool is_that_one(const struct store_like *exactly, enum told_likeness listed)
{
	return exactly->likeness == TOLD_SAME &&
	       (listed == TOLD_LIKELY || exactly->time.precision_ms < TOLD_HOUR_MS);
}

/* 1 = it is a new one, 0 = it is ours. */
static int compare_exactly(struct doubts *d, struct candidate *c, struct told exact,
                           enum told_likeness listed, struct err *e)
{
	struct candidate at = *c;
	struct store_like like;
	struct store_file file;
	int r;

	at.mtime_ms = exact.ms;
	at.precision_ms = exact.precision_ms;
	candidate_for_store(&at, 1, &file);
	r = store_alike(d->route->home->store, d->route->settings->name, &file, 1, &like, e);
	if (r < 0)
		return r;
	if (is_that_one(&like, listed))
		return learn(d, c, like.job, e);
	/* It was written while we looked, or its server's word is not worth much. */
	if (listed == TOLD_LIKELY && !told_agrees(exact, told_of(c)))
		return 0;
	take_exact(c, exact);
	return 1;
}

/* 1 = it is a new one, 0 = it is ours. */
static int judge(struct doubts *d, struct candidate *c, const struct store_like *like,
                 struct err *e)
{
	struct told exact;
	int r;

	if (like->likeness == TOLD_OTHER)
		return 1;
	if (like->likeness == TOLD_SAME)
		return 0;
	r = ask(d, c, &exact, e);
	if (r < 0)
		return r;
	if (r == 0)
		return compare_exactly(d, c, exact, like->likeness, e);
	if (like->likeness == TOLD_DOUBTED)
		return 1;
	tell_once(d, c);
	return 0;
}

static int find_alike(const struct doubts *d, const struct candidate *c, size_t n,
                      struct store_like *likes, struct err *e)
{
	struct store_file *files = mem_new_array(n, sizeof(*files));
	int r;

	candidate_for_store(c, n, files);
	r = store_alike(d->route->home->store, d->route->settings->name, files, n, likes, e);
	free(files);
	return r;
}

static int drop_known(struct doubts *d, struct candidate *files, size_t *count, struct err *e)
{
	struct store_like *likes = mem_new_array(BATCH, sizeof(*likes));
	size_t kept = 0;
	int r = 0;

	for (size_t at = 0; r >= 0 && at < *count; at++) {
		struct candidate c = files[at];
		size_t left = *count - at;

		if (at % BATCH == 0)
			r = find_alike(d, files + at, left < BATCH ? left : BATCH, likes, e);
		if (r >= 0)
			r = judge(d, &c, &likes[at % BATCH], e);
		if (r <= 0)
			continue;
		files[at] = files[kept];
		files[kept++] = c;
	}
	free(likes);
	*count = kept;
	return r < 0 ? r : 0;
}

int doubts_drop_known(struct route *r, struct candidate *files, size_t *count, struct err *e)
{
	struct doubts d = begin(r);

	return d.adapter->mtime ? end(&d, drop_known(&d, files, count, e), e) : 0;
}

/* ---- what is new --------------------------------------------------------------------------- */

static int refine(struct doubts *d, struct candidate *files, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct told exact;
		int r;

		if (files[i].mtime_ms == MTIME_UNKNOWN || files[i].precision_ms < TOLD_HOUR_MS)
			continue;
		r = ask(d, &files[i], &exact, e);
		if (r < 0)
			return r;
		if (r == 0)
			take_exact(&files[i], exact);
	}
	return 0;
}

int doubts_refine(struct route *r, struct candidate *files, size_t n, struct err *e)
{
	struct doubts d = begin(r);

	return d.adapter->mtime ? end(&d, refine(&d, files, n, e), e) : 0;
}
