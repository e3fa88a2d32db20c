/* Happy eyeballs: the order of the attempts as a table, then the race itself on loopback. */
#include "tests/runtime/rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/buf.h"
#include "daemon/runtime/race.h"
#include "daemon/runtime/work.h"

/* ---- the order ----------------------------------------------------------------------------- */

enum { MOST = 24 };

struct list {
	struct addrinfo items[MOST];
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} at[MOST];
	size_t count;
};

/* "446": two of IPv4, one of IPv6; "u" is a family that is neither. */
static const struct addrinfo *make_list(struct list *l, const char *families)
{
	memset(l, 0, sizeof(*l));
	for (; *families; families++, l->count++) {
		struct addrinfo *a = &l->items[l->count];

		a->ai_family = *families == '4' ? AF_INET : *families == '6' ? AF_INET6 : AF_UNIX;
		if (l->count)
			a[-1].ai_next = a;
	}
	return l->count ? l->items : NULL;
}

/* "013": the indexes in the order of the attempts */
static const char *order_of(const char *families, int family, char out[MOST + 1])
{
	const struct addrinfo *order[RACE_ADDRESSES];
	struct list l;
	size_t n = race_order(make_list(&l, families), family, order);

	for (size_t i = 0; i < n; i++)
		out[i] = (char)('a' + (order[i] - l.items));
	out[n] = '\0';
	return out;
}

static void test_race__families_take_turns(void **state)
{
	static const struct {
		const char *families;
		int family;
		const char *order;
	} rows[] = {
	        {"", AF_UNSPEC, ""},
	        {"4", AF_UNSPEC, "a"},
	        {"444", AF_UNSPEC, "abc"},
	        {"6644", AF_UNSPEC, "acbd"},
	        {"4466", AF_UNSPEC, "acbd"},
	        {"66664", AF_UNSPEC, "aebcd"},
	        {"46666", AF_UNSPEC, "abcde"},
	        {"u4u6", AF_UNSPEC, "bd"},
	        {"6644", AF_INET, "cd"},
	        {"6644", AF_INET6, "ab"},
	        {"44", AF_INET6, ""},
	        {"u", AF_UNSPEC, ""},
	        {"4444444444444444", AF_UNSPEC, "abcdefghijklmnop"},
	        {"44444444444444444", AF_UNSPEC, "abcdefghijklmnop"},
	};
	char got[MOST + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(order_of(rows[i].families, rows[i].family, got), rows[i].order);
}

/* ---- addresses to race for ----------------------------------------------------------------- */

/* A listener at 127.0.0.N; several may share a port. */
static int listen_at(int n, int *port, int backlog)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(at);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (uint32_t)n);
	check(bind(fd, (struct sockaddr *)&at, len) == 0);
	check(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	check(listen(fd, backlog) == 0);
	*port = ntohs(at.sin_port);
	return fd;
}

enum { STUFFED = 4 };

/* Its queue is full, so that further SYNs are dropped: a dead address. */
struct black_hole {
	int listener, stuffing[STUFFED];
};

static void dig(struct black_hole *h, int n, int *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET};

	h->listener = listen_at(n, port, 0);
	at.sin_port = htons((uint16_t)*port);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (uint32_t)n);
	for (int i = 0; i < STUFFED; i++) {
		h->stuffing[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(h->stuffing[i], (struct sockaddr *)&at, sizeof(at));
	}
}

static void fill_in(struct black_hole *h)
{
	for (int i = 0; i < STUFFED; i++)
		(void)close(h->stuffing[i]);
	(void)close(h->listener);
}

/* 127.0.0.N for each digit of `hosts` */
static const struct addrinfo *addresses(struct list *l, const char *hosts, int port)
{
	memset(l, 0, sizeof(*l));
	for (; *hosts; hosts++, l->count++) {
		struct addrinfo *a = &l->items[l->count];

		l->at[l->count].v4 = (struct sockaddr_in){.sin_family = AF_INET,
		                                          .sin_port = htons((uint16_t)port)};
		l->at[l->count].v4.sin_addr.s_addr =
		        htonl(INADDR_LOOPBACK - 1 + (uint32_t)(*hosts - '0'));
		*a = (struct addrinfo){.ai_family = AF_INET,
		                       .ai_addr = &l->at[l->count].any,
		                       .ai_addrlen = sizeof(l->at[l->count].v4)};
		if (l->count)
			a[-1].ai_next = a;
	}
	return l->items;
}

/* ---- races --------------------------------------------------------------------------------- */

struct scene {
	struct race how;
	struct buf told;
	struct io *io;
	struct err e;
	int port, listener;
};

static void note(void *arg, const char *address, const char *words)
{
	check(buf_printf(arg, "%s %.9s\n", address, words) == 0);
}

/* All at one port, at which 127.0.0.`listener` listens; `port` may be taken already. */
static void scene_init(struct scene *s, int listener, int port)
{
	*s = (struct scene){.how = {.family = AF_UNSPEC, .tell = note, .arg = &s->told},
	                    .port = port};
	buf_init(&s->told, 4096);
	s->listener = listen_at(listener, &s->port, 8);
}

static void scene_release(struct scene *s)
{
	buf_release(&s->told);
	(void)close(s->listener);
}

static int race_for(struct scene *s, const char *hosts, int64_t ms)
{
	struct list l;

	return race_connect(addresses(&l, hosts, s->port), &s->how, deadline_in(ms), &s->io, &s->e);
}

