/*
 * Time zones, as values: what glibc only offers through the process-wide TZ variable.
 *
 *	struct zone *z;
 *	if (zone_load("Europe/Berlin", &z, e) < 0) ...	// reads the system's zone file, once
 *	local_s = utc_s + zone_offset(z, utc_s);
 *	zone_free(z);
 *
 * A zone is immutable after loading and may be shared by threads. Files are TZif version 1 to 4
 * (RFC 8536, RFC 9636) below /usr/share/zoneinfo; after their last transition the POSIX rule in
 * the footer holds. "UTC" and "Etc/UTC" need no file, so they work where tzdata is not installed.
 *
 * Local time has holes and folds. Going from local time to UTC therefore has three answers:
 *
 *	              clocks go forward                clocks go back
 *	local   01:59 | 03:00                    02:59 | 02:00 .. 02:59 | 03:00
 *	              ^ 02:30 does not exist:          ^ 02:30 comes twice:
 *	                ZONE_SKIPPED, *first is          ZONE_TWICE, *first and *second
 *	                the edge
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct zone;

/* `name` is an IANA name; NULL is this machine's zone: $TZ if set, else /etc/localtime, else UTC.
 * ERR_CONFIG "ZONE-NAME" (no such zone, or a name that cannot be one), "ZONE-FILE" (the file is
 * damaged). Blocking: reads one small file. */
int zone_load(const char *name, struct zone **out, struct err *e);
/* From the bytes of a TZif file. ERR_CONFIG "ZONE-FILE". */
int zone_parse(const void *data, size_t bytes, struct zone **out, struct err *e);
void zone_free(struct zone *z); /* NULL allowed */

/* Seconds to add to UTC at that moment; NULL is UTC. */
int32_t zone_offset(const struct zone *z, int64_t utc_s);

enum zone_fit { ZONE_ONCE, ZONE_SKIPPED, ZONE_TWICE };
/* *second is set for ZONE_TWICE only. */
enum zone_fit zone_to_utc(const struct zone *z, int64_t local_s, int64_t *first, int64_t *second);
