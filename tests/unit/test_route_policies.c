/*
 * A whole route where the destination's and the source's policies decide: names that are taken,
 * several destinations, what happens to the source; at every operation stopped or cut off once.
 */
#include "tests/unit/route_rig.h"

/* ---- exists: ------------------------------------------------------------------------------- */

static void taken_world(void)
{
	begin_world();
	put_file("in/f0", "CONTENT OF 0")->mtime_ms = 500; /* somebody's, of the same size */
}

static void check_the_free_ones(void)
{
	check_arrived(1);
	check_arrived(2);
	assert_int_equal(world.doubled, 0);
}

static void check_each_arrived_once(void)
{
	assert_int_equal(count_files(), FILES);
	assert_int_equal(world.arrived, FILES);
	check_arrived(0);
	check_the_free_ones();
}

static const struct plan fails = {.from = FROM_HERE, .to = TO_THERE, .may_hold = true};

/* Whenever it was stopped: a file that was refused is never taken for one that was delivered. */
static bool refused_file_stays(int *fault_at, int n)
{
	struct ferryd d;
	bool came;

	setup(&d, &fails);
	taken_world();
	came = live_through(&d, fault_at, n);
	assert_int_equal(d.done, FILES - 1);
	assert_int_equal(d.held, 1);
	check_file("out/f0", "content of 0");
	check_file("in/f0", "CONTENT OF 0");
	check_the_free_ones();
	assert_int_equal(count_files(), FILES + 1);
	teardown(&d);
	return came;
}

static void test_route__never_takes_a_refused_file_for_a_delivered_one(void **state)
{
	(void)state;
	survives_everywhere(refused_file_stays, &world.crash_at, 5 * FILES);
	survives_everywhere(refused_file_stays, &world.lose_at, 5 * FILES);
}

static const struct plan replaces = {.from = FROM_HERE, .to = TO_REPLACING};
static const struct plan skips = {
        .from = FROM_HERE, .to = "{endpoint: there, path: in, exists: skip, retry: {first: 10ms}}"};
static const struct plan renames = {
        .from = FROM_HERE,
        .to = "{endpoint: there, path: in, exists: rename, retry: {first: 10ms}}"};
static const struct plan twice = {
        .from = FROM_HERE,
        .to = TO_THERE ", {endpoint: there, path: also, retry: {first: 10ms, most: 10ms}}"};

/* Through the fault at every moment; `judge` looks at what came of it. */
static void suffer(const struct plan *plan, int *fault_at, void (*make)(void), void (*judge)(void))
{
	bool came = true;

	for (int n = 1; came && n < STEPS_MAX; n++) {
		struct ferryd d;

		setup(&d, plan);
		make();
		came = live_through(&d, fault_at, n);
		assert_int_equal(d.done, FILES);
		check_the_free_ones();
		judge();
		teardown(&d);
	}
}

static void judge_replaced(void)
{
	check_arrived(0);
	assert_int_equal(count_files(), FILES);
}

static void judge_skipped(void)
{
	check_file("in/f0", "CONTENT OF 0");
	assert_int_equal(count_files(), FILES);
}

static void judge_renamed(void)
{
	check_file("in/f0", "CONTENT OF 0");
	assert_int_equal(count_files(), FILES + 1);
}

static void judge_both(void)
{
	check_file("also/f0", "content of 0");
	check_file("also/f1", "content of 1");
	check_file("also/f2", "content of 2");
	assert_int_equal(count_files(), 2 * FILES);
}

static void test_route__replaces_once(void **state)
{
	(void)state;
	suffer(&replaces, &world.lose_at, taken_world, judge_replaced);
	suffer(&replaces, &world.crash_at, taken_world, judge_replaced);
}

static void test_route__skips_what_is_taken(void **state)
{
	(void)state;
	suffer(&skips, &world.stop_at, taken_world, judge_skipped);
	suffer(&skips, &world.crash_at, taken_world, judge_skipped);
}

