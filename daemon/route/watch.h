/*
 * A local source's wake-up: a connection of its own on the watched directory, whose hints poke the
 * poll. The scan stays the truth.
 */
#pragma once
#include <stdbool.h>

#include "daemon/route/route.h"

/* Starts watching where the source can be watched; a failure is logged and left to the rescans. */
void watch_begin(struct route *r);
void watch_end(struct route *r);
/* Known to be open for writing right now. */
bool watch_is_busy(const struct route *r, const char *path);
/* The watched directory is gone or was replaced: begin anew at the next poll. */
bool watch_is_alive(const struct route *r);
