/* Any template with any name: the result passes the name gate or is refused; never leaves its room.
 */
#include "adapters/names.h"
#include "daemon/base/mem.h"
#include "daemon/route/naming.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text _cleanup_free_ = mem_dup_bytes(data, size);
	size_t cut = strlen(text);
	char out[NAMING_BYTES], numbered[NAMING_BYTES];
	struct naming_values v = {.route = "route", .job = 42, .now_ms = (int64_t)size};
	struct err e;

	v.name = cut < size ? text + cut + 1 : "a.xml";
	v.mtime_ms = size > 16 ? (int64_t)((uint64_t)data[size - 1] << 36) : -1;
	if (naming_expand(text, &v, out, &e) < 0)
		return 0;
	if (name_gate(out, strlen(out)) != NAME_OK)
		abort();
	naming_numbered(out, (unsigned)size, numbered);
	if (name_gate(numbered, strlen(numbered)) != NAME_OK)
		abort();
	return 0;
}
