#include "adapters/logins.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/list.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/fiber.h"

enum {
	KNOWN_MOST = 4096, /* then the one used longest ago is forgotten */
	TURN_EVERY_MS = 20,
};

enum state { UNKNOWN, TRYING, WORKS, REFUSED };

struct login {
	struct link link;
	char *name;
	enum state state;
	uint64_t proofs;
	struct err why; /* REFUSED */
};

/* The workers share nothing else; each call holds the lock for a moment. */
static struct {
	pthread_mutex_t lock;
	struct link items; /* used longest ago first */
	size_t count;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER, .items = {&known.items, &known.items}};

static struct login *find(const char *name)
{
	list_for_each(l, &known.items)
	{
		struct login *k = list_item(l, struct login, link);

		if (strcmp(k->name, name) == 0)
			return k;
	}
	return NULL;
}

static void drop(struct login *k)
{
	list_remove(&k->link);
	known.count--;
	free(k->name);
	free(k);
}

/* One that is being tried must be found again. */
static void make_room(void)
{
	list_for_each(l, &known.items)
	{
		struct login *k = list_item(l, struct login, link);

		if (known.count < KNOWN_MOST)
			return;
		if (k->state != TRYING)
			drop(k);
	}
}

static struct login *take(const char *name)
{
	struct login *k = find(name);

	if (!k) {
		make_room();
		k = mem_new_of(struct login);
		k->name = mem_dup(name);
		known.count++;
	} else {
		list_remove(&k->link);
	}
	list_append(&known.items, &k->link);
	return k;
}

static enum login_leave begin(struct login *k, uint64_t proofs, struct err *e)
{
	switch (k->state) {
	case TRYING:
		return LOGIN_WAIT;
	case WORKS:
		return LOGIN_GO;
	case REFUSED:
		if (k->proofs != proofs)
			break;
		*e = k->why;
		return LOGIN_REFUSED;
	case UNKNOWN:
		break;
	}
	k->state = TRYING;
	return LOGIN_GO;
}

enum login_leave logins_begin(const char *name, uint64_t proofs, struct err *e)
{
	enum login_leave leave;

	if (!name || !proofs)
		return LOGIN_GO;
	(void)pthread_mutex_lock(&known.lock); /* cannot fail: a plain mutex */
	leave = begin(take(name), proofs, e);
	(void)pthread_mutex_unlock(&known.lock);
	return leave;
}

int logins_await(const char *name, uint64_t proofs, struct err *e)
{
	enum login_leave leave;

	/* it ends: a connect has its deadlines */
	while ((leave = logins_begin(name, proofs, e)) == LOGIN_WAIT)
		if (fiber_sleep(TURN_EVERY_MS, "the first login, by another worker", e) < 0)
			return e->kind;
	return leave == LOGIN_GO ? 0 : e->kind;
}

void logins_end(const char *name, uint64_t proofs, int result, const struct err *e)
{
	struct login *k;

	if (!name || !proofs)
		return;
	(void)pthread_mutex_lock(&known.lock);
	k = take(name);
	if (result == 0) {
		k->state = WORKS;
	} else if (result == ERR_AUTH) {
		k->state = REFUSED;
		k->proofs = proofs;
		k->why = *e;
	} else if (k->state == TRYING || result == ERR_TRUST || result == ERR_CONFIG) {
		k->state = UNKNOWN;
	}
	(void)pthread_mutex_unlock(&known.lock);
}

void logins_forget(const char *name)
{
	struct login *k;

	if (!name)
		return;
	(void)pthread_mutex_lock(&known.lock);
	k = find(name);
	if (k && k->state == REFUSED)
		k->state = UNKNOWN;
	(void)pthread_mutex_unlock(&known.lock);
}

bool logins_work(const char *name)
{
	struct login *k;
	bool works;

	if (!name)
		return false;
	(void)pthread_mutex_lock(&known.lock);
	k = find(name);
	works = k && k->state == WORKS;
	(void)pthread_mutex_unlock(&known.lock);
	return works;
}
