#include "adapters/sftp/key_sign.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include "daemon/base/mem.h"

/* NULL for Ed25519, which has its own. */
static int digest_of(const char *algorithm, const EVP_MD **out)
{
	static const struct {
		const char *algorithm;
		const EVP_MD *(*digest)(void);
	} known[] = {
	        {"ssh-ed25519", NULL},
	        {"ecdsa-sha2-nistp256", EVP_sha256},
	        {"ecdsa-sha2-nistp384", EVP_sha384},
	        {"ecdsa-sha2-nistp521", EVP_sha512},
	        {"rsa-sha2-256", EVP_sha256},
	        {"rsa-sha2-512", EVP_sha512},
	        {"ssh-rsa", EVP_sha1},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].algorithm, algorithm) != 0)
			continue;
		*out = known[i].digest ? known[i].digest() : NULL;
		return 0;
	}
	return -1;
}

static int put_number(struct buf *out, const BIGNUM *n)
{
	unsigned char bytes[4 + 1 + 128] = {0};
	size_t len = (size_t)BN_num_bytes(n), lead;

	if (len > 128)
		return -1;
	lead = len && BN_is_bit_set(n, (int)len * 8 - 1) ? 1 : 0; /* an mpint has a sign */
	bytes[3] = (unsigned char)(len + lead);
	(void)BN_bn2bin(n, bytes + 4 + lead);
	return buf_add(out, bytes, 4 + lead + len);
}

/* DER to mpint r, mpint s (RFC 5656 §3.1.2) */
static int put_ecdsa(struct buf *out, const unsigned char *der, size_t n)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
	int r = sig && put_number(out, ECDSA_SIG_get0_r(sig)) == 0 &&
	                        put_number(out, ECDSA_SIG_get0_s(sig)) == 0
	                ? 0
	                : -1;

	ECDSA_SIG_free(sig);
	return r;
}

int key_sign(EVP_PKEY *key, const char *algorithm, const void *data, size_t n, struct buf *out)
{
	const EVP_MD *md = NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char *raw = mem_new(KEY_SIGNATURE_MAX);
	size_t len = KEY_SIGNATURE_MAX;
	int r = -1;

	if (ctx && digest_of(algorithm, &md) == 0 &&
	    EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1 &&
	    EVP_DigestSign(ctx, raw, &len, data, n) == 1)
		r = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC ? put_ecdsa(out, raw, len)
		                                             : buf_add(out, raw, len);
	ERR_clear_error();
	EVP_MD_CTX_free(ctx);
	free(raw);
	return r;
}
