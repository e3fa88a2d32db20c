/* Commands at a real sshd: status, signal, outputs, environment, silence, refusals, the link gone. */
#include "adapters/sftp/exec.h"
#include "tests/runtime/ssh_commands.h"

static const struct adapter *const sftp = &adapter_sftp;

/* ---- verbs --------------------------------------------------------------------------------- */

struct attempt {
	struct partner partner;
	struct connection *connection;
	struct command_result result;
	struct err e;
};

static void connect_to(struct attempt *a, const char *peer)
{
	memset(a, 0, sizeof(*a));
	partner_init(&a->partner, peer);
	partner_key(&a->partner, "ed25519", NULL);
	if (strcmp(peer, "cutter") == 0 || strcmp(peer, "idler") == 0)
		partner_trust_any(&a->partner);
	if (sftp->connect(&a->partner.endpoint, NULL, &a->connection, &a->e) < 0) {
		(void)fprintf(stderr, "%s: %s\n", a->e.code, a->e.message);
		abort();
	}
	command_result_init(&a->result);
}

static void leave(struct attempt *a)
{
	command_result_release(&a->result);
	sftp->close(a->connection);
}

/* "OK" or the code. */
static const char *run_with(struct attempt *a, const char *script, const char *variable,
                            int64_t timeout_ms)
{
	const char *const words[] = {"sh", "-c", script};
	const struct command c = {.words = words,
	                          .count = 3,
	                          .environment = &variable,
	                          .environment_count = variable ? 1 : 0,
	                          .timeout_ms = timeout_ms};

	command_result_release(&a->result);
	command_result_init(&a->result);
	if (sftp->execute(a->connection, &c, &a->result, &a->e) == 0)
		return "OK";
	check(a->e.kind < 0 && a->e.message[0]);
	return a->e.code;
}

/* It says something, goes on, and is given up. */
static void give_up(struct worker *w, struct attempt *a, const char *script)
{
	const char *const words[] = {"sh", "-c", script};
	const struct command c = {.words = words, .count = 3, .timeout_ms = 20000};

	command_give_up(w, a->connection, &c);
}

static const char *run(struct attempt *a, const char *script)
{
	return run_with(a, script, NULL, 20000);
}

#define check_run(got, want) check_same_code(got, want, &a.e)

static bool is_text(struct command_output *o, const char *want)
{
	return strcmp(buf_text(&o->text), want) == 0;
}

static bool is_usable(struct attempt *a)
{
	return sftp->is_alive(a->connection) && sftp->ping(a->connection, &a->e) == 0;
}

/* ---- how it ends --------------------------------------------------------------------------- */

static void ends(struct worker *w)
{
	struct attempt a;

	(void)w;
	connect_to(&a, "sshd");
	check_run(run(&a, "echo out; echo err >&2"), "OK");
	check(is_text(&a.result.out, "out\n") && is_text(&a.result.err, "err\n"));
	check_run(run(&a, "echo words; echo first >&2; echo the reason >&2; exit 7"),
	          "EXEC-FAILED");
	check(a.e.native == 7 && a.e.kind == ERR_OBJECT);
	check(says(&a.e, "ended with status 7") && says(&a.e, "saying: the reason"));
	check_run(run(&a, "exit 3"), "EXEC-FAILED");
	check(says(&a.e, "status 3 at the server without a word"));
	check_run(run(&a, "no-such-program-at-all"), "EXEC-FAILED");
	check(a.e.native == 127 && says(&a.e, "the program was not found"));
	check_run(run(&a, "echo dying >&2; kill -KILL $$"), "EXEC-SIGNAL");
	check(says(&a.e, "signal KILL") && says(&a.e, "dying"));
	check(is_usable(&a));
	leave(&a);
}

static void test_exec__tells_status_and_signal(void **state)
{
	(void)state;
	rig_run(ends);
}

static void passes_words(struct worker *w)
{
	static const char *const words[] = {"printf", "%s|", "a b", "it's",
	                                    "$HOME",  "*",   "",    "x\ny"};
	const struct command c = {.words = words, .count = 8, .timeout_ms = 20000};
	struct attempt a;

	(void)w;
	connect_to(&a, "sshd");
	check(sftp->execute(a.connection, &c, &a.result, &a.e) == 0);
	check(is_text(&a.result.out, "a b|it's|$HOME|*||x\ny|"));
	leave(&a);
}

