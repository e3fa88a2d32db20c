/* The verbs of the store, one by one, on a real file. */
#include "tests/unit/store_fixture.h"

/* ---- ledger -------------------------------------------------------------------------------- */

static void test_claim__takes_a_version_once(void **state)
{
	struct scene *t = *state;
	int64_t first = claim(t, "r", "in/a.xml");

	assert_true(first > 0);
	assert_int_equal(claim(t, "r", "in/a.xml"), 0);
	assert_true(claim(t, "other", "in/a.xml") > first);
	check_state(t, first, JOB_CLAIMED);
	assert_string_equal(look(t, first).job.path, "in/a.xml");
	assert_int_equal(look(t, first).job.size, 100);
}

static void test_claim__takes_each_part_of_the_version_seriously(void **state)
{
	struct scene *t = *state;
	struct store_file f[] = {a_file("a"), a_file("a"), a_file("a"), a_file("a"), a_file("a")};
	int64_t ids[5];

	f[1].size++;
	f[2].mtime_ms++;
	f[3].identity++;
	check_ok(store_claim(t->store, "r", f, 5, clock_wall_ms(), ids, &last));
	for (int i = 0; i < 4; i++)
		assert_true(ids[i] > 0);
	assert_int_equal(ids[4], 0); /* twice in one listing */
}

static void test_unknown__keeps_unsigned_sizes_and_any_bytes(void **state)
{
	struct scene *t = *state;
	struct store_file f = {"gr\xc3\xbc\xff", 5, UINT64_MAX, -1, UINT64_MAX - 1, 0, 0};
	bool is_new;
	int64_t id;

	check_ok(store_unknown(t->store, "r", &f, 1, clock_wall_ms(), &is_new, &last));
	assert_true(is_new);
	check_ok(store_claim(t->store, "r", &f, 1, clock_wall_ms(), &id, &last));
	check_ok(store_unknown(t->store, "r", &f, 1, clock_wall_ms(), &is_new, &last));
	assert_false(is_new);
	assert_true(look(t, id).job.size == UINT64_MAX);
	assert_true(look(t, id).job.identity == UINT64_MAX - 1);
	assert_string_equal(look(t, id).job.path, "gr\xc3\xbc\xff");
}

static void test_unknown__answers_for_more_files_than_one_request_holds(void **state)
{
	enum { N = 5000 };
	struct scene *t = *state;
	struct store_file *files = mem_new_array(N, sizeof(*files));
	int64_t *ids = mem_new_array(N, sizeof(*ids));
	bool *is_new = mem_new_array(N, sizeof(*is_new));

	for (uint64_t i = 0; i < N; i++)
		files[i] = (struct store_file){"f", 1, i, 0, 0, 0, 0};
	check_ok(store_claim(t->store, "r", files, N / 2, clock_wall_ms(), ids, &last));
	check_ok(store_unknown(t->store, "r", files, N, clock_wall_ms(), is_new, &last));
	for (size_t i = 0; i < N; i++)
		assert_int_equal(is_new[i], i >= N / 2);
	free(files);
	free(ids);
	free(is_new);
}

static void test_claim__is_not_fooled_by_a_listing_older_than_our_delete(void **state)
{
	struct scene *t = *state;
	struct store_file f = a_file("a");
	int64_t before = clock_wall_ms() - 1000, job, id;
	bool is_new;

	(void)delivered(t, one_delivery(t, "a", &job), true);
	check_ok(store_source_done(t->store, job, false, NULL, &last));
	check_ok(store_unknown(t->store, "r", &f, 1, before, &is_new, &last));
	assert_false(is_new);
	check_ok(store_claim(t->store, "r", &f, 1, before, &id, &last));
	assert_int_equal(id, 0);
	check_ok(store_claim(t->store, "r", &f, 1, clock_wall_ms() + 1000, &id, &last));
	assert_true(id > job); /* it came back: a new file */
}

