/*
 * The key derivation of encrypted OpenSSH key files: OpenBSD's bcrypt_pbkdf(3). OpenSSL has none,
 * and libssh2's would run twice for every connection on the worker's loop, 100 ms and more each.
 *
 * CPU for about 5 ms a round: on the work pool. Any thread.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { BCRYPT_KDF_MAX = 1024 };

struct bcrypt_kdf {
	const char *passphrase;
	const unsigned char *salt;
	size_t salt_bytes; /* 1 … 1 MiB */
	uint32_t rounds;   /* at least 1 */
};

/* Fills out[n], n from 1 to BCRYPT_KDF_MAX. */
void bcrypt_kdf(const struct bcrypt_kdf *in, unsigned char *out, size_t n);
