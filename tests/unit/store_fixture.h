/*
 * What the tests of the store share: a state directory that goes away, an open store, and the
 * verbs in short form; each asserts success.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/store/store.h"

#define UNUSED __attribute__((unused))

struct scene {
	char dir[64];
	struct store *store;
};

static struct err last;

static UNUSED void check_ok(int r)
{
	if (r < 0)
		fail_msg("%s %s (%d): %s", err_kind_name(r), last.code, last.native, last.message);
}

static UNUSED void check_refused(int r, int kind, const char *code)
{
	assert_int_equal(r, kind);
	assert_int_equal(last.kind, kind);
	assert_string_equal(last.code, code);
}

/* ---- the state directory ------------------------------------------------------------------- */

static UNUSED void open_store(struct scene *t)
{
	check_ok(store_open(t->dir, &t->store, &last));
}

static UNUSED void close_store(struct scene *t)
{
	if (t->store)
		store_close(t->store);
	t->store = NULL;
}

static UNUSED void reopen(struct scene *t)
{
	close_store(t);
	open_store(t);
}

static UNUSED int make_dir(void **state)
{
	struct scene *t = mem_new_of(struct scene);

	(void)snprintf(t->dir, sizeof(t->dir), "/tmp/ferryd-store-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	*state = t;
	return 0;
}

static UNUSED int make_scene(void **state)
{
	(void)make_dir(state);
	open_store(*state);
	return 0;
}

static UNUSED void remove_files(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *f;

	while (d && (f = readdir(d)))
		(void)unlinkat(dirfd(d), f->d_name, 0); /* not "." and ".." */
	if (d)
		closedir(d);
}

static UNUSED int drop_scene(void **state)
{
	struct scene *t = *state;

	close_store(t);
	remove_files(t->dir);
	(void)rmdir(t->dir);
	free(t);
	return 0;
}

static UNUSED const char *file_in(const struct scene *t, const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	return path;
}

/* ---- verbs --------------------------------------------------------------------------------- */

static const unsigned char some_sha256[DIGEST_BYTES] = {1, 2, 3};

static UNUSED struct store_file a_file(const char *path)
{
	return (struct store_file){path, strlen(path), 100, 1700000000000, 0, 0, 0};
}

/* 0: not new */
static UNUSED int64_t claim(struct scene *t, const char *route, const char *path)
{
	struct store_file f = a_file(path);
	int64_t id;

	check_ok(store_claim(t->store, route, &f, 1, clock_wall_ms(), &id, &last));
	return id;
}

static UNUSED void stored(struct scene *t, int64_t job, int64_t *ids, size_t n)
{
	static const struct store_new_delivery to[] = {{"local:/srv/x", "a.xml", 5},
	                                               {"bank:/inbox", "b.xml", 5},
	                                               {"bank:/copy", "c.xml", 5}};

	check_ok(store_stored(t->store, job, 100, some_sha256, to, n, ids, &last));
}

/* A job in `stored` with one delivery, whose id is returned. */
static UNUSED int64_t one_delivery(struct scene *t, const char *path, int64_t *job)
{
	int64_t id;

	*job = claim(t, "r", path);
	stored(t, *job, &id, 1);
	return id;
}

static UNUSED void renaming(struct scene *t, int64_t delivery)
{
	check_ok(store_renaming(t->store, delivery,
	                        &(struct store_rename){2, some_sha256, "a.xml", 5, NULL}, &last));
}

static UNUSED bool delivered(struct scene *t, int64_t delivery, bool settle)
{
	struct store_delivered how = {.state = DELIVERY_DONE, .settle_source = settle};
	bool complete;

	check_ok(store_delivered(t->store, delivery, &how, &complete, &last));
	return complete;
}

static UNUSED struct store_failure failure(int64_t next_at_ms)
{
	static struct err why;

	(void)err_set(&why, ERR_NETWORK, "NET-REFUSED", 111, "connect bank: refused");
	return (struct store_failure){.why = &why, .next_at_ms = next_at_ms};
}

/* ---- looking ------------------------------------------------------------------------------- */

static UNUSED struct store_job_info look(struct scene *t, int64_t job)
{
	struct store_job_info info;
	struct store_delivery *d;
	struct store_event *v;
	size_t nd, nv;

	check_ok(store_show(t->store, job, &info, &d, &nd, &v, &nv, &last));
	free(d);
	free(v);
	return info;
}

static UNUSED struct store_delivery look_delivery(struct scene *t, int64_t job, int64_t id)
{
	struct store_delivery *d, found = {0};
	struct store_job_info info;
	struct store_event *v;
	size_t nd, nv;

	check_ok(store_show(t->store, job, &info, &d, &nd, &v, &nv, &last));
	for (size_t i = 0; i < nd; i++)
		if (d[i].id == id)
			found = d[i];
	free(d);
	free(v);
	return found;
}

static UNUSED void check_state(struct scene *t, int64_t job, enum job_state want)
{
	assert_string_equal(job_state_name(look(t, job).job.state), job_state_name(want));
}

static UNUSED void check_delivery(struct scene *t, int64_t job, int64_t id,
                                  enum delivery_state want)
{
	assert_string_equal(delivery_state_name(look_delivery(t, job, id).state),
	                    delivery_state_name(want));
}

static UNUSED int64_t count_of(struct scene *t, const char *route, enum job_state state)
{
	int64_t counts[JOB_STATE_COUNT];

	check_ok(store_counts(t->store, route, counts, &last));
	return counts[state];
}

/* How many tasks are due in a queue of route "r" at `now_ms`; *next as store_due says. */
static UNUSED size_t due(struct scene *t, enum store_queue q, int64_t now_ms, int64_t *next)
{
	static struct store_task tasks[8];
	size_t n;
	int64_t ignored;

	check_ok(store_due(t->store, q, "r", "local:/srv/x", now_ms, tasks, 8, &n,
	                   next ? next : &ignored, &last));
	return n;
}
