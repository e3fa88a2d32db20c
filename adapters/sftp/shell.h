/*
 * Words for a POSIX shell at the other end: SSH carries a command as one text, and the server's
 * shell takes it apart again. Pure.
 */
#pragma once
#include "daemon/base/buf.h"

/* Adds one word so that a shell takes it as it is: "a b" becomes 'a b', "it's" 'it'\''s'. Any byte
 * but NUL. 0, or -1 when the limit of `out` would be passed (a part may have been added). */
int shell_word(struct buf *out, const char *word);