static void test_route__numbers_what_is_taken_once(void **state)
{
	(void)state;
	suffer(&renames, &world.lose_at, taken_world, judge_renamed);
	suffer(&renames, &world.crash_at, taken_world, judge_renamed);
}

static void test_route__delivers_to_both_once(void **state)
{
	(void)state;
	suffer(&twice, &world.stop_at, begin_world, judge_both);
	suffer(&twice, &world.crash_at, begin_world, judge_both);
}

/* ---- verify: digest ------------------------------------------------------------------------ */

static const struct plan digested = {
        .from = FROM_HERE,
        .to = "{endpoint: there, path: in, verify: digest, retry: {first: 10ms, most: 10ms}}"};

static void carry_digested(struct ferryd *d, int wrong)
{
	setup(d, &digested);
	begin_world();
	world.hashes = wrong < 0 ? 0 : 1;
	world.wrong_hashes = wrong < 0 ? 0 : wrong;
	run(d);
	assert_int_equal(d->done, FILES);
	check_each_arrived_once();
	teardown(d);
}

/* What the server computes of it is compared; what differs is sent again; a server that computes
 * nothing is read back from. */
static void test_route__verifies_by_the_servers_own_hash(void **state)
{
	struct ferryd d;

	(void)state;
	carry_digested(&d, 0);
	assert_int_equal(world.hashes, 1 + FILES);
	assert_int_equal(world.got, FILES * strlen("content of 0"));
	carry_digested(&d, 2);
	assert_int_equal(world.hashes, 1 + FILES + 2);
	carry_digested(&d, -1);
	assert_int_equal(world.got, 2 * FILES * strlen("content of 0"));
}

/* ---- exists: append ------------------------------------------------------------------------ */

#define TO_APPENDING "{endpoint: there, path: in, exists: append, retry: {first: 10ms, most: 10ms}"

static const struct plan appends = {.from = FROM_HERE, .to = TO_APPENDING "}"};
static const struct plan verifies = {.from = FROM_HERE, .to = TO_APPENDING ", verify: digest}"};

static void judge_appended(void)
{
	check_file("in/f0", "CONTENT OF 0content of 0");
	assert_int_equal(count_files(), FILES);
}

static void test_route__appends_once(void **state)
{
	(void)state;
	suffer(&appends, &world.fail_at, taken_world, judge_appended);
	suffer(&appends, &world.lose_at, taken_world, judge_appended);
	suffer(&appends, &world.stop_at, taken_world, judge_appended);
	suffer(&appends, &world.crash_at, taken_world, judge_appended);
	suffer(&verifies, &world.crash_at, taken_world, judge_appended);
}

static const struct plan gathers = {.from = FROM_HERE,
                                    .to = "{endpoint: there, path: in, name: all, exists: append, "
                                          "retry: {first: 10ms, most: 10ms}}"};

/* All files go into one: the first makes it, each is in it once and in one piece. */
static void judge_gathered(void)
{
	const struct fake_file *f = find("in/all");
	char all[CONTENT_BYTES + 1] = "";

	assert_non_null(f);
	memcpy(all, f->content, f->size);
	assert_int_equal(f->size, FILES * strlen("content of 0"));
	for (int i = 0; i < FILES; i++) {
		char content[32];

		(void)snprintf(content, sizeof(content), "content of %d", i);
		assert_non_null(strstr(all, content));
	}
	assert_int_equal(count_files(), 1);
}

static bool gathers_through(int *fault_at, int n)
{
	struct ferryd d;
	bool came;

	setup(&d, &gathers);
	begin_world();
	came = live_through(&d, fault_at, n);
	assert_int_equal(d.done, FILES);
	judge_gathered();
	teardown(&d);
	return came;
}

static void test_route__appends_all_files_to_one(void **state)
{
	(void)state;
	survives_everywhere(gathers_through, &world.crash_at, 5 * FILES);
	survives_everywhere(gathers_through, &world.lose_at, 5 * FILES);
}

