/*
 * Stacks: what happens at their end, what many of them cost, and that ASan, TSan and valgrind
 * follow the switches (each of these programs is run under them).
 */
#include "tests/runtime/rig.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/runtime/annotate.h"
#include "daemon/runtime/coroutine.h"

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif

/* Sanitizers and valgrind keep freed memory and shadows of their own. */
static bool memory_is_ours(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return false;
#elif defined(RUNNING_ON_VALGRIND)
	return !RUNNING_ON_VALGRIND;
#else
	return true;
#endif
}

/* ---- the guard ----------------------------------------------------------------------------- */

static __attribute__((noinline)) int dig(int depth)
{
	volatile char frame[1024];

	frame[0] = (char)depth;
	if (depth > 0)
		frame[1] = (char)dig(depth - 1);
	return frame[0] + frame[1];
}

static void dig_through(struct worker *w)
{
	(void)w;
	(void)dig(1000 * 1000);
}

static void test_stack__overflow_dies_at_the_guard(void **state)
{
	int status = 0;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		(void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* only spares the disk */
		(void)signal(SIGSEGV, SIG_DFL); /* a sanitizer would report and abort */
		rig_run(dig_through);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
}

/* ---- the red zones ------------------------------------------------------------------------- */

#ifdef __SANITIZE_ADDRESS__
static __attribute__((noinline)) void write_at(volatile char *bytes, size_t at)
{
	bytes[at] = 1;
}

static void overflow_after_waiting(struct worker *w)
{
	char bytes[32] = {0};

	(void)w;
	rig_turns(2);
	write_at(bytes, sizeof(bytes));
}
#endif

static void test_asan__sees_an_overflow_in_a_frame_that_has_awaited(void **state)
{
	(void)state;
#ifdef __SANITIZE_ADDRESS__
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		(void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* only spares the disk */
		(void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO); /* the report */
		rig_run(overflow_after_waiting);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#else
	skip();
#endif
}

/* ---- what they cost ------------------------------------------------------------------------ */

/* Stacks are told from all other mappings by their guards. */
static long count_stacks(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[512], rights[8];
	long count = 0;

	check(maps);
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3)
			count += to - from == GUARD_BYTES && strcmp(rights, "---p") == 0;
	(void)fclose(maps); /* was only read */
	return count;
}

static long resident_kib(void)
{
	FILE *statm = fopen("/proc/self/statm", "re");
	long size = 0, resident = 0;

	check(statm && fscanf(statm, "%ld %ld", &size, &resident) == 2);
	(void)fclose(statm); /* was only read */
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void come_and_go(void *arg)
{
	char frame[8192];
	struct err e;

	(void)memset(frame, 7, sizeof(frame));
	check(fiber_yield(&e) == 0);
	check(frame[4000] == 7);
	++*(long *)arg;
}

static void run_fibers(struct worker *w, long many, long at_once)
{
	long ended = 0;
	struct group g;

	group_init(&g, w);
	for (long i = 0; i < many; i++) {
		if (i % at_once == 0)
			group_wait(&g, "those before");
		group_start(&g, "comer", come_and_go, &ended);
	}
	group_wait(&g, "all comers");
	check(ended == many);
}

static void ten_thousand_fibers(struct worker *w)
{
	long stacks, kib;

	run_fibers(w, 1000, 200);
	stacks = count_stacks();
	kib = resident_kib();
	run_fibers(w, 10000, 200);
	check(count_stacks() <= stacks + 2);
	check(!memory_is_ours() || resident_kib() <= kib + 2048);
	check(worker_stats(w).fibers == 1);
}

static void test_stack__ten_thousand_fibers_leave_memory_flat(void **state)
{
	(void)state;
	rig_run(ten_thousand_fibers);
}

static void burst_and_settle(struct worker *w)
{
	long before = count_stacks();

	run_fibers(w, 1000, 1000);
	check(count_stacks() <= before + POOL_STACKS);
}

static void test_stack__pool_keeps_only_a_few_after_a_burst(void **state)
{
	(void)state;
	rig_run(burst_and_settle);
}

/* ---- the bare switch ----------------------------------------------------------------------- */

struct counter {
	struct coroutine *coroutine;
	int value;
};

static void count_three(void *arg)
{
	struct counter *c = arg;

	for (int i = 0; i < 3; i++) {
		c->value++;
		coroutine_suspend(c->coroutine);
	}
}

static void test_coroutine__goes_back_and_forth_and_can_be_used_again(void **state)
{
	struct coroutine_pool pool;
	struct counter c = {0};

	(void)state;
	coroutine_pool_init(&pool, FIBER_STACK_BYTES);
	for (int round = 1; round <= 3; round++) {
		c.coroutine = coroutine_take(&pool);
		coroutine_begin(c.coroutine, count_three, &c);
		while (!coroutine_has_ended(c.coroutine))
			coroutine_resume(c.coroutine);
		assert_int_equal(c.value, 3 * round);
		coroutine_give_back(&pool, c.coroutine);
		assert_int_equal(pool.count, 1);
	}
	coroutine_pool_release(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_stack__overflow_dies_at_the_guard),
	        cmocka_unit_test(test_asan__sees_an_overflow_in_a_frame_that_has_awaited),
	        cmocka_unit_test(test_stack__ten_thousand_fibers_leave_memory_flat),
	        cmocka_unit_test(test_stack__pool_keeps_only_a_few_after_a_burst),
	        cmocka_unit_test(test_coroutine__goes_back_and_forth_and_can_be_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
