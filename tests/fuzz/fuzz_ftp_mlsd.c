/* Any bytes as the answer to MLSD, MLST and MDTM. */
#include "tests/fuzz/ftp_listing_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct entry entry = {.size = 0};
	int64_t mtime_ms = 0;
	struct err e;

	check_listing(FTP_MLSD, data, size);
	if (size < 3)
		return 0;
	if (ftp_mlst_parse(text + 2, size - 2, &entry, &e) == 0)
		must(!entry.name && (entry.size <= INT64_MAX || entry.size == SIZE_UNKNOWN));
	(void)ftp_mdtm_parse(text + 2, size - 2, &mtime_ms, &e); /* either is fine */
	must(mtime_ms >= 0);
	return 0;
}
