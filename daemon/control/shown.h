/*
 * Text made fit for a terminal, of any length: the escaper of daemon/base has a limit of its own,
 * made for names and log lines.
 */
#pragma once
#include <stddef.h>

#include "daemon/base/buf.h"

/* Raw bytes, escaped. */
void shown_raw(struct buf *out, const char *raw, size_t n);
/* Text that should be escaped already, by somebody not trusted blindly: backslashes stay as they
 * are, whatever else is dangerous is escaped now. */
void shown_again(struct buf *out, const char *text);
