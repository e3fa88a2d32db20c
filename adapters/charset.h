/*
 * File names in the server's character set.
 *
 * Within ferryd names are bytes, UTF-8 where they mean anything. A server that writes Latin-1 is
 * given Latin-1 and read as Latin-1, so that its names look right here and at other servers. Pure.
 */
#pragma once
#include <stddef.h>

#include "config/config.h"
#include "daemon/base/err.h"

/* A copy of `path` as the server writes it; NULL with ERR_POLICY "NAME-CHARSET" when it has no
 * character for something in it. */
char *charset_encode(enum charset charset, const char *path, struct err *e);
/* A copy of the server's name (*n bytes, may hold anything), NUL-terminated; *n becomes the length
 * of the copy. */
char *charset_decode(enum charset charset, const char *name, size_t *n);
