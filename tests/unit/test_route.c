/*
 * A whole route against fake partners: every operation of a partner fails once, and every one is
 * the moment at which ferryd is stopped. Nothing may be lost, doubled, left half or left over.
 *
 * The partners answer by loop turn: each operation yields before it does its work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/names.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/route/recover.h"
#include "daemon/route/route.h"
#include "daemon/runtime/work.h"

enum { FILES = 3, FILES_MAX = 16, CONTENT_BYTES = 64, STEPS_MAX = 400, PATIENCE_MS = 20000 };

/* cmocka's assertions jump and must not be used on a fiber's stack. */
#define check(what)                                                                            \
	do {                                                                                   \
		if (!(what)) {                                                                 \
			(void)fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, \
			              #what);                                                  \
			abort();                                                               \
		}                                                                              \
	} while (0)

/* ---- two partners in memory -------------------------------------------------------------------
 */

struct fake_file {
	bool is_there;
	char path[300], content[CONTENT_BYTES];
	size_t size;
	int appeared; /* under a final name: how often */
};

struct connection {
	const char *endpoint;
};

/* What the partners hold and what shall go wrong; worker thread only, but for the counters that
 * the test reads when the worker has ended. */
static struct world {
	struct fake_file files[FILES_MAX];
	int operations; /* begun so far */
	int fail_at;    /* this one fails; 0 = none */
	int lose_at;    /* this one is done, but its answer is lost */
	int stop_at;    /* at this one ferryd is stopped */
	int doubled;    /* final names that appeared again */
	struct signal stopped;
	bool is_stopped;
} world;

static struct fake_file *find(const char *path)
{
	for (int i = 0; i < FILES_MAX; i++)
		if (world.files[i].is_there && strcmp(world.files[i].path, path) == 0)
			return &world.files[i];
	return NULL;
}

static struct fake_file *add(const char *path)
{
	struct fake_file *f = find(path);

	for (int i = 0; !f && i < FILES_MAX; i++)
		if (!world.files[i].is_there) {
			f = &world.files[i];
			*f = (struct fake_file){.is_there = true};
		}
	check(f);
	(void)snprintf(f->path, sizeof(f->path), "%s", path);
	f->size = 0;
	return f;
}

static int lost(struct err *e)
{
	return err_set(e, ERR_NETWORK, "FAKE-LOST", 0, "the connection is lost");
}

static int missing(struct err *e)
{
	return err_set(e, ERR_OBJECT, "OBJ-MISSING", 0, "no such file");
}

/* Every operation begins so: a turn of the loop, then perhaps its fault. */
static int begin(struct err *e)
{
	int n = ++world.operations;

	if (n == world.stop_at) {
		world.is_stopped = true;
		signal_raise(&world.stopped);
	}
	if (fiber_yield(e) < 0)
		return e->kind;
	return n == world.fail_at ? lost(e) : 0;
}

static int end(int n, struct err *e)
{
	return n == world.lose_at ? lost(e) : 0;
}

static int fake_connect(const struct endpoint_config *settings, struct trace *t,
                        struct connection **out, struct err *e)
{
	int r = begin(e);

	(void)t;
	if (r < 0)
		return r;
	*out = mem_new_of(struct connection);
	(*out)->endpoint = settings->name;
	return 0;
}

static void fake_close(struct connection *c)
{
	free(c);
}

static void fake_abort(struct connection *c)
{
	(void)c;
}

static bool fake_is_alive(const struct connection *c)
{
	return c != NULL;
}

static const struct capabilities *fake_capabilities(const struct connection *c)
{
	static const struct capabilities all = {.concurrent_operations = 64};

	(void)c;
	return &all;
}

static int fake_ping(struct connection *c, struct err *e)
{
	(void)c;
	return begin(e);
}

static struct entry entry_of(const struct fake_file *f)
{
	const char *name = route_basename(f->path);

	return (struct entry){.name = name,
	                      .name_bytes = strlen(name),
	                      .type = ENTRY_FILE,
	                      .size = f->size,
	                      .mtime_ms = 1000};
}

static int fake_list(struct connection *c, const char *path, const struct list_limits *limits,
                     list_fn *each, void *arg, struct err *e)
{
	int r = begin(e);

	(void)c;
	(void)limits;
	for (int i = 0; r == 0 && i < FILES_MAX; i++) {
		const struct fake_file *f = &world.files[i];
		struct entry entry = entry_of(f);

		if (f->is_there && strncmp(f->path, path, strlen(path)) == 0)
			r = each(&entry, arg, e);
	}
	return r;
}

static int fake_stat(struct connection *c, const char *path, struct entry *out, struct err *e)
{
	const struct fake_file *f;
	int r = begin(e);

	(void)c;
	if (r < 0)
		return r;
	f = find(path);
	if (!f)
		return missing(e);
	*out = entry_of(f);
	out->name = NULL;
	return 0;
}

