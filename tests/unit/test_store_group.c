/* Many ask at once: fibers of several workers, plain threads, some of them wrongly. */
#include "tests/unit/store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "daemon/runtime/fiber.h"
#include "daemon/runtime/work.h"
#include "daemon/runtime/worker.h"
#include "daemon/store/rows.h"

enum { WORKERS = 2, FIBERS = 20, THREADS = 4, LIVES = 5 };

static struct store *store; /* of the running test */
static atomic_int alive, done, wrong;

/* ---- what each of them does ---------------------------------------------------------------- */

static int whole_life(const char *path, struct err *e)
{
	struct store_new_delivery to = {"d", "a", 1};
	struct store_delivered how = {.state = DELIVERY_DONE, .settle_source = true};
	struct store_file f = a_file(path);
	int64_t job, id;
	bool complete;

	if (store_claim(store, "r", &f, 1, clock_wall_ms(), &job, e) < 0 ||
	    store_stored(store, job, 1, some_sha256, &to, 1, &id, e) < 0 ||
	    store_renaming(store, id, &(struct store_rename){1, NULL, "a", 1, NULL}, e) < 0 ||
	    store_delivered(store, id, &how, &complete, e) < 0 || !complete)
		return e->kind;
	return store_source_done(store, job, false, NULL, e);
}

static void live(int who)
{
	struct err e;
	char path[32];

	for (int i = 0; i < LIVES; i++) {
		(void)snprintf(path, sizeof(path), "%d-%d", who, i);
		if (whole_life(path, &e) == 0)
			atomic_fetch_add(&done, 1);
		/* a mistake of one must not harm those in the same group */
		if (store_source_done(store, 1000000, false, NULL, &e) != ERR_BUG)
			atomic_fetch_add(&wrong, 1);
	}
	atomic_fetch_sub(&alive, 1);
}

static void live_in_fiber(void *arg)
{
	live((int)(intptr_t)arg);
}

static void *live_in_thread(void *arg)
{
	live((int)(intptr_t)arg);
	return NULL;
}

/* ---- the stage ----------------------------------------------------------------------------- */

static void await_all(void)
{
	int64_t give_up = clock_mono_ms() + 60000;

	while (atomic_load(&alive) && clock_mono_ms() < give_up)
		(void)usleep(1000);
	assert_int_equal(atomic_load(&alive), 0);
}

static void begin(struct scene *t, int n)
{
	store = t->store;
	atomic_store(&alive, n);
	atomic_store(&done, 0);
	atomic_store(&wrong, 0);
}

static struct worker *start_worker(void)
{
	struct worker *w = worker_new("store-test", &last);

	assert_non_null(w);
	check_ok(worker_start(w, &last));
	return w;
}

static void end_worker(struct worker *w)
{
	worker_stop(w);
	worker_free(w);
}

static void test_group__keeps_all_that_was_acknowledged(void **state)
{
	struct scene *t = *state;
	struct worker *w[WORKERS];
	pthread_t threads[THREADS];
	int total = WORKERS * FIBERS + THREADS;

	begin(t, total);
	for (int i = 0; i < WORKERS; i++)
		w[i] = start_worker();
	for (int i = 0; i < WORKERS * FIBERS; i++)
		worker_spawn(w[i % WORKERS], "life", live_in_fiber, (void *)(intptr_t)i);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, live_in_thread,
		                                (void *)(intptr_t)(1000 + i)),
		                 0);
	await_all();
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	for (int i = 0; i < WORKERS; i++)
		end_worker(w[i]);
	assert_int_equal(atomic_load(&done), total * LIVES);
	assert_int_equal(atomic_load(&wrong), 0);
	reopen(t);
	assert_int_equal(count_of(t, "r", JOB_DONE), total * LIVES);
}

/* ---- one who fails half-way ---------------------------------------------------------------- */

static int change_and_fail(struct store *s, void *arg, struct err *e)
{
	int r = tally_add(s, "half", JOB_CLAIMED, 1, e);

	(void)arg;
	return r < 0 ? r : err_set(e, ERR_OBJECT, "STORE-STATE", 0, "changed my mind");
}

static void *fail_half_way(void *arg)
{
	struct err e;

	(void)arg;
	for (int i = 0; i < LIVES * 5; i++)
		if (store_ask(store, REQUEST_WRITE, change_and_fail, NULL, &e) != ERR_OBJECT)
			atomic_fetch_add(&wrong, 1);
	return NULL;
}

static void test_group__takes_back_only_who_failed_half_way(void **state)
{
	struct scene *t = *state;
	pthread_t threads[THREADS], spoiler;

	begin(t, THREADS);
	assert_int_equal(pthread_create(&spoiler, NULL, fail_half_way, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
		        pthread_create(&threads[i], NULL, live_in_thread, (void *)(intptr_t)i), 0);
	await_all();
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	(void)pthread_join(spoiler, NULL);
	assert_int_equal(atomic_load(&done), THREADS * LIVES);
	assert_int_equal(atomic_load(&wrong), 0);
	reopen(t);
	assert_int_equal(count_of(t, "r", JOB_DONE), THREADS * LIVES);
	assert_int_equal(count_of(t, "half", JOB_CLAIMED), 0);
}

/* ---- cancel -------------------------------------------------------------------------------- */

static atomic_llong claimed_job;

static void claim_while_canceled(void *arg)
{
	struct store_file f = a_file("a");
	struct err e;
	int64_t job = 0;

	(void)arg;
	fiber_cancel(fiber_self()); /* the next await would return at once */
	if (store_claim(store, "r", &f, 1, clock_wall_ms(), &job, &e) == 0 && fiber_is_canceled())
		atomic_store(&claimed_job, job);
	atomic_store(&alive, 0);
}

static void test_group__tells_a_canceled_fiber_how_it_went(void **state)
{
	struct scene *t = *state;
	struct worker *w = start_worker();

	begin(t, 1);
	worker_spawn(w, "canceled", claim_while_canceled, NULL);
	await_all();
	end_worker(w);
	assert_true(atomic_load(&claimed_job) > 0);
	check_state(t, atomic_load(&claimed_job), JOB_CLAIMED);
}

/* ---- silence ------------------------------------------------------------------------------- */

static void test_silent_ms__is_short_while_the_thread_turns(void **state)
{
	struct scene *t = *state;

	(void)usleep(1300 * 1000); /* it turns once a second without being asked */
	assert_true(store_silent_ms(t->store) < 1250);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scene, drop_scene)
	const struct CMUnitTest tests[] = {
	        TEST(test_group__keeps_all_that_was_acknowledged),
	        TEST(test_group__takes_back_only_who_failed_half_way),
	        TEST(test_group__tells_a_canceled_fiber_how_it_went),
	        TEST(test_silent_ms__is_short_while_the_thread_turns),
	};

	work_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
