/*
 * What the linked libssh2 can do, for `ferryd --version`: what a partner may be asked to offer.
 * ferryd itself offers less (algorithms.h).
 */
#pragma once
#include "daemon/base/buf.h"

/* Lines that end in '\n'. */
void abilities_describe(struct buf *out);
