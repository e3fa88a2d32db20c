/*
 * Watching: hints that something arrived, and who is still writing.
 */
#include <sys/inotify.h>
#include <sys/syscall.h>

#include "adapters/local/hub.h"
#include "adapters/local/writers.h"
#include "tests/unit/local_rig.h"

/* ---- the kernel's limits, when told to ----------------------------------------------------- */

static int instances_full, watches_left = -1;

int inotify_init1(int flags)
{
	if (instances_full) {
		errno = EMFILE;
		return -1;
	}
	return (int)syscall(SYS_inotify_init1, flags);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	if (watches_left == 0) {
		errno = ENOSPC;
		return -1;
	}
	watches_left -= watches_left > 0;
	return (int)syscall(SYS_inotify_add_watch, fd, path, mask);
}

/* ---- verbs --------------------------------------------------------------------------------- */

static int changes;

static void on_change(void *arg)
{
	(void)arg;
	changes++;
}

static void watch(struct connection *c, int depth)
{
	struct err e = {0};

	changes = 0;
	if (local->watch(c, depth, on_change, NULL, &e) < 0)
		(void)fprintf(stderr, "watch: %s\n", e.message);
	check(e.kind == 0);
}

/* A hint must come soon. */
static void await_change(void)
{
	int64_t until = clock_mono_ms() + 5000;
	struct err e;

	while (!changes) {
		check(clock_mono_ms() < until);
		check(fiber_sleep(1, "a hint", &e) == 0);
	}
	changes = 0;
}

/* Notices are read in order: once this file's arrival was told, those before it were handled. */
static void await_handled(void)
{
	struct err e;

	check(fiber_sleep(WRITERS_NEWBORN_MS + 10, "notices to be read", &e) == 0);
}

static void body_arrivals(struct connection *c)
{
	watch(c, 0);
	drop_file("a", "hello");
	await_change();
	check(!local->is_busy(c, "a"));
	drop_file(".tmp", "hello");
	await_change();
	check(rename(at(".tmp"), at("b")) == 0);
	await_change();
	check(link(at("b"), at("c")) == 0);
	await_change();
	check(!local->is_busy(c, "c"));
}

static void test_watch__tells_of_closed_renamed_and_linked_files(void **state)
{
	(void)state;
	local_run(body_arrivals);
}

