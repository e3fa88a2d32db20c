#include "daemon/runtime/mailbox.h"

#include <assert.h>

#include "daemon/base/mem.h"
#include "daemon/runtime/scheduler.h"

struct message {
	struct message *next;
	void (*fn)(void *arg);
	void *arg;
};

static struct message *take_all(struct mailbox *m)
{
	struct message *all;

	pthread_mutex_lock(&m->lock);
	all = m->first;
	m->first = NULL;
	m->last = &m->first;
	pthread_mutex_unlock(&m->lock);
	return all;
}

static void on_ring(uv_async_t *bell)
{
	struct mailbox *m = bell->data;
	struct message *next;

	scheduler_note_work(scheduler_here());
	for (struct message *it = take_all(m); it; it = next) {
		next = it->next;
		it->fn(it->arg);
		free(it);
	}
	m->after(m->owner);
}

int mailbox_init(struct mailbox *m, uv_loop_t *loop, void (*after)(void *owner), void *owner,
                 struct err *e)
{
	int r;

	*m = (struct mailbox){.after = after, .owner = owner};
	m->last = &m->first;
	r = uv_async_init(loop, &m->bell, on_ring);
	if (r < 0)
		return err_set(e, ERR_LOCAL, "LOCAL-LOOP", -r, "message queue: %s", uv_strerror(r));
	m->bell.data = m;
	pthread_mutex_init(&m->lock, NULL);
	return 0;
}

void mailbox_release(struct mailbox *m)
{
	assert(!m->first);
	pthread_mutex_destroy(&m->lock);
}

bool mailbox_post(struct mailbox *m, void (*fn)(void *arg), void *arg)
{
	struct message *it = mem_new_of(struct message);
	bool taken;

	it->fn = fn;
	it->arg = arg;
	pthread_mutex_lock(&m->lock);
	taken = !m->closed;
	if (taken) {
		if (!m->first) /* otherwise the bell has been rung and not been answered yet */
			(void)uv_async_send(&m->bell); /* cannot fail on a live handle */
		*m->last = it;
		m->last = &it->next;
	}
	pthread_mutex_unlock(&m->lock);
	if (!taken)
		free(it);
	return taken;
}

bool mailbox_close(struct mailbox *m)
{
	pthread_mutex_lock(&m->lock);
	if (!m->first && !m->closed) {
		m->closed = true;
		uv_close((uv_handle_t *)&m->bell, NULL);
	}
	pthread_mutex_unlock(&m->lock);
	return m->closed;
}
