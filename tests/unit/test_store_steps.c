/* Every step of the store, legal or not, and the table people read. */
#include "tests/unit/store_fixture.h"

#include "daemon/store/steps.h"

/* ---- a job and a delivery in any state ----------------------------------------------------- */

/* Brings a fresh job into `state` the way it would get there; *delivery is its only one, or 0. */
static int64_t job_in(struct scene *t, enum job_state state, int64_t *delivery)
{
	static int serial;
	char path[32];
	struct store_file f;
	struct store_failure end = failure(0);
	int64_t job;
	bool first;

	*delivery = 0;
	(void)snprintf(path, sizeof(path), "file-%d", serial++);
	f = a_file(path);
	if (state == JOB_QUARANTINED) {
		struct store_filter newest = {.state = -1, .limit = 1};
		struct store_job_info info;
		size_t n;

		check_ok(store_quarantine(t->store, "r", &f, "X", "x", &first, &last));
		check_ok(store_jobs(t->store, &newest, &info, &n, &last));
		return info.job.id;
	}
	job = claim(t, "r", path);
	if (state == JOB_HELD)
		check_ok(store_fetch_failed(t->store, job, &end, &last));
	if (state == JOB_SKIPPED)
		check_ok(store_skipped(t->store, job, "X", "x", true, &last));
	if (state == JOB_STORED || state == JOB_DELIVERED || state == JOB_DONE)
		stored(t, job, delivery, 1);
	if (state == JOB_DELIVERED || state == JOB_DONE)
		(void)delivered(t, *delivery, state == JOB_DELIVERED);
	if (state == JOB_CANCELED)
		check_ok(store_cancel(t->store, job, &last));
	check_state(t, job, state);
	return job;
}

static int64_t delivery_in(struct scene *t, enum delivery_state state, int64_t *job)
{
	struct store_failure end = failure(0);
	struct store_delivered skip = {.state = DELIVERY_SKIPPED};
	bool complete;
	int64_t id;

	*job = job_in(t, JOB_STORED, &id);
	if (state == DELIVERY_RENAMING)
		renaming(t, id);
	if (state == DELIVERY_DONE)
		(void)delivered(t, id, true);
	if (state == DELIVERY_SKIPPED)
		check_ok(store_delivered(t->store, id, &skip, &complete, &last));
	if (state == DELIVERY_HELD)
		check_ok(store_delivery_failed(t->store, id, &end, &last));
	if (state == DELIVERY_CANCELED)
		check_ok(store_cancel(t->store, *job, &last));
	check_delivery(t, *job, id, state);
	return id;
}

/* ---- the workers' verbs, and from where each is legal -------------------------------------- */

static int say_stored(struct scene *t, int64_t job)
{
	struct store_new_delivery to = {"d", "a", 1};
	int64_t id;

	return store_stored(t->store, job, 1, NULL, &to, 1, &id, &last);
}

static int say_fetch_failed(struct scene *t, int64_t job)
{
	struct store_failure f = failure(1000);

	return store_fetch_failed(t->store, job, &f, &last);
}

static int say_fetch_gave_up(struct scene *t, int64_t job)
{
	struct store_failure f = failure(0);

	return store_fetch_failed(t->store, job, &f, &last);
}

static int say_skipped(struct scene *t, int64_t job)
{
	return store_skipped(t->store, job, "X", "x", false, &last);
}

static int say_source_done(struct scene *t, int64_t job)
{
	return store_source_done(t->store, job, false, NULL, &last);
}

static int say_settle_failed(struct scene *t, int64_t job)
{
	struct store_failure f = failure(1000);

	return store_settle_failed(t->store, job, &f, &last);
}

static int say_settle_gave_up(struct scene *t, int64_t job)
{
	struct store_failure f = failure(0);

	return store_settle_failed(t->store, job, &f, &last);
}

static int say_hold(struct scene *t, int64_t job)
{
	return store_hold(t->store, job, &last);
}

static int say_retry(struct scene *t, int64_t job)
{
	return store_retry(t->store, job, NULL, 0, &last);
}

static int say_cancel(struct scene *t, int64_t job)
{
	return store_cancel(t->store, job, &last);
}