static void test_claim__leaves_alone_what_may_still_be_at_the_source(void **state)
{
	struct scene *t = *state;
	int64_t job;

	(void)delivered(t, one_delivery(t, "a", &job), true);
	check_ok(store_source_done(t->store, job, true, "a newer version is in its place", &last));
	assert_int_equal(claim(t, "r", "a"), 0);
}

static void test_claim__refuses_names_that_no_gate_has_seen(void **state)
{
	struct scene *t = *state;
	struct store_file nul = {"a\0b", 3, 0, 0, 0, 0, 0}, empty = {"", 0, 0, 0, 0, 0, 0};
	int64_t id = 77;

	check_refused(store_claim(t->store, "r", &nul, 1, 0, &id, &last), ERR_BUG,
	              "STORE-ARGUMENT");
	check_refused(store_claim(t->store, "r", &empty, 1, 0, &id, &last), ERR_BUG,
	              "STORE-ARGUMENT");
	assert_int_equal(id, 77);
}

static void test_quarantine__tells_the_first_time_only(void **state)
{
	struct scene *t = *state;
	struct store_file f = {"a\0\x1b[2J", 6, 5, 0, 0, 0, 0};
	struct store_filter all = {.state = JOB_QUARANTINED, .limit = 10};
	struct store_job_info info[10];
	bool first;
	size_t n;

	check_ok(store_quarantine(t->store, "r", &f, "NAME-CONTROL", "why", &first, &last));
	assert_true(first);
	check_ok(store_quarantine(t->store, "r", &f, "NAME-CONTROL", "why", &first, &last));
	assert_false(first);
	check_ok(store_jobs(t->store, &all, info, &n, &last));
	assert_int_equal(n, 1);
	assert_string_equal(info[0].job.path, "a\\x00\\x1b[2J");
	assert_string_equal(info[0].code, "NAME-CONTROL");
}

static void test_quarantine__takes_empty_and_endless_names(void **state)
{
	struct scene *t = *state;
	char *name = mem_new(20000);
	struct store_file none = {NULL, 0, 5, 0, 0, 0, 0}, endless = {name, 20000, 5, 0, 0, 0, 0};
	bool first;

	memset(name, 'x', 20000);
	check_ok(store_quarantine(t->store, "r", &none, "NAME-EMPTY", "why", &first, &last));
	assert_true(first);
	check_ok(store_quarantine(t->store, "r", &endless, "NAME-LONG", "why", &first, &last));
	assert_true(first);
	check_ok(store_quarantine(t->store, "r", &endless, "NAME-LONG", "why", &first, &last));
	assert_false(first);
	free(name);
}

/* ---- steps of a job ------------------------------------------------------------------------ */

static void test_stored__acknowledges_with_size_digest_and_deliveries(void **state)
{
	struct scene *t = *state;
	int64_t job = claim(t, "r", "a"), ids[3];
	struct store_job_info info;

	stored(t, job, ids, 3);
	reopen(t);
	info = look(t, job);
	assert_int_equal(info.job.state, JOB_STORED);
	assert_int_equal(info.deliveries, 3);
	assert_int_equal(info.delivered, 0);
	assert_true(info.job.has_sha256);
	assert_memory_equal(info.job.sha256, some_sha256, DIGEST_BYTES);
	assert_string_equal(look_delivery(t, job, ids[1]).dest, "bank:/inbox");
	assert_string_equal(look_delivery(t, job, ids[1]).final_name, "b.xml");
	check_delivery(t, job, ids[2], DELIVERY_SENDING);
}

static void test_stored__needs_a_destination(void **state)
{
	struct scene *t = *state;
	int64_t job = claim(t, "r", "a"), ids[1];

	check_refused(store_stored(t->store, job, 1, NULL, NULL, 0, ids, &last), ERR_BUG,
	              "STORE-ARGUMENT");
	check_state(t, job, JOB_CLAIMED);
}

