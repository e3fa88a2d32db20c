#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/base/mem.h"
#include "daemon/control/client.h"
#include "daemon/control/listener.h"

/* ---- a daemon that has said all it will say ------------------------------------------------ */

struct exchange {
	int r;
	size_t items;
	struct err e;
};

static void count_item(const json_t *item, void *arg)
{
	struct exchange *x = arg;

	assert_non_null(item);
	x->items++;
}

/* What the client makes of these bytes, after which the far end hangs up. */
static struct exchange hear(const char *said, size_t n)
{
	json_t *request = json_pack("{si ss}", "v", 1, "verb", "ps"), *end = NULL;
	struct client c = {.path = "/run/x.sock"};
	struct exchange x = {0};
	int room = 1024 * 1024, pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	(void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	assert_int_equal(send(pair[1], said, n, MSG_NOSIGNAL | MSG_DONTWAIT), (ssize_t)n);
	(void)shutdown(pair[1], SHUT_WR);
	c.fd = pair[0];
	c.silence_ms = CLIENT_SILENCE_MS;
	buf_init(&c.in, 2 * CLIENT_LINE_BYTES);
	x.r = client_ask(&c, request, count_item, &x, &end, &x.e);
	assert_true((x.r == 0) == (end != NULL));
	json_decref(end);
	client_close(&c);
	(void)close(pair[1]);
	return x;
}

static void check_heard(const char *said, const char *code, size_t items)
{
	struct exchange x = hear(said, strlen(said));

	if (*code == '\0')
		assert_int_equal(x.r, 0);
	else
		assert_string_equal(x.e.code, code);
	assert_int_equal(x.items, items);
}

static void test_client__takes_items_up_to_the_end(void **state)
{
	(void)state;
	check_heard("{\"ok\":true}\n", "", 0);
	check_heard("{\"item\":{}}\n{\"item\":{}}\n{\"ok\":true,\"result\":{}}\n", "", 2);
	check_heard("{\"item\":{}}\n{\"ok\":false,\"error\":{\"message\":\"no\"}}\n", "", 1);
}

static void test_client__knows_what_is_not_the_protocol(void **state)
{
	(void)state;
	check_heard("SSH-2.0-OpenSSH_9.2\r\n", "CTL-PROTOCOL", 0);
	check_heard("[]\n", "CTL-PROTOCOL", 0);
	check_heard("{}\n", "CTL-PROTOCOL", 0);
	check_heard("{\"ok\":false}\n", "CTL-PROTOCOL", 0);
	check_heard("{\"ok\":false,\"error\":\"no\"}\n", "CTL-PROTOCOL", 0);
	check_heard("{\"item\":1}\n\n", "CTL-PROTOCOL", 1);
}

static void test_client__says_when_the_daemon_hung_up(void **state)
{
	(void)state;
	check_heard("", "CTL-UNREACHABLE", 0);
	check_heard("{\"item\":{}}\n{\"ok\":tr", "CTL-UNREACHABLE", 1);
}

static void check_line_of(size_t bytes, const char *code)
{
	char *line = mem_new(bytes + 1);

	memset(line, ' ', bytes);
	memcpy(line, "{\"ok\":true}", 11);
	line[bytes - 1] = '\n';
	check_heard(line, code, 0);
	free(line);
}

static void test_client__a_line_has_a_limit(void **state)
{
	char *endless = mem_new(2 * CLIENT_LINE_BYTES + 1);

	(void)state;
	check_line_of(CLIENT_LINE_BYTES, "");
	memset(endless, ' ', 2 * CLIENT_LINE_BYTES);
	check_heard(endless, "CTL-PROTOCOL", 0);
	free(endless);
}

/* ---- reaching it --------------------------------------------------------------------------- */

static char folder[64], path[96];

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ferryd-client-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chmod(folder, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/control.sock", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)unlink(path);
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

static void check_unreachable(const char *where, const char *words)
{
	struct client c;
	struct err e = {0};

	assert_true(client_open(&c, where, &e) < 0);
	assert_string_equal(e.code, "CTL-UNREACHABLE");
	if (!strstr(e.message, words) || !strstr(e.message, where))
		fail_msg("\"%s\" does not say \"%s\"", e.message, words);
}

static void test_client__says_why_nobody_answers(void **state)
{
	struct control_listener l;
	struct err e;

	(void)state;
	check_unreachable(path, "no such socket. Is it running?");
	assert_int_equal(control_listen(path, &l, &e), 0);
	assert_int_equal(close(l.fd), 0); /* as if it had died */
	check_unreachable(path, "nobody listens");
}

/* Exit status of a child without rights that opens the socket: 0 opened, 1 denied, 2 otherwise. */
static int open_as(uid_t uid)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct client c;
		struct err e;

		if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
			_exit(2);
		if (client_open(&c, path, &e) == 0)
			_exit(0);
		_exit(strcmp(e.code, "CTL-DENIED") == 0 && strstr(e.message, "usermod") ? 1 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static void test_client__says_who_may(void **state)
{
	struct control_listener l;
	struct err e;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(control_listen(path, &l, &e), 0);
	assert_int_equal(open_as(12345), 1);
	assert_int_equal(open_as(0), 0);
	control_unlisten(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_client__takes_items_up_to_the_end),
	        cmocka_unit_test(test_client__knows_what_is_not_the_protocol),
	        cmocka_unit_test(test_client__says_when_the_daemon_hung_up),
	        cmocka_unit_test(test_client__a_line_has_a_limit),
	        cmocka_unit_test_setup_teardown(test_client__says_why_nobody_answers, make_folder,
	                                        remove_folder),
	        cmocka_unit_test_setup_teardown(test_client__says_who_may, make_folder,
	                                        remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
