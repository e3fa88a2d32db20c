/* Any text as a cron expression: parsed or refused; what is parsed has a next time after now. */
#include "daemon/base/mem.h"
#include "daemon/route/schedule.h"
#include "tests/fuzz/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const zones[] = {"UTC", "Europe/Berlin", "America/New_York",
	                                    "Pacific/Apia"};
	char *text _cleanup_free_ = NULL;
	struct schedule *s;
	struct err e;
	int64_t now = 0;
	int r;

	if (size < 8)
		return 0;
	memcpy(&now, data, 7);
	now -= INT64_C(1) << 54;
	text = mem_dup_bytes(data + 8, size - 8);
	r = schedule_cron(text, zones[data[7] & 3], &s, &e);
	must((r < 0) == (schedule_judge_cron(text) != NULL));
	if (r < 0) {
		must_tell(r, &e);
		return 0;
	}
	if (now < INT64_C(250000000000000) && now > -INT64_C(250000000000000))
		must(schedule_next(s, now) > now && schedule_first(s, now) > now);
	schedule_free(s);
	return 0;
}
