#include "daemon/base/checksum.h"

#include <assert.h>
#include <openssl/evp.h>

static const EVP_MD *method(enum checksum_kind kind)
{
	switch (kind) {
	case CHECKSUM_SHA256:
		return EVP_sha256();
	case CHECKSUM_SHA512:
		return EVP_sha512();
	case CHECKSUM_SHA1:
		return EVP_sha1();
	case CHECKSUM_MD5:
		return EVP_md5();
	default:
		return NULL;
	}
}

size_t checksum_bytes(enum checksum_kind kind)
{
	static const size_t bytes[] = {
#define CHECKSUM_SIZE(id, name, command, bytes) [id] = (bytes),
	        CHECKSUMS(CHECKSUM_SIZE)
#undef CHECKSUM_SIZE
	};

	return bytes[kind];
}

void checksum_init(struct checksum *c, enum checksum_kind kind)
{
	int ok = 1;

	*c = (struct checksum){.kind = kind, .crc = UINT32_MAX};
	if (kind != CHECKSUM_CRC32) {
		c->ctx = EVP_MD_CTX_new();
		ok = c->ctx && EVP_DigestInit_ex(c->ctx, method(kind), NULL);
	}
	assert(ok); /* as digest_init */
	(void)ok;
}

/* The reflected polynomial 0xEDB88320, four bits at a time. */
static uint32_t crc_update(uint32_t crc, const unsigned char *data, size_t n)
{
	static const uint32_t table[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC,
	                                   0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
	                                   0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
	                                   0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};

	while (n--) {
		crc ^= *data++;
		crc = table[crc & 15] ^ (crc >> 4);
		crc = table[crc & 15] ^ (crc >> 4);
	}
	return crc;
}

void checksum_update(struct checksum *c, const void *data, size_t n)
{
	int ok = 1;

	if (c->ctx)
		ok = EVP_DigestUpdate(c->ctx, data, n);
	else
		c->crc = crc_update(c->crc, data, n);
	assert(ok);
	(void)ok;
}

size_t checksum_final(struct checksum *c, unsigned char out[CHECKSUM_BYTES_MOST])
{
	int ok = 1;

	if (c->ctx)
		ok = EVP_DigestFinal_ex(c->ctx, out, NULL);
	else
		for (int i = 0; i < 4; i++)
			out[i] = (unsigned char)(~c->crc >> (24 - 8 * i));
	assert(ok);
	(void)ok;
	checksum_release(c);
	return checksum_bytes(c->kind);
}

void checksum_release(struct checksum *c)
{
	EVP_MD_CTX_free(c->ctx);
	c->ctx = NULL;
}
