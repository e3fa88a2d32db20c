#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/trace.h"
#include "adapters/trace_file.h"
#include "config/key.h"
#include "daemon/runtime/work.h"
#include "tests/runtime/rig.h"
#include "tests/unit/tree.h"

static char dir[64];
static struct trace_config settings;

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/test_trace.XXXXXX");
	check(mkdtemp(dir));
	settings = (struct trace_config){.dir = dir, .max_bytes = 1 << 20, .keep_ms = 86400000};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(dir);
}

/* Everything in the file, "" while there is none; the caller frees. */
static char *content(const char *path)
{
	char *text = calloc(1, 4 << 20);
	int fd = open(path, O_RDONLY);

	check(text);
	if (fd >= 0) {
		check(read(fd, text, (4 << 20) - 1) >= 0);
		(void)close(fd);
	}
	return text;
}

static bool has(const char *path, const char *what)
{
	char *text = content(path);
	bool found = strstr(text, what) != NULL;

	free(text);
	return found;
}

static int count_files(void)
{
	char path[128];
	struct dirent *d;
	int n = 0;
	DIR *folder;

	(void)snprintf(path, sizeof(path), "%s/acme", dir);
	folder = opendir(path);
	while (folder && (d = readdir(folder)))
		n += d->d_name[0] != '.';
	if (folder)
		(void)closedir(folder);
	return n;
}

static struct trace *begin(enum trace_when when)
{
	return trace_new(&settings, "acme", TRACE_MASK_DEFAULT, when);
}

static struct err broken(void)
{
	struct err e;

	err_set(&e, ERR_NETWORK, "NET-RESET", 104, "connection reset");
	return e;
}

/* Makes the trace due, ends it, and says where it went. */
static void end_failed(struct trace *t, char file[TRACE_PATH_BYTES])
{
	struct err e = broken();

	trace_failed(t, &e);
	check(trace_file(t));
	(void)snprintf(file, TRACE_PATH_BYTES, "%s", trace_file(t));
	trace_free(t);
}

