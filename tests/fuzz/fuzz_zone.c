/* Any bytes as a zone file: loaded or refused; a loaded one answers every question. */
#include "daemon/route/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zone *z;
	struct err e;
	int64_t first, second = 0;

	if (zone_parse(data, size, &z, &e) < 0)
		return 0;
	for (int64_t t = -4000000000; t < 8000000000; t += 12345678)
		(void)zone_to_utc(z, t, &first, &second);
	zone_free(z);
	return 0;
}
