/* The SFTP client under load: many files, large ones, several sessions; cancelled and cut off. */
#include "tests/runtime/sftp_files.h"

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

static void test_sftp_load__fetches_10000_small_files_with_64_fibers(void **state)
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

static void test_sftp_load__moves_256_mib_both_ways(void **state)
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

static void test_sftp_load__deals_a_large_file_out_to_several_sessions(void **state)
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

static void test_sftp_load__survives_a_cancel_at_every_turn(void **state)
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

static void test_sftp_load__reports_a_server_that_died(void **state)
{
	(void)state;
	rig_run(body_killed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_sftp_load__fetches_10000_small_files_with_64_fibers),
	        cmocka_unit_test(test_sftp_load__moves_256_mib_both_ways),
	        cmocka_unit_test(test_sftp_load__deals_a_large_file_out_to_several_sessions),
	        cmocka_unit_test(test_sftp_load__survives_a_cancel_at_every_turn),
	        cmocka_unit_test(test_sftp_load__reports_a_server_that_died),
	};

	return sftp_files_run(tests);
}
