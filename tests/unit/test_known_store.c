/* Entries that are added to known_hosts files and replaced in them: texts by tables, files for
 * real, several writers at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/sftp/known_hosts.h"
#include "adapters/sftp/known_store.h"
#include "daemon/base/mem.h"

#define ED_A "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
#define ED_B "AAAAC3NzaC1lZDI1NTE5AAAAIP/+/fz7+vn49/b19PPy8fDv7u3s6+rp6Ofm5eTj4uHg"
#define A    "ssh-ed25519 " ED_A
#define B    "ssh-ed25519 " ED_B
/* "h", hashed by ssh-keygen -H */
#define HASHED "|1|E+a6Ub2dU9Xr3w3/68HNAikrQKg=|vjd2Qv1LFy0nPgd5maCA2SJ87XM="

static unsigned char blob_a[64];
static size_t blob_bytes;
static char folder[64], file[96], other[96];

static struct known_entry entry_of(int port)
{
	return (struct known_entry){
	        .host = "h",
	        .host_port = port == 22 ? "[h]:22" : "[h]:2222",
	        .standard_port = port == 22,
	        .blob = blob_a,
	        .blob_bytes = blob_bytes,
	        .comment = "test",
	};
}

/* ---- texts --------------------------------------------------------------------------------- */

static void test_known_edit__takes_other_keys_of_the_host_out(void **state)
{
	static const struct {
		const char *before, *after;
		int port;
	} rows[] = {
	        {"", "", 22},
	        {"h " B "\n", "# replaced, test: h " B "\n", 22},
	        {"h " B, "# replaced, test: h " B, 22},
	        {"h " B "\r\n", "# replaced, test: h " B "\r\n", 22},
	        {"[h]:22 " B "\n", "# replaced, test: [h]:22 " B "\n", 22},
	        {HASHED " " B "\n", "# replaced, test: " HASHED " " B "\n", 22},
	        {"h " A "\n", "h " A "\n", 22},
	        {"h,i " B "\n", "!h,h,i " B "\n", 22},
	        {"h,[h]:22 " B "\n", "![h]:22,!h,h,[h]:22 " B "\n", 22},
	        {"* " B "\n", "![h]:22,!h,* " B "\n", 22},
	        {"i " B "\n# h " B "\n\ngarbage\n", "i " B "\n# h " B "\n\ngarbage\n", 22},
	        {"@revoked h " B "\n@cert-authority h " B "\n",
	         "@revoked h " B "\n@cert-authority h " B "\n", 22},
	        {"h " B "\n", "h " B "\n", 2222}, /* speaks of port 22 */
	        {"[h]:2222 " B "\nh " B "\n", "# replaced, test: [h]:2222 " B "\nh " B "\n", 2222},
	        {"[*]:2222 " B "\n", "![h]:2222,[*]:2222 " B "\n", 2222},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct known_entry entry = entry_of(rows[i].port);
		struct known_edited out;

		assert_int_equal(known_edit_replace(&entry, rows[i].before, strlen(rows[i].before),
		                                    4096, &out),
		                 0);
		if (strcmp(buf_text(&out.text), rows[i].after) != 0)
			fail_msg("row %zu gives: %s", i, buf_text(&out.text));
		assert_int_equal(out.changes > 0, strcmp(rows[i].before, rows[i].after) != 0);
		buf_release(&out.text);
	}
}

static void test_known_edit__keeps_its_limit(void **state)
{
	struct known_entry entry = entry_of(22);
	struct known_edited out;
	const char *text = "h " B "\n";
	size_t longer = strlen(text) + strlen("# replaced, test: ");

	(void)state;
	assert_int_equal(known_edit_replace(&entry, text, strlen(text), longer - 1, &out), -1);
	assert_int_equal(known_edit_replace(&entry, text, strlen(text), longer, &out), 0);
	assert_int_equal(out.lines[0], 1);
	buf_release(&out.text);
}