static void test_exec__passes_words_as_they_are(void **state)
{
	(void)state;
	rig_run(passes_words);
}

static void keeps_ends(struct worker *w)
{
	struct attempt a;

	(void)w;
	connect_to(&a, "sshd");
	check_run(run(&a, "head -c 3000000 /dev/zero | tr '\\0' o; "
	                  "head -c 3000000 /dev/zero | tr '\\0' e >&2; echo last; echo cause >&2"),
	          "OK");
	check(buf_len(&a.result.out.text) == COMMAND_OUTPUT_BYTES);
	check(a.result.out.dropped == 3000005 - COMMAND_OUTPUT_BYTES);
	check(strcmp(buf_text(&a.result.out.text) + COMMAND_OUTPUT_BYTES - 6, "olast\n") == 0);
	check(buf_len(&a.result.err.text) == COMMAND_OUTPUT_BYTES);
	check(strcmp(buf_text(&a.result.err.text) + COMMAND_OUTPUT_BYTES - 7, "ecause\n") == 0);
	leave(&a);
}

static void test_exec__reads_all_and_keeps_the_end(void **state)
{
	(void)state;
	rig_run(keeps_ends);
}

/* A command that reads finds the end at once. */
static void gets_no_input(struct worker *w)
{
	struct attempt a;

	(void)w;
	connect_to(&a, "sshd");
	check_run(run(&a, "cat; echo done"), "OK");
	check(is_text(&a.result.out, "done\n"));
	leave(&a);
}

static void test_exec__gives_no_input(void **state)
{
	(void)state;
	rig_run(gets_no_input);
}

/* ---- environment --------------------------------------------------------------------------- */

static void sets_variables(struct worker *w)
{
	struct attempt a;

	(void)w;
	connect_to(&a, "sshd_env");
	check_run(run_with(&a, "echo $FERRY_STAGE", "FERRY_STAGE=a b", 20000), "OK");
	check(is_text(&a.result.out, "a b\n"));
	check_run(run_with(&a, "echo ran", "OTHER=x", 20000), "EXEC-REFUSED");
	check(a.e.kind == ERR_POLICY && says(&a.e, "the variable OTHER (AcceptEnv"));
	check(buf_len(&a.result.out.text) == 0); /* not run without it */
	check(is_usable(&a));
	leave(&a);
}

static void test_exec__sets_variables_or_says_why_not(void **state)
{
	(void)state;
	rig_run(sets_variables);
}

/* A server of the old kind finds the file by the bytes that its name has there. */
static void writes_latin_1(struct worker *w)
{
	struct attempt a;

	(void)w;
	connect_to(&a, "sshd_env");
	leave(&a);
	a.partner.endpoint.charset = CHARSET_LATIN_1;
	check(sftp->connect(&a.partner.endpoint, NULL, &a.connection, &a.e) == 0);
	command_result_init(&a.result);
	check_run(run_with(&a, "printf 'Gr\303\274\303\237e %s' \"$FERRY_NAME\"",
	                   "FERRY_NAME=Gr\303\274n", 20000),
	          "OK");
	check(is_text(&a.result.out, "Gr\374\337e Gr\374n"));
	check_run(run_with(&a, "echo ran", "FERRY_NAME=\342\202\254", 20000), "NAME-CHARSET");
	check(a.e.kind == ERR_POLICY && buf_len(&a.result.out.text) == 0);
	check_run(run(&a, "echo \342\202\254"), "NAME-CHARSET");
	check(is_usable(&a));
	leave(&a);
}

static void test_exec__writes_names_as_the_server_does(void **state)
{
	(void)state;
	rig_run(writes_latin_1);
}

/* ---- time ---------------------------------------------------------------------------------- */

