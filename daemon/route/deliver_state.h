/*
 * The inside of a delivery, shared by its steps (deliver.c) and the search for where its parts lie
 * (deliver_place.c). Lives in its fiber.
 */
#pragma once
#include <limits.h>

#include "daemon/route/content.h"
#include "daemon/route/route.h"

struct delivery {
	struct route *route;
	struct lane *lane;
	const struct route_dest *to;
	struct store_task *task;
	struct lease lease;
	char folder[PATH_MAX]; /* at the destination */
	char temp[PATH_MAX], final[PATH_MAX];
	struct content_path content; /* on this machine */
	bool adopts;                 /* the content file is renamed, not copied */
	enum verification level;
	unsigned char sha256[DIGEST_BYTES];
	struct store_delivered outcome;
	struct buf before; /* what the command before it had to say */
};

/* All its places, and whether the content file is to be adopted. */
int deliver_locate(struct delivery *d, struct err *e);
/* Another final name in the same folder. */
int deliver_name_final(struct delivery *d, const char *name, struct err *e);
