/* What becomes of a command as the server tells it, or does not: tests/lib/command_peers.py. */
#include "adapters/adapter.h"
#include "adapters/command.h"
#include "tests/runtime/ssh_peers.h"

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
	struct attempt a;

	(void)w;
	connect_to_it(&a);
	check_same_code(run_for(a.connection, "say begun", 500, &a.e), "EXEC-TIMEOUT", &a.e);
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
	struct err e;
	const char *code;
	bool begun, done;
};

static void run_first(void *arg)
{
	struct first *f = arg;

	f->begun = true;
	f->code = run_for(f->a->connection, "say first; await; close", 20000, &f->e);
	f->done = true;
}

/* Both run; the server tells of the first while the second ends. */
static void tells_crosswise(struct worker *w)
{
	struct first f = {0};
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_exec_ends__as_the_server_tells),
	        cmocka_unit_test(test_exec_ends__untold_is_no_success),
	        cmocka_unit_test(test_exec_ends__status_before_or_after_the_outputs_end),
	        cmocka_unit_test(test_exec_ends__late_words_of_an_earlier_one),
	        cmocka_unit_test(test_exec_ends__two_at_once),
	};

	return peers_run("commands", tests);
}
