/*
 * Names at the destination, made from a template.
 *
 *	{name}          the source file's name            invoice.tar.gz
 *	{stem} {ext}    the name before and from its last dot; together they are always the name
 *	                invoice.tar + .gz;  README + "";  .profile + ""
 *	{mtime:FORMAT}  the source's modification time
 *	{now:FORMAT}    when the name is made (once per job and destination)
 *	{route} {job}   the route's name, the job's number
 *	{{ }}           a brace itself
 *
 * FORMAT holds numeric codes, which mean the same in every locale, and other characters as they
 * are; without FORMAT it is %Y%m%d-%H%M%S:
 *
 *	%Y year  %y its last two digits  %m month 01-12  %d day 01-31  %j day of the year 001-366
 *	%H hour 00-23  %M minute  %S second  %N milliseconds 000-999  %s Unix seconds
 *	%u weekday 1-7, Monday is 1  %V ISO week 01-53 of ISO year %G  %% the sign itself
 *
 * Times are in the zone given, UTC if none. {job} is the only part that no two files share: a
 * template without it can make equal names, and `exists:` decides what happens then.
 *
 * The result is one path component that the name gate (adapters/names.h) accepts, or an error.
 * Pure.
 */
#pragma once
#include <stdint.h>

#include "daemon/base/err.h"

enum { NAMING_BYTES = 256 };

struct zone;

struct naming_values {
	const char *name; /* one component, already gated */
	int64_t mtime_ms; /* MTIME_UNKNOWN (adapters/adapter.h) */
	int64_t now_ms;   /* wall */
	const char *route;
	int64_t job;
	const struct zone *zone; /* NULL = UTC */
};

/* ERR_POLICY "NAME-TEMPLATE": the result is no acceptable name, or the time it asks for is not
 * known; ERR_CONFIG "NAME-TEMPLATE": the template itself is wrong (naming_judge would have said).
 */
int naming_expand(const char *template, const struct naming_values *v, char out[NAMING_BYTES],
                  struct err *e);

/* For config_judges: NULL, or a sentence in a buffer of this thread that the next call reuses. */
const char *naming_judge(const char *template);

/* The n-th alternative where a name is taken: "a.xml" -> "a-1.xml", "a-2.xml". n = 0 is the name
 * itself. The stem is cut, at a character, where the result would be longer than 255 bytes. */
void naming_numbered(const char *name, unsigned n, char out[NAMING_BYTES]);
