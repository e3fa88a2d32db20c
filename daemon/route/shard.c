#include "daemon/route/shard.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/route/shard_trace.h"

struct shared_endpoint {
	struct link link;
	struct endpoint *endpoint;
	size_t users;
};

int shard_init(struct shard *s, struct worker *w, struct store *store, const char *state_dir,
               struct err *e)
{
	*s = (struct shard){.worker = w, .store = store};
	list_init(&s->endpoints);
	list_init(&s->orders);
	s->dice = (uint64_t)clock_mono_us() ^ (uint64_t)(uintptr_t)s;
	return spool_open(&s->spool, state_dir, e);
}

void shard_release(struct shard *s)
{
	assert(list_is_empty(&s->endpoints));
	shard_trace_release(s);
	spool_close(&s->spool);
}

static int is_same(const struct endpoint_config *a, const struct endpoint_config *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->fingerprint, b->fingerprint) == 0;
}

struct endpoint *shard_take_endpoint(struct shard *s, const struct config *config,
                                     const struct endpoint_config *settings)
{
	struct shared_endpoint *p;

	list_for_each(l, &s->endpoints)
	{
		p = list_item(l, struct shared_endpoint, link);
		if (is_same(endpoint_settings(p->endpoint), settings)) {
			p->users++;
			return p->endpoint;
		}
	}
	p = mem_new_of(struct shared_endpoint);
	p->endpoint = endpoint_new(config, settings, s->worker);
	p->users = 1;
	shard_trace_apply(s, p->endpoint);
	list_append(&s->endpoints, &p->link);
	return p->endpoint;
}

void shard_give_endpoint(struct shard *s, struct endpoint *endpoint)
{
	list_for_each(l, &s->endpoints)
	{
		struct shared_endpoint *p = list_item(l, struct shared_endpoint, link);

		if (p->endpoint != endpoint || --p->users)
			continue;
		list_remove(&p->link);
		endpoint_free(p->endpoint);
		free(p);
		return;
	}
}

void shard_each_endpoint(struct shard *s, void (*each)(struct endpoint *, void *arg), void *arg)
{
	list_for_each(l, &s->endpoints)
	        each(list_item(l, struct shared_endpoint, link)->endpoint, arg);
}

size_t shard_of_name(const char *name, size_t shards)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 1099511628211u;
	return (size_t)(h % shards);
}

uint32_t shard_roll(struct shard *s)
{
	uint64_t z = (s->dice += 0x9E3779B97F4A7C15u);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return (uint32_t)((z ^ (z >> 31)) >> 32);
}
