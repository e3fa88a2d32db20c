/*
 * errno of a socket call → kind, stable code, and words with a cure.
 */
#pragma once
#include "daemon/base/err.h"

/* "what: words (cure)"; returns the kind. */
int net_error(int error, const char *what, struct err *e);
