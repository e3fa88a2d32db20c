/*
 * A ferryd of one route and one worker, around partners in memory.
 *
 *	begin_world();				// out/f0 … at the source
 *	world.fail_at = 7;			// what shall go wrong
 *	setup(&d, &plan);			// a configuration, a state directory
 *	run(&d);				// one life: until all is done, or world.stop_at
 *	teardown(&d);
 *
 * The partners answer by loop turn: each operation yields before it does its work.
 */
#pragma once
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/command.h"
#include "adapters/names.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/route/recover.h"
#include "daemon/route/route.h"
#include "daemon/runtime/work.h"
#include "tests/runtime/rig.h"
#include "tests/unit/tree.h"

enum { FILES = 3, FILES_MAX = 64, CONTENT_BYTES = 64, STEPS_MAX = 400, PATIENCE_MS = 20000 };

/* ---- two partners in memory ---------------------------------------------------------------- */

struct fake_file {
	bool is_there;
	char path[300], content[CONTENT_BYTES];
	size_t size;
	int64_t mtime_ms;
	int appeared; /* under a final name: how often */
};

struct connection {
	const char *endpoint;
};

/* What the partners hold and what shall go wrong; worker thread only, but for the counters that
 * the test reads when the worker has ended. */
static struct world {
	struct fake_file files[FILES_MAX];
	int operations;  /* begun so far */
	int fail_at;     /* this one fails; 0 = none */
	int abort_at;    /* this one fails because somebody else gave the connection up */
	int lose_at;     /* this one is done, but its answer is lost */
	int stop_at;     /* at this one ferryd is stopped */
	int64_t live_ms; /* not until all is done, but so long and until all is stored; 0 = until
	                  * all is done */
	int crash_at; /* when this one is done, ferryd and what it has not yet written are gone */
	int doubled;  /* final names that appeared again */
	int source_looks; /* how often a settlement asked for a version */
	int arrived;      /* renames at `there` */
	int slow_get;     /* ms from the request to the first byte */
	bool in_pieces;   /* a get comes in two, and what has come is kept */
	uint64_t got;     /* bytes that gets brought */
	int cut_gets;     /* so many are cut between their pieces */
	void (*on_cut)(void);
	int wrong_hashes;            /* so many hashes are told that are not those of the file */
	int hashes;                  /* told; they are told at all when this is positive */
	uint64_t listed_identity;    /* of files in listings; stat knows none */
	bool ignores_offset;         /* every get begins at the start */
	int64_t listed_precision_ms; /* listings leave out the rest of a time */
	int64_t listed_shift_ms;     /* and are by so much in another zone */
	bool tells_mtime;            /* the exact time, to who asks */
	int asked_mtime, lists;      /* how often it was asked; begun listings of the source */
	int least_lists;             /* not over before so many */
	bool is_down;                /* the endpoint `there` does not answer */
	struct signal stopped;
	bool is_stopped;
	const char *dir; /* of the ferryd that lives */
	struct fake_file crashed[FILES_MAX];
	bool has_crashed;

	/* commands: how many ended well, for which file (by its last digit), how many shall fail */
	int befores, afters, early_afters, puts;
	bool ran_before[10], ran_after[10];
	int fail_befores, fail_afters;
	void (*on_before)(const char *path); /* what the command does to the file */
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
			*f = (struct fake_file){.is_there = true, .mtime_ms = 1000};
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

/* ---- a crash: what was on disk and at the partners in that moment, kept for the next life -- */

static char copy_from[96], copy_to[96];

static int copy_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	char to[256], bytes[4096];
	size_t n;
	FILE *in, *out;

	(void)st;
	(void)at;
	(void)snprintf(to, sizeof(to), "%s%s", copy_to, path + strlen(copy_from));
	if (type == FTW_D)
		return mkdir(to, 0700);
	in = fopen(path, "r");
	if (!in)
		return 0; /* removed meanwhile */
	out = fopen(to, "w");
	check(out);
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		check(fwrite(bytes, 1, n, out) == n);
	(void)fclose(in);
	return fclose(out);
}

static void copy_state(const char *from, const char *to)
{
	(void)snprintf(copy_from, sizeof(copy_from), "%s/%s", world.dir, from);
	(void)snprintf(copy_to, sizeof(copy_to), "%s/%s", world.dir, to);
	check(nftw(copy_from, copy_one, 8, FTW_PHYS) == 0);
}

