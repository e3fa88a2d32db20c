/*
 * The deadlines of all waiting fibers of one worker, soonest first: a binary heap of entries that
 * live in their owners. Adding and removing cost O(log n), looking at the soonest O(1).
 *
 *	alarms_add(&as, &f->alarm, at_ms);
 *	while ((a = alarms_take_due(&as, now_ms)) != NULL) …
 *	alarms_remove(&as, &f->alarm);		// harmless when not in it
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct alarm {
	int64_t at_ms;
	size_t place; /* 1-based index in the heap; 0 = not in it */
};

struct alarms {
	struct alarm **heap; /* heap[0] unused: the children of i are 2i and 2i+1 */
	size_t count, room;
};

void alarms_init(struct alarms *as);
void alarms_release(struct alarms *as); /* must be empty */

void alarms_add(struct alarms *as, struct alarm *a, int64_t at_ms);
void alarms_remove(struct alarms *as, struct alarm *a);

int64_t alarms_next_ms(const struct alarms *as); /* INT64_MAX when there is none */
struct alarm *alarms_take_due(struct alarms *as, int64_t now_ms);