#define IN(state) (1u << (state))
static const struct job_verb {
	int (*say)(struct scene *t, int64_t job);
	unsigned legal_in;
	enum job_state to;
	bool operators;
} job_verbs[] = {
        {say_stored, IN(JOB_CLAIMED), JOB_STORED, false},
        {say_fetch_failed, IN(JOB_CLAIMED), JOB_CLAIMED, false},
        {say_fetch_gave_up, IN(JOB_CLAIMED), JOB_HELD, false},
        {say_skipped, IN(JOB_CLAIMED), JOB_SKIPPED, false},
        {say_source_done, IN(JOB_DELIVERED), JOB_DONE, false},
        {say_settle_failed, IN(JOB_DELIVERED), JOB_DELIVERED, false},
        {say_settle_gave_up, IN(JOB_DELIVERED), JOB_HELD, false},
        {say_hold, IN(JOB_CLAIMED) | IN(JOB_STORED) | IN(JOB_DELIVERED), JOB_HELD, true},
        {say_retry, IN(JOB_HELD) | IN(JOB_CLAIMED), JOB_CLAIMED, true},
        {say_retry, IN(JOB_STORED), JOB_STORED, true},
        {say_retry, IN(JOB_DELIVERED), JOB_DELIVERED, true},
        {say_cancel, IN(JOB_CLAIMED) | IN(JOB_STORED) | IN(JOB_HELD), JOB_CANCELED, true},
        {say_cancel, IN(JOB_DELIVERED), JOB_DONE, true},
};

static bool is_legal_anywhere(const struct job_verb *v, enum job_state from)
{
	for (size_t i = 0; i < sizeof(job_verbs) / sizeof(*job_verbs); i++)
		if (job_verbs[i].say == v->say && job_verbs[i].legal_in & IN(from))
			return true;
	return false;
}

static void check_refused_kindly(const struct job_verb *v, enum job_state from, int r)
{
	if (v->operators)
		check_refused(r, ERR_OBJECT, "STORE-STATE");
	else if (from == JOB_CANCELED) /* by the operator, under the worker's hands */
		check_refused(r, ERR_CANCELED, "STORE-STOPPED");
	else
		check_refused(r, ERR_BUG, "STORE-STEP");
}

static void try_verb(struct scene *t, const struct job_verb *v, enum job_state from)
{
	int64_t delivery, job = job_in(t, from, &delivery);
	int64_t updated = look(t, job).updated_ms;

	if (v->legal_in & IN(from)) {
		check_ok(v->say(t, job));
		check_state(t, job, v->to);
	} else if (!is_legal_anywhere(v, from)) {
		check_refused_kindly(v, from, v->say(t, job));
		check_state(t, job, from);
		assert_true(look(t, job).updated_ms == updated);
	}
}

static void test_job__takes_every_legal_step_and_no_other(void **state)
{
	for (size_t i = 0; i < sizeof(job_verbs) / sizeof(*job_verbs); i++)
		for (int from = 0; from < JOB_STATE_COUNT; from++)
			try_verb(*state, &job_verbs[i], (enum job_state)from);
}

static void test_job__is_looked_for_first(void **state)
{
	struct scene *t = *state;

	check_refused(say_stored(t, 4711), ERR_BUG, "STORE-STEP");
	check_refused(say_hold(t, 4711), ERR_OBJECT, "STORE-NO-JOB");
	check_refused(say_retry(t, 4711), ERR_OBJECT, "STORE-NO-JOB");
	check_refused(say_cancel(t, 4711), ERR_OBJECT, "STORE-NO-JOB");
	check_refused(store_renaming(t->store, 4711, &(struct store_rename){0, NULL, "a", 1, NULL},
	                             &last),
	              ERR_BUG, "STORE-STEP");
}

/* ---- deliveries ---------------------------------------------------------------------------- */

static int say_renaming(struct scene *t, int64_t id)
{
	return store_renaming(t->store, id, &(struct store_rename){1, NULL, "a", 1, NULL}, &last);
}

static int say_delivered(struct scene *t, int64_t id)
{
	struct store_delivered how = {.state = DELIVERY_DONE, .settle_source = true};
	bool complete;

	return store_delivered(t->store, id, &how, &complete, &last);
}

static int say_delivery_skipped(struct scene *t, int64_t id)
{
	struct store_delivered how = {.state = DELIVERY_SKIPPED, .settle_source = true};
	bool complete;

	return store_delivered(t->store, id, &how, &complete, &last);
}

static int say_resend(struct scene *t, int64_t id)
{
	return store_resend(t->store, id, &last);
}

static int say_delivery_gave_up(struct scene *t, int64_t id)
{
	struct store_failure f = failure(0);

	return store_delivery_failed(t->store, id, &f, &last);
}

static int say_delivery_failed(struct scene *t, int64_t id)
{
	static struct err why = {.kind = ERR_POLICY, .code = "X"};
	struct store_failure f = {&why, 1000};

	return store_delivery_failed(t->store, id, &f, &last);
}

