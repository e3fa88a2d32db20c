/* The store when the disk fails, is full, or the process is killed. */
#include "tests/unit/store_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "daemon/store/inside.h"

/* ---- a disk that fails on demand: the default VFS with three calls replaced ---------------- */

static struct {
	atomic_int countdown; /* calls that still succeed; negative: no fault planned */
	atomic_int code;
	atomic_bool for_ever;
	atomic_int hits;
} fault;

static sqlite3_io_methods honest, faulty_methods[2];
static sqlite3_vfs faulty_vfs;
static sqlite3_vfs *real_vfs;

static int luck(void)
{
	int left = atomic_load(&fault.countdown);

	if (left < 0)
		return SQLITE_OK;
	if (left > 0) {
		atomic_store(&fault.countdown, left - 1);
		return SQLITE_OK;
	}
	if (!atomic_load(&fault.for_ever))
		atomic_store(&fault.countdown, -1);
	atomic_fetch_add(&fault.hits, 1);
	return atomic_load(&fault.code);
}

static int faulty_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
	int rc = luck();

	return rc ? rc : honest.xWrite(f, data, n, at);
}

static int faulty_sync(sqlite3_file *f, int flags)
{
	int rc = luck();

	if (rc == SQLITE_FULL || !rc) /* a flush does not run out of space here */
		return honest.xSync(f, flags);
	return SQLITE_IOERR_FSYNC;
}

static int faulty_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int rc = luck();

	return rc ? SQLITE_IOERR_TRUNCATE : honest.xTruncate(f, size);
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	int rc = real_vfs->xOpen(vfs, name, f, flags, out);
	/* the log locks nothing, the database does: two sets, but the replaced calls are the same
	 */
	sqlite3_io_methods *mine = &faulty_methods[flags & SQLITE_OPEN_MAIN_DB ? 1 : 0];

	if (rc == SQLITE_OK && f->pMethods) {
		honest = *f->pMethods;
		*mine = honest;
		mine->xWrite = faulty_write;
		mine->xSync = faulty_sync;
		mine->xTruncate = faulty_truncate;
		f->pMethods = mine;
	}
	return rc;
}

static void install_faulty_disk(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	faulty_vfs = *real_vfs;
	faulty_vfs.zName = "faulty";
	faulty_vfs.xOpen = faulty_open;
	assert_int_equal(sqlite3_vfs_register(&faulty_vfs, 1), SQLITE_OK);
	atomic_store(&fault.countdown, -1);
}

static void plan_fault(int after, int code, bool for_ever)
{
	atomic_store(&fault.hits, 0);
	atomic_store(&fault.code, code);
	atomic_store(&fault.for_ever, for_ever);
	atomic_store(&fault.countdown, after);
}

static void lift_fault(void)
{
	atomic_store(&fault.countdown, -1);
}

/* ---- a file's life, step by step, each of which may fail ----------------------------------- */

struct life {
	int64_t job, delivery;
	int steps; /* acknowledged so far */
};
enum { LIFE_STEPS = 5 };

static int next_step(struct scene *t, struct life *l)
{
	struct store_new_delivery to = {"d", "a", 1};
	struct store_delivered how = {.state = DELIVERY_DONE, .settle_source = true};
	struct store_file f = a_file("a");
	bool complete;

	switch (l->steps) {
	case 0:
		return store_claim(t->store, "r", &f, 1, clock_wall_ms(), &l->job, &last);
	case 1:
		return store_stored(t->store, l->job, 1, some_sha256, &to, 1, &l->delivery, &last);
	case 2:
		return store_renaming(t->store, l->delivery,
		                      &(struct store_rename){1, NULL, "a", 1, NULL}, &last);
	case 3:
		return store_delivered(t->store, l->delivery, &how, &complete, &last);
	default:
		return store_source_done(t->store, l->job, false, NULL, &last);
	}
}

static void check_as_far_as(struct scene *t, const struct life *l)
{
	static const enum job_state want[] = {JOB_CLAIMED, JOB_CLAIMED,   JOB_STORED,
	                                      JOB_STORED,  JOB_DELIVERED, JOB_DONE};

	if (l->steps == 0)
		assert_int_equal(count_of(t, NULL, JOB_CLAIMED), 0);
	else
		check_state(t, l->job, want[l->steps]);
	if (l->steps == 2)
		check_delivery(t, l->job, l->delivery, DELIVERY_SENDING);
	if (l->steps == 3)
		check_delivery(t, l->job, l->delivery, DELIVERY_RENAMING);
}

static void check_honest_error(int r, int code)
{
	assert_true(r < 0);
	assert_string_equal(last.code, code == SQLITE_FULL ? "STORE-FULL" : "STORE-IO");
	assert_int_equal(r, code == SQLITE_FULL ? ERR_BUSY : ERR_LOCAL);
}

/* The fault comes at the n-th call; false when the life ends before it. */
static bool live_through(struct scene *t, int n, int code, bool for_ever)
{
	struct life l = {0};

	open_store(t);
	plan_fault(n, code, for_ever);
	for (; l.steps < LIFE_STEPS; l.steps++) {
		int r = next_step(t, &l);

		if (r == 0)
			continue;
		check_honest_error(r, code);
		lift_fault();
		check_as_far_as(t, &l); /* not acknowledged, not there */
		check_ok(next_step(t, &l));
	}
	lift_fault();
	reopen(t);
	check_as_far_as(t, &l);
	close_store(t);
	remove_files(t->dir);
	return atomic_load(&fault.hits) > 0;
}