static void stop_the_world(void)
{
	world.is_stopped = true;
	signal_raise(&world.stopped);
}

static void crash(void)
{
	copy_state("state", "crashed");
	memcpy(world.crashed, world.files, sizeof(world.files));
	world.has_crashed = true;
	stop_the_world();
}

/* What the dying ferryd still did has not happened. */
static void forget_what_came_after(void)
{
	char path[96];

	if (!world.has_crashed)
		return;
	(void)snprintf(path, sizeof(path), "%s/state", world.dir);
	check(tree_remove(path) == 0);
	copy_state("crashed", "state");
	(void)snprintf(path, sizeof(path), "%s/crashed", world.dir);
	check(tree_remove(path) == 0);
	memcpy(world.files, world.crashed, sizeof(world.files));
	world.has_crashed = false;
}

/* Every operation begins so: a turn of the loop, then perhaps its fault. */
static int begin(struct err *e)
{
	int n = ++world.operations;

	if (n == world.stop_at)
		stop_the_world();
	if (fiber_yield(e) < 0)
		return e->kind;
	if (n == world.abort_at)
		return err_set(e, ERR_CANCELED, "FAKE-ABORTED", 0, "the connection was closed");
	return n == world.fail_at ? lost(e) : 0;
}

static int end(int n, struct err *e)
{
	if (n == world.crash_at && !world.has_crashed)
		crash();
	return n == world.lose_at ? lost(e) : 0;
}

static int begin_at(const struct connection *c, struct err *e)
{
	int r = begin(e);

	return r == 0 && world.is_down && strcmp(c->endpoint, "there") == 0 ? lost(e) : r;
}

static int fake_connect(const struct endpoint_config *settings, struct trace *t,
                        struct connection **out, struct err *e)
{
	int r = begin(e);

	(void)t;
	if (r < 0)
		return r;
	if (world.is_down && strcmp(settings->name, "there") == 0)
		return lost(e);
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
	static const struct capabilities all = {.concurrent_operations = 64, .exact_mtime = true};

	(void)c;
	return &all;
}

static int fake_ping(struct connection *c, struct err *e)
{
	return begin_at(c, e);
}

static struct entry entry_of(const struct fake_file *f)
{
	const char *name = route_basename(f->path);

	return (struct entry){.name = name,
	                      .name_bytes = strlen(name),
	                      .type = ENTRY_FILE,
	                      .size = f->size,
	                      .mtime_ms = f->mtime_ms};
}

static void tell_less(struct entry *entry)
{
	int64_t precision_ms = world.listed_precision_ms;

	entry->mtime_ms += world.listed_shift_ms;
	if (precision_ms == TOLD_HOUR_MS)
		precision_ms = TOLD_MINUTE_MS;
	if (precision_ms)
		entry->mtime_ms -= entry->mtime_ms % precision_ms;
	entry->mtime_precision_ms = world.listed_precision_ms;
}

static int fake_mtime(struct connection *c, const char *path, int64_t *mtime_ms, struct err *e)
{
	const struct fake_file *f;
	int r = begin_at(c, e);

	world.asked_mtime++;
	if (r < 0)
		return r;
	f = find(path);
	if (!f || !world.tells_mtime)
		return 1;
	*mtime_ms = f->mtime_ms;
	return 0;
}

static int fake_list(struct connection *c, const char *path, const struct list_limits *limits,
                     list_fn *each, void *arg, struct err *e)
{
	int r = begin_at(c, e);

	(void)limits;
	world.lists++;
	for (int i = 0; r == 0 && i < FILES_MAX; i++) {
		const struct fake_file *f = &world.files[i];
		struct entry entry = entry_of(f);

		entry.identity = world.listed_identity;
		tell_less(&entry);
		if (f->is_there && strncmp(f->path, path, strlen(path)) == 0)
			r = each(&entry, arg, e);
	}
	return r;
}

static int fake_stat(struct connection *c, const char *path, struct entry *out, struct err *e)
{
	struct fake_file *f;
	int r = begin_at(c, e);

	if (r < 0)
		return r;
	world.source_looks += strcmp(c->endpoint, "here") == 0;
	f = find(path);
	if (!f)
		return missing(e);
	*out = entry_of(f);
	out->name = NULL;
	return 0;
}

