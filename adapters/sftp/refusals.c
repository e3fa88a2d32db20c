#include "adapters/sftp/refusals.h"

#include <assert.h>

bool refusals_have_room(const struct refusals *r)
{
	return r->count < REFUSALS_MOST;
}

void refusals_add(struct refusals *r, void *channel)
{
	assert(refusals_have_room(r));
	if (!r->is_freed(r->arg, channel))
		r->waiting[r->count++] = channel;
}

void refusals_collect(struct refusals *r)
{
	size_t left = 0;

	for (size_t i = 0; i < r->count; i++)
		if (!r->is_freed(r->arg, r->waiting[i]))
			r->waiting[left++] = r->waiting[i];
	r->count = left;
}
