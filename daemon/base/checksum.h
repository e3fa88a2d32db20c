/*
 * The checksums that servers tell of their files, to compare with; our own record is SHA-256
 * (digest.h). CPU work as there.
 *
 *	checksum_init(&c, CHECKSUM_MD5);
 *	checksum_update(&c, data, n);
 *	n = checksum_final(&c, out);		// releases too
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/*	  enum             name in HASH     command        bytes; best first */
#define CHECKSUMS(X)                                 \
	X(CHECKSUM_SHA256, "SHA-256", "XSHA256", 32) \
	X(CHECKSUM_SHA512, "SHA-512", "XSHA512", 64) \
	X(CHECKSUM_SHA1, "SHA-1", "XSHA1", 20)       \
	X(CHECKSUM_MD5, "MD5", "XMD5", 16)           \
	X(CHECKSUM_CRC32, "CRC32", "XCRC", 4)

enum checksum_kind {
#define CHECKSUM_ENUM(id, name, command, bytes) id,
	CHECKSUMS(CHECKSUM_ENUM)
#undef CHECKSUM_ENUM
	        CHECKSUM_COUNT
};
enum { CHECKSUM_BYTES_MOST = 64 };

struct checksum {
	enum checksum_kind kind;
	void *ctx;    /* EVP_MD_CTX, NULL for CRC32 */
	uint32_t crc; /* ISO 3309, as in zip and XCRC */
};

size_t checksum_bytes(enum checksum_kind kind);
void checksum_init(struct checksum *c, enum checksum_kind kind);
void checksum_update(struct checksum *c, const void *data, size_t n);
/* Returns how many bytes it has; CRC32 comes with its high byte first, as it is written. */
size_t checksum_final(struct checksum *c, unsigned char out[CHECKSUM_BYTES_MOST]);
void checksum_release(struct checksum *c); /* also after final */