/* In two pieces, the second of which may not come. */
static int give(struct connection *c, const struct fake_file *f, const struct get_options *o,
                struct err *e)
{
	uint64_t offset = world.ignores_offset ? 0 : o->offset;
	const char *data = f->content + offset;
	size_t n = f->size - offset, half = world.in_pieces ? n / 2 : n;
	int r = o->sink.write(o->sink.arg, data, half, e);

	world.got += half;
	if (r == 0 && half < n)
		r = begin_at(c, e);
	if (r == 0 && world.cut_gets > 0) {
		world.cut_gets--;
		world.on_cut();
		return lost(e);
	}
	if (r == 0 && o->offset > offset)
		return err_set(e, ERR_INTEGRITY, "DATA-LONG", 0, "longer than announced");
	if (r == 0 && half < n) {
		world.got += n - half;
		r = o->sink.write(o->sink.arg, data + half, n - half, e);
	}
	return r;
}

static int fake_get(struct connection *c, const char *path, const struct get_options *o,
                    struct err *e)
{
	int r = begin_at(c, e);
	const struct fake_file *f;

	for (int i = 0; r == 0 && i < world.slow_get; i++)
		r = fiber_sleep(1, "a slow server", e);
	f = find(path);
	if (r < 0)
		return r;
	if (!f)
		return missing(e);
	if (f->size < o->expect_size && o->expect_size != SIZE_UNKNOWN)
		return err_set(e, ERR_INTEGRITY, "DATA-SHORT", 0, "shorter than announced");
	if (f->size > o->expect_size)
		return err_set(e, ERR_INTEGRITY, "DATA-LONG", 0, "longer than announced");
	r = give(c, f, o, e);
	if (r == 0 && !told_agrees((struct told){f->mtime_ms, TOLD_SECOND_MS},
	                           (struct told){o->expect_mtime_ms, o->expect_precision_ms}))
		return err_set(e, ERR_INTEGRITY, "DATA-CHANGED", 0, "changed meanwhile");
	return r;
}

static int fake_put(struct connection *c, const char *path, const struct put_options *o,
                    enum verification *level, struct err *e)
{
	char content[CONTENT_BYTES];
	int r = begin_at(c, e), n = world.operations;
	struct fake_file *f;
	int64_t got;

	world.puts += r == 0;
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

/* In two pieces, each of which may be the last one that gets there. */
static int fake_append(struct connection *c, const char *path, const struct put_options *o,
                       enum verification *level, struct err *e)
{
	char content[CONTENT_BYTES];
	int64_t got = 0;
	size_t half = 0;
	int r = 0;

	for (int piece = 0; r == 0 && piece < 2; piece++) {
		struct fake_file *f;
		size_t n;

		r = begin_at(c, e);
		if (r == 0 && piece == 0)
			got = o->source.read(o->source.arg, content, sizeof(content), e);
		f = find(path);
		if (r < 0 || got < 0)
			return r < 0 ? r : (int)got;
		if (!f)
			return missing(e);
		if (piece == 0 && f->size != o->append_at)
			return err_set(e, ERR_INTEGRITY, "DATA-LONG", 0, "it has grown");
		n = piece == 0 ? (size_t)got / 2 : (size_t)got - half;
		check(f->size + n <= CONTENT_BYTES);
		memcpy(f->content + f->size, content + half, n);
		f->size += n;
		half = n;
		r = end(world.operations, e);
	}
	*level = VERIFIED_SIZE;
	return r;
}

static int fake_hash(struct connection *c, const char *path, struct server_hash *out, struct err *e)
{
	int r = begin_at(c, e);
	const struct fake_file *f = find(path);
	struct checksum sum;

	if (r < 0)
		return r;
	if (!f)
		return missing(e);
	if (world.hashes == 0)
		return err_set(e, ERR_OBJECT, "OBJ-NO-HASH", 0, "no hash");
	world.hashes++;
	out->kind = CHECKSUM_MD5;
	checksum_init(&sum, out->kind);
	checksum_update(&sum, f->content, f->size);
	(void)checksum_final(&sum, out->bytes);
	if (world.wrong_hashes > 0) {
		world.wrong_hashes--;
		out->bytes[3] ^= 1;
	}
	return 0;
}

static int fake_rename(struct connection *c, const char *from, const char *to,
                       enum rename_mode mode, struct err *e)
{
	int r = begin_at(c, e), n = world.operations;
	struct fake_file *f = find(from), *target = find(to);