static void ends_in_time(struct worker *w)
{
	struct attempt a;
	int64_t began = clock_mono_ms();

	(void)w;
	connect_to(&a, "sshd");
	/* long enough for a busy machine to begin it: what it said is told */
	check_run(run_with(&a, "echo begun; exec sleep 60", NULL, 4000), "EXEC-TIMEOUT");
	check(clock_mono_ms() - began < 60000);
	check(says(&a.e, "had not ended") && says(&a.e, "begun") && says(&a.e, "`timeout`"));
	check(is_usable(&a)); /* the files beside it go on */
	check_run(run(&a, "echo again"), "OK");
	leave(&a);
}

static void test_exec__has_a_deadline_of_its_own(void **state)
{
	(void)state;
	rig_run(ends_in_time);
}

/* Between us and the server somebody forgets a connection on which nothing came for 3 s; the command
 * is silent for longer, and longer than a request may take. */
static const char *run_silent(struct attempt *a, int64_t keepalive_ms)
{
	connect_to(a, "idler");
	leave(a);
	a->partner.endpoint.timeouts.request_ms = 1000;
	a->partner.endpoint.keepalive_ms = keepalive_ms;
	check(sftp->connect(&a->partner.endpoint, NULL, &a->connection, &a->e) == 0);
	command_result_init(&a->result);
	return run(a, "sleep 7; echo woke");
}

static void bears_silence(struct worker *w)
{
	struct attempt a;

	(void)w;
	check_run(run_silent(&a, 500), "OK");
	check(is_text(&a.result.out, "woke\n"));
	leave(&a);
	check_run(run_silent(&a, 0), "SSH-LOST"); /* so it was not nothing */
	leave(&a);
}

static void test_exec__bears_a_silent_command(void **state)
{
	(void)state;
	rig_run(bears_silence);
}

struct cut {
	struct worker *worker;
	bool done;
};

static void cut_later(void *arg)
{
	struct cut *c = arg;
	struct err e;

	check(fiber_sleep(300, "a command under way", &e) == 0);
	peers_ask("drop");
	c->done = true;
}

static void notices_the_link(struct worker *w)
{
	struct cut c = {w, false};
	struct attempt a;
	int64_t began = clock_mono_ms();

	connect_to(&a, "cutter");
	(void)fiber_start(w, "cut", cut_later, &c);
	check_run(run(&a, "sleep 60"), "SSH-LOST");
	check(a.e.kind == ERR_NETWORK && clock_mono_ms() - began < 20000);
	check(!sftp->is_alive(a.connection));
	rig_await(&c.done);
	leave(&a);
}

