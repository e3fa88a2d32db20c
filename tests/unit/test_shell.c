/*
 * Words for a shell: judged by the shell itself, which is asked to give them back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "adapters/command.h"
#include "adapters/sftp/shell.h"
#include "daemon/base/mem.h"

static char *quote(const char *word)
{
	struct buf b;
	char *out;

	buf_init(&b, 65536);
	assert_int_equal(shell_word(&b, word), 0);
	out = mem_dup(buf_text(&b));
	buf_release(&b);
	return out;
}

static void check_quoted(const char *word, const char *want)
{
	char *got _cleanup_free_ = quote(word);

	assert_string_equal(got, want);
}

static void test_shell__quotes_what_is_not_plain(void **state)
{
	(void)state;
	check_quoted("plain/Path-1.0_x:y,z@h%+", "plain/Path-1.0_x:y,z@h%+");
	check_quoted("", "''");
	check_quoted("a b", "'a b'");
	check_quoted("it's", "'it'\\''s'");
	check_quoted("'", "''\\'''");
	check_quoted("A=1", "'A=1'");
	check_quoted("~", "'~'");
	check_quoted("$(x)`y`;&|<>*?[]{}!#\\\"", "'$(x)`y`;&|<>*?[]{}!#\\\"'");
}

/* What /bin/sh takes the quoted word for. */
static void check_survives(const char *word)
{
	char *quoted _cleanup_free_ = quote(word);
	char *line _cleanup_free_ = mem_printf("printf %%s %s", quoted);
	char got[512] = "";
	int pipe_ends[2], status;
	size_t n = 0;
	ssize_t part;
	pid_t pid;

	assert_int_equal(pipe(pipe_ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(pipe_ends[1], 1);
		(void)execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(126);
	}
	(void)close(pipe_ends[1]);
	while ((part = read(pipe_ends[0], got + n, sizeof(got) - 1 - n)) > 0)
		n += (size_t)part;
	(void)close(pipe_ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_string_equal(got, word);
}

static void test_shell__gives_words_back_as_they_were(void **state)
{
	char all[256];

	(void)state;
	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	check_survives(all);
	check_survives("line\nbreak\ttab");
	check_survives("''''");
	check_survives("-n");
	check_survives("$HOME ~ * $(id)");
}

static void test_shell__stops_at_the_limit(void **state)
{
	struct buf b;

	(void)state;
	for (size_t limit = 0; limit < 8; limit++) {
		buf_init(&b, limit);
		assert_int_equal(shell_word(&b, "a'b"), -1);
		buf_release(&b);
	}
	buf_init(&b, 8);
	assert_int_equal(shell_word(&b, "a'b"), 0);
	assert_int_equal(buf_len(&b), 8);
	buf_release(&b);
}

/* ---- what is kept of an output ------------------------------------------------------------- */

static void test_command__keeps_the_end_of_an_output(void **state)
{
	struct command_result r;
	char *big _cleanup_free_ = mem_new(3 * COMMAND_OUTPUT_BYTES);

	(void)state;
	command_result_init(&r);
	memset(big, 'x', 3 * COMMAND_OUTPUT_BYTES);
	command_output_add(&r.out, big, COMMAND_OUTPUT_BYTES);
	assert_int_equal(r.out.dropped, 0);
	command_output_add(&r.out, "end", 3);
	assert_int_equal(r.out.dropped, 3);
	assert_int_equal(buf_len(&r.out.text), COMMAND_OUTPUT_BYTES);
	assert_memory_equal(buf_data(&r.out.text) + COMMAND_OUTPUT_BYTES - 4, "xend", 4);
	big[3 * COMMAND_OUTPUT_BYTES - 1] = 'y';
	command_output_add(&r.out, big, 3 * COMMAND_OUTPUT_BYTES);
	assert_int_equal(buf_len(&r.out.text), COMMAND_OUTPUT_BYTES);
	assert_int_equal(buf_data(&r.out.text)[COMMAND_OUTPUT_BYTES - 1], 'y');
	assert_int_equal(r.out.dropped, 3 * COMMAND_OUTPUT_BYTES + 3);
	command_result_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_shell__quotes_what_is_not_plain),
	        cmocka_unit_test(test_shell__gives_words_back_as_they_were),
	        cmocka_unit_test(test_shell__stops_at_the_limit),
	        cmocka_unit_test(test_command__keeps_the_end_of_an_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
