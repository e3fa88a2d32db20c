#include "adapters/sftp/openssh_pkey.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <string.h>

enum { ED25519_SEED = 32, NUMBER_MAX = 4096 };

static bool part_is(struct key_part part, const char *text)
{
	return part.n == strlen(text) && memcmp(part.p, text, part.n) == 0;
}

static EVP_PKEY *from_builder(const char *kind, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

/* string public, string seed and public */
static EVP_PKEY *ed25519(struct key_part rest)
{
	struct key_part public, secret;

	if (!key_part_string(&rest, &public) || !key_part_string(&rest, &secret) ||
	    secret.n != 2 * ED25519_SEED)
		return NULL;
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret.p, ED25519_SEED);
}

/* ---- ECDSA: string curve, string point, mpint number --------------------------------------- */

static const char *group_of(struct key_part curve)
{
	static const struct {
		const char *curve, *group;
	} known[] = {
	        {"nistp256", "prime256v1"}, {"nistp384", "secp384r1"}, {"nistp521", "secp521r1"}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (part_is(curve, known[i].curve))
			return known[i].group;
	return NULL;
}

static EVP_PKEY *ecdsa(struct key_part rest)
{
	struct key_part curve, point, number;
	const char *group;
	OSSL_PARAM_BLD *build;
	BIGNUM *n;
	EVP_PKEY *key = NULL;

	if (!key_part_string(&rest, &curve) || !key_part_string(&rest, &point) ||
	    !key_part_string(&rest, &number) || number.n > NUMBER_MAX || !(group = group_of(curve)))
		return NULL;
	build = OSSL_PARAM_BLD_new();
	n = BN_secure_new();
	if (build && n && BN_bin2bn(number.p, (int)number.n, n) &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n) ==
	            1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, n) == 1)
		key = from_builder("EC", build);
	OSSL_PARAM_BLD_free(build);
	BN_clear_free(n);
	return key;
}

/* ---- RSA: mpint n, e, d, iqmp, p, q; OpenSSL also wants d mod p-1 and d mod q-1 ------------ */

enum rsa_number { RSA_N, RSA_E, RSA_D, RSA_IQMP, RSA_P, RSA_Q, RSA_DMP, RSA_DMQ, RSA_NUMBERS };

static bool take_rsa(struct key_part rest, BIGNUM **n)
{
	for (int i = RSA_N; i <= RSA_Q; i++) {
		struct key_part part;

		if (!key_part_string(&rest, &part) || part.n > NUMBER_MAX ||
		    !BN_bin2bn(part.p, (int)part.n, n[i]))
			return false;
	}
	return true;
}

/* out = d mod (prime - 1) */
static bool reduce(BIGNUM *out, const BIGNUM *d, const BIGNUM *prime, BN_CTX *ctx)
{
	BIGNUM *less = BN_dup(prime);
	bool ok = less && BN_sub_word(less, 1) == 1 && !BN_is_zero(less) &&
	          BN_mod(out, d, less, ctx) == 1;

	BN_clear_free(less);
	return ok;
}

static bool push_rsa(OSSL_PARAM_BLD *build, BIGNUM **n)
{
	static const char *const names[] = {
	        [RSA_N] = OSSL_PKEY_PARAM_RSA_N,
	        [RSA_E] = OSSL_PKEY_PARAM_RSA_E,
	        [RSA_D] = OSSL_PKEY_PARAM_RSA_D,
	        [RSA_IQMP] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
	        [RSA_P] = OSSL_PKEY_PARAM_RSA_FACTOR1,
	        [RSA_Q] = OSSL_PKEY_PARAM_RSA_FACTOR2,
	        [RSA_DMP] = OSSL_PKEY_PARAM_RSA_EXPONENT1,
	        [RSA_DMQ] = OSSL_PKEY_PARAM_RSA_EXPONENT2,
	};

	for (int i = 0; i < RSA_NUMBERS; i++)
		if (OSSL_PARAM_BLD_push_BN(build, names[i], n[i]) != 1)
			return false;
	return true;
}

static EVP_PKEY *rsa(struct key_part rest)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *n[RSA_NUMBERS];
	EVP_PKEY *key = NULL;
	bool ok = build && ctx;

	for (int i = 0; i < RSA_NUMBERS; i++) {
		n[i] = BN_new();
		ok = ok && n[i];
	}
	if (ok && take_rsa(rest, n) && reduce(n[RSA_DMP], n[RSA_D], n[RSA_P], ctx) &&
	    reduce(n[RSA_DMQ], n[RSA_D], n[RSA_Q], ctx) && push_rsa(build, n))
		key = from_builder("RSA", build);
	for (int i = 0; i < RSA_NUMBERS; i++)
		BN_clear_free(n[i]);
	BN_CTX_free(ctx);
	OSSL_PARAM_BLD_free(build);
	return key;
}

/* uint32 check, uint32 check, string type, what the type says, … */
EVP_PKEY *openssh_pkey(const struct openssh_key *k)
{
	struct key_part rest = k->secret, type;
	uint32_t check;

	if (!key_part_number(&rest, &check) || !key_part_number(&rest, &check) ||
	    !key_part_string(&rest, &type))
		return NULL;
	if (part_is(type, "ssh-ed25519"))
		return ed25519(rest);
	if (part_is(type, "ssh-rsa"))
		return rsa(rest);
	return ecdsa(rest); /* the curve tells whether it is one */
}
