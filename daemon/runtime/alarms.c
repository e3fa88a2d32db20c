#include "daemon/runtime/alarms.h"

#include <assert.h>
#include <stdlib.h>

#include "daemon/base/mem.h"

void alarms_init(struct alarms *as)
{
	*as = (struct alarms){0};
}

void alarms_release(struct alarms *as)
{
	assert(as->count == 0);
	free(as->heap);
	*as = (struct alarms){0};
}

static void put(struct alarms *as, size_t place, struct alarm *a)
{
	as->heap[place] = a;
	a->place = place;
}

static void sift_up(struct alarms *as, size_t place, struct alarm *a)
{
	while (place > 1 && as->heap[place / 2]->at_ms > a->at_ms) {
		put(as, place, as->heap[place / 2]);
		place /= 2;
	}
	put(as, place, a);
}

static void sift_down(struct alarms *as, size_t place, struct alarm *a)
{
	size_t child;

	while ((child = place * 2) <= as->count) {
		if (child < as->count && as->heap[child + 1]->at_ms < as->heap[child]->at_ms)
			child++;
		if (as->heap[child]->at_ms >= a->at_ms)
			break;
		put(as, place, as->heap[child]);
		place = child;
	}
	put(as, place, a);
}

void alarms_add(struct alarms *as, struct alarm *a, int64_t at_ms)
{
	assert(a->place == 0);
	if (as->count + 1 >= as->room) {
		as->room = as->room ? as->room * 2 : 64;
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what is in it */
		as->heap = mem_grow(as->heap, as->room * sizeof(*as->heap));
	}
	a->at_ms = at_ms;
	sift_up(as, ++as->count, a);
}

void alarms_remove(struct alarms *as, struct alarm *a)
{
	size_t hole = a->place;
	struct alarm *last;

	if (hole == 0)
		return;
	a->place = 0;
	last = as->heap[as->count--];
	if (last == a)
		return;
	if (hole > 1 && as->heap[hole / 2]->at_ms > last->at_ms)
		sift_up(as, hole, last);
	else
		sift_down(as, hole, last);
}

int64_t alarms_next_ms(const struct alarms *as)
{
	return as->count ? as->heap[1]->at_ms : INT64_MAX;
}

struct alarm *alarms_take_due(struct alarms *as, int64_t now_ms)
{
	struct alarm *a;

	if (alarms_next_ms(as) > now_ms)
		return NULL;
	a = as->heap[1];
	alarms_remove(as, a);
	return a;
}