/* What we write, our reader finds, plain and hashed, on every port; no other host does. */
static void test_known_edit__its_lines_are_read_again(void **state)
{
	static const unsigned char salt[KNOWN_SALT_BYTES] = "nothing is random";

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct known_entry entry = entry_of(i & 1 ? 22 : 2222);
		const struct known_key *which;
		struct known_keys keys;
		struct buf line;

		entry.hash = i & 2;
		buf_init(&line, 4096);
		known_edit_line(&entry, salt, &line);
		assert_int_equal(strncmp(buf_text(&line), "|1|", 3) == 0, entry.hash);
		known_keys_init(&keys, "H", i & 1 ? 22 : 2222);
		known_keys_read(&keys, "f", buf_text(&line), buf_len(&line), NULL);
		assert_int_equal(known_keys_judge(&keys, blob_a, blob_bytes, &which), KNOWN_OK);
		known_keys_release(&keys);
		known_keys_init(&keys, "i", i & 1 ? 22 : 2222);
		known_keys_read(&keys, "f", buf_text(&line), buf_len(&line), NULL);
		assert_int_equal(known_keys_judge(&keys, blob_a, blob_bytes, &which),
		                 KNOWN_UNKNOWN);
		known_keys_release(&keys);
		buf_release(&line);
	}
}

/* ---- files --------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static const char *content(const char *path)
{
	static char text[8192];
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	assert_int_equal(fclose(f), 0);
	return text;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static int begin(void **state)
{
	long n = base64_decode(ED_A, strlen(ED_A), blob_a, sizeof(blob_a));

	(void)state;
	blob_bytes = (size_t)n;
	(void)snprintf(folder, sizeof(folder), "/tmp/ferryd-store-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(file, sizeof(file), "%s/known_hosts", folder);
	(void)snprintf(other, sizeof(other), "%s/state/known_hosts", folder);
	return 0;
}

static int end(void **state)
{
	char *dir = mem_printf("%s/state", folder);

	(void)state;
	(void)unlink(other);
	(void)rmdir(other);
	(void)rmdir(dir);
	(void)unlink(file);
	(void)rmdir(file);
	free(dir);
	assert_int_equal(rmdir(folder), 0); /* no temporary file is left */
	return 0;
}

static int add(struct known_stored *done, struct err *e)
{
	const char *files[] = {file, other};
	struct known_entry entry = entry_of(22);

	return known_store_add(&(struct known_files){files, 2}, &entry, done, e);
}

static int trust(struct known_stored *done, struct err *e)
{
	const char *files[] = {file, other};
	struct known_entry entry = entry_of(22);

	return known_store_trust(&(struct known_files){files, 2}, &entry, done, e);
}

static void test_known_store__makes_the_file(void **state)
{
	struct known_stored done;
	struct err e;

	(void)state;
	assert_int_equal(add(&done, &e), 0);
	assert_string_equal(content(file), "h " A " test\n");
	assert_int_equal(mode_of(file), 0600);
	assert_string_equal(done.file, file);
	assert_int_equal(done.line, 1);
}

static void test_known_store__appends_and_keeps_the_mode(void **state)
{
	struct known_stored done;
	struct err e;

	(void)state;
	write_file(file, "# ours\ni " B, 0640); /* no line feed at its end */
	assert_int_equal(add(&done, &e), 0);
	assert_string_equal(content(file), "# ours\ni " B "\nh " A " test\n");
	assert_int_equal(mode_of(file), 0640);
	assert_int_equal(done.line, 3);
	assert_false(done.was_there);
	assert_int_equal(add(&done, &e), 0); /* once is enough */
	assert_true(done.was_there);
	assert_int_equal(done.line, 3);
	assert_string_equal(content(file), "# ours\ni " B "\nh " A " test\n");
}

static void test_known_store__falls_back_to_the_second_file(void **state)
{
	struct known_stored done;
	struct err e;

	(void)state;
	assert_int_equal(mkdir(file, 0700), 0); /* nobody writes into a directory */
	assert_int_equal(add(&done, &e), 0);
	assert_string_equal(done.file, other);
	assert_string_equal(content(other), "h " A " test\n"); /* its directory was made, too */
}

static void test_known_store__says_where_it_cannot(void **state)
{
	struct known_stored done;
	struct err e;

	(void)state;
	assert_int_equal(mkdir(file, 0700), 0);
	write_file(other, "", 0600);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(mkdir(other, 0700), 0);
	assert_int_equal(add(&done, &e), ERR_LOCAL);
	assert_string_equal(e.code, "SSH-HOSTKEY-NOT-STORED");
	assert_non_null(strstr(e.message, other));
}

