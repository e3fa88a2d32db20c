/*
 * The pool against an adapter that does what the test says.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/breaker.h"
#include "adapters/ceiling.h"
#include "adapters/endpoint.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"
#include "tests/runtime/rig.h"
#include "tests/unit/tree.h"

/* ---- the fake ------------------------------------------------------------------------------ */

struct connection {
	bool is_dead;
	struct signal aborted;
};

static struct {
	int room;           /* operations a connection carries */
	bool is_held;       /* connect waits */
	struct signal held; /* ... for this */
	enum err_kind failure;
	const char *code;
	enum err_kind ping_failure;
	int64_t doubtful_after_ms;
	int connects, closes, aborts, pings;
	int takes, counted; /* further connections are turned away; takes 0: lets all in */
	uint64_t traffic;   /* of each connection */
	bool is_slow;       /* counts connections that have ended until the test says otherwise */
} fake;

static int fake_connect(const struct endpoint_config *endpoint, struct trace *trace,
                        struct connection **out, struct err *e)
{
	(void)endpoint;
	TRACE(trace, TRACE_KEX, "connecting");
	fake.connects++;
	while (fake.is_held)
		if (signal_wait(&fake.held, "the test", deadline_in(5000), e) < 0)
			return e->kind;
	if (fake.failure)
		return err_set(e, fake.failure, fake.code, 0, "the fake said no");
	if (fake.takes && fake.counted >= fake.takes)
		return err_set(e, ERR_BUSY, "TEST-TOO-MANY", 0, "the fake is full");
	fake.counted++;
	*out = mem_new_of(struct connection);
	signal_init(&(*out)->aborted);
	return 0;
}

static void fake_close(struct connection *c)
{
	struct err e;

	check(fiber_yield(&e) == 0); /* may await */
	fake.closes++;
	fake.counted -= fake.is_slow ? 0 : 1;
	free(c);
}

static void fake_abort(struct connection *c)
{
	fake.aborts++;
	c->is_dead = true;
	signal_raise(&c->aborted);
}

static bool fake_is_alive(const struct connection *c)
{
	return !c->is_dead;
}

static const struct capabilities *fake_capabilities(const struct connection *c)
{
	static struct capabilities capabilities;

	(void)c;
	capabilities.concurrent_operations = fake.room;
	capabilities.doubtful_after_ms = fake.doubtful_after_ms;
	return &capabilities;
}

static uint64_t fake_traffic(const struct connection *c)
{
	(void)c;
	return fake.traffic;
}

static int fake_ping(struct connection *c, struct err *e)
{
	(void)c;
	fake.pings++;
	return fake.ping_failure ? err_set(e, fake.ping_failure, "NET-TEST", 0, "no pong") : 0;
}

static const struct adapter adapter_fake = {
        .protocol = "fake",
        .connect = fake_connect,
        .close = fake_close,
        .abort = fake_abort,
        .is_alive = fake_is_alive,
        .traffic = fake_traffic,
        .capabilities = fake_capabilities,
        .ping = fake_ping,
};

/* ---- verbs --------------------------------------------------------------------------------- */

static struct endpoint_config settings;
static struct endpoint *p;
static void (*body)(void);

static void in_fiber(struct worker *w)
{
	signal_init(&fake.held);
	p = endpoint_new_with(NULL, &settings, w, &adapter_fake);
	body();
	endpoint_free(p);
	check(fake.closes <= fake.connects);
}

static void run(void (*fn)(void))
{
	body = fn;
	rig_run(in_fiber);
}

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.room = 1;
	fake.code = "TEST-NO";
	settings = (struct endpoint_config){.name = "acme", .connections = 1};
	return 0;
}

static int take(struct lease *l, struct err *e)
{
	return endpoint_lease(p, l, deadline_in(5000), e);
}

static void must_take(struct lease *l)
{
	struct err e = {0};

	if (take(l, &e) < 0)
		(void)fprintf(stderr, "lease: %s\n", e.message);
	check(e.kind == 0 && l->connection && l->adapter == &adapter_fake);
}

static void give(struct lease *l)
{
	lease_release(l, 0, NULL);
	check(!l->slot);
}

static void give_failed(struct lease *l, enum err_kind kind, const char *code)
{
	struct err e;

	lease_release(l, err_set(&e, kind, code, 0, "the operation failed"), &e);
}

static struct endpoint_status status(void)
{
	struct endpoint_status s;

	endpoint_status(p, &s);
	return s;
}