static void test_stored__learns_a_size_the_listing_did_not_tell(void **state)
{
	struct scene *t = *state;
	struct store_file f = {"a", 1, UINT64_MAX, -1, 0, 0, 0};
	struct store_new_delivery to = {"d", "a", 1};
	int64_t job, id;

	check_ok(store_claim(t->store, "r", &f, 1, clock_wall_ms(), &job, &last));
	check_ok(store_stored(t->store, job, 4711, NULL, &to, 1, &id, &last));
	assert_int_equal(look(t, job).job.size, 4711);
	assert_false(look(t, job).job.has_sha256);
	check_ok(store_claim(t->store, "r", &f, 1, clock_wall_ms(), &id, &last));
	assert_int_equal(id, 0); /* the listing will go on not telling */
}

static void test_fetch_failed__waits_then_gives_up(void **state)
{
	struct scene *t = *state;
	int64_t job = claim(t, "r", "a"), soon = clock_wall_ms() + 60000, next;
	struct store_failure retry = failure(soon), end = failure(0);

	assert_int_equal(due(t, QUEUE_FETCH, 0, &next), 1);
	assert_int_equal(next, 0);
	check_ok(store_fetch_failed(t->store, job, &retry, &last));
	assert_int_equal(due(t, QUEUE_FETCH, soon - 1, &next), 0);
	assert_true(next == soon);
	assert_int_equal(due(t, QUEUE_FETCH, soon, &next), 1);
	assert_int_equal(look(t, job).job.attempts, 1);
	check_ok(store_fetch_failed(t->store, job, &end, &last));
	check_state(t, job, JOB_HELD);
	assert_string_equal(look(t, job).code, "NET-REFUSED");
	assert_int_equal(due(t, QUEUE_FETCH, INT64_MAX, &next), 0);
	assert_int_equal(next, 0);
}

static void test_skipped__lets_a_vanished_version_come_again(void **state)
{
	struct scene *t = *state;
	struct store_file f = a_file("a");
	int64_t job = claim(t, "r", "a"), id;

	check_ok(store_skipped(t->store, job, "OBJ-MISSING", "it vanished", false, &last));
	check_state(t, job, JOB_SKIPPED);
	check_ok(store_claim(t->store, "r", &f, 1, clock_wall_ms() + 1000, &id, &last));
	assert_true(id > 0);
	check_ok(store_skipped(t->store, id, "POLICY", "not wanted", true, &last));
	check_ok(store_claim(t->store, "r", &f, 1, clock_wall_ms() + 1000, &id, &last));
	assert_int_equal(id, 0);
}

static void test_settle_failed__waits_then_gives_up(void **state)
{
	struct scene *t = *state;
	struct store_failure retry = failure(5000), end = failure(0);
	int64_t job;

	(void)delivered(t, one_delivery(t, "a", &job), true);
	assert_int_equal(due(t, QUEUE_SETTLE, 0, NULL), 1);
	check_ok(store_settle_failed(t->store, job, &retry, &last));
	assert_int_equal(due(t, QUEUE_SETTLE, 4999, NULL), 0);
	check_ok(store_settle_failed(t->store, job, &end, &last));
	check_state(t, job, JOB_HELD);
	check_ok(store_retry(t->store, job, NULL, 0, &last));
	check_state(t, job, JOB_DELIVERED);
	check_ok(store_source_done(t->store, job, false, NULL, &last));
	check_state(t, job, JOB_DONE);
}

/* ---- deliveries ---------------------------------------------------------------------------- */

static void test_delivered__completes_the_job_with_the_last_one(void **state)
{
	struct scene *t = *state;
	int64_t job = claim(t, "r", "a"), ids[3];
	struct store_delivered skip = {.state = DELIVERY_SKIPPED, .settle_source = true};
	bool complete;

	stored(t, job, ids, 3);
	assert_int_equal(due(t, QUEUE_DELIVER, 0, NULL), 1);
	renaming(t, ids[0]);
	assert_false(delivered(t, ids[0], true));
	check_ok(store_delivered(t->store, ids[1], &skip, &complete, &last));
	assert_false(complete);
	assert_true(delivered(t, ids[2], true));
	check_state(t, job, JOB_DELIVERED);
	assert_int_equal(look(t, job).delivered, 3);
	assert_int_equal(due(t, QUEUE_SETTLE, 0, NULL), 1);
	assert_int_equal(due(t, QUEUE_DELIVER, 0, NULL), 0);
}