#define OPEN (IN(DELIVERY_SENDING) | IN(DELIVERY_RENAMING))
#define LATE (OPEN | IN(DELIVERY_HELD) | IN(DELIVERY_CANCELED))
static const struct {
	int (*say)(struct scene *t, int64_t id);
	unsigned legal_in;
	enum delivery_state to;
} delivery_verbs[] = {
        {say_renaming, OPEN, DELIVERY_RENAMING},
        {say_delivered, LATE, DELIVERY_DONE},
        {say_delivery_skipped, LATE, DELIVERY_SKIPPED},
        {say_resend, IN(DELIVERY_RENAMING), DELIVERY_SENDING},
        {say_delivery_failed, OPEN, DELIVERY_SENDING},
        {say_delivery_gave_up, OPEN, DELIVERY_HELD},
};

static void test_delivery__takes_every_legal_step_and_no_other(void **state)
{
	struct scene *t = *state;
	int64_t job, id;

	for (size_t i = 0; i < sizeof(delivery_verbs) / sizeof(*delivery_verbs); i++)
		for (int from = 0; from < DELIVERY_STATE_COUNT; from++) {
			id = delivery_in(t, (enum delivery_state)from, &job);
			if (delivery_verbs[i].legal_in & IN(from)) {
				check_ok(delivery_verbs[i].say(t, id));
				check_delivery(t, job, id, delivery_verbs[i].to);
				continue;
			}
			assert_int_equal(delivery_verbs[i].say(t, id),
			                 from == DELIVERY_CANCELED ? ERR_CANCELED : ERR_BUG);
			check_delivery(t, job, id, (enum delivery_state)from);
		}
}

/* ---- the operator comes in between --------------------------------------------------------- */

static void test_hold__stops_the_worker_before_its_next_step(void **state)
{
	struct scene *t = *state;
	int64_t job, id = one_delivery(t, "a", &job);

	check_ok(store_hold(t->store, job, &last));
	check_delivery(t, job, id, DELIVERY_HELD);
	check_refused(say_renaming(t, id), ERR_CANCELED, "STORE-STOPPED");
	assert_int_equal(due(t, QUEUE_DELIVER, INT64_MAX, NULL), 0);
	check_ok(store_retry(t->store, job, NULL, 0, &last));
	check_delivery(t, job, id, DELIVERY_SENDING);
	check_ok(say_renaming(t, id));
}

static void test_hold__does_not_forget_what_has_happened(void **state)
{
	struct scene *t = *state;
	int64_t job, id = one_delivery(t, "a", &job);

	renaming(t, id);
	check_ok(store_hold(t->store, job, &last));
	assert_false(delivered(t, id, true));
	check_delivery(t, job, id, DELIVERY_DONE);
	check_state(t, job, JOB_HELD); /* the operator's word still counts for the source */
	check_ok(store_retry(t->store, job, NULL, 0, &last));
	check_state(t, job, JOB_DELIVERED);
	check_ok(store_hold(t->store, job, &last));
	check_ok(say_source_done(t, job)); /* it was under way: the source is gone */
	check_state(t, job, JOB_DONE);
}

/* One destination gave up, the operator wants the others stopped as well. */
static void test_hold__takes_what_is_still_under_way_of_a_held_job(void **state)
{
	struct scene *t = *state;
	int64_t job = claim(t, "r", "a"), ids[2];

	stored(t, job, ids, 2);
	check_ok(say_delivery_gave_up(t, ids[1]));
	assert_int_equal(due(t, QUEUE_DELIVER, INT64_MAX, NULL), 1);
	check_ok(store_hold(t->store, job, &last));
	assert_int_equal(due(t, QUEUE_DELIVER, INT64_MAX, NULL), 0);
	assert_string_equal(look(t, job).code, "OPERATOR-HELD");
	check_refused(say_hold(t, job), ERR_OBJECT, "STORE-STATE"); /* nothing is left to hold */
	check_refused(say_renaming(t, ids[0]), ERR_CANCELED, "STORE-STOPPED");
	assert_false(delivered(t, ids[0], true)); /* late; the other one still waits */
	assert_string_equal(look(t, job).code, "OPERATOR-HELD");
	check_ok(store_retry(t->store, job, NULL, 0, &last));
	check_state(t, job, JOB_STORED);
	assert_true(delivered(t, ids[1], true));
	check_state(t, job, JOB_DELIVERED);
}

/* Two destinations gave up, one of which the configuration does not have any more. */
static void test_retry__leaves_out_what_nobody_would_try(void **state)
{
	struct scene *t = *state;
	struct store_stray gone = {0};
	int64_t job = claim(t, "r", "a"), ids[2];

	(void)err_set(&gone.why, ERR_CONFIG, "GONE", 0, "it is gone");
	stored(t, job, ids, 2);
	check_ok(store_hold(t->store, job, &last));
	gone.delivery = ids[1];
	check_ok(store_retry(t->store, job, &gone, 1, &last));
	check_state(t, job, JOB_HELD);
	assert_string_equal(look(t, job).code, "GONE");
	check_delivery(t, job, ids[0], DELIVERY_SENDING);
	check_delivery(t, job, ids[1], DELIVERY_HELD);
	assert_int_equal(due(t, QUEUE_DELIVER, INT64_MAX, NULL), 1);
	assert_false(delivered(t, ids[0], true));
	check_state(t, job, JOB_HELD);
	check_ok(store_retry(t->store, job, NULL, 0, &last));
	check_state(t, job, JOB_STORED);
	gone.delivery = ids[0]; /* it has ended: all or nothing */
	check_refused(store_retry(t->store, job, &gone, 1, &last), ERR_BUG, "STORE-STEP");
	check_delivery(t, job, ids[1], DELIVERY_SENDING);
}