static void release_connect(void)
{
	fake.is_held = false;
	signal_raise(&fake.held);
}

/* A fiber that takes a lease, keeps it until told, and gives it back. */
struct user {
	struct fiber *fiber;
	struct lease lease;
	struct err e;
	bool has_ended, may_give;
	int result, turn;
};

static int turns_taken;

static void use(void *arg)
{
	struct user *u = arg;
	struct err e;

	u->result = take(&u->lease, &u->e);
	u->turn = ++turns_taken;
	while (u->result == 0 && !u->may_give)
		if (fiber_sleep(1, "the test", &e) < 0)
			break;
	if (u->result == 0)
		give(&u->lease);
	u->has_ended = true;
}

static void begin_use(struct user *u, bool may_give)
{
	*u = (struct user){.may_give = may_give};
	u->fiber = fiber_start(fiber_worker(), "user", use, u);
	rig_turns(3);
}

/* ---- the breaker --------------------------------------------------------------------------- */

static struct err failure_of(enum err_kind kind)
{
	struct err e;

	err_set(&e, kind, "TEST", 0, "failed");
	return e;
}

static void test_breaker__waits_twice_as_long_each_time(void **state)
{
	static const int64_t waits[] = {1000,  2000,   4000,   8000,   16000,  32000,
	                                64000, 128000, 256000, 300000, 300000, 300000};
	struct err e = failure_of(ERR_NETWORK);
	struct breaker b;
	int64_t now = 0;

	(void)state;
	breaker_init(&b, 42);
	for (size_t i = 0; i < 12; i++) {
		assert_true(breaker_may_try(&b, now));
		breaker_failed(&b, now, &e);
		assert_false(breaker_may_try(&b, now));
		assert_in_range(breaker_left_ms(&b, now), waits[i] * 8 / 10, waits[i] * 12 / 10);
		now = b.next_ms;
	}
	breaker_succeeded(&b);
	assert_true(breaker_may_try(&b, now));
	assert_int_equal(b.last.kind, 0);
	breaker_failed(&b, now, &e);
	assert_in_range(breaker_left_ms(&b, now), 800, 1200);
}

static void test_breaker__endpoints_do_not_come_back_together(void **state)
{
	struct err e = failure_of(ERR_NETWORK);
	struct breaker a, b;

	(void)state;
	breaker_init(&a, 1);
	breaker_init(&b, 2);
	for (int i = 0; i < 5; i++) {
		breaker_failed(&a, 0, &e);
		breaker_failed(&b, 0, &e);
	}
	assert_true(a.next_ms != b.next_ms);
}

static void test_breaker__refused_credentials_stop_it(void **state)
{
	static const enum err_kind final[] = {ERR_AUTH, ERR_TRUST, ERR_CONFIG};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct err e = failure_of(final[i]);
		struct breaker b;

		breaker_init(&b, 42);
		breaker_failed(&b, 0, &e);
		assert_false(breaker_may_try(&b, INT64_MAX));
		breaker_succeeded(&b);
		assert_false(breaker_may_try(&b, INT64_MAX));
		breaker_reset(&b);
		assert_true(breaker_may_try(&b, 0));
	}
}

/* ---- the ceiling --------------------------------------------------------------------------- */

static void test_ceiling__tries_one_more_at_growing_intervals(void **state)
{
	static const int64_t minutes[] = {1, 2, 4, 8, 16, 32, 60, 60};
	struct err e = failure_of(ERR_BUSY);
	struct ceiling c;
	int64_t now = 0;

	(void)state;
	ceiling_init(&c, 4);
	assert_int_equal(ceiling_room(&c, now), 4);
	for (size_t i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
		ceiling_refused(&c, 2, now, &e);
		now += minutes[i] * 60000 - 1;
		assert_int_equal(ceiling_room(&c, now), 2);
		assert_int_equal(ceiling_room(&c, ++now), 3);
	}
	ceiling_connected(&c, 3);
	assert_int_equal(ceiling_room(&c, now), 4); /* on, while it lasts */
	ceiling_refused(&c, 3, now, &e);
	assert_int_equal(ceiling_room(&c, now + 119999), 3);
	ceiling_connected(&c, 4);
	assert_int_equal(ceiling_room(&c, now), 4);
	assert_int_equal(c.last.kind, 0);
}

