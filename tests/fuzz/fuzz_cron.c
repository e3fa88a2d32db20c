/* Any text as a cron expression: parsed or refused; what is parsed has a next time after now. */
#include <stdint.h>

#include "daemon/base/mem.h"
#include "daemon/route/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const zones[] = {"UTC", "Europe/Berlin", "America/New_York",
	                                    "Pacific/Apia"};
	char *text _cleanup_free_ = NULL;
	struct schedule *s;
	struct err e;
	int64_t now = 0;

	if (size < 8)
		return 0;
	memcpy(&now, data, 7);
	now -= INT64_C(1) << 54;
	text = mem_dup_bytes(data + 8, size - 8);
	if (schedule_cron(text, zones[data[7] & 3], &s, &e) < 0)
		return 0;
	if (schedule_next(s, now) <= now && now < INT64_C(250000000000000) &&
	    now > -INT64_C(250000000000000))
		abort();
	schedule_free(s);
	return 0;
}
