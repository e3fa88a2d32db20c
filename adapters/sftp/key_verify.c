#include "adapters/sftp/key_verify.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#include "adapters/sftp/wire.h"

enum { ED25519_BYTES = 32, NUMBER_MAX = 2048, RSA_LEAST_BITS = 2048 };

static bool is(struct wire_bytes w, const char *text)
{
	return w.n == strlen(text) && memcmp(w.data, text, w.n) == 0;
}

static struct wire_in reader(struct key_bytes b)
{
	return (struct wire_in){b.p, b.n, false};
}

/* ---- public keys --------------------------------------------------------------------------- */

static EVP_PKEY *from_builder(const char *kind, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *ec_key(const char *group, struct wire_bytes point)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (build &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.n) ==
	            1)
		key = from_builder("EC", build);
	OSSL_PARAM_BLD_free(build);
	return key;
}

static EVP_PKEY *rsa_key(struct wire_bytes e, struct wire_bytes n)
{
	OSSL_PARAM_BLD *build;
	BIGNUM *exponent, *modulus;
	EVP_PKEY *key = NULL;

	if (e.n > NUMBER_MAX || n.n > NUMBER_MAX)
		return NULL;
	build = OSSL_PARAM_BLD_new();
	exponent = BN_bin2bn(e.data, (int)e.n, NULL);
	modulus = BN_bin2bn(n.data, (int)n.n, NULL);
	if (build && exponent && modulus && BN_num_bits(modulus) >= RSA_LEAST_BITS &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
		key = from_builder("RSA", build);
	OSSL_PARAM_BLD_free(build);
	BN_free(exponent);
	BN_free(modulus);
	return key;
}

/* What each algorithm needs; `type` is the key's. */
static const struct algorithm {
	const char *name, *type, *digest, *group;
} algorithms[] = {
        {"ssh-ed25519", "ssh-ed25519", NULL, NULL},
        {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "SHA256", "prime256v1"},
        {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "SHA384", "secp384r1"},
        {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "SHA512", "secp521r1"},
        {"rsa-sha2-256", "ssh-rsa", "SHA256", NULL},
        {"rsa-sha2-512", "ssh-rsa", "SHA512", NULL},
};

static const struct algorithm *find(struct wire_bytes name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (is(name, algorithms[i].name))
			return &algorithms[i];
	return NULL;
}

/* NULL when the blob is not a whole key for the algorithm. */
static EVP_PKEY *key_of(struct key_bytes blob, const struct algorithm *a)
{
	struct wire_in in = reader(blob);
	struct wire_bytes type = wire_string(&in), first = wire_string(&in), second;

	if (in.is_broken || !is(type, a->type))
		return NULL;
	if (!a->digest)
		return in.left || first.n != ED25519_BYTES
		               ? NULL
		               : EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, first.data,
		                                             first.n);
	second = wire_string(&in);
	if (in.is_broken || in.left)
		return NULL;
	/* string curve, string point; the type names the curve, too. mpint e, mpint n */
	return a->group ? ec_key(a->group, second) : rsa_key(first, second);
}

/* ---- signatures ---------------------------------------------------------------------------- */

/* mpint r, mpint s (RFC 5656 §3.1.2) as DER; the caller frees it. Bytes, 0: they are not that. */
static size_t ecdsa_der(struct key_bytes signature, unsigned char **der)
{
	struct wire_in in = reader(signature);
	struct wire_bytes r = wire_string(&in), s = wire_string(&in);
	ECDSA_SIG *sig;
	BIGNUM *rn, *sn;
	int n = 0;

	*der = NULL;
	if (in.is_broken || in.left || r.n > NUMBER_MAX || s.n > NUMBER_MAX)
		return 0;
	sig = ECDSA_SIG_new();
	rn = BN_bin2bn(r.data, (int)r.n, NULL);
	sn = BN_bin2bn(s.data, (int)s.n, NULL);
	if (sig && rn && sn && ECDSA_SIG_set0(sig, rn, sn) == 1) {
		rn = sn = NULL; /* the signature's now */
		n = i2d_ECDSA_SIG(sig, der);
	}
	ECDSA_SIG_free(sig);
	BN_free(rn);
	BN_free(sn);
	return n > 0 ? (size_t)n : 0;
}

static bool is_right(EVP_PKEY *key, const char *digest, struct key_bytes signature,
                     struct key_bytes data)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool right = ctx &&
	             EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, key, NULL) == 1 &&
	             EVP_DigestVerify(ctx, signature.p, signature.n, data.p, data.n) == 1;

	EVP_MD_CTX_free(ctx);
	return right;
}

static bool verify(EVP_PKEY *key, const struct algorithm *a, struct key_bytes signature,
                   struct key_bytes data)
{
	unsigned char *der;
	bool right;
	size_t n;

	if (!a->group)
		return is_right(key, a->digest, signature, data);
	n = ecdsa_der(signature, &der);
	right = n && is_right(key, a->digest, (struct key_bytes){der, n}, data);
	OPENSSL_free(der);
	return right;
}

enum key_verdict key_verify(struct key_bytes key, struct key_bytes signature, struct key_bytes data)
{
	struct wire_in in = reader(signature);
	struct wire_bytes name = wire_string(&in), bytes = wire_string(&in);
	const struct algorithm *a = in.is_broken || in.left ? NULL : find(name);
	EVP_PKEY *public = a ? key_of(key, a) : NULL;
	bool right;

	if (!public)
		return KEY_UNSUPPORTED;
	right = verify(public, a, (struct key_bytes){bytes.data, bytes.n}, data);
	EVP_PKEY_free(public);
	return right ? KEY_SIGNED : KEY_NOT_SIGNED;
}