static void test_ceiling__is_never_below_one(void **state)
{
	struct err e = failure_of(ERR_BUSY);
	struct ceiling c;

	(void)state;
	ceiling_init(&c, 64);
	ceiling_refused(&c, 0, 0, &e);
	assert_int_equal(ceiling_room(&c, 1), 1);
	ceiling_connected(&c, 2); /* one that was under way: the server does take two */
	assert_int_equal(ceiling_room(&c, 1), 2);
	ceiling_refused(&c, 1, 1, &e);
	ceiling_init(&c, 1);
	ceiling_refused(&c, 0, 0, &e);
	assert_int_equal(ceiling_room(&c, 0), 1);
}

/* ---- sharing ------------------------------------------------------------------------------- */

static void body_sharing(void)
{
	struct lease l[5];
	struct user waiting;

	for (int i = 0; i < 4; i++)
		must_take(&l[i]);
	check(fake.connects == 2 && status().connections == 2 && status().leases == 4);
	check(status().state == ENDPOINT_UP);
	begin_use(&waiting, true);
	check(!waiting.has_ended && status().waiting == 1 && fake.connects == 2);
	give(&l[2]);
	rig_await(&waiting.has_ended);
	check(waiting.result == 0);
	give(&l[0]);
	give(&l[1]);
	give(&l[3]);
	must_take(&l[4]);
	check(fake.connects == 2); /* kept warm */
	give(&l[4]);
}

static void test_endpoint__leases_share_connections_up_to_the_limit(void **state)
{
	(void)state;
	fake.room = 2;
	settings.connections = 2;
	run(body_sharing);
	assert_int_equal(fake.closes, 2);
}

static void body_fair(void)
{
	struct user u[4];
	struct lease first;

	must_take(&first);
	turns_taken = 0;
	for (int i = 0; i < 4; i++)
		begin_use(&u[i], true);
	give(&first);
	for (int i = 0; i < 4; i++)
		rig_await(&u[i].has_ended);
	for (int i = 0; i < 4; i++)
		check(u[i].result == 0 && u[i].turn == i + 1);
}

static void test_endpoint__serves_in_order_of_arrival(void **state)
{
	(void)state;
	run(body_fair);
}

static void body_once(void)
{
	struct user u[5];

	fake.is_held = true;
	for (int i = 0; i < 5; i++)
		begin_use(&u[i], true);
	check(fake.connects == 1 && status().waiting == 5);
	release_connect();
	for (int i = 0; i < 5; i++) {
		rig_await(&u[i].has_ended);
		check(u[i].result == 0);
	}
	check(fake.connects == 1);
}

static void test_endpoint__connects_once_for_all_who_wait(void **state)
{
	(void)state;
	fake.room = 8;
	settings.connections = 4;
	run(body_once);
}

/* ---- failures ------------------------------------------------------------------------------ */

static void body_refused(void)
{
	struct user u[3];
	struct lease l;
	struct err e;

	fake.is_held = true;
	fake.failure = ERR_NETWORK;
	for (int i = 0; i < 3; i++)
		begin_use(&u[i], true);
	release_connect();
	for (int i = 0; i < 3; i++) {
		rig_await(&u[i].has_ended);
		check(u[i].result == ERR_NETWORK && strcmp(u[i].e.code, "TEST-NO") == 0);
		check(strstr(u[i].e.message, "connect to acme: the fake said no"));
	}
	check(take(&l, &e) == ERR_NETWORK);
	check(strstr(e.message, "acme, next attempt in ") && strstr(e.message, "the fake said no"));
	check(fake.connects == 1);
	check(status().state == ENDPOINT_RETRYING && status().next_attempt_ms > 0);
	fake.failure = 0;
	endpoint_reset(p);
	must_take(&l);
	give(&l);
	check(status().state == ENDPOINT_UP && status().last.kind == 0);
}

static void test_endpoint__a_failed_connect_tells_everybody_and_backs_off(void **state)
{
	(void)state;
	run(body_refused);
}

static void body_auth(void)
{
	struct lease l;
	struct err e;

	fake.failure = ERR_AUTH;
	for (int i = 0; i < 5; i++) {
		check(take(&l, &e) == ERR_AUTH);
		check(strstr(e.message, "the fake said no"));
	}
	check(fake.connects == 1 && status().state == ENDPOINT_STOPPED);
	endpoint_reset(p);
	check(take(&l, &e) == ERR_AUTH && fake.connects == 2);
}

static void test_endpoint__sends_refused_credentials_once(void **state)
{
	(void)state;
	settings.connections = 4;
	run(body_auth);
}

static char secret_path[64];

