#include "adapters/sftp/slots.h"

#include <assert.h>
#include <string.h>

#include "daemon/base/mem.h"

void slots_release(struct slots *s)
{
	free(s->table);
	*s = (struct slots){0};
}

static void append_free(struct slots *s, size_t index)
{
	s->table[index].next = 0;
	if (s->last)
		s->table[s->last - 1].next = (uint16_t)(index + 1);
	else
		s->first = (uint16_t)(index + 1);
	s->last = (uint16_t)(index + 1);
}

static void grow(struct slots *s)
{
	size_t count = s->count ? s->count * 4 : 16;

	if (count > SLOTS_MOST)
		count = SLOTS_MOST;
	s->table = mem_grow(s->table, count * sizeof(*s->table));
	memset(s->table + s->count, 0, (count - s->count) * sizeof(*s->table));
	for (size_t i = s->count; i < count; i++)
		append_free(s, i);
	s->count = count;
}

bool slots_take(struct slots *s, struct sftp_request *rq, uint32_t *id)
{
	struct slot *slot;
	size_t index;

	if (!s->first && s->count < SLOTS_MOST)
		grow(s);
	if (!s->first)
		return false;
	index = s->first - 1u;
	slot = &s->table[index];
	s->first = slot->next;
	if (!s->first)
		s->last = 0;
	slot->generation = (slot->generation + 1) % (UINT32_MAX / SLOTS_MOST);
	slot->rq = rq;
	slot->is_taken = true;
	s->used++;
	*id = slot->generation * SLOTS_MOST + (uint32_t)index;
	return true;
}

struct slot *slots_find(const struct slots *s, uint32_t id)
{
	size_t index = id % SLOTS_MOST;

	if (index >= s->count || !s->table[index].is_taken ||
	    s->table[index].generation != id / SLOTS_MOST)
		return NULL;
	return &s->table[index];
}

void slots_free(struct slots *s, struct slot *slot)
{
	assert(slot->is_taken);
	slot->is_taken = false;
	slot->rq = NULL;
	s->used--;
	append_free(s, (size_t)(slot - s->table));
}
