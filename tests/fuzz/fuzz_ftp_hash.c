/* Any bytes as a line of FEAT and as the answer to HASH or XCRC. The first byte is the kind. */
#include <string.h>

#include "adapters/ftps/hash.h"
#include "tests/fuzz/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char sum[CHECKSUM_BYTES_MOST + 1];
	struct ftp_hashes h = {0};
	enum checksum_kind kind;
	const char *text = (const char *)data + 1;
	size_t bytes;

	if (size == 0)
		return 0;
	kind = (enum checksum_kind)(data[0] % CHECKSUM_COUNT);
	bytes = checksum_bytes(kind);
	ftp_hash_feature(&h, text, size - 1);
	must(h.hash < 1u << CHECKSUM_COUNT && h.commands < 1u << CHECKSUM_COUNT);
	must(!h.chosen || (h.chosen & h.hash) == h.chosen);
	memset(sum, 0xA5, sizeof(sum));
	if (!ftp_hash_parse(text, size - 1, kind, sum))
		return 0;
	must(size - 1 >= 4 + 2 * bytes);
	for (size_t i = bytes; i < sizeof(sum); i++)
		must(sum[i] == 0xA5);
	return 0;
}
