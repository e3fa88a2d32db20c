/*
 * The local adapter's operations: list, stat, get, put, rename, remove, mkdir, adopt.
 */
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "adapters/local/beneath.h"
#include "daemon/base/mem.h"
#include "tests/unit/local_rig.h"

/* ---- flushes are counted, and fail when told to -------------------------------------------- */

static int flushes, flush_error;

static int flush(long number, int fd)
{
	__atomic_add_fetch(&flushes, 1, __ATOMIC_RELAXED);
	if (flush_error) {
		errno = flush_error;
		return -1;
	}
	return (int)syscall(number, fd);
}

int fsync(int fd)
{
	return flush(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return flush(SYS_fdatasync, fd);
}

int syncfs(int fd)
{
	return flush(SYS_syncfs, fd);
}

/* ---- a file system without RENAME_NOREPLACE, when told to ---------------------------------- */

static int lacks_noreplace;

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	if (lacks_noreplace && flags == RENAME_NOREPLACE) {
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

/* ---- verbs --------------------------------------------------------------------------------- */

struct memory {
	char *data;
	size_t n, room, pieces;
	const char *spoil; /* a file to append to at the first piece */
};

static int gather(void *arg, const void *data, size_t n, struct err *e)
{
	struct memory *m = arg;

	if (m->n + n > m->room)
		return err_set(e, ERR_BUG, "TEST-ROOM", 0, "more than expected");
	memcpy(m->data + m->n, data, n);
	m->n += n;
	if (m->spoil && m->pieces == 0) {
		int fd = open(at(m->spoil), O_WRONLY | O_APPEND | O_CLOEXEC);

		check(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
	}
	m->pieces++;
	return 0;
}

static int64_t supply(void *arg, void *data, size_t room, struct err *e)
{
	struct memory *m = arg;
	size_t n = m->room - m->n < room ? m->room - m->n : room;

	(void)e;
	if (n > 100000)
		n = 100000; /* sources may give less than asked for */
	memcpy(data, m->data + m->n, n);
	m->n += n;
	return (int64_t)n;
}

static struct get_options get_options(struct memory *m)
{
	return (struct get_options){
	        .sink = {gather, m},
	        .expect_size = SIZE_UNKNOWN,
	        .expect_mtime_ms = MTIME_UNKNOWN,
	        .max_size = 1 << 30,
	};
}

static int get(struct connection *c, const char *name, struct memory *m, struct err *e)
{
	struct get_options o = get_options(m);

	return local->get(c, name, &o, e);
}

static int put(struct connection *c, const char *name, struct memory *m, struct err *e)
{
	struct put_options o = {.source = {supply, m, m->room}, .mode = -1, .durable = true};
	enum verification level = VERIFIED_NONE;
	int r = local->put(c, name, &o, &level, e);

	check(r < 0 || level == VERIFIED_SIZE);
	return r;
}

static int put_text(struct connection *c, const char *name, const char *text, struct err *e)
{
	struct memory m = {.data = (char *)(uintptr_t)text, .room = strlen(text)};

	return put(c, name, &m, e);
}

static struct memory pattern(size_t n)
{
	struct memory m = {.data = mem_new(n), .room = n};

	for (size_t i = 0; i < n; i++)
		m.data[i] = (char)(i * 2654435761u >> 13);
	return m;
}

/* ---- list and stat ------------------------------------------------------------------------- */

struct seen {
	size_t files, dirs, links, others;
	struct entry a;
	int result;
};

static int see(const struct entry *entry, void *arg, struct err *e)
{
	struct seen *s = arg;

	check(strlen(entry->name) == entry->name_bytes);
	s->files += entry->type == ENTRY_FILE;
	s->dirs += entry->type == ENTRY_DIR;
	s->links += entry->type == ENTRY_LINK;
	s->others += entry->type == ENTRY_OTHER;
	if (strcmp(entry->name, "a") == 0)
		s->a = *entry;
	return s->result ? err_set(e, ERR_CANCELED, "STOP", 0, "enough") : 0;
}

static const struct list_limits wide = {.names = 1000000, .bytes = 1 << 30};

static void body_list(struct connection *c)
{
	struct seen s = {0};
	struct entry entry;
	struct stat st;
	struct err e;

	drop_file("a", "hello");
	check(mkdir(at("d"), 0700) == 0 && mkdir(at(".ferryd-claim"), 0700) == 0);
	check(symlink("a", at("l")) == 0 && mkfifo(at("p"), 0600) == 0);
	check(local->list(c, "", &wide, see, &s, &e) == 0);
	check(s.files == 1 && s.dirs == 1 && s.links == 1 && s.others == 1);
	check(stat(at("a"), &st) == 0);
	check(s.a.size == 5 && s.a.identity == st.st_ino);
	check(s.a.mtime_ms / 1000 == st.st_mtim.tv_sec);
	check(local->stat(c, "a", &entry, &e) == 0 && entry.mtime_ms == s.a.mtime_ms);
	check(local->stat(c, "l", &entry, &e) == 0 && entry.type == ENTRY_LINK);
	check(local->stat(c, "", &entry, &e) == 0 && entry.type == ENTRY_DIR);
	check(local->stat(c, "none", &entry, &e) < 0 && is_code(&e, ERR_OBJECT, "OBJ-MISSING"));
	check(local->list(c, "a", &wide, see, &s, &e) < 0 &&
	      is_code(&e, ERR_OBJECT, "OBJ-NOT-DIR"));
	check(local->list(c, "../", &wide, see, &s, &e) < 0 &&
	      is_code(&e, ERR_POLICY, "LOCAL-OUTSIDE"));
}

static void test_local__lists_every_kind(void **state)
{
	(void)state;
	local_run(body_list);
}

static void body_list_many(struct connection *c)
{
	const struct list_limits narrow = {.names = 2500, .bytes = 1 << 20};
	const struct list_limits exact = {.names = 2501, .bytes = 1 << 20};
	struct seen s = {0};
	char name[16];
	struct err e;

	for (int i = 0; i < 2501; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		check(close(open(at(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0);
	}
	check(local->list(c, "", &exact, see, &s, &e) == 0 && s.files == 2501);
	check(local->list(c, "", &narrow, see, &s, &e) < 0 &&
	      is_code(&e, ERR_POLICY, "LIST-TOO-LONG"));
	s.result = ERR_CANCELED;
	check(local->list(c, "", &wide, see, &s, &e) == ERR_CANCELED &&
	      is_code(&e, ERR_CANCELED, "STOP"));
}

static void test_local__lists_large_directories_in_batches(void **state)
{
	(void)state;
	local_run(body_list_many);
}

static void body_root_replaced(struct connection *c)
{
	struct seen s = {0};
	struct err e;

	check(rmdir(local_dir) == 0 && mkdir(local_dir, 0700) == 0);
	check(local->list(c, "", &wide, see, &s, &e) < 0 &&
	      is_code(&e, ERR_NETWORK, "LOCAL-ROOT-GONE"));
	check(!local->is_alive(c));
	check(local->ping(c, &e) < 0 && is_code(&e, ERR_NETWORK, "LOCAL-ROOT-GONE"));
}

static void test_local__notices_that_its_root_is_another(void **state)
{
	(void)state;
	local_run(body_root_replaced);
}

/* ---- get ----------------------------------------------------------------------------------- */

static void body_get(struct connection *c)
{
	char data[64];
	struct memory m = {.data = data, .room = sizeof(data)};
	struct err e;

	drop_file("a", "hello");
	check(get(c, "a", &m, &e) == 0 && m.n == 5 && memcmp(data, "hello", 5) == 0);
	drop_file("empty", "");
	m.n = 0;
	check(get(c, "/empty", &m, &e) == 0 && m.n == 0);
	check(get(c, "none", &m, &e) < 0 && is_code(&e, ERR_OBJECT, "OBJ-MISSING"));
	check(local->is_alive(c));
}

static void test_local__gets_a_file(void **state)
{
	(void)state;
	local_run(body_get);
}

static void body_get_expectations(struct connection *c)
{
	char data[64];
	struct memory m = {.data = data, .room = sizeof(data)};
	struct get_options o = get_options(&m);
	struct err e;

	drop_file("a", "hello");
	o.expect_size = 4;
	check(local->get(c, "a", &o, &e) < 0 && is_code(&e, ERR_INTEGRITY, "DATA-LONG"));
	o.expect_size = 6;
	check(local->get(c, "a", &o, &e) < 0 && is_code(&e, ERR_INTEGRITY, "DATA-SHORT"));
	o.expect_size = 5;
	o.expect_mtime_ms = 12345;
	check(local->get(c, "a", &o, &e) < 0 && is_code(&e, ERR_INTEGRITY, "DATA-CHANGED"));
	o.expect_mtime_ms = MTIME_UNKNOWN;
	o.max_size = 4;
	check(local->get(c, "a", &o, &e) < 0 && is_code(&e, ERR_POLICY, "FILE-TOO-LARGE"));
	o.max_size = 5;
	check(m.n == 0 && local->get(c, "a", &o, &e) == 0 && m.n == 5);
}

static void test_local__gets_only_what_was_announced(void **state)
{
	(void)state;
	local_run(body_get_expectations);
}

static void body_large(struct connection *c)
{
	static const size_t sizes[] = {(1 << 20) - 1, 1 << 20, (1 << 20) + 1, (3 << 20) + 7};
	struct err e;

	for (size_t i = 0; i < 4; i++) {
		struct memory out = pattern(sizes[i]);
		struct memory in = {.data = mem_new(sizes[i]), .room = sizes[i]};

		check(put(c, "large", &out, &e) == 0);
		check(get(c, "large", &in, &e) == 0 && in.n == sizes[i]);
		check(memcmp(in.data, out.data, sizes[i]) == 0);
		free(in.data);
		free(out.data);
	}
}

static void test_local__large_files_come_back_the_same(void **state)
{
	(void)state;
	local_run(body_large);
}

static int append(struct connection *c, const char *name, struct memory *m, uint64_t at,
                  struct err *e)
{
	struct put_options o = {
	        .source = {supply, m, m->room}, .mode = 0600, .durable = true, .append_at = at};
	enum verification level;

	m->n = 0;
	return local->append(c, name, &o, &level, e);
}

static void body_append(struct connection *c)
{
	static const size_t sizes[] = {0, 100, (3 << 20) + 7};
	struct err e;

	for (size_t i = 0; i < 3; i++) {
		struct memory more = pattern(sizes[i]);
		struct memory in = {.data = mem_new(sizes[i] + 5), .room = sizes[i] + 5};

		check(append(c, "none", &more, 0, &e) < 0 &&
		      is_code(&e, ERR_OBJECT, "OBJ-MISSING"));
		check(put_text(c, "log", "hello", &e) == 0);
		check(append(c, "log", &more, 4, &e) < 0 &&
		      is_code(&e, ERR_INTEGRITY, "DATA-CHANGED"));
		check(append(c, "log", &more, 5, &e) == 0);
		check(get(c, "log", &in, &e) == 0 && in.n == sizes[i] + 5);
		check(memcmp(in.data, "hello", 5) == 0 &&
		      memcmp(in.data + 5, more.data, sizes[i]) == 0);
		free(in.data);
		free(more.data);
	}
}

static void test_local__appends_to_what_it_was_told(void **state)
{
	(void)state;
	local_run(body_append);
}

static void body_rest(struct connection *c)
{
	static const size_t sizes[] = {100, (3 << 20) + 7};
	struct err e;

	for (size_t i = 0; i < 2; i++) {
		struct memory out = pattern(sizes[i]);
		struct memory in = {.data = mem_new(sizes[i]), .room = sizes[i]};
		struct get_options o = get_options(&in);

		check(put(c, "rest", &out, &e) == 0);
		o.expect_size = sizes[i];
		for (o.offset = 1; o.offset <= sizes[i]; o.offset += sizes[i] / 3) {
			in.n = 0;
			check(local->get(c, "rest", &o, &e) == 0 && in.n == sizes[i] - o.offset);
			check(memcmp(in.data, out.data + o.offset, in.n) == 0);
		}
		o.expect_size = SIZE_UNKNOWN;
		o.offset = sizes[i] + 1;
		check(local->get(c, "rest", &o, &e) < 0 &&
		      is_code(&e, ERR_INTEGRITY, "DATA-SHORT"));
		free(in.data);
		free(out.data);
	}
}

static void test_local__gets_the_rest_of_a_file(void **state)
{
	(void)state;
	local_run(body_rest);
}

static void body_changed_while_read(struct connection *c)
{
	struct memory out = pattern(3 << 20);
	struct memory in = {.data = mem_new(4 << 20), .room = 4 << 20, .spoil = "grows"};
	struct err e;

	check(put(c, "grows", &out, &e) == 0);
	check(get(c, "grows", &in, &e) < 0 && is_code(&e, ERR_INTEGRITY, "DATA-CHANGED"));
	free(out.data);
	free(in.data);
}

static void test_local__notices_a_change_while_reading(void **state)
{
	(void)state;
	local_run(body_changed_while_read);
}

static void check_refused(struct connection *c, const char *name, const char *code)
{
	char data[64];
	struct memory m = {.data = data, .room = sizeof(data)};
	struct err e;

	check(get(c, name, &m, &e) < 0 && m.n == 0);
	check(strcmp(e.code, code) == 0 || is_code(&e, ERR_POLICY, code));
}

static void body_hostile(struct connection *c)
{
	check(symlink("/etc/passwd", at("link")) == 0);
	check(symlink("/etc", at("dirlink")) == 0);
	check(mkfifo(at("fifo"), 0600) == 0);
	drop_file("two", "x");
	check(link(at("two"), at("names")) == 0);
	check(mkdir(at("d"), 0700) == 0);
	check_refused(c, "link", "LOCAL-SYMLINK");
	check_refused(c, "dirlink/passwd", "LOCAL-SYMLINK");
	check_refused(c, "../../etc/passwd", "LOCAL-OUTSIDE");
	check_refused(c, "d/../two", "LOCAL-OUTSIDE");
	check_refused(c, "fifo", "LOCAL-NOT-REGULAR");
	check_refused(c, "two", "LOCAL-HARDLINK");
	check_refused(c, "d", "OBJ-NOT-DIR");
	check_refused(c, "two/x", "OBJ-NOT-DIR");
}

static void test_local__refuses_what_is_not_a_plain_file(void **state)
{
	(void)state;
	local_run(body_hostile);
}

static void unlink_soon(void *arg)
{
	struct err e;

	check(fiber_sleep(30, "a careful writer", &e) == 0);
	check(unlink(at(arg)) == 0);
}

static void body_second_name_goes(struct connection *c)
{
	char data[64];
	struct memory m = {.data = data, .room = sizeof(data)};
	static char temp[] = "temp";
	struct err e;

	drop_file("temp", "hello");
	check(link(at("temp"), at("final")) == 0);
	(void)fiber_start(fiber_worker(), "writer", unlink_soon, temp);
	check(get(c, "final", &m, &e) == 0 && m.n == 5);
}

static void test_local__waits_for_link_and_unlink_to_end(void **state)
{
	(void)state;
	local_run(body_second_name_goes);
}

/* An attacker swaps a file and a link to a secret as fast as it can: nothing of the secret comes.
 */
static void body_swap(struct connection *c)
{
	int64_t until = clock_mono_ms() + 300;
	char data[64];
	pid_t attacker;
	struct err e;

	drop_file("mine", "open");
	check(symlink("/etc/passwd", at("other")) == 0);
	attacker = fork();
	if (attacker == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
		for (;;)
			(void)renameat2(AT_FDCWD, at("mine"), AT_FDCWD, at("other"),
			                RENAME_EXCHANGE);
	while (clock_mono_ms() < until) {
		struct memory m = {.data = data, .room = sizeof(data)};
		int r = get(c, "mine", &m, &e);

		check(r < 0 || (m.n == 4 && memcmp(data, "open", 4) == 0));
		check(r == 0 || e.kind == ERR_POLICY || e.kind == ERR_INTEGRITY);
	}
	check(kill(attacker, SIGKILL) == 0 && waitpid(attacker, NULL, 0) == attacker);
}

static void test_local__a_swapped_link_is_never_followed(void **state)
{
	(void)state;
	local_run(body_swap);
}

static void test_local__stepwise_opening_refuses_the_same(void **state)
{
	int fd, root = open(local_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	check(mkdir(at("d"), 0700) == 0);
	drop_file("d/a", "hello");
	check(symlink("/etc", at("dirlink")) == 0 && symlink("d/a", at("link")) == 0);
	fd = beneath_open_stepwise(root, "/d//a", O_RDONLY);
	check(fd >= 0 && close(fd) == 0);
	fd = beneath_open_stepwise(root, "", O_RDONLY | O_DIRECTORY);
	check(fd >= 0 && close(fd) == 0);
	check(beneath_open_stepwise(root, "link", O_RDONLY) < 0 && errno == ELOOP);
	check(beneath_open_stepwise(root, "dirlink/passwd", O_RDONLY) < 0 && errno == ENOTDIR);
	check(beneath_open_stepwise(root, "d/../d/a", O_RDONLY) < 0 && errno == EXDEV);
	check(beneath_open_stepwise(root, "none/a", O_RDONLY) < 0 && errno == ENOENT);
	check(close(root) == 0);
}

/* ---- put ----------------------------------------------------------------------------------- */

static void body_put(struct connection *c)
{
	struct memory m = {.data = (char *)(uintptr_t) "hello", .room = 5};
	struct put_options o = {.source = {supply, &m, 5}, .mode = 0604, .durable = false};
	enum verification level;
	struct stat st;
	struct err e;

	check(put_text(c, ".a.1-2.ferryd-part", "hello", &e) == 0);
	check(holds(".a.1-2.ferryd-part", "hello"));
	check(stat(at(".a.1-2.ferryd-part"), &st) == 0 && (st.st_mode & 07777) == 0640);
	check(put_text(c, ".a.1-2.ferryd-part", "again", &e) == 0);
	check(holds(".a.1-2.ferryd-part", "again"));
	check(local->put(c, "mode", &o, &level, &e) == 0 && level == VERIFIED_SIZE);
	check(stat(at("mode"), &st) == 0 && (st.st_mode & 07777) == 0604);
	check(put_text(c, "empty", "", &e) == 0 && holds("empty", ""));
	check(put_text(c, "none/a", "x", &e) < 0 && is_code(&e, ERR_OBJECT, "OBJ-MISSING"));
}

static void test_local__puts_a_file_over_its_own_leftover(void **state)
{
	(void)state;
	local_run(body_put);
}

static void body_put_foreign(struct connection *c)
{
	struct err e;

	check(symlink("/tmp/elsewhere", at("link")) == 0 && mkdir(at("d"), 0700) == 0);
	check(put_text(c, "link", "x", &e) < 0 && is_code(&e, ERR_OBJECT, "OBJ-EXISTS"));
	check(put_text(c, "d", "x", &e) < 0 && is_code(&e, ERR_OBJECT, "OBJ-EXISTS"));
	check(exists("link") && exists("d"));
}

static void test_local__put_removes_nothing_that_is_not_its_own(void **state)
{
	(void)state;
	local_run(body_put_foreign);
}

static void body_put_size(struct connection *c)
{
	static const size_t sizes[] = {10, (1 << 20) + 10};

	for (size_t i = 0; i < 2; i++) {
		struct memory m = pattern(sizes[i]);
		struct put_options o = {.source = {supply, &m, sizes[i] + 1}, .mode = -1};
		enum verification level;
		struct err e;

		check(local->put(c, "a", &o, &level, &e) < 0 &&
		      is_code(&e, ERR_INTEGRITY, "DATA-SHORT"));
		m.n = 0;
		o.source.size = sizes[i] - 1;
		check(local->put(c, "a", &o, &level, &e) < 0 &&
		      is_code(&e, ERR_INTEGRITY, "DATA-LONG"));
		check(!exists("a"));
		free(m.data);
	}
}

static void test_local__put_takes_exactly_the_announced_bytes(void **state)
{
	(void)state;
	local_run(body_put_size);
}

static void body_flush_fails(struct connection *c)
{
	struct err e;

	drop_file("b", "x");
	flush_error = EIO;
	check(put_text(c, "a", "hello", &e) < 0 && is_code(&e, ERR_LOCAL, "LOCAL-FSYNC"));
	check(!exists("a"));
	check(local->rename(c, "b", "c", RENAME_REPLACE, &e) < 0 &&
	      is_code(&e, ERR_LOCAL, "LOCAL-FSYNC"));
	flush_error = 0;
}

static void test_local__a_failed_flush_is_final(void **state)
{
	(void)state;
	local_run(body_flush_fails);
}

static void body_full(struct connection *c)
{
	struct memory m = pattern(8 << 20);
	struct seen s = {0};
	struct err e;

	check(put(c, "large", &m, &e) < 0 && is_code(&e, ERR_BUSY, "OBJ-NO-SPACE"));
	check(strstr(e.message, local_dir) && strstr(e.message, "bytes are free"));
	m.n = 0;
	m.room = 1 << 20;
	for (int i = 0; i < 5; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "%d", i);
		m.n = 0;
		if (put(c, name, &m, &e) < 0)
			break;
	}
	check(is_code(&e, ERR_BUSY, "OBJ-NO-SPACE"));
	check(local->list(c, "", &wide, see, &s, &e) == 0 && s.files >= 3 && s.files < 5);
	free(m.data);
}

static void test_local__a_full_disk_is_told_with_its_room(void **state)
{
	(void)state;
	if (mount("tmpfs", local_dir, "tmpfs", 0, "size=4m") < 0) {
		(void)printf("SKIP: mount of a tmpfs is not permitted here: %s\n", strerror(errno));
		skip();
	}
	local_run(body_full);
	check(umount(local_dir) == 0);
}

/* ---- rename, remove, mkdir ----------------------------------------------------------------- */

static void body_rename(struct connection *c)
{
	struct err e;

	drop_file("a", "A");
	drop_file("b", "B");
	check(local->rename(c, "a", "b", RENAME_FAIL_IF_EXISTS, &e) < 0 &&
	      is_code(&e, ERR_OBJECT, "OBJ-EXISTS"));
	check(holds("a", "A") && holds("b", "B"));
	check(local->rename(c, "a", "b", RENAME_REPLACE, &e) == 0 && holds("b", "A"));
	check(local->rename(c, "a", "c", RENAME_REPLACE, &e) < 0 &&
	      is_code(&e, ERR_OBJECT, "OBJ-MISSING"));
	check(local->mkdir(c, "x/y/z/", &e) == 0 && local->mkdir(c, "x/y", &e) == 0);
	check(local->rename(c, "b", "x/y/z/b", RENAME_FAIL_IF_EXISTS, &e) == 0);
	check(local->remove(c, "x/y/z/b", &e) == 0 && !exists("x/y/z/b"));
	check(local->remove(c, "x/y/z/b", &e) < 0 && is_code(&e, ERR_OBJECT, "OBJ-MISSING"));
	check(local->remove(c, "x", &e) < 0 && is_code(&e, ERR_OBJECT, "OBJ-NOT-DIR"));
	drop_file("file", "");
	check(local->mkdir(c, "file/sub", &e) < 0 && is_code(&e, ERR_OBJECT, "OBJ-NOT-DIR"));
	check(symlink("x", at("link")) == 0);
	check(local->mkdir(c, "link/sub", &e) < 0 && e.kind != 0);
	check(local->remove(c, "../x", &e) < 0 && is_code(&e, ERR_POLICY, "LOCAL-OUTSIDE"));
}

static void test_local__renames_removes_and_makes_directories(void **state)
{
	(void)state;
	local_run(body_rename);
}

static void body_noreplace(struct connection *c)
{
	struct err e;

	drop_file("a", "A");
	drop_file("b", "B");
	lacks_noreplace = 1;
	check(local->rename(c, "a", "b", RENAME_FAIL_IF_EXISTS, &e) < 0 &&
	      is_code(&e, ERR_OBJECT, "OBJ-EXISTS"));
	check(holds("a", "A") && holds("b", "B"));
	check(local->rename(c, "a", "c", RENAME_FAIL_IF_EXISTS, &e) == 0);
	check(!exists("a") && holds("c", "A"));
	/* the answer to link(2) was lost once: both names are the file already */
	check(link(at("c"), at("d")) == 0);
	check(local->rename(c, "c", "d", RENAME_FAIL_IF_EXISTS, &e) == 0);
	check(!exists("c") && holds("d", "A"));
	lacks_noreplace = 0;
}

static void test_local__never_replaces_where_the_kernel_cannot_promise_it(void **state)
{
	(void)state;
	local_run(body_noreplace);
}

enum { CROWD = 200 };

struct member {
	struct connection *c;
	int number;
};

static void rename_one(void *arg)
{
	struct member *m = arg;
	char from[16], to[16];
	struct err e;

	(void)snprintf(from, sizeof(from), "%d", m->number);
	(void)snprintf(to, sizeof(to), "to-%d", m->number);
	check(local->rename(m->c, from, to, RENAME_FAIL_IF_EXISTS, &e) == 0);
}

static void body_crowd(struct connection *c)
{
	static struct member members[CROWD];
	struct group g;
	char name[16];

	for (int i = 0; i < CROWD; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		drop_file(name, "x");
	}
	flushes = 0;
	group_init(&g, fiber_worker());
	for (int i = 0; i < CROWD; i++) {
		members[i] = (struct member){c, i};
		group_start(&g, "rename", rename_one, &members[i]);
	}
	group_wait(&g, "the crowd");
	check(flushes > 0 && flushes <= CROWD / 2);
	(void)printf("%d renames took %d flushes\n", CROWD, flushes);
}

static void test_local__a_crowd_shares_its_flushes(void **state)
{
	(void)state;
	local_run(body_crowd);
}

static void put_one(void *arg)
{
	struct member *m = arg;
	char name[16];
	struct err e;

	(void)snprintf(name, sizeof(name), "%d", m->number);
	check(put_text(m->c, name, "content", &e) == 0 && holds(name, "content"));
}

static void body_crowd_puts(struct connection *c)
{
	static struct member members[CROWD];
	struct group g;

	flushes = 0;
	group_init(&g, fiber_worker());
	for (int i = 0; i < CROWD; i++) {
		members[i] = (struct member){c, i};
		group_start(&g, "put", put_one, &members[i]);
	}
	group_wait(&g, "the crowd");
	check(flushes > 0 && flushes <= CROWD / 2);
	(void)printf("%d files took %d flushes\n", CROWD, flushes);
}

static void test_local__many_files_share_their_flushes(void **state)
{
	(void)state;
	local_run(body_crowd_puts);
}

static void put_in_vain(void *arg)
{
	struct member *m = arg;
	char name[16];
	struct err e;

	(void)snprintf(name, sizeof(name), "%d", m->number);
	check(put_text(m->c, name, "content", &e) < 0 && is_code(&e, ERR_LOCAL, "LOCAL-FSYNC"));
	check(!exists(name));
}

static void body_crowd_fails(struct connection *c)
{
	static struct member members[CROWD];
	struct group g;

	flushes = 0;
	flush_error = EIO;
	group_init(&g, fiber_worker());
	for (int i = 0; i < CROWD; i++) {
		members[i] = (struct member){c, i};
		group_start(&g, "put", put_in_vain, &members[i]);
	}
	group_wait(&g, "the crowd");
	flush_error = 0;
	check(flushes < CROWD); /* and none was tried again */
}

static void test_local__a_failed_shared_flush_fails_everybody(void **state)
{
	(void)state;
	local_run(body_crowd_fails);
}

/* ---- adopt --------------------------------------------------------------------------------- */

static void body_adopt(struct connection *c)
{
	struct stat st;
	struct err e;

	check(mkdir(at("in"), 0700) == 0);
	drop_file("spool", "content");
	check(local->adopt(c, at("spool"), "in/final", 0644, RENAME_FAIL_IF_EXISTS, &e) == 0);
	check(holds("in/final", "content") && !exists("spool"));
	check(stat(at("in/final"), &st) == 0 && (st.st_mode & 07777) == 0644);
	drop_file("spool", "other");
	check(local->adopt(c, at("spool"), "in/final", -1, RENAME_FAIL_IF_EXISTS, &e) < 0 &&
	      is_code(&e, ERR_OBJECT, "OBJ-EXISTS"));
	check(local->adopt(c, at("spool"), "in/final", -1, RENAME_REPLACE, &e) == 0);
	check(stat(at("in/final"), &st) == 0 && (st.st_mode & 07777) == 0640);
	check(local->adopt(c, at("spool"), "in/final", -1, RENAME_REPLACE, &e) < 0 &&
	      is_code(&e, ERR_OBJECT, "OBJ-MISSING"));
	check(local->adopt(c, "/proc/version", "in/v", -1, RENAME_REPLACE, &e) < 0 &&
	      is_code(&e, ERR_LOCAL, "OBJ-CROSS-DEVICE"));
}

static void test_local__adopts_a_spool_file(void **state)
{
	(void)state;
	local_run(body_adopt);
}

/* ---- connect ------------------------------------------------------------------------------- */

static void body_connect_missing(struct worker *w)
{
	struct endpoint_config nowhere = {.name = "local:none", .root = "/tmp/none/none"};
	struct connection *c;
	struct err e;

	(void)w;
	check(local->connect(&nowhere, NULL, &c, &e) < 0 && is_code(&e, ERR_OBJECT, "OBJ-MISSING"));
	check(strstr(e.message, "/tmp/none/none"));
	local->close(NULL);
}

static void test_local__connect_names_a_missing_directory(void **state)
{
	(void)state;
	rig_run(body_connect_missing);
}

#define test(name) cmocka_unit_test_setup_teardown(name, local_setup, local_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        test(test_local__lists_every_kind),
	        test(test_local__lists_large_directories_in_batches),
	        test(test_local__notices_that_its_root_is_another),
	        test(test_local__gets_a_file),
	        test(test_local__gets_only_what_was_announced),
	        test(test_local__gets_the_rest_of_a_file),
	        test(test_local__appends_to_what_it_was_told),
	        test(test_local__large_files_come_back_the_same),
	        test(test_local__notices_a_change_while_reading),
	        test(test_local__refuses_what_is_not_a_plain_file),
	        test(test_local__waits_for_link_and_unlink_to_end),
	        test(test_local__a_swapped_link_is_never_followed),
	        test(test_local__stepwise_opening_refuses_the_same),
	        test(test_local__puts_a_file_over_its_own_leftover),
	        test(test_local__put_removes_nothing_that_is_not_its_own),
	        test(test_local__put_takes_exactly_the_announced_bytes),
	        test(test_local__a_failed_flush_is_final),
	        test(test_local__a_full_disk_is_told_with_its_room),
	        test(test_local__renames_removes_and_makes_directories),
	        test(test_local__never_replaces_where_the_kernel_cannot_promise_it),
	        test(test_local__a_crowd_shares_its_flushes),
	        test(test_local__a_failed_shared_flush_fails_everybody),
	        test(test_local__many_files_share_their_flushes),
	        test(test_local__adopts_a_spool_file),
	        test(test_local__connect_names_a_missing_directory),
	};

	work_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