static void test_exec__notices_that_the_link_is_gone(void **state)
{
	(void)state;
	rig_run(notices_the_link);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void sees_through_success(struct worker *w)
{
	struct attempt a;

	(void)w;
	connect_to(&a, "sshd_internal");
	check_run(run(&a, "true"), "EXEC-REFUSED");
	check(a.e.kind == ERR_POLICY && says(&a.e, "limited to SFTP"));
	check(is_usable(&a));
	leave(&a);
	connect_to(&a, "sshd_forced");
	check_run(run(&a, "true"), "EXEC-REFUSED");
	check(a.e.kind == ERR_POLICY && says(&a.e, "reports success for every command"));
	check(is_usable(&a));
	leave(&a);
	connect_to(&a, "sshd");
	check_run(run(&a, "true"), "OK"); /* as silent, and true */
	leave(&a);
}

static void test_exec__sees_a_server_that_runs_nothing(void **state)
{
	(void)state;
	rig_run(sees_through_success);
}

static void needs_a_channel(struct worker *w)
{
	struct attempt a;

	(void)w;
	connect_to(&a, "sshd_one");
	check_run(run(&a, "true"), "EXEC-REFUSED");
	check(a.e.kind == ERR_BUSY && says(&a.e, "MaxSessions"));
	check(is_usable(&a));
	leave(&a);
}

static void test_exec__tells_that_sessions_are_used_up(void **state)
{
	(void)state;
	rig_run(needs_a_channel);
}

/* Channels go back to the server: MaxSessions is 10. */
static void gives_channels_back(struct worker *w)
{
	struct attempt a;

	connect_to(&a, "sshd");
	for (int i = 0; i < 25; i++)
		check_run(run(&a, "echo x"), "OK");
	for (int i = 0; i < 3; i++) { /* late by a second: the next one finds it ended */
		give_up(w, &a, "echo begun; exec sleep 1");
		check_run(run(&a, "sleep 1.2"), "OK");
	}
	check(is_usable(&a));
	leave(&a);
}

static void test_exec__gives_its_channels_back(void **state)
{
	(void)state;
	rig_run(gives_channels_back);
}

struct crowd {
	struct attempt *a;
	int done;
};

static void run_one(void *arg)
{
	static const char *const words[] = {"sh", "-c", "sleep 0.2; echo x"};
	const struct command c = {.words = words, .count = 3, .timeout_ms = 20000};
	struct crowd *crowd = arg;
	struct command_result result;
	struct err e;

	command_result_init(&result);
	check(sftp->execute(crowd->a->connection, &c, &result, &e) == 0);
	check(is_text(&result.out, "x\n"));
	command_result_release(&result);
	crowd->done++;
}

/* MaxSessions is 10: the others wait for their turn instead of being refused. */
static void takes_turns(struct worker *w)
{
	struct attempt a;
	struct crowd crowd = {.a = &a};
	struct group g;

	connect_to(&a, "sshd");
	group_init(&g, w);
	for (int i = 0; i < 24; i++)
		group_start(&g, "a command", run_one, &crowd);
	group_wait(&g, "all commands");
	check(crowd.done == 24);
	leave(&a);
}

static void test_exec__commands_take_turns(void **state)
{
	(void)state;
	rig_run(takes_turns);
}

static void gives_up_in_the_end(struct worker *w)
{
	static const char endless[] = "trap '' TERM; echo begun; sleep 20; sleep 20";
	struct attempt a;

	connect_to(&a, "sshd");
	for (int i = 0; i < SSH_LEFT_CHANNELS; i++)
		give_up(w, &a, endless);
	check(is_usable(&a));
	give_up(w, &a, endless);
	check(!sftp->is_alive(a.connection));
	leave(&a);
}

static void test_exec__gives_up_a_connection_full_of_late_commands(void **state)
{
	(void)state;
	rig_run(gives_up_in_the_end);
}

static void has_a_longest_line(struct worker *w)
{
	char *script _cleanup_free_ = mem_new(EXEC_LINE_BYTES + 1);
	struct attempt a;

	(void)w;
	connect_to(&a, "sshd");
	memset(script, ':', EXEC_LINE_BYTES - sizeof("sh -c ") + 1);
	script[1] = script[2] = 'x';
	check_run(run(&a, script), "EXEC-FAILED"); /* the shell has seen it */
	script[EXEC_LINE_BYTES - sizeof("sh -c ") + 1] = ':';
	check_run(run(&a, script), "EXEC-TOO-LONG");
	leave(&a);
}

static void test_exec__has_a_longest_line(void **state)
{
	(void)state;
	rig_run(has_a_longest_line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_exec__tells_status_and_signal),
	        cmocka_unit_test(test_exec__passes_words_as_they_are),
	        cmocka_unit_test(test_exec__reads_all_and_keeps_the_end),
	        cmocka_unit_test(test_exec__gives_no_input),
	        cmocka_unit_test(test_exec__sets_variables_or_says_why_not),
	        cmocka_unit_test(test_exec__writes_names_as_the_server_does),
	        cmocka_unit_test(test_exec__has_a_deadline_of_its_own),
	        cmocka_unit_test(test_exec__bears_a_silent_command),
	        cmocka_unit_test(test_exec__notices_that_the_link_is_gone),
	        cmocka_unit_test(test_exec__sees_a_server_that_runs_nothing),
	        cmocka_unit_test(test_exec__tells_that_sessions_are_used_up),
	        cmocka_unit_test(test_exec__gives_its_channels_back),
	        cmocka_unit_test(test_exec__commands_take_turns),
	        cmocka_unit_test(test_exec__gives_up_a_connection_full_of_late_commands),
	        cmocka_unit_test(test_exec__has_a_longest_line),
	};

	return peers_run("sshd", tests);
}
