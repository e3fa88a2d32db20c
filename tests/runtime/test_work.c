#include "tests/runtime/rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

/* ---- gates: threads that stand still until a test opens them ------------------------------- */

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;
	int inside, most; /* threads in gate_pass() */
};

#define GATE                                                                           \
	{                                                                              \
		.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER \
	}

static void gate_pass(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->most = ++g->inside > g->most ? g->inside : g->most;
	while (!g->open)
		pthread_cond_wait(&g->changed, &g->lock);
	g->inside--;
	pthread_mutex_unlock(&g->lock);
}

static void gate_set(struct gate *g, bool open)
{
	pthread_mutex_lock(&g->lock);
	g->open = open;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static int gate_inside(struct gate *g)
{
	int n;

	pthread_mutex_lock(&g->lock);
	n = g->inside;
	pthread_mutex_unlock(&g->lock);
	return n;
}

static void await_inside(struct gate *g, int n)
{
	int64_t until = clock_mono_ms() + 10000;
	struct err e;

	while (gate_inside(g) != n) {
		check(clock_mono_ms() < until);
		check(fiber_sleep(1, "threads at the gate", &e) == 0);
	}
}

/* ---- work_run ------------------------------------------------------------------------------ */

static int fail_or_not(void *arg, struct err *e)
{
	int *n = arg;

	check(!fiber_self());
	if (*n < 0)
		return err_set(e, ERR_LOCAL, "TEST-FAILED", 5, "it failed");
	return *n += 1;
}

static void run_work(struct worker *w)
{
	struct err e = {0};
	int n = 41;

	(void)w;
	check(work_run(fail_or_not, &n, "adding one", &e) == 42 && n == 42 && e.kind == 0);
	n = -1;
	check(work_run(fail_or_not, &n, "failing", &e) == ERR_LOCAL && e.native == 5);
}

static void test_work__returns_what_the_function_returned(void **state)
{
	(void)state;
	rig_run(run_work);
}

static struct gate pool_gate = GATE;

struct errand {
	struct err err;
	int result;
	bool done, ended;
};

static int stand_at_gate(void *arg, struct err *e)
{
	struct errand *x = arg;

	(void)e;
	gate_pass(&pool_gate);
	x->done = true;
	return 7;
}

static void run_errand(void *arg)
{
	struct errand *x = arg;

	x->result = work_run(stand_at_gate, x, "the gate", &x->err);
	x->ended = true;
}

static void cancel_running_work(struct worker *w)
{
	struct errand x = {0};
	struct fiber *f = fiber_start(w, "errand", run_errand, &x);

	gate_set(&pool_gate, false);
	await_inside(&pool_gate, 1);
	fiber_cancel(f);
	rig_turns(5);
	check(!x.ended); /* the thread still uses its frame */
	gate_set(&pool_gate, true);
	rig_await(&x.ended);
	check(x.done && x.result == 7); /* what was done must be known */
}

static void test_work__cancelled_while_running_returns_its_result(void **state)
{
	(void)state;
	rig_run(cancel_running_work);
}

static void cancel_queued_work(struct worker *w)
{
	struct errand x[WORK_THREADS + 1] = {0};
	struct fiber *last = NULL;

	gate_set(&pool_gate, false);
	for (int i = 0; i < WORK_THREADS; i++)
		(void)fiber_start(w, "errand", run_errand, &x[i]);
	await_inside(&pool_gate, WORK_THREADS);
	last = fiber_start(w, "late errand", run_errand, &x[WORK_THREADS]);
	rig_turns(2);
	fiber_cancel(last);
	rig_await(&x[WORK_THREADS].ended);
	check(x[WORK_THREADS].result == ERR_CANCELED && !x[WORK_THREADS].done);
	gate_set(&pool_gate, true);
	for (int i = 0; i < WORK_THREADS; i++)
		rig_await(&x[i].ended);
}

static void test_work__cancelled_in_the_queue_never_runs(void **state)
{
	(void)state;
	rig_run(cancel_queued_work);
}

/* ---- work_resolve: this getaddrinfo() stands in for the C library's ------------------------ */

static struct gate dns_gate = GATE;
static atomic_int answers_alive;

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **out)
{
	struct addrinfo *a;
	struct sockaddr_in *in;

	(void)hints;
	if (strcmp(host, "missing.example") == 0)
		return EAI_NONAME;
	if (strcmp(host, "silent.example") == 0)
		return EAI_AGAIN;
	if (strcmp(host, "slow.example") == 0)
		gate_pass(&dns_gate);
	a = mem_new(sizeof(*a) + sizeof(*in));
	in = (void *)(a + 1);
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)strtol(port, NULL, 10));
	a->ai_addr = (void *)in;
	a->ai_addrlen = sizeof(*in);
	atomic_fetch_add(&answers_alive, 1);
	*out = a;
	return 0;
}

void freeaddrinfo(struct addrinfo *a)
{
	atomic_fetch_sub(&answers_alive, 1);
	free(a);
}

