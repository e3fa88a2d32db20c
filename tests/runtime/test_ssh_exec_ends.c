/* What becomes of a command as the server tells it, or does not: tests/lib/command_peers.py. */
#include "tests/runtime/ssh_commands.h"

static const struct adapter *const sftp = &adapter_sftp;

/* ---- verbs --------------------------------------------------------------------------------- */

struct attempt {
	struct partner partner;
	struct connection *connection;
	struct err e;
};

static void connect_to_it(struct attempt *a)
{
	memset(a, 0, sizeof(*a));
	partner_init(&a->partner, "commands");
	partner_trust_any(&a->partner);
	partner_key(&a->partner, "ed25519", NULL);
	a->partner.endpoint.timeouts.request_ms = 20000; /* no test of it */
	if (sftp->connect(&a->partner.endpoint, NULL, &a->connection, &a->e) == 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", a->e.code, a->e.message);
	abort();
}

/* "OK" or the code; what went wrong is in *e. */
static const char *run_for(struct connection *c, const char *steps, int64_t timeout_ms,
                           struct err *e)
{
	const char *const words[] = {"steps", steps};
	const struct command command = {.words = words, .count = 2, .timeout_ms = timeout_ms};
	struct command_result result;
	int r;

	command_result_init(&result);
	r = sftp->execute(c, &command, &result, e);
	command_result_release(&result);
	return r == 0 ? "OK" : e->code;
}

static const char *run(struct attempt *a, const char *steps)
{
	return run_for(a->connection, steps, 20000, &a->e);
}

static void leave(struct attempt *a)
{
	check(sftp->is_alive(a->connection) && sftp->ping(a->connection, &a->e) == 0);
	sftp->close(a->connection);
}

/* ---- one after the other ------------------------------------------------------------------- */

static void tells(struct worker *w)
{
	struct attempt a;

	(void)w;
	connect_to_it(&a);
	check_same_code(run(&a, "say done; status 0; close"), "OK", &a.e);
	check_same_code(run(&a, "status 0; close"), "OK", &a.e);
	check_same_code(run(&a, "say done; status 3; close"), "EXEC-FAILED", &a.e);
	check(a.e.native == 3);
	check_same_code(run(&a, "say done; status 4294967295; close"), "EXEC-FAILED", &a.e);
	check(a.e.native == -1 && says(&a.e, "status -1"));
	check_same_code(run(&a, "say done; signal TERM; close"), "EXEC-SIGNAL", &a.e);
	check(says(&a.e, "signal TERM"));
	check_same_code(run(&a, "signal TERM; status 0; close"), "EXEC-SIGNAL", &a.e);
	check_same_code(run(&a, "signal a\tb@host; close"), "EXEC-SIGNAL", &a.e);
	check(says(&a.e, "signal a\\x09b@host"));
	leave(&a);
}

static void test_exec_ends__as_the_server_tells(void **state)
{
	(void)state;
	rig_run(tells);
}

static void check_untold(struct attempt *a, const char *steps)
{
	check_same_code(run(a, steps), "EXEC-NO-STATUS", &a->e);
	check(a->e.kind == ERR_OBJECT);
	check(says(&a->e, "without telling its exit status"));
}

/* libssh2 has status 0 for all of these. */
static void tells_nothing(struct worker *w)
{
	struct attempt a;

	(void)w;
	connect_to_it(&a);
	check_untold(&a, "close");
	check_untold(&a, "eof; close");
	check_untold(&a, "say half of it; close");
	check(says(&a.e, "half of it"));
	check_untold(&a, "say out; complain session killed; eof; nap; close");
	check(says(&a.e, "session killed"));
	check_untold(&a, "say out; broken signal; close");
	check(strcmp(run(&a, "say out; broken status; close"), "OK") != 0);
	check_same_code(run(&a, "say done; status 0; close"), "OK", &a.e);
	leave(&a);
}

static void test_exec_ends__untold_is_no_success(void **state)
{
	(void)state;
	rig_run(tells_nothing);
}

static void tells_late(struct worker *w)
{
	struct attempt a;

	(void)w;
	connect_to_it(&a);
	check_same_code(run(&a, "say done; eof; nap; status 0; nap; close"), "OK", &a.e);
	check_same_code(run(&a, "say done; status 0; eof; nap; close"), "OK", &a.e);
	check_same_code(run(&a, "status 5; nap; say done; eof; close"), "EXEC-FAILED", &a.e);
	check_same_code(run_for(a.connection, "say done; status 0; eof", 1500, &a.e),
	                "EXEC-TIMEOUT", &a.e);
	leave(&a);
}

static void test_exec_ends__status_before_or_after_the_outputs_end(void **state)
{
	(void)state;
	rig_run(tells_late);
}

/* ---- beside each other --------------------------------------------------------------------- */

/* What is told late of a command that is given up is not taken for the next one's. */
static void tells_of_another(struct worker *w)
{
	static const char *const words[] = {"steps", "say begun"};
	const struct command begun = {.words = words, .count = 2, .timeout_ms = 20000};
	struct attempt a;

	connect_to_it(&a);
	command_give_up(w, a.connection, &begun);
	check_untold(&a, "say out; first status 0; close");
	check_untold(&a, "say out; first status 3; first signal KILL; close");
	check_same_code(run(&a, "say out; first status 3; status 0; close"), "OK", &a.e);
	leave(&a);
}

static void test_exec_ends__late_words_of_an_earlier_one(void **state)
{
	(void)state;
	rig_run(tells_of_another);
}

struct first {
	struct attempt *a;
	const char *steps;
	struct err e;
	const char *code;
	bool begun, done;
};

static void run_first(void *arg)
{
	struct first *f = arg;

	f->begun = true;
	f->code = run_for(f->a->connection, f->steps, 20000, &f->e);
	f->done = true;
}

/* Both run; the server tells of the first while the second ends. */
static void tells_crosswise(struct worker *w)
{
	struct first f = {.steps = "say first; await; close"};
	struct attempt a;

	connect_to_it(&a);
	f.a = &a;
	(void)fiber_start(w, "the first command", run_first, &f);
	rig_await(&f.begun);
	check_untold(&a, "nap; say second; first status 7; go; close");
	rig_await(&f.done);
	check_same_code(f.code, "EXEC-FAILED", &f.e);
	check(f.e.native == 7);
	leave(&a);
}

static void test_exec_ends__two_at_once(void **state)
{
	(void)state;
	rig_run(tells_crosswise);
}

/* ---- a server that is slow to open a channel ----------------------------------------------- */

static void check_not_started(struct attempt *a)
{
	check_same_code(run_for(a->connection, "say x; status 0; close", 300, &a->e),
	                "EXEC-TIMEOUT", &a->e);
	check(a->e.kind == ERR_OBJECT && says(&a->e, "was not started") &&
	      says(&a->e, "`timeout`"));
	check(sftp->is_alive(a->connection));
}

/* Its channel comes when its time is over; whoever runs beside it does not feel it. */
static void opens_late(struct worker *w)
{
	struct first f = {.steps = "say first; await; status 0; close"};
	struct attempt a;

	connect_to_it(&a);
	f.a = &a;
	check_same_code(run(&a, "slow 1; say x; status 0; close"), "OK", &a.e);
	(void)fiber_start(w, "the first command", run_first, &f);
	rig_await(&f.begun);
	check_same_code(run(&a, "say x; status 0; close"), "OK", &a.e); /* the first one runs */
	check_not_started(&a);
	check_not_started(&a);
	check_same_code(run(&a, "slow 0; go; status 0; close"), "OK", &a.e);
	rig_await(&f.done);
	check_same_code(f.code, "OK", &f.e);
	leave(&a);
}

static void test_exec_ends__before_it_began_where_the_server_opens_late(void **state)
{
	(void)state;
	rig_run(opens_late);
}

/* Its time is over while another one's channel is opened: it has sent nothing. */
static void waits_in_vain(struct worker *w)
{
	struct first f = {.steps = "say first; slow 0; status 0; close"};
	struct attempt a;

	connect_to_it(&a);
	f.a = &a;
	check_same_code(run(&a, "slow 2; say x; status 0; close"), "OK", &a.e);
	(void)fiber_start(w, "the first command", run_first, &f);
	rig_await(&f.begun);
	check_not_started(&a);
	check(!f.done); /* so it was that one's turn */
	rig_await(&f.done);
	check_same_code(f.code, "OK", &f.e);
	leave(&a);
}

static void test_exec_ends__alone_where_another_one_is_opened_late(void **state)
{
	(void)state;
	rig_run(waits_in_vain);
}

/* The one that is opened has broken the connection: who waits is told that, not that he is late. */
static void waits_for_the_end(struct worker *w)
{
	struct first f = {.steps = "say x; status 0; close"};
	struct attempt a;

	connect_to_it(&a);
	f.a = &a;
	check_same_code(run(&a, "slow 3600; say x; status 0; close"), "OK", &a.e);
	a.partner.endpoint.timeouts.request_ms = 1000;
	(void)fiber_start(w, "the first command", run_first, &f);
	rig_await(&f.begun);
	check_same_code(run(&a, "say x; status 0; close"), "SSH-CHANNEL-TIMEOUT", &a.e);
	check(a.e.kind == ERR_NETWORK && !sftp->is_alive(a.connection));
	rig_await(&f.done);
	check_same_code(f.code, "SSH-CHANNEL-TIMEOUT", &f.e);
	check(says(&f.e, "within 1.0 s") && says(&f.e, "timeouts: {request"));
	sftp->close(a.connection);
}

static void test_exec_ends__with_the_connection_that_a_channel_broke(void **state)
{
	(void)state;
	rig_run(waits_for_the_end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_exec_ends__as_the_server_tells),
	        cmocka_unit_test(test_exec_ends__untold_is_no_success),
	        cmocka_unit_test(test_exec_ends__status_before_or_after_the_outputs_end),
	        cmocka_unit_test(test_exec_ends__late_words_of_an_earlier_one),
	        cmocka_unit_test(test_exec_ends__two_at_once),
	        cmocka_unit_test(test_exec_ends__before_it_began_where_the_server_opens_late),
	        cmocka_unit_test(test_exec_ends__alone_where_another_one_is_opened_late),
	        cmocka_unit_test(test_exec_ends__with_the_connection_that_a_channel_broke),
	};

	return peers_run("commands", tests);
}
