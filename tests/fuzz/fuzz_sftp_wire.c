/* Any bytes as packets: the readers stay inside, and what was read can be built again. */
#include "adapters/sftp/wire.h"
#include "tests/fuzz/oracle.h"

static void rebuild(const struct wire_name *n)
{
	struct wire_in in;
	struct buf b;

	if (n->name.n > WIRE_PACKET_MOST)
		return;
	buf_init(&b, 2 * WIRE_PACKET_MOST);
	wire_put_string(&b, n->name.data, n->name.n);
	wire_put_attrs(&b, &n->attrs);
	in = (struct wire_in){buf_data(&b), buf_len(&b), false};
	must(wire_string(&in).n == n->name.n);
	must(wire_attrs(&in).permissions == n->attrs.permissions);
	must(in.left == 0 && !in.is_broken);
	buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_in in = {data, size, false};
	size_t bytes = 0;

	if (wire_frame(data, size, &bytes) == WIRE_FRAME_WHOLE)
		must(bytes + 4 <= size);
	while (in.left > 0 && !in.is_broken) {
		struct wire_name n = wire_name(&in);

		if (in.is_broken)
			must(in.left == 0 && n.attrs.flags == 0);
		else
			rebuild(&n);
	}
	in = (struct wire_in){data, size, false};
	must(*wire_type_name(wire_u8(&in)) != '\0');
	(void)wire_u32(&in);
	(void)wire_u64(&in);
	must(in.is_broken || in.left + 13 == size);
	return 0;
}