static void test_trace__a_failure_writes_what_came_before(void **state)
{
	char file[TRACE_PATH_BYTES];
	struct trace *t = begin(TRACE_FAILURE);
	struct stat st;

	(void)state;
	trace_about(t, "host", "%s port %d", "sftp.acme.example", 22);
	TRACE(t, TRACE_KEX, "server offers %s", "curve25519");
	end_failed(t, file);
	assert_true(has(file, "# endpoint: acme\n"));
	assert_true(has(file, "# host: sftp.acme.example port 22\n"));
	assert_true(has(file, "# ferryd " FERRYD_VERSION));
	assert_true(has(file, " kex        server offers curve25519\n"));
	assert_true(
	        has(file, " error      FAILED NETWORK NET-RESET native=104: connection reset\n"));
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void test_trace__many_share_an_operators_file(void **state)
{
	struct trace *a = begin(TRACE_ALWAYS), *b = begin(TRACE_ALWAYS);
	char file[TRACE_PATH_BYTES], other[TRACE_PATH_BYTES];
	struct err e;
	FILE *f;

	(void)state;
	(void)snprintf(file, sizeof(file), "%s/both", dir);
	(void)snprintf(other, sizeof(other), "%s/other", dir);
	assert_int_equal(trace_file_claim(file, &e), 0);
	trace_into(a, file);
	trace_into(b, file);
	TRACE(a, TRACE_KEX, "from a");
	TRACE(b, TRACE_KEX, "from b");
	trace_free(a);
	trace_free(b);
	assert_true(has(file, "from a") && has(file, "from b"));
	assert_int_equal(trace_file_claim(file, &e), 0);
	assert_int_equal(count_files(), 0); /* none of their own */
	f = fopen(other, "w");
	check(f && fputs("not a trace", f) >= 0 && fclose(f) == 0);
	assert_int_equal(trace_file_claim(other, &e), ERR_LOCAL);
	assert_string_equal(e.code, "TRACE-FILE");
	assert_true(has(other, "not a trace"));
	check(unlink(other) == 0 && symlink(file, other) == 0);
	assert_int_equal(trace_file_claim(other, &e), ERR_LOCAL);
	assert_int_equal(trace_file_claim("/nowhere/a", &e), ERR_LOCAL);
}

static void test_trace__an_operators_file_is_bounded(void **state)
{
	char file[TRACE_PATH_BYTES], older[TRACE_PATH_BYTES + 2];
	struct trace *t;
	struct stat st;

	(void)state;
	settings.max_bytes = 20000;
	(void)snprintf(file, sizeof(file), "%s/both", dir);
	for (int i = 0; i < 6; i++) {
		t = begin(TRACE_ALWAYS);
		trace_into(t, file);
		for (int k = 0; k < 50; k++)
			TRACE(t, TRACE_KEX, "%100d", k);
		trace_free(t);
	}
	(void)snprintf(older, sizeof(older), "%s.1", file);
	assert_int_equal(stat(file, &st), 0);
	assert_true(st.st_size > 0 && st.st_size <= 20000);
	assert_int_equal(stat(older, &st), 0);
	assert_true(st.st_size <= 20000);
}

/* Beginning and ring together are what a connection's recorder may cost. */
static void test_trace__the_recorder_takes_at_most_64_kib(void **state)
{
	char file[TRACE_PATH_BYTES];
	struct trace *t = begin(TRACE_FAILURE);
	struct stat st;

	(void)state;
	assert_true(TRACE_RING_BYTES + 8 * 1024 <= 64 * 1024);
	for (int i = 0; i < 5000; i++)
		TRACE(t, TRACE_SFTP, "line %d of very many", i);
	end_failed(t, file);
	assert_int_equal(stat(file, &st), 0);
	assert_true(st.st_size > 60 * 1024 && st.st_size <= 65 * 1024); /* and the head */
	assert_true(has(file, " line 0 of very many\n"));
	assert_true(has(file, " line 4999 of very many\n"));
	assert_true(has(file, " lines were not kept ...\n"));
	assert_false(has(file, " line 2000 of very many\n"));
}

static void test_trace__success_writes_nothing(void **state)
{
	struct trace *t = begin(TRACE_FAILURE);

	(void)state;
	TRACE(t, TRACE_KEX, "all well");
	assert_null(trace_file(t));
	trace_free(t);
	assert_int_equal(count_files(), 0);
}

static int formatted;

static int count_formatted(void)
{
	return ++formatted;
}

static void test_trace__below_the_mask_nothing_is_formatted(void **state)
{
	char file[TRACE_PATH_BYTES];
	struct trace *t = trace_new(&settings, "acme", TRACE_AUTH, TRACE_FAILURE);

	(void)state;
	TRACE(t, TRACE_KEX, "hidden %d", count_formatted());
	assert_int_equal(formatted, 0);
	TRACE(t, TRACE_AUTH, "shown %d", count_formatted());
	assert_false(trace_wants(NULL, TRACE_AUTH));
	trace_set(t, TRACE_KEX, TRACE_FAILURE);
	TRACE(t, TRACE_KEX, "shown later");
	end_failed(t, file);
	assert_int_equal(formatted, 1);
	assert_true(has(file, "shown 1"));
	assert_true(has(file, "shown later"));
	assert_false(has(file, "hidden"));
}

static void test_trace__never_records_nothing(void **state)
{
	struct trace *t = begin(TRACE_NEVER);
	struct err e = broken();

	(void)state;
	assert_false(trace_wants(t, TRACE_KEX));
	trace_failed(t, &e);
	assert_null(trace_file(t));
	trace_free(t);
	trace_free(NULL);
	assert_int_equal(count_files(), 0);
}

static void test_trace__keeps_the_beginning_and_the_end(void **state)
{
	char file[TRACE_PATH_BYTES];
	struct trace *t = begin(TRACE_FAILURE);
	struct stat st;

	(void)state;
	for (int i = 0; i < 20000; i++)
		TRACE(t, TRACE_SFTP, "record %d.", i);
	end_failed(t, file);
	assert_true(has(file, "record 0."));
	assert_true(has(file, "record 19999."));
	assert_false(has(file, "record 5000."));
	assert_true(has(file, "lines were not kept"));
	assert_int_equal(stat(file, &st), 0);
	assert_true(st.st_size < 70 * 1024);
}

static void test_trace__a_record_stays_one_line(void **state)
{
	char file[TRACE_PATH_BYTES], long_text[5000];
	struct trace *t = begin(TRACE_FAILURE);

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	TRACE(t, TRACE_SFTP, "one\ntwo\x1b[2J");
	TRACE(t, TRACE_SFTP, "%s", long_text);
	end_failed(t, file);
	assert_true(has(file, "one\\x0atwo\\x1b[2J\n"));
	assert_true(has(file, "xxx... (cut)\n"));
}

static void test_trace__a_tiny_limit_still_holds_a_trace(void **state)
{
	char file[TRACE_PATH_BYTES];
	struct trace *t;
	struct stat st;

	(void)state;
	settings.max_bytes = 1;
	t = begin(TRACE_FAILURE);
	for (int i = 0; i < 4000; i++)
		TRACE(t, TRACE_SFTP, "record %d.", i);
	end_failed(t, file);
	assert_int_equal(stat(file, &st), 0);
	assert_true(st.st_size <= 16 * 1024);
	assert_true(has(file, "record 0."));
	assert_true(has(file, "record 3999."));
}

static void test_trace__old_files_go_when_a_new_one_is_made(void **state)
{
	char file[TRACE_PATH_BYTES], path[256];
	static const char *const names[] = {"20200101T000000.000Z-00000001.trace",
	                                    "20200101T000000.000Z-00000001.trace.1", "notes.txt"};

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/acme", dir);
	assert_int_equal(mkdir(path, 0750), 0);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/acme/%s", dir, names[i]);
		assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	}
	end_failed(begin(TRACE_FAILURE), file);
	assert_int_equal(count_files(), 2);
	assert_int_equal(access(path, F_OK), 0);
}

