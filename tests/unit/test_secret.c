#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/secret.h"
#include "config/secret_command.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

/* ---- verbs --------------------------------------------------------------------------------- */

static char dir[] = "/tmp/test-secret-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char *path _cleanup_free_ = mem_printf("%s/secret", dir);

	(void)state;
	(void)unlink(path); /* the last test may have none */
	return rmdir(dir);
}

/* The file's path, until the next call. */
static const char *write_file(const char *text, size_t n, mode_t mode)
{
	static char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/secret", dir);
	(void)unlink(path); /* of the test before */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
	return path;
}

static void check_secret(const struct secret_ref *ref, const char *want)
{
	struct err e = {0};
	struct secret s;

	if (secret_read(ref, &s, &e) < 0)
		fail_msg("%s", e.message);
	assert_string_equal(s.bytes, want);
	assert_int_equal(s.len, strlen(want));
	secret_wipe(&s);
	assert_null(s.bytes);
}

static void check_refused(const struct secret_ref *ref, int kind, const char *code)
{
	struct err e = {0};
	struct secret s;

	assert_int_equal(secret_read(ref, &s, &e), kind);
	assert_string_equal(e.code, code);
}

static struct secret_ref file_ref(const char *text, mode_t mode)
{
	return (struct secret_ref){SECRET_FILE, write_file(text, strlen(text), mode), NULL};
}

#define SHELL(script)                               \
	(&(struct secret_ref){SECRET_COMMAND, NULL, \
	                      (const char *const[]){"/bin/sh", "-c", script, NULL}})

/* ---- files --------------------------------------------------------------------------------- */

static void test_secret__file_loses_one_line_end(void **state)
{
	struct secret_ref ref = file_ref("pass word\n", 0600);

	(void)state;
	check_secret(&ref, "pass word");
	ref = file_ref("two\n\n", 0400);
	check_secret(&ref, "two\n");
	ref = file_ref("none", 0600);
	check_secret(&ref, "none");
}

static void test_secret__file_must_be_private(void **state)
{
	struct secret_ref ref = file_ref("x", 0640);

	(void)state;
	check_refused(&ref, ERR_CONFIG, "SECRET-MODE");
	ref = file_ref("x", 0604);
	check_refused(&ref, ERR_CONFIG, "SECRET-MODE");
	ref = (struct secret_ref){SECRET_FILE, dir, NULL};
	check_refused(&ref, ERR_CONFIG, "SECRET-MODE");
}

static void test_secret__file_must_hold_something(void **state)
{
	struct secret_ref ref = file_ref("\n", 0600);

	(void)state;
	check_refused(&ref, ERR_CONFIG, "SECRET-EMPTY");
	ref = (struct secret_ref){SECRET_FILE, "/nonexistent/secret", NULL};
	check_refused(&ref, ERR_CONFIG, "SECRET-OPEN");
}

static void test_secret__file_has_a_largest_size(void **state)
{
	char *big _cleanup_free_ = mem_new(SECRET_MAX + 2);
	struct secret_ref ref = {SECRET_FILE, NULL, NULL};

	(void)state;
	memset(big, 'x', SECRET_MAX + 1);
	ref.text = write_file(big, SECRET_MAX + 1, 0600);
	check_refused(&ref, ERR_CONFIG, "SECRET-SIZE");
	big[SECRET_MAX] = '\0';
	ref.text = write_file(big, SECRET_MAX, 0600);
	check_secret(&ref, big);
}

/* ---- credentials, environment, literals ---------------------------------------------------- */

static void test_secret__credential_is_a_file_of_the_service(void **state)
{
	struct secret_ref ref = {SECRET_CREDENTIAL, "secret", NULL};

	(void)state;
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	check_refused(&ref, ERR_CONFIG, "SECRET-CREDENTIAL");
	(void)setenv("CREDENTIALS_DIRECTORY", dir, 1);
	(void)write_file("from systemd\n", 13, 0440); /* an access list shows as a group bit */
	check_secret(&ref, "from systemd");
	ref.text = "other";
	check_refused(&ref, ERR_CONFIG, "SECRET-CREDENTIAL");
}

static void test_secret__env_and_value_are_taken_as_they_are(void **state)
{
	struct secret_ref env = {SECRET_ENV, "FERRYD_TEST_SECRET", NULL};
	struct secret_ref value = {SECRET_VALUE, "literal", NULL};

	(void)state;
	check_refused(&env, ERR_CONFIG, "SECRET-ENV");
	(void)setenv("FERRYD_TEST_SECRET", "from env\n", 1);
	check_secret(&env, "from env\n");
	check_secret(&value, "literal");
}

/* ---- commands ------------------------------------------------------------------------------ */

static void test_secret__command_says_it(void **state)
{
	(void)state;
	check_secret(SHELL("echo spoken"), "spoken");
	check_secret(SHELL("printf %s \"$PATH\""), "/usr/sbin:/usr/bin:/sbin:/bin");
	check_secret(SHELL("cat; echo no input"), "no input");
	check_secret(SHELL("echo ${FERRYD_TEST_SECRET-none}"), "none");
}

static void test_secret__command_that_fails_is_retried(void **state)
{
	(void)state;
	check_refused(SHELL("echo half; exit 3"), ERR_LOCAL, "SECRET-COMMAND");
	check_refused(SHELL("kill -9 $$"), ERR_LOCAL, "SECRET-COMMAND");
	check_refused(SHELL("true"), ERR_CONFIG, "SECRET-EMPTY");
	check_refused(SHELL("head -c 70000 /dev/zero"), ERR_CONFIG, "SECRET-COMMAND");
	check_refused(&(struct secret_ref){SECRET_COMMAND, NULL,
	                                   (const char *const[]){"/nonexistent/x", NULL}},
	              ERR_CONFIG, "SECRET-COMMAND");
}

static void check_cut(const char *script)
{
	char bytes[64];
	struct secret_output out = {.bytes = bytes, .room = sizeof(bytes)};
	int64_t before = clock_mono_ms();
	struct err e = {0};

	assert_int_equal(secret_command_run((const char *const[]){"/bin/sh", "-c", script, NULL},
	                                    100, &out, &e),
	                 ERR_LOCAL);
	assert_in_range(clock_mono_ms() - before, 90, 5000);
}

static void test_secret__command_has_a_time_limit(void **state)
{
	(void)state;
	check_cut("sleep 60");
	check_cut("exec >&-; sleep 60");
	check_cut("sleep 60 & echo x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_secret__file_loses_one_line_end),
	        cmocka_unit_test(test_secret__file_must_be_private),
	        cmocka_unit_test(test_secret__file_must_hold_something),
	        cmocka_unit_test(test_secret__file_has_a_largest_size),
	        cmocka_unit_test(test_secret__credential_is_a_file_of_the_service),
	        cmocka_unit_test(test_secret__env_and_value_are_taken_as_they_are),
	        cmocka_unit_test(test_secret__command_says_it),
	        cmocka_unit_test(test_secret__command_that_fails_is_retried),
	        cmocka_unit_test(test_secret__command_has_a_time_limit),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
