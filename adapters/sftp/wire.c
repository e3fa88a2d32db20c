#include "adapters/sftp/wire.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

const char *wire_type_name(unsigned type)
{
	switch (type) {
#define WIRE_NAME_OF(name, number) \
	case number:               \
		return #name;
		WIRE_TYPES(WIRE_NAME_OF)
#undef WIRE_NAME_OF
	default:
		return "type";
	}
}

/* ---- build --------------------------------------------------------------------------------- */

static void put(struct buf *out, const void *data, size_t n)
{
	int r = buf_add(out, data, n);

	assert(r == 0); /* room is seen to before a packet is begun */
	(void)r;
}

static void put_u8(struct buf *out, unsigned v)
{
	unsigned char byte = (unsigned char)v;

	put(out, &byte, 1);
}

void wire_put_u32(struct buf *out, uint32_t v)
{
	uint32_t big = htobe32(v);

	put(out, &big, sizeof(big));
}

void wire_put_u64(struct buf *out, uint64_t v)
{
	uint64_t big = htobe64(v);

	put(out, &big, sizeof(big));
}

void wire_put_string(struct buf *out, const void *data, size_t n)
{
	assert(n <= WIRE_PACKET_MOST);
	wire_put_u32(out, (uint32_t)n);
	if (n > 0)
		put(out, data, n);
}

void wire_put_text(struct buf *out, const char *text)
{
	wire_put_string(out, text, strlen(text));
}

void wire_put_attrs(struct buf *out, const struct wire_attrs *a)
{
	uint32_t flags = a->flags & (WIRE_ATTR_SIZE | WIRE_ATTR_PERMISSIONS | WIRE_ATTR_ACMODTIME);

	wire_put_u32(out, flags);
	if (flags & WIRE_ATTR_SIZE)
		wire_put_u64(out, a->size);
	if (flags & WIRE_ATTR_PERMISSIONS)
		wire_put_u32(out, a->permissions);
	if (flags & WIRE_ATTR_ACMODTIME) {
		wire_put_u32(out, a->mtime); /* when it was read last is nothing that we know */
		wire_put_u32(out, a->mtime);
	}
}

size_t wire_begin(struct buf *out, enum wire_type type, uint32_t id)
{
	size_t position = buf_len(out);

	wire_put_u32(out, 0);
	put_u8(out, type);
	wire_put_u32(out, id);
	return position;
}

void wire_end(struct buf *out, size_t position)
{
	size_t n = buf_len(out) - position - sizeof(uint32_t);
	uint32_t big = htobe32((uint32_t)n);

	assert(n <= WIRE_PACKET_MOST + WIRE_HANDLE_MOST);
	memcpy(buf_data(out) + position, &big, sizeof(big));
}

/* ---- take apart ---------------------------------------------------------------------------- */

/* The next n bytes, or NULL and a broken reader. */
static const unsigned char *take(struct wire_in *in, size_t n)
{
	const unsigned char *p = in->at;

	if (in->is_broken || n > in->left) {
		in->is_broken = true;
		in->left = 0;
		return NULL;
	}
	in->at += n;
	in->left -= n;
	return p;
}

uint8_t wire_u8(struct wire_in *in)
{
	const unsigned char *p = take(in, 1);

	return p ? *p : 0;
}

uint32_t wire_u32(struct wire_in *in)
{
	const unsigned char *p = take(in, sizeof(uint32_t));
	uint32_t big = 0;

	if (p)
		memcpy(&big, p, sizeof(big));
	return be32toh(big);
}

uint64_t wire_u64(struct wire_in *in)
{
	const unsigned char *p = take(in, sizeof(uint64_t));
	uint64_t big = 0;

	if (p)
		memcpy(&big, p, sizeof(big));
	return be64toh(big);
}

struct wire_bytes wire_string(struct wire_in *in)
{
	size_t n = wire_u32(in);
	const unsigned char *p = take(in, n);

	return p ? (struct wire_bytes){p, n} : (struct wire_bytes){(const unsigned char *)"", 0};
}

static void skip_extended(struct wire_in *in)
{
	uint32_t count = wire_u32(in);

	for (uint32_t i = 0; i < count && !in->is_broken; i++) {
		(void)wire_string(in); /* type */
		(void)wire_string(in); /* data */
	}
}

struct wire_attrs wire_attrs(struct wire_in *in)
{
	struct wire_attrs a = {.flags = wire_u32(in)};

	if (a.flags & WIRE_ATTR_SIZE)
		a.size = wire_u64(in);
	if (a.flags & WIRE_ATTR_UIDGID)
		(void)wire_u64(in);
	if (a.flags & WIRE_ATTR_PERMISSIONS)
		a.permissions = wire_u32(in);
	if (a.flags & WIRE_ATTR_ACMODTIME) {
		(void)wire_u32(in); /* atime */
		a.mtime = wire_u32(in);
	}
	if (a.flags & WIRE_ATTR_EXTENDED)
		skip_extended(in);
	if (in->is_broken)
		memset(&a, 0, sizeof(a));
	return a;
}

struct wire_name wire_name(struct wire_in *in)
{
	struct wire_name n;

	n.name = wire_string(in);
	n.longname = wire_string(in);
	n.attrs = wire_attrs(in);
	return n;
}

enum wire_frame wire_frame(const unsigned char *data, size_t n, size_t *bytes)
{
	uint32_t big;

	if (n < sizeof(big))
		return WIRE_FRAME_PART;
	memcpy(&big, data, sizeof(big));
	*bytes = be32toh(big);
	if (*bytes == 0)
		return WIRE_FRAME_EMPTY;
	if (*bytes > WIRE_NAME_PACKET_MOST)
		return WIRE_FRAME_GIANT;
	if (n - sizeof(big) < 1)
		return WIRE_FRAME_PART;
	if (*bytes > WIRE_PACKET_MOST && data[sizeof(big)] != WIRE_NAME)
		return WIRE_FRAME_GIANT;
	return n - sizeof(big) < *bytes ? WIRE_FRAME_PART : WIRE_FRAME_WHOLE;
}