	if (r < 0)
		return r;
	if (!f)
		return missing(e);
	if (target && mode == RENAME_FAIL_IF_EXISTS)
		return err_set(e, ERR_OBJECT, "OBJ-EXISTS", 0, "taken");
	if (target)
		target->is_there = false;
	(void)snprintf(f->path, sizeof(f->path), "%s", to);
	world.arrived += strcmp(c->endpoint, "there") == 0;
	if (f->appeared++)
		world.doubled++;
	return end(n, e);
}

static int fake_remove(struct connection *c, const char *path, struct err *e)
{
	int r = begin_at(c, e), n = world.operations;
	struct fake_file *f = find(path);

	if (r < 0)
		return r;
	if (!f)
		return missing(e);
	f->is_there = false;
	return end(n, e);
}

static int fake_mkdir(struct connection *c, const char *path, struct err *e)
{
	(void)path;
	return begin_at(c, e);
}

static int refuse_command(int *left, struct err *e)
{
	if (*left == 0)
		return 0;
	*left -= 1;
	return err_set(e, ERR_OBJECT, "EXEC-FAILED", 1, "the partner says no");
}

/* [before|after, path …] */
static int fake_execute(struct connection *c, const struct command *command,
                        struct command_result *result, struct err *e)
{
	int r = begin_at(c, e), n = world.operations;
	bool is_before = strcmp(command->words[0], "before") == 0;
	const char *path = command->words[1];
	int file = path[strlen(path) - 1] - '0';

	if (r == 0)
		r = refuse_command(is_before ? &world.fail_befores : &world.fail_afters, e);
	if (r < 0)
		return r;
	check(file >= 0 && file < 10);
	if (is_before && world.on_before)
		world.on_before(path);
	*(is_before ? &world.befores : &world.afters) += 1;
	(is_before ? world.ran_before : world.ran_after)[file] = true;
	world.early_afters += !is_before && !find(path);
	command_output_add(&result->out, "well\n", 5);
	return end(n, e);
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
        .mtime = fake_mtime,
        .get = fake_get,
        .put = fake_put,
        .append = fake_append,
        .hash = fake_hash,
        .rename = fake_rename,
        .remove = fake_remove,
        .mkdir = fake_mkdir,
        .execute = fake_execute,
};

/* These two replace adapters/registry.c in this program. */
const struct adapter *adapter_for(int protocol)
{
	return protocol == PROTOCOL_LOCAL ? &adapter_local : &fake;
}

struct endpoint *endpoint_new(const struct config *config, const struct endpoint_config *settings,
                              struct worker *w)
{
	return endpoint_new_with(config, settings, w, adapter_for((int)settings->protocol));
}

/* ---- a ferryd around them ------------------------------------------------------------------ */

/* What differs from test to test. FROM and TO stand for the route's two halves, DIR for the folder
 * that holds state, drop and dest. */
struct plan {
	const char *from, *to;
	bool may_hold;
	void (*meanwhile)(struct route *r); /* every few turns; NULL: nothing */
};

#define FROM_HERE "{endpoint: here, path: out, poll: 100ms, ready: {stable_for: 0s}, after: delete}"
#define FROM_KEPT "{endpoint: here, path: out, poll: 100ms, ready: {stable_for: 0s}}"
#define FROM_DROP "{path: DIR/drop, poll: 100ms, ready: {stable_for: 0s}, after: delete}"
#define TO_THERE  "{endpoint: there, path: in, retry: {first: 10ms, most: 10ms}}"
#define TO_REPLACING \
	"{endpoint: there, path: in, exists: replace, retry: {first: 10ms, most: 10ms}}"

__attribute__((unused)) static const struct plan usual = {.from = FROM_HERE, .to = TO_THERE};

static const char yaml[] =
        "version: 1\n"
        "daemon: {state_dir: DIR/state, socket: DIR/sock, min_free: {bytes: 1K, percent: 0}}\n"
        "trace: {dir: DIR, when: never}\n"
        "endpoints:\n"
        "  here: {protocol: sftp, host: a.example, user: u, auth: [{password: {value: x}}],\n"
        "         host_key: {check: off}}\n"
        "  there: {protocol: sftp, host: b.example, user: u, auth: [{password: {value: x}}],\n"
        "          host_key: {check: off}}\n"
        "routes:\n"
        "  r:\n"
        "    from: FROM\n"
        "    to: [TO]\n"
        "    retry: {first: 10ms, most: 10ms}\n"
        "  other:\n"
        "    from: FROM\n"
        "    to: [{endpoint: there, path: elsewhere}]\n";

struct ferryd {
	const struct plan *plan;
	const char *route; /* the one that lives; the others have lived or will */
	char dir[64], state[80];
	const struct config *config;
	struct store *store;
	struct shard shard;
	struct worker *main;
	int64_t done, held, canceled;
	void (*look)(struct ferryd *d); /* into the open store, before a life ends */
};

/* Writes `text` with its three words replaced. */
static void write_words(FILE *f, const struct ferryd *d, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "DFT");