static void test_delivered__ends_the_job_where_the_source_is_kept(void **state)
{
	struct scene *t = *state;
	int64_t job;

	assert_true(delivered(t, one_delivery(t, "a", &job), false));
	check_state(t, job, JOB_DONE);
	assert_int_equal(claim(t, "r", "a"), 0);
	assert_int_equal(due(t, QUEUE_SETTLE, INT64_MAX, NULL), 0);
}

static void test_delivered__flags_what_was_inferred(void **state)
{
	struct scene *t = *state;
	struct store_delivered how = {.state = DELIVERY_DONE, .inferred = true, .note = "gone"};
	int64_t job, id = one_delivery(t, "a", &job);
	bool complete;

	renaming(t, id);
	check_ok(store_delivered(t->store, id, &how, &complete, &last));
	assert_true(look_delivery(t, job, id).inferred);
	assert_string_equal(look_delivery(t, job, id).text, "gone");
}

static void test_appending__is_remembered_until_the_end(void **state)
{
	struct scene *t = *state;
	struct store_delivered how = {
	        .state = DELIVERY_DONE, .verification = 3, .sha256 = some_sha256};
	int64_t job, id = one_delivery(t, "a", &job);
	struct store_failure f = failure(0);
	bool complete;

	assert_false(look_delivery(t, job, id).is_appending);
	check_ok(store_appending(t->store, id, 0, NULL, &last));
	assert_true(look_delivery(t, job, id).is_appending);
	check_ok(store_appending(t->store, id, 4096, "sftp://u@h:22", &last));
	check_ok(store_delivery_failed(t->store, id, &f, &last));
	check_ok(store_retry(t->store, job, NULL, 0, &last));
	assert_int_equal(look_delivery(t, job, id).append_at, 4096);
	assert_string_equal(look_delivery(t, job, id).site, "sftp://u@h:22");
	check_ok(store_delivered(t->store, id, &how, &complete, &last));
	assert_int_equal(look_delivery(t, job, id).verification, 3);
}

/* Two that add to one file: the second waits until the first has ended, held or not. */
static void test_appending__takes_turns(void **state)
{
	struct scene *t = *state;
	int64_t job, job_b, job_c;
	int64_t a = one_delivery(t, "a", &job), b = one_delivery(t, "b", &job_b);
	int64_t below = one_delivery(t, "sub/c", &job_c);
	struct store_failure f = failure(0);

	check_ok(store_appending(t->store, a, 5, NULL, &last));
	check_ok(store_appending(t->store, below, 5, NULL, &last)); /* another file */
	assert_int_equal(store_appending(t->store, b, 5, NULL, &last), ERR_BUSY);
	assert_string_equal(last.code, "STORE-APPEND-TURN");
	assert_false(look_delivery(t, job_b, b).is_appending);
	check_ok(store_delivery_failed(t->store, a, &f, &last));
	assert_int_equal(store_appending(t->store, b, 5, NULL, &last), ERR_BUSY);
	check_ok(store_retry(t->store, job, NULL, 0, &last));
	(void)delivered(t, a, false);
	check_ok(store_appending(t->store, b, 5, NULL, &last));
}

static void test_appending__belongs_before_renaming(void **state)
{
	struct scene *t = *state;
	int64_t job, id = one_delivery(t, "a", &job);

	assert_int_equal(store_appending(t->store, id, UINT64_MAX, NULL, &last), ERR_BUG);
	renaming(t, id);
	assert_int_equal(store_appending(t->store, id, 5, NULL, &last), ERR_BUG);
	assert_string_equal(last.code, "STORE-STEP");
	check_ok(store_resend(t->store, id, &last));
	check_ok(store_hold(t->store, job, &last));
	assert_int_equal(store_appending(t->store, id, 5, NULL, &last), ERR_CANCELED);
}