static void write_secret(const char *text)
{
	FILE *f = fopen(secret_path, "w");

	check(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* The operator puts the right password into the file: noticed by a lease, not before, and tried
 * once. */
static void body_new_secret(void)
{
	static struct auth_method password = {.kind = AUTH_PASSWORD};
	struct deadline d = deadline_in(20000);
	struct lease l;
	struct err e;

	(void)snprintf(secret_path, sizeof(secret_path), "/tmp/ferryd-proof-%d", (int)getpid());
	write_secret("wrong");
	password.password = (struct secret_ref){.kind = SECRET_FILE, .text = secret_path};
	settings.auth = &password;
	settings.auth_count = 1;
	fake.failure = ERR_AUTH;
	for (int i = 0; i < 3; i++)
		check(take(&l, &e) == ERR_AUTH);
	check(fake.connects == 1 && status().state == ENDPOINT_STOPPED);
	write_secret("still wrong");
	while (fake.connects == 1 && deadline_left_ms(d) > 0)
		check(take(&l, &e) == ERR_AUTH && fiber_sleep(50, "the test", &e) == 0);
	check(fake.connects == 2 && status().state == ENDPOINT_STOPPED);
	fake.failure = 0;
	write_secret("right at last");
	while (take(&l, &e) < 0 && deadline_left_ms(d) > 0)
		check(e.kind == ERR_AUTH && fiber_sleep(50, "the test", &e) == 0);
	check(fake.connects == 3 && status().state == ENDPOINT_UP);
	give(&l);
	check(unlink(secret_path) == 0);
}

static void test_endpoint__tries_again_when_a_secret_changes_on_disk(void **state)
{
	(void)state;
	run(body_new_secret);
}

static void body_cancel(void)
{
	struct user u[3];

	fake.is_held = true;
	for (int i = 0; i < 3; i++)
		begin_use(&u[i], true);
	fiber_cancel(u[0].fiber);
	rig_await(&u[0].has_ended);
	check(u[0].result == ERR_CANCELED && status().waiting == 2);
	release_connect();
	rig_await(&u[1].has_ended);
	rig_await(&u[2].has_ended);
	check(u[1].result == 0 && u[2].result == 0 && fake.connects == 1);
}

static void test_endpoint__a_cancelled_waiter_takes_nothing_from_others(void **state)
{
	(void)state;
	run(body_cancel);
}

static void body_cancel_served(void)
{
	struct lease l;
	struct user u;

	must_take(&l);
	begin_use(&u, true);
	give(&l);              /* served ... */
	fiber_cancel(u.fiber); /* ... and cancelled before it ran */
	rig_await(&u.has_ended);
	check(status().leases == 0);
	must_take(&l);
	give(&l);
}

static void test_endpoint__a_lease_that_meets_a_cancel_is_not_lost(void **state)
{
	(void)state;
	run(body_cancel_served);
}

static void body_deadline(void)
{
	struct lease l;
	struct err e;

	fake.is_held = true;
	check(endpoint_lease(p, &l, deadline_in(20), &e) == ERR_NETWORK);
	check(strcmp(e.code, "TIMEOUT") == 0 && strstr(e.message, "connection to acme"));
	release_connect();
	must_take(&l);
	check(fake.connects == 1);
	give(&l);
}

static void test_endpoint__a_late_connection_serves_the_next(void **state)
{
	(void)state;
	run(body_deadline);
}

/* ---- connections that die ------------------------------------------------------------------ */

static void body_dies(void)
{
	struct lease l[3], next;

	for (int i = 0; i < 3; i++)
		must_take(&l[i]);
	give(&l[2]); /* it has worked */
	must_take(&l[2]);
	give_failed(&l[0], ERR_NETWORK, "NET-RESET");
	check(fake.aborts == 1 && fake.closes == 0);
	check(!fake_is_alive(l[1].connection));
	check(status().connections == 0);
	give_failed(&l[1], ERR_NETWORK, "NET-RESET");
	rig_turns(5);
	check(fake.closes == 0);
	give_failed(&l[2], ERR_CANCELED, "CANCELED");
	must_take(&next);
	check(fake.connects == 2 && fake.closes == 1);
	give(&next);
}

static void test_endpoint__a_dead_connection_fails_its_leases_and_goes(void **state)
{
	(void)state;
	fake.room = 3;
	run(body_dies);
}

static void body_objects(void)
{
	struct lease l;

	must_take(&l);
	give_failed(&l, ERR_OBJECT, "OBJ-MISSING");
	must_take(&l);
	give_failed(&l, ERR_CANCELED, "CANCELED");
	must_take(&l);
	check(fake.connects == 1 && fake.aborts == 0);
	l.connection->is_dead = true; /* noticed by the adapter itself, while idle */
	give(&l);
	must_take(&l);
	check(fake.connects == 2);
	give(&l);
}

static void test_endpoint__an_objects_failure_leaves_the_connection(void **state)
{
	(void)state;
	run(body_objects);
}

/* As FTP does: whatever goes wrong with a file, the connection is dropped. */
static void body_drops_with_the_file(enum err_kind kind, const char *code)
{
	int connects = fake.connects;
	struct lease l;

	must_take(&l);
	l.connection->is_dead = true;
	give_failed(&l, kind, code);
	check(status().state != ENDPOINT_RETRYING && status().last.kind == 0);
	must_take(&l); /* another file: at once, and not refused for the first one's reason */
	check(fake.connects == connects + 2);
	l.connection->is_dead = true;
	give_failed(&l, kind, code);
}

static void body_files_fail(void)
{
	body_drops_with_the_file(ERR_OBJECT, "OBJ-MISSING");
	body_drops_with_the_file(ERR_BUSY, "OBJ-NO-SPACE");
	body_drops_with_the_file(ERR_POLICY, "FILE-TOO-LARGE");
	body_drops_with_the_file(ERR_INTEGRITY, "DATA-SHORT");
	body_drops_with_the_file(ERR_LOCAL, "SPOOL-WRITE");
}

static void test_endpoint__a_files_failure_keeps_no_others_waiting(void **state)
{
	(void)state;
	run(body_files_fail);
}

static void body_hangs_up(void)
{
	struct lease l;
	struct err e;

	must_take(&l);
	give_failed(&l, ERR_NETWORK, "NET-EOF");
	check(take(&l, &e) == ERR_NETWORK && fake.connects == 1);
	check(status().state == ENDPOINT_RETRYING);
}

static void test_endpoint__a_server_that_hangs_up_is_not_hammered(void **state)
{
	(void)state;
	run(body_hangs_up);
}

static void body_growth(void)
{
	struct lease first, l;
	struct user u;

	must_take(&first);
	give(&first);
	must_take(&first);
	fake.failure = ERR_BUSY;
	begin_use(&u, true);
	rig_turns(5);
	check(fake.connects == 2 && !u.has_ended);
	give(&first);
	rig_await(&u.has_ended);
	check(u.result == 0);
	must_take(&l);
	give(&l);
	check(fake.connects == 2 && status().state == ENDPOINT_UP);
	check(status().last.kind == ERR_BUSY);
}

static void test_endpoint__goes_on_with_what_the_server_allows(void **state)
{
	(void)state;
	settings.connections = 3;
	run(body_growth);
}

/* Eight want one each, the server takes two: nobody fails, and it is not asked again and again. */
static void body_full(void)
{
	struct user u[8];
	struct lease l;

	must_take(&l);
	give(&l);
	for (int i = 0; i < 8; i++)
		begin_use(&u[i], false);
	rig_turns(20);
	check(status().connections == 2 && status().leases == 2 && status().waiting == 6);
	for (int i = 0; i < 8; i++)
		u[i].may_give = true;
	for (int i = 0; i < 8; i++) {
		rig_await(&u[i].has_ended);
		check(u[i].result == 0);
	}
	check(fake.connects <= 4 && status().connections == 2);
	check(status().allowed == 2 && status().configured == 4);
	check(status().state == ENDPOINT_UP && strcmp(status().last.code, "TEST-TOO-MANY") == 0);
	endpoint_reset(p);
	check(status().allowed == 4 && status().last.kind == 0);
}

static void test_endpoint__files_go_over_the_connections_a_server_takes(void **state)
{
	(void)state;
	fake.takes = 2;
	settings.connections = 4;
	run(body_full);
}

/* All are turned away: that is a failure, as any other. */
static void body_no_room(void)
{
	struct lease l;
	struct err e;

	fake.counted = 1;
	check(take(&l, &e) == ERR_BUSY && strcmp(e.code, "TEST-TOO-MANY") == 0);
	check(status().state == ENDPOINT_RETRYING && fake.connects == 1);
	check(status().allowed == 4);
}

static void test_endpoint__a_server_without_room_for_one_is_a_failure(void **state)
{
	(void)state;
	fake.takes = 1;
	settings.connections = 4;
	run(body_no_room);
}

/* Ours has ended, and the server still counts it. */
static void body_lingers(void)
{
	struct lease l;
	struct user u;

	must_take(&l);
	give(&l);
	must_take(&l);
	give_failed(&l, ERR_NETWORK, "NET-RESET");
	rig_turns(5);
	check(fake.closes == 1);
	begin_use(&u, true);
	rig_turns(5);
	check(!u.has_ended && fake.connects == 2);
	fake.counted = 0;
	rig_await(&u.has_ended);
	check(u.result == 0 && status().allowed == 4 && status().last.kind == 0);
}

static void test_endpoint__waits_for_the_server_to_notice_an_end(void **state)
{
	(void)state;
	fake.takes = 1;
	fake.is_slow = true;
	settings.connections = 4;
	run(body_lingers);
}

/* ---- idle connections ---------------------------------------------------------------------- */

static void await_closes(int n)
{
	int64_t until = clock_mono_ms() + 5000;
	struct err e;

	while (fake.closes < n) {
		check(clock_mono_ms() < until);
		check(fiber_sleep(5, "a connection to close", &e) == 0);
	}
}

static void body_idle(void)
{
	struct lease l;
	int pings;

	must_take(&l);
	give(&l);
	await_closes(1);
	pings = fake.pings;
	check(pings >= 2 && status().state == ENDPOINT_IDLE);
	must_take(&l);
	check(fake.connects == 2);
	give(&l);
}

static void test_endpoint__idle_connections_are_pinged_and_then_closed(void **state)
{
	(void)state;
	settings.keepalive_ms = 30;
	settings.idle_close_ms = 200;
	run(body_idle);
}

static void body_ping_fails(void)
{
	struct lease l;

	must_take(&l);
	give(&l);
	fake.ping_failure = ERR_NETWORK;
	await_closes(1);
	fake.ping_failure = 0;
	must_take(&l);
	check(fake.connects == 2);
	give(&l);
}

static void test_endpoint__a_failed_ping_drops_the_connection(void **state)
{
	(void)state;
	settings.keepalive_ms = 20;
	run(body_ping_fails);
}

/* Idle for long enough to be doubtful: asked, and replaced when it is gone. */
static void body_doubtful(void)
{
	struct lease l;
	struct err e;

	must_take(&l);
	give(&l);
	must_take(&l); /* a moment later */
	check(fake.pings == 0);
	give(&l);
	check(fiber_sleep(30, "time to pass", &e) == 0);
	must_take(&l);
	check(fake.pings == 1 && fake.connects == 1);
	give(&l);
	check(fiber_sleep(30, "time to pass", &e) == 0);
	fake.ping_failure = ERR_NETWORK;
	must_take(&l);
	check(fake.pings == 2 && fake.connects == 2 && fake.closes == 1);
	check(status().state == ENDPOINT_UP && status().last.kind == 0);
	check(!status().trace_file[0]);
	give(&l);
}

static void test_endpoint__asks_an_idle_connection_before_it_is_used(void **state)
{
	(void)state;
	fake.doubtful_after_ms = 20;
	run(body_doubtful);
}

static void body_free_while_connecting(void)
{
	struct lease l;
	struct err e;

	fake.is_held = true;
	check(endpoint_lease(p, &l, deadline_in(10), &e) < 0);
	check(fake.connects == 1);
}

static void test_endpoint__free_ends_a_connect_under_way(void **state)
{
	(void)state;
	run(body_free_while_connecting);
	assert_int_equal(fake.closes, 0);
}

/* Its last await is over when the endpoint ends: the cancel comes too late for it. */
static void body_free_when_connected(void)
{
	struct lease l;
	struct err e;

	fake.is_held = true;
	check(endpoint_lease(p, &l, deadline_in(10), &e) < 0);
	release_connect();
}

static void test_endpoint__free_closes_a_connection_made_too_late(void **state)
{
	(void)state;
	run(body_free_when_connected);
	assert_int_equal(fake.connects, 1);
	assert_int_equal(fake.closes, 1);
}

/* ---- traces -------------------------------------------------------------------------------- */

static char dir[64];

static struct config *load_config(void)
{
	struct config_report report;
	struct config *c;
	char file[96];
	FILE *f;

	(void)snprintf(dir, sizeof(dir), "/tmp/test_endpoint.XXXXXX");
	check(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/ferryd.yaml", dir);
	f = fopen(file, "w");
	check(f && fprintf(f, "version: 1\ndaemon: {state_dir: %s}\ntrace: {dir: %s/trace}\n", dir,
	                   dir) > 0);
	check(fclose(f) == 0);
	config_report_init(&report);
	c = config_load(file, NULL, &report);
	if (!c)
		(void)fprintf(stderr, "%s", buf_text(&report.text));
	check(c);
	config_report_release(&report);
	return c;
}

static void traced(struct worker *w)
{
	struct config *config = load_config();
	struct lease l;
	char file[256];
	struct err e;

	signal_init(&fake.held);
	settings.trace_mask = TRACE_MASK_DEFAULT;
	settings.trace_when = TRACE_FAILURE;
	p = endpoint_new_with(config, &settings, w, &adapter_fake);
	config_unref(config);
	must_take(&l);
	give(&l);
	must_take(&l);
	give_failed(&l, ERR_OBJECT, "OBJ-MISSING");
	check(!status().trace_file[0]);
	must_take(&l);
	give_failed(&l, ERR_NETWORK, "NET-RESET");
	(void)snprintf(file, sizeof(file), "%s", status().trace_file);
	check(file[0]);
	await_closes(1);
	rig_turns(3);
	fake.failure = ERR_AUTH;
	check(take(&l, &e) == ERR_AUTH);
	check(strcmp(file, status().trace_file) != 0);
	endpoint_free(p);
	check(access(file, F_OK) == 0);
}

static void test_endpoint__failures_leave_a_trace(void **state)
{
	(void)state;
	rig_run(traced);
	check(tree_remove(dir) == 0);
}

static bool file_has(const char *path, const char *what)
{
	static char text[64 * 1024];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = '\0';
	if (f)
		(void)fclose(f);
	return strstr(text, what) != NULL;
}

/* What was recorded is on disk about half a second later. */
static void await_file(const char *path, const char *what)
{
	struct deadline d = deadline_in(30000);
	struct err e;

	while (!file_has(path, what) && deadline_left_ms(d) > 0)
		check(fiber_sleep(20, "the trace", &e) == 0);
	check(file_has(path, what));
}

static void ordered(struct worker *w)
{
	struct config *config = load_config();
	struct trace_order order = {.mask = TRACE_KEX, .until_ms = INT64_MAX};
	struct deadline patience = deadline_in(30000);
	struct lease l;
	struct err e;

	signal_init(&fake.held);
	settings.trace_mask = TRACE_MASK_DEFAULT;
	settings.trace_when = TRACE_FAILURE;
	(void)snprintf(order.file, sizeof(order.file), "%s/ordered", dir);
	p = endpoint_new_with(config, &settings, w, &adapter_fake);
	config_unref(config);
	endpoint_trace_set(p, &order);
	check(status().has_order && status().order.mask == TRACE_KEX);
	must_take(&l);
	await_file(order.file, " kex        connecting\n");
	TRACE(l.trace, TRACE_AUTH, "below the ordered mask");
	order.until_ms = clock_mono_ms() + 50;
	endpoint_trace_set(p, &order);
	TRACE(l.trace, TRACE_KEX, "before its time is over");
	while (status().has_order && deadline_left_ms(patience) > 0)
		check(fiber_sleep(5, "end of the order", &e) == 0);
	check(!status().has_order);
	TRACE(l.trace, TRACE_KEX, "after its time");
	give(&l);
	endpoint_free(p);
	check(file_has(order.file, "before its time is over"));
	check(!file_has(order.file, "below the ordered mask"));
	check(!file_has(order.file, "after its time"));
}

static void test_endpoint__a_trace_is_ordered_for_a_while(void **state)
{
	(void)state;
	rig_run(ordered);
	check(tree_remove(dir) == 0);
}

/* ---- recycling ----------------------------------------------------------------------------- */

static void recycled_by_bytes(void)
{
	struct lease l;

	settings.recycle_bytes = 1000;
	fake.traffic = 999;
	must_take(&l);
	give(&l);
	must_take(&l);
	check(fake.connects == 1);
	fake.traffic = 1000;
	check(fake.closes == 0 && fake.aborts == 0); /* what is under way goes on */
	give(&l);
	rig_turns(5);
	check(fake.closes == 1 && status().connections == 0);
	fake.traffic = 0;
	must_take(&l);
	check(fake.connects == 2);
	give(&l);
}

static void test_recycle__by_bytes_when_the_file_is_done(void **state)
{
	(void)state;
	run(recycled_by_bytes);
}

/* Another operation is still under way on the worn connection: it goes on, a new one waits. */
static void recycled_between_files(void)
{
	struct user second;
	struct lease first;

	fake.room = 8;
	settings.recycle_bytes = 1000;
	must_take(&first);
	fake.traffic = 5000;
	begin_use(&second, true);
	check(!second.has_ended && fake.connects == 1 && fake.aborts == 0);
	fake.traffic = 0; /* the new one's; the old one is not asked again */
	settings.recycle_bytes = 0;
	give(&first);
	rig_await(&second.has_ended);
	check(second.result == 0 && fake.aborts == 0);
}

static void test_recycle__waits_for_what_is_under_way(void **state)
{
	(void)state;
	run(recycled_between_files);
}

static void recycled_by_age(void)
{
	struct lease l;
	struct err e;

	settings.recycle_age_ms = 50;
	must_take(&l);
	check(fiber_sleep(60, "old age", &e) == 0);
	check(fake.closes == 0);
	give(&l);
	rig_turns(5);
	check(fake.closes == 1);
	must_take(&l);
	give(&l);
	check(fake.connects == 2);
	/* one that grew old while nobody used it */
	check(fiber_sleep(60, "old age", &e) == 0);
	must_take(&l);
	check(fake.connects == 3);
	give(&l);
}

static void test_recycle__by_age(void **state)
{
	(void)state;
	run(recycled_by_age);
}

/* A key exchange alone is more than the limit, and takes longer. */
static void recycled_from_birth(void)
{
	struct lease l;

	settings.recycle_bytes = 1;
	settings.recycle_age_ms = 1;
	fake.traffic = 5000;
	for (int i = 1; i <= 3; i++) {
		must_take(&l);
		check(fake.connects == i);
		give(&l);
		rig_turns(5);
		check(fake.closes == i);
	}
}

static void test_recycle__each_connection_serves_once(void **state)
{
	(void)state;
	run(recycled_from_birth);
}

static void never_recycled(void)
{
	struct lease l;

	fake.traffic = UINT64_MAX;
	for (int i = 0; i < 5; i++) {
		must_take(&l);
		give(&l);
	}
	check(fake.connects == 1);
}

static void test_recycle__not_unless_it_is_told(void **state)
{
	(void)state;
	run(never_recycled);
}

#define test(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        test(test_recycle__by_bytes_when_the_file_is_done),
	        test(test_recycle__waits_for_what_is_under_way),
	        test(test_recycle__by_age),
	        test(test_recycle__each_connection_serves_once),
	        test(test_recycle__not_unless_it_is_told),
	        test(test_breaker__waits_twice_as_long_each_time),
	        test(test_breaker__endpoints_do_not_come_back_together),
	        test(test_breaker__refused_credentials_stop_it),
	        test(test_ceiling__tries_one_more_at_growing_intervals),
	        test(test_ceiling__is_never_below_one),
	        test(test_endpoint__files_go_over_the_connections_a_server_takes),
	        test(test_endpoint__a_server_without_room_for_one_is_a_failure),
	        test(test_endpoint__waits_for_the_server_to_notice_an_end),
	        test(test_endpoint__leases_share_connections_up_to_the_limit),
	        test(test_endpoint__serves_in_order_of_arrival),
	        test(test_endpoint__connects_once_for_all_who_wait),
	        test(test_endpoint__a_failed_connect_tells_everybody_and_backs_off),
	        test(test_endpoint__sends_refused_credentials_once),
	        test(test_endpoint__tries_again_when_a_secret_changes_on_disk),
	        test(test_endpoint__a_cancelled_waiter_takes_nothing_from_others),
	        test(test_endpoint__a_lease_that_meets_a_cancel_is_not_lost),
	        test(test_endpoint__a_late_connection_serves_the_next),
	        test(test_endpoint__a_dead_connection_fails_its_leases_and_goes),
	        test(test_endpoint__an_objects_failure_leaves_the_connection),
	        test(test_endpoint__a_files_failure_keeps_no_others_waiting),
	        test(test_endpoint__a_server_that_hangs_up_is_not_hammered),
	        test(test_endpoint__goes_on_with_what_the_server_allows),
	        test(test_endpoint__idle_connections_are_pinged_and_then_closed),
	        test(test_endpoint__a_failed_ping_drops_the_connection),
	        test(test_endpoint__asks_an_idle_connection_before_it_is_used),
	        test(test_endpoint__free_ends_a_connect_under_way),
	        test(test_endpoint__free_closes_a_connection_made_too_late),
	        test(test_endpoint__failures_leave_a_trace),
	        test(test_endpoint__a_trace_is_ordered_for_a_while),
	};

	work_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
