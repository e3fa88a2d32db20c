#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapters/ftps/curl_state.h"

static struct curl_loop loop;

static int begin(void **state)
{
	(void)state;
	memset(&loop, 0, sizeof(loop));
	return pthread_mutex_init(&loop.lock, NULL);
}

static int open_socket(curlsocktype purpose)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(curl_sockets_add(&loop, fd, purpose));
	return fd;
}

/* As libcurl's closing callback does it. */
static void close_socket(int fd)
{
	curl_sockets_remove(&loop, fd);
	close(fd);
}

static void test_curl_sockets__are_bounded_and_the_gone_do_not_count(void **state)
{
	int fds[SOCKETS_MOST], extra = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	for (int i = 0; i < SOCKETS_MOST; i++)
		fds[i] = open_socket(CURLSOCKTYPE_IPCXN);
	assert_false(curl_sockets_add(&loop, extra, CURLSOCKTYPE_IPCXN));
	close(fds[2]); /* without a word */
	assert_true(curl_sockets_add(&loop, extra, CURLSOCKTYPE_IPCXN));
	fds[2] = extra;
	for (int i = 0; i < SOCKETS_MOST; i++)
		close_socket(fds[i]);
	assert_int_equal(loop.socket_count, 0);
}

static void test_curl_sockets__a_number_given_anew_is_not_the_old_socket(void **state)
{
	int fd = open_socket(CURLSOCKTYPE_IPCXN), other;

	(void)state;
	close(fd);
	other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(other, fd); /* the lowest free one: POSIX */
	assert_false(curl_sockets_sweep(&loop));
	assert_int_equal(loop.socket_count, 0);
	close(other);
}

static void test_curl_sockets__the_end_of_an_accepted_one_is_told(void **state)
{
	int control = open_socket(CURLSOCKTYPE_IPCXN), data = open_socket(CURLSOCKTYPE_ACCEPT);

	(void)state;
	assert_true(curl_sockets_accepted(&loop));
	assert_false(curl_sockets_sweep(&loop));
	close(data);
	assert_true(curl_sockets_sweep(&loop));
	assert_false(curl_sockets_accepted(&loop));
	assert_int_equal(loop.socket_count, 1);
	close_socket(control);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(test_curl_sockets__are_bounded_and_the_gone_do_not_count,
	                               begin),
	        cmocka_unit_test_setup(test_curl_sockets__a_number_given_anew_is_not_the_old_socket,
	                               begin),
	        cmocka_unit_test_setup(test_curl_sockets__the_end_of_an_accepted_one_is_told,
	                               begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
