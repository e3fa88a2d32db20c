#include "adapters/sftp/ecdsa_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <string.h>

struct parts {
	struct key_part curve, point, number;
};

/* uint32 check, uint32 check, string type, string curve, string point, mpint number, … */
static bool take_parts(const struct openssh_key *k, struct parts *out)
{
	struct key_part rest = k->secret, type;
	uint32_t check;

	return key_part_number(&rest, &check) && key_part_number(&rest, &check) &&
	       key_part_string(&rest, &type) && key_part_string(&rest, &out->curve) &&
	       key_part_string(&rest, &out->point) && key_part_string(&rest, &out->number);
}

static const char *group_of(struct key_part curve)
{
	static const struct {
		const char *curve, *group;
	} known[] = {
	        {"nistp256", "prime256v1"}, {"nistp384", "secp384r1"}, {"nistp521", "secp521r1"}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (curve.n == strlen(known[i].curve) &&
		    memcmp(curve.p, known[i].curve, curve.n) == 0)
			return known[i].group;
	return NULL;
}

static EVP_PKEY *from_params(OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

EVP_PKEY *ecdsa_key_make(const struct openssh_key *k)
{
	struct parts parts;
	const char *group;
	OSSL_PARAM_BLD *build;
	OSSL_PARAM *params = NULL;
	BIGNUM *number;
	EVP_PKEY *key = NULL;

	if (!take_parts(k, &parts) || !(group = group_of(parts.curve)) || parts.number.n > 128)
		return NULL;
	build = OSSL_PARAM_BLD_new();
	number = BN_secure_new();
	if (build && number && BN_bin2bn(parts.number.p, (int)parts.number.n, number) &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, parts.point.p,
	                                     parts.point.n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1)
		params = OSSL_PARAM_BLD_to_param(build);
	key = from_params(params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_clear_free(number);
	return key;
}
