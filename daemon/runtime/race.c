#include "daemon/runtime/race.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* ---- the order ----------------------------------------------------------------------------- */

/* The next of `a` that is of one of the two families' kind. */
static const struct addrinfo *next_of(const struct addrinfo *a, int family)
{
	while (a && a->ai_family != family)
		a = a->ai_next;
	return a;
}

static int first_family(const struct addrinfo *all, int family)
{
	for (; all; all = all->ai_next)
		if ((all->ai_family == AF_INET || all->ai_family == AF_INET6) &&
		    (family == AF_UNSPEC || all->ai_family == family))
			return all->ai_family;
	return AF_UNSPEC;
}

size_t race_order(const struct addrinfo *all, int family,
                  const struct addrinfo *out[RACE_ADDRESSES])
{
	int first = first_family(all, family);
	int second = first == AF_INET ? AF_INET6 : AF_INET;
	const struct addrinfo *a = next_of(all, first), *b = NULL;
	size_t n = 0;

	if (first == AF_UNSPEC)
		return 0;
	if (family == AF_UNSPEC)
		b = next_of(all, second);
	while ((a || b) && n < RACE_ADDRESSES) {
		const struct addrinfo **turn = !b || (a && n % 2 == 0) ? &a : &b;

		out[n++] = *turn;
		*turn = next_of((*turn)->ai_next, (*turn)->ai_family);
	}
	return n;
}

/* ---- one attempt --------------------------------------------------------------------------- */

struct source {
	struct sockaddr_storage address;
	socklen_t length; /* 0: none */
};

struct runner {
	const struct race *how;
	struct source source;
	struct deadline deadline;
	struct group attempts;
	struct signal changed;
	struct io *winner;
	size_t begun, failed;
	struct err last; /* failure */
};

struct attempt {
	struct runner *runner;
	const struct addrinfo *address;
};

static void tell(const struct attempt *a, const char *words)
{
	const struct race *how = a->runner->how;
	char text[INET6_ADDRSTRLEN] = "?";

	if (!how->tell)
		return;
	(void)getnameinfo(a->address->ai_addr, a->address->ai_addrlen, text, sizeof(text), NULL, 0,
	                  NI_NUMERICHOST); /* "?" where it fails */
	how->tell(how->arg, text, words);
}

static void attempt_ended(struct attempt *a, struct io *io, const struct err *e)
{
	struct runner *r = a->runner;

	if (!io) {
		if (e->kind != ERR_CANCELED) {
			r->last = *e;
			tell(a, e->message);
		}
		r->failed++;
	} else if (r->winner) {
		io_close(io); /* came second */
	} else {
		tell(a, "connected");
		r->winner = io;
	}
	signal_raise(&r->changed);
}

static void attempt_body(void *arg)
{
	struct attempt *a = arg;
	struct runner *r = a->runner;
	struct io_ends ends = {
	        .remote = a->address->ai_addr,
	        .remote_bytes = a->address->ai_addrlen,
	        .local = r->source.length ? (const struct sockaddr *)&r->source.address : NULL,
	        .local_bytes = r->source.length,
	};
	struct io *io = NULL;
	struct err e;

	if (io_connect_from(&ends, r->deadline, &io, &e) < 0)
		io = NULL;
	attempt_ended(a, io, &e);
}

/* ---- the race ------------------------------------------------------------------------------ */

/* Waits until somebody has won, or the next may begin: 0; a negative kind: given up. */
static int await_next(struct runner *r, bool is_last, struct err *e)
{
	struct deadline stagger = deadline_in(RACE_STAGGER_MS);
	struct deadline d = is_last ? r->deadline : deadline_sooner(r->deadline, stagger);

	while (!r->winner && r->failed < r->begun) {
		if (signal_wait(&r->changed, "an address to answer", d, e) == 0)
			continue;
		if (e->kind == ERR_CANCELED)
			return e->kind;
		return 0; /* time for the next; or the attempts' own deadline passes too */
	}
	return 0;
}

static int run(struct runner *r, struct attempt *attempts, size_t n, struct err *e)
{
	int result = 0;

	do {
		group_start(&r->attempts, "connect", attempt_body, &attempts[r->begun]);
		r->begun++;
		result = await_next(r, r->begun == n, e);
	} while (result == 0 && !r->winner && r->begun < n && deadline_left_ms(r->deadline));
	while (result == 0 && !r->winner && r->failed < r->begun)
		result = signal_wait(&r->changed, "an address to answer", deadline_never(), e);
	return result;
}

/* All fibers have ended. */
static int verdict(struct runner *r, int result, size_t n, struct err *e)
{
	if (result < 0) {
		io_close(r->winner); /* won while we were cancelled */
		return result;
	}
	if (r->winner)
		return 0;
	*e = r->last;
	if (n > 1)
		return err_wrap(e, "%zu of %zu addresses tried, the last", r->begun, n);
	return e->kind;
}

static int read_source(const char *text, struct source *out, struct err *e)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->address;

	memset(out, 0, sizeof(*out));
	if (!text)
		return 0;
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		out->length = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		out->length = sizeof(*v6);
	} else {
		return err_set(e, ERR_CONFIG, "NET-SOURCE", 0,
		               "our address is no IPv4 or IPv6 address");
	}
	return 0;
}

static int no_address(const struct addrinfo *all, const struct race *how, int family, struct err *e)
{
	const char *has = all && all->ai_family == AF_INET6 ? "IPv6" : "IPv4";

	return err_set(e, ERR_CONFIG, "NET-FAMILY", 0,
	               "the host has %s addresses only, but %s asks for %s", has,
	               how->source ? "bind_address" : "address_family",
	               family == AF_INET6 ? "IPv6" : "IPv4");
}

int race_connect(const struct addrinfo *all, const struct race *how, struct deadline d,
                 struct io **out, struct err *e)
{
	const struct addrinfo *order[RACE_ADDRESSES];
	struct attempt attempts[RACE_ADDRESSES];
	struct runner r = {.how = how, .deadline = d};
	int family = how->family, result;
	size_t n;

	if (read_source(how->source, &r.source, e) < 0)
		return e->kind;
	if (r.source.length)
		family = r.source.address.ss_family;
	n = race_order(all, family, order);
	if (n == 0)
		return no_address(all, how, family, e);
	for (size_t i = 0; i < n; i++)
		attempts[i] = (struct attempt){.runner = &r, .address = order[i]};
	signal_init(&r.changed);
	group_init(&r.attempts, fiber_worker());
	result = run(&r, attempts, n, e);
	group_cancel(&r.attempts);
	group_wait(&r.attempts, "attempts to connect that were given up");
	result = verdict(&r, result, n, e);
	if (result == 0)
		*out = r.winner;
	return result;
}