static int fake_get(struct connection *c, const char *path, const struct get_options *o,
                    struct err *e)
{
	int r = begin(e);
	const struct fake_file *f = find(path);

	(void)c;
	if (r < 0)
		return r;
	return f ? o->sink.write(o->sink.arg, f->content, f->size, e) : missing(e);
}

static int fake_put(struct connection *c, const char *path, const struct put_options *o,
                    enum verification *level, struct err *e)
{
	char content[CONTENT_BYTES];
	int r = begin(e), n = world.operations;
	struct fake_file *f;
	int64_t got;

	(void)c;
	if (r < 0)
		return r;
	got = o->source.read(o->source.arg, content, sizeof(content), e);
	if (got < 0)
		return (int)got;
	f = add(path);
	memcpy(f->content, content, (size_t)got);
	f->size = (size_t)got;
	*level = VERIFIED_SIZE;
	return end(n, e);
}

static int fake_rename(struct connection *c, const char *from, const char *to,
                       enum rename_mode mode, struct err *e)
{
	int r = begin(e), n = world.operations;
	struct fake_file *f = find(from), *target = find(to);

	(void)c;
	if (r < 0)
		return r;
	if (!f)
		return missing(e);
	if (target && mode == RENAME_FAIL_IF_EXISTS)
		return err_set(e, ERR_OBJECT, "OBJ-EXISTS", 0, "taken");
	if (target)
		target->is_there = false;
	(void)snprintf(f->path, sizeof(f->path), "%s", to);
	if (f->appeared++)
		world.doubled++;
	return end(n, e);
}

static int fake_remove(struct connection *c, const char *path, struct err *e)
{
	int r = begin(e), n = world.operations;
	struct fake_file *f = find(path);

	(void)c;
	if (r < 0)
		return r;
	if (!f)
		return missing(e);
	f->is_there = false;
	return end(n, e);
}

static int fake_mkdir(struct connection *c, const char *path, struct err *e)
{
	(void)c;
	(void)path;
	return begin(e);
}

static const struct adapter fake = {
        .protocol = "fake",
        .connect = fake_connect,
        .close = fake_close,
        .abort = fake_abort,
        .is_alive = fake_is_alive,
        .capabilities = fake_capabilities,
        .ping = fake_ping,
        .list = fake_list,
        .stat = fake_stat,
        .get = fake_get,
        .put = fake_put,
        .rename = fake_rename,
        .remove = fake_remove,
        .mkdir = fake_mkdir,
};

/* These two replace adapters/registry.c in this program. */
const struct adapter *adapter_for(int protocol)
{
	(void)protocol;
	return &fake;
}

struct endpoint *endpoint_new(const struct config *config, const struct endpoint_config *settings,
                              struct worker *w)
{
	return endpoint_new_with(config, settings, w, &fake);
}

/* ---- a ferryd around them ---------------------------------------------------------------------
 */

static const char yaml[] =
        "version: 1\n"
        "daemon: {state_dir: STATE, socket: STATE/sock, min_free: {bytes: 1K, percent: 0}}\n"
        "trace: {dir: STATE, when: never}\n"
        "endpoints:\n"
        "  here: {protocol: sftp, host: a.example, user: u, auth: [{password: {value: x}}],\n"
        "         host_key: {check: off}}\n"
        "  there: {protocol: sftp, host: b.example, user: u, auth: [{password: {value: x}}],\n"
        "          host_key: {check: off}}\n"
        "routes:\n"
        "  r:\n"
        "    from: {endpoint: here, path: out, poll: 100ms, ready: {stable_for: 0s}, after: "
        "delete}\n"
        "    to: [{endpoint: there, path: in, retry: {first: 10ms, most: 10ms}}]\n"
        "    retry: {first: 10ms, most: 10ms}\n";

struct ferryd {
	char dir[64];
	const struct config *config;
	struct store *store;
	struct shard shard;
	struct worker *main;
	int64_t done;
};

static void write_config(const char *dir, const char *file)
{
	FILE *f = fopen(file, "w");
	const char *at = yaml, *next;

	assert_non_null(f);
	while ((next = strstr(at, "STATE"))) {
		(void)fprintf(f, "%.*s%s", (int)(next - at), at, dir);
		at = next + strlen("STATE");
	}
	(void)fputs(at, f);
	(void)fclose(f);
}