static void body_quiet(struct connection *c)
{
	int fd;

	drop_file("a", "hello");
	watch(c, 0);
	check(holds("a", "hello"));
	fd = open(at("b"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	check(fd >= 0 && write(fd, "x", 1) == 1);
	check(unlink(at("a")) == 0);
	await_handled();
	check(changes == 0);
	check(close(fd) == 0);
	await_change();
}

static void test_watch__reading_and_writing_tell_nothing(void **state)
{
	(void)state;
	local_run(body_quiet);
}

static void body_busy(struct connection *c)
{
	struct entry any = {.size = SIZE_UNKNOWN, .mtime_ms = MTIME_UNKNOWN};
	struct err e;
	int fd;

	watch(c, 0);
	fd = open(at("a"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	check(fd >= 0);
	await_handled();
	check(local->is_busy(c, "a") && local->is_busy(c, "/a"));
	check(local->claim(c, "a", ".ferryd-claim/1-a", &any, &e) < 0 &&
	      is_code(&e, ERR_BUSY, "LOCAL-WRITING"));
	check(write(fd, "hello", 5) == 5);
	check(rename(at("a"), at("b")) == 0); /* while it is open */
	await_handled();
	check(!local->is_busy(c, "a") && local->is_busy(c, "b"));
	check(close(fd) == 0);
	await_change();
	check(!local->is_busy(c, "b"));
	check(local->claim(c, "b", ".ferryd-claim/1-b", &any, &e) == 0);
}

static void test_watch__knows_who_is_writing(void **state)
{
	(void)state;
	local_run(body_busy);
}

static void body_append(struct connection *c)
{
	int fd;

	drop_file("a", "hello");
	watch(c, 0);
	fd = open(at("a"), O_WRONLY | O_APPEND | O_CLOEXEC);
	check(fd >= 0 && write(fd, "x", 1) == 1);
	await_handled();
	check(local->is_busy(c, "a"));
	check(unlink(at("a")) == 0);
	await_handled();
	check(!local->is_busy(c, "a"));
	check(close(fd) == 0);
}

static void test_watch__an_appended_file_is_busy_until_it_goes(void **state)
{
	(void)state;
	local_run(body_append);
}

static void body_depth(struct connection *c)
{
	int fd;

	check(mkdir(at("d"), 0700) == 0);
	watch(c, 2);
	drop_file("d/a", "x");
	await_change();
	check(mkdir(at("d/e"), 0700) == 0);
	await_change();
	drop_file("d/e/a", "x");
	await_change();
	check(mkdir(at("d/e/f"), 0700) == 0);
	await_handled();
	changes = 0;
	drop_file("d/e/f/a", "x"); /* below the depth */
	await_handled();
	check(changes == 0);
	fd = open(at("d/e/b"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	await_handled();
	check(fd >= 0 && local->is_busy(c, "d/e/b") && !local->is_busy(c, "d/b"));
	check(close(fd) == 0);
}

static void test_watch__follows_new_directories_to_its_depth(void **state)
{
	(void)state;
	local_run(body_depth);
}

static void body_moved_dir(struct connection *c)
{
	check(mkdir(at("d"), 0700) == 0 && mkdir(at("d/e"), 0700) == 0);
	watch(c, 3);
	check(rename(at("d"), at("moved")) == 0);
	await_change();
	await_handled();
	changes = 0;
	drop_file("moved/e/a", "x");
	await_change();
}

static void test_watch__follows_a_directory_that_is_renamed(void **state)
{
	(void)state;
	local_run(body_moved_dir);
}

static void body_claim_dir(struct connection *c)
{
	check(mkdir(at(".ferryd-claim"), 0700) == 0);
	watch(c, 3);
	drop_file(".ferryd-claim/1-a", "x");
	await_handled();
	check(changes == 0);
}

static void test_watch__leaves_the_claim_folder_out(void **state)
{
	(void)state;
	local_run(body_claim_dir);
}

static void body_root_gone(struct connection *c)
{
	watch(c, 1);
	check(rename(local_dir, "/tmp/test_local.moved") == 0);
	await_change();
	check(!local->is_alive(c));
	check(rename("/tmp/test_local.moved", local_dir) == 0);
}

static void test_watch__a_root_that_moves_away_ends_the_connection(void **state)
{
	(void)state;
	local_run(body_root_gone);
}

static void body_two(struct connection *c)
{
	struct connection *other;
	struct err e;

	watch(c, 1);
	check(local->connect(&local_settings, NULL, &other, &e) == 0);
	check(local->watch(other, 0, on_change, NULL, &e) == 0);
	drop_file("a", "x");
	await_change();
	local->close(other);
	await_handled();
	changes = 0;
	drop_file("b", "x");
	await_change();
	check(hub_here());
}

static void test_watch__two_watches_of_one_directory_live_apart(void **state)
{
	(void)state;
	local_run(body_two);
	assert_null(hub_here());
}

static void body_stop(struct worker *w)
{
	struct connection *c;
	struct err e;

	check(local->connect(&local_settings, NULL, &c, &e) == 0);
	watch(c, 1);
	worker_stop(w);
	(void)fiber_yield(&e); /* the hub's fiber ends */
	check(!local->is_busy(c, "a"));
	local->close(c);
}

static void test_watch__ends_when_the_worker_stops(void **state)
{
	(void)state;
	rig_run(body_stop);
}

static void body_limits(struct connection *c)
{
	check(mkdir(at("d"), 0700) == 0);
	instances_full = 1;
	watch(c, 1); /* a warning, rescans do the work */
	instances_full = 0;
	check(!hub_here());
	watches_left = 0;
	watch(c, 1);
	check(!hub_here());
	watches_left = 1;
	watch(c, 1);
	watches_left = -1;
	drop_file("a", "x");
	await_change();
	check(local->is_alive(c));
}

static void test_watch__does_with_what_the_kernel_allows(void **state)
{
	(void)state;
	local_run(body_limits);
}

/* More notices than the kernel keeps while nobody reads them. */
static void body_overflow(struct connection *c)
{
	char a[80], b[80];
	int most = 0;
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");

	check(f && fscanf(f, "%d", &most) == 1 && fclose(f) == 0);
	watch(c, 0);
	drop_file("a", "x");
	check(close(open(at("stays"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) == 0);
	(void)snprintf(a, sizeof(a), "%s/a", local_dir);
	(void)snprintf(b, sizeof(b), "%s/b", local_dir);
	for (int i = 0; i < most / 2 + 10; i++)
		check(rename(i % 2 ? b : a, i % 2 ? a : b) == 0);
	drop_file("late", "x"); /* its notices are lost */
	await_change();
	check(!local->is_busy(c, "late") && !local->is_busy(c, "stays"));
	await_handled();
	changes = 0;
	drop_file("later", "x");
	await_change();
}

static void test_watch__survives_an_overflow(void **state)
{
	(void)state;
	local_run(body_overflow);
}

#define test(name) cmocka_unit_test_setup_teardown(name, local_setup, local_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        test(test_watch__tells_of_closed_renamed_and_linked_files),
	        test(test_watch__reading_and_writing_tell_nothing),
	        test(test_watch__knows_who_is_writing),
	        test(test_watch__an_appended_file_is_busy_until_it_goes),
	        test(test_watch__follows_new_directories_to_its_depth),
	        test(test_watch__follows_a_directory_that_is_renamed),
	        test(test_watch__leaves_the_claim_folder_out),
	        test(test_watch__a_root_that_moves_away_ends_the_connection),
	        test(test_watch__two_watches_of_one_directory_live_apart),
	        test(test_watch__ends_when_the_worker_stops),
	        test(test_watch__does_with_what_the_kernel_allows),
	        test(test_watch__survives_an_overflow),
	};

	work_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