static void test_renaming__records_digest_and_final_name(void **state)
{
	struct scene *t = *state;
	struct store_new_delivery to = {"d", "a", 1};
	int64_t job = claim(t, "r", "a"), id;

	check_ok(store_stored(t->store, job, 100, NULL, &to, 1, &id, &last));
	check_ok(store_renaming(t->store, id,
	                        &(struct store_rename){3, some_sha256, "a-1", 3, "sftp://u@h:22"},
	                        &last));
	assert_true(look(t, job).job.has_sha256);
	assert_string_equal(look_delivery(t, job, id).final_name, "a-1");
	assert_int_equal(look_delivery(t, job, id).verification, 3);
	assert_string_equal(look_delivery(t, job, id).site, "sftp://u@h:22");
	check_ok(store_renaming(t->store, id, &(struct store_rename){3, NULL, "a-2", 3, NULL},
	                        &last));
	assert_string_equal(look_delivery(t, job, id).final_name, "a-2");
}

static void test_delivery_failed__looks_before_it_sends_when_nobody_answered(void **state)
{
	struct scene *t = *state;
	struct store_failure no_answer = failure(6000);
	int64_t job, id = one_delivery(t, "a", &job), next;

	renaming(t, id);
	check_ok(store_delivery_failed(t->store, id, &no_answer, &last));
	check_delivery(t, job, id, DELIVERY_RENAMING);
	assert_int_equal(due(t, QUEUE_DELIVER, 5999, &next), 0);
	assert_int_equal(next, 6000);
	assert_int_equal(look_delivery(t, job, id).attempts, 1);
}

static void test_delivery_failed__sends_again_after_an_answer(void **state)
{
	static const enum err_kind answers[] = {ERR_POLICY, ERR_INTEGRITY, ERR_LOCAL};
	struct scene *t = *state;
	struct err why;
	struct store_failure f = {&why, 5000};
	int64_t job, id = one_delivery(t, "a", &job);

	for (int i = 0; i < 3; i++) {
		(void)err_set(&why, answers[i], "X", 0, "x");
		renaming(t, id);
		check_ok(store_delivery_failed(t->store, id, &f, &last));
		check_delivery(t, job, id, DELIVERY_SENDING);
	}
}

static void test_resend__steps_back_before_the_temporary_file_is_touched(void **state)
{
	struct scene *t = *state;
	int64_t job, id = one_delivery(t, "a", &job);

	check_refused(store_resend(t->store, id, &last), ERR_BUG, "STORE-STEP");
	renaming(t, id);
	check_ok(store_resend(t->store, id, &last));
	check_delivery(t, job, id, DELIVERY_SENDING);
	assert_int_equal(look_delivery(t, job, id).attempts, 0);
}

static void test_delivery_failed__holds_the_job_and_the_others_go_on(void **state)
{
	struct scene *t = *state;
	int64_t job = claim(t, "r", "a"), ids[2];
	struct store_failure end = failure(0);

	stored(t, job, ids, 2);
	check_ok(store_delivery_failed(t->store, ids[0], &end, &last));
	check_delivery(t, job, ids[0], DELIVERY_HELD);
	check_state(t, job, JOB_HELD);
	check_delivery(t, job, ids[1], DELIVERY_SENDING);
	assert_string_equal(look(t, job).text, "local:/srv/x: connect bank: refused");
	assert_int_equal(look(t, job).held, 1);
	reopen(t); /* a crash changes nothing of it */
	check_state(t, job, JOB_HELD);
	renaming(t, ids[1]);
	assert_false(delivered(t, ids[1], true));
	check_state(t, job, JOB_HELD);
	assert_int_equal(count_of(t, "r", JOB_HELD), 1);
	assert_int_equal(count_of(t, "r", JOB_STORED), 0);
	check_ok(store_retry(t->store, job, NULL, 0, &last));
	check_state(t, job, JOB_STORED);
	check_delivery(t, job, ids[0], DELIVERY_SENDING);
	assert_true(delivered(t, ids[0], true));
	check_state(t, job, JOB_DELIVERED);
}

