/*
 * The requests of one transfer that are in flight, in order of offset: READs of a get, WRITEs of a
 * put.
 *
 *	window_init(&w, client, path);
 *	while (window_has_room(&w, n)) {
 *		struct chunk *k = window_add(&w, client, SFTP_READ, offset, n);
 *		...begin, fields, send...
 *	}
 *	k = window_head(&w);			// the oldest: await its answer, use it
 *	window_pop(&w);				// counts its bytes as moved: the pace may grow
 *	window_release(&w);			// abandons what is still under way
 *
 * Requests of the head are re-asked with window_shorten_head() after a short answer.
 * Answers may come in any order; they are held in their chunks, so what is held is bounded by the
 * window. Belongs to the transferring fiber.
 */
#pragma once
#include <stdbool.h>

#include "adapters/sftp/client.h"
#include "adapters/sftp/pace.h"
#include "daemon/base/list.h"

struct chunk {
	struct link link;
	struct sftp_request rq;
	uint64_t offset;
	size_t bytes;        /* asked for, or sent */
	unsigned char *data; /* READ: `room` bytes */
	size_t room;
};

struct window {
	struct sftp_client *client;
	const char *path;
	struct link asked, idle; /* chunks; the idle ones are used again */
	size_t in_flight;        /* bytes */
	struct pace pace;
};

void window_init(struct window *w, struct sftp_client *c, const char *path);
void window_release(struct window *w);

bool window_is_empty(const struct window *w);
/* One more request may go out without waiting. An empty window always has room for one. */
bool window_has_room(const struct window *w);
/* A chunk at the end, its request on `c` initialised; the caller begins and sends it. */
struct chunk *window_add(struct window *w, struct sftp_client *c, enum sftp_op op, uint64_t offset,
                         size_t bytes);
struct chunk *window_head(const struct window *w);
void window_pop(struct window *w);
/* The head's answer brought only its first `got` bytes and they were used: makes it the request
 * for the rest, to be begun and sent anew. */
void window_shorten_head(struct window *w, size_t got);
/* Bytes worth asking for at once: large while it is fast, small enough not to stall a slow line. */
size_t window_piece(const struct window *w, size_t most);