static void look_up_three(struct worker *w)
{
	struct addrinfo *found = NULL;
	struct err e;

	(void)w;
	check(work_resolve("sftp.acme.example", 22, deadline_in(5000), &found, &e) == 0);
	check(((struct sockaddr_in *)(void *)found->ai_addr)->sin_port == htons(22));
	freeaddrinfo(found);
	check(work_resolve("missing.example", 22, deadline_in(5000), &found, &e) == ERR_NETWORK);
	check(strcmp(e.code, "DNS-NO-NAME") == 0 && strstr(e.message, "missing.example"));
	check(work_resolve("silent.example", 22, deadline_in(5000), &found, &e) == ERR_NETWORK);
	check(strcmp(e.code, "DNS-NO-ANSWER") == 0);
}

static void test_resolve__finds_or_says_why_not(void **state)
{
	(void)state;
	rig_run(look_up_three);
}

static void check_refused(const char *host, int port)
{
	struct addrinfo *found = NULL;
	struct err e;

	check(work_resolve(host, port, deadline_in(5000), &found, &e) == ERR_CONFIG);
	check(!found);
}

static void look_up_nonsense(struct worker *w)
{
	char long_part[80], long_name[300];

	(void)w;
	(void)memset(long_part, 'a', sizeof(long_part));
	long_part[64] = '\0';
	for (size_t i = 0; i < sizeof(long_name); i++)
		long_name[i] = i % 10 == 9 ? '.' : 'a';
	long_name[254] = '\0';
	check_refused("", 22);
	check_refused("a b.example", 22);
	check_refused("a\nb", 22);
	check_refused("b\xc3\xbc"
	              "cher.example",
	              22);
	check_refused("a..example", 22);
	check_refused(".example", 22);
	check_refused(long_part, 22);
	check_refused(long_name, 22);
	check_refused("good.example", 0);
	check_refused("good.example", 65536);
}

static void test_resolve__refuses_what_cannot_be_a_name(void **state)
{
	(void)state;
	rig_run(look_up_nonsense);
}

struct query {
	struct deadline deadline;
	struct err err;
	int result;
	bool ended;
};

static void look_up_slowly(void *arg)
{
	struct query *q = arg;
	struct addrinfo *found = NULL;

	q->result = work_resolve("slow.example", 22, q->deadline, &found, &q->err);
	if (q->result == 0)
		freeaddrinfo(found);
	q->ended = true;
}

static void cancel_a_lookup(struct worker *w)
{
	struct query late = {.deadline = deadline_in(20)}, cut = {.deadline = deadline_never()};
	struct fiber *f;

	gate_set(&dns_gate, false);
	(void)fiber_start(w, "late", look_up_slowly, &late);
	f = fiber_start(w, "cut", look_up_slowly, &cut);
	await_inside(&dns_gate, 2);
	fiber_cancel(f);
	rig_await(&cut.ended);
	check(cut.result == ERR_CANCELED);
	rig_await(&late.ended);
	check(late.result == ERR_NETWORK && strcmp(late.err.code, "DNS-TIMEOUT") == 0);
	check(strstr(late.err.message, "waiting for the address of slow.example"));
	check(gate_inside(&dns_gate) == 2); /* both lookups were left behind */
}

/* Opens the gate and waits until every lookup has gone, with what it owned. */
static void finish_lookups(struct worker *w)
{
	(void)w;
	gate_set(&dns_gate, true);
	await_inside(&dns_gate, 0);
	for (int i = 0; atomic_load(&answers_alive) > 0; i++) {
		struct err e;

		check(i < 10000 && fiber_sleep(1, "answers to be freed", &e) == 0);
	}
}

static void test_resolve__is_left_behind_on_deadline_and_cancel(void **state)
{
	(void)state;
	rig_run(cancel_a_lookup); /* the loop closes although two threads still stand in it */
	rig_run(finish_lookups);
}

static void crowd_the_name_server(struct worker *w)
{
	struct query q[12] = {0};
	struct group g;
	int n = 1;
	struct err e;

	gate_set(&dns_gate, false);
	dns_gate.most = 0;
	group_init(&g, w);
	for (int i = 0; i < 12; i++) {
		q[i].deadline = i % 2 ? deadline_in(30) : deadline_in(10000);
		group_start(&g, "query", look_up_slowly, &q[i]);
	}
	await_inside(&dns_gate, WORK_LOOKUPS);
	check(work_run(fail_or_not, &n, "the disk", &e) == 2); /* not starved */
	while (!q[1].ended || !q[11].ended)
		check(fiber_sleep(1, "deadlines", &e) == 0);
	gate_set(&dns_gate, true);
	group_wait(&g, "all queries");
	check(dns_gate.most == WORK_LOOKUPS);
	for (int i = 0; i < 12; i++)
		check(q[i].result == (i % 2 ? ERR_NETWORK : 0));
}

static void test_resolve__at_most_four_at_once_and_the_disk_goes_on(void **state)
{
	(void)state;
	rig_run(crowd_the_name_server);
	rig_run(finish_lookups);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_work__returns_what_the_function_returned),
	        cmocka_unit_test(test_work__cancelled_while_running_returns_its_result),
	        cmocka_unit_test(test_work__cancelled_in_the_queue_never_runs),
	        cmocka_unit_test(test_resolve__finds_or_says_why_not),
	        cmocka_unit_test(test_resolve__refuses_what_cannot_be_a_name),
	        cmocka_unit_test(test_resolve__is_left_behind_on_deadline_and_cancel),
	        cmocka_unit_test(test_resolve__at_most_four_at_once_and_the_disk_goes_on),
	};

	work_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
