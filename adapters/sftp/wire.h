/*
 * SFTP version 3 on the wire: packets built into a buffer, packets taken apart. Pure.
 *
 *	size_t at = wire_begin(&out, WIRE_OPEN, id);
 *	wire_put_text(&out, "/out/a.xml");
 *	wire_put_u32(&out, WIRE_OPEN_READ);
 *	wire_put_attrs(&out, &(struct wire_attrs){0});
 *	wire_end(&out, at);			// patches the length in
 *
 *	struct wire_in in = {packet, bytes, false};
 *	id = wire_u32(&in);
 *	text = wire_string(&in);
 *	if (in.is_broken) ...			// asked once, after the last field
 *
 * A packet is uint32 length, byte type, then fields; numbers are big-endian, strings are a uint32
 * length and that many bytes (draft-ietf-secsh-filexfer-02 §3). A reader never passes the end of
 * what it was given: the first field that does not fit breaks it, and every later one is zero or
 * empty. The out buffer must have room: whoever begins a packet has seen to that.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/buf.h"

/* X(enum, number, name in traces): draft §3 */
#define WIRE_TYPES(X)    \
	X(INIT, 1)       \
	X(VERSION, 2)    \
	X(OPEN, 3)       \
	X(CLOSE, 4)      \
	X(READ, 5)       \
	X(WRITE, 6)      \
	X(LSTAT, 7)      \
	X(FSTAT, 8)      \
	X(SETSTAT, 9)    \
	X(FSETSTAT, 10)  \
	X(OPENDIR, 11)   \
	X(READDIR, 12)   \
	X(REMOVE, 13)    \
	X(MKDIR, 14)     \
	X(RMDIR, 15)     \
	X(REALPATH, 16)  \
	X(STAT, 17)      \
	X(RENAME, 18)    \
	X(STATUS, 101)   \
	X(HANDLE, 102)   \
	X(DATA, 103)     \
	X(NAME, 104)     \
	X(ATTRS, 105)    \
	X(EXTENDED, 200) \
	X(EXTENDED_REPLY, 201)

enum wire_type {
#define WIRE_ENUM(name, number) WIRE_##name = number,
	WIRE_TYPES(WIRE_ENUM)
#undef WIRE_ENUM
};

/* "OPEN" …; "type" for a number nobody knows. */
const char *wire_type_name(unsigned type);

enum {
	WIRE_VERSION_OURS = 3,
	WIRE_HEADER_BYTES = 9, /* length, type, id */
	/* A peer's packet: what OpenSSH takes and sends at most. */
	WIRE_PACKET_MOST = 256 * 1024,
	/* A NAME packet: some servers answer with the whole directory in one. */
	WIRE_NAME_PACKET_MOST = 16 * 1024 * 1024,
	/* The draft says 256 (§6.3); some servers hand out longer ones. */
	WIRE_HANDLE_MOST = 4092,
};

/* SSH_FXP_OPEN pflags, draft §6.3 */
enum {
	WIRE_OPEN_READ = 1,
	WIRE_OPEN_WRITE = 2,
	WIRE_OPEN_APPEND = 4,
	WIRE_OPEN_CREAT = 8,
	WIRE_OPEN_TRUNC = 16,
};

/* Which fields of wire_attrs are there, draft §5 */
#define WIRE_ATTR_SIZE        0x00000001u
#define WIRE_ATTR_UIDGID      0x00000002u
#define WIRE_ATTR_PERMISSIONS 0x00000004u
#define WIRE_ATTR_ACMODTIME   0x00000008u
#define WIRE_ATTR_EXTENDED    0x80000000u

struct wire_attrs {
	uint32_t flags;
	uint64_t size;
	uint32_t permissions; /* st_mode as POSIX has it, type bits included where known */
	uint32_t mtime;       /* Unix seconds, unsigned */
};

/* ---- build --------------------------------------------------------------------------------- */

/* Returns the position to hand to wire_end. */
size_t wire_begin(struct buf *out, enum wire_type type, uint32_t id);
void wire_end(struct buf *out, size_t position);

void wire_put_u32(struct buf *out, uint32_t v);
void wire_put_u64(struct buf *out, uint64_t v);
void wire_put_string(struct buf *out, const void *data, size_t n);
void wire_put_text(struct buf *out, const char *text);
/* Only permissions and size are ever set by us. */
void wire_put_attrs(struct buf *out, const struct wire_attrs *a);

/* ---- take apart ---------------------------------------------------------------------------- */

struct wire_in {
	const unsigned char *at;
	size_t left;
	bool is_broken;
};

struct wire_bytes {
	const unsigned char *data; /* points into the packet */
	size_t n;
};

uint8_t wire_u8(struct wire_in *in);
uint32_t wire_u32(struct wire_in *in);
uint64_t wire_u64(struct wire_in *in);
struct wire_bytes wire_string(struct wire_in *in);
/* Extended pairs are stepped over; how many there may be is bounded by the packet. */
struct wire_attrs wire_attrs(struct wire_in *in);

/* One name of a NAME packet. */
struct wire_name {
	struct wire_bytes name, longname;
	struct wire_attrs attrs;
};
struct wire_name wire_name(struct wire_in *in);

/* What stands in front of the next packet. */
enum wire_frame { WIRE_FRAME_PART, WIRE_FRAME_WHOLE, WIRE_FRAME_EMPTY, WIRE_FRAME_GIANT };
/* Judges the first n bytes received; *bytes is the packet's length without its length field (set
 * unless PART and fewer than 4 bytes are there). EMPTY and GIANT are breaches of the protocol. */
enum wire_frame wire_frame(const unsigned char *data, size_t n, size_t *bytes);
