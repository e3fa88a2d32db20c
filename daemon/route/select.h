/*
 * Which entries of a listing a route wants. Pure.
 */
#pragma once
#include <stdint.h>

#include "adapters/adapter.h"
#include "config/config.h"

enum select_verdict {
	SELECT_TAKE,
	SELECT_HIDDEN,
	SELECT_NO_MATCH,
	SELECT_EXCLUDED,
	SELECT_SMALL,
	SELECT_LARGE, /* said to the operator: nobody wants to miss that one */
	SELECT_YOUNG, /* may be wanted at a later poll */
	SELECT_OLD,
	SELECT_NOT_A_FILE,
};

/* `name` is the last component. First hidden, then exclude, then match, then size and age; a file
 * without a known time passes the age rules. */
enum select_verdict select_entry(const struct route_source *from, const struct entry *entry,
                                 int64_t now_ms);

/* What waits to be claimed. */
struct candidate {
	char *path; /* relative to the source directory; owned by the listing */
	uint64_t size;
	int64_t mtime_ms;
	uint64_t identity;
	int64_t precision_ms; /* of mtime_ms (daemon/base/told.h) */
	int64_t listed_ms; /* the time the listing tells, where mtime_ms is a better one; else 0 */
};

/* qsort_r comparison by the route's order; ties by path, so that the order is total. */
int select_compare(const void *a, const void *b, void *from);
