/* Who may ask the control socket for what, and whose socket file it is. */
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/runtime/control_rig.h"

/* ---- rights -------------------------------------------------------------------------------- */

static void check_right(uid_t uid, gid_t gid, enum peer_right want)
{
	const struct peer_rules rules = {.daemon = 900, .operators = 901, .readers = 902};
	struct peer p = {.uid = uid, .groups = {100, gid}, .group_count = 2};

	assert_int_equal(peer_right(&p, &rules), want);
}

static void test_peer__rights(void **state)
{
	const struct peer_rules open = {.daemon = 900, .operators = 901, .readers = (gid_t)-1};
	struct peer nobody = {.uid = 1000, .groups = {(gid_t)-1}, .group_count = 1};

	(void)state;
	check_right(0, 0, RIGHT_OPERATE);
	check_right(900, 0, RIGHT_OPERATE);
	check_right(1000, 901, RIGHT_OPERATE);
	check_right(1000, 902, RIGHT_READ);
	check_right(1000, 900, RIGHT_NONE);
	check_right(1000, 0, RIGHT_NONE);
	assert_int_equal(peer_right(&nobody, &open), RIGHT_NONE);
}

static const char *const read_verbs[] = {
        "{\"v\":1,\"verb\":\"status\"}",
        "{\"v\":1,\"verb\":\"routes\"}",
        "{\"v\":1,\"verb\":\"ps\"}",
        "{\"v\":1,\"verb\":\"jobs\"}",
        "{\"v\":1,\"verb\":\"show\",\"args\":{\"job\":7}}",
};
static const char *const operate_verbs[] = {
        "{\"v\":1,\"verb\":\"poll\",\"args\":{\"route\":\"route-1\"}}",
        "{\"v\":1,\"verb\":\"pause\",\"args\":{\"route\":\"route-1\"}}",
        "{\"v\":1,\"verb\":\"resume\",\"args\":{\"route\":\"route-1\"}}",
        "{\"v\":1,\"verb\":\"retry\",\"args\":{\"job\":7}}",
        "{\"v\":1,\"verb\":\"retry-all\"}",
        "{\"v\":1,\"verb\":\"hold\",\"args\":{\"job\":7}}",
        "{\"v\":1,\"verb\":\"hold-all\",\"args\":{\"route\":\"route-1\"}}",
        "{\"v\":1,\"verb\":\"cancel\",\"args\":{\"job\":7}}",
        "{\"v\":1,\"verb\":\"reload\"}",
};

static int swallow(void *arg, const void *data, size_t n, struct err *e)
{
	(void)e;
	return buf_add(arg, data, n) < 0;
}

/* Without a socket: the verb table alone, on a fiber. */
static void check_verb(const char *text, enum peer_right right, bool allowed)
{
	struct request request;
	struct answer answer;
	struct buf got;
	struct err e;

	buf_init(&got, 8 * 1024 * 1024);
	answer_init(&answer, CONTROL_LINE_BYTES);
	answer.write = swallow;
	answer.arg = &got;
	check(request_parse(text, strlen(text), &request, &e) == 0);
	check(verbs_run(&request, right, &engine, &answer, &e) == 0);
	check(!strstr(buf_text(&got), "CONTROL-NOT-PERMITTED") == allowed);
	request_release(&request);
	answer_release(&answer);
	buf_release(&got);
}

static void check_matrix(struct worker *w)
{
	(void)w;
	for (enum peer_right right = RIGHT_NONE; right <= RIGHT_OPERATE; right++) {
		for (size_t i = 0; i < sizeof(read_verbs) / sizeof(*read_verbs); i++)
			check_verb(read_verbs[i], right, right >= RIGHT_READ);
		for (size_t i = 0; i < sizeof(operate_verbs) / sizeof(*operate_verbs); i++)
			check_verb(operate_verbs[i], right, right >= RIGHT_OPERATE);
	}
}

static void test_verbs__need_their_rights(void **state)
{
	(void)state;
	rig_run(check_matrix);
	assert_int_equal(paper.reloads, 1);
	assert_int_equal(paper.polls, 1);
}

/* A child that becomes `uid` with the groups given and asks once; its exit status: 0 answered,
 * 1 not permitted, 2 anything else. Only plain calls: it was forked from a thread. */
static int ask_as(uid_t uid, gid_t group, gid_t extra)
{
	static const char request[] = "{\"v\":1,\"verb\":\"ps\"}\n";
	int status;
	pid_t child = fork();

	check(child >= 0);
	if (child == 0) {
		char text[4096] = "";
		int fd;

		if (syscall(SYS_setgroups, 1, &extra) < 0 || setresgid(group, group, group) < 0 ||
		    setresuid(uid, uid, uid) < 0)
			_exit(2);
		fd = dial();
		(void)send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
		if (recv(fd, text, sizeof(text) - 1, 0) <= 0)
			_exit(2);
		_exit(strstr(text, "CONTROL-NOT-PERMITTED") ? 1 : 0);
	}
	check(waitpid(child, &status, 0) == child && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void ask_as_others(void)
{
	struct stat st;

	check(stat(path, &st) == 0 && (st.st_mode & 0777) == 0660);
	check(chmod(path, 0666) == 0); /* so that the daemon itself has to decide */
	check(ask_as(0, 0, 0) == 0);
	check(ask_as(12345, 12345, st.st_gid) == 0);
	check(ask_as(12345, st.st_gid, 12345) == 0);
	check(ask_as(12345, 12345, 12346) == 1);
}

static void test_control__lets_in_root_and_the_group(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	with_server(ask_as_others);
}

/* ---- the socket file ----------------------------------------------------------------------- */

static void check_listen_refused(const char *where, const char *code)
{
	struct control_listener l;
	struct err e = {0};

	assert_true(control_listen(where, &l, &e) < 0);
	assert_string_equal(e.code, code);
}

static void test_listener__replaces_only_a_dead_socket(void **state)
{
	struct control_listener first, second;
	struct err e;
	char file[128];
	int fd;

	(void)state;
	assert_int_equal(control_listen(path, &first, &e), 0);
	check_listen_refused(path, "CONTROL-IN-USE");
	assert_int_equal(close(first.fd), 0); /* as after a crash: the file stays */
	assert_int_equal(control_listen(path, &second, &e), 0);
	control_remove_file(&first); /* not its own any more */
	assert_int_equal(access(path, F_OK), 0);
	control_unlisten(&second);
	(void)snprintf(file, sizeof(file), "%s/file", folder);
	fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	check_listen_refused(file, "CONTROL-NOT-SOCKET");
	assert_int_equal(unlink(file), 0);
	(void)snprintf(file, sizeof(file), "%s/missing/control.sock", folder);
	check_listen_refused(file, "CONTROL-BIND");
	check_listen_refused("control.sock", "CONTROL-BIND");
	check_listen_refused("/tmp/0123456789012345678901234567890123456789012345678901234567890123"
	                     "45678901234567890123456789012345678901234567890123456789",
	                     "CONTROL-BIND");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_peer__rights),
	        with_folder(test_verbs__need_their_rights),
	        with_folder(test_control__lets_in_root_and_the_group),
	        with_folder(test_listener__replaces_only_a_dead_socket),
	};

	work_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