static void second_is_faster(struct worker *w)
{
	int64_t began = clock_mono_ms();
	struct black_hole hole;
	struct scene s;
	int port = 0;

	(void)w;
	dig(&hole, 2, &port);
	scene_init(&s, 3, port);
	check(race_for(&s, "23", 20000) == 0);
	check(clock_mono_ms() - began >= RACE_STAGGER_MS && clock_mono_ms() - began < 10000);
	check(strcmp(buf_text(&s.told), "127.0.0.3 connected\n") == 0);
	io_close(s.io);
	scene_release(&s);
	fill_in(&hole);
}

static void test_race__a_dead_address_costs_a_quarter_of_a_second(void **state)
{
	(void)state;
	rig_run(second_is_faster);
}

static void refused_first(struct worker *w)
{
	struct scene s;

	(void)w;
	scene_init(&s, 3, 0);
	check(race_for(&s, "23", 20000) == 0);
	check(strcmp(buf_text(&s.told), "127.0.0.2 connect t\n127.0.0.3 connected\n") == 0);
	io_close(s.io);
	scene_release(&s);
}

static void test_race__a_failure_is_told_and_the_next_begins(void **state)
{
	(void)state;
	rig_run(refused_first);
}

static void nobody_there(struct worker *w)
{
	struct scene s;

	(void)w;
	scene_init(&s, 4, 0); /* so that the port is nobody else's */
	check(race_for(&s, "23", 20000) == ERR_NETWORK && strcmp(s.e.code, "NET-REFUSED") == 0);
	check(strstr(s.e.message, "2 of 2 addresses tried") && strstr(s.e.message, "127.0.0.3"));
	check(race_for(&s, "2", 20000) == ERR_NETWORK);
	check(!strstr(s.e.message, "tried") && strstr(s.e.message, "127.0.0.2"));
	scene_release(&s);
}

static void test_race__all_refused(void **state)
{
	(void)state;
	rig_run(nobody_there);
}

static void all_dead(struct worker *w)
{
	int64_t began = clock_mono_ms();
	struct black_hole a, b;
	struct scene s;
	int port = 0;

	(void)w;
	dig(&a, 2, &port);
	dig(&b, 3, &port);
	scene_init(&s, 4, port);
	check(race_for(&s, "23", 600) == ERR_NETWORK);
	check(strcmp(s.e.code, "NET-TIMEOUT") == 0 && clock_mono_ms() - began < 10000);
	/* an end before the second has begun */
	check(race_for(&s, "23", 50) == ERR_NETWORK);
	check(strstr(s.e.message, "1 of 2 addresses tried"));
	check(race_for(&s, "23", 0) == ERR_NETWORK);
	scene_release(&s);
	fill_in(&a);
	fill_in(&b);
}

static void test_race__ends_with_its_deadline(void **state)
{
	(void)state;
	rig_run(all_dead);
}

struct canceled {
	struct scene scene;
	int result;
	bool done;
};

static void race_until_canceled(void *arg)
{
	struct canceled *c = arg;

	c->result = race_for(&c->scene, "22", 20000);
	c->done = true;
}

static void cancel_race(struct worker *w)
{
	struct canceled c = {0};
	struct black_hole hole;
	struct fiber *f;
	int port = 0;
	struct err e;

	dig(&hole, 2, &port);
	scene_init(&c.scene, 3, port);
	f = fiber_start(w, "race", race_until_canceled, &c);
	check(fiber_sleep(300, "two attempts", &e) == 0);
	fiber_cancel(f);
	rig_await(&c.done);
	check(c.result == ERR_CANCELED);
	scene_release(&c.scene);
	fill_in(&hole);
}

static void test_race__cancelled(void **state)
{
	(void)state;
	rig_run(cancel_race);
}

/* ---- our own address ----------------------------------------------------------------------- */

static void check_impossible(struct scene *s, const char *code, const char *words)
{
	check(race_for(s, "3", 20000) == ERR_CONFIG);
	check(strcmp(s->e.code, code) == 0 && strstr(s->e.message, words));
}

static void from_an_address(struct worker *w)
{
	struct sockaddr_in from = {0};
	socklen_t len = sizeof(from);
	struct scene s;

	(void)w;
	scene_init(&s, 3, 0);
	s.how.source = "127.0.0.9";
	check(race_for(&s, "3", 20000) == 0);
	check(getsockname(io_fd(s.io), (struct sockaddr *)&from, &len) == 0);
	check(from.sin_addr.s_addr == htonl(INADDR_LOOPBACK + 8));
	io_close(s.io);
	s.how.source = "192.0.2.7"; /* TEST-NET-1: nobody's */
	check_impossible(&s, "NET-SOURCE", "192.0.2.7");
	s.how.source = "::1";
	check_impossible(&s, "NET-FAMILY", "bind_address");
	s.how.source = NULL;
	s.how.family = AF_INET6;
	check_impossible(&s, "NET-FAMILY", "address_family");
	scene_release(&s);
}

static void test_race__comes_from_the_address_that_is_told(void **state)
{
	(void)state;
	rig_run(from_an_address);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_race__families_take_turns),
	        cmocka_unit_test(test_race__a_dead_address_costs_a_quarter_of_a_second),
	        cmocka_unit_test(test_race__a_failure_is_told_and_the_next_begins),
	        cmocka_unit_test(test_race__all_refused),
	        cmocka_unit_test(test_race__ends_with_its_deadline),
	        cmocka_unit_test(test_race__cancelled),
	        cmocka_unit_test(test_race__comes_from_the_address_that_is_told),
	};

	work_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
