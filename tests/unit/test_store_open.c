/* Opening the store: what is created, what is refused, what a damaged file does. */
#include "daemon/base/mem.h"
#include "tests/unit/store_fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "daemon/store/database.h"
#include "daemon/store/migrate.h"

/* ---- files --------------------------------------------------------------------------------- */

static void write_file(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
}

static unsigned char *read_whole(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY);
	unsigned char *data;
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*n = (size_t)st.st_size;
	data = mem_new(*n + 1);
	assert_int_equal(read(fd, data, *n), *n);
	close(fd);
	return data;
}

static bool exists(const struct scene *t, const char *name)
{
	return access(file_in(t, name), F_OK) == 0;
}

/* Something else than ferryd writes to the file, which nobody has open. */
static void tamper(const struct scene *t, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(file_in(t, "ferryd.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void check_open_fails(struct scene *t, int kind, const char *code)
{
	check_refused(store_open(t->dir, &t->store, &last), kind, code);
	assert_null(t->store);
}

static void check_says(const char *part)
{
	if (!strstr(last.message, part))
		fail_msg("\"%s\" is not in: %s", part, last.message);
}

/* The file is evidence: it must be there, unchanged, after it was refused. */
static void check_corrupt_and_kept(struct scene *t, const void *data, size_t n)
{
	unsigned char *left;
	size_t left_bytes;

	check_open_fails(t, ERR_LOCAL, "STORE-CORRUPT");
	check_says("backup");
	check_says("after: keep");
	left = read_whole(file_in(t, "ferryd.db"), &left_bytes);
	assert_int_equal(left_bytes, n);
	assert_memory_equal(left, data, n);
	free(left);
}

/* ---- creating ------------------------------------------------------------------------------ */

static void test_open__creates_a_private_file_once(void **state)
{
	struct scene *t = *state;
	struct stat st;
	int64_t job;

	open_store(t);
	job = claim(t, "r", "a");
	assert_int_equal(stat(file_in(t, "ferryd.db"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_false(exists(t, "ferryd.db.new"));
	reopen(t);
	check_state(t, job, JOB_CLAIMED);
	close_store(t);
	assert_false(exists(t, "ferryd.db-wal")); /* folded back */
}

static void test_open__clears_what_a_crash_while_creating_left(void **state)
{
	struct scene *t = *state;

	write_file(file_in(t, "ferryd.db.new"), "half", 4);
	write_file(file_in(t, "ferryd.db.new-wal"), "half", 4);
	open_store(t);
	assert_false(exists(t, "ferryd.db.new"));
}

static void test_open__tells_how_to_make_the_directory(void **state)
{
	struct scene *t = *state;
	struct store *s = NULL;

	check_refused(store_open(file_in(t, "missing"), &s, &last), ERR_CONFIG, "STORE-DIR");
	check_says("install -d -m 0700");
	write_file(file_in(t, "lock"), "", 0);
	check_refused(store_open(file_in(t, "lock"), &s, &last), ERR_CONFIG, "STORE-DIR");
}

/* As another user, in a child; root may write everywhere. */
static void in_child_as_nobody(struct scene *t, const char *code)
{
	pid_t child = fork();
	struct err e;
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		if (setegid(65534) < 0 || seteuid(65534) < 0)
			_exit(77);
		if (store_open(t->dir, &t->store, &e) == 0)
			_exit(1);
		_exit(e.kind == ERR_CONFIG && strcmp(e.code, code) == 0 ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_open__says_who_must_own_the_directory(void **state)
{
	struct scene *t = *state;

	assert_int_equal(chmod(t->dir, 0755), 0);
	in_child_as_nobody(t, "STORE-DIR");
}

static void test_open__refuses_a_file_it_may_only_read(void **state)
{
	struct scene *t = *state;

	open_store(t);
	close_store(t);
	assert_int_equal(chmod(t->dir, 0777), 0);
	assert_int_equal(chmod(file_in(t, "lock"), 0666), 0);
	assert_int_equal(chmod(file_in(t, "ferryd.db"), 0444), 0);
	in_child_as_nobody(t, "STORE-ACCESS");
}

/* ---- the lock ------------------------------------------------------------------------------ */

static void test_open__refuses_a_second_one_and_names_the_first(void **state)
{
	struct scene *t = *state;
	struct store *second = NULL;
	char pid[32];

	open_store(t);
	check_refused(store_open(t->dir, &second, &last), ERR_CONFIG, "STORE-LOCKED");
	(void)snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
	check_says(pid);
	check_says(t->dir);
	reopen(t);
}

static void test_open__does_not_mind_the_lock_file_of_a_dead_one(void **state)
{
	struct scene *t = *state;

	write_file(file_in(t, "lock"), "4194303\n", 8);
	open_store(t);
}

static void test_open__keeps_every_other_program_out(void **state)
{
	struct scene *t = *state;
	sqlite3 *db;

	open_store(t);
	assert_int_equal(sqlite3_open(file_in(t, "ferryd.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "SELECT * FROM job", NULL, NULL, NULL), SQLITE_BUSY);
	(void)sqlite3_close(db);
}

/* ---- what is not ours ---------------------------------------------------------------------- */

static void test_open__refuses_an_empty_file(void **state)
{
	struct scene *t = *state;

	write_file(file_in(t, "ferryd.db"), "", 0);
	check_corrupt_and_kept(t, "", 0);
}

static void test_open__refuses_what_is_no_database(void **state)
{
	struct scene *t = *state;
	char noise[10000];

	memset(noise, 'x', sizeof(noise));
	write_file(file_in(t, "ferryd.db"), noise, sizeof(noise));
	check_corrupt_and_kept(t, noise, sizeof(noise));
	write_file(file_in(t, "ferryd.db"), "short", 5);
	check_corrupt_and_kept(t, "short", 5);
}

static void test_open__refuses_the_database_of_another_program(void **state)
{
	struct scene *t = *state;
	unsigned char *before;
	size_t n;

	tamper(t, "CREATE TABLE job (id)");
	before = read_whole(file_in(t, "ferryd.db"), &n);
	check_corrupt_and_kept(t, before, n);
	free(before);
}

static void test_open__refuses_a_log_without_its_database(void **state)
{
	struct scene *t = *state;

	write_file(file_in(t, "ferryd.db-wal"), "x", 1);
	check_open_fails(t, ERR_LOCAL, "STORE-CORRUPT");
	assert_false(exists(t, "ferryd.db"));
}

static void test_open__refuses_a_directory_in_its_place(void **state)
{
	struct scene *t = *state;

	assert_int_equal(mkdir(file_in(t, "ferryd.db"), 0700), 0);
	check_open_fails(t, ERR_LOCAL, "STORE-CORRUPT");
	(void)rmdir(file_in(t, "ferryd.db"));
}

static void test_open__refuses_a_newer_schema_with_both_numbers(void **state)
{
	struct scene *t = *state;
	int known = migrations_embedded().count;
	char sql[64], both[64];

	open_store(t);
	close_store(t);
	(void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", known + 7);
	tamper(t, sql);
	check_open_fails(t, ERR_CONFIG, "STORE-NEWER");
	(void)snprintf(both, sizeof(both), "version %d, this ferryd knows versions up to %d",
	               known + 7, known);
	check_says(both);
}

static void test_open__refuses_tables_changed_by_hand(void **state)
{
	static const char *const changes[] = {
	        "DROP INDEX job_version",
	        "CREATE TRIGGER t AFTER INSERT ON job BEGIN DELETE FROM job; END",
	        "ALTER TABLE job ADD COLUMN mine TEXT",
	};
	struct scene *t = *state;

	for (size_t i = 0; i < 3; i++) {
		open_store(t);
		close_store(t);
		tamper(t, changes[i]);
		check_open_fails(t, ERR_LOCAL, "STORE-CORRUPT");
		check_says("tables");
		remove_files(t->dir);
	}
}

/* ---- migration ----------------------------------------------------------------------------- */

static const char *const steps[] = {"CREATE TABLE a (x) STRICT;", "CREATE TABLE a (x INT) STRICT;",
                                    "CREATE TABLE b (y INT) STRICT; INSERT INTO b VALUES (2);",
                                    "CREATE TABLE c (z INT) STRICT; SELECT nothing;"};

static int migrate(struct scene *t, sqlite3 *db, const char *const *texts, int count)
{
	return migrate_run(db, file_in(t, "ferryd.db"), (struct migrations){texts, count}, &last);
}

static void check_version(sqlite3 *db, int want)
{
	int version = -1;

	check_ok(migrate_version(db, "", &version, &last));
	assert_int_equal(version, want);
}

static void test_migrate__copies_before_it_changes(void **state)
{
	struct scene *t = *state;
	sqlite3 *db, *copy;

	assert_int_equal(sqlite3_open(file_in(t, "ferryd.db"), &db), SQLITE_OK);
	check_ok(migrate(t, db, steps + 1, 1));
	assert_false(exists(t, "ferryd.db.before-1")); /* nothing to keep */
	check_ok(migrate(t, db, steps + 1, 2));
	check_version(db, 2);
	check_ok(migrate(t, db, steps + 1, 2)); /* nothing left to do */
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(sqlite3_open(file_in(t, "ferryd.db.before-2"), &copy), SQLITE_OK);
	check_version(copy, 1);
	assert_int_equal(sqlite3_exec(copy, "SELECT x FROM a", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(copy), SQLITE_OK);
}

static void test_migrate__undoes_a_step_that_fails(void **state)
{
	struct scene *t = *state;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(file_in(t, "ferryd.db"), &db), SQLITE_OK);
	assert_true(migrate(t, db, steps + 1, 3) < 0);
	check_says("from version 2 to 3");
	check_version(db, 2); /* the steps before it stand */
	assert_int_not_equal(sqlite3_exec(db, "SELECT * FROM c", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void put_back(const struct scene *t, const char *copy)
{
	int dir = open(t->dir, O_RDONLY | O_DIRECTORY);

	assert_int_equal(renameat(dir, copy, dir, "ferryd.db"), 0);
	close(dir);
}

/* The way a real upgrade goes, up to the downgrade that the operator is told about. */
static void test_migrate__leaves_a_copy_that_an_older_ferryd_opens(void **state)
{
	struct scene *t = *state;
	const struct migrations known = migrations_embedded();
	const char **upgrade = mem_new_array((size_t)known.count + 1, sizeof(*upgrade));
	char copy[64];
	sqlite3 *db;
	int64_t job;

	memcpy(upgrade, known.texts, (size_t)known.count * sizeof(*upgrade));
	upgrade[known.count] = steps[2];
	(void)snprintf(copy, sizeof(copy), "ferryd.db.before-%d", known.count + 1);
	open_store(t);
	job = claim(t, "r", "a");
	close_store(t);
	check_ok(database_open(file_in(t, "ferryd.db"), &db, &last));
	(void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 1); /* as it is while opening */
	check_ok(migrate(t, db, upgrade, known.count + 1));
	free(upgrade);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	check_open_fails(t, ERR_CONFIG, "STORE-NEWER");
	put_back(t, copy);
	open_store(t);
	check_state(t, job, JOB_CLAIMED);
}

/* Version 6 puts what an older ferryd left `stored` into the operator's list. */
static void test_migrate__holds_a_job_of_which_one_delivery_is_held(void **state)
{
	enum { HELD_STEP = 5 };
	struct scene *t = *state;
	int64_t job, other, ids[2], id;
	struct store_failure end = failure(0);

	open_store(t);
	job = claim(t, "r", "a");
	stored(t, job, ids, 2);
	check_ok(store_delivery_failed(t->store, ids[1], &end, &last));
	id = one_delivery(t, "b", &other);
	close_store(t);
	tamper(t, "UPDATE job SET state = 'stored', resume = NULL, code = '', text = '' "
	          "WHERE state = 'held'; DELETE FROM tally WHERE state = 'held'; "
	          "UPDATE tally SET jobs = 2 WHERE state = 'stored'");
	for (int again = 0; again < 2; again++) {
		tamper(t, migrations_embedded().texts[HELD_STEP]);
		open_store(t);
		check_state(t, job, JOB_HELD);
		check_state(t, other, JOB_STORED);
		assert_string_equal(look(t, job).text, "bank:/inbox: connect bank: refused");
		assert_int_equal(count_of(t, "r", JOB_HELD), 1);
		assert_int_equal(count_of(t, "r", JOB_STORED), 1);
		close_store(t);
	}
	open_store(t);
	check_ok(store_retry(t->store, job, NULL, 0, &last));
	assert_false(delivered(t, ids[0], true));
	assert_true(delivered(t, ids[1], true));
	assert_true(delivered(t, id, true));
}

/* ---- which ferryd it is -------------------------------------------------------------------- */

static void read_instance_of(struct scene *t, char out[32])
{
	open_store(t);
	(void)snprintf(out, 32, "%s", store_instance(t->store));
	close_store(t);
}

static void test_instance__is_the_databases_own(void **state)
{
	struct scene *t = *state;
	char first[32], again[32], other[32];

	read_instance_of(t, first);
	assert_int_equal(strlen(first), 8);
	read_instance_of(t, again);
	assert_string_equal(again, first);
	assert_int_equal(unlink(file_in(t, "ferryd.db")), 0);
	read_instance_of(t, other);
	assert_string_not_equal(other, first);
}

/* Version 7: what lies at destinations under an older ferryd's names is found again; when nothing
 * can, it has its word. */
static void test_instance__waits_for_open_deliveries_of_an_older_one(void **state)
{
	struct scene *t = *state;
	char name[32], again[32];
	int64_t job, id;

	open_store(t);
	id = one_delivery(t, "a", &job);
	close_store(t);
	tamper(t, "DROP TABLE instance; PRAGMA user_version = 6");
	read_instance_of(t, name);
	assert_string_equal(name, "");
	open_store(t);
	(void)delivered(t, id, true);
	close_store(t);
	read_instance_of(t, name);
	assert_int_equal(strlen(name), 8);
	read_instance_of(t, again);
	assert_string_equal(again, name);
}

static void test_instance__becomes_no_path(void **state)
{
	struct scene *t = *state;

	open_store(t);
	close_store(t);
	tamper(t, "UPDATE instance SET name = '../x'");
	check_open_fails(t, ERR_LOCAL, "STORE-CORRUPT");
	check_says("instance");
}

/* ---- damage -------------------------------------------------------------------------------- */

static void fill(struct scene *t)
{
	int64_t job, id;
	char path[64];

	for (int i = 0; i < 60; i++) {
		(void)snprintf(path, sizeof(path), "incoming/orders/file-%d.xml", i);
		id = one_delivery(t, path, &job);
		if (i % 3 == 0)
			(void)delivered(t, id, true);
	}
}

static void check_known_code(int r)
{
	if (r == 0)
		return;
	assert_true(r == ERR_LOCAL || r == ERR_BUG || r == ERR_BUSY || r == ERR_OBJECT ||
	            r == ERR_CANCELED || r == ERR_CONFIG);
	assert_memory_equal(last.code, "STORE-", 6);
}

/* Everything that reads or writes: any answer will do, as long as there is one. */
static void use_all_of_it(struct scene *t)
{
	struct store_filter all = {.state = -1, .limit = 100};
	static struct store_job_info page[100];
	static struct store_task tasks[100];
	struct store_file f = a_file("new");
	int64_t id, next;
	size_t n;

	check_known_code(store_jobs(t->store, &all, page, &n, &last));
	check_known_code(store_claim(t->store, "r", &f, 1, clock_wall_ms(), &id, &last));
	check_known_code(store_due(t->store, QUEUE_DELIVER, "r", "local:/srv/x", 0, tasks, 100, &n,
	                           &next, &last));
	check_known_code(
	        store_due(t->store, QUEUE_SETTLE, "r", NULL, 0, tasks, 100, &n, &next, &last));
	for (int64_t job = 1; job < 60; job += 7)
		check_known_code(store_cancel(t->store, job, &last));
	check_known_code(store_wake(t->store, "r", &last));
}

static void flip_and_open(struct scene *t, const char *name, uint32_t dice)
{
	size_t n;
	unsigned char *data = read_whole(file_in(t, name), &n);

	data[dice % n] ^= (unsigned char)(1u << (dice >> 28 & 7));
	write_file(file_in(t, name), data, n);
	free(data);
	check_known_code(store_open(t->dir, &t->store, &last));
	if (t->store)
		use_all_of_it(t);
	close_store(t);
}

/* dir/ferryd.db and, where there is one, its log as they were. */
struct copy {
	unsigned char *db, *wal;
	size_t db_bytes, wal_bytes;
};

static struct copy take_copy(struct scene *t)
{
	struct copy c = {0};

	c.db = read_whole(file_in(t, "ferryd.db"), &c.db_bytes);
	if (exists(t, "ferryd.db-wal"))
		c.wal = read_whole(file_in(t, "ferryd.db-wal"), &c.wal_bytes);
	return c;
}

static void put_copy(struct scene *t, const struct copy *c)
{
	remove_files(t->dir);
	write_file(file_in(t, "ferryd.db"), c->db, c->db_bytes);
	if (c->wal)
		write_file(file_in(t, "ferryd.db-wal"), c->wal, c->wal_bytes);
}

static void flip_a_hundred(struct scene *t, const char *name)
{
	struct copy c = take_copy(t);
	uint32_t dice = 4711;

	for (int i = 0; i < 100; i++) {
		dice = dice * 1664525u + 1013904223u; /* Numerical Recipes, 7.1 */
		put_copy(t, &c);
		flip_and_open(t, name, dice);
	}
	free(c.db);
	free(c.wal);
}

static void test_open__survives_a_flipped_bit_anywhere(void **state)
{
	struct scene *t = *state;

	open_store(t);
	fill(t);
	close_store(t);
	flip_a_hundred(t, "ferryd.db");
}

static void test_open__survives_a_flipped_bit_in_the_log(void **state)
{
	struct scene *t = *state;
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) { /* dies with a log that nobody folds back */
		if (store_open(t->dir, &t->store, &last) < 0)
			_exit(1);
		fill(t);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(exists(t, "ferryd.db-wal"));
	flip_a_hundred(t, "ferryd.db-wal");
}

static void test_open__survives_every_truncation_at_a_page(void **state)
{
	struct scene *t = *state;
	struct copy c;

	open_store(t);
	fill(t);
	close_store(t);
	c = take_copy(t);
	for (size_t n = 4096; n < c.db_bytes; n += 4096) {
		put_copy(t, &c);
		assert_int_equal(truncate(file_in(t, "ferryd.db"), (off_t)n), 0);
		check_open_fails(t, ERR_LOCAL, "STORE-CORRUPT");
	}
	free(c.db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_scene)
	const struct CMUnitTest tests[] = {
	        TEST(test_open__creates_a_private_file_once),
	        TEST(test_open__clears_what_a_crash_while_creating_left),
	        TEST(test_open__tells_how_to_make_the_directory),
	        TEST(test_open__says_who_must_own_the_directory),
	        TEST(test_open__refuses_a_file_it_may_only_read),
	        TEST(test_open__refuses_a_second_one_and_names_the_first),
	        TEST(test_open__does_not_mind_the_lock_file_of_a_dead_one),
	        TEST(test_open__keeps_every_other_program_out),
	        TEST(test_open__refuses_an_empty_file),
	        TEST(test_open__refuses_what_is_no_database),
	        TEST(test_open__refuses_the_database_of_another_program),
	        TEST(test_open__refuses_a_log_without_its_database),
	        TEST(test_open__refuses_a_directory_in_its_place),
	        TEST(test_open__refuses_a_newer_schema_with_both_numbers),
	        TEST(test_open__refuses_tables_changed_by_hand),
	        TEST(test_migrate__copies_before_it_changes),
	        TEST(test_migrate__undoes_a_step_that_fails),
	        TEST(test_migrate__holds_a_job_of_which_one_delivery_is_held),
	        TEST(test_instance__is_the_databases_own),
	        TEST(test_instance__waits_for_open_deliveries_of_an_older_one),
	        TEST(test_instance__becomes_no_path),
	        TEST(test_migrate__leaves_a_copy_that_an_older_ferryd_opens),
	        TEST(test_open__survives_a_flipped_bit_anywhere),
	        TEST(test_open__survives_a_flipped_bit_in_the_log),
	        TEST(test_open__survives_every_truncation_at_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
