#include "adapters/sftp/totp_steps.h"

#include <pthread.h>
#include <string.h>

enum {
	SECRETS = 256, /* then the one used longest ago is forgotten */
	KEPT = 16,     /* steps: far more than any server's window */
};

struct used {
	unsigned char id[PROMPT_ID_BYTES];
	int64_t steps[KEPT]; /* 0: none */
	int next, skew;
	uint64_t touched;
};

static struct {
	pthread_mutex_t lock;
	struct used items[SECRETS];
	uint64_t clock;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The entry of `id`, made anew if need be; the lock is held. */
static struct used *find(const unsigned char *id)
{
	struct used *oldest = &table.items[0];

	for (int i = 0; i < SECRETS; i++) {
		struct used *u = &table.items[i];

		if (u->touched && memcmp(u->id, id, PROMPT_ID_BYTES) == 0) {
			oldest = u;
			break;
		}
		if (u->touched < oldest->touched)
			oldest = u;
	}
	if (!oldest->touched || memcmp(oldest->id, id, PROMPT_ID_BYTES) != 0) {
		*oldest = (struct used){0};
		memcpy(oldest->id, id, PROMPT_ID_BYTES);
	}
	oldest->touched = ++table.clock;
	return oldest;
}

static bool has(const struct used *u, int64_t step)
{
	for (int i = 0; i < KEPT; i++)
		if (u->steps[i] == step)
			return true;
	return false;
}

bool totp_steps_is_used(const unsigned char id[PROMPT_ID_BYTES], int64_t step)
{
	bool used;

	(void)pthread_mutex_lock(&table.lock); /* cannot fail: a plain mutex, held for a moment */
	used = has(find(id), step);
	(void)pthread_mutex_unlock(&table.lock);
	return used;
}

bool totp_steps_claim(const unsigned char id[PROMPT_ID_BYTES], int64_t step)
{
	struct used *u;
	bool free;

	(void)pthread_mutex_lock(&table.lock);
	u = find(id);
	free = !has(u, step);
	if (free) {
		u->steps[u->next] = step;
		u->next = (u->next + 1) % KEPT;
	}
	(void)pthread_mutex_unlock(&table.lock);
	return free;
}

int totp_steps_skew(const unsigned char id[PROMPT_ID_BYTES])
{
	int skew;

	(void)pthread_mutex_lock(&table.lock);
	skew = find(id)->skew;
	(void)pthread_mutex_unlock(&table.lock);
	return skew;
}

void totp_steps_worked(const unsigned char id[PROMPT_ID_BYTES], int skew)
{
	(void)pthread_mutex_lock(&table.lock);
	find(id)->skew = skew;
	(void)pthread_mutex_unlock(&table.lock);
}