static const struct plan shared = {.from = FROM_HERE, .to = TO_APPENDING "}", .may_hold = true};

/* What somebody else adds between the crash and the next life is never lost, never taken for ours,
 * and ours is there once or the file is held. */
static bool stands_beside_another(int n)
{
	struct ferryd d;
	struct fake_file *f;
	bool came;
	char left[CONTENT_BYTES + 1] = "", all[CONTENT_BYTES + 1] = "";

	setup(&d, &shared);
	taken_world();
	world.crash_at = n;
	run(&d);
	came = world.operations >= n;
	world.crash_at = 0;
	f = find("in/f0");
	f->content[f->size++] = '!';
	memcpy(left, f->content, f->size);
	run(&d);
	memcpy(all, f->content, f->size);
	assert_int_equal(d.done + d.held, FILES);
	assert_memory_equal(all, left, strlen(left));
	if (d.held)
		assert_string_equal(all, left);
	else
		assert_true(strcmp(all, "CONTENT OF 0!content of 0") == 0 ||
		            strcmp(all, "CONTENT OF 0content of 0!") == 0);
	teardown(&d);
	return came;
}

static void test_route__never_guesses_who_appended(void **state)
{
	(void)state;
	for (int n = 1; n < STEPS_MAX && stands_beside_another(n); n++)
		;
}

/* ---- after: -------------------------------------------------------------------------------- */

static const struct plan resumed = {.from = FROM_HERE, .to = TO_THERE, .meanwhile = route_resume};

/* What is offered from hand to hand and found again in the store is one task, not two: the second
 * one could remove a newer version that came in between. */
static void test_route__settles_a_source_once(void **state)
{
	struct ferryd d;

	(void)state;
	for (int life = 0; life < 5; life++) {
		setup(&d, &resumed);
		begin_world();
		run(&d);
		assert_int_equal(d.done, FILES);
		assert_int_equal(world.source_looks, FILES);
		teardown(&d);
	}
}

/* Servers may tell in MLSD what they do not tell in MLST; and LIST tells none at all. */
static void test_route__settles_where_only_the_listing_tells_identities(void **state)
{
	struct ferryd d;

	(void)state;
	setup(&d, &usual);
	begin_world();
	world.listed_identity = 7;
	run(&d);
	check_each_arrived_once();
	teardown(&d);
}

/* ---- the source changes -------------------------------------------------------------------- */

static bool is_replaced;

static void replace_f0(struct route *r)
{
	(void)r;
	if (is_replaced || world.operations < 3)
		return;
	put_file("out/f0", "new")->mtime_ms = 2000;
	is_replaced = true;
}

static const struct plan replaced = {
        .from = FROM_KEPT, .to = TO_REPLACING, .meanwhile = replace_f0};

/* Between listing and fetch, with a shorter one: the old version is given up, not tried for ever.
 */
static void test_route__gives_up_a_version_that_was_replaced(void **state)
{
	struct ferryd d;

	(void)state;
	is_replaced = false;
	setup(&d, &replaced);
	begin_world();
	world.slow_get = 20;
	run(&d);
	check_file("in/f0", "new");
	assert_int_equal(count_files(), 2 * FILES);
	teardown(&d);
}

/* ---- a local source ------------------------------------------------------------------------ */

static const struct plan dropped = {.from = FROM_DROP, .to = TO_THERE};
static const struct plan kept = {
        .from = "{path: DIR/drop, poll: 100ms, ready: {stable_for: 0s}, after: keep}",
        .to = TO_THERE};

static void test_route__carries_dropped_files(void **state)
{
	struct ferryd d;

	(void)state;
	setup(&d, &dropped);
	begin_dropped_world(&d);
	run(&d);
	check_each_arrived_once();
	assert_int_equal(count_dropped(&d, "") + count_dropped(&d, NAME_CLAIM_DIR), 0);
	teardown(&d);
}