static void test_trace__endpoints_get_harmless_folder_names(void **state)
{
	char out[TRACE_FOLDER_BYTES];

	(void)state;
	trace_folder_name("local:/srv/in", out);
	assert_string_equal(out, "local__srv_in");
	trace_folder_name("../x", out);
	assert_string_equal(out, "_._x");
	trace_folder_name("", out);
	assert_string_equal(out, "_");
}

static void test_trace__an_unwritable_folder_costs_a_warning_only(void **state)
{
	struct trace *t;
	struct err e = broken();

	(void)state;
	settings.dir = "/proc/nowhere";
	t = begin(TRACE_FAILURE);
	trace_failed(t, &e);
	trace_free(t);
}

/* ---- on a worker --------------------------------------------------------------------------- */

static void await_content(const char *file, const char *what)
{
	int64_t until = clock_mono_ms() + 10000;
	struct err e;

	while (!has(file, what)) {
		check(clock_mono_ms() < until);
		check(fiber_sleep(5, "the trace to be written", &e) == 0);
	}
}

static void body_always(struct worker *w)
{
	struct trace *t = begin(TRACE_ALWAYS);
	char file[TRACE_PATH_BYTES];

	(void)w;
	TRACE(t, TRACE_SFTP, "first");
	check(trace_file(t));
	(void)snprintf(file, sizeof(file), "%s", trace_file(t));
	for (int i = 0; i < 1000; i++)
		TRACE(t, TRACE_SFTP, "line %d.", i);
	await_content(file, "line 999.");
	TRACE(t, TRACE_SFTP, "the last");
	trace_free(t);
	check(has(file, "first") && has(file, "the last"));
}

static void test_trace__always_writes_while_it_goes_on(void **state)
{
	(void)state;
	rig_run(body_always);
	assert_int_equal(count_files(), 1);
}

static void body_failure(struct worker *w)
{
	struct trace *t = begin(TRACE_FAILURE);
	char file[TRACE_PATH_BYTES];
	struct err e = broken();

	(void)w;
	TRACE(t, TRACE_SFTP, "before");
	trace_failed(t, &e);
	(void)snprintf(file, sizeof(file), "%s", trace_file(t));
	await_content(file, "NET-RESET");
	check(has(file, "before"));
	TRACE(t, TRACE_SFTP, "the teardown");
	trace_free(t);
	check(has(file, "the teardown"));
}

static void test_trace__a_failure_is_on_disk_while_the_connection_lives(void **state)
{
	(void)state;
	rig_run(body_failure);
}

