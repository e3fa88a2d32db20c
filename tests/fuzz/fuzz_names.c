/* Any bytes as a name: what the gate lets through is one harmless component, and stays ours or not
 * ours when a temporary name is made of it. */
#include "adapters/names.h"
#include "daemon/base/mem.h"
#include "tests/fuzz/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name _cleanup_free_ = mem_dup_bytes(data, size);
	enum name_verdict v = name_gate(name, size);
	char temp[256];

	must(name_verdict_code(v) && name_verdict_text(v));
	name_temp(name, size & 1 ? "0a1b2c3d" : "", (long long)size << 40, (int)size, temp);
	must(strlen(temp) <= 255 && name_is_ours(temp, strlen(temp)));
	if (v != NAME_OK)
		return 0;
	must(size >= 1 && size <= 255 && strlen(name) == size && !memchr(name, '/', size));
	must(name_gate(temp, strlen(temp)) == NAME_OURS);
	return 0;
}