/* Another route of the same directory starts while ours has files in the claim folder they share:
 * they are none of its business. */
static void test_route__leaves_the_claims_of_other_routes(void **state)
{
	struct ferryd d;

	(void)state;
	setup(&d, &dropped);
	begin_dropped_world(&d);
	world.is_down = true;
	world.live_ms = 300;
	run(&d);
	assert_int_equal(count_dropped(&d, NAME_CLAIM_DIR), FILES);
	d.route = "other";
	run(&d);
	assert_int_equal(count_dropped(&d, NAME_CLAIM_DIR), FILES);
	world.is_down = false;
	world.live_ms = 0;
	d.route = "r";
	run(&d);
	check_each_arrived_once();
	assert_int_equal(count_dropped(&d, "") + count_dropped(&d, NAME_CLAIM_DIR), 0);
	teardown(&d);
}

/* `after:` is changed while files are on their way. */
static void change_after(const struct plan *before, const struct plan *now, int left)
{
	struct ferryd d;

	setup(&d, before);
	begin_dropped_world(&d);
	world.is_down = true;
	world.live_ms = 300;
	run(&d);
	configure(&d, now);
	world.is_down = false;
	world.live_ms = 0;
	run(&d);
	run(&d);
	check_each_arrived_once();
	assert_int_equal(count_dropped(&d, ""), left);
	assert_int_equal(count_dropped(&d, NAME_CLAIM_DIR), 0);
	teardown(&d);
}

static void test_route__carries_on_when_sources_are_kept_from_now_on(void **state)
{
	(void)state;
	change_after(&dropped, &kept, FILES);
}

static void test_route__carries_on_when_sources_are_deleted_from_now_on(void **state)
{
	(void)state;
	change_after(&kept, &dropped, 0);
}

/* ---- the destination changes --------------------------------------------------------------- */

static const struct plan elsewhere = {
        .from = FROM_HERE, .to = "{endpoint: there, path: elsewhere}", .may_hold = true};

/* What was on its way to a destination that is gone is put before the operator, not forgotten. */
static void test_route__holds_what_has_no_destination_any_more(void **state)
{
	struct ferryd d;

	(void)state;
	setup(&d, &usual);
	begin_world();
	world.is_down = true;
	world.live_ms = 300;
	run(&d);
	configure(&d, &elsewhere);
	world.is_down = false;
	world.live_ms = 0;
	run(&d);
	assert_int_equal(d.held, FILES);
	assert_int_equal(count_files(), FILES); /* at the source */
	teardown(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_route__never_takes_a_refused_file_for_a_delivered_one),
	        cmocka_unit_test(test_route__replaces_once),
	        cmocka_unit_test(test_route__skips_what_is_taken),
	        cmocka_unit_test(test_route__numbers_what_is_taken_once),
	        cmocka_unit_test(test_route__appends_once),
	        cmocka_unit_test(test_route__appends_all_files_to_one),
	        cmocka_unit_test(test_route__never_guesses_who_appended),
	        cmocka_unit_test(test_route__delivers_to_both_once),
	        cmocka_unit_test(test_route__settles_a_source_once),
	        cmocka_unit_test(test_route__settles_where_only_the_listing_tells_identities),
	        cmocka_unit_test(test_route__verifies_by_the_servers_own_hash),
	        cmocka_unit_test(test_route__gives_up_a_version_that_was_replaced),
	        cmocka_unit_test(test_route__carries_dropped_files),
	        cmocka_unit_test(test_route__leaves_the_claims_of_other_routes),
	        cmocka_unit_test(test_route__carries_on_when_sources_are_kept_from_now_on),
	        cmocka_unit_test(test_route__carries_on_when_sources_are_deleted_from_now_on),
	        cmocka_unit_test(test_route__holds_what_has_no_destination_any_more),
	};

	work_setup();
	log_setup(LOG_LEVEL_ERROR, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
