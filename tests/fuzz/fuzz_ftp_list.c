/* Any bytes as the answer to LIST. */
#include "tests/fuzz/ftp_listing_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_listing(FTP_LIST, data, size);
	return 0;
}
