/* Any template with any name: the result passes the name gate or is refused; never leaves its room.
 */
#include "adapters/names.h"
#include "daemon/base/mem.h"
#include "daemon/route/naming.h"
#include "tests/fuzz/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text _cleanup_free_ = mem_dup_bytes(data, size);
	size_t cut = strlen(text);
	char out[NAMING_BYTES], numbered[NAMING_BYTES];
	struct naming_values v = {.route = "route", .job = 42, .now_ms = (int64_t)size};
	struct err e;
	int r;

	v.name = cut < size ? text + cut + 1 : "a.xml";
	v.mtime_ms = size > 16 ? (int64_t)((uint64_t)data[size - 1] << 36) : -1;
	r = naming_expand(text, &v, out, &e);
	if (r < 0) {
		must_tell(r, &e);
		must(r == ERR_POLICY || naming_judge(text));
		return 0;
	}
	must(name_gate(out, strlen(out)) == NAME_OK);
	naming_numbered(out, (unsigned)size, numbered);
	must(name_gate(numbered, strlen(numbered)) == NAME_OK);
	return 0;
}