		(void)fprintf(f, "%.*s", (int)n, text);
		text += n;
		if (strncmp(text, "DIR", 3) == 0)
			(void)fputs(d->dir, f), text += 3;
		else if (strncmp(text, "FROM", 4) == 0)
			write_words(f, d, d->plan->from), text += 4;
		else if (strncmp(text, "TO", 2) == 0)
			write_words(f, d, d->plan->to), text += 2;
		else if (*text)
			(void)fputc(*text++, f);
	}
}

/* Again: as a reload does. */
static void configure(struct ferryd *d, const struct plan *plan)
{
	struct config_report report;
	char file[96];
	FILE *f;

	d->plan = plan;
	(void)snprintf(file, sizeof(file), "%s/ferryd.yaml", d->dir);
	f = fopen(file, "w");
	assert_non_null(f);
	write_words(f, d, yaml);
	(void)fclose(f);
	config_unref(d->config);
	config_report_init(&report);
	d->config = config_load(file, NULL, &report);
	if (!d->config)
		fail_msg("%s", buf_text(&report.text));
	config_report_release(&report);
}

static void make_folder(const struct ferryd *d, const char *name)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/%s", d->dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void setup(struct ferryd *d, const struct plan *plan)
{
	*d = (struct ferryd){.route = "r", .dir = "/tmp/ferryd-route-XXXXXX"};
	assert_non_null(mkdtemp(d->dir));
	(void)snprintf(d->state, sizeof(d->state), "%s/state", d->dir);
	make_folder(d, "state");
	make_folder(d, "drop");
	make_folder(d, "dest");
	configure(d, plan);
}

static void teardown(struct ferryd *d)
{
	config_unref(d->config);
	assert_int_equal(tree_remove(d->dir), 0);
}

/* Commands that are still to be run. */
static bool calls_left(struct ferryd *d)
{
	struct store_task *tasks = mem_new_of(struct store_task);
	size_t n = 0;
	int64_t next;
	struct err e;

	check(store_due(d->store, QUEUE_CALL, "r", "there:in", INT64_MAX, tasks, 1, &n, &next,
	                &e) == 0);
	free(tasks);
	return n > 0;
}

static bool is_finished(struct ferryd *d)
{
	int64_t counts[JOB_STATE_COUNT];
	struct err e;

	check(store_counts(d->store, "r", counts, &e) == 0);
	d->done = counts[JOB_DONE];
	d->held = counts[JOB_HELD];
	d->canceled = counts[JOB_CANCELED];
	check(d->held == 0 || d->plan->may_hold);
	return d->done + d->held + d->canceled >= FILES && !calls_left(d) &&
	       counts[JOB_CLAIMED] + counts[JOB_STORED] + counts[JOB_DELIVERED] == 0;
}

static bool is_stored(struct ferryd *d)
{
	int64_t counts[JOB_STATE_COUNT];
	struct err e;

	check(store_counts(d->store, "r", counts, &e) == 0);
	return counts[JOB_STORED] == FILES;
}

static bool is_over(struct ferryd *d, int64_t began_ms)
{
	if (!world.live_ms)
		return world.lists >= world.least_lists && is_finished(d);
	return clock_mono_ms() >= began_ms + world.live_ms && is_stored(d);
}

/* From start to stopped: when all is done, or at the moment the world says. */
static void live(void *arg)
{
	struct ferryd *d = arg;
	int64_t began_ms = clock_mono_ms(), give_up_ms = began_ms + PATIENCE_MS;
	struct route *r = route_new(d->config, config_route(d->config, d->route), &d->shard, 1);
	struct err e;

	signal_init(&world.stopped);
	recover_spool(&d->shard);
	check(route_start(r, &e) == 0);
	while (!world.is_stopped) {
		if (d->plan->meanwhile)
			d->plan->meanwhile(r);
		if (is_over(d, began_ms))
			break;
		check(clock_mono_ms() < give_up_ms);
		(void)signal_wait(&world.stopped, "the end of the world", deadline_in(2), &e);
	}
	if (d->look)
		d->look(d);
	route_stop(r, deadline_in(0));
	route_free(r);
	worker_stop(d->main);
}

