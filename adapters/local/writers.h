/*
 * Who is writing: what the notices of one directory (inotify(7)) tell about its files. Pure.
 *
 *	writers_note(&w, mask, name, now_ms);	// every notice, in order
 *	if (writers_has(&w, name, now_ms)) ...	// known to be open for writing: not ready
 *
 * A file is busy from its creation, or the first write seen, until it is closed:
 *
 *	creat  open  write write ...... close_write
 *	  |=============== busy ============|
 *
 * A name that appears without being opened is a link (link(2) and unlink(2) is how some rename):
 * it is whole, but that it was not opened is certain only a moment later. Until then it counts as
 * newborn and busy; writers_settle() ends that.
 *
 * Notices tell nothing about who opened a file before the directory was watched: a write without an
 * open keeps the name busy for WRITERS_GRACE_MS after the last one. Equal notices that follow each
 * other are merged by the kernel, so opens are counted with care: closed by a writer and not
 * written since means ready, whatever the count says.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/list.h"

enum {
	WRITERS_MOST = 4096, /* names of one directory that are remembered */
	WRITERS_GRACE_MS = 60 * 1000,
	WRITERS_NEWBORN_MS = 20,
};

struct writers {
	struct link names;
	size_t count, newborn;
	uint64_t forgotten; /* writes that found no room: these files count as ready */
};

void writers_init(struct writers *w);
void writers_release(struct writers *w);

/* `mask` as in struct inotify_event, without IN_ISDIR ones. */
void writers_note(struct writers *w, uint32_t mask, const char *name, int64_t now_ms);
/* `from` was renamed to `to`, maybe in another directory: its writer goes with it. Returns whether
 * it is still being written. */
bool writers_rename(struct writers *w, const char *from, struct writers *there, const char *to);
bool writers_has(const struct writers *w, const char *name, int64_t now_ms);
/* Newborns of WRITERS_NEWBORN_MS or older are whole; returns how many there were. */
size_t writers_settle(struct writers *w, int64_t now_ms);