static void test_delivery_failed__tells_which_and_how_many_gave_up(void **state)
{
	struct scene *t = *state;
	int64_t job = claim(t, "r", "a"), ids[3];
	struct store_failure end = failure(0), later = failure(INT64_MAX / 2);

	stored(t, job, ids, 3);
	check_ok(store_delivery_failed(t->store, ids[0], &later, &last));
	check_state(t, job, JOB_STORED); /* none has given up */
	check_ok(store_delivery_failed(t->store, ids[0], &end, &last));
	(void)usleep(3000); /* the last one is told by its time */
	check_ok(store_delivery_failed(t->store, ids[2], &end, &last));
	assert_string_equal(look(t, job).code, "NET-REFUSED");
	assert_string_equal(look(t, job).text, "bank:/copy (and 1 more): connect bank: refused");
	assert_int_equal(look(t, job).held, 2);
}

static void test_delivery_failed__remembers_that_it_must_look_first(void **state)
{
	struct scene *t = *state;
	struct store_failure end = failure(0);
	int64_t job, id = one_delivery(t, "a", &job);

	renaming(t, id);
	check_ok(store_delivery_failed(t->store, id, &end, &last));
	check_state(t, job, JOB_HELD);
	check_ok(store_retry(t->store, job, NULL, 0, &last));
	check_delivery(t, job, id, DELIVERY_RENAMING);
}

/* ---- queue --------------------------------------------------------------------------------- */

static void test_due__gives_the_oldest_first_within_the_room(void **state)
{
	struct scene *t = *state;
	static struct store_task tasks[3];
	size_t n;
	int64_t next, first = claim(t, "r", "a");

	(void)claim(t, "r", "b");
	(void)claim(t, "r", "c");
	(void)claim(t, "elsewhere", "d");
	check_ok(store_due(t->store, QUEUE_FETCH, "r", NULL, 0, tasks, 2, &n, &next, &last));
	assert_int_equal(n, 2);
	assert_int_equal(tasks[0].job.id, first);
	assert_string_equal(tasks[1].job.path, "b");
	assert_int_equal(tasks[0].delivery.id, 0);
}

static void test_due__gives_a_delivery_with_its_job(void **state)
{
	struct scene *t = *state;
	static struct store_task tasks[3];
	int64_t job = claim(t, "r", "in/a"), ids[2], next;
	size_t n;

	stored(t, job, ids, 2);
	check_ok(store_due(t->store, QUEUE_DELIVER, "r", "bank:/inbox", 0, tasks, 3, &n, &next,
	                   &last));
	assert_int_equal(n, 1);
	assert_int_equal(tasks[0].delivery.id, ids[1]);
	assert_int_equal(tasks[0].delivery.job, job);
	assert_string_equal(tasks[0].delivery.final_name, "b.xml");
	assert_string_equal(tasks[0].job.path, "in/a");
	check_refused(store_due(t->store, QUEUE_DELIVER, "r", NULL, 0, tasks, 3, &n, &next, &last),
	              ERR_BUG, "STORE-ARGUMENT");
}

/* ---- commands after a delivery ------------------------------------------------------------- */

static int64_t delivered_with_call(struct scene *t, const char *path, int64_t *job)
{
	struct store_delivered how = {.state = DELIVERY_DONE, .calls = true};
	int64_t id = one_delivery(t, path, job);
	bool complete;

	renaming(t, id);
	check_ok(store_delivered(t->store, id, &how, &complete, &last));
	assert_true(complete); /* the job does not wait for it */
	check_state(t, *job, JOB_DONE);
	return id;
}

