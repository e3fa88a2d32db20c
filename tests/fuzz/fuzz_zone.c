/* Any bytes as a zone file: loaded or refused; a loaded one answers every question. */
#include "daemon/route/zone.h"
#include "tests/fuzz/oracle.h"

static void check_moment(const struct zone *z, int64_t local)
{
	int64_t first, second = INT64_MAX;
	enum zone_fit fit = zone_to_utc(z, local, &first, &second);

	if (fit != ZONE_SKIPPED)
		must(first + zone_offset(z, first) == local);
	if (fit == ZONE_TWICE)
		must(second > first && second + zone_offset(z, second) == local);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zone *z;
	struct err e;
	int r;

	r = zone_parse(data, size, &z, &e);
	if (r < 0) {
		must_tell(r, &e);
		return 0;
	}
	for (int64_t t = -4000000000; t < 8000000000; t += 12345678)
		check_moment(z, t);
	zone_free(z);
	return 0;
}