static void run(struct ferryd *d)
{
	struct err e;

	world.is_stopped = false;
	world.operations = world.lists = 0;
	world.dir = d->dir;
	assert_int_equal(store_open(d->state, &d->store, &e), 0);
	d->main = worker_new("test", &e);
	assert_non_null(d->main);
	assert_int_equal(shard_init(&d->shard, d->main, d->store, d->state, &e), 0);
	if (world.in_pieces)
		d->shard.spool.part_least = 1;
	(void)fiber_start(d->main, "life", live, d);
	worker_run(d->main);
	worker_free(d->main);
	shard_release(&d->shard);
	store_close(d->store);
	forget_what_came_after();
}

/* With the fault at its n-th operation, then another life that must finish what is left. False: that
 * moment never came. */
static inline bool live_through(struct ferryd *d, int *fault_at, int n)
{
	bool came;

	*fault_at = n;
	run(d);
	came = world.operations >= n;
	*fault_at = 0;
	run(d);
	return came;
}

/* At each of the operations of a life, of which there are so many at least. */
static inline void survives_everywhere(bool (*survives)(int *fault_at, int n), int *fault_at,
                                       int least)
{
	int n = 1;

	while (n < STEPS_MAX && survives(fault_at, n))
		n++;
	assert_in_range(n, least, STEPS_MAX - 1);
}

/* ---- what they hold ------------------------------------------------------------------------ */

static struct fake_file *put_file(const char *path, const char *content)
{
	struct fake_file *f = add(path);

	f->size = (size_t)snprintf(f->content, sizeof(f->content), "%s", content);
	return f;
}

static void begin_world(void)
{
	memset(&world, 0, sizeof(world));
	for (int i = 0; i < FILES; i++) {
		char path[32], content[32];

		(void)snprintf(path, sizeof(path), "out/f%d", i);
		(void)snprintf(content, sizeof(content), "content of %d", i);
		put_file(path, content);
	}
}

static inline int count_files(void)
{
	int there = 0;

	for (int i = 0; i < FILES_MAX; i++)
		there += world.files[i].is_there;
	return there;
}

static void check_file(const char *path, const char *content)
{
	const struct fake_file *f = find(path);

	if (!f)
		fail_msg("%s is missing", path);
	assert_int_equal(f->size, strlen(content));
	assert_memory_equal(f->content, content, f->size);
}

static inline void check_spool_is_empty(const struct ferryd *d)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/spool", d->state);
	assert_int_equal(rmdir(path), 0);
}

/* "content of 1" is at in/f1. */
static inline void check_arrived(int i)
{
	char path[32], content[32];

	(void)snprintf(path, sizeof(path), "in/f%d", i);
	(void)snprintf(content, sizeof(content), "content of %d", i);
	check_file(path, content);
}

/* Once; and nothing is left at the source, in the spool or under a temporary name. */
static inline void check_all_arrived(const struct ferryd *d)
{
	assert_int_equal(count_files(), FILES);
	assert_int_equal(world.doubled, 0);
	for (int i = 0; i < FILES; i++)
		check_arrived(i);
	check_spool_is_empty(d);
}

/* ---- a local source ------------------------------------------------------------------------ */

/* Nothing at the partners, the files in DIR/drop. */
static inline void begin_dropped_world(const struct ferryd *d)
{
	memset(&world, 0, sizeof(world));
	for (int i = 0; i < FILES; i++) {
		char path[128];
		FILE *f;

		(void)snprintf(path, sizeof(path), "%s/drop/f%d", d->dir, i);
		f = fopen(path, "w");
		assert_non_null(f);
		(void)fprintf(f, "content of %d", i);
		(void)fclose(f);
	}
}

static inline int count_dropped(const struct ferryd *d, const char *folder)
{
	char path[128];
	struct dirent *entry;
	int n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/drop/%s", d->dir, folder);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		n += entry->d_type == DT_REG;
	if (dir)
		(void)closedir(dir);
	return n;
}