static void test_call__waits_until_it_has_ended(void **state)
{
	struct scene *t = *state;
	struct store_failure retry = failure(5000);
	int64_t job, id = delivered_with_call(t, "a", &job), next;

	assert_int_equal(due(t, QUEUE_CALL, 0, NULL), 1);
	reopen(t);
	assert_int_equal(due(t, QUEUE_CALL, 0, NULL), 1);
	check_ok(store_call_failed(t->store, id, &retry, &last));
	assert_int_equal(due(t, QUEUE_CALL, 4999, &next), 0);
	assert_int_equal(next, 5000);
	check_ok(store_wake(t->store, "r", &last));
	assert_int_equal(due(t, QUEUE_CALL, 0, NULL), 1);
	check_ok(store_called(t->store, id, "status 0", &last));
	assert_int_equal(due(t, QUEUE_CALL, INT64_MAX, NULL), 0);
	check_refused(store_called(t->store, id, "status 0", &last), ERR_BUG, "STORE-STEP");
	check_state(t, job, JOB_DONE);
}

/* A canceled delivery may have left something at its destination: one sweep, over restarts. */
static void test_call__sweeps_after_a_cancel(void **state)
{
	struct scene *t = *state;
	struct store_failure retry = failure(5000), end = failure(0);
	int64_t job, id = one_delivery(t, "a", &job), other = one_delivery(t, "b", &job);

	check_ok(store_cancel(t->store, 1, &last));
	assert_int_equal(due(t, QUEUE_CALL, 0, NULL), 1);
	reopen(t);
	check_ok(store_call_failed(t->store, id, &retry, &last));
	assert_int_equal(due(t, QUEUE_CALL, 4999, NULL), 0);
	assert_int_equal(due(t, QUEUE_CALL, 5000, NULL), 1);
	check_ok(store_swept(t->store, id, "gone", &last));
	check_refused(store_swept(t->store, id, NULL, &last), ERR_BUG, "STORE-STEP");
	check_ok(store_appending(t->store, other, 7, NULL, &last)); /* no temporary file there */
	check_ok(store_cancel(t->store, job, &last));
	assert_int_equal(due(t, QUEUE_CALL, INT64_MAX, NULL), 0);
	id = one_delivery(t, "c", &job);
	check_ok(store_cancel(t->store, job, &last));
	check_ok(store_call_failed(t->store, id, &end, &last));
	assert_int_equal(due(t, QUEUE_CALL, INT64_MAX, NULL), 0);
	check_state(t, job, JOB_CANCELED);
}

static void test_call__is_given_up_once(void **state)
{
	struct scene *t = *state;
	struct store_failure end = failure(0);
	int64_t job, id = delivered_with_call(t, "a", &job);

	check_ok(store_call_failed(t->store, id, &end, &last));
	assert_int_equal(due(t, QUEUE_CALL, INT64_MAX, NULL), 0);
	check_refused(store_call_failed(t->store, id, &end, &last), ERR_BUG, "STORE-STEP");
	check_state(t, job, JOB_DONE);
}

static void test_call__counts_its_own_attempts(void **state)
{
	struct scene *t = *state;
	struct store_failure retry = failure(1);
	static struct store_task task;
	int64_t job, id = delivered_with_call(t, "a", &job), next;
	size_t n;

	check_ok(store_call_failed(t->store, id, &retry, &last));
	check_ok(store_call_failed(t->store, id, &retry, &last));
	check_ok(store_due(t->store, QUEUE_CALL, "r", "local:/srv/x", INT64_MAX, &task, 1, &n,
	                   &next, &last));
	assert_int_equal(n, 1);
	assert_int_equal(task.delivery.attempts, 2);
	assert_int_equal(task.delivery.id, id);
	assert_string_equal(task.delivery.final_name, "a.xml");
	assert_int_equal(task.job.id, job);
}

