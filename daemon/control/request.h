/*
 * One line from an operator, as a request: {"v":1,"verb":"jobs","args":{"route":"acme-in"}}.
 *
 *	if (request_parse(line, n, &r, e) < 0) ...
 *	request_release(&r);
 *
 * The parser recurses, so what it is given is first found to be no deeper than REQUEST_DEPTH: it
 * runs on a fiber's small stack. Pure.
 */
#pragma once
#include <jansson.h>
#include <stddef.h>

#include "daemon/base/err.h"

enum { REQUEST_VERSION = 1, REQUEST_DEPTH = 8 };

struct request {
	json_t *root;
	const char *verb; /* borrowed from root */
	json_t *args;     /* an object, or NULL where there are none; borrowed from root */
};

/* ERR_PROTOCOL "CONTROL-REQUEST" or "CONTROL-VERSION". */
int request_parse(const char *line, size_t n, struct request *out, struct err *e);
void request_release(struct request *r);
