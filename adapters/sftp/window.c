#include "adapters/sftp/window.h"

#include <assert.h>

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

enum { PIECES = 4 }; /* a window holds at least so many requests */

void window_init(struct window *w, struct sftp_client *c, const char *path)
{
	*w = (struct window){.client = c, .path = path};
	list_init(&w->asked);
	list_init(&w->idle);
	sftp_client_transfer_begins(c);
	pace_init(&w->pace, sftp_client_share(c), clock_mono_us());
}

static void free_chunks(struct link *chunks)
{
	struct link *l;

	while ((l = list_take_first(chunks))) {
		struct chunk *k = list_item(l, struct chunk, link);

		sftp_request_release(&k->rq);
		free(k->data);
		free(k);
	}
}

void window_release(struct window *w)
{
	free_chunks(&w->asked);
	free_chunks(&w->idle);
	sftp_client_transfer_ends(w->client);
}

bool window_is_empty(const struct window *w)
{
	return list_is_empty(&w->asked);
}

bool window_has_room(const struct window *w)
{
	if (window_is_empty(w))
		return true;
	return w->in_flight < w->pace.window && sftp_request_has_room(w->client);
}

struct chunk *window_add(struct window *w, struct sftp_client *c, enum sftp_op op, uint64_t offset,
                         size_t bytes)
{
	struct link *l = list_take_first(&w->idle);
	struct chunk *k = l ? list_item(l, struct chunk, link) : mem_new_of(struct chunk);

	if (op == SFTP_READ && k->room < bytes) {
		k->data = mem_grow(k->data, bytes);
		k->room = bytes;
	}
	sftp_request_init(&k->rq, c, op, w->path);
	k->offset = k->rq.offset = offset;
	k->bytes = k->rq.length = bytes;
	k->rq.data = k->data;
	list_init(&k->link);
	list_append(&w->asked, &k->link);
	w->in_flight += bytes;
	return k;
}

struct chunk *window_head(const struct window *w)
{
	assert(!window_is_empty(w));
	return list_item(w->asked.next, struct chunk, link);
}

void window_pop(struct window *w)
{
	struct chunk *k = window_head(w);

	list_remove(&k->link);
	sftp_request_release(&k->rq);
	list_append(&w->idle, &k->link);
	w->in_flight -= k->bytes;
	pace_moved(&w->pace, k->bytes, sftp_client_share(w->client), clock_mono_us());
}

void window_shorten_head(struct window *w, size_t got)
{
	struct chunk *k = window_head(w);

	assert(got < k->bytes);
	sftp_request_release(&k->rq);
	w->in_flight -= got;
	k->offset += got;
	k->bytes -= got;
	sftp_request_init(&k->rq, w->client, SFTP_READ, w->path);
	k->rq.offset = k->offset;
	k->rq.length = k->bytes;
	k->rq.data = k->data;
}

size_t window_piece(const struct window *w, size_t most)
{
	size_t piece = w->pace.window / PIECES;

	return piece < most ? piece : most;
}