static void test_wake__makes_waiting_work_due(void **state)
{
	struct scene *t = *state;
	struct store_failure retry = failure(9000);
	int64_t job, fetch = claim(t, "r", "f"), id = one_delivery(t, "d", &job), settle;

	(void)delivered(t, one_delivery(t, "s", &settle), true);
	check_ok(store_fetch_failed(t->store, fetch, &retry, &last));
	check_ok(store_delivery_failed(t->store, id, &retry, &last));
	check_ok(store_settle_failed(t->store, settle, &retry, &last));
	assert_int_equal(due(t, QUEUE_FETCH, 0, NULL) + due(t, QUEUE_DELIVER, 0, NULL), 0);
	check_ok(store_wake(t->store, "other", &last));
	assert_int_equal(due(t, QUEUE_FETCH, 0, NULL), 0);
	check_ok(store_wake(t->store, "r", &last));
	assert_int_equal(due(t, QUEUE_FETCH, 0, NULL), 1);
	assert_int_equal(due(t, QUEUE_DELIVER, 0, NULL), 1);
	assert_int_equal(due(t, QUEUE_SETTLE, 0, NULL), 1);
}

static void test_needs_spool__until_the_job_is_final(void **state)
{
	struct scene *t = *state;
	int64_t job, id = one_delivery(t, "a", &job);
	bool needed;

	check_ok(store_needs_spool(t->store, job, &needed, &last));
	assert_true(needed);
	check_refused(store_needs_spool(t->store, job + 1, &needed, &last), ERR_OBJECT,
	              "STORE-NO-JOB");
	(void)delivered(t, id, false);
	check_ok(store_needs_spool(t->store, job, &needed, &last));
	assert_false(needed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scene, drop_scene)
	const struct CMUnitTest tests[] = {
	        TEST(test_claim__takes_a_version_once),
	        TEST(test_claim__takes_each_part_of_the_version_seriously),
	        TEST(test_unknown__keeps_unsigned_sizes_and_any_bytes),
	        TEST(test_unknown__answers_for_more_files_than_one_request_holds),
	        TEST(test_claim__is_not_fooled_by_a_listing_older_than_our_delete),
	        TEST(test_claim__leaves_alone_what_may_still_be_at_the_source),
	        TEST(test_claim__refuses_names_that_no_gate_has_seen),
	        TEST(test_quarantine__tells_the_first_time_only),
	        TEST(test_quarantine__takes_empty_and_endless_names),
	        TEST(test_stored__acknowledges_with_size_digest_and_deliveries),
	        TEST(test_stored__needs_a_destination),
	        TEST(test_stored__learns_a_size_the_listing_did_not_tell),
	        TEST(test_fetch_failed__waits_then_gives_up),
	        TEST(test_skipped__lets_a_vanished_version_come_again),
	        TEST(test_settle_failed__waits_then_gives_up),
	        TEST(test_delivered__completes_the_job_with_the_last_one),
	        TEST(test_delivered__ends_the_job_where_the_source_is_kept),
	        TEST(test_delivered__flags_what_was_inferred),
	        TEST(test_appending__is_remembered_until_the_end),
	        TEST(test_appending__takes_turns),
	        TEST(test_appending__belongs_before_renaming),
	        TEST(test_renaming__records_digest_and_final_name),
	        TEST(test_delivery_failed__looks_before_it_sends_when_nobody_answered),
	        TEST(test_delivery_failed__sends_again_after_an_answer),
	        TEST(test_resend__steps_back_before_the_temporary_file_is_touched),
	        TEST(test_delivery_failed__tells_which_and_how_many_gave_up),
	        TEST(test_delivery_failed__holds_the_job_and_the_others_go_on),
	        TEST(test_delivery_failed__remembers_that_it_must_look_first),
	        TEST(test_due__gives_the_oldest_first_within_the_room),
	        TEST(test_due__gives_a_delivery_with_its_job),
	        TEST(test_call__waits_until_it_has_ended),
	        TEST(test_call__sweeps_after_a_cancel),
	        TEST(test_call__is_given_up_once),
	        TEST(test_call__counts_its_own_attempts),
	        TEST(test_wake__makes_waiting_work_due),
	        TEST(test_needs_spool__until_the_job_is_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
