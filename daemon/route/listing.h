/*
 * One complete look at a route's source: the directory tree, name-gated and selected.
 *
 *	struct listing l;
 *	listing_init(&l, route);
 *	if (listing_walk(&l, &lease, e) == 0) ... l.files[0 .. l.count) ...
 *	listing_release(&l);
 *
 * All or nothing: a listing that broke off says nothing about any file.
 */
#pragma once
#include <stddef.h>

#include "adapters/endpoint.h"
#include "daemon/route/route.h"

struct refusal {
	char *path; /* raw bytes */
	size_t path_bytes;
	uint64_t size;
	int64_t mtime_ms, precision_ms;
	const char *code, *sentence;
};

enum { LISTING_REFUSALS_KEPT = 100 };

struct listing {
	const struct route *route;
	int64_t began_wall_ms;
	struct candidate *files;
	size_t count, room;
	struct refusal *refusals; /* the first LISTING_REFUSALS_KEPT */
	size_t refused;
	size_t listed, filtered;
	size_t name_bytes;
	char **folders; /* still to be listed, relative */
	size_t folder_count, folder_room;
};

void listing_init(struct listing *l, const struct route *r);
int listing_walk(struct listing *l, struct lease *lease, struct err *e);
void listing_release(struct listing *l);
