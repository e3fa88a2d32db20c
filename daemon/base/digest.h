/*
 * SHA-256 in flight (OpenSSL libcrypto). update() is CPU work of about 1 ms per MiB: feed large
 * buffers from the blocking-work pool, not from a loop.
 */
#pragma once
#include <stddef.h>

enum { DIGEST_BYTES = 32, DIGEST_TEXT_BYTES = 65 };

struct digest {
	void *ctx; /* EVP_MD_CTX */
};

void digest_init(struct digest *d);
void digest_update(struct digest *d, const void *data, size_t n);
void digest_final(struct digest *d, unsigned char out[DIGEST_BYTES]); /* releases too */
void digest_release(struct digest *d);				      /* also after final */

/* "OpenSSL 3.0.19 …" as linked. */
const char *digest_library(void);

/* Lower-case hex, NUL-terminated. */
const char *digest_text(const unsigned char sum[DIGEST_BYTES], char out[DIGEST_TEXT_BYTES]);
