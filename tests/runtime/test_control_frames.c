/* What may come over the control socket, from how many, and for how long. */
#include <sys/resource.h>

#include "tests/runtime/control_rig.h"

/* ---- frames -------------------------------------------------------------------------------- */

static void speak_in_pieces(void)
{
	const char *request = "{\"v\":1,\"verb\":\"ps\"}\n{\"v\":1,\"verb\":\"ps\"}\n{\"v\":1,";
	int fd = dial();

	for (const char *p = request; *p; p++)
		check(send(fd, p, 1, MSG_NOSIGNAL) == 1);
	for (int i = 0; i < 2; i++)
		json_decref(read_end(fd, NULL));
	say(fd, "\"verb\":\"ps\"}\n");
	json_decref(read_end(fd, NULL));
	(void)close(fd);
}

static void test_control__lines_may_come_in_pieces_and_together(void **state)
{
	(void)state;
	with_server(speak_in_pieces);
}

static void speak_at_length(size_t bytes, const char *want)
{
	char *text = mem_new(bytes + 1);
	json_t *end;
	int fd = dial();
	size_t n = (size_t)snprintf(text, bytes, "{\"v\":1,\"verb\":\"ps\"}");

	memset(text + n, ' ', bytes - n - 1);
	text[bytes - 1] = '\n';
	say(fd, text);
	end = read_end(fd, NULL);
	check(end && strcmp(code_of(end), want) == 0);
	json_decref(end);
	(void)close(fd);
	free(text);
}

static void speak_at_the_limit(void)
{
	speak_at_length(CONTROL_LINE_BYTES, "");
	speak_at_length(CONTROL_LINE_BYTES + 1, "CONTROL-TOO-LONG");
}

static void test_control__a_message_has_a_limit(void **state)
{
	(void)state;
	with_server(speak_at_the_limit);
}

static void stop_in_the_middle(void)
{
	int64_t begun = clock_mono_ms();
	int fd = dial();
	char byte;

	say(fd, "{\"v\":1,");
	check(hear(fd, &byte, 1, CONTROL_MESSAGE_MS + 3000) == 0);
	check(clock_mono_ms() - begun > CONTROL_MESSAGE_MS - 500);
	(void)close(fd);
}

static void test_control__an_unfinished_message_has_a_deadline(void **state)
{
	(void)state;
	with_server(stop_in_the_middle);
}

/* A generator of its own: the same frames on every machine. */
static uint32_t roll(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

static size_t make_frame(uint64_t *seed, char *out, size_t room)
{
	static const char whole[] =
	        "{\"v\":1,\"verb\":\"jobs\",\"args\":{\"route\":\"r\",\"limit\":2}}";
	size_t n = roll(seed) % room;

	if (roll(seed) % 3 == 0) {
		for (size_t i = 0; i < n; i++)
			out[i] = (char)roll(seed);
	} else {
		n = roll(seed) % sizeof(whole);
		memcpy(out, whole, n);
		if (n > 0 && roll(seed) % 2)
			out[roll(seed) % n] = (char)roll(seed);
	}
	out[n++] = '\n';
	return n;
}

/* Operators who hung up are still being noticed: until then there may be no room. */
static void await_room(void)
{
	int64_t until = clock_mono_ms() + 30000;
	bool is_busy = true;

	while (is_busy) {
		json_t *end = ask("{\"v\":1,\"verb\":\"ps\"}", NULL);

		is_busy = strcmp(code_of(end), "CONTROL-BUSY") == 0;
		check(is_busy || *code_of(end) == '\0');
		check(clock_mono_ms() < until);
		json_decref(end);
		(void)poll(NULL, 0, is_busy ? 20 : 0);
	}
}

/* Nobody reads the answers: each operator hangs up after some frames. */
static void babble(void)
{
	uint64_t seed = 42;
	char frame[257];

	for (int i = 0; i < 10000;) {
		int fd = dial();

		for (int k = 0; k < 100; k++, i++) {
			size_t n = make_frame(&seed, frame, sizeof(frame) - 1);

			if (send(fd, frame, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
				break;
		}
		(void)close(fd);
	}
	await_room();
}

static void test_control__survives_ten_thousand_wrong_frames(void **state)
{
	(void)state;
	with_server(babble);
}

static void nest_deep(void)
{
	enum { DEEP = 50000 };
	char *text = mem_new(DEEP + 1);

	memset(text, '[', DEEP);
	check_code(text, "CONTROL-REQUEST");
	free(text);
}

static void test_control__nesting_cannot_exhaust_a_fibers_stack(void **state)
{
	(void)state;
	with_server(nest_deep);
}

/* ---- operators ----------------------------------------------------------------------------- */

static void crowd(void)
{
	int fd[CONTROL_CLIENTS + 1];
	json_t *end;

	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		fd[i] = dial();
		say(fd[i], "{\"v\":1,\"verb\":\"ps\"}\n");
		json_decref(read_end(fd[i], NULL));
	}
	fd[CONTROL_CLIENTS] = dial();
	end = read_end(fd[CONTROL_CLIENTS], NULL);
	check(end && strcmp(code_of(end), "CONTROL-BUSY") == 0);
	json_decref(end);
	for (int i = 0; i <= CONTROL_CLIENTS; i++)
		(void)close(fd[i]);
}

static void test_control__has_room_for_so_many_operators(void **state)
{
	(void)state;
	with_server(crowd);
}

static void stay_connected(void)
{
	static int fd; /* left open on purpose: the server must not wait for it */

	fd = dial();
	say(fd, "{\"v\":1,\"verb\":\"ps\"}\n");
	json_decref(read_end(fd, NULL));
	say(fd, "{\"v\":1,\"verb\":\"rel");
}

static void test_control__stops_with_operators_connected(void **state)
{
	int64_t begun = clock_mono_ms();

	(void)state;
	with_server(stay_connected);
	assert_true(clock_mono_ms() - begun < 3000);
}

/* All descriptors are taken before the operator comes. */
static void exhaust_descriptors(void)
{
	struct rlimit before, tight;
	int mine = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), taken[64], n = 0;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	json_t *end;

	memcpy(a.sun_path, path, strlen(path) + 1);
	check(getrlimit(RLIMIT_NOFILE, &before) == 0);
	tight = (struct rlimit){.rlim_cur = 40, .rlim_max = before.rlim_max};
	check(setrlimit(RLIMIT_NOFILE, &tight) == 0);
	while (n < 64 && (taken[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		n++;
	check(connect(mine, (struct sockaddr *)&a, sizeof(a)) == 0);
	say(mine, "{\"v\":1,\"verb\":\"ps\"}\n");
	end = read_end(mine, NULL);
	while (n > 0)
		(void)close(taken[--n]);
	check(setrlimit(RLIMIT_NOFILE, &before) == 0);
	check(end && *code_of(end) == '\0');
	json_decref(end);
	(void)close(mine);
}

static void test_control__answers_when_descriptors_are_used_up(void **state)
{
	(void)state;
	with_server(exhaust_descriptors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        with_folder(test_control__lines_may_come_in_pieces_and_together),
	        with_folder(test_control__a_message_has_a_limit),
	        with_folder(test_control__an_unfinished_message_has_a_deadline),
	        with_folder(test_control__survives_ten_thousand_wrong_frames),
	        with_folder(test_control__nesting_cannot_exhaust_a_fibers_stack),
	        with_folder(test_control__has_room_for_so_many_operators),
	        with_folder(test_control__stops_with_operators_connected),
	        with_folder(test_control__answers_when_descriptors_are_used_up),
	};

	work_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