static void test_known_store__sees_a_key_that_came_between(void **state)
{
	struct known_stored done;
	struct err e;

	(void)state;
	write_file(file, "h " B "\n", 0600);
	assert_int_equal(add(&done, &e), ERR_BUSY);
	assert_string_equal(e.code, "SSH-HOSTKEY-RACE");
	assert_string_equal(content(file), "h " B "\n");
}

static void test_known_store__writers_at_once_write_one_entry(void **state)
{
	enum { WRITERS = 8 };
	pid_t pids[WRITERS];
	struct known_stored done;
	struct err e;

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(add(&done, &e) == 0 ? 0 : 1);
	}
	for (int i = 0; i < WRITERS; i++) {
		int status = -1;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_string_equal(content(file), "h " A " test\n");
}

static void test_known_store__a_disk_without_room_leaves_no_half_line(void **state)
{
	struct known_stored done;
	struct err e;
	int status = -1;
	pid_t pid;

	(void)state;
	write_file(file, "i " B "\n", 0600);
	pid = fork();
	if (pid == 0) { /* the file may not grow further than a few bytes */
		struct rlimit limit = {strlen("i " B "\n") + 10, strlen("i " B "\n") + 10};
		const char *files[] = {file};
		struct known_entry entry = entry_of(22);

		(void)signal(SIGXFSZ, SIG_IGN);
		_exit(setrlimit(RLIMIT_FSIZE, &limit) == 0 &&
		                      known_store_add(&(struct known_files){files, 1}, &entry,
		                                      &done, &e) == ERR_LOCAL &&
		                      strcmp(e.code, "SSH-HOSTKEY-NOT-STORED") == 0
		              ? 0
		              : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_string_equal(content(file), "i " B "\n");
}

static void test_known_store__trust_replaces_in_every_file(void **state)
{
	struct known_stored done;
	struct err e;

	(void)state;
	write_file(file, "h " B "\ni,h " B "\n", 0644);
	assert_int_equal(add(&done, &e), ERR_BUSY);
	write_file(other, "", 0600);
	write_file(other, HASHED " " B "\n", 0600);
	assert_int_equal(trust(&done, &e), 0);
	assert_string_equal(content(file),
	                    "# replaced, test: h " B "\n!h,i,h " B "\nh " A " test\n");
	assert_int_equal(mode_of(file), 0644);
	assert_string_equal(content(other), "# replaced, test: " HASHED " " B "\n");
	assert_int_equal(done.line, 3);
	assert_int_equal(done.replaced_count, 3);
	assert_string_equal(done.replaced[2].file, other);
	assert_int_equal(done.replaced[1].line, 2);
	assert_false(done.replaced[0].is_left);
	assert_int_equal(trust(&done, &e), 0); /* again: nothing to do */
	assert_true(done.was_there);
	assert_int_equal(done.replaced_count, 0);
}

static int begin_with_state(void **state)
{
	char *dir;

	(void)begin(state);
	dir = mem_printf("%s/state", folder);
	assert_int_equal(mkdir(dir, 0700), 0);
	free(dir);
	return 0;
}

#define TEST(name)       cmocka_unit_test_setup_teardown(name, begin, end)
#define TEST_STATE(name) cmocka_unit_test_setup_teardown(name, begin_with_state, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(test_known_edit__takes_other_keys_of_the_host_out),
	        TEST(test_known_edit__keeps_its_limit),
	        TEST(test_known_edit__its_lines_are_read_again),
	        TEST(test_known_store__makes_the_file),
	        TEST(test_known_store__appends_and_keeps_the_mode),
	        TEST(test_known_store__falls_back_to_the_second_file),
	        TEST_STATE(test_known_store__says_where_it_cannot),
	        TEST(test_known_store__sees_a_key_that_came_between),
	        TEST(test_known_store__writers_at_once_write_one_entry),
	        TEST(test_known_store__a_disk_without_room_leaves_no_half_line),
	        TEST_STATE(test_known_store__trust_replaces_in_every_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