static void test_faults__never_acknowledge_what_is_not_on_disk(void **state)
{
	static const int codes[] = {SQLITE_FULL, SQLITE_IOERR_WRITE};

	for (int c = 0; c < 2; c++)
		for (int for_ever = 0; for_ever < 2; for_ever++) {
			int n = 0;

			while (live_through(*state, n, codes[c], for_ever))
				n++;
			assert_true(n > 10); /* all of them were met */
		}
}

static void test_faults__at_opening_are_told_and_leave_nothing_half(void **state)
{
	struct scene *t = *state;
	int r;

	for (int n = 0;; n++) {
		plan_fault(n, SQLITE_IOERR_WRITE, false);
		r = store_open(t->dir, &t->store, &last);
		lift_fault();
		if (r == 0)
			break;
		check_honest_error(r, SQLITE_IOERR_WRITE);
		t->store = NULL;
		open_store(t); /* the next start needs no hand */
		(void)claim(t, "r", "a");
		close_store(t);
		remove_files(t->dir);
	}
}

/* ---- no more pages ------------------------------------------------------------------------- */

static int set_most_pages(struct store *s, void *arg, struct err *e)
{
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %d", *(const int *)arg);
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK
	               ? 0
	               : err_set(e, ERR_BUG, "TEST", 0, "pragma");
}

static void test_full__refuses_then_goes_on_by_itself(void **state)
{
	struct scene *t = *state;
	int most = 1, taken = 0, r = 0;
	struct store_file f;
	char name[32];
	int64_t id;

	open_store(t);
	(void)claim(t, "r", "first");
	check_ok(store_ask(t->store, REQUEST_READ, set_most_pages, &most, &last)); /* as it is */
	for (; r == 0; taken++) {
		(void)snprintf(name, sizeof(name), "f%d", taken);
		f = a_file(name);
		r = store_claim(t->store, "r", &f, 1, clock_wall_ms(), &id, &last);
	}
	check_refused(r, ERR_BUSY, "STORE-FULL");
	assert_int_equal(count_of(t, "r", JOB_CLAIMED), taken); /* "first", not the refused one */
	most = 100000;
	check_ok(store_ask(t->store, REQUEST_READ, set_most_pages, &most, &last));
	check_ok(store_claim(t->store, "r", &f, 1, clock_wall_ms(), &id, &last));
	reopen(t);
	assert_int_equal(count_of(t, "r", JOB_CLAIMED), taken + 1);
}

/* ---- kill -9 ------------------------------------------------------------------------------- */

struct load {
	struct scene *scene;
	int pipe, number, round;
};

static void *claim_for_ever(void *arg)
{
	struct load *l = arg;
	struct err e;

	for (int i = 0;; i++) {
		char name[64];
		struct store_file f;
		int64_t id;

		(void)snprintf(name, sizeof(name), "%d/%d/%d", l->round, l->number, i);
		f = a_file(name);
		if (store_claim(l->scene->store, "r", &f, 1, clock_wall_ms(), &id, &e) < 0 ||
		    write(l->pipe, &id, sizeof(id)) != sizeof(id))
			_exit(1);
	}
	return NULL;
}

static void child_under_load(struct scene *t, int pipe, int round)
{
	static struct load loads[6];
	pthread_t thread;

	if (store_open(t->dir, &t->store, &last) < 0)
		_exit(2);
	for (int i = 0; i < 6; i++) {
		loads[i] = (struct load){t, pipe, i, round};
		(void)pthread_create(&thread, NULL, claim_for_ever, &loads[i]);
	}
	for (;;)
		(void)pause();
}

/* Kills after `acks` acknowledgements; all that were written to the pipe are in `ids`. */
static size_t kill_under_load(struct scene *t, int round, size_t acks, int64_t *ids, size_t room)
{
	int ends[2], status;
	size_t n = 0;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		child_under_load(t, ends[1], round);
	close(ends[1]);
	while (n < room && read(ends[0], &ids[n], sizeof(*ids)) == sizeof(*ids))
		if (++n == acks)
			(void)kill(child, SIGKILL);
	(void)kill(child, SIGKILL); /* where the room ended first */
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	close(ends[0]);
	return n;
}

static void test_kill__loses_no_acknowledged_row(void **state)
{
	enum { ROUNDS = 8, ROOM = 4096 };
	struct scene *t = *state;
	int64_t *ids = mem_new_array(ROOM, sizeof(*ids)), highest = 0;

	for (int round = 0; round < ROUNDS; round++) {
		size_t n = kill_under_load(t, round, 20 + 37 * (size_t)round, ids, ROOM);

		assert_true(n >= 20);
		open_store(t);
		for (size_t i = 0; i < n; i++) {
			assert_true(ids[i] > highest); /* never used twice */
			check_state(t, ids[i], JOB_CLAIMED);
		}
		for (size_t i = 0; i < n; i++)
			highest = ids[i] > highest ? ids[i] : highest;
		close_store(t);
	}
	free(ids);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_scene)
	const struct CMUnitTest tests[] = {
	        TEST(test_faults__never_acknowledge_what_is_not_on_disk),
	        TEST(test_faults__at_opening_are_told_and_leave_nothing_half),
	        TEST(test_full__refuses_then_goes_on_by_itself),
	        TEST(test_kill__loses_no_acknowledged_row),
	};

	install_faulty_disk();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
