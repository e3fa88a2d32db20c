/* The SFTP adapter as routes use it: one connection to a real sshd, many files at once. */
#include "adapters/adapter.h"
#include "adapters/trace.h"
#include "tests/runtime/ssh_peers.h"

enum { FILES = 300, FIBERS = 64, SMALL = 4096, LARGE = 48 << 20 };

static const struct adapter *const sftp = &adapter_sftp;

/* ---- verbs --------------------------------------------------------------------------------- */

static struct connection *connect_to(struct partner *p, const char *peer, struct trace *trace)
{
	struct connection *c = NULL;
	struct err e;

	partner_init(p, peer);
	partner_key(p, "ed25519", NULL);
	if (sftp->connect(&p->endpoint, trace, &c, &e) < 0)
		(void)fprintf(stderr, "%s: %s\n", e.code, e.message);
	check(c);
	return c;
}

static int add_up(void *arg, const void *data, size_t n, struct err *e)
{
	uint64_t *sum = arg;
	const unsigned char *p = data;

	(void)e;
	check(p[0] == 'z' && p[n - 1] == 'z');
	*sum += n;
	return 0;
}

static int64_t letters(void *arg, void *data, size_t room, struct err *e)
{
	uint64_t *left = arg;
	size_t n = room < *left ? room : *left;

	(void)e;
	memset(data, 'z', n);
	*left -= n;
	return (int64_t)n;
}

static void put_file(struct connection *c, const char *path, uint64_t size)
{
	struct put_options o = {.source = {letters, &(uint64_t){size}, size}, .mode = -1};
	enum verification level = VERIFIED_NONE;
	struct err e;

	if (sftp->put(c, path, &o, &level, &e) < 0) {
		(void)fprintf(stderr, "%s: %s\n", e.code, e.message);
		abort();
	}
	check(level == VERIFIED_SIZE);
}

static void get_file(struct connection *c, const char *path, uint64_t size)
{
	uint64_t sum = 0;
	struct get_options o = {.sink = {add_up, &sum},
	                        .expect_size = size,
	                        .expect_mtime_ms = MTIME_UNKNOWN,
	                        .max_size = size};
	struct err e;

	if (sftp->get(c, path, &o, &e) < 0) {
		(void)fprintf(stderr, "%s: %s\n", e.code, e.message);
		abort();
	}
	check(sum == size);
}

static void get_rest(struct connection *c, const char *path, uint64_t size, uint64_t offset)
{
	uint64_t sum = offset;
	struct get_options o = {.sink = {add_up, &sum},
	                        .expect_size = size,
	                        .expect_mtime_ms = MTIME_UNKNOWN,
	                        .max_size = size,
	                        .offset = offset};
	struct err e;

	check(sftp->get(c, path, &o, &e) == 0 && sum == size);
	o.offset = size + 1;
	check(sftp->get(c, path, &o, &e) == ERR_INTEGRITY && strcmp(e.code, "DATA-LONG") == 0);
}

static int count_entry(const struct entry *entry, void *arg, struct err *e)
{
	(void)e;
	check(entry->type == ENTRY_FILE && entry->size == SMALL);
	++*(int *)arg;
	return 0;
}

static void in_folder(char out[256], const char *name)
{
	check(snprintf(out, 256, "%s/%s", peers.folder, name) < 256);
}

/* ---- the rest of a file -------------------------------------------------------------------- */

static void body_rest(struct worker *w)
{
	static const uint64_t offsets[] = {1, 2 << 20, (3 << 20) - 1, 3 << 20};
	char path[256];
	struct partner p;
	struct connection *c = connect_to(&p, "sshd", NULL);

	(void)w;
	in_folder(path, "rest");
	put_file(c, path, 3 << 20);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		get_rest(c, path, 3 << 20, offsets[i]);
	put_file(c, path, 100);
	get_rest(c, path, 100, 50);
	sftp->close(c);
}

static void test_adapter_sftp__gets_the_rest_of_a_file(void **state)
{
	(void)state;
	rig_run(body_rest);
}

/* ---- append -------------------------------------------------------------------------------- */

static int append(struct connection *c, const char *path, uint64_t size, uint64_t at, struct err *e)
{
	struct put_options o = {
	        .source = {letters, &(uint64_t){size}, size}, .mode = 0600, .append_at = at};
	enum verification level;

	return sftp->append(c, path, &o, &level, e);
}

static void body_append(struct worker *w)
{
	char path[256];
	struct partner p;
	struct connection *c = connect_to(&p, "sshd", NULL);
	struct err e;

	(void)w;
	in_folder(path, "append");
	check(append(c, path, 5, 0, &e) == ERR_OBJECT && strcmp(e.code, "OBJ-MISSING") == 0);
	put_file(c, path, 100);
	check(append(c, path, 3 << 20, 100, &e) == 0);
	get_file(c, path, (3 << 20) + 100);
	check(append(c, path, 1, 100, &e) == ERR_INTEGRITY && strcmp(e.code, "DATA-LONG") == 0);
	get_file(c, path,
	         (3 << 20) + 101); /* added to its end all the same: nothing is overwritten */
	sftp->close(c);
}

static void test_adapter_sftp__appends_and_overwrites_nothing(void **state)
{
	(void)state;
	rig_run(body_append);
}

/* ---- many files at once -------------------------------------------------------------------- */

struct crowd {
	struct connection *c;
	int next;
	bool get;
};

