#include <assert.h>

#include "daemon/base/mem.h"
#include "daemon/runtime/fiber.h"
#include "daemon/runtime/scheduler.h"

struct member {
	struct link link; /* in group.members */
	struct group *group;
	struct fiber *fiber;
	fiber_fn *fn;
	void *arg;
};

void group_init(struct group *g, struct worker *w)
{
	*g = (struct group){.worker = w};
	list_init(&g->members);
	signal_init(&g->ended);
}

/* After the raise the group may be gone: whoever waits for it is only made ready here, and runs
 * when this fiber has ended. */
static void member_body(void *arg)
{
	struct member *m = arg;
	struct group *g = m->group;

	m->fn(m->arg);
	list_remove(&m->link);
	free(m);
	g->alive--;
	signal_raise(&g->ended);
}

void group_start(struct group *g, const char *name, fiber_fn *fn, void *arg)
{
	struct member *m = mem_new_of(struct member);

	m->group = g;
	m->fn = fn;
	m->arg = arg;
	list_append(&g->members, &m->link);
	g->alive++;
	m->fiber = fiber_start(g->worker, name, member_body, m);
}

void group_cancel(struct group *g)
{
	list_for_each(l, &g->members) fiber_cancel(list_item(l, struct member, link)->fiber);
}

void group_wait(struct group *g, const char *label)
{
	while (g->alive) {
		if (fiber_await(&g->ended, label, deadline_never()) != WAKE_CANCELED)
			continue;
		group_cancel(g);
		fiber_shield_begin();
		while (g->alive)
			(void)fiber_await(&g->ended, label,
			                  deadline_never()); /* shielded: raised only */
		fiber_shield_end();
	}
}
