#include "daemon/base/digest.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "daemon/base/mem.h"

void digest_init(struct digest *d)
{
	int ok;

	d->ctx = EVP_MD_CTX_new();
	ok = d->ctx && EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL);
	assert(ok); /* only out of memory or a library without SHA-256 */
	(void)ok;
}

void digest_update(struct digest *d, const void *data, size_t n)
{
	int ok = EVP_DigestUpdate(d->ctx, data, n);

	assert(ok);
	(void)ok;
}

void digest_final(struct digest *d, unsigned char out[DIGEST_BYTES])
{
	int ok = EVP_DigestFinal_ex(d->ctx, out, NULL);

	assert(ok);
	(void)ok;
	digest_release(d);
}

void digest_release(struct digest *d)
{
	EVP_MD_CTX_free(d->ctx);
	d->ctx = NULL;
}

const char *digest_text(const unsigned char sum[DIGEST_BYTES], char out[DIGEST_TEXT_BYTES])
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 0; i < DIGEST_BYTES; i++) {
		out[2 * i] = hex[sum[i] >> 4];
		out[2 * i + 1] = hex[sum[i] & 15];
	}
	out[DIGEST_TEXT_BYTES - 1] = '\0';
	return out;
}

const char *digest_library(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}