static void test_hold__lets_a_kept_source_end_the_job(void **state)
{
	struct scene *t = *state;
	int64_t job, id = one_delivery(t, "a", &job);

	check_ok(store_hold(t->store, job, &last));
	assert_true(delivered(t, id, false));
	check_state(t, job, JOB_DONE);
}

static void test_cancel__leaves_the_source_and_what_was_delivered(void **state)
{
	struct scene *t = *state;
	int64_t job = claim(t, "r", "a"), ids[3];

	stored(t, job, ids, 3);
	(void)delivered(t, ids[0], true);
	renaming(t, ids[1]);
	check_ok(store_cancel(t->store, job, &last));
	check_delivery(t, job, ids[0], DELIVERY_DONE);
	check_delivery(t, job, ids[1], DELIVERY_CANCELED);
	assert_false(delivered(t, ids[1], true)); /* the rename came through after all */
	check_delivery(t, job, ids[1], DELIVERY_DONE);
	check_state(t, job, JOB_CANCELED);
	assert_int_equal(due(t, QUEUE_SETTLE, INT64_MAX, NULL), 0);
	assert_int_equal(claim(t, "r", "a"), 0);
}

static void test_retry__resets_what_waits(void **state)
{
	struct scene *t = *state;
	struct store_failure later = failure(INT64_MAX / 2);
	int64_t job, id = one_delivery(t, "a", &job);

	check_ok(store_delivery_failed(t->store, id, &later, &last));
	assert_int_equal(due(t, QUEUE_DELIVER, 1000, NULL), 0);
	check_ok(store_retry(t->store, job, NULL, 0, &last));
	assert_int_equal(due(t, QUEUE_DELIVER, 1000, NULL), 1);
	assert_int_equal(look_delivery(t, job, id).attempts, 0);
}

/* ---- README.md ----------------------------------------------------------------------------- */

static char *read_readme(void)
{
	char *text = mem_new(64 * 1024);
	int fd = open(SOURCE_DIR "/schema/README.md", O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, text, 64 * 1024 - 1) > 0);
	close(fd);
	return text;
}

static int count_rows(const char *from, const char *to)
{
	int rows = 0;

	for (const char *p = from; (p = strstr(p, "\n| ")) && p < to; p++)
		rows++;
	return rows - 1; /* the head */
}

#define ROW_IS_THERE(from, to, by)                                                          \
	(void)snprintf(row, sizeof(row), "\n| %s | %s | %s |\n", NAME(from), NAME(to), by); \
	if (!strstr(text, row))                                                             \
		fail_msg("schema/README.md lacks:%s", row);                                 \
	rows++;

static void test_readme__lists_exactly_the_legal_steps(void **state)
{
	char *text = read_readme(), row[256];
	const char *jobs = strstr(text, "### Job"), *deliveries = strstr(text, "### Delivery");
	const char *end = strstr(text, "### What");
	int rows = 0;

	(void)state;
	assert_true(jobs && deliveries && end);
#define NAME job_state_name
	JOB_STEPS(ROW_IS_THERE)
#undef NAME
	assert_int_equal(rows, count_rows(jobs, deliveries));
	rows = 0;
#define NAME delivery_state_name
	DELIVERY_STEPS(ROW_IS_THERE)
#undef NAME
	assert_int_equal(rows, count_rows(deliveries, end));
	free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scene, drop_scene)
	const struct CMUnitTest tests[] = {
	        TEST(test_job__takes_every_legal_step_and_no_other),
	        TEST(test_job__is_looked_for_first),
	        TEST(test_delivery__takes_every_legal_step_and_no_other),
	        TEST(test_hold__stops_the_worker_before_its_next_step),
	        TEST(test_hold__does_not_forget_what_has_happened),
	        TEST(test_hold__takes_what_is_still_under_way_of_a_held_job),
	        TEST(test_hold__lets_a_kept_source_end_the_job),
	        TEST(test_retry__leaves_out_what_nobody_would_try),
	        TEST(test_cancel__leaves_the_source_and_what_was_delivered),
	        TEST(test_retry__resets_what_waits),
	        cmocka_unit_test(test_readme__lists_exactly_the_legal_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