static void body_rotation(struct worker *w)
{
	struct trace *t;
	char file[TRACE_PATH_BYTES], older[TRACE_PATH_BYTES + 2], word[32];
	struct stat st;

	(void)w;
	settings.max_bytes = 20 * 1024;
	t = begin(TRACE_ALWAYS);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 200; i++)
			TRACE(t, TRACE_SFTP, "round %d, record %d of two hundred", round, i);
		(void)snprintf(file, sizeof(file), "%s", trace_file(t));
		(void)snprintf(word, sizeof(word), "round %d, record 199", round);
		await_content(file, word);
	}
	trace_free(t);
	(void)snprintf(older, sizeof(older), "%s.1", file);
	check(stat(file, &st) == 0 && st.st_size <= 20 * 1024);
	check(stat(older, &st) == 0 && st.st_size <= 20 * 1024);
	check(has(file, "# endpoint: acme") && has(older, "# endpoint: acme"));
}

static void test_trace__large_files_rotate(void **state)
{
	(void)state;
	rig_run(body_rotation);
	assert_int_equal(count_files(), 2);
}

static void body_canceled(struct worker *w)
{
	struct trace *t = begin(TRACE_ALWAYS);
	char file[TRACE_PATH_BYTES];

	TRACE(t, TRACE_SFTP, "before the end");
	(void)snprintf(file, sizeof(file), "%s", trace_file(t));
	worker_stop(w);
	trace_free(t);
	check(has(file, "before the end"));
}

static void test_trace__a_stop_loses_no_line(void **state)
{
	(void)state;
	rig_run(body_canceled);
}

static void test_trace__the_head_keeps_to_its_lines(void **state)
{
	static const char endpoint[] = "local:/srv/a\n+0.000001 sftp       forged";
	struct trace *t = trace_new(&settings, endpoint, TRACE_MASK_DEFAULT, TRACE_FAILURE);
	char file[TRACE_PATH_BYTES], server[601];

	(void)state;
	for (int i = 0; i < 200; i++)
		memcpy(server + 3 * i, "\xe2\x82\xac", 4);
	trace_about(t, "server", "%s", server);
	end_failed(t, file);
	assert_true(has(file, "# endpoint: local:/srv/a\\x0a+0.000001"));
	assert_true(has(file, "\xe2\x82\xac\n")); /* cut between characters */
}

/* What the configuration calls the kinds of lines is what they are called in the file. */
static void test_trace__the_words_of_the_mask_are_those_of_the_lines(void **state)
{
	static const struct {
		const char *text;
		unsigned bit;
	} bits[] = {
#define BIT_WORD(name, number, word) {word, number},
	        TRACE_BITS(BIT_WORD)
#undef BIT_WORD
	};
	size_t n = sizeof(bits) / sizeof(bits[0]);
	unsigned all = 0;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_non_null(words_trace[i].text);
		assert_string_equal(words_trace[i].text, bits[i].text);
		assert_int_equal(words_trace[i].value, bits[i].bit);
		all |= bits[i].bit;
	}
	assert_null(words_trace[n].text);
	assert_int_equal(all | 1, TRACE_MASK_ALL);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        test(test_trace__a_failure_writes_what_came_before),
	        test(test_trace__many_share_an_operators_file),
	        test(test_trace__an_operators_file_is_bounded),
	        test(test_trace__the_recorder_takes_at_most_64_kib),
	        test(test_trace__success_writes_nothing),
	        test(test_trace__below_the_mask_nothing_is_formatted),
	        test(test_trace__never_records_nothing),
	        test(test_trace__keeps_the_beginning_and_the_end),
	        test(test_trace__a_record_stays_one_line),
	        test(test_trace__a_tiny_limit_still_holds_a_trace),
	        test(test_trace__old_files_go_when_a_new_one_is_made),
	        test(test_trace__endpoints_get_harmless_folder_names),
	        test(test_trace__an_unwritable_folder_costs_a_warning_only),
	        test(test_trace__always_writes_while_it_goes_on),
	        test(test_trace__a_failure_is_on_disk_while_the_connection_lives),
	        test(test_trace__large_files_rotate),
	        test(test_trace__a_stop_loses_no_line),
	        test(test_trace__the_head_keeps_to_its_lines),
	        test(test_trace__the_words_of_the_mask_are_those_of_the_lines),
	};

	work_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
