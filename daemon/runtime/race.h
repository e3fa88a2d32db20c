/*
 * Connecting to a host that has several addresses: RFC 8305, "happy eyeballs".
 *
 *	struct race how = {.family = AF_UNSPEC, .tell = note, .arg = trace};
 *	if (race_connect(addresses, &how, deadline, &io, e) < 0) ...	// as io_connect
 *
 * The addresses are tried in the order that race_order gives: as the resolver sorts them, families
 * in turn. A quarter of a second after one was begun, or at once when it has failed, the next is
 * begun; the first that connects is taken, all others are given up. So a dead address costs a
 * quarter of a second and not the deadline.
 *
 *	first   ──────────────────────────────────── … given up
 *	second       250 ms ├──────── connected ► taken
 *
 * Each attempt is told: which address, and what became of it.
 */
#pragma once
#include <netdb.h>

#include "daemon/runtime/io.h"

enum {
	RACE_STAGGER_MS = 250, /* RFC 8305 §5 */
	RACE_ADDRESSES = 16,   /* more are not tried */
};

struct race {
	int family;         /* AF_INET, AF_INET6, AF_UNSPEC = both */
	const char *source; /* our address in numbers, or NULL */
	/* Told of each attempt that ended; may be NULL. `words` is "connected" or the error's. */
	void (*tell)(void *arg, const char *address, const char *words);
	void *arg;
};

/* Those of `all` that are of the family, in the order of the attempts: the first family of the list
 * begins, then in turn; within a family the order stays (RFC 8305 §4). Returns how many. Pure. */
size_t race_order(const struct addrinfo *all, int family,
                  const struct addrinfo *out[RACE_ADDRESSES]);

/* Errors: as io_connect, of the attempt that failed last, with "N of M addresses" where there were
 * several; ERR_CONFIG "NET-FAMILY" when no address is of the family, "NET-SOURCE" when `source` is
 * no address of this machine. */
int race_connect(const struct addrinfo *all, const struct race *how, struct deadline d,
                 struct io **out, struct err *e);