static void move_some(void *arg)
{
	struct crowd *crowd = arg;

	while (crowd->next < FILES) {
		char path[256], temp[300];
		struct err e;

		check(snprintf(path, sizeof(path), "%s/many/%d", peers.folder, crowd->next++) > 0);
		if (crowd->get) {
			get_file(crowd->c, path, SMALL);
			continue;
		}
		check(snprintf(temp, sizeof(temp), "%s.part", path) > 0);
		put_file(crowd->c, temp, SMALL);
		check(sftp->rename(crowd->c, temp, path, RENAME_REPLACE, &e) == 0);
	}
}

static void run_crowd(struct worker *w, struct crowd *crowd)
{
	struct group g;

	group_init(&g, w);
	for (int i = 0; i < FIBERS; i++)
		group_start(&g, "mover", move_some, crowd);
	group_wait(&g, "all files");
}

static void body_many(struct worker *w)
{
	const struct list_limits limits = {1000, 1 << 20};
	struct partner p;
	struct crowd crowd = {.c = connect_to(&p, "sshd", NULL)};
	char folder[256];
	struct err e;
	int n = 0;

	check(sftp->capabilities(crowd.c)->concurrent_operations == 64);
	check(sftp->capabilities(crowd.c)->atomic_replace && sftp->is_alive(crowd.c));
	in_folder(folder, "many");
	check(sftp->mkdir(crowd.c, folder, &e) == 0);
	run_crowd(w, &crowd);
	check(sftp->list(crowd.c, folder, &limits, count_entry, &n, &e) == 0 && n == FILES);
	crowd.next = 0;
	crowd.get = true;
	run_crowd(w, &crowd);
	check(sftp->ping(crowd.c, &e) == 0);
	sftp->close(crowd.c);
}

static void test_adapter_sftp__moves_many_files_at_once(void **state)
{
	(void)state;
	rig_run(body_many);
}

/* ---- a large file beside small requests ---------------------------------------------------- */

static void body_large(struct worker *w)
{
	struct partner p;
	struct connection *c = connect_to(&p, "sshd", NULL);
	struct entry entry;
	char path[256];
	struct err e;

	(void)w;
	in_folder(path, "large");
	put_file(c, path, LARGE);
	get_file(c, path, LARGE);
	check(sftp->stat(c, path, &entry, &e) == 0 && entry.size == LARGE);
	check(sftp->remove(c, path, &e) == 0);
	check(sftp->stat(c, path, &entry, &e) == ERR_OBJECT);
	check(strcmp(e.code, "OBJ-MISSING") == 0);
	sftp->close(c);
}

static void test_adapter_sftp__moves_a_large_file(void **state)
{
	(void)state;
	rig_run(body_large);
}

/* ---- what goes wrong ----------------------------------------------------------------------- */

static void body_no_sftp(struct worker *w)
{
	struct connection *c = NULL;
	struct partner p;
	struct err e;

	(void)w;
	partner_init(&p, "sshd_sink"); /* its subsystem prints and exits */
	partner_key(&p, "ed25519", NULL);
	check(sftp->connect(&p.endpoint, NULL, &c, &e) == ERR_PROTOCOL);
	check(strcmp(e.code, "SFTP-GARBAGE") == 0);
	check(strstr(e.message,
	             "\"last words\\x0a\"; the partner must stop the account's login scripts"));
	check(!c);
}

static void test_adapter_sftp__says_that_there_is_no_sftp(void **state)
{
	(void)state;
	rig_run(body_no_sftp);
}

static void body_abort(struct worker *w)
{
	struct partner p;
	struct connection *c = connect_to(&p, "sshd", NULL);
	struct err e;

	(void)w;
	sftp->abort(c);
	check(!sftp->is_alive(c));
	check(sftp->ping(c, &e) == ERR_CANCELED);
	sftp->close(c);
	sftp->close(NULL);
}

static void test_adapter_sftp__abort_ends_it(void **state)
{
	(void)state;
	rig_run(body_abort);
}

/* ---- the trace ----------------------------------------------------------------------------- */

static void check_trace(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	check(n > 0);
	close(fd);
	text[n] = '\0';
	check(strstr(text, "server offers posix-rename@openssh.com"));
	check(strstr(text, "LSTAT /none"));
	check(strstr(text, "SSH_FX_NO_SUCH_FILE \"No such file\""));
}

static void body_trace(struct worker *w)
{
	struct trace_config settings = {.mask = TRACE_MASK_ALL,
	                                .when = TRACE_FAILURE,
	                                .max_bytes = 1 << 20,
	                                .keep_ms = 1000};
	char folder[256], file[512];
	struct partner p;
	struct trace *t;
	struct connection *c;
	struct entry entry;
	struct err e;

	(void)w;
	in_folder(folder, "traces");
	settings.dir = folder;
	t = trace_new(&settings, "partner", TRACE_MASK_ALL, TRACE_FAILURE);
	c = connect_to(&p, "sshd", t);
	check(sftp->stat(c, "/none", &entry, &e) == ERR_OBJECT);
	trace_failed(t, &e);
	check(trace_file(t));
	(void)snprintf(file, sizeof(file), "%s", trace_file(t));
	sftp->close(c);
	trace_free(t);
	check_trace(file);
}

static void test_adapter_sftp__traces_requests_and_answers(void **state)
{
	(void)state;
	rig_run(body_trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_adapter_sftp__appends_and_overwrites_nothing),
	        cmocka_unit_test(test_adapter_sftp__gets_the_rest_of_a_file),
	        cmocka_unit_test(test_adapter_sftp__moves_many_files_at_once),
	        cmocka_unit_test(test_adapter_sftp__moves_a_large_file),
	        cmocka_unit_test(test_adapter_sftp__says_that_there_is_no_sftp),
	        cmocka_unit_test(test_adapter_sftp__abort_ends_it),
	        cmocka_unit_test(test_adapter_sftp__traces_requests_and_answers),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return peers_run("sshd", tests);
}
