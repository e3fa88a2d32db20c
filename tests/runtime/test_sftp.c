/* The SFTP client against OpenSSH's own server. */
#include "adapters/sftp/files.h"
#include "daemon/base/mem.h"
#include "tests/runtime/sftp_rig.h"

static char root[64];

/* ---- verbs --------------------------------------------------------------------------------- */

static void in_root(char out[256], const char *name)
{
	check(snprintf(out, 256, "%s/%s", root, name) < 256);
}

static void write_file(const char *name, const void *data, size_t n)
{
	char path[256];
	int fd;

	in_root(path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	check(fd >= 0 && write(fd, data, n) == (ssize_t)n);
	close(fd);
}

static uint64_t file_size(const char *name)
{
	char path[256];
	struct stat st;

	in_root(path, name);
	return stat(path, &st) < 0 ? SIZE_UNKNOWN : (uint64_t)st.st_size;
}

static void make_dir(const char *name)
{
	char path[256];

	in_root(path, name);
	check(mkdir(path, 0755) == 0);
}

/* A sink and a source that know what byte belongs where. */
struct tally {
	uint64_t seen, size;
	bool is_wrong;
	size_t most; /* bytes per read of the source, 0 = what is asked for */
};

static unsigned char pattern(uint64_t offset)
{
	return (unsigned char)(offset * 7 + (offset >> 12));
}

static int count_in(void *arg, const void *data, size_t n, struct err *e)
{
	struct tally *t = arg;
	const unsigned char *p = data;

	(void)e;
	for (size_t i = 0; i < n; i += 509)
		t->is_wrong |= p[i] != pattern(t->seen + i);
	t->seen += n;
	return 0;
}

static int64_t count_out(void *arg, void *data, size_t room, struct err *e)
{
	struct tally *t = arg;
	unsigned char *p = data;
	size_t n = room;

	(void)e;
	if (n > t->size - t->seen)
		n = t->size - t->seen;
	if (t->most && n > t->most)
		n = t->most;
	for (size_t i = 0; i < n; i++)
		p[i] = pattern(t->seen + i);
	t->seen += n;
	return (int64_t)n;
}

static int get(struct sftp_client *c, const char *path, struct tally *t, uint64_t size,
               struct err *e)
{
	struct get_options o = {.sink = {count_in, t},
	                        .expect_size = size,
	                        .expect_mtime_ms = MTIME_UNKNOWN,
	                        .max_size = UINT64_MAX / 2};

	return sftp_get(c, path, &o, e);
}

static int put(struct sftp_client *c, const char *path, struct tally *t, struct err *e)
{
	struct put_options o = {.source = {count_out, t, t->size}, .mode = 0640, .durable = false};
	enum verification level = VERIFIED_NONE;
	int r = sftp_put(c, path, &o, &level, e);

	check(r < 0 || level == VERIFIED_SIZE);
	return r;
}

static void check_err(const struct err *e, int kind, const char *code, const char *words)
{
	if (e->kind == kind && strcmp(e->code, code) == 0 && strstr(e->message, words))
		return;
	(void)fprintf(stderr, "got %s %s \"%s\", want %s \"%s\"\n", err_kind_name(e->kind), e->code,
	              e->message, code, words);
	abort();
}

static int count_entry(const struct entry *entry, void *arg, struct err *e)
{
	(void)e;
	check(entry->size != SIZE_UNKNOWN && entry->mtime_ms != MTIME_UNKNOWN);
	check(strlen(entry->name) == entry->name_bytes);
	++*(size_t *)arg;
	return 0;
}

static const struct list_limits plenty = {100000, 64 << 20};

static size_t count_names(struct sftp_client *c, const char *path)
{
	size_t n = 0;
	struct err e;

	check(sftp_list(c, path, &plenty, count_entry, &n, &e) == 0);
	return n;
}

/* ---- every operation ----------------------------------------------------------------------- */

static void body_operations(struct worker *w)
{
	struct sftp_peer peer;
	struct sftp_client *c = peer_start(&peer, root);
	struct entry entry;
	struct err e;

	(void)w;
	check(sftp_ping(c, &e) == 0);
	check(sftp_mkdir(c, "a/b/c", &e) == 0);
	check(sftp_mkdir(c, "a/b/c/", &e) == 0);
	check(sftp_mkdir(c, "/", &e) == 0);
	for (uint64_t size = 0; size < 700000; size = size * 3 + 1) {
		struct tally out = {.size = size}, in = {0}, blind = {0};

		check(put(c, "a/b/c/file", &out, &e) == 0);
		check(get(c, "a/b/c/file", &in, size, &e) == 0);
		check(get(c, "a/b/c/file", &blind, SIZE_UNKNOWN, &e) == 0);
		check(in.seen == size && blind.seen == size && !in.is_wrong && !blind.is_wrong);
	}
	check(sftp_stat(c, "a/b/c", &entry, &e) == 0 && entry.type == ENTRY_DIR);
	check(sftp_rename(c, "a/b/c/file", "a/x", RENAME_FAIL_IF_EXISTS, &e) == 0);
	check(sftp_stat(c, "a/x", &entry, &e) == 0 && entry.type == ENTRY_FILE);
	write_file("a/y", "y", 1);
	check(sftp_rename(c, "a/x", "a/y", RENAME_REPLACE, &e) == 0);
	check(file_size("a/y") != 1 && file_size("a/x") == SIZE_UNKNOWN);
	check(count_names(c, "a") == 2 && count_names(c, "a/b/c") == 0);
	check(sftp_remove(c, "a/y", &e) == 0);
	check(sftp_client_in_flight(c) == 0);
	peer_stop(&peer, c);
}

static void test_sftp__does_every_operation(void **state)
{
	(void)state;
	rig_run(body_operations);
}

static void body_errors(struct worker *w)
{
	static const char missing[] = "No such file (SSH_FX_NO_SUCH_FILE 2)";
	struct sftp_peer peer;
	struct sftp_client *c = peer_start(&peer, root);
	struct tally t = {0}, ten = {.size = 10};
	struct entry entry;
	size_t n = 0;
	struct err e;

	(void)w;
	make_dir("dir");
	write_file("one", "1", 1);
	write_file("two", "22", 2);
	check(get(c, "no\nne", &t, 1, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", "open no\\x0ane: the server says: ");
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", missing);
	check(get(c, "dir", &t, SIZE_UNKNOWN, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-NOT-DIR", "it is a directory");
	check(get(c, "two", &t, 3, &e) < 0);
	check_err(&e, ERR_INTEGRITY, "DATA-SHORT", "read two: the file ends before the 3 bytes");
	check(get(c, "two", &t, 1, &e) < 0);
	check_err(&e, ERR_INTEGRITY, "DATA-LONG", "longer than the 1 bytes");
	check(put(c, "none/x", &ten, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", "the directory it belongs into does not exist");
	check(put(c, "dir", &ten, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-NOT-DIR", "create dir");
	check(sftp_list(c, "none", &plenty, count_entry, &n, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", "list none");
	check(sftp_list(c, "one", &plenty, count_entry, &n, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-NOT-DIR", "it is not a directory");
	check(sftp_stat(c, "none", &entry, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", "look at none");
	check(sftp_remove(c, "none", &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", "remove none");
	check(sftp_remove(c, "dir", &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-NOT-DIR", "it is a directory");
	check(sftp_rename(c, "one", "two", RENAME_FAIL_IF_EXISTS, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-EXISTS", "rename to two: the name is taken");
	check(sftp_rename(c, "none", "three", RENAME_FAIL_IF_EXISTS, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", "rename none");
	check(sftp_rename(c, "none", "three", RENAME_REPLACE, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", "rename none");
	check(sftp_mkdir(c, "one/two", &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-NOT-DIR", "a file of this name is there");
	check(file_size("one") == 1 && file_size("two") == 2);
	check(sftp_client_is_alive(c) && sftp_ping(c, &e) == 0);
	check(sftp_client_in_flight(c) == 0);
	peer_stop(&peer, c);
}

static void test_sftp__says_what_went_wrong(void **state)
{
	(void)state;
	rig_run(body_errors);
}

static void body_denied(struct worker *w)
{
	static const char *const read_only[] = {"-R", NULL};
	struct sftp_peer peer;
	struct sftp_client *c = peer_start_with(&peer, root, read_only);
	struct tally ten = {.size = 10};
	struct err e;

	(void)w;
	check(put(c, "new", &ten, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-DENIED", "(SSH_FX_PERMISSION_DENIED 3)");
	check(sftp_remove(c, "one", &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-DENIED", "Permission denied");
	check(sftp_mkdir(c, "newdir", &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-DENIED", "make directory newdir");
	check(sftp_mkdir(c, "dir", &e) == 0);
	peer_stop(&peer, c);
}

static void test_sftp__knows_refused_from_missing(void **state)
{
	(void)state;
	rig_run(body_denied);
}

/* Without posix-rename, and without what tells OpenSSH from others. */
static void body_plain_rename(struct worker *w)
{
	static const char *const old[] = {"-P", "posix-rename,limits,fsync,statvfs", NULL};
	struct sftp_peer peer;
	struct sftp_client *c = peer_start_with(&peer, root, old);
	struct err e;

	(void)w;
	sftp_client_drop_extension(c, SFTP_EXT_POSIX_RENAME);
	sftp_client_drop_extension(c, SFTP_EXT_LSETSTAT);
	write_file("from", "new", 3);
	write_file("to", "older", 5);
	check(sftp_rename(c, "from", "to", RENAME_FAIL_IF_EXISTS, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-EXISTS", "the name is taken");
	check(file_size("to") == 5);
	check(sftp_rename(c, "none", "to", RENAME_REPLACE, &e) < 0);
	check(file_size("to") == 5);
	check(sftp_rename(c, "from", "to", RENAME_REPLACE, &e) == 0);
	check(file_size("to") == 3 && file_size("from") == SIZE_UNKNOWN);
	peer_stop(&peer, c);
}

static void test_sftp__replaces_without_posix_rename(void **state)
{
	(void)state;
	rig_run(body_plain_rename);
}

/* ---- changed files ------------------------------------------------------------------------- */

static void body_changed(struct worker *w)
{
	struct sftp_peer peer;
	struct sftp_client *c = peer_start(&peer, root);
	struct tally t = {0};
	struct get_options o = {.sink = {count_in, &t}, .expect_size = 3, .max_size = 100};
	struct entry entry;
	struct err e;

	(void)w;
	write_file("changed", "abc", 3);
	check(sftp_stat(c, "changed", &entry, &e) == 0);
	o.expect_mtime_ms = entry.mtime_ms;
	check(sftp_get(c, "changed", &o, &e) == 0);
	o.expect_mtime_ms -= 1000;
	check(sftp_get(c, "changed", &o, &e) < 0);
	check_err(&e, ERR_INTEGRITY, "DATA-CHANGED", "its time is");
	o.max_size = 2;
	check(sftp_get(c, "changed", &o, &e) < 0);
	check_err(&e, ERR_POLICY, "FILE-TOO-LARGE", "larger than the 2 bytes");
	o.expect_size = SIZE_UNKNOWN;
	check(sftp_get(c, "changed", &o, &e) < 0);
	check_err(&e, ERR_POLICY, "FILE-TOO-LARGE", "larger than the 2 bytes");
	peer_stop(&peer, c);
}

static void test_sftp__notices_a_changed_file(void **state)
{
	(void)state;
	rig_run(body_changed);
}

/* ---- many, large --------------------------------------------------------------------------- */

enum { FILES = 10000, FIBERS = 64, SMALL = 4096 };

struct crowd {
	struct sftp_client *client;
	int next;
	uint64_t bytes;
};

static void fetch_some(void *arg)
{
	struct crowd *crowd = arg;

	while (crowd->next < FILES) {
		struct tally t = {0};
		char name[32];
		struct err e;

		(void)snprintf(name, sizeof(name), "small/%05d", crowd->next++);
		check(get(crowd->client, name, &t, SMALL, &e) == 0);
		check(!t.is_wrong);
		crowd->bytes += t.seen;
	}
}

static void body_small(struct worker *w)
{
	unsigned char data[SMALL];
	struct sftp_peer peer;
	struct crowd crowd = {0};
	struct group g;
	int64_t began;

	for (size_t i = 0; i < SMALL; i++)
		data[i] = pattern(i);
	make_dir("small");
	for (int i = 0; i < FILES; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "small/%05d", i);
		write_file(name, data, SMALL);
	}
	crowd.client = peer_start(&peer, root);
	began = clock_mono_ms();
	group_init(&g, w);
	for (int i = 0; i < FIBERS; i++)
		group_start(&g, "fetch", fetch_some, &crowd);
	group_wait(&g, "all small files");
	(void)fprintf(stderr, "%d small files in %lld ms\n", FILES,
	              (long long)(clock_mono_ms() - began));
	check(crowd.bytes == (uint64_t)FILES * SMALL);
	check(count_names(crowd.client, "small") == FILES);
	rig_turns(3); /* the last CLOSEs are not waited for */
	peer_stop(&peer, crowd.client);
}

static void test_sftp__fetches_10000_small_files_with_64_fibers(void **state)
{
	(void)state;
	rig_run(body_small);
}

static void body_large(struct worker *w)
{
	const uint64_t size = 256 << 20;
	struct tally out = {.size = size, .most = 100000}, in = {0};
	struct sftp_peer peer;
	struct sftp_client *c = peer_start(&peer, root);
	int64_t began = clock_mono_ms(), halfway;
	struct err e;

	(void)w;
	check(put(c, "large", &out, &e) == 0);
	halfway = clock_mono_ms();
	check(file_size("large") == size);
	check(get(c, "large", &in, size, &e) == 0);
	check(in.seen == size && !in.is_wrong);
	(void)fprintf(stderr, "256 MiB: put %lld ms, get %lld ms\n", (long long)(halfway - began),
	              (long long)(clock_mono_ms() - halfway));
	check(sftp_remove(c, "large", &e) == 0);
	peer_stop(&peer, c);
}

static void test_sftp__moves_256_mib_both_ways(void **state)
{
	(void)state;
	rig_run(body_large);
}

/* ---- lanes --------------------------------------------------------------------------------- */

struct family {
	struct sftp_peer peer[SFTP_SIBLINGS];
	struct sftp_client *client[SFTP_SIBLINGS];
	size_t allowed;
	const char *const *arguments;
	bool is_fatal; /* each sibling's server dies as soon as it is asked for */
};

static struct sftp_client *give_sibling(void *arg, size_t i)
{
	struct family *f = arg;

	if (i >= f->allowed)
		return NULL;
	if (!f->client[i])
		f->client[i] = peer_start_with(&f->peer[i], root, f->arguments);
	if (f->is_fatal && i == 1)
		check(kill(f->peer[0].pid, SIGKILL) == 0);
	return f->client[i];
}

static int put_with(struct family *f, struct err *e)
{
	struct sftp_settings settings = peer_settings();
	struct tally out = {.size = 24 << 20, .most = 50000}, in = {0};
	struct sftp_peer peer;
	struct sftp_client *c;
	int r;

	settings.sibling = give_sibling;
	settings.sibling_arg = f;
	peer_spawn(&peer, root, NULL);
	c = peer_open(&peer, &settings);
	r = put(c, "lanes", &out, e);
	if (r == 0)
		check(get(c, "lanes", &in, out.size, e) == 0 && !in.is_wrong);
	for (size_t i = 0; i < SFTP_SIBLINGS; i++) {
		if (f->client[i])
			peer_stop(&f->peer[i], f->client[i]);
	}
	peer_stop(&peer, c);
	return r;
}

static void body_lanes(struct worker *w)
{
	static const char *const read_only[] = {"-R", NULL};
	struct family all = {.allowed = 3}, two = {.allowed = 1}, none = {.allowed = 0};
	struct family useless = {.allowed = 3, .arguments = read_only};
	struct family dying = {.allowed = 2, .is_fatal = true};
	struct err e;

	(void)w;
	check(put_with(&all, &e) == 0 && all.client[2]);
	check(put_with(&two, &e) == 0 && put_with(&none, &e) == 0);
	check(put_with(&useless, &e) == 0 && useless.client[0]);
	check(put_with(&dying, &e) == ERR_NETWORK);
}

static void test_sftp__deals_a_large_file_out_to_several_sessions(void **state)
{
	(void)state;
	rig_run(body_lanes);
}

/* ---- cancel -------------------------------------------------------------------------------- */

struct victim {
	struct sftp_client *client;
	struct fiber *fiber;
	int what;
	bool is_done;
};

static int do_something(struct victim *v, struct err *e)
{
	struct tally big = {.size = 3 << 20}, in = {0};
	size_t n = 0;

	switch (v->what) {
	case 0:
		return get(v->client, "cancel/big", &in, 3 << 20, e);
	case 1:
		return put(v->client, "cancel/out", &big, e);
	case 2:
		return sftp_list(v->client, "small", &plenty, count_entry, &n, e);
	case 3:
		return sftp_mkdir(v->client, "cancel/p/q/r", e);
	case 4:
		return get(v->client, "cancel/little", &in, 5, e);
	default:
		return sftp_rename(v->client, "cancel/none", "cancel/to", RENAME_FAIL_IF_EXISTS, e);
	}
}

static void suffer(void *arg)
{
	struct victim *v = arg;
	struct err e;
	int r = do_something(v, &e);

	check(r == 0 || r == ERR_CANCELED || r == ERR_OBJECT);
	v->is_done = true;
}

static int open_files(pid_t pid)
{
	char path[64];
	int n = 0;

	for (int fd = 3; fd < 64; fd++) {
		char target[256];
		ssize_t len;

		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		len = readlink(path, target, sizeof(target) - 1);
		if (len > 0 && memmem(target, (size_t)len, root, strlen(root)))
			n++;
	}
	return n;
}

/* Whatever the turn at which the cancel comes: the connection lives, nothing stays open. */
static void body_cancel(struct worker *w)
{
	struct sftp_peer peer;
	struct sftp_client *c;
	struct tally t = {.size = 3 << 20};
	struct err e;

	make_dir("cancel");
	write_file("cancel/little", "abcde", 5);
	c = peer_start(&peer, root);
	check(put(c, "cancel/big", &t, &e) == 0);
	for (int i = 0; i < 6 * 24; i++) {
		struct victim v = {.client = c, .what = i % 6};

		v.fiber = fiber_start(w, "victim", suffer, &v);
		rig_turns(1 + i / 6);
		if (!v.is_done)
			fiber_cancel(v.fiber);
		rig_await(&v.is_done);
		check(sftp_ping(c, &e) == 0);
	}
	for (int i = 0; i < 1000 && (sftp_client_in_flight(c) || open_files(peer.pid)); i++)
		check(fiber_sleep(2, "late answers", &e) == 0);
	check(sftp_client_in_flight(c) == 0);
	check(open_files(peer.pid) == 0);
	peer_stop(&peer, c);
}

static void test_sftp__survives_a_cancel_at_every_turn(void **state)
{
	(void)state;
	rig_run(body_cancel);
}

/* The server dies under load: everyone is told, at once. */
static void body_killed(struct worker *w)
{
	struct sftp_peer peer;
	struct sftp_client *c = peer_start(&peer, root);
	struct tally t = {0};
	struct err e;

	(void)w;
	check(kill(peer.pid, SIGKILL) == 0);
	check(get(c, "cancel/big", &t, 3 << 20, &e) == ERR_NETWORK);
	check_err(&e, ERR_NETWORK, e.code, "open cancel/big: ");
	check(!sftp_client_is_alive(c));
	check(sftp_ping(c, &e) == ERR_NETWORK);
	peer_stop(&peer, c);
}

static void test_sftp__reports_a_server_that_died(void **state)
{
	(void)state;
	rig_run(body_killed);
}

/* ---- wiring -------------------------------------------------------------------------------- */

static int make_root(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/ferryd-sftp-XXXXXX");
	(void)signal(SIGPIPE, SIG_IGN);
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		execl("/bin/rm", "rm", "-rf", root, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_sftp__does_every_operation),
	        cmocka_unit_test(test_sftp__says_what_went_wrong),
	        cmocka_unit_test(test_sftp__knows_refused_from_missing),
	        cmocka_unit_test(test_sftp__replaces_without_posix_rename),
	        cmocka_unit_test(test_sftp__notices_a_changed_file),
	        cmocka_unit_test(test_sftp__fetches_10000_small_files_with_64_fibers),
	        cmocka_unit_test(test_sftp__moves_256_mib_both_ways),
	        cmocka_unit_test(test_sftp__deals_a_large_file_out_to_several_sessions),
	        cmocka_unit_test(test_sftp__survives_a_cancel_at_every_turn),
	        cmocka_unit_test(test_sftp__reports_a_server_that_died),
	};

	if (access(SFTP_SERVER, X_OK) < 0) {
		(void)fprintf(stderr, "no %s here: nothing to test against\n", SFTP_SERVER);
		return 77;
	}
	return cmocka_run_group_tests(tests, make_root, remove_root);
}