static void setup(struct ferryd *d)
{
	struct config_report report;
	char file[96];

	*d = (struct ferryd){.dir = "/tmp/ferryd-route-XXXXXX"};
	assert_non_null(mkdtemp(d->dir));
	(void)snprintf(file, sizeof(file), "%s/ferryd.yaml", d->dir);
	write_config(d->dir, file);
	config_report_init(&report);
	d->config = config_load(file, NULL, &report);
	if (!d->config)
		fail_msg("%s", buf_text(&report.text));
	config_report_release(&report);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void teardown(struct ferryd *d)
{
	config_unref(d->config);
	assert_int_equal(nftw(d->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static bool is_finished(struct ferryd *d)
{
	int64_t counts[JOB_STATE_COUNT];
	struct err e;

	check(store_counts(d->store, "r", counts, &e) == 0);
	check(counts[JOB_HELD] == 0 && counts[JOB_CLAIMED] + counts[JOB_STORED] <= FILES);
	d->done = counts[JOB_DONE];
	return d->done == FILES;
}

/* From start to stopped: when all is done, or at the moment the world says. */
static void live(void *arg)
{
	struct ferryd *d = arg;
	int64_t give_up_ms = clock_mono_ms() + PATIENCE_MS;
	struct route *r = route_new(d->config, config_route(d->config, "r"), &d->shard, 1);
	struct err e;

	signal_init(&world.stopped);
	recover_spool(&d->shard);
	check(route_start(r, &e) == 0);
	while (!world.is_stopped && !is_finished(d)) {
		check(clock_mono_ms() < give_up_ms);
		(void)signal_wait(&world.stopped, "the end of the world", deadline_in(2), &e);
	}
	route_stop(r, deadline_in(0));
	route_free(r);
	worker_stop(d->main);
}

static void run(struct ferryd *d)
{
	struct err e;

	world.is_stopped = false;
	world.operations = 0;
	assert_int_equal(store_open(d->dir, &d->store, &e), 0);
	d->main = worker_new("test", &e);
	assert_non_null(d->main);
	assert_int_equal(shard_init(&d->shard, d->main, d->store, d->dir, &e), 0);
	(void)fiber_start(d->main, "life", live, d);
	worker_run(d->main);
	worker_free(d->main);
	shard_release(&d->shard);
	store_close(d->store);
}

/* ---- what must hold ---------------------------------------------------------------------------
 */

static void begin_world(void)
{
	memset(&world, 0, sizeof(world));
	for (int i = 0; i < FILES; i++) {
		char path[32];
		struct fake_file *f;

		(void)snprintf(path, sizeof(path), "out/f%d", i);
		f = add(path);
		f->size = (size_t)snprintf(f->content, sizeof(f->content), "content of %d", i);
	}
}

static void check_world(const struct ferryd *d)
{
	char path[128], want[CONTENT_BYTES];
	int there = 0;

	for (int i = 0; i < FILES_MAX; i++)
		there += world.files[i].is_there;
	assert_int_equal(there, FILES); /* nothing left at the source, no temporary name */
	assert_int_equal(world.doubled, 0);
	for (int i = 0; i < FILES; i++) {
		const struct fake_file *f;

		(void)snprintf(path, sizeof(path), "in/f%d", i);
		(void)snprintf(want, sizeof(want), "content of %d", i);
		f = find(path);
		assert_non_null(f);
		assert_int_equal(f->size, strlen(want));
		assert_memory_equal(f->content, want, f->size);
	}
	(void)snprintf(path, sizeof(path), "%s/spool", d->dir);
	assert_int_equal(rmdir(path), 0); /* empty */
}

/* One life with the fault, then one that must finish what is left; then one that changes nothing.
 * False when the fault's moment never came. */
static bool survives(int fail_at, int lose_at, int stop_at)
{
	struct ferryd d;
	bool came;

	setup(&d);
	begin_world();
	world.fail_at = fail_at;
	world.lose_at = lose_at;
	world.stop_at = stop_at;
	run(&d);
	came = world.operations >= fail_at + lose_at + stop_at;
	world.fail_at = world.lose_at = world.stop_at = 0;
	run(&d);
	assert_int_equal(d.done, FILES);
	check_world(&d);
	run(&d);
	check_world(&d);
	teardown(&d);
	return came;
}

static void test_route__carries_files_and_settles_their_source(void **state)
{
	(void)state;
	assert_true(survives(0, 0, 0));
}

static void test_route__survives_every_operation_failing_once(void **state)
{
	int n = 1;

	(void)state;
	while (n < STEPS_MAX && survives(n, 0, 0))
		n++;
	assert_in_range(n, 15, STEPS_MAX - 1); /* at least five operations a file */
}

static void test_route__survives_every_answer_being_lost_once(void **state)
{
	int n = 1;

	(void)state;
	while (n < STEPS_MAX && survives(0, n, 0))
		n++;
	assert_in_range(n, 15, STEPS_MAX - 1);
}

static void test_route__survives_being_stopped_at_every_operation(void **state)
{
	int n = 1;

	(void)state;
	while (n < STEPS_MAX && survives(0, 0, n))
		n++;
	assert_in_range(n, 15, STEPS_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_route__carries_files_and_settles_their_source),
	        cmocka_unit_test(test_route__survives_every_operation_failing_once),
	        cmocka_unit_test(test_route__survives_every_answer_being_lost_once),
	        cmocka_unit_test(test_route__survives_being_stopped_at_every_operation),
	};

	work_setup();
	log_setup(LOG_LEVEL_ERROR, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
